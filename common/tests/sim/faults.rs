//! Faults in the simulator: crashes, restarts, cuts, loss, corruption.

use std::time::Duration;

use crate::puppet::{
    INTO, Puppet, Seen, Word, address, bytes_per_second, dial_all, millis, poke, seconds, span, taker,
};
use common::digest::Digest;
use common::net::NodeId;
use common::peer::{CloseReason, ConnId, FileId};
use common::sim::Config;
use common::testing::Swarm;

/// Dials node 0 at its start, and says a word whenever it is poked.
fn caller() -> Puppet {
    let mut line = None;
    Puppet::new(move |seen, conn, cx| {
        line = conn.or(line);
        match seen {
            Seen::Start => dial_all(&[address(0)], cx),
            Seen::Command => cx.send(line.unwrap(), Word(1, 1)),
            _ => {}
        }
    })
}

fn received(swarm: &Swarm<Puppet>, node: NodeId) -> usize {
    swarm.peer(node).events().iter().filter(|seen| matches!(seen, Seen::Word(_))).count()
}

#[test]
fn a_crash_is_heard_after_the_latency_and_dials_are_refused_from_then_on() {
    let mut swarm = Swarm::seeded(1);
    let server = swarm.add(Puppet::new(|seen, _, cx| {
        if seen == Seen::Start {
            cx.wake(Duration::from_secs(5), 7);
        }
    }));
    let callers = [swarm.add(caller()), swarm.add(caller())];
    swarm.sim.crash_at(seconds(1.0), server);
    swarm.settle();
    let reset = Seen::Closed(CloseReason::Reset);
    for caller in callers {
        assert_eq!(swarm.peer(caller).events(), [Seen::Start, Seen::Dialled, reset]);
        assert_eq!(swarm.peer(caller).time_of(reset), millis(1020));
    }
    // No timer, no command, nothing.
    swarm.command(server, poke());
    let late = swarm.add(caller());
    swarm.settle();
    assert_eq!(swarm.peer(server).events(), [Seen::Start, Seen::Accepted, Seen::Accepted]);
    assert_eq!(swarm.peer(late).events(), [Seen::Start, Seen::Closed(CloseReason::Refused)]);
    assert!(!swarm.sim.is_up(server));
    assert_eq!(swarm.sim.dropped().commands, 1);
}

#[test]
fn a_restarted_node_answers_again_and_old_timers_are_gone() {
    let timed = || {
        Puppet::new(|seen, _, cx| {
            if seen == Seen::Start {
                cx.wake(Duration::from_secs(5), cx.now().0 as u32);
            }
        })
    };
    let mut swarm = Swarm::seeded(1);
    let server = swarm.add(timed());
    let early = swarm.add(caller());
    swarm.sim.restart_at(seconds(1.0), server, timed());
    swarm.run_for(Duration::from_secs(2));
    let late = swarm.add(caller());
    swarm.settle();
    let second_start = Seen::Timer(1_000_000_000);
    assert_eq!(swarm.peer(server).events(), [Seen::Start, Seen::Accepted, second_start]);
    assert_eq!(swarm.peer(early).events().last(), Some(&Seen::Closed(CloseReason::Reset)));
    assert_eq!(swarm.peer(late).events(), [Seen::Start, Seen::Dialled]);
}

#[test]
fn a_dialler_that_crashes_leaves_no_half_open_connection() {
    // Crashing at 30 ms: the acceptor has heard of the dial, the dialler not of the answer.
    for (crash_ms, heard) in [(10, vec![]), (30, vec![Seen::Accepted, Seen::Closed(CloseReason::Reset)])] {
        let mut swarm = Swarm::seeded(1);
        let server = swarm.add(Puppet::idle());
        let caller = swarm.add(caller());
        swarm.sim.crash_at(millis(crash_ms), caller);
        swarm.settle();
        assert_eq!(swarm.peer(server).events()[1..], heard);
    }
}

