//! Floods: how far they reach and what they cost.

use std::sync::Arc;

use gnutella::servent::Knobs;
use gnutella::strategy::StrategyKind;
use rand::SeedableRng as _;
use rand_pcg::Pcg64;

use super::network::{Network, fixed};
use crate::claims::draw::sample;
use crate::claims::finding::{Mark, Published, Reading, Rule, mean};
use crate::claims::graph::Graph;
use crate::claims::theory::{drawn_reach, duplicate_share, flood_messages, lecture_nodes, poisson_reach};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;

/// G1.
pub(super) const REACH: Claim = Claim {
    id: "G1",
    sentence: "Ask seven neighbours, who ask seven each, for at most ten hops: a search reaches everybody.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "servents on random graphs of {} nodes (the lecture's tree would have {} at TTL 7); theory is the recursion for Poisson degrees, for all sources from the third hop of drawn ones on; {SOURCES} sources on the graph, average ones being those with as many others within three hops, to a twentieth, as the recursion has; {} floods by servents for each TTL",
            reach_nodes(size),
            lecture_nodes(7, 7),
            floods(size)
        )
    },
    varied: "TTL 1 to 10; mean degree 6.8 and 3.4",
    seeds: crate::claims::HEAVY,
    trial: reach,
};

/// G2.
pub(super) const SCALING: Claim = Claim {
    id: "G2",
    sentence: "Flooding may not scale: twice as many peers make each search cost twice as much.",
    said_by: "lecture",
    setup: |size| {
        let [first, .., last] = scaling_nodes(size);
        format!(
            "servents on random graphs of {first} to {last} nodes, {LINKS_PER_NODE} links for each, a file at 1 % of them; the saturated line is computed from the measured bytes of a query and {QUERIES_PER_S} queries a second from each peer (M), packet headers apart"
        )
    },
    varied: "the number of peers, doubled three times; TTL 40, which covers everybody, and 3, which does not",
    seeds: crate::claims::HEAVY,
    trial: scaling,
};

/// G3.
pub(super) const DUPLICATES: Claim = Claim {
    id: "G3",
    sentence: "Searches do not go in circles, but most copies arrive where another has been before.",
    said_by: "lecture",
    setup: |size| {
        let (nodes, floods) = (duplicate_nodes(size), floods(size));
        format!("servents on the giant components of random graphs of {nodes} nodes, {floods} floods each")
    },
    varied: "mean degree 6.8 and 3.4; TTL 40, which covers everybody, and 7",
    seeds: crate::claims::HEAVY,
    trial: duplicates,
};

/// R14.
pub(super) const CRAWL: Claim = Claim {
    id: "R14",
    sentence: "95 % of all pairs of peers are within 7 hops of each other, and the overlay's traffic is a measurable part of the internet's.",
    said_by: "Ripeanu, Iamnitchi and Foster 2002",
    setup: |_| format!("a random graph of {CRAWLED} nodes and {CRAWLED_LINKS} links, 6 kbit/s on each link"),
    varied: "the number of hops",
    seeds: crate::claims::LIGHT,
    trial: crawl,
};

/// Sources from which reach is read off the graph.
const SOURCES: usize = 2_000;
/// Links for each peer in 2001.
const LINKS_PER_NODE: f64 = 3.4;
/// Queries a second of one peer.
const QUERIES_PER_S: f64 = 9.26e-3;
/// More hops than any of the graphs is wide.
const EVERYBODY: u8 = 40;

fn reach_nodes(size: Size) -> u32 {
    size.pick(10_000, 50_000, 100_000)
}

fn floods(size: Size) -> usize {
    size.pick(2, 3, 5)
}

fn scaling_nodes(size: Size) -> [u32; 4] {
    let first = size.pick(500, 1_000, 4_000);
    [first, 2 * first, 4 * first, 8 * first]
}

fn duplicate_nodes(size: Size) -> u32 {
    size.pick(5_000, 20_000, 50_000)
}

fn random_graph(nodes: u32, mean_degree: f64, seed: u64) -> Graph {
    Graph::random(nodes, (mean_degree * f64::from(nodes) / 2.0).round() as usize, seed)
}

/// The giant component of a random graph.
pub(in crate::claims) fn connected(nodes: u32, mean_degree: f64, seed: u64) -> Graph {
    let graph = random_graph(nodes, mean_degree, seed);
    graph.of_nodes(&graph.giant())
}

/// Servents of which those with numbers of this remainder have this TTL.
fn by_turns(graph: &Graph, seed: u64, ttls: &[u8]) -> Network {
    // Everybody must let pass what the one with the largest TTL sends.
    let most = fixed(ttls.iter().copied().max().unwrap_or(0));
    let knobs: Vec<Arc<Knobs>> =
        ttls.iter().map(|ttl| Arc::new(Knobs { ttl: *ttl, ..most.clone() })).collect();
    Network::new(graph, seed, StrategyKind::Flood, |node| Arc::clone(&knobs[node as usize % ttls.len()]))
}

