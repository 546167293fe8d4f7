//! How nodes start and end, alone and a thousand at a time.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use crate::tcp_kit::{PATIENCE, Setting, Speech, Toy, encoded, node, own_address, reacting};
use common::net::{Attachment, NodeId};
use common::peer::{CloseReason, Cx, Event, Peer};
use common::tcp::{
    Clock, Handle, Identity, Limits, NodeConfig, NoteSink, SharedStore, StartError, raise_fd_limit, spawn,
};
use common::testing::fake::{FakeListener, FakePeer};
use common::user::{Command, FetchId, Note};

/// A peer that only listens.
struct Mute;

impl Peer for Mute {
    type Message = Toy;
    type Timer = ();
    fn handle(&mut self, _: Event<Toy, ()>, _: &mut Cx<'_, Self>) {}
}

async fn start<P: Peer + Send + 'static>(
    peer: P,
    node: u32,
    listen: SocketAddrV4,
    notes: NoteSink,
) -> Result<Handle, StartError> {
    let config = NodeConfig {
        node: NodeId(node),
        listen: Some(listen),
        datagrams: None,
        tls: common::tcp::Tls::default(),
        attachment: Attachment::default(),
        limits: Limits { leave_timeout: Duration::from_millis(1), ..Limits::default() },
        seed: 1,
        clock: Clock::start(),
        identity: Identity::generate(),
    };
    spawn(peer, config, SharedStore::default(), notes).await
}

