//! Access lines: what they can carry, how connections share them, and that nobody beats them.

use std::time::Duration;

use crate::puppet::{Puppet, Seen, Word, address, bytes_per_second, dial_all, seconds, sender, span, taker};
use common::net::{Line, NodeId};
use common::peer::{CloseReason, Time};
use common::sim::Config;
use common::testing::Swarm;
use proptest::prelude::*;

/// One chunk.
const CHUNK: u64 = 16 * 1024;

/// `at` is no earlier than `bound`, and later by no more than `chunks` chunks take at `rate`, and 100 ms for latencies.
fn close_above(at: Time, bound: f64, chunks: u64, rate: u64) {
    let slack = (chunks * CHUNK) as f64 / rate as f64 + 0.1;
    assert!(
        seconds(bound) <= at && at <= seconds(bound + slack),
        "{at:?} is not within {slack} s after {bound} s"
    );
}

fn swarm_without_delay() -> Swarm<Puppet> {
    Swarm::new(Config { core_delay: Duration::ZERO, ..Config::default() })
}

/// Chunks of [`CHUNK`] bytes on every line, however slow.
fn swarm_with_whole_chunks() -> Swarm<Puppet> {
    Swarm::new(Config { core_delay: Duration::ZERO, chunk_time: Duration::ZERO, ..Config::default() })
}

#[test]
fn one_message_takes_its_transmission_on_both_lines() {
    let mut swarm = Swarm::seeded(1);
    let b = swarm.add_behind(
        Puppet::new(|seen, conn, cx| {
            if seen == Seen::Accepted {
                cx.send(conn.unwrap(), Word(1, 100));
            }
        }),
        bytes_per_second(1000, 1000),
    );
    let a = swarm.add_behind(taker(&[b.0], 0), bytes_per_second(500, 500));
    swarm.settle();
    // 20 ms dialling, 100 ms up, 20 ms across, 200 ms down.
    assert_eq!(swarm.peer(a).time_of(Seen::Word(1)), crate::puppet::millis(20 + 100 + 20 + 200));
}

#[test]
fn two_bodies_share_an_uplink_fairly() {
    let mut swarm = swarm_without_delay();
    let (rate, len) = (100_000, 2_000_000);
    swarm.add_behind(sender(len), bytes_per_second(rate, rate));
    let takers = [swarm.add(taker(&[0], len)), swarm.add(taker(&[0], len))];
    swarm.settle();
    for taker in takers {
        // Each has half of the line all the time: both end within a chunk of the time when everything is sent.
        let (all, chunk) = (2.0 * len as f64 / rate as f64, CHUNK as f64 / rate as f64);
        close_above(swarm.peer(taker).done_at(), all - chunk, 1, rate);
    }
}

#[test]
fn a_short_body_is_not_stuck_behind_a_long_one() {
    let mut swarm = swarm_without_delay();
    let rate = 100_000;
    let mut order = [2_000_000, 200_000].into_iter();
    swarm.add_behind(
        Puppet::new(move |seen, conn, cx| {
            if seen == Seen::Accepted {
                cx.send(conn.unwrap(), Word(-1, 1));
                cx.send_body(conn.unwrap(), span(order.next().unwrap()));
            }
        }),
        bytes_per_second(rate, rate),
    );
    let long = swarm.add(taker(&[0], 2_000_000));
    let short = swarm.add(taker(&[0], 200_000));
    swarm.settle();
    close_above(swarm.peer(short).done_at(), 4.0 - 0.2, 3, rate);
    close_above(swarm.peer(long).done_at(), 22.0, 1, rate);
}

#[test]
fn a_downlink_is_the_bottleneck_of_many_senders() {
    let mut swarm = swarm_without_delay();
    let (rate, len) = (50_000, 500_000);
    for _ in 0..4 {
        swarm.add_behind(sender(len), bytes_per_second(1_000_000, rate));
    }
    let taker = swarm.add_behind(taker(&[0, 1, 2, 3], len), bytes_per_second(rate, rate));
    swarm.settle();
    let last = swarm.peer(taker).log.last().unwrap();
    assert!(matches!(last.1, Seen::Done(_)));
    close_above(last.0, 4.0 * len as f64 / rate as f64, 1, rate);
}

/// Sends a message of `len` bytes so long after it was dialled to the node that has dialled it.
fn messenger(after: Duration, len: u32) -> Puppet {
    let mut to = None;
    Puppet::new(move |seen, conn, cx| match seen {
        Seen::Accepted => {
            to = conn;
            cx.wake(after, 0);
        }
        Seen::Timer(0) => cx.send(to.unwrap(), Word(1, len)),
        _ => {}
    })
}

