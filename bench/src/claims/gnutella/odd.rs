//! Clients that do not keep the rules.

use std::sync::Arc;
use std::time::Duration;

use gnutella::servent::Knobs;
use gnutella::strategy::StrategyKind;

use super::flooding::connected;
use super::network::{Network, fixed};
use crate::claims::draw::sample;
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::graph::Graph;
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;

/// G11.
pub(super) const CLIENTS: Claim = Claim {
    id: "G11",
    sentence: "Odd implementations hurt everybody.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "servents on the giant components of random graphs of {} nodes, and of {} for TTL; nobody cuts anybody off; what comes to those who keep the rules, by what comes to them without odd clients",
            nodes(size),
            wide_nodes(size)
        )
    },
    varied: "the share of odd clients, who ask with TTL 15, pass on what they have passed on, or ping ten times as often",
    seeds: crate::claims::HEAVY,
    trial: clients,
};

/// Shares of odd clients.
const SHARES: [f64; 4] = [0.01, 0.05, 0.10, 0.30];

fn nodes(size: Size) -> u32 {
    size.pick(400, 1_000, 2_000)
}

fn wide_nodes(size: Size) -> u32 {
    size.pick(5_000, 20_000, 50_000)
}

/// Servents of which the first `odd` of `order` have odd knobs.
fn mixed(graph: &Graph, seed: u64, order: &[u32], odd: usize, knobs: [Knobs; 2]) -> Network {
    let mut is_odd = vec![false; order.len()];
    order[..odd].iter().for_each(|node| is_odd[*node as usize] = true);
    let knobs = knobs.map(Arc::new);
    Network::new(graph, seed, StrategyKind::Flood, |node| {
        Arc::clone(&knobs[usize::from(is_odd[node as usize])])
    })
}

fn clients(trial: &Trial) -> Vec<Reading> {
    let mut readings = far_askers(trial);
    let graph = connected(nodes(trial.size), 6.8, trial.seed_of(1));
    let order = sample(graph.nodes(), graph.nodes() as usize, &mut trial.rng(2));
    let repeating = |odd: usize| {
        let odd_knobs = Knobs { drops_duplicates: false, ..fixed(7) };
        let mut network = mixed(&graph, trial.seed_of(3), &order, odd, [fixed(7), odd_knobs]);
        let searchers = &order[order.len() - trial.size.pick(5, 10, 20)..];
        received(&mut network, &order[odd..], |network| {
            searchers.iter().for_each(|searcher| drop(network.search(*searcher, "nothing")));
        })
    };
    let pinging = |odd: usize| {
        let pings = |every_s| Knobs { ping_every: Some(Duration::from_secs(every_s)), ..fixed(7) };
        let mut network = mixed(&graph, trial.seed_of(4), &order, odd, [pings(20), pings(2)]);
        received(&mut network, &order[odd..], |network| network.run_for(Duration::from_secs(120)))
    };
    let hurts = Rule::at_least(1.1, Mark::Derived);
    let ways: [(&str, &dyn Fn(usize) -> f64); 2] =
        [("pass on what they have passed on", &repeating), ("ping ten times as often", &pinging)];
    for (what, cost) in ways {
        let without = cost(0);
        for share in SHARES {
            let odd = (share * order.len() as f64).round() as usize;
            let what = format!("{:.0} % {what}: bytes to the others", share * 100.0);
            let reading = Reading::new(what, Unit::Ratio, cost(odd) / without);
            readings.push(Reading { rule: (share >= 0.3).then_some(hurts), ..reading });
        }
    }
    readings
}

/// Bytes that come to each of `to` on average while something happens.
fn received(network: &mut Network, to: &[u32], happens: impl FnOnce(&mut Network)) -> f64 {
    let sum = |network: &Network| {
        let all = network.received_bytes(0..network.nodes());
        to.iter().map(|node| all[*node as usize]).sum::<u64>()
    };
    let before = sum(network);
    happens(network);
    (sum(network) - before) as f64 / to.len() as f64
}

/// What searches with TTL 15 cost, where others let them pass, and where they trim them to ten hops as they should.
fn far_askers(trial: &Trial) -> Vec<Reading> {
    // Thin enough for TTL 7 not to reach everybody.
    let graph = connected(wide_nodes(trial.size), 3.4, trial.seed_of(5));
    let order = sample(graph.nodes(), graph.nodes() as usize, &mut trial.rng(6));
    let asked = trial.size.pick(3, 5, 10);
    let cost = |ttl_max: u8| {
        let knobs = [fixed(7), fixed(15)].map(|knobs| Knobs { ttl_max, ttl_hard_max: 15, ..knobs });
        let mut network = mixed(&graph, trial.seed_of(7), &order, order.len() / 2, knobs);
        let mut messages =
            |nodes: &[u32]| nodes.iter().map(|node| network.search(*node, "nothing").queries).sum::<u64>();
        let odd = messages(&order[..asked]) as f64;
        odd / messages(&order[order.len() - asked..]) as f64
    };
    let (trimmed, free) = (cost(10), cost(15));
    let overhead = |share: f64| 1.0 + share * (free - 1.0);
    let mut readings = vec![
        Reading::new("a search with TTL 15 by one with 7, others trim it to 10", Unit::Ratio, trimmed),
        Reading::new("a search with TTL 15 by one with 7, others let it pass", Unit::Ratio, free)
            .rule(Rule::at_least(1.1, Mark::Derived)),
    ];
    for share in SHARES {
        let what = format!("{:.0} % ask with TTL 15, let pass: messages of all", share * 100.0);
        readings.push(Reading::new(what, Unit::Ratio, overhead(share)));
    }
    readings
}
