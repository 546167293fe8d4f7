//! What the contract promises a peer, over real sockets.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::tcp_kit::{Ram, Setting, Speech, Toy, announced, content, encoded, node, own_address, reacting};
use common::digest::Algorithm;
use common::peer::{Arrival, BodyState, CloseReason, EXPECTED_BYTES_MAX, Event, FileId, Place, Span, Work};
use common::store::{Memory, Storage, StoreFault};
use common::tcp::Limits;
use common::testing::fake::{FakeListener, FakePeer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_keep_their_order_and_are_counted_on_both_sides() {
    let mut server = reacting(Setting::default(), |event, cx| {
        if let Event::Message { conn, message: Toy::Number(n) } = event {
            cx.send(*conn, Toy::Number(n + 1));
        }
    })
    .await;
    let mut client = node(Setting::default()).await;
    let conn = client.connect(server.address()).await;
    let (_, remote) = server.accepted().await;
    assert_eq!(remote.ip(), client.address().ip(), "a node dials from its own address");
    client.act(move |cx| (0..1000).for_each(|n| cx.send(conn, Toy::Number(n * 10)))).await;
    for n in 0..1000 {
        assert_eq!(client.message().await, (conn, Toy::Number(n * 10 + 1)));
    }
    let snapshot = client.handle.snapshot();
    assert_eq!((snapshot.load.sent.messages, snapshot.load.sent.bytes), (1000, 13_000));
    assert_eq!((snapshot.load.received.messages, snapshot.load.received.bytes), (1000, 13_000));
    assert_eq!((snapshot.by_kind.kind(0).messages, snapshot.connections), (1000, 1));
    client.handle.shutdown().await.unwrap();
    server.handle.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_follows_its_message_and_lands_where_the_peer_says() {
    const LEN: usize = 3_000_001;
    let mut from = node(Setting::default()).await;
    let mut to = node(Setting::default()).await;
    let (source, _) = from.file(content(LEN + 7));
    let (target, stored) = to.file(vec![9; 3]);
    let conn = from.connect(to.address()).await;
    let (accepted, _) = to.accepted().await;
    from.act(move |cx| {
        cx.send(conn, Toy::Body(LEN as u64));
        cx.send_body(conn, Span { file: source, offset: 7, len: LEN as u64 });
        cx.send(conn, Toy::Number(42));
    })
    .await;
    assert_eq!(to.message().await, (accepted, Toy::Body(LEN as u64)));
    to.act(move |cx| cx.receive(accepted, LEN as u64, Some(Place { file: target, offset: 3 }))).await;
    assert_eq!(to.body().await, (LEN as u64, BodyState::Done));
    assert_eq!(to.message().await, (accepted, Toy::Number(42)), "messages flow again");
    let bytes = stored.bytes.lock().unwrap().clone();
    assert_eq!(bytes[..3], [9; 3]);
    assert!(bytes[3..] == content(LEN + 7)[7..]);
    let mut credit = 0;
    while credit < LEN as u64 {
        credit += from
            .expect("Sent", |event| match event {
                Event::Sent { conn: on, len } if on == conn => Some(u64::from(len)),
                _ => None,
            })
            .await;
    }
    assert_eq!(credit, LEN as u64);
    from.act(move |cx| cx.close(conn)).await;
    assert_eq!(to.closed().await, (accepted, CloseReason::Remote));
    assert_eq!(to.handle.shutdown().await.unwrap().load.body_received, LEN as u64);
    assert_eq!(from.handle.shutdown().await.unwrap().load.body_sent, LEN as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expected_bodies_go_where_they_were_to_without_a_pause() {
    let mut here = node(Setting::default()).await;
    let (file, stored) = here.file(Vec::new());
    let mut fake = FakePeer::connect(here.address()).await;
    let (conn, _) = here.accepted().await;
    let place = move |offset| Place { file, offset };
    here.act(move |cx| {
        cx.expect(conn, announced(3), place(4));
        cx.expect(conn, announced(4), place(0));
        cx.expect(conn, announced(EXPECTED_BYTES_MAX), place(7));
        cx.expect(conn, announced(EXPECTED_BYTES_MAX + 1), place(7));
        cx.expect(conn, announced(5), place(100));
        cx.expect(conn, announced(6), Place { file: FileId(99), offset: 0 });
        cx.unexpect(conn, 5);
    })
    .await;
    here.settled().await;
    let large = content(EXPECTED_BYTES_MAX as usize);
    let (head, tail) = large.split_at(70_000);
    let first = [
        &encoded(Toy::Body(4))[..],
        b"defg",
        &encoded(Toy::Body(3)),
        b"abc",
        &encoded(Toy::Body(EXPECTED_BYTES_MAX.into())),
        head,
    ];
    fake.send(&first.concat()).await;
    assert_eq!(here.arrived().await, (announced(4), Arrival::Stored));
    assert_eq!(here.arrived().await, (announced(3), Arrival::Stored));
    assert_eq!(*stored.bytes.lock().unwrap(), b"defgabc", "of the third nothing, until it is whole");
    fake.send(&[tail, &encoded(Toy::Number(1)), &encoded(Toy::Body(3)), b"xyz"].concat()).await;
    assert_eq!(here.arrived().await, (announced(EXPECTED_BYTES_MAX), Arrival::Stored));
    assert!(stored.bytes.lock().unwrap()[7..] == large);
    assert_eq!(here.message().await.1, Toy::Number(1));
    // Each was expected once; what is not expected, no longer, too long, or for no file, pauses as ever.
    for len in [3, 5, u64::from(EXPECTED_BYTES_MAX) + 1, 6] {
        if len != 3 {
            fake.send(&[encoded(Toy::Body(len)), vec![0; len as usize]].concat()).await;
        }
        assert_eq!(here.message().await.1, Toy::Body(len));
        here.act(move |cx| cx.receive(conn, len, None)).await;
        assert_eq!(here.body().await, (len, BodyState::Done));
    }
    // What the connection's end breaks off is not there.
    here.act(move |cx| cx.expect(conn, announced(4), place(0))).await;
    here.settled().await;
    fake.send(&[encoded(Toy::Body(4)), b"WX".to_vec()].concat()).await;
    drop(fake);
    assert_eq!(here.closed().await.0, conn);
    assert_eq!(stored.bytes.lock().unwrap()[..4], *b"defg");
    let load = here.handle.shutdown().await.unwrap().load;
    assert_eq!(load.received.messages, 8);
    assert_eq!(load.body_received, 4 + 3 + 2 * u64::from(EXPECTED_BYTES_MAX) + 1 + 3 + 5 + 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_store_fails_an_expected_body_and_messages_flow_on() {
    let mut here = node(Setting::default()).await;
    let file = here.store.add(Arc::new(Memory::with_max(2)));
    let mut fake = FakePeer::connect(here.address()).await;
    let (conn, _) = here.accepted().await;
    here.act(move |cx| cx.expect(conn, announced(3), Place { file, offset: 0 })).await;
    here.settled().await;
    fake.send(&[encoded(Toy::Body(3)), b"abc".to_vec(), encoded(Toy::Number(1))].concat()).await;
    assert_eq!(here.arrived().await, (announced(3), Arrival::Failed(StoreFault::Full)));
    assert_eq!(here.message().await.1, Toy::Number(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pausing_message_stops_the_reader_until_the_peer_goes_on() {
    let mut here = node(Setting::default()).await;
    let mut fake = FakePeer::connect(here.address()).await;
    let (conn, _) = here.accepted().await;
    // All of it arrives at once; only what stands before the end of the pause may be understood.
    fake.send(&[encoded(Toy::Body(3)), b"abc".to_vec(), encoded(Toy::Number(1))].concat()).await;
    fake.send(
        &[encoded(Toy::Body(0)), encoded(Toy::Body(2)), b"xy".to_vec(), encoded(Toy::Number(2))].concat(),
    )
    .await;
    assert_eq!(here.message().await.1, Toy::Body(3));
    let (file, stored) = here.file(Vec::new());
    here.act(move |cx| cx.receive(conn, 3, Some(Place { file, offset: 0 }))).await;
    assert_eq!(here.body().await, (3, BodyState::Done));
    assert_eq!(here.message().await.1, Toy::Number(1));
    assert_eq!(here.message().await.1, Toy::Body(0));
    here.act(move |cx| cx.receive(conn, 0, None)).await;
    assert_eq!(here.body().await, (0, BodyState::Done), "an empty body ends too");
    assert_eq!(here.message().await.1, Toy::Body(2));
    here.act(move |cx| cx.receive(conn, 2, None)).await;
    assert_eq!(here.body().await, (2, BodyState::Done));
    assert_eq!(here.message().await.1, Toy::Number(2));
    assert_eq!(*stored.bytes.lock().unwrap(), b"abc", "a discarded body is stored nowhere");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_may_resume_as_something_else_in_mid_stream() {
    let mut a = node(Setting::default()).await;
    let mut b = reacting(Setting::default(), |event, cx| {
        if let Event::Message { conn, message: Toy::Switch } = event {
            cx.send(*conn, Toy::Number(1));
            cx.resume_as(*conn, Speech::Inverted);
            cx.send(*conn, Toy::Number(2));
        }
    })
    .await;
    let mut fake = FakePeer::connect(b.address()).await;
    b.accepted().await;
    let inverted = |toy| encoded(toy).into_iter().map(|byte| !byte).collect::<Vec<u8>>();
    fake.send(&[encoded(Toy::Switch), inverted(Toy::Number(7)), inverted(Toy::Switch)].concat()).await;
    fake.expect(&encoded(Toy::Number(1))).await;
    fake.expect(&inverted(Toy::Number(2))).await;
    assert_eq!(b.message().await.1, Toy::Switch);
    assert_eq!(b.message().await.1, Toy::Number(7), "from the first byte not yet decoded");
    assert_eq!(b.message().await.1, Toy::Switch);
    drop(fake);
    b.closed().await;

    let to = b.address();
    let conn = a.act(move |cx| cx.dial(to, Speech::Inverted)).await;
    a.expect("Opened", |event| matches!(event, Event::Opened { .. }).then_some(())).await;
    a.act(move |cx| cx.send(conn, Toy::Number(5))).await;
    assert_eq!(
        a.closed().await,
        (conn, CloseReason::Remote),
        "plain is what an accepted connection starts with"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_before_a_close_arrives_even_if_the_dial_was_not_open_yet() {
    const LEN: usize = 2_000_000;
    let mut from = node(Setting::default()).await;
    let mut to = reacting(Setting::default(), |event, cx| {
        if let Event::Message { conn, message: Toy::Body(len) } = event {
            cx.receive(*conn, *len, None);
        }
    })
    .await;
    let (file, _) = from.file(content(LEN));
    let address = to.address();
    let conn = from
        .act(move |cx| {
            let conn = cx.dial(address, Speech::Plain);
            cx.send(conn, Toy::Body(LEN as u64));
            cx.send_body(conn, Span { file, offset: 0, len: LEN as u64 });
            cx.send(conn, Toy::Number(3));
            cx.close(conn);
            cx.send(conn, Toy::Number(4));
            conn
        })
        .await;
    let (accepted, _) = to.accepted().await;
    assert_eq!(to.message().await.1, Toy::Body(LEN as u64));
    assert_eq!(to.body().await, (LEN as u64, BodyState::Done));
    assert_eq!(to.message().await.1, Toy::Number(3));
    assert_eq!(to.closed().await, (accepted, CloseReason::Remote));
    // The closer hears nothing more of it: what comes next is about the next connection, which has its slot.
    let next = from.connect(address).await;
    assert_eq!((next.slot(), next == conn), (conn.slot(), false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_comes_once_and_effects_on_the_dead_id_do_nothing() {
    let mut here = reacting(Setting::default(), |event, cx| {
        if let Event::Closed { conn, .. } = event {
            cx.send(*conn, Toy::Number(1));
            cx.resume(*conn);
            cx.close(*conn);
        }
    })
    .await;
    let mut fake = FakePeer::connect(here.address()).await;
    let (conn, _) = here.accepted().await;
    fake.send(&encoded(Toy::Number(9))).await;
    fake.end().await;
    assert_eq!(here.message().await.1, Toy::Number(9));
    assert_eq!(here.closed().await, (conn, CloseReason::Remote));
    fake.expect_close().await;
    let _again = FakePeer::connect(here.address()).await;
    let (next, _) = here.accepted().await;
    assert_eq!((next.slot(), next == conn), (conn.slot(), false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_to_the_last_message_of_a_far_side_that_has_ended_its_stream_still_leaves() {
    let mut here = reacting(Setting::default(), |event, cx| {
        if let Event::Message { conn, message: Toy::Number(n) } = event {
            cx.send(*conn, Toy::Number(n + 1));
        }
    })
    .await;
    let mut fake = FakePeer::connect(here.address()).await;
    fake.send(&encoded(Toy::Number(1))).await;
    fake.end().await;
    fake.expect(&encoded(Toy::Number(2))).await;
    fake.expect_close().await;
    here.accepted().await;
    here.message().await;
    assert_eq!(here.closed().await.1, CloseReason::Remote);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dial_that_nobody_answers_ends_with_a_reason() {
    let mut here = node(Setting::default()).await;
    let gone = FakeListener::listen(own_address());
    let address = gone.address();
    drop(gone);
    let conn = here.act(move |cx| cx.dial(address, Speech::Plain)).await;
    assert_eq!(here.closed().await, (conn, CloseReason::Refused));

    let mut firewalled = node(Setting { firewalled: true, ..Setting::default() }).await;
    let behind = firewalled.address();
    assert_ne!(behind.port(), 0, "its address is taken although nobody can reach it there");
    let conn = here.act(move |cx| cx.dial(behind, Speech::Plain)).await;
    assert_eq!(here.closed().await, (conn, CloseReason::Refused));
    firewalled.connect(here.address()).await;
    let (_, remote) = here.accepted().await;
    assert_eq!(remote.ip(), behind.ip(), "and it can dial");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dial_beyond_the_limit_is_told_so_and_a_place_given_back_can_be_used() {
    let far = node(Setting::default()).await;
    let limits = Limits { connections_max: 1, ..Limits::default() };
    let mut here = node(Setting { limits, ..Setting::default() }).await;
    let to = far.address();
    let first = here.connect(to).await;
    let second = here.act(move |cx| cx.dial(to, Speech::Plain)).await;
    assert_eq!(here.closed().await, (second, CloseReason::Limit));
    let third = here
        .act(move |cx| {
            let third = cx.dial(to, Speech::Plain);
            cx.close(third);
            cx.dial(to, Speech::Plain)
        })
        .await;
    assert_eq!(
        here.closed().await,
        (third, CloseReason::Limit),
        "closed by the peer itself, the other is not told"
    );
    assert_eq!(here.handle.snapshot().refused_full, 3);
    here.act(move |cx| cx.close(first)).await;
    // The place is free when the close has been flushed and answered, of which a peer hears nothing.
    loop {
        let conn = here.act(move |cx| cx.dial(to, Speech::Plain)).await;
        match here.next().await.1 {
            Event::Opened { conn: opened, .. } if opened == conn => break,
            Event::Closed { conn: closed, reason: CloseReason::Limit } if closed == conn => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_store_fails_the_body_and_messages_flow_again_after_its_rest() {
    let mut here = node(Setting::default()).await;
    let mut fake = FakePeer::connect(here.address()).await;
    let (conn, _) = here.accepted().await;
    let full = Arc::new(Ram { bytes: Mutex::default(), room: 100_000 });
    let file = here.store.add(full.clone());
    fake.send(&[encoded(Toy::Body(1_000_000)), content(1_000_000), encoded(Toy::Number(1))].concat()).await;
    assert_eq!(here.message().await.1, Toy::Body(1_000_000));
    here.act(move |cx| cx.receive(conn, 1_000_000, Some(Place { file, offset: 0 }))).await;
    let (stored, state) = here.body().await;
    assert_eq!(state, BodyState::Failed(StoreFault::Full));
    assert!(stored <= 100_000);
    assert_eq!(full.bytes.lock().unwrap()[..stored as usize], content(1_000_000)[..stored as usize]);
    assert_eq!(here.message().await.1, Toy::Number(1));

    fake.send(&[encoded(Toy::Body(5)), b"12345".to_vec(), encoded(Toy::Number(2))].concat()).await;
    here.message().await;
    here.act(move |cx| cx.receive(conn, 5, Some(Place { file: FileId(77), offset: 0 }))).await;
    assert_eq!(here.body().await, (0, BodyState::Failed(StoreFault::Missing)));
    assert_eq!(here.message().await.1, Toy::Number(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_the_store_cannot_give_ends_the_connection() {
    let mut here = node(Setting::default()).await;
    let mut fake = FakePeer::connect(here.address()).await;
    let (conn, _) = here.accepted().await;
    let (file, _) = here.file(content(100));
    here.act(move |cx| cx.send_body(conn, Span { file, offset: 50, len: 51 })).await;
    assert_eq!(here.closed().await, (conn, CloseReason::Store));
    fake.expect_close().await;

    let _fake = FakePeer::connect(here.address()).await;
    let (conn, _) = here.accepted().await;
    here.act(move |cx| cx.send_body(conn, Span { file: FileId(77), offset: 0, len: 1 })).await;
    assert_eq!(here.closed().await, (conn, CloseReason::Store));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ranges_are_verified_and_files_finished_off_the_nodes_task() {
    let mut here = node(Setting::default()).await;
    let (file, ram) = here.file(content(1000));
    for algorithm in [Algorithm::Md5, Algorithm::Sha1, Algorithm::UuHash, Algorithm::KzHash] {
        let right = ram.digest(10, 500, algorithm).unwrap();
        for (check, offset, expected) in [(1, 10, true), (2, 11, false), (3, 900, false)] {
            here.act(move |cx| cx.verify(check, Span { file, offset, len: 500 }, right)).await;
            let answer = here
                .expect("Verified", |event| match event {
                    Event::Verified { check, ok } => Some((check, ok)),
                    _ => None,
                })
                .await;
            assert_eq!(answer, (check, expected), "{algorithm:?}");
        }
    }
    for (file, expected) in [(file, None), (FileId(77), Some(StoreFault::Missing))] {
        here.act(move |cx| cx.finish(file)).await;
        let answer = here
            .expect("Finished", |event| match event {
                Event::Finished { file, fault } => Some((file, fault)),
                _ => None,
            })
            .await;
        assert_eq!(answer, (file, expected));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_is_done_beside_the_nodes_task_and_refused_where_too_much_of_it_waits() {
    let limits = Limits { checks_max: 2, ..Limits::default() };
    let mut here = node(Setting { limits, ..Setting::default() }).await;
    let (release, released) = std::sync::mpsc::channel::<()>();
    here.act(move |cx| {
        // Does not end before the node has gone on with other things.
        cx.compute(1, Work::new(move || released.recv().map_or_else(|_| Box::default(), |()| Box::new([7]))));
        cx.compute(2, Work::new(|| panic!("work that panics is an answer, too")));
        cx.compute(3, Work::new(|| Box::new([9])));
    })
    .await;
    let computed = |event| match event {
        Event::Computed { task, result } => Some((task, result)),
        _ => None,
    };
    let mut answers = vec![here.expect("Computed", computed).await, here.expect("Computed", computed).await];
    answers.sort();
    assert_eq!(answers, [(2, None), (3, None)], "the third is one too many");
    assert_eq!(here.handle.snapshot().checks_refused, 1);
    here.act(|cx| cx.wake(Duration::ZERO, 5)).await;
    here.expect("Timer", |event| matches!(event, Event::Timer(5)).then_some(())).await;
    release.send(()).unwrap();
    assert_eq!(here.expect("Computed", computed).await, (1, Some(Box::from([7]))));
    here.handle.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timers_come_in_order_and_never_early() {
    let mut here = node(Setting::default()).await;
    let set_at = here
        .act(|cx| {
            for (after_ms, timer) in [(30, 3), (10, 1), (30, 4), (20, 2), (0, 0)] {
                cx.wake(Duration::from_millis(after_ms), timer);
            }
            cx.now()
        })
        .await;
    for (expected, after_ms) in [(0, 0), (1, 10), (2, 20), (3, 30), (4, 30)] {
        let (at, event) = here.next().await;
        assert!(matches!(event, Event::Timer(timer) if timer == expected), "{event:?}");
        assert!(at >= set_at + Duration::from_millis(after_ms), "timer {expected} came at {at:?}");
    }
}
