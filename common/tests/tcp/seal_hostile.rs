//! Remotes that break the seal: each costs its own connection, hands over nothing, and harms nobody else.

use std::time::Duration;

use crate::tcp_kit::{Node, Setting, Speech, Toy, content, encoded, own_address, reacting};
use common::peer::{CloseReason, Event};
use common::seal::{HANDSHAKE_BYTES, Handshake, Identity, RECORD_OVERHEAD_BYTES, Seal};
use common::tcp::Limits;
use common::testing::fake::{FakeListener, FakePeer};
use common::testing::sealed::SealedPeer;

/// A node that seals when it is asked to, and answers numbers.
async fn sealing_node(limits: Limits) -> Node {
    reacting(Setting { limits, ..Setting::default() }, |event, cx| match event {
        Event::Message { conn, message: Toy::Switch } => {
            cx.send(*conn, Toy::Switch);
            cx.resume_as(*conn, Speech::Sealed(Seal::Acceptor));
        }
        Event::Message { conn, message: Toy::Number(n) } => cx.send(*conn, Toy::Number(n + 1)),
        _ => {}
    })
    .await
}

/// A peer with which the node has agreed to seal, and waits for the handshake.
async fn agreed(here: &mut Node) -> FakePeer {
    let mut fake = FakePeer::connect(here.address()).await;
    fake.send(&encoded(Toy::Switch)).await;
    fake.expect(&encoded(Toy::Switch)).await;
    here.accepted().await;
    assert_eq!(here.message().await.1, Toy::Switch);
    fake
}

async fn sealed(here: &mut Node) -> SealedPeer {
    let identity = Identity::generate();
    let peer = SealedPeer::over(agreed(here).await, Seal::Dialler, &identity).await;
    assert_eq!(here.sealed().await.1, identity.public());
    peer
}

/// The node still answers this one.
async fn still_answers(here: &mut Node, bystander: &mut SealedPeer) {
    bystander.send(&encoded(Toy::Number(1))).await;
    bystander.expect(&encoded(Toy::Number(2))).await;
    assert_eq!(here.message().await.1, Toy::Number(1));
}

