//! Downloads from many sources: every one ends, complete if anybody honest lasts, and nothing is fetched twice without need.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::transfer_kit::{Holder, Kind, PIECE, World, small_knobs};
use common::peer::Time;
use common::store::Ranges;
use common::store::StoreFault;
use common::transfer::{Action, Download, DownloadKnobs};
use common::user::Failure;
use std::sync::Arc;
use std::time::Duration;

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        4 => Just(Kind::Honest),
        2 => Just(Kind::Corrupt),
        1 => Just(Kind::Dead),
        1 => Just(Kind::Silent),
        1 => Just(Kind::Deaf),
        1 => Just(Kind::Refuses),
        1 => Just(Kind::OtherSize),
        1 => Just(Kind::Whole),
        1 => (0u64..9000).prop_map(Kind::BreaksOff),
        1 => (0u64..9000).prop_map(Kind::Stalls),
        1 => (0u8..15, any::<bool>()).prop_map(|(times, places)| Kind::Busy(times, places)),
    ]
}

fn holder() -> impl Strategy<Value = Holder> {
    let rate = prop_oneof![Just(3_000), Just(30_000), Just(1_000_000), 500u64..200_000];
    (kind(), rate, 1u64..400, prop::bool::weighted(0.8)).prop_map(
        |(kind, bytes_per_s, latency_ms, keeps_alive)| Holder { kind, bytes_per_s, latency_ms, keeps_alive },
    )
}

