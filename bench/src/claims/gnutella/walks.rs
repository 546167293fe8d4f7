//! Floods, floods that grow, and walkers.

use std::sync::Arc;

use gnutella::servent::Knobs;
use gnutella::strategy::StrategyKind;

use super::flooding::connected;
use super::network::{Network, file, fixed};
use super::resilience::crawled;
use crate::claims::draw::sample;
use crate::claims::finding::{Mark, Published, Reading, Rule};
use crate::claims::graph::Graph;
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;

/// R16.
pub(super) const WALKERS: Claim = Claim {
    id: "R16",
    sentence: "Walkers find what floods find for a hundredth of the messages, and need few more hops; floods that grow save several-fold.",
    said_by: "Lv, Cao, Cohen, Li and Shenker 2002",
    setup: |size| {
        format!(
            "servents on a random graph of Gnutella's size ({GNUTELLA_NODES} nodes, {GNUTELLA_LINKS} links, M), its giant component, and on a power-law graph of {} nodes; 32 walkers that ask back every 4 steps, floods of TTL {FLOOD_TTL}, floods that grow from TTL 1; one result is enough; {} titles; theory is the most that any blind search can save",
            power_law_nodes(size),
            titles(size)
        )
    },
    varied: "the strategy; a title at 0.1 % and at 1 % of all nodes",
    seeds: crate::claims::HEAVY,
    trial: walkers,
};

/// A crawl of Gnutella had so many nodes.
const GNUTELLA_NODES: u32 = 4_736;
/// And so many links.
const GNUTELLA_LINKS: u32 = 13_022;
/// Far enough to find a title at a thousandth of the nodes nearly always.
const FLOOD_TTL: u8 = 7;
/// Seconds that an answer takes for each hop there and back.
const HOP_S: f64 = 0.04;

fn power_law_nodes(size: Size) -> u32 {
    size.pick(2_000, 9_230, 9_230)
}

fn titles(size: Size) -> usize {
    size.pick(10, 30, 100)
}

/// What a strategy costs and achieves, on average.
struct Cost {
    messages: f64,
    found: f64,
    /// Hops to the first result.
    hops: f64,
}

fn cost(trial: &Trial, graph: &Graph, strategy: StrategyKind, held: f64) -> Cost {
    let knobs = Knobs { search_enough: 1, ..fixed(FLOOD_TTL) };
    let knobs = Arc::new(knobs);
    let mut network = Network::new(graph, trial.seed_of(2), strategy, |_| Arc::clone(&knobs));
    let mut rng = trial.rng(3);
    let copies = (held * f64::from(graph.nodes())).round().max(1.0) as usize;
    let searchers: Vec<u32> = (0..titles(trial.size))
        .map(|title| {
            let mut nodes = sample(graph.nodes(), copies + 1, &mut rng);
            let searcher = nodes.pop().expect("one more than there are copies");
            nodes
                .into_iter()
                .for_each(|node| network.share(node, [file(&format!("a song number{title}.mp3"))]));
            searcher
        })
        .collect();
    let (mut messages, mut hops, mut found) = (0, 0.0, 0.0);
    for (title, searcher) in searchers.iter().enumerate() {
        let searched = network.search(*searcher, &format!("number{title}"));
        messages += searched.messages - searched.hits;
        if let Some(first_s) = searched.first_s {
            found += 1.0;
            hops += first_s / HOP_S;
        }
    }
    let count = searchers.len() as f64;
    Cost { messages: messages as f64 / count, found: found / count, hops: hops / found }
}

fn walkers(trial: &Trial) -> Vec<Reading> {
    let links = 2.0 * f64::from(GNUTELLA_LINKS) / f64::from(GNUTELLA_NODES);
    let gnutella = connected(GNUTELLA_NODES, links, trial.seed_of(1));
    let power_law = crawled(power_law_nodes(trial.size), trial.seed_of(1));
    let lv = |value, mark| Published::new(value, "Lv 2002", mark);
    let mut readings = Vec::new();
    for (name, graph, held) in
        [("Gnutella", &gnutella, 0.001), ("Gnutella", &gnutella, 0.01), ("power law", &power_law, 0.01)]
    {
        let [flood, ring, walk] =
            [StrategyKind::Flood, StrategyKind::ExpandingRing, StrategyKind::RandomWalk]
                .map(|strategy| cost(trial, graph, strategy, held));
        let place = format!("{name}, {} %", held * 100.0);
        let is_gnutella = name == "Gnutella";
        for (strategy, cost) in [("flood", &flood), ("growing flood", &ring), ("walkers", &walk)] {
            readings.push(Reading::new(format!("{place}, {strategy}: messages"), Unit::Count, cost.messages));
            readings.push(Reading::new(format!("{place}, {strategy}: found"), Unit::Share, cost.found));
        }
        let by = |other: f64| flood.messages / other;
        // Whoever looks blindly has to ask so many on average; nobody can save more than the rest.
        let most = flood.messages * held;
        let walk_rule = is_gnutella.then_some(Rule::at_least(30.0, Mark::Secondary));
        let saved =
            Reading::new(format!("{place}: messages, flood by walkers"), Unit::Ratio, by(walk.messages))
                .theory(most)
                .published(lv(100.0, Mark::Secondary));
        readings.push(Reading { rule: walk_rule, ..saved });
        readings.push(
            Reading::new(
                format!("{place}: messages, flood by growing flood"),
                Unit::Ratio,
                by(ring.messages),
            )
            .published(lv(5.0, Mark::Memory)),
        );
        readings.push(
            Reading::new(
                format!("{place}: hops to the first result, walkers by flood"),
                Unit::Ratio,
                walk.hops / flood.hops,
            )
            .rule(Rule::at_most(3.0, Mark::Derived)),
        );
    }
    readings
}
