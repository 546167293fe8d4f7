//! How many supernodes a newcomer probes.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use common::net::{Attachment, Line};
use common::sim::Config;
use kazaa::config::{Knobs, Role};
use rand_pcg::Pcg64;

use super::network::{KNOWN_MAX, Member, Network, fixed};
use crate::claims::draw::{log_normal, sample};
use crate::claims::finding::{Mark, Published, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::{Unit, quantile};

/// K9.
pub(super) const PROBES: Claim = Claim {
    id: "K9",
    sentence: "A newcomer pings five supernodes of its list and joins the nearest.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "{} supernodes, {} newcomers for each number of probes, each with a list of {KNOWN_MAX}; round trips log-normal, median {MEDIAN_MS} ms, sigma {SIGMA}; the published medians are of the smallest of independent ones, so that all of the delay is the supernode's",
            supernodes(size),
            newcomers(size)
        )
    },
    varied: "the number of probes; whether all of the delay is the supernode's, or half of it the newcomer's own",
    seeds: |size| size.pick(10, 10, 12),
    trial: probes,
};

/// Of the round trips from one place to Gnutella's peers.
const MEDIAN_MS: f64 = 140.0;
const SIGMA: f64 = 0.82;
/// How many are probed, and the medians that follow, in milliseconds.
const PROBES_AND_MEDIANS_MS: [(usize, f64); 5] = [(1, 140.0), (2, 89.0), (5, 55.0), (10, 41.0), (20, 31.0)];
/// Who is nearer than so many of the others is one of the nearest.
const NEAREST: f64 = 0.1;

fn supernodes(size: Size) -> u32 {
    size.pick(1_000, 2_000, 5_000)
}

fn newcomers(size: Size) -> u32 {
    size.pick(250, 500, 1_000)
}

/// What came of a number of probes.
struct Joined {
    /// The median round trip to the supernode that was joined, in seconds.
    rtt_s: f64,
    /// The share of newcomers at the nearest tenth of supernodes.
    at_nearest: f64,
}

/// One delay, which a round trip crosses twice.
fn delay(rng: &mut Pcg64, share: f64) -> Duration {
    Duration::from_secs_f64(share * log_normal(rng, MEDIAN_MS / 2.0, SIGMA) / 1_000.0)
}

fn joined(trial: &Trial, of_supernode: f64) -> Vec<Joined> {
    let config = Config { core_delay: Duration::ZERO, ..Config::seeded(trial.seed_of(1)) };
    let mut network = Network::new(config);
    let mut rng = trial.rng(2);
    let count = supernodes(trial.size);
    let attachment = |delay| Attachment { line: Line { delay, ..Line::default() }, firewalled: false };
    let alone = Arc::new(Knobs { links: 0, ..fixed() });
    let mut delays = Vec::new();
    for _ in 0..count {
        let delay = delay(&mut rng, of_supernode);
        delays.push(delay.as_secs_f64());
        let member = Member::new(Arc::clone(&alone));
        network.add(&Member { role: Some(Role::Supernode), attachment: attachment(delay), ..member });
    }
    let mut own = Vec::new();
    for (probes, _) in PROBES_AND_MEDIANS_MS {
        // Nobody is given up on: the claim is about whom one finds, not about how long one looks.
        let patience = Duration::from_secs(14);
        let knobs = Arc::new(Knobs { probes, probe_patience: patience, ..fixed() });
        for _ in 0..newcomers(trial.size) {
            let list = sample(count, KNOWN_MAX, &mut rng);
            let knows: Arc<[SocketAddrV4]> = list.iter().map(|node| network.address(*node)).collect();
            let delay = if of_supernode < 1.0 { delay(&mut rng, 1.0 - of_supernode) } else { Duration::ZERO };
            own.push(delay.as_secs_f64());
            let member = Member::new(Arc::clone(&knobs));
            let role = Some(Role::Ordinary);
            network.add(&Member { role, knows, attachment: attachment(delay), ..member });
        }
    }
    network.run_for(Duration::from_secs(60));
    let nearest = quantile(&delays, NEAREST).expect("there are supernodes");
    let of_newcomers = own.chunks(newcomers(trial.size) as usize).zip(0..);
    of_newcomers
        .map(|(own, group)| {
            let first = count + group * newcomers(trial.size);
            let parents: Vec<f64> =
                (first..).zip(own).map(|(node, _)| delays[network.parents(node)[0] as usize]).collect();
            let rtts: Vec<f64> =
                parents.iter().zip(own).map(|(theirs, ours)| 2.0 * (theirs + ours)).collect();
            let near = parents.iter().filter(|delay| **delay <= nearest).count();
            Joined {
                rtt_s: quantile(&rtts, 0.5).expect("there are newcomers"),
                at_nearest: near as f64 / parents.len() as f64,
            }
        })
        .collect()
}

fn probes(trial: &Trial) -> Vec<Reading> {
    let (independent, shared) = (joined(trial, 1.0), joined(trial, 0.5));
    let mut readings = Vec::new();
    for ((probes, median_ms), joined) in PROBES_AND_MEDIANS_MS.iter().zip(&independent) {
        let published = Published::new(median_ms / 1_000.0, "the model", Mark::Derived);
        readings.push(
            Reading::new(format!("{probes} probed: round trip, median"), Unit::Seconds, joined.rtt_s)
                .published(published)
                .rule(Rule::near(published, 0.1 * published.value)),
        );
        // Whoever probes k at random finds none of the nearest with probability 0.9^k.
        let theory = 1.0 - libm::pow(1.0 - NEAREST, *probes as f64);
        let what = format!("{probes} probed: newcomers at the nearest tenth of supernodes");
        readings.push(Reading::new(what, Unit::Share, joined.at_nearest).theory(theory));
    }
    for ((probes, _), joined) in PROBES_AND_MEDIANS_MS.iter().zip(&shared) {
        let what = format!("{probes} probed, half of the delay one's own: round trip, median");
        readings.push(Reading::new(what, Unit::Seconds, joined.rtt_s));
    }
    // From 1 to 5 and from 5 to 20, for each doubling.
    let gain = |from: usize, to: usize| {
        let doublings = libm::log2(PROBES_AND_MEDIANS_MS[to].0 as f64 / PROBES_AND_MEDIANS_MS[from].0 as f64);
        (independent[from].rtt_s - independent[to].rtt_s) / doublings
    };
    readings.push(
        Reading::new(
            "gain of a doubling up to 5 by that of one beyond",
            Unit::Ratio,
            gain(0, 2) / gain(2, 4),
        )
        .rule(Rule::at_least(2.0, Mark::Derived)),
    );
    readings
}
