//! How far a flood gets, hop by hop, on a random graph, against the recursion that follows from its degrees.

use std::sync::Arc;

use crate::kit::graph::{Edge, Graph};
use crate::kit::quiet_knobs;
use gnutella::servent::{Knobs, ServentConfig};
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg32;

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

/// How many other nodes are within each number of links of one, from one to [`TTL_MAX`].
fn within(neighbours: &[Vec<u32>], from: u32) -> Vec<u64> {
    let mut seen = vec![false; neighbours.len()];
    seen[from as usize] = true;
    let (mut ring, mut count) = (vec![from], 0);
    (0..TTL_MAX)
        .map(|_| {
            let next = ring.iter().flat_map(|node| &neighbours[*node as usize]).copied();
            ring = next.filter(|node| !std::mem::replace(&mut seen[*node as usize], true)).collect();
            count += ring.len() as u64;
            count
        })
        .collect()
}

/// The same share, measured: each source floods with its own TTL, and reaches exactly whom the graph says.
fn measured(nodes: u32, degree: f64, sources: u32) -> Vec<f64> {
    let links = (f64::from(nodes) * degree / 2.0) as usize;
    let edges = random_graph(nodes, links, 5);
    let mut neighbours = vec![Vec::new(); nodes as usize];
    for (a, b) in &edges {
        neighbours[*a as usize].push(*b);
        neighbours[*b as usize].push(*a);
    }
    let by_ttl: Vec<Arc<Knobs>> =
        (1..=TTL_MAX).map(|ttl| Arc::new(Knobs { ttl: ttl as u8, ..quiet_knobs() })).collect();
    let mut graph = Graph::each(nodes, &edges, |node| ServentConfig {
        knobs: Arc::clone(&by_ttl[(node % TTL_MAX) as usize]),
        ..ServentConfig::default()
    });
    let mut shares = vec![0.0; TTL_MAX as usize];
    for source in 0..sources * TTL_MAX {
        let nth = (source % TTL_MAX) as usize;
        let (reached, there) = (graph.search(source, "zebra").reached, within(&neighbours, source)[nth]);
        // Its own query may come back to the source by a loop.
        assert!(reached == there || reached == there + 1, "from {source}: {reached} of {there}");
        shares[nth] += (there + 1) as f64 / f64::from(nodes * sources);
    }
    shares
}

/// From so many sources for each TTL: a flood from a well-linked one gets much further than the mean.
fn compare(nodes: u32, degree: f64, sources: u32, ttl_max: usize) {
    let (measured, predicted) = (measured(nodes, degree, sources), predicted(nodes, degree));
    for (ttl, (measured, predicted)) in (1..=ttl_max).zip(measured.iter().zip(&predicted)) {
        let apart = (measured - predicted).abs();
        assert!(
            apart <= 0.02,
            "degree {degree}, TTL {ttl}: {measured:.3} measured, {predicted:.3} predicted"
        );
    }
}

#[test]
fn the_reach_of_a_flood_is_that_of_the_recursion_at_the_degree_of_2001() {
    compare(2_000, 6.8, 100, 7);
}

/// Only while it is small: floods that begin in a thin corner are a hop behind, and the recursion knows only the mean.
#[test]
fn and_at_half_of_it_while_it_is_small() {
    compare(2_000, 3.4, 280, 4);
}
