//! Downloads from many sources: every one ends, complete if anybody honest lasts, and nothing is fetched twice without need.

mod transfer_kit;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use common::store::StoreFault;
use common::transfer::DownloadKnobs;
use common::user::Failure;
use transfer_kit::{Holder, Kind, PIECE, World, small_knobs};

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