fn silent() -> NoteSink {
    Arc::new(|_, _, _| {})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_cannot_start_says_what_to_do() {
    let taken = FakeListener::listen(own_address());
    let error = start(Mute, 0, taken.address(), silent()).await.unwrap_err();
    assert!(matches!(error, StartError::InUse(_)));
    assert_eq!(
        error.to_string(),
        format!("{} is in use; stop the program that listens there or choose another port", taken.address())
    );
    let foreign = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 0);
    let error = start(Mute, 0, foreign, silent()).await.unwrap_err();
    assert!(matches!(error, StartError::NotLocal(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_shutdown_nothing_is_left_and_the_address_can_be_had_again() {
    let mut far = node(Setting::default()).await;
    let mut address = own_address();
    for round in 0..3 {
        let mut here = node(Setting { listen: Some(address), ..Setting::default() }).await;
        address = here.address();
        let mut fake = FakePeer::connect(address).await;
        let (conn, _) = here.accepted().await;
        let dialled = here.connect(far.address()).await;
        let (accepted, _) = far.accepted().await;
        // The last words of a peer that leaves are still heard.
        here.act(move |cx| [conn, dialled].map(|conn| cx.send(conn, Toy::Number(round)))).await;
        let far_side = async {
            fake.expect(&encoded(Toy::Number(round))).await;
            fake.expect_close().await;
            drop(fake);
            assert_eq!(far.message().await, (accepted, Toy::Number(round)));
            assert_eq!(far.closed().await, (accepted, CloseReason::Remote));
        };
        let (snapshot, ()) = tokio::join!(here.handle.shutdown(), far_side);
        assert_eq!(snapshot.unwrap().load.sent.messages, 2);
    }
    let metrics = tokio::runtime::Handle::current().metrics();
    assert!(metrics.num_alive_tasks() >= 2, "the node and its listener are counted");
    far.handle.shutdown().await.unwrap();
    // A task that has ended is still counted for the moment in which the runtime puts it away.
    let none_left = async {
        while metrics.num_alive_tasks() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, none_left).await.expect("no task survives its node");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_resets_every_connection_and_a_dropped_handle_does_too() {
    let mut far = node(Setting::default()).await;
    for dropped in [false, true] {
        let mut here = node(Setting::default()).await;
        here.connect(far.address()).await;
        far.accepted().await;
        if dropped {
            drop(here);
        } else {
            here.handle.kill().await.unwrap();
        }
        assert_eq!(far.closed().await.1, CloseReason::Reset);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_panics_takes_down_its_node_only_and_the_handle_says_so() {
    let mut far = node(Setting::default()).await;
    let mut here = reacting(Setting::default(), |event, _| {
        if let Event::Message { message: Toy::Number(13), .. } = event {
            panic!("thirteen is not a number");
        }
    })
    .await;
    let mut fake = FakePeer::connect(here.address()).await;
    here.accepted().await;
    here.connect(far.address()).await;
    far.accepted().await;
    fake.send(&encoded(Toy::Number(13))).await;
    fake.expect_close().await;
    assert_eq!(far.closed().await.1, CloseReason::Reset);
    tokio::time::timeout(PATIENCE, here.handle.ended()).await.unwrap();
    assert!(here.handle.command(Command::Leave).await.is_err());
    let crashed = here.handle.shutdown().await.unwrap_err();
    assert_eq!(crashed.to_string(), "node 0 crashed: thirteen is not a number");
    assert!(crashed.snapshot.crashed);
    assert_eq!(crashed.snapshot.load.received.messages, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_loses_its_place_in_the_stream_is_stopped() {
    let mut here = node(Setting::default()).await;
    let _fake = FakePeer::connect(here.address()).await;
    let (conn, _) = here.accepted().await;
    here.act(move |cx| cx.resume(conn)).await;
    tokio::time::timeout(PATIENCE, here.handle.ended()).await.unwrap();
    assert!(here.handle.kill().await.unwrap_err().what.contains("which no message had paused"));
}

/// A node of a ring: it passes each number on to the next node, one higher.
struct Link {
    next: Option<common::peer::ConnId>,
    waiting: Vec<u64>,
    stop_at: u64,
}

impl Peer for Link {
    type Message = Toy;
    type Timer = ();
    fn handle(&mut self, event: Event<Toy, ()>, cx: &mut Cx<'_, Self>) {
        match event {
            // The harness' way to say who is next.
            Event::Command(Command::Search(_, query)) => {
                self.next = Some(cx.dial(query.words.parse().expect("an address"), Speech::Plain));
            }
            Event::Command(Command::Cancel(FetchId(n))) => self.waiting.push(u64::from(n)),
            Event::Message { message: Toy::Number(n), .. } if n == self.stop_at => {
                cx.note(Note::Progress(FetchId(0), n));
            }
            Event::Message { message: Toy::Number(n), .. } => self.waiting.push(n + 1),
            Event::Closed { reason, .. } => panic!("{reason}"),
            _ => {}
        }
        if let Some(next) = self.next {
            self.waiting.drain(..).for_each(|n| cx.send(next, Toy::Number(n)));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_nodes_in_one_process_each_on_its_own_address() {
    const NODES: u32 = 1000;
    const LAPS: u64 = 3;
    assert!(raise_fd_limit().unwrap() > 4 * u64::from(NODES), "this machine allows too few open files");
    let (sender, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let notes: NoteSink = Arc::new(move |_, node, note| {
        let _ = sender.send((node, note));
    });
    let mut nodes = Vec::new();
    for number in 0..NODES {
        // An own network for this test, so that none of its addresses is anybody else's.
        let listen = NodeId(number).address(Ipv4Addr::new(127, 0, 0, 0), 0);
        let peer = Link { next: None, waiting: Vec::new(), stop_at: u64::from(NODES) * LAPS - 1 };
        nodes.push(start(peer, number, listen, Arc::clone(&notes)).await.unwrap());
    }
    for (at, handle) in nodes.iter().enumerate() {
        let next = nodes[(at + 1) % nodes.len()].address().to_string();
        let query = Arc::new(common::user::Query::words(next));
        handle.command(Command::Search(common::user::SearchId(0), query)).await.unwrap();
    }
    nodes[0].command(Command::Cancel(FetchId(0))).await.unwrap();
    let (node, note) = tokio::time::timeout(PATIENCE, ended.recv()).await.unwrap().unwrap();
    assert_eq!(node, NodeId(0), "whole laps end where they began");
    assert!(matches!(note, Note::Progress(_, n) if n == u64::from(NODES) * LAPS - 1));
    for handle in &nodes {
        let load = handle.snapshot().load;
        assert_eq!((load.sent.messages, load.received.messages), (LAPS, LAPS), "node {}", handle.node().0);
    }
    // All are killed before any is waited for, so that nobody sees a neighbour go.
    let ends: Vec<_> = nodes.into_iter().map(|handle| tokio::spawn(handle.kill())).collect();
    for end in ends {
        let _ = end.await.unwrap();
    }
}