fn reach(trial: &Trial) -> Vec<Reading> {
    let nodes = reach_nodes(trial.size);
    let ttls: Vec<u8> = (1..=HOPS as u8).collect();
    let mut readings = Vec::new();
    for (part, mean_degree) in [(1, 6.8), (2, 3.4)] {
        let graph = random_graph(nodes, mean_degree, trial.seed_of(part));
        let order = sample(nodes, nodes as usize, &mut trial.rng(part));
        let by_source: Vec<[f64; HOPS + 1]> =
            order[..SOURCES].iter().map(|source| within(&graph, *source)).collect();
        readings.extend(reach_of_average_sources(&by_source, nodes, mean_degree));
        // The theory is the same in all trials: it knows nothing of their graphs.
        let theory = drawn_reach(nodes, mean_degree, HOPS, 20_000, &mut Pcg64::seed_from_u64(part));
        for hops in 1..=HOPS {
            let share = mean(&by_source.iter().map(|within| within[hops]).collect::<Vec<_>>());
            let what = format!("degree {mean_degree}: reach at TTL {hops}, all sources");
            readings
                .push(Reading::new(what, Unit::Share, share).theory(theory[hops]).rule(near(theory[hops])));
        }
        let mut network = by_turns(&graph, trial.seed_of(part), &ttls);
        let mut astray = 0;
        for (at, ttl) in ttls.iter().enumerate() {
            let sources = order.iter().filter(|node| **node as usize % ttls.len() == at);
            for source in sources.take(floods(trial.size)) {
                let near =
                    graph.distances(*source).into_iter().filter(|hops| *hops <= u32::from(*ttl)).count();
                astray += u32::from(network.search(*source, "nothing").reached != near as u64 - 1);
            }
        }
        let what = format!("degree {mean_degree}: floods that reached other than who is that near");
        let none = Rule::exactly(0.0, Mark::Derived);
        readings.push(Reading::new(what, Unit::Count, f64::from(astray)).rule(none));
    }
    readings
}

/// Most hops that are looked at.
const HOPS: usize = 10;
/// Hops by which it is seen whether a source is an average one.
const SHELLS: usize = 3;

/// The shares of all that are within 0, 1, … hops of a source, itself included.
fn within(graph: &Graph, source: u32) -> [f64; HOPS + 1] {
    let mut shares = [0.0; HOPS + 1];
    let one = 1.0 / f64::from(graph.nodes());
    let near = graph.distances(source).into_iter().filter(|distance| *distance as usize <= HOPS);
    near.for_each(|distance| shares[distance as usize..].iter_mut().for_each(|share| *share += one));
    shares
}

/// Two points about what theory says.
fn near(theory: f64) -> Rule {
    Rule::within((theory - 0.02).max(0.0), (theory + 0.02).min(1.0), Mark::Derived)
}

/// The recursion knows one source, with as many others near it as the mean of all has: such sources are held against it.
fn reach_of_average_sources(by_source: &[[f64; HOPS + 1]], nodes: u32, mean_degree: f64) -> Vec<Reading> {
    const SIMULATED_NODES: u32 = 50_000;
    let theory = poisson_reach(nodes, mean_degree, HOPS);
    let is_average = |within: &&[f64; HOPS + 1]| (within[SHELLS] / theory[SHELLS] - 1.0).abs() <= 0.05;
    let average: Vec<&[f64; HOPS + 1]> = by_source.iter().filter(is_average).collect();
    let mut readings = vec![Reading::new(
        format!("degree {mean_degree}: sources that are average ones"),
        Unit::Share,
        average.len() as f64 / by_source.len() as f64,
    )];
    for hops in SHELLS + 1..=HOPS {
        let what = format!("degree {mean_degree}: reach at TTL {hops}, average sources");
        let share = mean(&average.iter().map(|within| within[hops]).collect::<Vec<_>>());
        let reading = Reading::new(what, Unit::Share, share).theory(theory[hops]).rule(near(theory[hops]));
        let elsewhere = match (nodes, mean_degree, hops) {
            (SIMULATED_NODES, 6.8, 5) => Some(0.298),
            (SIMULATED_NODES, 6.8, 6) => Some(0.863),
            (SIMULATED_NODES, 6.8, 7) => Some(0.997),
            (SIMULATED_NODES, 3.4, 5) => Some(0.011),
            (SIMULATED_NODES, 3.4, 6) => Some(0.038),
            (SIMULATED_NODES, 3.4, 7) => Some(0.120),
            _ => None,
        };
        let published = elsewhere.map(|value| Published::new(value, "simulated elsewhere", Mark::Derived));
        readings.push(Reading { published, ..reading });
    }
    readings
}