#[test]
fn a_short_message_overtakes_the_bulk_of_other_connections_on_a_downlink() {
    // One and then three senders keep many chunks waiting at the downlink.
    for bulky in [1, 3] {
        let mut swarm = swarm_without_delay();
        let (rate, len) = (50_000, 500_000);
        let dials: Vec<u32> = (0..=bulky).collect();
        for _ in 0..bulky {
            swarm.add(sender(len));
        }
        swarm.add(messenger(Duration::from_secs(1), 100));
        let taker = swarm.add_behind(taker(&dials, len), bytes_per_second(rate, rate));
        swarm.settle();
        let at = swarm.peer(taker).time_of(Seen::Word(1));
        let own = 100.0 / rate as f64;
        let turns = f64::from(bulky) * CHUNK as f64 / rate as f64;
        assert!(seconds(1.0 + own) <= at, "{at:?} is faster than the line");
        assert!(at <= seconds(1.0 + own + turns), "{at:?} is later than one chunk of each of {bulky}");
        // It came in the midst of them, and cost them no more than its own bytes.
        let last = swarm.peer(taker).log.last().unwrap().0;
        close_above(last, f64::from(bulky) * len as f64 / rate as f64, 1, rate);
    }
}

#[test]
fn two_bodies_share_a_downlink_fairly() {
    let mut swarm = swarm_with_whole_chunks();
    let (rate, len) = (100_000, 1_000_000);
    // One fills its window at once, the other comes by a line hardly faster than its share.
    swarm.add(sender(len));
    swarm.add_behind(sender(len), bytes_per_second(60_000, 60_000));
    let taker = swarm.add_behind(taker(&[0, 1], len), bytes_per_second(rate, rate));
    swarm.settle();
    let done = |(at, seen): &(Time, Seen)| matches!(seen, Seen::Done(_)).then_some(*at);
    let ends: Vec<Time> = swarm.peer(taker).log.iter().filter_map(done).collect();
    assert_eq!(ends.len(), 2);
    close_above(ends[0], 2.0 * len as f64 / rate as f64 - 1.0, 6, rate);
    close_above(ends[1], 2.0 * len as f64 / rate as f64, 1, rate);
}

#[test]
fn order_on_a_connection_and_its_close_survive_a_busy_downlink() {
    let mut swarm = swarm_without_delay();
    let rate = 10_000;
    swarm.add(sender(100_000));
    swarm.add(Puppet::new(|seen, conn, cx| {
        if seen == Seen::Accepted {
            (0..5).for_each(|i| cx.send(conn.unwrap(), Word(i, 1_000)));
            cx.close(conn.unwrap());
        }
    }));
    let taker = swarm.add_behind(taker(&[0, 1], 100_000), bytes_per_second(rate, rate));
    swarm.settle();
    let of_second = |seen: &Seen| matches!(seen, Seen::Word(0..) | Seen::Closed(_));
    let events: Vec<Seen> = swarm.peer(taker).events().into_iter().filter(of_second).collect();
    let words = (0..5).map(Seen::Word);
    assert_eq!(events, words.chain([Seen::Closed(CloseReason::Remote)]).collect::<Vec<_>>());
    assert_eq!(swarm.sim.dropped(), common::sim::Dropped::default());
}

#[test]
fn a_crash_with_a_full_downlink_leaves_nothing_behind() {
    let mut swarm = swarm_without_delay();
    swarm.add(sender(200_000));
    let crashed = swarm.add_behind(taker(&[0], 200_000), bytes_per_second(10_000, 10_000));
    swarm.sim.crash_at(seconds(1.0), crashed);
    swarm.sim.restart_at(seconds(1.0), crashed, taker(&[0], 200_000));
    swarm.settle();
    // The second life has the whole line, but for the chunk that was being taken.
    close_above(swarm.peer(crashed).done_at(), 21.0, 1, 10_000);
}

