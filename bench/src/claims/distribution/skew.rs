//! Some contents are wanted far more than others, and who gains from that.

use std::collections::VecDeque;
use std::sync::Arc;

use common::sim::Config;
use kazaa::config::Knobs;
use rand_pcg::Pcg64;

use crate::claims::bittorrent::swarm::{DSL, Plan, after, crowd};
use crate::claims::draw::Weighted;
use crate::claims::finding::{Mark, Published, Reading, Rule};
use crate::claims::kazaa::network::{clusters, fixed};
use crate::claims::kazaa::widening::{TITLES, fill};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;
use crate::world::below;

/// M2.
pub(super) const SKEW: Claim = Claim {
    id: "M2",
    sentence: "What people want follows Zipf's law: a few contents are very popular, and all architectures but the lone server gain from that.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "{TITLES} titles, asked for as their rank to the power of -α. {DRAWS} draws, which also pass a cache that keeps the {TOP} titles asked for last; {SUPERNODES} supernodes of KaZaA with {CHILDREN} children each, who share as they ask, and {} searches for one result; {} people who come together for a content of {PIECES} pieces, each to the swarm of the title drawn, with an origin of {ORIGIN_KBPS} kbit/s for each title. A server alone sends a copy to each, and Napster's index answers each search by itself, whatever is popular",
            searches(size),
            people(size)
        )
    },
    varied: "α, from 0 (all titles alike) to 1.2",
    seeds: crate::claims::HEAVY,
    trial: skew,
};

const ALPHAS: [f64; 4] = [0.0, 0.4, 0.8, 1.2];
/// The top hundredth of all titles.
const TOP: usize = TITLES as usize / 100;
const DRAWS: usize = 20_000;
const SUPERNODES: u32 = 16;
const CHILDREN: u32 = 40;
const PIECES: u32 = 16;
/// 2.5 of the peers' lines.
const ORIGIN_KBPS: u32 = 1_000;

fn searches(size: Size) -> u32 {
    size.pick(100, 300, 1_000)
}

fn people(size: Size) -> u32 {
    size.pick(100, 300, 1_000)
}

/// The shares of so many draws that are of the top titles, and that find theirs in a cache of as many.
fn drawn(popularity: &Weighted, rng: &mut Pcg64) -> (f64, f64) {
    let (mut top, mut hits) = (0, 0);
    // Titles by when they were asked for last.
    let mut cache: VecDeque<usize> = VecDeque::with_capacity(TOP + 1);
    for _ in 0..DRAWS {
        let title = popularity.draw(rng);
        top += usize::from(title < TOP);
        let at = cache.iter().position(|cached| *cached == title);
        hits += usize::from(at.is_some());
        at.map(|at| cache.remove(at));
        cache.push_front(title);
        cache.truncate(TOP);
    }
    (top as f64 / DRAWS as f64, hits as f64 / DRAWS as f64)
}

/// The share of searches that the searcher's own supernode answers, and the questions of each.
fn first_supernode(trial: &Trial, popularity: &Weighted) -> (f64, f64) {
    let all = SUPERNODES as usize;
    let knobs = Arc::new(Knobs { enough: 1, links: all, links_max: all, asked_max: all, ..fixed() });
    let config = Config::seeded(trial.seed_of(1));
    let children = SUPERNODES * CHILDREN;
    let mut network = clusters(config, SUPERNODES, children, |_| Arc::clone(&knobs));
    let mut rng = trial.rng(2);
    fill(&mut network, SUPERNODES, popularity, &mut rng);
    let (mut answered, mut questions) = (0, 0);
    for _ in 0..searches(trial.size) {
        let child = SUPERNODES + below(&mut rng, children as usize) as u32;
        let searched = network.search(child, &format!("number{}", popularity.draw(&mut rng)));
        answered += u32::from(searched.supernodes == 1 && !searched.results.is_empty());
        questions += searched.questions;
    }
    let of_one = |sum: f64| sum / f64::from(searches(trial.size));
    (of_one(f64::from(answered)), of_one(questions as f64))
}

/// Copies that no origin had to send, by all that were wanted; the people in the largest swarm; and the mean time, seconds.
fn swarms(trial: &Trial, popularity: &Weighted) -> (f64, f64, f64) {
    let mut rng = trial.rng(3);
    let mut sizes = vec![0; TITLES as usize];
    (0..people(trial.size)).for_each(|_| sizes[popularity.draw(&mut rng)] += 1);
    let (mut copies, mut time_s) = (0.0, 0.0);
    for (title, count) in (0..).zip(&sizes).filter(|(_, count)| **count > 0) {
        let plan = Plan { origin_kbps: ORIGIN_KBPS, ..Plan::flash(PIECES) };
        let swarm = after(plan, &crowd(*count, DSL), trial.seed_of(10 + title));
        copies += swarm.origin_copies();
        time_s += swarm.outcome().times_s.iter().sum::<f64>();
    }
    let wanted = f64::from(people(trial.size));
    let largest = sizes.iter().copied().max().unwrap_or(0);
    (1.0 - copies / wanted, f64::from(largest), time_s / wanted)
}

fn skew(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let mut gains = Vec::new();
    for alpha in ALPHAS {
        let popularity = Weighted::zipf(TITLES, alpha);
        let theory: f64 = popularity.probabilities()[..TOP].iter().sum();
        let (top, cached) = drawn(&popularity, &mut trial.rng(4));
        let (answered, questions) = first_supernode(trial, &popularity);
        let (spared, largest, time_s) = swarms(trial, &popularity);
        let reading = |what: &str, unit, value| Reading::new(format!("α = {alpha}: {what}"), unit, value);
        let share = reading("requests for the top 1 % of titles", Unit::Share, top)
            .theory(theory)
            .rule(Rule::within((theory - 0.02).max(0.0), theory + 0.02, Mark::Derived));
        // Measured of 202,509 queries, whose exponent is known from memory alone.
        let adar = Published::new(0.37, "Adar and Huberman 2000, query strings", Mark::Secondary);
        readings.extend([
            if alpha == 0.8 { share.published(adar) } else { share },
            reading("requests that a cache of 1 % answers", Unit::Share, cached).theory(theory),
            reading("searches that the first supernode answers", Unit::Share, answered),
            reading("questions of a search among supernodes", Unit::Count, questions),
            reading("people in the largest swarm", Unit::Count, largest),
            reading("copies that no origin has to send", Unit::Share, spared),
            reading("mean time of a download by swarm", Unit::Seconds, time_s),
        ]);
        gains.push([cached, answered, spared]);
    }
    let names = [
        "a cache: requests answered",
        "a supernode: searches answered",
        "swarms: copies that no origin has to send",
    ];
    let (alike, skewed) = (gains[0], gains[ALPHAS.len() - 1]);
    for (at, name) in names.into_iter().enumerate() {
        let what = format!("{name}, α = 1.2 less α = 0");
        let gain = Reading::new(what, Unit::Share, skewed[at] - alike[at]);
        readings.push(gain.rule(Rule::at_least(0.0, Mark::Derived)));
    }
    readings
}