/// The node has ended the connection, for this reason, and nothing came before.
async fn ended(here: &mut Node, peer: &mut FakePeer, reason: CloseReason) {
    assert_eq!(here.closed().await.1, reason);
    // It may still say good-bye.
    peer.read_to_end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fake_peer_that_does_it_right_is_served() {
    let mut here = sealing_node(Limits::default()).await;
    let mut peer = sealed(&mut here).await;
    assert_eq!(peer.key, here.act(|cx| cx.public_key()).await);
    still_answers(&mut here, &mut peer).await;
    // Byte by byte, and two records in one packet.
    let slow = peer.seal(&encoded(Toy::Number(5)));
    peer.raw.send_slowly(&slow).await;
    peer.expect(&encoded(Toy::Number(6))).await;
    let two = [peer.seal(&encoded(Toy::Number(7))), peer.seal(&encoded(Toy::Number(8)))].concat();
    peer.raw.send(&two).await;
    peer.expect(&[encoded(Toy::Number(8)), encoded(Toy::Number(9))].concat()).await;
    // The longest record there can be, with the end of a message in the next.
    peer.send(&encoded(Toy::Text(content(65_536).into()))).await;
    for n in [5, 7, 8] {
        assert_eq!(here.message().await.1, Toy::Number(n));
    }
    assert_eq!(here.message().await.1, Toy::Text(content(65_536).into()));
    let good_bye = peer.good_bye();
    peer.raw.send(&good_bye).await;
    assert_eq!(here.closed().await.1, CloseReason::Remote);
    peer.expect_good_bye().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_in_the_handshake_ends_it() {
    let mut here = sealing_node(Limits::default()).await;
    let mut bystander = sealed(&mut here).await;
    let first = Handshake::new(Seal::Dialler, &Identity::generate()).start();
    let wrong_lengths =
        [vec![0, 0], vec![0, 31], vec![0xFF, 0xFF], b"GET / HTTP/1.1\r\n".to_vec(), encoded(Toy::Number(1))];
    for garbage in wrong_lengths {
        let mut fake = agreed(&mut here).await;
        fake.send(&garbage).await;
        ended(&mut here, &mut fake, CloseReason::Protocol).await;
    }
    // Any 32 bytes are a key, so what comes first cannot be told from garbage; what comes last can.
    for proof in [content(HANDSHAKE_BYTES[2] as usize - 2), vec![0; HANDSHAKE_BYTES[2] as usize - 2]] {
        let mut fake = agreed(&mut here).await;
        fake.send(&first).await;
        fake.read_exact(HANDSHAKE_BYTES[1] as usize).await;
        fake.send(&[vec![0, proof.len() as u8], proof].concat()).await;
        ended(&mut here, &mut fake, CloseReason::Protocol).await;
    }
    still_answers(&mut here, &mut bystander).await;
    assert_eq!(here.handle.snapshot().protocol_errors, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_dials_is_no_easier_to_fool() {
    let mut here = reacting(Setting::default(), |event, cx| {
        if let Event::Message { conn, message: Toy::Switch } = event {
            cx.resume_as(*conn, Speech::Sealed(Seal::Dialler));
            cx.send(*conn, Toy::Number(77));
        }
    })
    .await;
    let listener = FakeListener::listen(own_address());
    let to = listener.address();
    let own = Identity::generate();
    for case in ["another prologue", "garbage", "its own words", "the dialler's side", "in order"] {
        here.act(move |cx| cx.dial(to, Speech::Plain)).await;
        let mut fake = listener.accept().await;
        here.expect("Opened", |event| matches!(event, Event::Opened { .. }).then_some(())).await;
        fake.send(&encoded(Toy::Switch)).await;
        here.message().await;
        if case == "in order" {
            let mut peer = SealedPeer::over(fake, Seal::Acceptor, &own).await;
            peer.expect(&encoded(Toy::Number(77))).await;
            assert_eq!(here.sealed().await.1, own.public());
            continue;
        }
        let first = fake.read_exact(HANDSHAKE_BYTES[0] as usize).await;
        let answer = match case {
            "another prologue" => {
                let foreign = Handshake::with_prologue(Seal::Acceptor, &own, b"another protocol");
                foreign.take(&first).map(|(reply, _)| reply).expect("the first message is a mere key")
            }
            "garbage" => [vec![0, 96], content(96)].concat(),
            "its own words" => first,
            _ => Handshake::new(Seal::Dialler, &own).start(),
        };
        fake.send(&answer).await;
        assert_eq!(here.closed().await.1, CloseReason::Protocol, "{case}");
        assert!(fake.read_to_end().await.is_empty(), "{case}: nothing leaves without a seal");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_was_changed_left_out_repeated_or_moved_ends_the_stream() {
    let mut here = sealing_node(Limits::default()).await;
    let mut bystander = sealed(&mut here).await;
    let number = encoded(Toy::Number(10));
    for case in 0..9 {
        let mut peer = sealed(&mut here).await;
        let (mut record, next) = (peer.seal(&number), peer.seal(&number));
        let last = record.len() - 1;
        let bytes = match case {
            // A bit in the length, so that the record is shorter; in what is sealed; in the tag.
            0 => flipped(&mut record, 1),
            1 => flipped(&mut record, 2),
            2 => flipped(&mut record, last - 16),
            3 => flipped(&mut record, last),
            // The next without the one before; both in the wrong order.
            4 => next,
            5 => [next, record].concat(),
            // Garbage as long as a record's tag, and as long as a record can be.
            6 => [vec![0, 16], content(16)].concat(),
            7 => [vec![0xFF, 0xFF], content(65_535)].concat(),
            // Plain bytes, as if nothing had been agreed.
            _ => [number.clone(), content(1_000)].concat(),
        };
        peer.raw.send(&bytes).await;
        ended(&mut here, &mut peer.raw, CloseReason::Protocol).await;
    }
    // The first is good, and is answered; its repeat is not.
    let mut peer = sealed(&mut here).await;
    let record = peer.seal(&number);
    peer.raw.send(&[record.clone(), record].concat()).await;
    assert_eq!(here.message().await.1, Toy::Number(10));
    ended(&mut here, &mut peer.raw, CloseReason::Protocol).await;
    still_answers(&mut here, &mut bystander).await;
}

fn flipped(record: &mut [u8], at: usize) -> Vec<u8> {
    record[at] ^= 1;
    record.to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_shorter_than_its_tag_ends_the_stream_at_once() {
    let mut here = sealing_node(Limits::default()).await;
    for len in [0, 1, 15] {
        let mut peer = sealed(&mut here).await;
        peer.raw.send(&[vec![0, len], vec![0; usize::from(len)]].concat()).await;
        ended(&mut here, &mut peer.raw, CloseReason::Protocol).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_was_cut_does_not_look_like_one_that_ended() {
    let mut here = sealing_node(Limits::default()).await;
    let number = encoded(Toy::Number(10));
    let record_len = number.len() + RECORD_OVERHEAD_BYTES;
    // In the length, in the middle, between two records, and in the good-bye itself; then not at all.
    for cut in [1, 2, 20, record_len - 1, record_len, record_len + 17, record_len + 18] {
        let mut peer = sealed(&mut here).await;
        let bytes = [peer.seal(&number), peer.good_bye()].concat();
        peer.raw.send(&bytes[..cut]).await;
        peer.raw.end().await;
        if cut >= record_len {
            assert_eq!(here.message().await.1, Toy::Number(10));
        }
        let whole = cut == bytes.len();
        let reason = if whole { CloseReason::Remote } else { CloseReason::Reset };
        assert_eq!(here.closed().await.1, reason, "cut after {cut} bytes");
    }
    // In the handshake.
    for cut in [0, 1, 2, 33] {
        let mut fake = agreed(&mut here).await;
        fake.send(&Handshake::new(Seal::Dialler, &Identity::generate()).start()[..cut]).await;
        fake.end().await;
        assert_eq!(here.closed().await.1, CloseReason::Reset);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_bye_inside_a_message_is_no_good_end_and_nothing_counts_after_it() {
    let mut here = sealing_node(Limits::default()).await;
    let mut peer = sealed(&mut here).await;
    let half = &encoded(Toy::Number(1))[..7];
    let bytes = [peer.seal(half), peer.good_bye()].concat();
    peer.raw.send(&bytes).await;
    assert_eq!(here.closed().await.1, CloseReason::Reset);

    let mut peer = sealed(&mut here).await;
    let bytes = [peer.good_bye(), peer.seal(&encoded(Toy::Number(1)))].concat();
    peer.raw.send(&bytes).await;
    assert_eq!(here.closed().await.1, CloseReason::Remote);
    nothing_comes(&mut here).await;
}

/// No event is waiting, but for timers that a test has set before.
async fn nothing_comes(here: &mut Node) {
    here.act(|cx| cx.wake(Duration::ZERO, 4)).await;
    let timer = |event: Event<Toy, u32>| match event {
        Event::Timer(timer) => Some(timer),
        _ => None,
    };
    while here.expect("timers and nothing else", timer).await != 4 {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_was_listened_to_cannot_be_played_again() {
    let mut here = sealing_node(Limits::default()).await;
    let identity = Identity::generate();
    // What a listener has heard of a good session, from the first byte to the last.
    let mut fake = agreed(&mut here).await;
    let mut handshake = Handshake::new(Seal::Dialler, &identity);
    let first = handshake.start();
    fake.send(&first).await;
    let answer = fake.read_exact(handshake.awaits()).await;
    let (last, progress) = handshake.take(&answer).expect("the node knows the handshake");
    let common::seal::Progress::Through(mut through) = progress else {
        panic!("the third message is the last")
    };
    let mut order = Vec::new();
    let order_len = through.sealer.seal(&encoded(Toy::Number(100)), &mut order);
    fake.send(&[&last[..], &order[..order_len]].concat()).await;
    here.sealed().await;
    assert_eq!(here.message().await.1, Toy::Number(100));
    drop(fake);
    here.closed().await;

    let mut again = agreed(&mut here).await;
    again.send(&[&first[..], &last, &order[..order_len]].concat()).await;
    ended(&mut here, &mut again, CloseReason::Protocol).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_in_the_handshake_has_its_time_and_dripping_does_not_stretch_it() {
    let short = Duration::from_millis(120);
    let limits = Limits { handshake_timeout: short, ..Limits::default() };
    let mut here = sealing_node(limits).await;
    let first = Handshake::new(Seal::Dialler, &Identity::generate()).start();
    for drips in [false, true] {
        let before = here.act(|cx| cx.now()).await;
        let mut fake = agreed(&mut here).await;
        let mut bytes = first.iter().take(if drips { first.len() - 1 } else { 0 });
        let closed_at = loop {
            if bytes.len() > 0 {
                here.act(move |cx| cx.wake(short / 20, 0)).await;
            }
            match here.next().await {
                (_, Event::Timer(0)) => {
                    if let Some(byte) = bytes.next() {
                        fake.send_if_open(std::slice::from_ref(byte)).await;
                    }
                }
                (at, Event::Closed { reason: CloseReason::Timeout, .. }) => break at,
                (_, other) => panic!("{other:?}"),
            }
        };
        assert!(closed_at.since(before) >= short, "{:?}", closed_at.since(before));
        assert!(!drips || bytes.len() > 0, "it did not wait for the last byte");
        fake.read_to_end().await;
        nothing_comes(&mut here).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_in_the_middle_of_a_record_has_its_time_too() {
    let short = Duration::from_millis(100);
    let limits = Limits { idle_timeout: short, ..Limits::default() };
    let mut here = sealing_node(limits).await;
    let mut peer = sealed(&mut here).await;
    let record = peer.seal(&encoded(Toy::Number(1)));
    peer.raw.send(&record[..10]).await;
    ended(&mut here, &mut peer.raw, CloseReason::Timeout).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_dribbles_cannot_keep_a_closed_connection_whose_handshake_is_not_through() {
    let short = Duration::from_millis(100);
    let limits = Limits { handshake_timeout: short, connections_per_address_max: 1, ..Limits::default() };
    let mut here = reacting(Setting { limits, ..Setting::default() }, |event, cx| {
        if let Event::Message { conn, message: Toy::Switch } = event {
            cx.send(*conn, Toy::Switch);
            cx.resume_as(*conn, Speech::Sealed(Seal::Acceptor));
            cx.send(*conn, Toy::Number(1));
            cx.close(*conn);
        }
    })
    .await;
    let mut fake = agreed(&mut here).await;
    fake.send(&[0]).await;
    // The place of this address is free again only when the connection's task has given up.
    fake.expect_close().await;
    let mut next = SealedPeer::over(agreed(&mut here).await, Seal::Dialler, &Identity::generate()).await;
    next.expect(&encoded(Toy::Number(1))).await;
    next.expect_good_bye().await;
}
