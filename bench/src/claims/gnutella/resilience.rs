//! What is left when peers go.

use crate::claims::draw::sample;
use crate::claims::finding::{Mark, Published, Reading, Rule};
use crate::claims::graph::Graph;
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;

/// A crawl of Gnutella had so many peers.
const CRAWLED: u32 = 1_771;
/// The exponent of its degrees.
const ALPHA: f64 = 2.3;
/// Links for each peer in 2001.
const LINKS_PER_NODE: f64 = 3.4;

/// G5.
pub(super) const PLUG: Claim = Claim {
    id: "G5",
    sentence: "It is harder to pull the plug: there is no node whose loss matters.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "the giant component of a power-law graph of {} nodes (exponent {ALPHA}) and a random graph of the same size with {LINKS_PER_NODE} links for each node",
            nodes(size)
        )
    },
    varied: "who goes: nodes at random, or those with the most links first; until less than half of those left hang together",
    seeds: crate::claims::LIGHT,
    trial: plug,
};

/// R15.
pub(super) const CRAWL: Claim = Claim {
    id: "R15",
    sentence: "Gnutella survives the loss of 30 % of its peers at random, but falls to pieces without its best connected 4 %.",
    said_by: "Saroiu, Gummadi and Gribble 2002",
    setup: |_| {
        format!(
            "the giant component of a power-law graph of {CRAWLED} nodes (M), exponent {ALPHA}; its size is printed"
        )
    },
    varied: "the share of nodes removed, at random and by degree",
    seeds: crate::claims::LIGHT,
    trial: crawl,
};

fn nodes(size: Size) -> u32 {
    size.pick(CRAWLED, 10_000, 50_000)
}

/// The largest part of a power-law graph: a crawl sees no other.
pub(super) fn crawled(nodes: u32, seed: u64) -> Graph {
    let graph = Graph::power_law(nodes, ALPHA, seed);
    graph.of_nodes(&graph.giant())
}

/// The share of nodes that have to go in this order until less than half of those left hang together.
fn threshold(graph: &Graph, order: &[u32]) -> f64 {
    let giants = graph.giants_as_nodes_go(order);
    let apart = |(gone, giant): &(usize, &u32)| 2 * (**giant as usize) < order.len() - gone;
    let gone = giants.iter().enumerate().find(apart).map_or(order.len(), |(gone, _)| gone);
    gone as f64 / order.len() as f64
}

fn orders(graph: &Graph, trial: &Trial) -> [Vec<u32>; 2] {
    [sample(graph.nodes(), graph.nodes() as usize, &mut trial.rng(2)), graph.by_degree()]
}

fn plug(trial: &Trial) -> Vec<Reading> {
    let power_law = crawled(nodes(trial.size), trial.seed_of(1));
    let links = (LINKS_PER_NODE * f64::from(power_law.nodes())).round() as usize;
    let random = Graph::random(power_law.nodes(), links, trial.seed_of(1));
    let mut readings = Vec::new();
    for (name, graph, rule) in [
        ("power law", power_law, Rule::at_least(10.0, Mark::Derived)),
        ("random graph", random, Rule::at_most(3.0, Mark::Derived)),
    ] {
        let [any, targeted] = orders(&graph, trial).map(|order| threshold(&graph, &order));
        readings.push(Reading::new(format!("{name}: gone at random"), Unit::Share, any));
        readings.push(Reading::new(format!("{name}: gone by degree"), Unit::Share, targeted));
        readings
            .push(Reading::new(format!("{name}: one by the other"), Unit::Ratio, any / targeted).rule(rule));
    }
    let by = "Saroiu 2002";
    readings[0].published = Some(Published::new(0.60, by, Mark::Secondary));
    readings[1].published = Some(Published::new(0.04, by, Mark::Secondary));
    readings
}

fn crawl(trial: &Trial) -> Vec<Reading> {
    let graph = crawled(CRAWLED, trial.seed_of(1));
    let [any, targeted] = orders(&graph, trial);
    let together = |order: &[u32], share: f64| {
        let gone = (share * order.len() as f64).round() as usize;
        f64::from(graph.giants_as_nodes_go(order)[gone]) / (order.len() - gone) as f64
    };
    let mut readings = vec![
        Reading::new("nodes of the graph", Unit::Count, f64::from(graph.nodes())),
        Reading::new("neighbours on average", Unit::Count, graph.mean_degree()),
    ];
    for (share, rule) in [
        (0.3, Some(Rule::at_least(0.5, Mark::Secondary))),
        (0.5, Some(Rule::at_least(0.5, Mark::Secondary))),
        (0.6, None),
        (0.7, None),
    ] {
        let what = format!("of those left hang together, {:.0} % gone at random", share * 100.0);
        readings.push(Reading { rule, ..Reading::new(what, Unit::Share, together(&any, share)) });
    }
    for (share, rule) in
        [(0.02, None), (0.04, None), (0.06, None), (0.08, Some(Rule::at_most(0.5, Mark::Secondary)))]
    {
        let what = format!("the same, the {:.0} % with the most links gone", share * 100.0);
        readings.push(Reading { rule, ..Reading::new(what, Unit::Share, together(&targeted, share)) });
    }
    readings
}
