//! Many messages and bodies of random sizes, both ways on several connections at once, under settings that
//! make every queue and buffer run full: whatever happens inside, order and content hold.

mod tcp_kit;

use std::time::Duration;

use common::net::Line;
use common::peer::{ConnId, Cx, Event, FileId, Place, Slots, Span};
use common::tcp::Limits;
use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use tcp_kit::{Node, Probe, Setting, TEXT_BYTES_MAX, Toy, content, reacting};

const CONNS: u32 = 4;
const ITEMS: usize = 80;
const SOURCE_BYTES: u64 = 300_000;
const SOURCE: FileId = FileId(CONNS);

/// One thing to send.
#[derive(Clone, Debug)]
enum Item {
    Message(Toy),
    /// A body from this offset of the source.
    Body(u64, u64),
}

fn script(rng: &mut Pcg32) -> Vec<Item> {
    let mut below = |n: u64| rng.next_u64() % n;
    let mut items = Vec::new();
    for _ in 0..ITEMS {
        items.push(match below(4) {
            0 => Item::Message(Toy::Number(below(1000))),
            // Short texts are the rule, and the longest one happens too.
            1 => Item::Message(Toy::Text(content(below(300) as usize).into())),
            2 => Item::Message(Toy::Text(content(below(TEXT_BYTES_MAX as u64 + 1) as usize).into())),
            _ => {
                let offset = below(SOURCE_BYTES);
                Item::Body(offset, below(SOURCE_BYTES - offset + 1))
            }
        });
    }
    items
}

fn play(items: Vec<Item>, conn: ConnId, cx: &mut Cx<'_, Probe>) {
    for item in items {
        match item {
            Item::Message(toy) => cx.send(conn, toy),
            Item::Body(offset, len) => {
                cx.send(conn, Toy::Body(len));
                cx.send_body(conn, Span { file: SOURCE, offset, len });
            }
        }
    }
}

/// A node that stores every body it is sent behind the last one of that connection, in the file of the slot's
/// number.
async fn storing(setting: Setting) -> Node {
    let mut ends: Slots<u64> = Slots::default();
    let node = reacting(setting, move |event, cx| match event {
        Event::Opened { conn, .. } => ends.insert(*conn, 0),
        Event::Message { conn, message: Toy::Body(len) } => {
            let end = ends.get_mut(*conn).expect("an open connection");
            cx.receive(*conn, *len, Some(Place { file: FileId(conn.slot() as u32), offset: *end }));
            *end += len;
        }
        _ => {}
    })
    .await;
    (0..CONNS).for_each(|_| drop(node.file(Vec::new())));
    assert_eq!(node.file(content(SOURCE_BYTES as usize)).0, SOURCE);
    node
}

/// Takes events until every script has arrived, and compares.
async fn check(node: &mut Node, scripts: &[(ConnId, Vec<Item>)]) {
    let mut expected: Vec<(ConnId, Vec<Toy>, u64)> = scripts
        .iter()
        .map(|(conn, items)| {
            let toy = |item: &Item| match item {
                Item::Message(toy) => toy.clone(),
                Item::Body(_, len) => Toy::Body(*len),
            };
            let len = |item: &Item| if let Item::Body(_, len) = item { *len } else { 0 };
            (*conn, items.iter().rev().map(toy).collect(), items.iter().map(len).sum())
        })
        .collect();
    while expected.iter().any(|(_, messages, bytes)| !messages.is_empty() || *bytes > 0) {
        let (_, event) = node.next().await;
        let of = |conn: ConnId| expected.iter().position(|(c, ..)| *c == conn).expect("a known connection");
        match event {
            Event::Message { conn, message } => {
                let of = of(conn);
                assert_eq!(expected[of].1.pop(), Some(message), "{conn:?}");
            }
            Event::Body { conn, len, .. } => {
                let of = of(conn);
                expected[of].2 -= u64::from(len);
            }
            Event::Sent { .. } | Event::Opened { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    for (conn, items) in scripts {
        let source = content(SOURCE_BYTES as usize);
        let mut whole = Vec::new();
        for item in items {
            if let Item::Body(offset, len) = item {
                whole.extend_from_slice(&source[*offset as usize..(offset + len) as usize]);
            }
        }
        let stored = node.store.get(FileId(conn.slot() as u32)).expect("a file for each connection");
        let mut bytes = vec![0; stored.size() as usize];
        stored.read_at(0, &mut bytes).unwrap();
        assert!(bytes == whole, "{conn:?} stored something else");
    }
}

async fn run(seed: u64, setting: impl Fn() -> Setting) {
    let (mut a, mut b) = (storing(setting()).await, storing(setting()).await);
    let mut rng = Pcg32::new(seed, 0);
    let (mut to_a, mut to_b) = (Vec::new(), Vec::new());
    for _ in 0..CONNS {
        let at_a = a.connect(b.address()).await;
        let (at_b, _) = b.accepted().await;
        to_a.push((at_a, script(&mut rng)));
        to_b.push((at_b, script(&mut rng)));
    }
    for index in 0..CONNS as usize {
        let (conn, items) = (to_a[index].0, to_b[index].1.clone());
        a.act(move |cx| play(items, conn, cx)).await;
        let (conn, items) = (to_b[index].0, to_a[index].1.clone());
        b.act(move |cx| play(items, conn, cx)).await;
    }
    tokio::join!(check(&mut a, &to_a), check(&mut b, &to_b));
    let (a, b) = (a.handle.shutdown().await.unwrap(), b.handle.shutdown().await.unwrap());
    assert_eq!((a.load.sent, b.load.sent), (b.load.received, a.load.received));
    assert_eq!((a.load.body_sent, b.load.body_sent), (b.load.body_received, a.load.body_received));
}

fn generous() -> Limits {
    Limits { send_queue_bytes_max: 1 << 26, ..Limits::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_usual_limits() {
    for seed in 0..3 {
        run(seed, || Setting { limits: generous(), ..Setting::default() }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_buffers_and_queues_as_small_as_they_can_be() {
    for seed in 3..6 {
        let limits = Limits { read_buffer_bytes_max: TEXT_BYTES_MAX + 6, node_queue_max: 1, ..generous() };
        run(seed, || Setting { limits: limits.clone(), ..Setting::default() }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_shaped_lines() {
    let line =
        Line { up_bps: Some(2_000_000_000), down_bps: Some(3_000_000_000), delay: Duration::from_millis(1) };
    run(6, || Setting { limits: generous(), line, ..Setting::default() }).await;
}
