//! How many share, and what becomes of the others.

use common::catalog::{PlacementConfig, Sizes};

use crate::claims::finding::{Mark, Reading, Rule, mean};
use crate::claims::whole::{self, Whole};
use crate::claims::{Claim, Size, Trial};
use crate::measure::{DownloadEnd, Unit, quantile};
use crate::scenario::{Arrivals, Law, LineClass, Scenario};

/// N6.
pub(super) const AUTOMATIC: Claim = Claim {
    id: "N6",
    sentence: "Sharing is automatic, so that more people share: then each carries less, and everybody is served sooner.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "{} people on lines of 1,500/400 want {WANTED} songs each of {SONG_BYTES} bytes on average, by popularity, and go after {PATIENCE_S} s if they have not got them; who shares has {FILES} files on average. How many share is given: what people do cannot be tried here. The claim is judged by what 30 % who share nothing are worth, as of Napster's people (20 to 40 %), beside 66 %, as of Gnutella's in 2000. What is downloaded is not shared anew. Hardly anybody is left without a song until the lines of those who share are full, which they are at 90 % here",
            people(size)
        )
    },
    varied: "the share of people that share nothing",
    seeds: crate::claims::HEAVY,
    trial: automatic,
};

const WANTED: u32 = 2;
const SONG_BYTES: f64 = 400_000.0;
const FILES: f64 = 20.0;
const PATIENCE_S: f64 = 190.0;
/// When all have come, and the first searches.
const SETTLED_S: f64 = 40.0;
/// The share that shares nothing. Of Napster's people 20 to 40 %, of Gnutella's 25 % in 2001 (Saroiu et al., V2) and 66 % in 2000
/// (Adar and Huberman, V2).
const FREE: [f64; 5] = [0.0, 0.3, 0.5, 0.66, 0.9];
/// Places of those that are judged.
const NAPSTER: usize = 1;
const GNUTELLA: usize = 3;

fn people(size: Size) -> u32 {
    size.pick(120, 300, 1_000)
}

fn scenario(trial: &Trial, free_riders: f64) -> Scenario {
    let mut scenario =
        Scenario { seed: trial.seed_of(1) >> 1, peers: people(trial.size), ..Scenario::default() };
    scenario.duration_limit_s = 10.0 * PATIENCE_S;
    scenario.lines.mix = vec![LineClass { share: 1.0, down_kbps: 1_500, up_kbps: 400 }];
    scenario.lines.firewalled = 0.0;
    scenario.catalog.titles = 4 * scenario.peers;
    scenario.catalog.artists = scenario.peers;
    scenario.catalog.sizes = Sizes { mean: SONG_BYTES, sigma: 0.4, min: 65_536, max: 4 << 20 };
    scenario.placement =
        PlacementConfig { free_riders, files_mean: FILES, files_sigma: 1.0, ..PlacementConfig::default() };
    scenario.arrivals = Arrivals::Uniform { over_s: 30.0 };
    (scenario.searches.per_peer, scenario.searches.downloads_per_peer) = (WANTED, WANTED);
    (scenario.searches.pause_s, scenario.searches.settle_s) = (10.0, SETTLED_S);
    scenario.sessions.patience_s = Some(Law::Fixed(PATIENCE_S));
    scenario
}

/// How it went with so many who share nothing.
struct Seen {
    missed: f64,
    time_s: f64,
    /// Copies that a sharer gave for each that somebody got, on average and at the most.
    carried: f64,
    most: f64,
}

fn seen(trial: &Trial, free_riders: f64) -> Seen {
    let Whole { world, people, run } = whole::run("napster", &scenario(trial, free_riders));
    let downloads = &run.measured.downloads;
    let took: Vec<f64> =
        downloads.iter().filter(|row| row.end == DownloadEnd::Fetched).filter_map(|row| row.took_s).collect();
    let sent: Vec<f64> = people
        .iter()
        .enumerate()
        .filter(|(person, _)| !world.shared_by(*person).is_empty())
        .map(|(_, load)| load.body_sent as f64)
        .collect();
    let got = mean(&people.iter().map(|load| load.body_received as f64).collect::<Vec<_>>());
    Seen {
        missed: 1.0 - took.len() as f64 / downloads.len() as f64,
        time_s: quantile(&took, 0.5).unwrap_or(f64::NAN),
        carried: mean(&sent) / got,
        most: sent.iter().copied().fold(0.0, f64::max) / got,
    }
}

fn automatic(trial: &Trial) -> Vec<Reading> {
    let all = FREE.map(|free| seen(trial, free));
    let mut readings = Vec::new();
    for (free, seen) in FREE.iter().zip(&all) {
        let name = format!("{:.0} % share nothing", 100.0 * free);
        let put = |what: &str, unit, value| Reading::new(format!("{name}: {what}"), unit, value);
        readings.extend([
            put("downloads that are not completed", Unit::Share, seen.missed),
            put("completion time, median", Unit::Seconds, seen.time_s),
            // What comes has gone, so that this is arithmetic: a check of the counting.
            put("sent by a sharer by what each received", Unit::Ratio, seen.carried)
                .theory(1.0 / (1.0 - free)),
            put("the same, the busiest sharer", Unit::Ratio, seen.most),
        ]);
    }
    let (napster, gnutella) = (&all[NAPSTER], &all[GNUTELLA]);
    readings.extend([
        Reading::new(
            "completion time, 30 % share nothing by 66 %",
            Unit::Ratio,
            napster.time_s / gnutella.time_s,
        )
        .rule(Rule::at_most(0.9, Mark::Derived)),
        Reading::new(
            "sent by a sharer, 30 % share nothing by 66 %",
            Unit::Ratio,
            napster.carried / gnutella.carried,
        )
        .theory((1.0 - FREE[GNUTELLA]) / (1.0 - FREE[NAPSTER]))
        .rule(Rule::at_most(0.6, Mark::Derived)),
    ]);
    readings
}
