//! Floods: how far they reach and what they cost.

use super::draw::sample;
use super::finding::{Mark, Published, Reading, Rule};
use super::graph::Graph;
use super::{Claim, Trial};
use crate::measure::Unit;

/// R14.
pub(super) const CRAWL: Claim = Claim {
    id: "R14",
    sentence: "95 % of all pairs of peers are within 7 hops of each other, and the overlay's traffic is a measurable part of the internet's.",
    said_by: "Ripeanu, Iamnitchi and Foster 2002",
    setup: |_| format!("a random graph of {CRAWLED} nodes and {CRAWLED_LINKS} links, 6 kbit/s on each link"),
    varied: "the number of hops",
    seeds: super::LIGHT,
    trial: crawl,
};

/// Peers of the largest crawl, of May 2001.
const CRAWLED: u32 = 50_000;
/// Links between them.
const CRAWLED_LINKS: usize = 170_000;

fn crawl(trial: &Trial) -> Vec<Reading> {
    let graph = Graph::random(CRAWLED, CRAWLED_LINKS, trial.seed_of(1));
    let sources = sample(CRAWLED, trial.size.pick(40, 200, 1_000), &mut trial.rng(2));
    let mut within = [0u64; 10];
    for source in &sources {
        for distance in graph.distances(*source) {
            (distance as usize..within.len()).for_each(|hops| within[hops] += u64::from(distance > 0));
        }
    }
    let pairs = sources.len() as f64 * f64::from(CRAWLED - 1);
    let share = |hops: usize| within[hops] as f64 / pairs;
    let by = "Ripeanu 2002";
    let paths = Published::new(0.95, by, Mark::Secondary);
    let traffic = Published::new(330.0, by, Mark::Secondary);
    const LINK_BPS: f64 = 6_000.0;
    let bps = LINK_BPS * graph.edges().len() as f64;
    let terabytes = bps / 8.0 * 30.0 * 86_400.0 / 1e12;
    let mut readings: Vec<Reading> = (4..10)
        .map(|hops| Reading::new(format!("pairs within {hops} hops"), Unit::Share, share(hops)))
        .collect();
    readings[3] = readings[3].clone().published(paths).rule(Rule::within(0.90, 1.0, Mark::Secondary));
    readings.push(Reading::new("traffic on all links", Unit::Kbps, bps / 1000.0));
    readings.push(
        Reading::new("terabytes in 30 days", Unit::Count, terabytes)
            .published(traffic)
            .rule(Rule::near(traffic, 1.0)),
    );
    readings
}