#[test]
fn too_many_messages_for_a_slow_downlink_end_the_connection() {
    let mut swarm = Swarm::new(Config { waiting_max: 8, ..Config::default() });
    let sender = swarm.add(Puppet::new(|seen, conn, cx| {
        if seen == Seen::Accepted {
            (0..20).for_each(|i| cx.send(conn.unwrap(), Word(i, 1_000)));
        }
    }));
    let slow = swarm.add_behind(taker(&[0], 0), bytes_per_second(1_000, 1_000));
    swarm.settle();
    assert_eq!(swarm.sim.dropped().overflows, 1);
    assert!(swarm.peer(sender).events().contains(&Seen::Closed(CloseReason::Overflow)));
    // What was under way still comes, in order, and then the end.
    let events = swarm.peer(slow).events();
    let words = (0..20).map(Seen::Word);
    let wanted = [Seen::Start, Seen::Dialled].into_iter().chain(words);
    assert_eq!(events, wanted.chain([Seen::Closed(CloseReason::Reset)]).collect::<Vec<_>>());
}

#[test]
fn a_slow_receiver_does_not_waste_a_fast_sender() {
    let mut swarm = swarm_without_delay();
    swarm.add_behind(sender(1_000_000), bytes_per_second(100_000, 100_000));
    let slow = swarm.add_behind(taker(&[0], 1_000_000), bytes_per_second(10_000, 10_000));
    let fast = swarm.add(taker(&[0], 1_000_000));
    swarm.settle();
    close_above(swarm.peer(fast).done_at(), 1_000_000.0 / 90_000.0 - 1.0, 10, 90_000);
    close_above(swarm.peer(slow).done_at(), 100.0, 2, 10_000);
}

#[test]
fn a_long_fast_path_is_filled() {
    // 10 MB/s over 200 ms: 2 MB are on their way, more than the window of 1 MiB; with a large window the line is full.
    let time = |window_bytes| {
        let config = Config { core_delay: Duration::from_millis(200), window_bytes, ..Config::default() };
        let mut swarm = Swarm::new(config);
        swarm.add_behind(sender(40_000_000), bytes_per_second(10_000_000, 10_000_000));
        let taker = swarm.add(taker(&[0], 40_000_000));
        swarm.settle();
        swarm.peer(taker).done_at().as_secs_f64()
    };
    assert!((4.0..4.7).contains(&time(1 << 30)));
    assert!(time(1 << 20) > 7.0);
}

#[test]
fn a_line_that_changes_changes_what_is_sent_from_then_on() {
    let mut swarm = swarm_without_delay();
    let server = swarm.add_behind(sender(1_000_000), bytes_per_second(100_000, 100_000));
    let taker = swarm.add(taker(&[0], 1_000_000));
    swarm.sim.set_line_at(seconds(5.0), server, bytes_per_second(10_000, 10_000));
    swarm.sim.set_line_at(seconds(25.0), server, Line::default());
    swarm.settle();
    // Half in five seconds, a fifth of the rest in twenty, the remainder at once.
    close_above(swarm.peer(taker).done_at(), 25.0, 1, 10_000);
}

#[test]
fn a_chunk_is_what_the_line_carries_in_its_time() {
    let chunks = |from: Line, to: Line| {
        let mut swarm = swarm_without_delay();
        let server = swarm.add_behind(sender(100_000), from);
        swarm.add_behind(taker(&[0], 100_000), to);
        swarm.settle();
        swarm.peer(server).events().iter().filter(|seen| matches!(seen, Seen::Sent(1..))).count() as u64
    };
    let line = |rate| bytes_per_second(rate, rate);
    // 20 ms of 200,000 bytes a second, whatever the receiver has; of 500,000 if only the receiver has a limit.
    assert_eq!(chunks(line(200_000), line(100_000)), 100_000 / 4_000);
    assert_eq!(chunks(Line::default(), line(500_000)), 100_000 / 10_000);
    // A packet at least, and a whole chunk at most.
    assert_eq!(chunks(line(1_000), Line::default()), 100_000u64.div_ceil(1_460));
    assert_eq!(chunks(line(1_000_000_000), line(1_000_000_000)), 100_000u64.div_ceil(CHUNK));
    assert_eq!(chunks(Line::default(), Line::default()), 100_000u64.div_ceil(CHUNK));
}

