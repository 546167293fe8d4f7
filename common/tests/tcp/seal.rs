//! Sealed connections between real nodes: what their peers hear, what goes over the wire, and that the simulator says the same.

use std::collections::BTreeSet;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use crate::tcp_kit::{Node, Setting, Speech, Toy, content, encoded, node, own_address};
use common::metrics::{ByKind, NodeLoad, Sealing};
use common::net::{Attachment, Line, NodeId};
use common::peer::{BodyState, CloseReason, ConnId, Cx, Event, FileId, Peer, Place, PublicKey, Span, Time};
use common::seal::{HANDSHAKE_BYTES, RECORD_OVERHEAD_BYTES, Seal, sealing_bytes};
use common::sim::{Config, Sim};
use common::store::{Memory, Storage};
use common::tcp::{Clock, Identity, Limits, NodeConfig, SharedStore, spawn};
use common::testing::fake::{FakeListener, FakePeer};
use common::testing::tap::{Overheard, Tap};
use common::user::{Command, Note};
use tokio::sync::mpsc;

/// Two nodes with a connection on which both have just said to seal it.
async fn sealing_pair(line: Line) -> [(Node, ConnId); 2] {
    let setting = || Setting { line, ..Setting::default() };
    let (a, b) = (node(setting()).await, node(setting()).await);
    let to = b.address();
    sealing(a, b, to).await
}

/// The same for two nodes, of which the first finds the second at `to`.
async fn sealing(mut a: Node, mut b: Node, to: SocketAddrV4) -> [(Node, ConnId); 2] {
    let at_a = a.act(move |cx| cx.dial(to, Speech::Plain)).await;
    a.act(move |cx| cx.send(at_a, Toy::Switch)).await;
    let (at_b, _) = b.accepted().await;
    assert_eq!(b.message().await.1, Toy::Switch);
    b.act(move |cx| {
        cx.send(at_b, Toy::Switch);
        cx.resume_as(at_b, Speech::Sealed(Seal::Acceptor));
    })
    .await;
    a.expect("Opened", |event| matches!(event, Event::Opened { .. }).then_some(())).await;
    assert_eq!(a.message().await.1, Toy::Switch);
    a.act(move |cx| cx.resume_as(at_a, Speech::Sealed(Seal::Dialler))).await;
    [(a, at_a), (b, at_b)]
}

/// A pair whose peers have heard that it is sealed.
async fn sealed_pair(line: Line) -> [(Node, ConnId); 2] {
    let [(mut a, at_a), (mut b, at_b)] = sealing_pair(line).await;
    assert_eq!((a.sealed().await.0, b.sealed().await.0), (at_a, at_b));
    [(a, at_a), (b, at_b)]
}

