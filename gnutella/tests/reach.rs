//! How far a flood gets, hop by hop, on a random graph, against the recursion that follows from its degrees.

mod overlay_kit;

use std::sync::Arc;

use gnutella::servent::{Knobs, ServentConfig};
use overlay_kit::{Edge, Graph, knobs};
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg32;

/// Floods for each TTL.
const SOURCES: u32 = 12;
const TTL_MAX: u32 = 7;

/// A graph of `nodes` nodes and so many different links, drawn at random.
fn random_graph(nodes: u32, links: usize, seed: u64) -> Vec<Edge> {
    let mut rng = Pcg32::seed_from_u64(seed);
    let mut edges = std::collections::BTreeSet::new();
    while edges.len() < links {
        let (a, b): (u32, u32) = (rng.random_range(0..nodes), rng.random_range(0..nodes));
        if a != b {
            edges.insert((a.min(b), a.max(b)));
        }
    }
    edges.into_iter().collect()
}

/// The share of `nodes` nodes within so many hops of one: each new ring is reached by the links of the last one. Degrees
/// are Poisson's with this mean, so that the degree of a node and the further links of one that was reached by a link
/// have the same distribution.
fn predicted(nodes: u32, degree: f64) -> Vec<f64> {
    let n = f64::from(nodes);
    let mut reached = 1.0 / n;
    (0..TTL_MAX)
        .map(|_| {
            reached = 1.0 - (1.0 - 1.0 / n) * (-degree * reached).exp();
            reached
        })
        .collect()
}

/// The same share, measured: each source floods with its own TTL.
fn measured(nodes: u32, degree: f64, seed: u64) -> Vec<f64> {
    let links = (f64::from(nodes) * degree / 2.0) as usize;
    let by_ttl: Vec<Arc<Knobs>> =
        (1..=TTL_MAX).map(|ttl| Arc::new(Knobs { ttl: ttl as u8, ..knobs() })).collect();
    let mut graph = Graph::each(nodes, &random_graph(nodes, links, seed), |node| ServentConfig {
        knobs: Arc::clone(&by_ttl[(node % TTL_MAX) as usize]),
        ..ServentConfig::default()
    });
    let mut shares = vec![0.0; TTL_MAX as usize];
    for source in 0..SOURCES * TTL_MAX {
        let reached = graph.search(source, "zebra").reached;
        shares[(source % TTL_MAX) as usize] += reached as f64 / f64::from(nodes * SOURCES);
    }
    shares
}

fn compare(nodes: u32, degree: f64) {
    let (measured, predicted) = (measured(nodes, degree, 5), predicted(nodes, degree));
    for (ttl, (measured, predicted)) in (1..).zip(measured.iter().zip(&predicted)) {
        let apart = (measured - predicted).abs();
        assert!(
            apart <= 0.02,
            "degree {degree}, TTL {ttl}: {measured:.3} measured, {predicted:.3} predicted"
        );
    }
}

#[test]
fn the_reach_of_a_flood_is_that_of_the_recursion_at_the_degree_of_2001() {
    compare(2_000, 6.8);
}

#[test]
fn and_at_half_of_it() {
    compare(2_000, 3.4);
}
