//! What it costs to stay in touch.

use std::sync::Arc;
use std::time::Duration;

use gnutella::servent::Knobs;
use gnutella::strategy::StrategyKind;

use super::flooding::connected;
use super::network::{Network, file, fixed};
use crate::claims::draw::sample;
use crate::claims::finding::{Mark, Published, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;
use crate::world::{below, exponential};

/// Queries a second of one peer.
const QUERIES_PER_S: f64 = 9.26e-3;
/// How often each pings its neighbours.
const PINGS_EVERY: Duration = Duration::from_secs(20);
/// How long everybody is watched.
const WATCHED: Duration = Duration::from_secs(120);

/// G6.
pub(super) const OVERHEAD: Claim = Claim {
    id: "G6",
    sentence: "Who joins pings everybody, and everybody who has room answers; it took caches of addresses to make that bearable.",
    said_by: "lecture; Ripeanu, Iamnitchi and Foster 2002",
    setup: |size| {
        format!(
            "servents on the giant component of a random graph of {} nodes, {QUERIES_PER_S} queries a second from each (M), a file at 1 %, watched for {} s; each pings its neighbours every {} s",
            nodes(size),
            WATCHED.as_secs(),
            PINGS_EVERY.as_secs()
        )
    },
    varied: "pings passed on to everybody, as 0.4 had it, and answered from a cache, as 0.6 has it",
    seeds: crate::claims::HEAVY,
    trial: overhead,
};

fn nodes(size: Size) -> u32 {
    size.pick(200, 500, 1_000)
}

/// Bytes of searches and of pings, with their answers, while everybody is watched.
fn bytes(trial: &Trial, pong_caching: bool) -> [f64; 2] {
    let graph = connected(nodes(trial.size), 6.8, trial.seed_of(1));
    let knobs = Arc::new(Knobs { pong_caching, ping_every: Some(PINGS_EVERY), ..fixed(7) });
    let mut network = Network::new(&graph, trial.seed_of(2), StrategyKind::Flood, |_| Arc::clone(&knobs));
    let mut rng = trial.rng(3);
    for holder in sample(graph.nodes(), graph.nodes() as usize / 100, &mut rng) {
        network.share(holder, [file("a sought song.mp3")]);
    }
    let sent =
        |network: &Network, kinds: [&str; 2]| kinds.map(|kind| network.sent(kind).bytes).iter().sum::<u64>();
    const KINDS: [[&str; 2]; 2] = [["query", "query hit"], ["ping", "pong"]];
    let before = KINDS.map(|kinds| sent(&network, kinds));
    let every_s = 1.0 / (QUERIES_PER_S * f64::from(graph.nodes()));
    let mut after_s = exponential(&mut rng, every_s);
    while after_s < WATCHED.as_secs_f64() {
        let node = below(&mut rng, graph.nodes() as usize) as u32;
        network.search_after(Duration::from_secs_f64(after_s), node, "sought song");
        after_s += exponential(&mut rng, every_s);
    }
    network.run_for(WATCHED);
    let after = KINDS.map(|kinds| sent(&network, kinds));
    [0, 1].map(|at| (after[at] - before[at]) as f64)
}

fn overhead(trial: &Trial) -> Vec<Reading> {
    let [naive, cached] = [false, true].map(|caching| bytes(trial, caching));
    let share = |[search, ping]: [f64; 2]| search / (search + ping);
    let ripeanu = |value| Published::new(value, "Ripeanu 2002", Mark::Secondary);
    // Of the bytes of pings, so many would be left if they were sent less often.
    let november = ripeanu(0.36);
    let wanted = naive[0] * (1.0 - november.value) / november.value;
    let every = PINGS_EVERY.as_secs_f64() * naive[1] / wanted;
    vec![
        Reading::new("searches, of all bytes: pings passed on", Unit::Share, share(naive))
            .published(november)
            .rule(Rule::at_most(0.5, Mark::Secondary)),
        Reading::new("searches, of all bytes: pings answered from a cache", Unit::Share, share(cached))
            .published(ripeanu(0.92)),
        Reading::new("bytes of pings and pongs, passed on by cached", Unit::Ratio, naive[1] / cached[1])
            .rule(Rule::at_least(2.0, Mark::Secondary)),
        Reading::new("seconds between pings passed on that give the published share", Unit::Seconds, every),
    ]
}