/// Ranges that are there already, as fractions of the file.
fn there() -> impl Strategy<Value = Vec<(u64, u64, bool)>> {
    prop::collection::vec((0u64..100, 1u64..30, prop::bool::weighted(0.8)), 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_download_ends_complete_if_anybody_honest_lasts(
        size in prop_oneof![Just(0), 1u64..300, 1u64..150_000],
        holders in prop::collection::vec(holder(), 1..7),
        there in there(),
    ) {
        let there: Vec<(u64, u64, bool)> = there.iter()
            .map(|(start, len, right)| (start * size / 100, (start + len).min(100) * size / 100, *right))
            .collect();
        let mut world = World::new(size, &holders, &there, small_knobs());
        let before = world.download.have().bytes();
        let outcome = world.run();
        let lasting = holders.iter().any(Holder::lasts);
        if lasting || size == 0 {
            prop_assert_eq!(outcome, Ok(()));
        }
        if holders.iter().all(|holder| holder.kind == Kind::Corrupt) && before < size {
            prop_assert_eq!(outcome, Err(Failure::Corrupt));
        }
        // Each byte comes once, but for what turned out to be wrong and a piece for each task that was taken over.
        let bound = size - before + world.dropped + world.overlaps * PIECE;
        prop_assert!(world.received <= bound, "{} received, {} expected at most", world.received, bound);
    }
}

#[test]
fn fast_and_slow_sources_end_together() {
    let rates = [100_000, 50_000, 10_000];
    let holders = rates.map(|rate| Holder::of(Kind::Honest, rate));
    let size = 16_000_000;
    let mut world = World::new(size, &holders, &[], DownloadKnobs::default());
    assert_eq!(world.run(), Ok(()));
    // All that the three lines carry together, but for a few seconds at both ends.
    let ideal_s = size as f64 / rates.iter().sum::<u64>() as f64;
    let took_s = world.now.as_secs_f64();
    assert!(took_s < ideal_s + 6.0, "{took_s} s where {ideal_s} are possible");
    for (rate, from) in rates.iter().zip(&world.received_from) {
        let share = *from as f64 / size as f64 / (*rate as f64 / 160_000.0);
        assert!((0.85..1.15).contains(&share), "a source of {rate} B/s brought {from} bytes");
    }
}

fn honest(bytes_per_s: u64) -> Holder {
    Holder::of(Kind::Honest, bytes_per_s)
}

fn world(size: u64, holders: &[Holder]) -> World {
    World::new(size, holders, &[], small_knobs())
}

#[test]
fn one_kept_connection_brings_everything_in_order() {
    let mut world = world(300_000, &[honest(20_000)]);
    assert_eq!(world.run(), Ok(()));
    assert_eq!(world.connects, [0]);
    let mut next = 0;
    for (_, _, offset, len) in &world.asks {
        assert_eq!(*offset, next);
        next += len;
    }
    // The first request is the smallest; the others are as long as the line makes them, up to the limit.
    let lens: Vec<u64> = world.asks.iter().map(|ask| ask.3).collect();
    assert_eq!((lens[0], lens[1], next), (4_000, 40_000, 300_000));
}

#[test]
fn a_source_that_closes_after_each_answer_is_connected_to_again() {
    let closing = Holder { keeps_alive: false, ..honest(20_000) };
    let mut world = world(100_000, &[closing]);
    assert_eq!(world.run(), Ok(()));
    assert_eq!(world.connects.len(), world.asks.len());
}

#[test]
fn only_what_is_missing_is_fetched() {
    let there = [(0, 10_000, true), (50_000, 60_000, true), (99_000, 100_000, true)];
    let mut world = World::new(100_000, &[honest(20_000), honest(20_000)], &there, small_knobs());
    assert_eq!(world.run(), Ok(()));
    assert_eq!(world.received, 79_000);
}

#[test]
fn who_knows_no_ranges_may_send_everything_once() {
    let mut world = world(100_000, &[Holder::of(Kind::Whole, 20_000)]);
    assert_eq!(world.run(), Ok(()));
    assert_eq!((world.asks.len(), world.received), (1, 100_000));
    // It cannot be asked for the rest.
    let there = [(0, 500, true)];
    let mut world = World::new(100_000, &[Holder::of(Kind::Whole, 20_000)], &there, small_knobs());
    assert_eq!((world.run(), world.received), (Err(Failure::Refused), 0));
}

#[test]
fn a_wrong_file_from_one_source_is_its_fault() {
    let mut world = world(100_000, &[Holder::of(Kind::Corrupt, 20_000)]);
    assert_eq!(world.run(), Err(Failure::Corrupt));
    assert_eq!((world.verifies, world.received), (1, 100_000));
}

#[test]
fn of_several_the_guilty_one_is_found_and_the_others_bytes_are_kept() {
    let mut world = world(400_000, &[honest(50_000), Holder::of(Kind::Corrupt, 10_000), honest(10_000)]);
    assert_eq!(world.run(), Ok(()));
    // The one that has sent most is asked for what the others had sent; that is right, and nobody needs to be blamed.
    assert_eq!(world.verifies, 2);
    assert!(world.received < 600_000, "{} bytes for a file of 400,000", world.received);
    // If the guilty one has sent most, it is found out in the second round, and is not asked again.
    let holders = [honest(10_000), Holder::of(Kind::Corrupt, 50_000), honest(10_000)];
    let mut world = World::new(400_000, &holders, &[], small_knobs());
    assert_eq!(world.run(), Ok(()));
    assert_eq!(world.verifies, 3);
}

#[test]
fn wrong_bytes_that_were_there_before_are_nobodys_fault() {
    let mut world = World::new(100_000, &[honest(20_000)], &[(0, 30_000, false)], small_knobs());
    assert_eq!(world.run(), Ok(()));
    assert_eq!((world.verifies, world.received), (2, 100_000));
    // All of it.
    let mut world = World::new(100_000, &[honest(20_000)], &[(0, 100_000, false)], small_knobs());
    assert_eq!(world.run(), Ok(()));
    assert_eq!((world.verifies, world.received), (2, 100_000));
}

#[test]
fn nobody_gets_more_than_so_many_wrong_copies() {
    let mut world = world(10_000, &[Holder::of(Kind::Corrupt, 20_000); 20]);
    assert_eq!(world.run(), Err(Failure::Corrupt));
    assert_eq!(world.verifies, u32::from(small_knobs().rounds_max) + 1);
}

#[test]
fn who_is_queued_asks_again_in_its_time() {
    let mut world = world(10_000, &[Holder::of(Kind::Busy(4, true), 20_000)]);
    assert_eq!(world.run(), Ok(()));
    let times: Vec<Duration> = world.asks.iter().map(|ask| ask.0.since(Time::ZERO)).collect();
    for pair in times[..5].windows(2) {
        let pause = (pair[1] - pair[0]).as_secs_f64();
        assert!((5.0..30.0).contains(&pause), "asked again after {pause} s, where 5 to 30 are wanted");
    }
    assert_eq!(world.connects.len(), 1, "the place is kept on its connection");
}

#[test]
fn a_full_source_is_given_up_some_time() {
    let mut world = world(10_000, &[Holder::of(Kind::Busy(u8::MAX, false), 20_000)]);
    assert_eq!(world.run(), Err(Failure::Refused));
    assert_eq!(world.asks.len(), usize::from(small_knobs().queue_retries_max) + 1);
    let pause = world.asks[1].0.since(world.asks[0].0);
    assert!(pause >= Duration::from_secs(60), "asked again after {pause:?}");
}

#[test]
fn who_stands_still_is_replaced_long_before_its_time_is_over() {
    let mut world = world(200_000, &[Holder::of(Kind::Stalls(2_500), 20_000), honest(20_000)]);
    assert_eq!(world.run(), Ok(()));
    assert!(world.now.as_secs_f64() < 30.0, "it took {:?}", world.now);
}

#[test]
fn a_silent_source_has_its_time_and_no_more() {
    let mut world = world(10_000, &[Holder::of(Kind::Deaf, 20_000)]);
    assert_eq!(world.run(), Err(Failure::Timeout));
    let knobs = small_knobs();
    assert_eq!(world.asks.len(), usize::from(knobs.attempts_max));
    // Each time it has its time, and in between the wait doubles.
    let waits = knobs.answer_timeout * 3 + knobs.retry * 3;
    let took = world.now.since(Time::ZERO);
    assert!(took >= waits && took < waits + Duration::from_secs(1), "{took:?} instead of {waits:?}");
}

#[test]
fn the_weightiest_reason_is_told() {
    let fails = |kinds: &[Kind]| {
        let holders: Vec<Holder> = kinds.iter().map(|kind| Holder::of(*kind, 20_000)).collect();
        world(10_000, &holders).run().unwrap_err()
    };
    assert_eq!(fails(&[]), Failure::NoHolder);
    assert_eq!(fails(&[Kind::Dead, Kind::OtherSize]), Failure::NoHolder);
    assert_eq!(fails(&[Kind::Silent, Kind::Dead]), Failure::Timeout);
    assert_eq!(fails(&[Kind::Refuses, Kind::Deaf, Kind::Dead]), Failure::Refused);
    assert_eq!(fails(&[Kind::Corrupt, Kind::Refuses, Kind::Deaf]), Failure::Corrupt);
}

#[test]
fn a_store_that_fails_ends_the_download() {
    for (fault, why) in [(StoreFault::Full, Failure::DiskFull), (StoreFault::Io, Failure::Store)] {
        let mut world = world(100_000, &[honest(20_000), honest(20_000)]);
        world.refuse_write(fault);
        assert_eq!(world.run(), Err(why));
    }
}

#[test]
fn a_store_that_knows_better_drops_a_source() {
    let mut world = world(100_000, &[honest(20_000), honest(20_000)]);
    let dropped = world.sender();
    world.refuse_write(StoreFault::Corrupt);
    let before = world.received_from[dropped];
    assert_eq!(world.run(), Ok(()));
    assert_eq!(world.received_from[dropped], before);
    assert!(!world.comes(dropped));
}

#[test]
fn a_cancelled_download_hangs_up_first() {
    let mut world = world(100_000, &[honest(20_000), Holder::of(Kind::Silent, 20_000)]);
    world.sender();
    world.download.fail(Failure::Cancelled);
    assert_eq!(world.run(), Err(Failure::Cancelled));
    // Whatever comes late is of no consequence.
    world.download.lost(world.id(0), common::transfer::Lost::Closed, world.now);
    world.download.verified(false);
    world.download.finished(None);
    assert_eq!((world.comes(1), world.download.poll(world.now)), (false, None));
}

#[test]
fn a_kept_connection_that_ends_costs_nothing() {
    let mut world = world(100_000, &[honest(20_000)]);
    let knobs = small_knobs();
    world.sender();
    for _ in 0..2 * knobs.attempts_max {
        // Between two requests, or so it seems to us.
        let asked = world.asks.len();
        while world.asks.len() == asked && world.outcome.is_none() {
            world.step();
        }
        if world.outcome.is_none() {
            world.close(0);
            world.act();
            assert_eq!(*world.connects.last().unwrap(), 0, "it is connected to again at once");
            world.sender();
        }
    }
    assert_eq!(world.run(), Ok(()));
}

#[test]
fn a_late_caller_is_welcome() {
    let mut world = world(100_000, &[Holder::of(Kind::Silent, 20_000)]);
    world.act();
    // Until its push has timed out.
    while world.now < Time::ZERO + small_knobs().connect_timeout {
        world.step();
    }
    assert!(world.comes(0));
    assert_eq!(world.run(), Ok(()));
}

#[test]
fn sources_have_a_bound() {
    let knobs = Arc::new(DownloadKnobs { sources_max: 3, ..small_knobs() });
    let mut download = Download::new(10, None, Ranges::default(), knobs);
    let added: Vec<bool> = ["a", "b", "a", "c", "d"].map(|key| download.add_source(key).is_some()).to_vec();
    assert_eq!(added, [true, true, false, true, false]);
    assert_eq!(
        download.sources().map(|(source, key)| (source.index(), *key)).collect::<Vec<_>>(),
        [(0, "a"), (1, "b"), (2, "c")]
    );
}

#[test]
fn what_is_whole_already_needs_nobody() {
    let mut download: Download<()> = Download::new(10, None, Ranges::from_start(10), Arc::default());
    assert_eq!(download.poll(Time::ZERO), Some(Action::Finish));
    download.finished(None);
    assert_eq!([download.poll(Time::ZERO), download.poll(Time::ZERO)], [Some(Action::Done), None]);
    // More than there can be is of another file.
    let mut download: Download<()> = Download::new(10, None, Ranges::from_start(11), Arc::default());
    assert_eq!(download.poll(Time::ZERO), Some(Action::Failed(Failure::NoHolder)));
}