fn slow() -> Line {
    Line { up_bps: Some(40_000_000), down_bps: Some(40_000_000), delay: Duration::from_millis(5) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_hear_whose_key_it_is_before_any_sealed_message() {
    for line in [Line::default(), slow()] {
        let [(mut a, at_a), (mut b, at_b)] = sealing_pair(line).await;
        // Said while the handshake is under way, or just after: in either case it comes behind `Sealed`.
        a.act(move |cx| (0..3).for_each(|n| cx.send(at_a, Toy::Number(n)))).await;
        b.act(move |cx| (10..13).for_each(|n| cx.send(at_b, Toy::Number(n)))).await;
        let own_keys = [a.act(|cx| cx.public_key()).await, b.act(|cx| cx.public_key()).await];
        assert_eq!([b.sealed().await, a.sealed().await], [(at_b, own_keys[0]), (at_a, own_keys[1])]);
        assert_ne!(own_keys[0], own_keys[1]);
        for n in 0..3 {
            assert_eq!(b.message().await.1, Toy::Number(n));
            assert_eq!(a.message().await.1, Toy::Number(10 + n));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_and_messages_of_any_size_arrive_as_they_were_sent() {
    for (line, len) in [(Line::default(), 3_000_001_usize), (slow(), 300_001)] {
        let [(a, at_a), (mut b, at_b)] = sealed_pair(line).await;
        let (file, _) = a.file(content(len));
        let (copy, ram) = b.file(Vec::new());
        let texts = [1, 1_000, 65_519, 65_520].map(|len| Toy::Text(content(len).into()));
        let sent = texts.clone();
        a.act(move |cx| {
            sent.into_iter().for_each(|text| cx.send(at_a, text));
            cx.send(at_a, Toy::Body(len as u64));
            cx.send_body(at_a, Span { file, offset: 0, len: len as u64 });
            cx.send(at_a, Toy::Number(9));
        })
        .await;
        for text in texts {
            assert_eq!(b.message().await.1, text);
        }
        assert_eq!(b.message().await.1, Toy::Body(len as u64));
        b.act(move |cx| cx.receive(at_b, len as u64, Some(Place { file: copy, offset: 0 }))).await;
        assert_eq!(b.body().await, (len as u64, BodyState::Done));
        assert_eq!(b.message().await.1, Toy::Number(9));
        assert!(*ram.bytes.lock().unwrap() == content(len), "the copy differs");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_it_can_be_read_on_the_way() {
    let (a, b) = (node(Setting::default()).await, node(Setting::default()).await);
    let tap = Tap::before(b.address()).await;
    let to = tap.address();
    let [(mut a, at_a), (mut b, at_b)] = sealing(a, b, to).await;
    let keys = [a.sealed().await.1, b.sealed().await.1];
    let said = Toy::Text(content(30_000).into());
    let sent = said.clone();
    let (file, _) = a.file(content(200_000));
    a.act(move |cx| {
        cx.send(at_a, sent);
        cx.send(at_a, Toy::Body(200_000));
        cx.send_body(at_a, Span { file, offset: 0, len: 200_000 });
    })
    .await;
    assert_eq!(b.message().await.1, said);
    b.message().await;
    b.act(move |cx| cx.receive(at_b, 200_000, None)).await;
    b.body().await;
    b.act(move |cx| cx.close(at_b)).await;
    while !matches!(a.next().await.1, Event::Closed { .. }) {}
    let heard = tap.heard().await;
    let [Overheard { there, back, .. }] = &heard[..] else { panic!("{} connections", heard.len()) };
    assert!(there.starts_with(&encoded(Toy::Switch)), "what was said before the seal is there to be read");
    let heard: BTreeSet<[u8; 8]> = [there, back]
        .into_iter()
        .flat_map(|bytes| bytes.windows(8))
        .map(|part| part.try_into().unwrap())
        .collect();
    assert!(heard.len() > 230_000, "all of it went by here");
    let secrets = [content(200_000), encoded(said), keys[0].0.to_vec(), keys[1].0.to_vec()];
    for part in secrets.iter().flat_map(|secret| secret.chunks_exact(8)) {
        assert!(!heard.contains(part), "{part:02x?} went over the wire");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seal_is_never_taken_off() {
    let [(mut a, at_a), (mut b, at_b)] = sealed_pair(Line::default()).await;
    for speech in [Speech::Inverted, Speech::Plain, Speech::Sealed(Seal::Dialler)] {
        a.act(move |cx| cx.send(at_a, Toy::Switch)).await;
        assert_eq!(b.message().await.1, Toy::Switch);
        b.act(move |cx| {
            cx.send(at_b, Toy::Switch);
            cx.resume_as(at_b, speech);
        })
        .await;
        assert_eq!(a.message().await.1, Toy::Switch);
        a.act(move |cx| {
            cx.resume_as(at_a, speech);
            cx.send(at_a, Toy::Number(1));
        })
        .await;
        assert_eq!(b.message().await.1, Toy::Number(1), "no second handshake, and no second Sealed");
    }
    // Three Switches and three Numbers under the seal, each in a record of its own, since each is waited for.
    let cost = a.handle.snapshot().sealing;
    let records = 6 * RECORD_OVERHEAD_BYTES as u64;
    assert_eq!(cost.sent, u64::from(HANDSHAKE_BYTES[0] + HANDSHAKE_BYTES[2]) + records);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_before_a_close_arrives_even_if_the_handshake_was_not_through() {
    for line in [Line::default(), slow()] {
        for closer in [0, 1] {
            let mut pair = sealing_pair(line).await;
            let (file, _) = pair[closer].0.file(content(500_000));
            let at = pair[closer].1;
            // In one event: the handshake cannot be through between any two of these.
            pair[closer]
                .0
                .act(move |cx| {
                    cx.send(at, Toy::Number(5));
                    cx.send(at, Toy::Body(500_000));
                    cx.send_body(at, Span { file, offset: 0, len: 500_000 });
                    cx.close(at);
                })
                .await;
            let (far, at) = &mut pair[1 - closer];
            let at = *at;
            far.sealed().await;
            assert_eq!(far.message().await.1, Toy::Number(5));
            assert_eq!(far.message().await.1, Toy::Body(500_000));
            far.act(move |cx| cx.receive(at, 500_000, None)).await;
            assert_eq!(far.body().await, (500_000, BodyState::Done));
            assert_eq!(far.closed().await, (at, CloseReason::Remote));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_is_a_reset_and_a_close_is_none() {
    for kill in [true, false] {
        let [(a, at_a), (mut b, at_b)] = sealed_pair(Line::default()).await;
        if kill {
            a.handle.kill().await.unwrap();
        } else {
            a.act(move |cx| cx.close(at_a)).await;
        }
        let reason = if kill { CloseReason::Reset } else { CloseReason::Remote };
        assert_eq!(b.closed().await, (at_b, reason));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_costs_is_counted_apart() {
    let [(mut a, at_a), (mut b, at_b)] = sealed_pair(Line::default()).await;
    a.act(move |cx| cx.send(at_a, Toy::Number(1))).await;
    b.message().await;
    b.act(move |cx| cx.close(at_b)).await;
    a.closed().await;
    let (a, b) = (a.handle.shutdown().await.unwrap(), b.handle.shutdown().await.unwrap());
    let [first, second, third] = HANDSHAKE_BYTES.map(u64::from);
    let record = RECORD_OVERHEAD_BYTES as u64;
    // The Number from a to b, and both good-byes, of which b, who closed first, no longer hears the other's.
    let by_a = Sealing { sent: first + third + 2 * record, received: second + record };
    let by_b = Sealing { sent: second + record, received: first + third + record };
    assert_eq!((a.sealing, b.sealing), (by_a, by_b));
    let plain = u64::from(2 * encoded(Toy::Switch).len() as u32);
    assert_eq!(a.load.control_bytes(), plain + encoded(Toy::Number(1)).len() as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_body_costs_a_record_for_each_64_kib() {
    const LEN: u64 = 20_000_000;
    let [(a, at_a), (mut b, at_b)] = sealed_pair(Line::default()).await;
    let (file, _) = a.file(content(LEN as usize));
    let before = a.handle.snapshot().sealing.sent;
    a.act(move |cx| {
        cx.send(at_a, Toy::Body(LEN));
        cx.send_body(at_a, Span { file, offset: 0, len: LEN });
    })
    .await;
    b.message().await;
    b.act(move |cx| cx.receive(at_b, LEN, None)).await;
    b.body().await;
    let cost = a.handle.snapshot().sealing.sent - before;
    let least = sealing_bytes(LEN as usize) as u64;
    assert!((least..=least + 2 * RECORD_OVERHEAD_BYTES as u64).contains(&cost), "{cost}, at least {least}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_handshake_is_bounded() {
    let limits = Limits { send_queue_bytes_max: 10_000, ..Limits::default() };
    let mut here = node(Setting { limits, ..Setting::default() }).await;
    let listener = FakeListener::listen(own_address());
    let to = listener.address();
    let conn = here.act(move |cx| cx.dial(to, Speech::Plain)).await;
    let mut silent: FakePeer = listener.accept().await;
    here.expect("Opened", |event| matches!(event, Event::Opened { .. }).then_some(())).await;
    silent.send(&encoded(Toy::Switch)).await;
    here.message().await;
    here.act(move |cx| {
        cx.resume_as(conn, Speech::Sealed(Seal::Dialler));
        (0..1_000).for_each(|n| cx.send(conn, Toy::Number(n)));
    })
    .await;
    assert_eq!(here.closed().await, (conn, CloseReason::Overflow));
}

/// Seals, shows its key under the seal, brings a body and leaves; notes what it hears.
struct Talker {
    to: SocketAddrV4,
    dialler: bool,
    key: Option<PublicKey>,
}

const BODY_BYTES: u64 = 300_000;

impl Peer for Talker {
    type Message = Toy;
    type Timer = ();
    fn handle(&mut self, event: Event<Toy, ()>, cx: &mut Cx<'_, Self>) {
        let say = |text: String, cx: &mut Cx<'_, Self>| cx.note(Note::Text(text.into()));
        match event {
            Event::Command(Command::Share(_)) => {
                self.dialler = true;
                let conn = cx.dial(self.to, Speech::Plain);
                cx.send(conn, Toy::Switch);
            }
            Event::Message { conn, message: Toy::Switch } if self.dialler => {
                cx.resume_as(conn, Speech::Sealed(Seal::Dialler));
                cx.send(conn, Toy::Text(cx.public_key().0.into()));
            }
            Event::Message { conn, message: Toy::Switch } => {
                cx.send(conn, Toy::Switch);
                cx.resume_as(conn, Speech::Sealed(Seal::Acceptor));
                cx.send(conn, Toy::Text(cx.public_key().0.into()));
            }
            Event::Sealed { key, .. } => {
                self.key = Some(key);
                say("sealed".into(), cx);
            }
            Event::Message { conn, message: Toy::Text(key) } => {
                let owns = self.key.is_some_and(|sealed| sealed.0[..] == key[..]);
                say(format!("shows the key that it owns: {owns}"), cx);
                if self.dialler {
                    cx.send(conn, Toy::Body(BODY_BYTES));
                    cx.send_body(conn, Span { file: FileId(0), offset: 0, len: BODY_BYTES });
                }
            }
            Event::Message { conn, message: Toy::Body(len) } => cx.receive(conn, len, None),
            Event::Body { conn, state: BodyState::Done, .. } => {
                say("has the body".into(), cx);
                cx.send(conn, Toy::Number(1));
            }
            Event::Message { conn, message: Toy::Number(_) } => {
                say("is thanked".into(), cx);
                cx.close(conn);
            }
            Event::Closed { reason, .. } => say(reason.to_string(), cx),
            _ => {}
        }
    }
}

/// What two talkers have said, and what was counted.
struct Talk {
    said: [Vec<String>; 2],
    by_kind: ByKind,
    loads: [NodeLoad; 2],
    sealing: [Sealing; 2],
}

fn text(note: &Note) -> String {
    let Note::Text(text) = note else { panic!("a talker says texts only, not {note:?}") };
    text.to_string()
}

fn talk_simulated() -> Talk {
    let mut sim = Sim::new(Config::seeded(1));
    let to = NodeId(1).address(sim.config().network, 7000);
    let [a, b] =
        [(); 2].map(|()| sim.add(Talker { to, dialler: false, key: None }, 7000, Attachment::default()));
    let mut said = [Vec::new(), Vec::new()];
    let mut observer = |_: Time, node: NodeId, note: Note| said[node.index()].push(text(&note));
    sim.command(a, Command::Share(Arc::new([])));
    assert!(sim.run_to_idle(Time::ZERO + Duration::from_secs(1_000), &mut observer));
    let (loads, sealing) = ([a, b].map(|node| sim.load(node)), [a, b].map(|node| sim.sealing(node)));
    Talk { said, by_kind: sim.by_kind().clone(), loads, sealing }
}

async fn talk_over_tcp() -> Talk {
    let (sender, mut notes) = mpsc::unbounded_channel();
    let mut handles = Vec::new();
    let mut to = own_address();
    for n in [1, 0] {
        let config = NodeConfig {
            node: NodeId(n),
            listen: Some(own_address()),
            datagrams: None,
            tls: common::tcp::Tls::default(),
            attachment: Attachment::default(),
            limits: Limits::default(),
            seed: 1,
            clock: Clock::start(),
            identity: Identity::generate(),
        };
        let memory = Memory::default();
        memory.write_at(0, &content(BODY_BYTES as usize)).unwrap();
        let store = SharedStore::default();
        store.add(Arc::new(memory));
        let sender = sender.clone();
        let sink =
            Arc::new(move |_: Time, node: NodeId, note: Note| sender.send((node, text(&note))).unwrap());
        let handle = spawn(Talker { to, dialler: false, key: None }, config, store, sink).await.unwrap();
        to = handle.address();
        handles.insert(0, handle);
    }
    handles[0].command(Command::Share(Arc::new([]))).await.unwrap();
    let mut said = [Vec::new(), Vec::new()];
    while said[1].len() < 4 {
        let (node, note) = notes.recv().await.unwrap();
        said[node.index()].push(note);
    }
    let mut snapshots = Vec::new();
    for handle in handles {
        snapshots.push(handle.shutdown().await.unwrap());
    }
    let mut by_kind = ByKind::default();
    snapshots.iter().for_each(|snapshot| by_kind.merge(&snapshot.by_kind));
    let [a, b] = &snapshots[..] else { unreachable!("two nodes") };
    Talk { said, by_kind, loads: [a.load, b.load], sealing: [a.sealing, b.sealing] }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_simulator_and_tcp_agree_on_what_is_sealed() {
    let simulated = talk_simulated();
    let real =
        tokio::time::timeout(crate::tcp_kit::PATIENCE, talk_over_tcp()).await.expect("they come to an end");
    let by_a = ["sealed", "shows the key that it owns: true", "is thanked"];
    let by_b = ["sealed", "shows the key that it owns: true", "has the body", "closed by the other side"];
    assert_eq!(
        (&simulated.said[0][..], &simulated.said[1][..]),
        (&by_a.map(String::from)[..], &by_b.map(String::from)[..])
    );
    assert_eq!(real.said, simulated.said);
    assert_eq!((real.by_kind, real.loads), (simulated.by_kind, simulated.loads));
    // A record for each message and chunk there, for what leaves at a time here: up to 64 KiB.
    let shakes = HANDSHAKE_BYTES.iter().sum::<u32>() as u64;
    let all = |talk: [Sealing; 2]| talk.iter().map(|sealing| sealing.sent).sum::<u64>();
    let (here, there) = (all(real.sealing), all(simulated.sealing));
    assert!(here <= there, "{here} bytes over tcp, {there} in the simulator");
    let least = shakes + sealing_bytes(BODY_BYTES as usize) as u64;
    assert!(here >= least && there - here <= BODY_BYTES.div_ceil(16 * 1024) * RECORD_OVERHEAD_BYTES as u64);
}
