//! Datagrams in the simulator: when they arrive, and what becomes of those that do not.

use std::time::Duration;

use crate::puppet::{
    Puppet, Seen, Word, address, bytes_per_second, dial_all, far_away, millis, poke, seconds, span, taker,
};
use common::net::{Attachment, NodeId};
use common::sim::Config;
use common::testing::Swarm;

/// Sends these datagrams to node 0 whenever it is poked.
fn poster(words: &'static [Word]) -> Puppet {
    Puppet::new(move |seen, _, cx| {
        if seen == Seen::Command {
            words.iter().for_each(|word| cx.send_to(address(0), *word));
        }
    })
}

fn heard(swarm: &Swarm<Puppet>, node: NodeId) -> usize {
    swarm.peer(node).events().iter().filter(|seen| matches!(seen, Seen::Datagram(_))).count()
}

#[test]
fn a_datagram_arrives_after_the_latency_without_a_connection() {
    let mut swarm = Swarm::seeded(1);
    let server = swarm.add_at(Puppet::idle(), 7000, far_away(Duration::from_millis(5)));
    let client = swarm.add_at(poster(&[Word(7, 100), Word(8, 50)]), 7000, far_away(Duration::from_millis(3)));
    swarm.command(client, poke());
    swarm.settle();
    assert_eq!(swarm.peer(server).events(), [Seen::Start, Seen::Datagram(7), Seen::Datagram(8)]);
    assert_eq!(swarm.peer(server).time_of(Seen::Datagram(7)), millis(28), "both delays and the core's");
    assert_eq!(swarm.peer(client).events(), [Seen::Start, Seen::Command], "it hears nothing of them");
    let (sent, received) = (swarm.sim.load(client).sent, swarm.sim.load(server).received);
    assert_eq!((sent.messages, sent.bytes), (2, 150));
    assert_eq!(sent, received);
    assert_eq!((swarm.sent("word"), swarm.sim.dropped().datagrams), (2, 0));
}

#[test]
fn a_limited_line_takes_datagrams_and_messages_in_turn() {
    // 1,000 bytes a second up, and a body of 10,000 bytes in chunks of 1,460 going out.
    let mut swarm = Swarm::new(Config { core_delay: Duration::ZERO, ..Config::seeded(1) });
    let server = swarm.add(taker(&[1], 10_000));
    let sender = swarm.add_behind(
        Puppet::new(|seen, conn, cx| match seen {
            Seen::Accepted => {
                cx.send(conn.unwrap(), Word(-1, 1));
                cx.send_body(conn.unwrap(), span(10_000));
            }
            Seen::Command => (0..3).for_each(|n| cx.send_to(address(0), Word(n, 500))),
            _ => {}
        }),
        bytes_per_second(1_000, 1_000_000),
    );
    swarm.sim.command_at(seconds(1.0), sender, poke());
    swarm.settle();
    let at = |n| swarm.peer(server).time_of(Seen::Datagram(n));
    // The chunk under way ends after 1.461 s; then one of each.
    assert_eq!(at(0), millis(1_461 + 500));
    assert_eq!(at(1), millis(1_461 + 500 + 1_460 + 500));
    assert_eq!(at(2), millis(1_461 + 2 * (500 + 1_460) + 500));
    assert_eq!(swarm.peer(server).done_at(), millis(10_001 + 1_500), "and the body waits for them");
}

#[test]
fn a_limited_downlink_takes_one_after_the_other() {
    let mut swarm = Swarm::new(Config { core_delay: Duration::ZERO, ..Config::seeded(1) });
    let server = swarm.add_behind(Puppet::idle(), bytes_per_second(1_000_000, 1_000));
    let client = swarm.add(poster(&[Word(1, 500), Word(2, 250)]));
    swarm.command(client, poke());
    swarm.settle();
    assert_eq!(swarm.peer(server).time_of(Seen::Datagram(1)), millis(500));
    assert_eq!(swarm.peer(server).time_of(Seen::Datagram(2)), millis(750));
}

#[test]
fn those_to_nobody_across_a_cut_or_to_a_node_that_is_down_are_lost_and_counted() {
    let mut swarm = Swarm::seeded(1);
    let server = swarm.add(Puppet::idle());
    let client = swarm.add(poster(&[Word(1, 10)]));
    let stray = swarm.add(Puppet::new(|seen, _, cx| {
        if seen == Seen::Start {
            cx.send_to(address(99), Word(1, 10));
            cx.send_to("10.0.0.1:7001".parse().unwrap(), Word(1, 10));
        }
    }));
    swarm.settle();
    assert_eq!((swarm.sim.dropped().datagrams, swarm.sim.load(stray).sent.messages), (2, 2));
    swarm.sim.cut(&[server], &[client], seconds(0.0), seconds(10.0));
    swarm.command(client, poke());
    swarm.settle();
    assert_eq!((heard(&swarm, server), swarm.sim.dropped().datagrams), (0, 3), "nothing waits for its end");
    swarm.sim.command_at(seconds(11.0), client, poke());
    swarm.settle();
    assert_eq!(heard(&swarm, server), 1);
    swarm.sim.crash_at(swarm.sim.now(), server);
    swarm.command(client, poke());
    swarm.settle();
    assert_eq!((heard(&swarm, server), swarm.sim.dropped().datagrams), (1, 4));
}

