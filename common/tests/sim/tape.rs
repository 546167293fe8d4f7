//! What is recorded of a run: all of it, at its times, with its bytes; and nothing of the run is changed by it.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::puppet::{Puppet, Seen, Word, address, millis, span};
use crate::repeat::run_recorded;
use common::metrics::NodeLoad;
use common::net::{Line, NodeId};
use common::peer::{CloseReason, FileId, Place, Time};
use common::seal::Seal;
use common::sim::{Config, Entry, Happening, Recording, Sim, TapeLimits};
use common::testing::Swarm;

fn on_tape(mut swarm: Swarm<Puppet>) -> Recording {
    swarm.sim.record(TapeLimits::default());
    swarm.settle();
    swarm.sim.take_recording().expect("it was recorded")
}

/// What went from and to a node, by the tape.
fn load(tape: &Recording, node: NodeId) -> NodeLoad {
    let mut load = NodeLoad::default();
    for entry in &tape.entries {
        let (leaves, arrives) = (entry.node == node, entry.far == Some(node));
        match entry.what {
            Happening::Message { text, taken } => {
                leaves.then(|| load.sent.add(text.len));
                (arrives && taken.is_some()).then(|| load.received.add(text.len));
            }
            Happening::Chunk { span, taken, .. } => {
                load.body_sent += if leaves { span.len } else { 0 };
                load.body_received += if arrives && taken.is_some() { span.len } else { 0 };
            }
            _ => {}
        }
    }
    load
}

fn faulty(seed: u64) -> Config {
    Config { seed, loss: 0.05, corruption: 0.02, ..Config::default() }
}

#[test]
fn a_run_is_the_same_recorded_or_not() {
    for config in [Config { seed: 5, ..Config::default() }, faulty(6)] {
        let (plain, _) = run_recorded(&config, None);
        let (taped, _) = run_recorded(&config, Some(TapeLimits::default()));
        assert_eq!(plain.digest(), taped.digest());
        assert_eq!((plain.events(), plain.dropped()), (taped.events(), taped.dropped()));
        assert_eq!(plain.by_kind(), taped.by_kind());
    }
}

#[test]
fn all_that_nodes_take_is_on_the_tape_and_all_that_leaves() {
    for seed in 0..8 {
        let (mut sim, _) = run_recorded(&faulty(seed), Some(TapeLimits::default()));
        let tape = sim.take_recording().unwrap();
        assert_eq!((tape.left_out, tape.unencodable), (0, 0));
        for node in (0..sim.len() as u32).map(NodeId) {
            let (counted, taped) = (sim.load(node), load(&tape, node));
            assert_eq!(taped.received, counted.received, "{node:?}");
            assert_eq!(taped.body_received, counted.body_received, "{node:?}");
            assert_eq!(taped.body_sent, counted.body_sent, "{node:?}");
            // Messages are counted when they are sent, and some never leave.
            assert!(taped.sent.messages <= counted.sent.messages, "{node:?}");
        }
        let count = |what: fn(&Happening) -> bool| tape.entries.iter().filter(|e| what(&e.what)).count();
        assert!(count(|what| matches!(what, Happening::Message { taken: None, .. })) > 0, "some got lost");
        assert_eq!(count(|what| *what == Happening::Dialled), tape.links.len());
        assert!(tape.entries.windows(2).all(|pair| pair[0].at <= pair[1].at));
    }
}

/// Node 0 dials node 1 and says this much; node 1 takes a body of 3,000 bytes after a word that announces it.
fn conversation(line: Line) -> Recording {
    let mut swarm = Swarm::seeded(1);
    let talker = Puppet::new(|seen, conn, cx| match seen {
        Seen::Start => {
            let conn = cx.dial(address(1), None);
            cx.send(conn, Word(7, 10));
        }
        Seen::Dialled => {
            cx.send(conn.unwrap(), Word(-3000, 4));
            cx.send_body(conn.unwrap(), span(3_000));
            cx.send(conn.unwrap(), Word(8, 2));
        }
        Seen::Word(9) => cx.close(conn.unwrap()),
        _ => {}
    });
    swarm.add_behind(talker, line);
    let listener = Puppet::new(|seen, conn, cx| match seen {
        Seen::Word(-3000) => cx.receive(conn.unwrap(), 3_000, crate::puppet::INTO),
        Seen::Word(8) => cx.send(conn.unwrap(), Word(9, 3)),
        _ => {}
    });
    swarm.add(listener);
    on_tape(swarm)
}

fn times(entry: &Entry) -> (Time, Option<Time>) {
    match entry.what {
        Happening::Message { taken, .. } | Happening::Chunk { taken, .. } => (entry.at, taken),
        _ => (entry.at, None),
    }
}

