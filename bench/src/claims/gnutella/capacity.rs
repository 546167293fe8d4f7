//! Peers of different strength: searches that go where the strength is, and find what neighbours share.
//!
//! Gia put four things together, of which two can be tried with our servents as they are, since neither changes what they say:
//!
//! | Gia | here |
//! |---|---|
//! | topology adaptation: who takes more has more neighbours | the graph on which they are linked: as many ends for each as it has capacity for, joined at random |
//! | one-hop replication: each knows what its neighbours share | each offers its neighbours' files beside its own |
//! | biased walks: on to the strongest neighbour | no: our walkers choose any neighbour, and come to the strong ones because they have more links |
//! | flow control: nobody is sent more than it takes | no: nothing waits or is dropped here; from which rate on something would have to is computed |

use std::sync::Arc;

use gnutella::servent::Knobs;
use gnutella::strategy::StrategyKind;
use rand_pcg::Pcg64;

use super::flooding::connected;
use super::network::{Network, file, fixed};
use crate::claims::draw::{Weighted, sample};
use crate::claims::finding::{Mark, Published, Reading, Rule};
use crate::claims::graph::Graph;
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;
use crate::world::below;

/// R18.
pub(super) const GIA: Claim = Claim {
    id: "R18",
    sentence: "Where peers differ in strength, walkers on links that fit it, who find what neighbours share too, let the network bear searches by orders of magnitude more often than floods; without the knowledge of neighbours' files most of that is lost.",
    said_by: CHAWATHE,
    setup: |size| {
        format!(
            "{} servents that take 1, 10, 100, 1,000 or 10,000 messages in a unit of time (20, 45, 30, 4.9 and 0.1 % of them, M), a title at {} of them; {WALKERS} walkers that go as far together as Gia's one, floods of TTL {FLOOD_TTL} on a graph like Gnutella's; a rate is borne if the measured messages are no more on average than the members of each class take; not modelled: the bias of Gia's walks and its flow control, the upkeep of links and of what is known of neighbours, and queues",
            nodes(size),
            copies(size)
        )
    },
    varied: "floods or walkers; links by capacity or evenly spread; neighbours' files known or not",
    seeds: crate::claims::HEAVY,
    trial: gia,
};

const CHAWATHE: &str = "Chawathe et al. 2003 (Gia)";
/// Messages that a peer takes in a unit of time, and how many of a hundred thousand peers are such.
const CAPACITIES: [(u32, f64); 5] =
    [(1, 20_000.0), (10, 45_000.0), (100, 30_000.0), (1_000, 4_900.0), (10_000, 100.0)];
/// Gia's bounds on neighbours, and the messages of its capacity that a peer must have for each.
const NEIGHBOURS_MIN: u32 = 3;
const NEIGHBOURS_MAX: u32 = 128;
const CAPACITY_PER_NEIGHBOUR: u32 = 4;
/// Neighbours on average where searches are flooded.
const FLOOD_DEGREE: f64 = 6.8;
const FLOOD_TTL: u8 = 10;
/// Each of ours goes 250 steps at most, Gia's goes 1,024.
const WALKERS: usize = 4;
/// Rates are printed for so many units of time, so that none is a small fraction.
const UNITS: f64 = 1_000.0;

fn nodes(size: Size) -> u32 {
    size.pick(1_000, 5_000, 10_000)
}

fn copies(size: Size) -> usize {
    size.pick(5, 10, 10)
}

/// What one way of searching costs and bears.
struct Outcome {
    /// Messages of a search, each counted where it comes to.
    messages: f64,
    found: f64,
    /// Searches of each peer in [`UNITS`] that no class of peers takes too much of.
    borne: f64,
}

/// Peers of drawn capacities.
struct Peers {
    capacities: Vec<u32>,
}

impl Peers {
    fn draw(nodes: u32, rng: &mut Pcg64) -> Peers {
        let classes = Weighted::new(CAPACITIES.map(|(_, weight)| weight));
        Peers { capacities: (0..nodes).map(|_| CAPACITIES[classes.draw(rng)].0).collect() }
    }

    /// Links by capacity. Who is not linked with the rest hears of no search, as in Gia, where it would look for others.
    fn adapted(&self, seed: u64) -> Graph {
        let ends = |capacity: &u32| (capacity / CAPACITY_PER_NEIGHBOUR).clamp(NEIGHBOURS_MIN, NEIGHBOURS_MAX);
        Graph::of_degrees(self.capacities.iter().map(ends), seed)
    }

    /// The highest rate of searches, of each peer in a unit of time, that every class takes on average, if `came` is what one search
    /// brings to each peer.
    fn bear(&self, came: &[f64]) -> f64 {
        let nodes = self.capacities.len() as f64;
        let of_class = |capacity: u32| {
            let members = self.capacities.iter().zip(came).filter(|(own, _)| **own == capacity);
            let (count, sum) = members.fold((0.0, 0.0), |(count, sum), (_, came)| (count + 1.0, sum + came));
            // All peers search at the same rate. Nobody of a class, or nothing to do for it: it bears anything.
            if sum > 0.0 { f64::from(capacity) * count / (nodes * sum) } else { f64::INFINITY }
        };
        CAPACITIES.iter().map(|(capacity, _)| of_class(*capacity)).fold(f64::INFINITY, f64::min)
    }
}

/// A way of searching.
struct Way<'a> {
    graph: &'a Graph,
    strategy: StrategyKind,
    /// Each offers its neighbours' files, too.
    knows_neighbours: bool,
    searches: usize,
}