#[test]
fn a_crash_takes_what_waited_for_the_line_with_it() {
    let mut swarm = Swarm::seeded(1);
    let server = swarm.add(Puppet::idle());
    let words = &[Word(1, 1_000), Word(2, 1_000), Word(3, 1_000)];
    let client = swarm.add_behind(poster(words), bytes_per_second(1_000, 1_000));
    swarm.command(client, poke());
    swarm.sim.crash_at(seconds(1.5), client);
    swarm.sim.restart_at(seconds(1.6), client, poster(words));
    swarm.settle();
    assert_eq!((heard(&swarm, server), swarm.sim.dropped().datagrams), (1, 2));
    swarm.command(client, poke());
    swarm.settle();
    assert_eq!(heard(&swarm, server), 4, "the line serves the next life");
}

#[test]
fn too_many_that_wait_are_dropped() {
    let mut swarm = Swarm::new(Config { waiting_max: 2, ..Config::seeded(1) });
    let server = swarm.add(Puppet::idle());
    let client = swarm.add_behind(poster(&[Word(1, 100); 5]), bytes_per_second(1_000, 1_000));
    let too_long = swarm.add(poster(&[Word(1, 8 * 1024 + 1)]));
    swarm.command(client, poke());
    swarm.command(too_long, poke());
    swarm.settle();
    assert_eq!((heard(&swarm, server), swarm.sim.dropped().datagrams), (2, 4));
}

#[test]
fn a_firewall_lets_answers_through_for_two_minutes() {
    let mut swarm = Swarm::seeded(1);
    let inside = swarm.add_firewalled(Puppet::new(|seen, _, cx| {
        if seen == Seen::Command {
            cx.send_to(address(1), Word(1, 10));
        }
    }));
    let outside = swarm.add(poster(&[Word(2, 10)]));
    swarm.command(outside, poke());
    swarm.settle();
    assert_eq!((heard(&swarm, inside), swarm.sim.dropped().datagrams), (0, 1));
    swarm.command(inside, poke());
    swarm.sim.command_at(seconds(60.0), outside, poke());
    swarm.sim.command_at(seconds(121.0), outside, poke());
    swarm.settle();
    assert_eq!((heard(&swarm, outside), heard(&swarm, inside), swarm.sim.dropped().datagrams), (1, 1, 2));
}

#[test]
fn losses_are_drawn_for_datagrams_alone_and_repeat_with_the_seed() {
    let run = |loss| {
        let mut swarm = Swarm::new(Config { datagram_loss: loss, ..Config::seeded(5) });
        let server = swarm.add(Puppet::idle());
        let mut line = None;
        let client = swarm.add(Puppet::new(move |seen, conn, cx| {
            line = conn.or(line);
            match seen {
                Seen::Start => dial_all(&[address(0)], cx),
                Seen::Command => (0..1_000).for_each(|n| {
                    cx.send_to(address(0), Word(n, 10));
                    cx.send(line.unwrap(), Word(n, 10));
                }),
                _ => {}
            }
        }));
        swarm.sim.command_at(seconds(1.0), client, poke());
        swarm.settle();
        let heard = heard(&swarm, server);
        assert_eq!(swarm.sim.dropped().datagrams, 1_000 - heard as u64);
        assert_eq!(swarm.sim.load(server).received.messages, 1_000 + heard as u64);
        (heard, swarm.sim.digest())
    };
    let some = run(0.1);
    assert!((850..950).contains(&some.0), "{some:?}");
    assert_eq!(run(0.1), some);
    assert_eq!((run(0.0).0, run(1.0).0), (1_000, 0));
}

#[test]
fn a_datagram_belongs_to_the_cause_of_what_it_answers() {
    let mut swarm = Swarm::seeded(1);
    swarm.add_at(
        Puppet::new(|seen, _, cx| {
            if let Seen::Datagram(n) = seen {
                cx.send_to(address(1), Word(n, 30));
            }
        }),
        7000,
        Attachment::default(),
    );
    let client = swarm.add(poster(&[Word(1, 10)]));
    let cause = swarm.command(client, poke());
    swarm.settle();
    let cost = swarm.sim.cause_cost(cause);
    assert_eq!((cost.messages, cost.bytes, cost.nodes_reached), (2, 40, 2));
}