#[test]
fn a_conversation_is_written_down_in_order_with_its_times_and_bytes() {
    let tape = conversation(Line::default());
    let [link] = tape.links[..] else { panic!("{:?}", tape.links) };
    assert_eq!((link.dialler, link.to, link.acceptor), (NodeId(0), address(1), Some(NodeId(1))));
    // The core's delay is 20 ms.
    let taken = |ms| Some(millis(ms));
    let told: Vec<_> = tape.entries.iter().map(|entry| (entry.node.0, times(entry))).collect();
    assert_eq!(
        told,
        [
            (0, (millis(0), None)),
            (1, (millis(20), None)),
            (0, (millis(40), None)),
            (0, (millis(40), taken(60))),
            (0, (millis(40), taken(60))),
            (0, (millis(40), taken(60))),
            (0, (millis(40), taken(60))),
            (1, (millis(60), taken(80))),
            (0, (millis(80), None)),
            (1, (millis(100), None)),
        ]
    );
    let words: Vec<&[u8]> = tape
        .entries
        .iter()
        .filter_map(|entry| match entry.what {
            Happening::Message { text, .. } => Some(tape.bytes(text)),
            _ => None,
        })
        .collect();
    assert_eq!(words, [&[7; 10][..], &[(-3000_i32) as u8; 4], &[8; 2], &[9; 3]]);
    let Happening::Chunk { span: part, into, .. } = tape.entries[5].what else { panic!("{tape:?}") };
    assert_eq!((part, into), (span(3_000), crate::puppet::INTO));
    assert_eq!(tape.entries[8].what, Happening::Closed(CloseReason::Remote));
    assert_eq!(tape.entries[9].what, Happening::Ended(CloseReason::Remote));
}

#[test]
fn what_waits_for_a_thin_line_is_on_the_tape_when_it_has_left() {
    // 8 kbit/s are a byte a millisecond; 3,000 bytes go in chunks of 1,460.
    let line = Line::kbps(1_000, 8, Duration::ZERO);
    let tape = conversation(line);
    let left: Vec<u64> = tape
        .entries
        .iter()
        .filter(|entry| entry.node == NodeId(0) && times(entry).1.is_some())
        .map(|entry| entry.at.0 / 1_000_000)
        .collect();
    assert_eq!(left, [50, 54, 54 + 1_460, 54 + 2_920, 54 + 3_000, 54 + 3_002]);
    let put = |entry: &Entry| match entry.what {
        Happening::Chunk { into: Some(Place { file: FileId(_), offset }), .. } => Some(offset),
        _ => None,
    };
    let offset = crate::puppet::INTO.unwrap().offset;
    let places: Vec<u64> = tape.entries.iter().filter_map(put).collect();
    assert_eq!(places, [offset, offset + 1_460, offset + 2_920]);
}

#[test]
fn a_full_tape_counts_what_it_leaves_out_and_the_run_goes_on() {
    let config = Config { seed: 5, ..Config::default() };
    let (plain, _) = run_recorded(&config, None);
    let (mut whole, _) = run_recorded(&config, Some(TapeLimits::default()));
    let whole = whole.take_recording().unwrap();
    let limits = [
        TapeLimits { entries_max: 100, ..TapeLimits::default() },
        TapeLimits { bytes_max: 1_000, ..TapeLimits::default() },
    ];
    for limits in limits {
        let (mut sim, _): (Sim<Puppet>, _) = run_recorded(&config, Some(limits));
        let part = sim.take_recording().unwrap();
        assert!(!part.entries.is_empty() && part.entries.len() < whole.entries.len());
        let on_whole: BTreeSet<_> =
            whole.entries.iter().map(|e| (times(e), e.node, e.link.map(|l| l.0))).collect();
        let known = |e: &Entry| on_whole.contains(&(times(e), e.node, e.link.map(|l| l.0)));
        assert!(part.entries.iter().all(known), "what is there is as on the whole tape");
        assert!(part.left_out > 0);
        assert_eq!(sim.digest(), plain.digest());
    }
}

#[test]
fn a_sealed_connection_is_there_as_under_its_seal() {
    let side = |side: Seal, first: bool| {
        Puppet::new(move |seen, conn, cx| match seen {
            Seen::Start if first => {
                cx.dial(address(1), None);
            }
            Seen::Dialled => cx.send(conn.unwrap(), Word(-1, 1)),
            Seen::Word(-1) => {
                (!first).then(|| cx.send(conn.unwrap(), Word(-1, 1)));
                cx.resume_as(conn.unwrap(), Some(side));
            }
            Seen::Sealed(_) => cx.send(conn.unwrap(), Word(5, 6)),
            _ => {}
        })
    };
    let mut swarm = Swarm::seeded(1);
    swarm.add(side(Seal::Dialler, true));
    swarm.add(side(Seal::Acceptor, false));
    let tape = on_tape(swarm);
    let said = |node: u32| {
        let texts = tape.entries.iter().filter(|entry| entry.node == NodeId(node));
        let bytes = texts.filter_map(|entry| match entry.what {
            Happening::Message { text, taken: Some(_) } => Some(tape.bytes(text)),
            _ => None,
        });
        bytes.collect::<Vec<_>>().concat()
    };
    assert_eq!((said(0), said(1)), (vec![255, 5, 5, 5, 5, 5, 5], vec![255, 5, 5, 5, 5, 5, 5]));
}

#[test]
fn datagrams_are_there_whether_they_arrive_or_not() {
    let mut swarm = Swarm::seeded(1);
    swarm.add(Puppet::new(|seen, _, cx| {
        if seen == Seen::Start {
            cx.send_to(address(1), Word(1, 30));
            cx.send_to(address(99), Word(2, 40));
        }
    }));
    swarm.add(Puppet::idle());
    let tape = on_tape(swarm);
    let sent = |entry: &Entry| match entry.what {
        Happening::Datagram { text, arrived } => (entry.far, tape.bytes(text).to_vec(), arrived),
        _ => panic!("{entry:?}"),
    };
    let sent: Vec<_> = tape.entries.iter().map(sent).collect();
    assert_eq!(sent, [(Some(NodeId(1)), vec![1; 30], Some(millis(20))), (None, vec![2; 40], None)]);
}