fn scaling(trial: &Trial) -> Vec<Reading> {
    const NEAR: u8 = 3;
    let sizes = scaling_nodes(trial.size);
    let mut readings = Vec::new();
    let (mut beyond, mut bytes_per_query) = (0.0, 0.0);
    let mut costs = Vec::new();
    for (part, nodes) in (1..).zip(sizes) {
        let graph = connected(nodes, 2.0 * LINKS_PER_NODE, trial.seed_of(part));
        let mut network = by_turns(&graph, trial.seed_of(part), &[EVERYBODY, NEAR]);
        let holders =
            sample(graph.nodes(), (f64::from(nodes) / 100.0).round() as usize, &mut trial.rng(part));
        for holder in holders {
            network.share(holder, [super::network::file("a sought song.mp3")]);
        }
        let expected = flood_messages(u64::from(graph.nodes()), graph.edges().len() as u64);
        let sources = sample(graph.nodes() / 2, floods(trial.size), &mut trial.rng(part + 10));
        let (mut messages, mut results, mut results_near) = (0, 0, 0);
        for source in &sources {
            let searched = network.search(2 * source, "sought song");
            beyond += (searched.queries as f64 - expected as f64).abs();
            bytes_per_query = searched.query_bytes as f64 / searched.queries as f64;
            messages += searched.queries;
            results += searched.results.len();
            results_near += network.search(2 * source + 1, "sought song").results.len();
        }
        let of_one = |sum: f64| sum / sources.len() as f64;
        let cost = [of_one(messages as f64), of_one(results as f64), of_one(results_near as f64)];
        let what = format!("{nodes} peers: messages for each search");
        readings.push(Reading::new(what, Unit::Count, cost[0]).theory(expected as f64));
        costs.push((nodes, cost));
    }
    let (first, last) = (costs[0], costs[costs.len() - 1]);
    let doublings = (costs.len() - 1) as f64;
    let by_doubling = |at: usize| libm::pow(last.1[at] / first.1[at], 1.0 / doublings);
    let messages_by_peer = last.1[0] / f64::from(last.0);
    let full_bps = 56_000.0 / 8.0;
    let per_s = full_bps / (messages_by_peer * bytes_per_query);
    let clip2 = Published::new(10.0, "Clip2 2000", Mark::Memory);
    readings.extend([
        Reading::new("messages beyond 2E - N + 1, all floods", Unit::Count, beyond)
            .rule(Rule::exactly(0.0, Mark::Derived)),
        Reading::new("messages, for twice the peers", Unit::Ratio, by_doubling(0))
            .theory(2.0)
            .rule(Rule::within(1.9, 2.1, Mark::Derived)),
        Reading::new("results, for twice the peers, TTL covers all", Unit::Ratio, by_doubling(1))
            .theory(2.0)
            .rule(Rule::within(1.9, 2.1, Mark::Derived)),
        Reading::new("results, for twice the peers, TTL 3", Unit::Ratio, by_doubling(2))
            .rule(Rule::at_most(1.5, Mark::Derived)),
        Reading::new("bytes of a query", Unit::Bytes, bytes_per_query),
        Reading::new("queries a second of all that fill a line of 56 kbit/s", Unit::Count, per_s)
            .published(clip2),
        Reading::new("peers of which that is the rate", Unit::Count, per_s / QUERIES_PER_S),
    ]);
    readings
}

fn duplicates(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    for (part, mean_degree, at_7) in [(1, 6.8, Some(0.81)), (2, 3.4, None)] {
        let graph = connected(duplicate_nodes(trial.size), mean_degree, trial.seed_of(part));
        let mut network = by_turns(&graph, trial.seed_of(part), &[EVERYBODY, 7]);
        let theory = duplicate_share(u64::from(graph.nodes()), graph.edges().len() as u64);
        let sources = sample(graph.nodes() / 2, floods(trial.size), &mut trial.rng(part + 10));
        let mut share = |offset: u32| {
            let (mut messages, mut reached) = (0, 0);
            for source in &sources {
                let searched = network.search(2 * source + offset, "nothing");
                messages += searched.queries;
                reached += searched.reached;
            }
            1.0 - reached as f64 / messages as f64
        };
        readings.push(
            Reading::new(format!("degree {mean_degree}: duplicates of all messages"), Unit::Share, share(0))
                .theory(theory)
                .rule(Rule::within(theory - 0.02, theory + 0.02, Mark::Derived)),
        );
        let near = Reading::new(format!("degree {mean_degree}: the same, TTL 7"), Unit::Share, share(1));
        let simulated = |value| Published::new(value, "simulated elsewhere", Mark::Derived);
        readings.push(Reading { published: at_7.map(simulated), ..near });
    }
    readings
}

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