#[test]
fn what_is_sent_across_a_short_cut_arrives_after_it_in_order() {
    let mut swarm = Swarm::seeded(1);
    let server = swarm.add(Puppet::idle());
    let caller = swarm.add(caller());
    swarm.sim.cut(&[server], &[caller], seconds(1.0), seconds(11.0));
    swarm.sim.command_at(millis(990), caller, poke());
    swarm.sim.command_at(millis(1000), caller, poke());
    swarm.sim.command_at(seconds(5.0), caller, poke());
    swarm.settle();
    let times: Vec<_> = swarm.peer(server).log[2..].iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [millis(1010), millis(11_020), millis(11_020)]);
}

#[test]
fn a_long_cut_times_both_ends_out_and_dials_too() {
    let mut swarm = Swarm::seeded(1);
    let server = swarm.add(Puppet::idle());
    let cut_off = swarm.add(caller());
    let other = swarm.add(caller());
    swarm.sim.cut(&[cut_off], &[server], seconds(1.0), seconds(1000.0));
    swarm.sim.command_at(seconds(2.0), cut_off, poke());
    swarm.sim.command_at(seconds(2.0), other, poke());
    swarm.run_for(Duration::from_secs(100));
    let timeout = Seen::Closed(CloseReason::Timeout);
    assert_eq!(swarm.peer(cut_off).time_of(timeout), seconds(22.0));
    assert_eq!(swarm.peer(server).time_of(timeout), seconds(22.0));
    assert_eq!(swarm.peer(other).events(), [Seen::Start, Seen::Dialled, Seen::Command]);
    assert_eq!(received(&swarm, server), 1);
    // A new dial is not answered either, until the cut is over.
    swarm.sim.restart_at(seconds(200.0), cut_off, caller());
    swarm.sim.restart_at(seconds(1000.0), cut_off, caller());
    swarm.run_for(Duration::from_secs(500));
    assert_eq!(swarm.peer(cut_off).events(), [Seen::Start, timeout]);
    assert_eq!(swarm.peer(cut_off).time_of(timeout), seconds(220.0));
    swarm.settle();
    assert_eq!(swarm.peer(cut_off).events(), [Seen::Start, Seen::Dialled]);
}

#[test]
fn messages_are_lost_at_the_rate_asked_for_and_the_seed_says_which() {
    let run = |seed| {
        let mut swarm = Swarm::new(Config { loss: 0.25, ..Config::seeded(seed) });
        let server = swarm.add(Puppet::idle());
        let caller = swarm.add(caller());
        for n in 0..4000 {
            swarm.sim.command_at(millis(1000 + n), caller, poke());
        }
        swarm.settle();
        let (lost, received) = (swarm.sim.dropped().lost, received(&swarm, server) as u64);
        assert_eq!(lost + received, 4000);
        (lost, swarm.sim.digest())
    };
    let (lost, digest) = run(1);
    // Six standard deviations.
    assert!((1000 - 165..1000 + 165).contains(&lost), "{lost} of 4000");
    assert_eq!(run(1), (lost, digest));
    assert_ne!(run(2).1, digest);
}

/// Sends a body at every word, and checks the whole of what it has taken itself at every end of a body.
fn relay(len: u64, dials: &'static [u32]) -> Puppet {
    let mut source = None;
    Puppet::new(move |seen, conn, cx| match seen {
        Seen::Start => dials.iter().for_each(|node| dial_all(&[address(*node)], cx)),
        Seen::Dialled => {
            source = conn;
            cx.send(conn.unwrap(), Word(1, 1));
        }
        Seen::Word(1) => {
            cx.send(conn.unwrap(), Word(-1, 1));
            cx.send_body(conn.unwrap(), span(len));
        }
        Seen::Word(-1) => cx.receive(conn.unwrap(), len, INTO),
        Seen::Done(_) => cx.verify(0, span(len), Digest::Sha1([0; 20])),
        // Once more, over the corrupt bytes.
        Seen::Verified(false) => cx.send(source.unwrap(), Word(1, 1)),
        _ => {}
    })
}

