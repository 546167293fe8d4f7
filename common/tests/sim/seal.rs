//! Sealed connections in the simulator: when they are sealed, what that costs, and what breaks them. The core's delay is 20 ms
//! throughout.

use crate::puppet::{
    Hands, INTO, Puppet, Seen, Word, address, bytes_per_second, dial_all, millis, poke, span,
};
use common::metrics::Sealing;
use common::net::{Attachment, Line, NodeId};
use common::peer::{CloseReason, PublicKey};
use common::seal::{HANDSHAKE_BYTES, RECORD_OVERHEAD_BYTES, Seal, sealing_bytes};
use common::sim::Config;
use common::testing::Swarm;

const RECORD: u64 = RECORD_OVERHEAD_BYTES as u64;

/// Asks who it dials to seal, and does its part; then what the test says. A word of -1 asks and agrees.
fn dialler(
    side: Option<Seal>,
    mut then: impl FnMut(Seen, &mut Hands<'_>, common::peer::ConnId) + 'static,
) -> Puppet {
    Puppet::new(move |seen, conn, cx| match (seen, conn) {
        (Seen::Start, _) => dial_all(&[address(1)], cx),
        (Seen::Dialled, Some(conn)) => cx.send(conn, Word(-1, 1)),
        (Seen::Word(-1), Some(conn)) => {
            cx.resume_as(conn, side);
            then(seen, cx, conn);
        }
        (_, Some(conn)) => then(seen, cx, conn),
        _ => {}
    })
}

/// Agrees to seal, and does its part.
fn acceptor(
    side: Option<Seal>,
    mut then: impl FnMut(Seen, &mut Hands<'_>, common::peer::ConnId) + 'static,
) -> Puppet {
    Puppet::new(move |seen, conn, cx| match (seen, conn) {
        (Seen::Word(-1), Some(conn)) => {
            cx.send(conn, Word(-1, 1));
            cx.resume_as(conn, side);
            then(seen, cx, conn);
        }
        (_, Some(conn)) => then(seen, cx, conn),
        _ => {}
    })
}

const DIALS: Option<Seal> = Some(Seal::Dialler);
const ACCEPTS: Option<Seal> = Some(Seal::Acceptor);

fn run(a: Puppet, b: Puppet) -> (Swarm<Puppet>, NodeId, NodeId) {
    run_over(a, b, Line::default(), Config::seeded(1))
}

fn run_over(a: Puppet, b: Puppet, line: Line, config: Config) -> (Swarm<Puppet>, NodeId, NodeId) {
    let mut swarm = Swarm::new(config);
    let at = |swarm: &mut Swarm<Puppet>, puppet| {
        swarm.add_at(puppet, 7000, Attachment { line, firewalled: false })
    };
    let (a, b) = (at(&mut swarm, a), at(&mut swarm, b));
    swarm.settle();
    (swarm, a, b)
}

/// The key that the other side must have seen.
fn key(node: u32) -> PublicKey {
    PublicKey::simulated(1, address(node))
}

#[test]
fn a_handshake_takes_a_trip_for_each_message_and_what_is_sent_meanwhile_waits() {
    let (swarm, a, b) = run(
        dialler(DIALS, |seen, cx, conn| {
            if seen == Seen::Word(-1) {
                assert_eq!(cx.public_key(), key(0));
                cx.send(conn, Word(1, 10));
            }
        }),
        acceptor(ACCEPTS, |seen, cx, conn| {
            if seen == Seen::Word(-1) {
                cx.send(conn, Word(2, 10));
            }
        }),
    );
    // Open at 40 ms, asked at 60, agreed at 80; then e at 100, its answer at 120, the last message at 140.
    assert_eq!(swarm.peer(a).time_of(Seen::Sealed(key(1))), millis(120));
    assert_eq!(swarm.peer(b).time_of(Seen::Sealed(key(0))), millis(140));
    assert_eq!(swarm.peer(b).events()[2..], [Seen::Word(-1), Seen::Sealed(key(0)), Seen::Word(1)]);
    assert_eq!(swarm.peer(b).time_of(Seen::Word(1)), millis(140));
    assert_eq!(swarm.peer(a).time_of(Seen::Word(2)), millis(160));
    let [e, answer, last] = HANDSHAKE_BYTES.map(u64::from);
    assert_eq!(swarm.sim.sealing(a), Sealing { sent: e + last + RECORD, received: answer + RECORD });
    assert_eq!(swarm.sim.sealing(b), Sealing { sent: answer + RECORD, received: e + last + RECORD });
    assert_eq!(swarm.sim.load(a).sent.bytes, 11, "the wire's own bytes are counted apart");
}

#[test]
fn the_line_carries_the_seal_too() {
    // 1,000 bytes a second up, and nothing else takes time but the core's 20 ms.
    let line = Line { down_bps: None, ..bytes_per_second(1_000, 1_000) };
    let (swarm, a, b) = run_over(
        dialler(DIALS, |seen, cx, conn| {
            if matches!(seen, Seen::Sealed(_)) {
                cx.send(conn, Word(7, 100));
            }
        }),
        acceptor(ACCEPTS, |_, _, _| {}),
        line,
        Config::seeded(1),
    );
    // Open at 40 ms; each word of one byte takes 1 ms and 20 more.
    let agreed = 40 + 21 + 21;
    let through = agreed + (34 + 20) + (98 + 20);
    assert_eq!(swarm.peer(a).time_of(Seen::Sealed(key(1))), millis(through));
    assert_eq!(swarm.peer(b).time_of(Seen::Sealed(key(0))), millis(through + 66 + 20));
    assert_eq!(swarm.peer(b).time_of(Seen::Word(7)), millis(through + 66 + 100 + 18 + 20));
}

/// How long a body takes from the sender's word to the last byte, and what its seal took.
fn body_time(seal: bool, line: Line, len: u64) -> (f64, u64) {
    let (dials, accepts) = if seal { (DIALS, ACCEPTS) } else { (None, None) };
    let go = move |seen| matches!(seen, Seen::Sealed(_)) || (!seal && seen == Seen::Word(-1));
    let (swarm, a, b) = run_over(
        dialler(dials, move |seen, cx, conn| {
            if seen == Seen::Word(-2) {
                cx.receive(conn, len, INTO);
            }
        }),
        acceptor(accepts, move |seen, cx, conn| {
            if go(seen) {
                cx.send(conn, Word(-2, 1));
                cx.send_body(conn, span(len));
            }
        }),
        line,
        Config::seeded(1),
    );
    let start = swarm.peer(b).log.iter().find(|(_, seen)| go(*seen)).expect("it sends").0;
    let cost = swarm.sim.sealing(b).sent;
    assert_eq!(swarm.sim.sealing(a).received, cost, "what one sends the other receives");
    (swarm.peer(a).done_at().since(start).as_secs_f64(), cost)
}

#[test]
fn a_body_takes_longer_by_a_record_for_each_chunk_on_either_kind_of_line() {
    const LEN: u64 = 10_000_000;
    for line in [
        Line { down_bps: None, ..bytes_per_second(1_000_000, 1_000_000) },
        Line { up_bps: None, ..bytes_per_second(1_000_000, 1_000_000) },
    ] {
        let ((plain, none), (sealed, cost)) = (body_time(false, line, LEN), body_time(true, line, LEN));
        assert_eq!(none, 0);
        let chunks = LEN.div_ceil(16 * 1024);
        // The handshake's answer, the word that announces the body, and the chunks.
        let records = u64::from(HANDSHAKE_BYTES[1]) + RECORD * (chunks + 1);
        assert_eq!(cost, records);
        let by = (sealed - plain) * 1e6;
        assert!((by - (RECORD * (chunks + 1)) as f64).abs() < 200.0, "longer by {by} bytes' time");
    }
}

#[test]
fn several_messages_in_one_event_cost_a_record_each() {
    let (swarm, a, b) = run(
        dialler(DIALS, |seen, cx, conn| {
            if matches!(seen, Seen::Sealed(_)) {
                (0..5).for_each(|n| cx.send(conn, Word(n, 100)));
                cx.send(conn, Word(5, 70_000));
            }
        }),
        acceptor(ACCEPTS, |_, _, _| {}),
    );
    let [e, _, last] = HANDSHAKE_BYTES.map(u64::from);
    assert_eq!(swarm.sim.sealing(a).sent, e + last + 5 * RECORD + sealing_bytes(70_000) as u64);
    assert_eq!(sealing_bytes(70_000), 2 * RECORD_OVERHEAD_BYTES);
    assert_eq!(swarm.sim.sealing(b).received, swarm.sim.sealing(a).sent);
}

#[test]
fn a_seal_is_never_taken_off() {
    let (swarm, a, b) = run(
        dialler(DIALS, |seen, cx, conn| match seen {
            Seen::Sealed(_) => cx.send(conn, Word(-2, 1)),
            Seen::Word(-3) => {
                cx.resume_as(conn, ACCEPTS);
                cx.send(conn, Word(4, 1));
            }
            _ => {}
        }),
        acceptor(ACCEPTS, |seen, cx, conn| {
            if seen == Seen::Word(-2) {
                cx.resume_as(conn, None);
                cx.send(conn, Word(-3, 1));
            }
        }),
    );
    assert_eq!(swarm.peer(b).events().last(), Some(&Seen::Word(4)));
    let [e, answer, last] = HANDSHAKE_BYTES.map(u64::from);
    assert_eq!(swarm.sim.sealing(a), Sealing { sent: e + last + 2 * RECORD, received: answer + RECORD });
}

#[test]
fn whoever_goes_on_in_plain_ends_the_connection_as_garbage_would() {
    let (swarm, a, b) = run(
        dialler(None, |seen, cx, conn| {
            if seen == Seen::Word(-1) {
                cx.send(conn, Word(1, 10));
            }
        }),
        acceptor(ACCEPTS, |_, _, _| {}),
    );
    assert_eq!(swarm.peer(b).events().last(), Some(&Seen::Closed(CloseReason::Protocol)));
    assert_eq!(swarm.peer(a).events().last(), Some(&Seen::Closed(CloseReason::Reset)));
    // And a handshake's message where none is awaited.
    let (swarm, _, b) = run(dialler(DIALS, |_, _, _| {}), acceptor(None, |_, _, _| {}));
    assert_eq!(swarm.peer(b).events().last(), Some(&Seen::Closed(CloseReason::Protocol)));
}

#[test]
fn two_that_take_the_same_side_get_nowhere() {
    let (swarm, a, b) = run(dialler(DIALS, |_, _, _| {}), acceptor(DIALS, |_, _, _| {}));
    for node in [a, b] {
        let Some(Seen::Closed(reason)) = swarm.peer(node).events().last().copied() else { panic!("it ends") };
        assert!(matches!(reason, CloseReason::Protocol | CloseReason::Reset), "{reason}");
    }
    let (swarm, a, b) = run(dialler(ACCEPTS, |_, _, _| {}), acceptor(ACCEPTS, |_, _, _| {}));
    // Both wait for the other to begin. The one that had agreed first gives up first.
    let patience = swarm.sim.config().patience;
    assert_eq!(swarm.peer(b).time_of(Seen::Closed(CloseReason::Timeout)), millis(60) + patience);
    assert_eq!(swarm.peer(a).time_of(Seen::Closed(CloseReason::Timeout)), millis(80) + patience);
}

#[test]
fn what_was_sent_before_a_close_arrives_even_if_the_handshake_was_not_through() {
    let (swarm, a, b) = run(
        dialler(DIALS, |seen, cx, conn| {
            if seen == Seen::Word(-1) {
                cx.send(conn, Word(1, 10));
                cx.close(conn);
            }
        }),
        acceptor(ACCEPTS, |_, _, _| {}),
    );
    let tail = [Seen::Sealed(key(0)), Seen::Word(1), Seen::Closed(CloseReason::Remote)];
    assert!(swarm.peer(b).events().ends_with(&tail), "{:?}", swarm.peer(b).events());
    assert_eq!(swarm.peer(a).events().last(), Some(&Seen::Word(-1)), "who has closed hears nothing more");

    let (swarm, a, _) = run(
        dialler(DIALS, |_, _, _| {}),
        acceptor(ACCEPTS, |seen, cx, conn| {
            if seen == Seen::Word(-1) {
                cx.send(conn, Word(2, 10));
                cx.close(conn);
            }
        }),
    );
    let tail = [Seen::Sealed(key(1)), Seen::Word(2), Seen::Closed(CloseReason::Remote)];
    assert!(swarm.peer(a).events().ends_with(&tail), "{:?}", swarm.peer(a).events());
    assert_eq!(swarm.sim.coming(), 0);
}

#[test]
fn who_vanishes_in_the_handshake_has_not_closed_in_good_order() {
    // It closes instead of doing its part: in plain, which is no end of a handshake.
    let (swarm, a, _) = run(
        dialler(DIALS, |_, _, _| {}),
        Puppet::new(|seen, conn, cx| {
            if seen == Seen::Word(-1) {
                cx.send(conn.unwrap(), Word(-1, 1));
                cx.close(conn.unwrap());
            }
        }),
    );
    assert_eq!(swarm.peer(a).events().last(), Some(&Seen::Closed(CloseReason::Reset)));
}

#[test]
fn a_sealed_chunk_that_is_changed_on_its_way_ends_the_connection() {
    let config = Config { corruption: 1.0, ..Config::seeded(1) };
    let (swarm, a, b) = run_over(
        dialler(DIALS, |seen, cx, conn| {
            if seen == Seen::Word(-2) {
                cx.receive(conn, 100_000, INTO);
            }
        }),
        acceptor(ACCEPTS, |seen, cx, conn| {
            if matches!(seen, Seen::Sealed(_)) {
                cx.send(conn, Word(-2, 1));
                cx.send_body(conn, span(100_000));
            }
        }),
        Line::default(),
        config,
    );
    assert_eq!(swarm.peer(a).events().last(), Some(&Seen::Closed(CloseReason::Protocol)));
    assert_eq!(swarm.peer(b).events().last(), Some(&Seen::Closed(CloseReason::Reset)));
    assert!(!swarm.peer(a).events().iter().any(|seen| matches!(seen, Seen::Body(_) | Seen::Done(_))));
}

#[test]
#[should_panic(expected = "sealed by resume_as")]
fn a_dial_that_would_seal_is_a_bug_of_the_peer() {
    let mut swarm = Swarm::seeded(1);
    let node = swarm.add(Puppet::new(|seen, _, cx| {
        if seen == Seen::Command {
            cx.dial(address(0), DIALS);
        }
    }));
    swarm.command(node, poke());
    swarm.settle();
}