#[test]
fn credit_comes_back_for_every_byte() {
    let mut swarm = swarm_with_whole_chunks();
    let server = swarm.add_behind(sender(100_000), bytes_per_second(10_000, 10_000));
    swarm.add(taker(&[0], 100_000));
    swarm.settle();
    let sent = |seen: &Seen| if let Seen::Sent(len) = seen { u64::from(*len) } else { 0 };
    let events = swarm.peer(server).events();
    assert_eq!(events.iter().map(sent).sum::<u64>(), 100_000);
    assert_eq!(events.iter().filter(|seen| sent(seen) > 0).count() as u64, 100_000u64.div_ceil(CHUNK));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However many connections share a downlink, with short messages and bodies: at no moment has it taken more than its rate
    /// allows since the first arrival, and it never rests while something waits.
    #[test]
    fn a_shared_downlink_takes_its_rate_and_no_more(
        lens in prop::collection::vec((1u64..200_000, 1u32..5_000), 1..6),
        rate in 1_000u64..1_000_000,
    ) {
        // A short message may come early by the grain of time: here by nothing.
        let exact = Config { core_delay: Duration::ZERO, grain: Duration::ZERO, ..Config::default() };
        let mut swarm = Swarm::new(exact);
        let mut all = 0;
        for (len, word) in lens.iter().copied() {
            all += len + 2 * u64::from(word);
            swarm.add(Puppet::new(move |seen, conn, cx| {
                if seen == Seen::Accepted {
                    cx.send(conn.unwrap(), Word(word as i32, word));
                    cx.send(conn.unwrap(), Word(-(len as i32), word));
                    cx.send_body(conn.unwrap(), span(len));
                }
            }));
        }
        let dials: Vec<_> = (0..lens.len() as u32).map(address).collect();
        let taker = Puppet::new(move |seen, conn, cx| match seen {
            Seen::Start => dial_all(&dials, cx),
            Seen::Word(len @ ..0) => cx.receive(conn.unwrap(), u64::from(len.unsigned_abs()), None),
            _ => {}
        });
        let taker = swarm.add_behind(taker, bytes_per_second(rate, rate));
        swarm.run_for(Duration::from_secs(100_000));
        prop_assert_eq!(swarm.sim.coming(), 0);
        let mut taken = 0;
        for (at, seen) in &swarm.peer(taker).log {
            taken += match seen {
                Seen::Word(word @ 1..) => *word as u64,
                Seen::Body(len) | Seen::Done(len) => u64::from(*len),
                _ => 0,
            };
            prop_assert!(taken as f64 / rate as f64 <= at.as_secs_f64() + 1e-9);
        }
        let last = swarm.peer(taker).log.last().unwrap().0.as_secs_f64();
        // Each arrival's time is rounded up to a nanosecond.
        prop_assert!((last - all as f64 / rate as f64).abs() < 1e-6);
    }

    /// Whatever the lines and sizes: every byte sent arrives once, and nobody sends or receives more than his line carries.
    #[test]
    fn bytes_are_conserved_and_no_line_is_beaten(
        lines in prop::collection::vec((1_000u64..1_000_000, 1_000u64..1_000_000), 2..6),
        len in 1u64..300_000,
        delay_ms in 0u64..200,
    ) {
        let config = Config { core_delay: Duration::from_millis(delay_ms), ..Config::default() };
        let mut swarm = Swarm::new(config);
        let count = lines.len() as u32;
        for (up, down) in &lines {
            let dials: Vec<_> = (0..count).map(address).collect();
            // Everybody sends to everybody, himself included.
            let puppet = Puppet::new(move |seen, conn, cx| match seen {
                Seen::Start => dial_all(&dials, cx),
                Seen::Accepted => {
                    cx.send(conn.unwrap(), Word(-1, 1));
                    cx.send_body(conn.unwrap(), span(len));
                }
                Seen::Word(-1) => cx.receive(conn.unwrap(), len, None),
                _ => {}
            });
            swarm.add_behind(puppet, bytes_per_second(*up, *down));
        }
        swarm.run_for(Duration::from_secs(100_000));
        prop_assert_eq!(swarm.sim.coming(), 0);
        let all = u64::from(count) * (len + 1);
        for (node, (up, down)) in lines.iter().enumerate() {
            let load = swarm.sim.load(NodeId(node as u32));
            prop_assert_eq!(load.body_received, u64::from(count) * len);
            prop_assert_eq!(load.body_sent, u64::from(count) * len);
            let last = swarm.peer(NodeId(node as u32)).log.iter()
                .rfind(|(_, seen)| matches!(seen, Seen::Done(_))).unwrap().0;
            let last_sent = swarm.peer(NodeId(node as u32)).log.iter()
                .rfind(|(_, seen)| matches!(seen, Seen::Sent(_))).unwrap().0;
            prop_assert!(last.as_secs_f64() >= all as f64 / *down as f64);
            prop_assert!(last_sent.as_secs_f64() >= all as f64 / *up as f64);
        }
    }
}