#[test]
fn corrupt_chunks_fail_their_check_until_good_ones_replace_them() {
    let mut swarm = Swarm::new(Config { corruption: 0.2, ..Config::seeded(6) });
    swarm.add(relay(160 * 1024, &[]));
    let taker = swarm.add(relay(160 * 1024, &[0]));
    swarm.settle();
    let verdicts: Vec<_> =
        swarm.peer(taker).events().into_iter().filter(|seen| matches!(seen, Seen::Verified(_))).collect();
    assert_eq!(verdicts.iter().filter(|seen| **seen == Seen::Verified(true)).count(), 1);
    assert_eq!(verdicts.last(), Some(&Seen::Verified(true)));
    assert!(verdicts.len() > 1, "the seed must give a corrupt chunk");
}

#[test]
fn who_passes_corrupt_bytes_on_passes_on_corrupt_bytes() {
    let checks = |from: u32| {
        Puppet::new(move |seen, conn, cx| match seen {
            Seen::Start => dial_all(&[address(from)], cx),
            Seen::Dialled => cx.send(conn.unwrap(), Word(1, 1)),
            Seen::Word(-1) => cx.receive(conn.unwrap(), 100, INTO),
            Seen::Done(_) => {
                cx.verify(0, span(100), Digest::Sha1([0; 20]));
                cx.finish(FileId(0));
            }
            _ => {}
        })
    };
    let mut swarm = Swarm::new(Config { corruption: 1.0, ..Config::default() });
    swarm.add(relay(100, &[]));
    let first = swarm.add(checks(0));
    swarm.settle();
    swarm.sim.set_corruption(0.0);
    // The taker's file, spoiled on its way, is served by a new life of the same node, from the same store.
    assert!(swarm.peer(first).events().contains(&Seen::Verified(false)));
    swarm.sim.restart_at(swarm.sim.now(), first, relay(100, &[]));
    let second = swarm.add(checks(1));
    let third = swarm.add(checks(0));
    swarm.settle();
    // Finishing a file does not look at its content.
    assert_eq!(swarm.peer(second).events()[4..], [Seen::Verified(false), Seen::Finished]);
    assert_eq!(swarm.peer(third).events()[4..], [Seen::Verified(true), Seen::Finished]);
}

#[test]
fn a_crash_in_the_middle_of_a_body_frees_the_uplink_for_the_others() {
    let mut swarm = Swarm::new(Config { core_delay: Duration::ZERO, ..Config::default() });
    swarm.add_behind(crate::puppet::sender(1_000_000), bytes_per_second(100_000, 100_000));
    let crashing = swarm.add(taker(&[0], 1_000_000));
    let staying = swarm.add(taker(&[0], 1_000_000));
    swarm.sim.crash_at(seconds(4.0), crashing);
    swarm.settle();
    // 200 kB in the first four seconds, the rest at the full rate, but for a chunk that was sent to the dead.
    let done = swarm.peer(staying).done_at();
    assert!(seconds(11.8) < done && done < seconds(12.4), "{done:?}");
    let load = swarm.sim.load(NodeId(0));
    assert!(load.body_sent < 1_000_000 + 220_000);
}

#[test]
fn ids_of_an_earlier_life_mean_nothing() {
    let mut old: Option<ConnId> = None;
    let mut swarm = Swarm::seeded(1);
    let server = swarm.add(Puppet::idle());
    swarm.add(Puppet::new(move |seen, conn, cx| match seen {
        Seen::Start => dial_all(&[address(0)], cx),
        Seen::Dialled => old = conn,
        Seen::Closed(_) => cx.send(old.unwrap(), Word(1, 1)),
        _ => {}
    }));
    swarm.sim.crash_at(seconds(1.0), server);
    swarm.settle();
    assert_eq!(swarm.sim.dropped().dead_effects, 1);
}
