//! Remotes that send garbage, stall, flood or vanish: each costs its own connection and nothing else.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use crate::tcp_kit::{Node, Setting, TEXT_BYTES_MAX, Toy, content, encoded, node, reacting};
use common::net::Line;
use common::peer::{BodyState, CloseReason, Event, Place, Span};
use common::store::{Storage, StoreFault};
use common::tcp::Limits;
use common::testing::fake::FakePeer;

/// A node that answers numbers, as the bystander's proof that it still lives.
async fn answering(limits: Limits) -> Node {
    reacting(Setting { limits, ..Setting::default() }, |event, cx| {
        if let Event::Message { conn, message: Toy::Number(n) } = event {
            cx.send(*conn, Toy::Number(n + 1));
        }
    })
    .await
}

/// The next `Closed`, whatever comes before it.
async fn closed(here: &mut Node) -> CloseReason {
    loop {
        if let (_, Event::Closed { reason, .. }) = here.next().await {
            return reason;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_costs_its_sender_the_connection_and_nobody_else_anything() {
    let mut here = answering(Limits::default()).await;
    let mut good = FakePeer::connect(here.address()).await;
    good.send(&encoded(Toy::Number(1))).await;
    good.expect(&encoded(Toy::Number(2))).await;
    let oversize = [3, 0xFF, 0xFF, 0xFF, 0xFF];
    let unknown = [9, 0, 0, 0, 0];
    let short_number = [0, 0, 0, 0, 2, 1, 1];
    for (count, garbage) in [&oversize[..], &unknown, &short_number, &content(5000)].into_iter().enumerate() {
        let mut bad = FakePeer::connect(here.address()).await;
        // What was good before the garbage is still answered.
        bad.send(&[&encoded(Toy::Number(10)), garbage].concat()).await;
        bad.expect(&encoded(Toy::Number(11))).await;
        bad.expect_close().await;
        assert_eq!(closed(&mut here).await, CloseReason::Protocol);
        assert_eq!(here.handle.snapshot().protocol_errors, count as u64 + 1);
        good.send(&encoded(Toy::Number(3))).await;
        good.expect(&encoded(Toy::Number(4))).await;
    }
    assert_eq!(here.handle.snapshot().connections, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_drips_in_byte_by_byte_is_still_a_message() {
    for line in [Line::default(), Line { up_bps: Some(1 << 30), ..Line::default() }] {
        let mut here = node(Setting { line, ..Setting::default() }).await;
        let mut fake = FakePeer::connect(here.address()).await;
        let (conn, _) = here.accepted().await;
        let text = Toy::Text(content(300).into());
        fake.send_slowly(&[encoded(text.clone()), encoded(Toy::Body(50))].concat()).await;
        assert_eq!(here.message().await.1, text);
        assert_eq!(here.message().await.1, Toy::Body(50));
        let (file, ram) = here.file(Vec::new());
        here.act(move |cx| cx.receive(conn, 50, Some(Place { file, offset: 0 }))).await;
        fake.send_slowly(&content(50)).await;
        fake.send_slowly(&encoded(Toy::Number(1))).await;
        assert_eq!(here.body().await, (50, BodyState::Done));
        assert_eq!(here.message().await.1, Toy::Number(1));
        assert_eq!(*ram.bytes.lock().unwrap(), content(50));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decoder_that_finds_no_message_in_a_full_buffer_ends_the_connection() {
    let limits = Limits { read_buffer_bytes_max: 1000, ..Limits::default() };
    let mut here = node(Setting { limits, ..Setting::default() }).await;
    let mut fake = FakePeer::connect(here.address()).await;
    fake.send(&encoded(Toy::Text(content(995).into()))).await;
    here.accepted().await;
    here.message().await;
    fake.send(&encoded(Toy::Text(content(996).into()))).await;
    assert_eq!(here.closed().await.1, CloseReason::Protocol);
    fake.expect_close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_far_side_that_reads_nothing_fills_its_own_queue_only() {
    let mut here = answering(Limits::default()).await;
    let _deaf = FakePeer::connect(here.address()).await;
    let (conn, _) = here.accepted().await;
    // Twice what any kernel holds for a connection that nobody reads.
    here.act(move |cx| {
        let text: Box<[u8]> = content(TEXT_BYTES_MAX).into();
        (0..512).for_each(|_| cx.send(conn, Toy::Text(text.clone())));
    })
    .await;
    assert_eq!(here.closed().await, (conn, CloseReason::Overflow));
    let snapshot = here.handle.snapshot();
    assert_eq!((snapshot.overflows, snapshot.connections), (1, 0));
    let mut good = FakePeer::connect(here.address()).await;
    good.send(&encoded(Toy::Number(1))).await;
    good.expect(&encoded(Toy::Number(2))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_queued_beyond_the_limit_end_the_connection() {
    let limits = Limits { bodies_queued_max: 3, ..Limits::default() };
    let mut here = node(Setting { limits, ..Setting::default() }).await;
    let _deaf = FakePeer::connect(here.address()).await;
    let (conn, _) = here.accepted().await;
    let (file, _) = here.file(content(1 << 20));
    let span = Span { file, offset: 0, len: 1 << 20 };
    here.act(move |cx| (0..4).for_each(|_| cx.send_body(conn, span))).await;
    assert_eq!(closed(&mut here).await, CloseReason::Overflow);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_gets_its_share_and_others_get_theirs() {
    let limits = Limits { connections_per_address_max: 2, connections_max: 4, ..Limits::default() };
    let mut here = answering(limits).await;
    let [a, b] = [1, 2].map(|last| Ipv4Addr::new(127, 9, 9, last));
    let to = here.address();
    let first = FakePeer::connect_from(a, to).await;
    let _second = FakePeer::connect_from(a, to).await;
    FakePeer::connect_from(a, to).await.expect_close().await;
    let _third = FakePeer::connect_from(b, to).await;
    let _fourth = FakePeer::connect_from(b, to).await;
    FakePeer::connect_from(Ipv4Addr::new(127, 9, 9, 3), to).await.expect_close().await;
    let snapshot = here.handle.snapshot();
    assert_eq!((snapshot.accepted, snapshot.refused_address, snapshot.refused_full), (4, 1, 1));
    drop(first);
    closed(&mut here).await;
    // The place is free once the connection's task is gone, a moment after the peer has heard of the end.
    loop {
        let mut again = FakePeer::connect_from(a, to).await;
        if again.send_if_open(&encoded(Toy::Number(1))).await && !again.read_some().await.is_empty() {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_ends_a_connection_after_its_time_and_never_before() {
    let short = Duration::from_millis(80);
    let long = Duration::from_secs(3600);
    let all_long =
        Limits { handshake_timeout: long, idle_timeout: long, stall_timeout: long, ..Limits::default() };

    // Half-open: it connects and says nothing.
    let mut here = answering(Limits { handshake_timeout: short, ..all_long.clone() }).await;
    let before = here.act(|cx| cx.now()).await;
    let mut fake = FakePeer::connect(here.address()).await;
    assert_timeout(&mut here, before, short).await;
    fake.expect_close().await;

    // Idle: it says something, and then nothing.
    let mut here = answering(Limits { idle_timeout: short, ..all_long.clone() }).await;
    let mut fake = FakePeer::connect(here.address()).await;
    here.accepted().await;
    let before = here.act(|cx| cx.now()).await;
    fake.send(&encoded(Toy::Number(1))).await;
    assert_timeout(&mut here, before, short).await;

    // Stalled: it announces a body and sends half of it.
    let mut here =
        node(Setting { limits: Limits { stall_timeout: short, ..all_long.clone() }, ..Setting::default() })
            .await;
    let mut fake = FakePeer::connect(here.address()).await;
    let (conn, _) = here.accepted().await;
    fake.send(&encoded(Toy::Body(1000))).await;
    here.message().await;
    here.act(move |cx| cx.receive(conn, 1000, None)).await;
    let before = here.act(|cx| cx.now()).await;
    fake.send(&content(500)).await;
    assert_timeout(&mut here, before, short).await;

    // Deaf: it takes nothing.
    let mut here =
        node(Setting { limits: Limits { stall_timeout: short, ..all_long }, ..Setting::default() }).await;
    let _deaf = FakePeer::connect(here.address()).await;
    let (conn, _) = here.accepted().await;
    let (file, _) = here.file(content(1 << 20));
    let span = Span { file, offset: 0, len: 1 << 20 };
    here.act(move |cx| (0..64).for_each(|_| cx.send_body(conn, span))).await;
    assert_eq!(closed(&mut here).await, CloseReason::Timeout);
    assert_eq!(here.handle.snapshot().timeouts, 1);
}

async fn assert_timeout(here: &mut Node, since: common::peer::Time, limit: Duration) {
    loop {
        let (at, event) = here.next().await;
        if let Event::Closed { reason, .. } = event {
            assert_eq!(reason, CloseReason::Timeout);
            assert!(at.since(since) >= limit, "closed {:?} after {since:?}", at.since(since));
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_waits_for_its_own_node_is_not_timed_out() {
    let short = Duration::from_millis(40);
    let limits =
        Limits { handshake_timeout: short, idle_timeout: short, stall_timeout: short, ..Limits::default() };
    let mut here = node(Setting { limits, ..Setting::default() }).await;
    let mut fake = FakePeer::connect(here.address()).await;
    let (conn, _) = here.accepted().await;
    fake.send(&[encoded(Toy::Body(3)), b"abc".to_vec()].concat()).await;
    here.message().await;
    here.act(move |cx| cx.wake(short * 5, 0)).await;
    here.expect("the timer before any Closed", |event| matches!(event, Event::Timer(0)).then_some(())).await;
    here.act(move |cx| cx.receive(conn, 3, None)).await;
    assert_eq!(here.body().await, (3, BodyState::Done));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_far_side_that_vanishes_in_a_body_leaves_what_had_come() {
    let mut here = node(Setting::default()).await;
    for reset in [false, true] {
        let mut fake = FakePeer::connect(here.address()).await;
        let (conn, _) = here.accepted().await;
        fake.send(&encoded(Toy::Body(1000))).await;
        here.message().await;
        let (file, ram) = here.file(Vec::new());
        here.act(move |cx| cx.receive(conn, 1000, Some(Place { file, offset: 0 }))).await;
        fake.send(&content(400)).await;
        if reset {
            fake.reset();
        } else {
            fake.end().await;
        }
        // A reset may overtake what was sent before it.
        let mut reported = 0;
        loop {
            match here.next().await.1 {
                Event::Body { len, state: BodyState::More, .. } => reported += len as usize,
                Event::Closed { reason: CloseReason::Reset, .. } => break,
                other => panic!("{other:?}"),
            }
        }
        assert!(reset || reported == 400, "{reported} bytes were reported");
        assert_eq!(*ram.bytes.lock().unwrap(), content(400)[..reported]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_ends_inside_a_message_has_vanished_and_one_that_ends_between_two_has_not() {
    let mut here = node(Setting::default()).await;
    for (bytes, reason) in [(&encoded(Toy::Number(1))[..12], CloseReason::Reset), (&[], CloseReason::Remote)]
    {
        let mut fake = FakePeer::connect(here.address()).await;
        here.accepted().await;
        fake.send(bytes).await;
        fake.end().await;
        assert_eq!(here.closed().await.1, reason);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_through_a_tiny_queue_loses_nothing_and_keeps_its_order() {
    let limits = Limits { node_queue_max: 8, ..Limits::default() };
    let mut here = answering(limits).await;
    let mut fake = FakePeer::connect(here.address()).await;
    let flood: Vec<u8> = (0..20_000).flat_map(|n| encoded(Toy::Number(n))).collect();
    let (mut reader, _) = tokio::join!(
        async {
            fake.send(&flood).await;
            fake
        },
        here.accepted()
    );
    for n in 0..20_000 {
        assert_eq!(here.message().await.1, Toy::Number(n));
        reader.expect(&encoded(Toy::Number(n + 1))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_far_side_that_is_gone_while_its_reader_is_paused_ends_once_and_harms_nobody() {
    let mut here = node(Setting::default()).await;
    for _ in 0..10 {
        let mut fake = FakePeer::connect(here.address()).await;
        let (conn, _) = here.accepted().await;
        fake.send(&encoded(Toy::Switch)).await;
        here.message().await;
        drop(fake);
        // The first write is answered by a reset, a later one fails; then the reader may look again.
        for n in 0..3 {
            here.act(move |cx| {
                cx.send(conn, Toy::Number(n));
                cx.wake(Duration::from_millis(1), 0);
            })
            .await;
            here.expect("the timer", |event| matches!(event, Event::Timer(0)).then_some(())).await;
        }
        here.act(move |cx| cx.resume(conn)).await;
        let (ended, reason) = here.closed().await;
        assert_eq!(ended, conn);
        assert!(matches!(reason, CloseReason::Remote | CloseReason::Reset), "{reason}");
    }
    here.handle.shutdown().await.expect("no task has panicked");
}

/// A file whose disk driver has a bug.
struct Broken;

impl Storage for Broken {
    fn size(&self) -> u64 {
        1
    }
    fn read_at(&self, _: u64, _: &mut [u8]) -> Result<(), StoreFault> {
        panic!("a bug");
    }
    fn write_at(&self, _: u64, _: &[u8]) -> Result<(), StoreFault> {
        panic!("a bug");
    }
    fn finish(&self) -> Result<(), StoreFault> {
        panic!("a bug");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_outside_the_peer_is_not_lost_either() {
    let mut here = node(Setting::default()).await;
    let _fake = FakePeer::connect(here.address()).await;
    let (conn, _) = here.accepted().await;
    let file = here.store.add(Arc::new(Broken));
    here.act(move |cx| cx.finish(file)).await;
    here.expect("the answer to a store that panicked", |event| {
        matches!(event, Event::Finished { fault: Some(StoreFault::Io), .. }).then_some(())
    })
    .await;
    here.act(move |cx| cx.send_body(conn, Span { file, offset: 0, len: 1 })).await;
    tokio::time::timeout(crate::tcp_kit::PATIENCE, here.handle.ended()).await.unwrap();
    assert!(here.handle.shutdown().await.is_err());
}