impl Way<'_> {
    fn walk(graph: &Graph, knows_neighbours: bool, size: Size) -> Way<'_> {
        let searches = size.pick(300, 400, 1_000);
        Way { graph, strategy: StrategyKind::RandomWalk, knows_neighbours, searches }
    }

    fn try_out(&self, trial: &Trial, peers: &Peers) -> Outcome {
        let knobs = Arc::new(Knobs { search_enough: 1, walkers: WALKERS, ..fixed(FLOOD_TTL) });
        let mut network = Network::new(self.graph, trial.seed_of(2), self.strategy, |_| Arc::clone(&knobs));
        let mut rng = trial.rng(3);
        let titles = self.share(&mut network, copies(trial.size), &mut rng);
        let before = network.received_messages();
        let mut found = 0;
        for search in 0..self.searches {
            let title = search % titles;
            let searcher = below(&mut rng, self.graph.nodes() as usize) as u32;
            let searched = network.search(searcher, &format!("number{title}"));
            found += usize::from(!searched.results.is_empty());
        }
        let searches = self.searches as f64;
        let after = network.received_messages();
        let came: Vec<f64> =
            after.iter().zip(before).map(|(after, before)| (after - before) as f64 / searches).collect();
        Outcome {
            messages: came.iter().sum(),
            found: found as f64 / searches,
            borne: UNITS * peers.bear(&came),
        }
    }

    /// Everybody shares what it holds of some titles; returns how many titles there are.
    fn share(&self, network: &mut Network, copies: usize, rng: &mut Pcg64) -> usize {
        const TITLES: usize = 50;
        let nodes = self.graph.nodes();
        let mut held = vec![Vec::new(); nodes as usize];
        for title in 0..TITLES {
            for holder in sample(nodes, copies, rng) {
                held[holder as usize].push(title);
            }
        }
        for node in 0..nodes {
            let mut known = held[node as usize].clone();
            if self.knows_neighbours {
                let neighbours = self.graph.neighbours(node).iter();
                known.extend(neighbours.flat_map(|neighbour| &held[*neighbour as usize]));
            }
            known.sort_unstable();
            known.dedup();
            if !known.is_empty() {
                network.share(node, known.iter().map(|title| file(&format!("a song number{title}.mp3"))));
            }
        }
        TITLES
    }
}

fn gia(trial: &Trial) -> Vec<Reading> {
    let nodes = nodes(trial.size);
    let peers = Peers::draw(nodes, &mut trial.rng(1));
    let adapted = peers.adapted(trial.seed_of(4));
    // As many links, whoever they are.
    let even = Graph::random(nodes, adapted.edges().len(), trial.seed_of(5));
    let gnutella = connected(nodes, FLOOD_DEGREE, trial.seed_of(6));
    // The largest part of a random graph is nearly all of it, but its members are others: their capacities are drawn alike.
    let of_gnutella = Peers::draw(gnutella.nodes(), &mut trial.rng(7));
    let flood = Way {
        graph: &gnutella,
        strategy: StrategyKind::Flood,
        knows_neighbours: false,
        searches: trial.size.pick(20, 20, 40),
    };
    let flood = flood.try_out(trial, &of_gnutella);
    let walk = |graph: &Graph, knows| Way::walk(graph, knows, trial.size).try_out(trial, &peers);
    let ways = [
        ("Gia's links and neighbours' files", walk(&adapted, true)),
        ("without neighbours' files", walk(&adapted, false)),
        ("without Gia's links", walk(&even, true)),
        ("without either", walk(&even, false)),
    ];
    let mut readings = Vec::new();
    let named = ways.iter().map(|(name, outcome)| (format!("walkers, {name}"), outcome));
    for (name, outcome) in std::iter::once(("flood".to_owned(), &flood)).chain(named) {
        readings.push(Reading::new(format!("{name}: messages"), Unit::Count, outcome.messages));
        readings.push(Reading::new(format!("{name}: found"), Unit::Share, outcome.found));
        let borne = format!("{name}: searches of each borne in {UNITS} units");
        readings.push(Reading::new(borne, Unit::Ratio, outcome.borne));
    }
    let [(_, whole), (_, no_files), (_, no_links), _] = &ways;
    let by = |what: &str, value: f64| Reading::new(what, Unit::Ratio, value);
    let abstracts = Published::range(1e3, 1e5, CHAWATHE, Mark::Primary);
    let tables = |value| Published::new(value, CHAWATHE, Mark::Memory);
    let two_orders = Rule::at_least(100.0, Mark::Primary);
    readings.extend([
        by("messages, flood by Gia", flood.messages / whole.messages)
            .rule(Rule::at_least(100.0, Mark::Derived)),
        by("borne, Gia by flood", whole.borne / flood.borne).published(abstracts).rule(two_orders),
        by("borne, Gia by Gia without neighbours' files", whole.borne / no_files.borne)
            .published(tables(7.0 / 0.004))
            .rule(Rule::at_least(2.0, Mark::Derived)),
        by("borne, Gia by Gia without its links", whole.borne / no_links.borne).published(tables(7.0 / 0.2)),
        by(
            "what the loss of neighbours' files costs by what that of the links does",
            no_links.borne / no_files.borne,
        )
        .published(tables(0.2 / 0.004))
        .rule(Rule::at_least(1.0, Mark::Derived)),
    ]);
    readings
}
