//! The life of connections in the simulator: times, order, closes, pauses, stale ids. The core's delay is 20 ms throughout.

use std::time::Duration;

use crate::puppet::{INTO, Puppet, Seen, Word, address, dial_all, far_away, millis, poke, run, span};
use common::net::{Attachment, Line, NodeId};
use common::peer::{Announced, Arrival, CloseReason, ConnId};
use common::sim::Config;
use common::testing::Swarm;

/// Dials node 1 at its start.
fn dialler(mut then: impl FnMut(Seen, Option<ConnId>, &mut crate::puppet::Hands<'_>) + 'static) -> Puppet {
    Puppet::new(move |seen, conn, cx| {
        if seen == Seen::Start {
            cx.dial(address(1), None);
        }
        then(seen, conn, cx);
    })
}

/// Does one thing when it is dialled.
fn acceptor(mut then: impl FnMut(ConnId, &mut crate::puppet::Hands<'_>) + 'static) -> Puppet {
    Puppet::new(move |seen, conn, cx| {
        if seen == Seen::Accepted {
            then(conn.unwrap(), cx);
        }
    })
}

#[test]
fn latencies_add_up_and_a_dial_takes_a_round_trip() {
    let mut swarm = Swarm::seeded(1);
    let a = swarm.add_at(
        dialler(|seen, conn, cx| {
            if seen == Seen::Dialled {
                cx.send(conn.unwrap(), Word(1, 10));
            }
        }),
        7000,
        far_away(Duration::from_millis(3)),
    );
    let b = swarm.add_at(Puppet::idle(), 7000, far_away(Duration::from_millis(7)));
    swarm.settle();
    assert_eq!(swarm.peer(b).time_of(Seen::Accepted), millis(30));
    assert_eq!(swarm.peer(a).time_of(Seen::Dialled), millis(60));
    assert_eq!(swarm.peer(b).time_of(Seen::Word(1)), millis(90));
    assert_eq!((swarm.sim.load(a).sent.bytes, swarm.sim.load(b).received.messages), (10, 1));
}

#[test]
fn what_is_sent_before_the_answer_leaves_when_it_opens() {
    let swarm = run(vec![
        Puppet::new(|seen, _, cx| {
            if seen == Seen::Start {
                let conn = cx.dial(address(1), None);
                cx.send(conn, Word(1, 1));
            }
        }),
        acceptor(|conn, cx| cx.send(conn, Word(2, 1))),
    ]);
    // The acceptor's first message comes together with the news that the connection is open, and after it.
    assert_eq!(swarm.peer(NodeId(0)).events(), [Seen::Start, Seen::Dialled, Seen::Word(2)]);
    assert_eq!(swarm.peer(NodeId(0)).time_of(Seen::Word(2)), millis(40));
    assert_eq!(swarm.peer(NodeId(1)).time_of(Seen::Word(1)), millis(60));
}

#[test]
fn nobody_and_a_firewall_refuse_after_a_round_trip() {
    let dial = |to| {
        Puppet::new(move |seen, _, cx| {
            if seen == Seen::Start {
                cx.dial(to, None);
            }
        })
    };
    let mut other_port = address(0);
    other_port.set_port(9);
    let mut swarm = Swarm::seeded(1);
    let firewalled = swarm.add_firewalled(dial(address(1)));
    let open = swarm.add(Puppet::idle());
    let refused: Vec<_> = [address(99), address(0), other_port, "1.2.3.4:7000".parse().unwrap()]
        .map(|to| swarm.add(dial(to)))
        .into();
    swarm.settle();
    for node in refused {
        let peer = swarm.peer(node);
        assert_eq!(peer.events(), [Seen::Start, Seen::Closed(CloseReason::Refused)]);
        assert_eq!(peer.time_of(Seen::Closed(CloseReason::Refused)), millis(40));
    }
    // A firewalled node can dial.
    assert_eq!(swarm.peer(firewalled).events(), [Seen::Start, Seen::Dialled]);
    assert_eq!(swarm.peer(open).events(), [Seen::Start, Seen::Accepted]);
}

#[test]
fn a_close_flushes_first_and_only_the_far_side_hears_of_it() {
    let mut swarm = Swarm::seeded(1);
    let line = crate::puppet::bytes_per_second(1000, 1000);
    let a = swarm.add_behind(
        dialler(|seen, conn, cx| {
            if seen == Seen::Dialled {
                (1..=3).for_each(|n| cx.send(conn.unwrap(), Word(n, 100)));
                cx.close(conn.unwrap());
                cx.send(conn.unwrap(), Word(9, 1));
            }
        }),
        line,
    );
    let b = swarm.add(Puppet::idle());
    swarm.settle();
    let words = [Seen::Word(1), Seen::Word(2), Seen::Word(3), Seen::Closed(CloseReason::Remote)];
    assert_eq!(swarm.peer(b).events()[2..], words);
    assert_eq!(swarm.peer(b).time_of(words[3]), millis(40 + 300 + 20));
    assert_eq!(swarm.peer(a).events(), [Seen::Start, Seen::Dialled]);
    assert_eq!(swarm.sim.dropped().dead_effects, 1);
}

#[test]
fn a_close_before_the_answer_still_flushes() {
    let swarm = run(vec![
        Puppet::new(|seen, _, cx| {
            if seen == Seen::Start {
                let conn = cx.dial(address(1), None);
                cx.send(conn, Word(1, 1));
                cx.close(conn);
            }
        }),
        Puppet::idle(),
    ]);
    assert_eq!(swarm.peer(NodeId(0)).events(), [Seen::Start]);
    let heard = [Seen::Start, Seen::Accepted, Seen::Word(1), Seen::Closed(CloseReason::Remote)];
    assert_eq!(swarm.peer(NodeId(1)).events(), heard);
}

#[test]
fn closes_that_cross_are_heard_by_nobody_and_late_messages_are_dropped() {
    let close_on_poke =
        |seen, conn: &mut Option<ConnId>, new: Option<ConnId>, cx: &mut crate::puppet::Hands<'_>| {
            *conn = new.or(*conn);
            if seen == Seen::Command {
                cx.send(conn.unwrap(), Word(1, 1));
                cx.close(conn.unwrap());
            }
        };
    let (mut at_a, mut at_b) = (None, None);
    let mut swarm = Swarm::seeded(1);
    let a = swarm.add(dialler(move |seen, conn, cx| close_on_poke(seen, &mut at_a, conn, cx)));
    let b = swarm.add(Puppet::new(move |seen, conn, cx| close_on_poke(seen, &mut at_b, conn, cx)));
    swarm.settle();
    swarm.command(a, poke());
    swarm.command(b, poke());
    swarm.settle();
    for node in [a, b] {
        assert_eq!(swarm.peer(node).events()[2..], [Seen::Command]);
    }
    assert_eq!(swarm.sim.dropped().late_arrivals, 2);
}

#[test]
fn a_slot_used_again_does_not_hear_its_last_owner() {
    // Node 0 closes its connection to 1 while two words are on their way, and dials 2 on the same slot.
    let mut first = None;
    let mut swarm = Swarm::seeded(1);
    let a = swarm.add(dialler(move |seen, conn, cx| match seen {
        Seen::Dialled if first.is_none() => first = conn,
        Seen::Word(1) => {
            cx.close(first.unwrap());
            let second = cx.dial(address(2), None);
            assert_ne!(second, first.unwrap());
        }
        // What names the old connection is dropped.
        Seen::Dialled => cx.send(first.unwrap(), Word(7, 1)),
        _ => {}
    }));
    swarm.add(acceptor(|conn, cx| (1..=3).for_each(|n| cx.send(conn, Word(n, 1)))));
    let c = swarm.add(acceptor(|conn, cx| cx.send(conn, Word(5, 1))));
    swarm.settle();
    let heard = [Seen::Start, Seen::Dialled, Seen::Word(1), Seen::Dialled, Seen::Word(5)];
    assert_eq!(swarm.peer(a).events(), heard);
    assert_eq!(swarm.peer(c).events(), [Seen::Start, Seen::Accepted]);
    assert_eq!((swarm.sim.dropped().late_arrivals, swarm.sim.dropped().dead_effects), (2, 1));
}

#[test]
fn a_paused_connection_holds_everything_in_order_until_the_peer_reads_on() {
    let mut paused = None;
    let mut swarm = Swarm::seeded(1);
    let a = swarm.add(dialler(move |seen, conn, cx| match seen {
        Seen::Word(-1) => paused = conn,
        Seen::Command => cx.receive(paused.unwrap(), 40_000, INTO),
        Seen::Word(-3) => cx.resume(conn.unwrap()),
        _ => {}
    }));
    swarm.add(acceptor(|conn, cx| {
        cx.send(conn, Word(-1, 1));
        cx.send_body(conn, span(30_000));
        cx.send_body(conn, span(10_000));
        cx.send(conn, Word(2, 1));
        cx.send(conn, Word(-3, 1));
        cx.send(conn, Word(4, 1));
        cx.close(conn);
    }));
    swarm.settle();
    assert_eq!(swarm.peer(a).events(), [Seen::Start, Seen::Dialled, Seen::Word(-1)]);
    swarm.command(a, poke());
    swarm.settle();
    let rest = [
        Seen::Command,
        Seen::Body(16_384),
        Seen::Body(13_616),
        Seen::Done(10_000),
        Seen::Word(2),
        Seen::Word(-3),
        Seen::Word(4),
        Seen::Closed(CloseReason::Remote),
    ];
    assert_eq!(swarm.peer(a).events()[3..], rest);
}

#[test]
fn expected_bodies_are_told_once_they_are_whole_and_never_pause() {
    let place = INTO.unwrap();
    let announced = |len: u32| Announced { key: len.into(), len };
    let expecting = |revoked_at: Seen| {
        dialler(move |seen, conn, cx| {
            if seen == Seen::Dialled {
                cx.expect(conn.unwrap(), announced(40_000), place);
                cx.expect(conn.unwrap(), announced(5_000), place);
            }
            if seen == revoked_at {
                cx.unexpect(conn.unwrap(), 40_000);
            }
            if seen == Seen::Word(-40_000) {
                cx.receive(conn.unwrap(), 40_000, None);
            }
        })
    };
    let sending = || {
        acceptor(|conn, cx| {
            cx.send(conn, Word(1, 1));
            for len in [40_000, 5_000] {
                cx.send(conn, Word(-len, 1));
                cx.send_body(conn, span(len as u64));
            }
            cx.send(conn, Word(2, 1));
        })
    };
    let arrived = [
        Seen::Start,
        Seen::Dialled,
        Seen::Word(1),
        Seen::Arrived(40_000, Arrival::Stored),
        Seen::Arrived(5_000, Arrival::Stored),
        Seen::Word(2),
    ];
    let swarm = run(vec![expecting(Seen::Command), sending()]);
    assert_eq!(swarm.peer(NodeId(0)).events(), arrived);
    let load = swarm.sim.load(NodeId(0));
    assert_eq!((load.received.messages, load.body_received), (4, 45_000));
    // Taken back before its message has come: that pauses.
    let swarm = run(vec![expecting(Seen::Word(1)), sending()]);
    let events = swarm.peer(NodeId(0)).events();
    assert_eq!(events[2..4], [Seen::Word(1), Seen::Word(-40_000)]);
    assert!(events.contains(&Seen::Done(40_000 - 2 * 16_384)), "{events:?}");
    assert_eq!(events[events.len() - 2..], arrived[4..]);
}

#[test]
fn an_expected_body_that_is_taken_back_while_it_comes_is_stored_no_further() {
    let mut swarm = Swarm::seeded(1);
    let mut conn_of = None;
    let slow = Attachment { line: Line { down_bps: Some(80_000), ..Line::default() }, firewalled: false };
    let a = swarm.add_at(
        dialler(move |seen, conn, cx| match seen {
            Seen::Dialled => {
                conn_of = conn;
                cx.expect(conn.unwrap(), Announced { key: 40_000, len: 40_000 }, INTO.unwrap());
            }
            Seen::Command => cx.unexpect(conn_of.unwrap(), 40_000),
            _ => {}
        }),
        7000,
        slow,
    );
    swarm.add(acceptor(|conn, cx| {
        cx.send(conn, Word(-40_000, 1));
        cx.send_body(conn, span(40_000));
    }));
    // Four seconds on its line: in the second one it is half there.
    swarm.run_for(Duration::from_secs(2));
    swarm.command(a, poke());
    swarm.settle();
    let heard = [Seen::Start, Seen::Dialled, Seen::Command, Seen::Arrived(40_000, Arrival::Unexpected)];
    assert_eq!(swarm.peer(a).events(), heard);
}

#[test]
fn a_body_of_no_bytes_is_done_at_once() {
    let swarm = run(vec![
        dialler(|seen, conn, cx| {
            if seen == Seen::Word(-1) {
                cx.receive(conn.unwrap(), 0, None);
            }
        }),
        acceptor(|conn, cx| {
            cx.send(conn, Word(-1, 1));
            cx.send_body(conn, span(0));
            cx.send(conn, Word(2, 1));
        }),
    ]);
    let heard = [Seen::Start, Seen::Dialled, Seen::Word(-1), Seen::Done(0), Seen::Word(2)];
    assert_eq!(swarm.peer(NodeId(0)).events(), heard);
}

#[test]
fn bytes_where_a_message_should_be_break_the_protocol_and_the_other_way_round() {
    let receive_100 = || {
        dialler(|seen, conn, cx| {
            if seen == Seen::Word(-1) {
                cx.receive(conn.unwrap(), 100, None);
            }
        })
    };
    let broken = |sender: Puppet| {
        let swarm = run(vec![receive_100(), sender]);
        assert_eq!(swarm.peer(NodeId(0)).events().last(), Some(&Seen::Closed(CloseReason::Protocol)));
        assert_eq!(swarm.peer(NodeId(1)).events().last(), Some(&Seen::Closed(CloseReason::Reset)));
    };
    broken(acceptor(|conn, cx| cx.send_body(conn, span(5))));
    broken(acceptor(|conn, cx| {
        cx.send(conn, Word(-1, 1));
        cx.send_body(conn, span(101));
    }));
    broken(acceptor(|conn, cx| {
        cx.send(conn, Word(-1, 1));
        cx.send_body(conn, span(99));
        cx.send(conn, Word(2, 1));
    }));
}

#[test]
fn a_close_in_the_middle_of_a_body_is_a_reset() {
    let swarm = run(vec![
        dialler(|seen, conn, cx| {
            if seen == Seen::Word(-1) {
                cx.receive(conn.unwrap(), 100, None);
            }
        }),
        acceptor(|conn, cx| {
            cx.send(conn, Word(-1, 1));
            cx.send_body(conn, span(60));
            cx.close(conn);
        }),
    ]);
    let end = [Seen::Word(-1), Seen::Body(60), Seen::Closed(CloseReason::Reset)];
    assert_eq!(swarm.peer(NodeId(0)).events()[2..], end);
}

#[test]
fn too_much_waiting_ends_the_connection() {
    let config = Config { waiting_max: 10, ..Config::default() };
    // Once at the sender's slow line, once at the receiver that does not read on.
    for (line, first) in [(crate::puppet::bytes_per_second(1, 1), 1), (Line::default(), -1)] {
        let mut swarm = Swarm::new(config.clone());
        let a = swarm.add(dialler(|_, _, _| {}));
        let b = swarm.add_at(
            acceptor(move |conn, cx| {
                cx.send(conn, Word(first, 1));
                (0..30).for_each(|_| cx.send(conn, Word(2, 1)));
            }),
            7000,
            Attachment { line, firewalled: false },
        );
        swarm.settle();
        assert_eq!(swarm.peer(b).events().last(), Some(&Seen::Closed(CloseReason::Overflow)));
        assert_eq!(swarm.sim.dropped().overflows, 1);
        // A peer that does not read does not hear of the end either.
        let heard = swarm.peer(a).events().last() == Some(&Seen::Closed(CloseReason::Reset));
        assert_eq!(heard, first > 0);
    }
}

#[test]
fn a_full_node_refuses_and_a_dial_beyond_the_limit_is_told() {
    let config = Config { connections_max: 2, ..Config::default() };
    let mut swarm = Swarm::new(config);
    let a = swarm.add(Puppet::new(|seen, _, cx| {
        if seen == Seen::Start {
            dial_all(&[address(1); 4], cx);
        }
    }));
    swarm.add(Puppet::idle());
    let c = swarm.add(dialler(|_, _, _| {}));
    swarm.settle();
    let limit = Seen::Closed(CloseReason::Limit);
    assert_eq!(swarm.peer(a).events(), [Seen::Start, limit, limit, Seen::Dialled, Seen::Dialled]);
    assert_eq!(swarm.peer(c).events(), [Seen::Start, Seen::Closed(CloseReason::Refused)]);
}

#[test]
fn pairs_differ_by_the_spread_and_both_ways_are_as_long() {
    let mut swarm = Swarm::new(Config { core_spread: Duration::from_millis(50), ..Config::default() });
    let server = swarm.add(Puppet::idle());
    let callers: Vec<_> = (0..20)
        .map(|_| {
            swarm.add(Puppet::new(|seen, _, cx| {
                if seen == Seen::Start {
                    dial_all(&[address(0)], cx);
                }
            }))
        })
        .collect();
    swarm.settle();
    let mut one_way: Vec<_> = swarm.peer(server).log[1..].iter().map(|(at, _)| at.0).collect();
    let mut round_trip: Vec<_> =
        callers.iter().map(|caller| swarm.peer(*caller).time_of(Seen::Dialled).0).collect();
    one_way.sort_unstable();
    round_trip.sort_unstable();
    assert!(one_way.iter().zip(&round_trip).all(|(one, both)| 2 * one == *both));
    assert!(millis(20).0 <= one_way[0] && one_way[19] < millis(70).0);
    assert!(one_way[19] - one_way[0] > millis(25).0);
}
