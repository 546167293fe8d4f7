//! Datagrams over real sockets: exchanged, refused, too many of them, over shaped lines and at a node's end.

use std::net::SocketAddrV4;
use std::time::Duration;

use crate::tcp_kit::{Node, Setting, Toy, content, encoded, node, own_address, reacting, try_node};
use common::net::Line;
use common::peer::{Event, Time};
use common::tcp::{Clock, Limits, StartError};
use common::testing::fake::FakePeer;
use common::testing::post::FakePost;
use common::user::Command;

/// A node that is reached by datagrams, and answers numbers.
async fn answering(setting: Setting) -> Node {
    let setting = Setting { datagrams: setting.listen, ..setting };
    reacting(setting, |event, cx| {
        if let Event::Datagram { from, message: Toy::Number(n) } = event {
            cx.send_to(*from, Toy::Number(n + 1));
        }
    })
    .await
}

fn door(node: &Node) -> SocketAddrV4 {
    node.handle.datagrams().expect("it was started with one")
}

/// Waits until a count is reached.
async fn until(mut reached: impl FnMut() -> bool) {
    let wait = async {
        while !reached() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::tcp_kit::PATIENCE, wait).await.expect("it is reached in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_and_its_answer_take_no_connection() {
    let mut server = answering(Setting::default()).await;
    let mut client = node(Setting::default()).await;
    let (to, listens) = (door(&server), client.address());
    client.act(move |cx| cx.send_to(to, Toy::Number(7))).await;
    assert_eq!(server.datagram().await, (listens, Toy::Number(7)), "from where the client listens");
    assert_eq!(client.datagram().await, (to, Toy::Number(8)));
    assert_eq!(client.handle.datagrams(), None, "the client was started without");
    let counted = [server.handle.shutdown().await.unwrap(), client.handle.shutdown().await.unwrap()];
    for snapshot in counted {
        assert_eq!((snapshot.load.sent.messages, snapshot.load.sent.bytes), (1, 13));
        assert_eq!(snapshot.load.sent, snapshot.load.received);
        assert_eq!((snapshot.by_kind.total().messages, snapshot.connections, snapshot.accepted), (1, 0, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_datagrams_come_to_is_said_or_found() {
    let taken = FakePost::at(own_address()).await;
    // The port that it listens on is free for TCP, but not for UDP: any other does.
    let mut server = answering(Setting::default()).await;
    let mut client = node(Setting { listen: Some(taken.address()), ..Setting::default() }).await;
    let to = door(&server);
    client.act(move |cx| cx.send_to(to, Toy::Number(1))).await;
    let (from, _) = server.datagram().await;
    assert_eq!(from.ip(), client.address().ip());
    assert_ne!(from.port(), client.address().port());
    client.datagram().await;
    // Who does not listen at all has an address all the same.
    let mut mute = node(Setting { listen: None, ..Setting::default() }).await;
    mute.act(move |cx| cx.send_to(to, Toy::Number(1))).await;
    mute.datagram().await;
    // What was asked for and cannot be had is a mistake, told before anything runs.
    let wanted = taken.address();
    let refused = try_node(Setting { datagrams: Some(wanted), ..Setting::default() }).await;
    let error = refused.err().expect("the address is taken");
    assert!(matches!(error, StartError::InUse(address) if address == wanted), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_message_costs_nobody_anything_and_is_counted() {
    let mut here = answering(Setting::default()).await;
    let (bad, good, to) =
        (FakePost::on([127, 0, 0, 1]).await, FakePost::on([127, 0, 0, 1]).await, door(&here));
    let (number, text) = (encoded(Toy::Number(1)), encoded(Toy::Text(content(9_000).into())));
    let garbage: [&[u8]; 6] =
        [b"", &number[..12], &[9, 0, 0, 0, 0], &[3, 0xFF, 0xFF, 0xFF, 0xFF], &content(1_000), &text];
    for bytes in garbage {
        bad.send(to, bytes).await;
    }
    // What follows a message in its datagram is nothing.
    assert_eq!(good.ask(to, &[&number[..], b"and more"].concat()).await, encoded(Toy::Number(2)));
    assert_eq!(bad.ask(to, &number).await, encoded(Toy::Number(2)), "its sender is not held to it");
    assert_eq!(here.datagram().await.1, Toy::Number(1));
    let snapshot = here.handle.snapshot();
    assert_eq!((snapshot.datagrams_refused, snapshot.datagrams_dropped), (garbage.len() as u64, 0));
    assert_eq!((snapshot.protocol_errors, snapshot.load.received.messages), (0, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_dropped_at_the_door_and_connections_go_on() {
    // The node is held up by its test while the flood comes, and has room for four events.
    let (release, held) = std::sync::mpsc::channel::<()>();
    let mut held = Some(held);
    let limits = Limits { node_queue_max: 4, ..Limits::default() };
    let setting = Setting { limits, datagrams: Some(own_address()), ..Setting::default() };
    let mut here = reacting(setting, move |event, cx| match event {
        Event::Datagram { .. } => {
            if let Some(held) = held.take() {
                // The runtime goes on meanwhile, on other threads.
                tokio::task::block_in_place(|| held.recv().expect("the test lets it go on"));
            }
        }
        Event::Message { conn, message: Toy::Number(n) } => cx.send(*conn, Toy::Number(n + 1)),
        _ => {}
    })
    .await;
    let (flood, to) = (FakePost::on([127, 0, 0, 1]).await, door(&here));
    for n in 0..200 {
        flood.send(to, &encoded(Toy::Number(n))).await;
    }
    until(|| here.handle.snapshot().datagrams_dropped > 100).await;
    let mut good = FakePeer::connect(here.address()).await;
    good.send(&encoded(Toy::Number(1))).await;
    release.send(()).expect("the node waits for it");
    good.expect(&encoded(Toy::Number(2))).await;
    let first = here.datagram().await;
    assert_eq!(first, (flood.address(), Toy::Number(0)));
    assert_eq!(here.handle.snapshot().connections, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_firewall_only_answers_are_heard() {
    let outside = FakePost::on([127, 0, 0, 1]).await;
    let setting = Setting { firewalled: true, datagrams: Some(own_address()), ..Setting::default() };
    let mut inside = node(setting).await;
    let (to, far) = (door(&inside), outside.address());
    outside.send(to, &encoded(Toy::Number(1))).await;
    until(|| inside.handle.snapshot().datagrams_refused == 1).await;
    inside.act(move |cx| cx.send_to(far, Toy::Number(2))).await;
    assert_eq!(outside.next().await, (to, encoded(Toy::Number(2))));
    outside.send(to, &encoded(Toy::Number(3))).await;
    assert_eq!(inside.datagram().await, (far, Toy::Number(3)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shaped_line_takes_its_time_in_both_directions() {
    // 10,000 bytes a second; of ten datagrams of 1,000 bytes the last needs a second.
    const BPS: u64 = 80_000;
    let delay = Duration::from_millis(50);
    let slow_up = Line { up_bps: Some(BPS), delay, ..Line::default() };
    let slow_down = Line { down_bps: Some(BPS), delay, ..Line::default() };
    for (sender, receiver) in [(slow_up, Line::default()), (Line::default(), slow_down)] {
        let clock = Clock::start();
        let mut to = answering(Setting { line: receiver, clock, ..Setting::default() }).await;
        let from = node(Setting { line: sender, clock, ..Setting::default() }).await;
        let far = door(&to);
        let start: Time = from
            .act(move |cx| {
                (0..10).for_each(|_| cx.send_to(far, Toy::Text(content(995).into())));
                cx.now()
            })
            .await;
        let mut end = start;
        for _ in 0..10 {
            end = to.next().await.0;
        }
        assert!(end.since(start) >= Duration::from_millis(1_050), "{:?}", end.since(start));
        from.handle.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_with_no_more_room_drops_what_is_sent() {
    let line = Line { up_bps: Some(8), ..Line::default() };
    let here = node(Setting { line, ..Setting::default() }).await;
    let far = FakePost::on([127, 0, 0, 1]).await;
    let to = far.address();
    here.act(move |cx| (0..1_000).for_each(|n| cx.send_to(to, Toy::Number(n)))).await;
    // What it wants done is done before the next thing that it does.
    here.act(|_| ()).await;
    let snapshot = here.handle.snapshot();
    assert_eq!(snapshot.load.sent.messages + snapshot.datagrams_dropped, 1_000);
    assert!((700..800).contains(&snapshot.datagrams_dropped), "{snapshot:?}");
    here.handle.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_leaves_waits_for_the_answer_to_its_good_bye_and_no_longer() {
    let tracker = FakePost::on([127, 0, 0, 1]).await;
    let to = tracker.address();
    let leaves = |linger: Duration| {
        let limits = Limits { datagram_linger: linger, leave_timeout: linger * 2, ..Limits::default() };
        reacting(Setting { limits, ..Setting::default() }, move |event, cx| match event {
            Event::Command(Command::Leave) => cx.send_to(to, Toy::Number(1)),
            // Its good-bye has two parts.
            Event::Datagram { message: Toy::Number(2), .. } => cx.send_to(to, Toy::Number(3)),
            _ => {}
        })
    };
    // With an answer it ends at once: it would wait for a minute.
    let here = leaves(Duration::from_secs(60)).await;
    let answering = async {
        let (from, first) = tracker.next().await;
        tracker.send(from, &encoded(Toy::Number(2))).await;
        let (_, second) = tracker.next().await;
        tracker.send(from, &encoded(Toy::Number(4))).await;
        (first, second)
    };
    let (ended, said) = tokio::join!(here.handle.shutdown(), answering);
    assert_eq!(said, (encoded(Toy::Number(1)), encoded(Toy::Number(3))));
    assert_eq!(ended.unwrap().load.received.messages, 2);
    // So it does with one to what it had asked before.
    let here = leaves(Duration::from_secs(60)).await;
    here.act(move |cx| cx.send_to(to, Toy::Number(0))).await;
    let (from, _) = tracker.next().await;
    let answering = async {
        tracker.next().await;
        tracker.send(from, &encoded(Toy::Number(4))).await;
    };
    tokio::join!(async { here.handle.shutdown().await.unwrap() }, answering);
    // Without one it ends all the same.
    let here = leaves(Duration::from_millis(50)).await;
    here.handle.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_shutdown_the_address_can_be_had_again() {
    let mut address = own_address();
    for end in 0..4 {
        let listen = Some(SocketAddrV4::new(*address.ip(), 0));
        let here = node(Setting { listen, datagrams: Some(address), ..Setting::default() }).await;
        address = door(&here);
        match end % 2 {
            0 => here.handle.shutdown().await.unwrap(),
            _ => here.handle.kill().await.unwrap(),
        };
    }
}
