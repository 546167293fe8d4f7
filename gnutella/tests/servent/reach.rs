//! How far a flood gets, hop by hop, on a random graph of the size of Gnutella in 2001, against the recursion that follows from its degrees.

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

/// Floods of servents against the graph, and the graph against the recursion.
///
/// The recursion knows one source, an average one; floods from a thin corner are a hop behind, and as nobody reaches more than all, those
/// that begin well do not make up for them. So sources are taken that have as many others within three hops, to a twentieth, as it says.
fn compare(nodes: u32, degree: f64, sources: usize) {
    let links = (f64::from(nodes) * degree / 2.0) as usize;
    let edges = random_graph(nodes, links, 5);
    let mut neighbours = vec![Vec::new(); nodes as usize];
    for (a, b) in &edges {
        neighbours[*a as usize].push(*b);
        neighbours[*b as usize].push(*a);
    }
    let predicted = predicted(nodes, degree);
    let share = |count: u64| (count + 1) as f64 / f64::from(nodes);
    let is_average = |near: &[u64]| (share(near[2]) / predicted[2] - 1.0).abs() <= 0.05;
    let average: Vec<(u32, Vec<u64>)> = (0..nodes)
        .map(|source| (source, within(&neighbours, source)))
        .filter(|(_, near)| is_average(near))
        .take(sources)
        .collect();
    assert_eq!(average.len(), sources);
    for (at, predicted) in predicted.iter().enumerate() {
        let measured = average.iter().map(|(_, near)| share(near[at])).sum::<f64>() / sources as f64;
        let apart = (measured - predicted).abs();
        assert!(apart <= 0.02, "degree {degree}, TTL {}: {measured:.3}, {predicted:.3} predicted", at + 1);
    }

    // And that is whom floods reach: one for each TTL.
    let turns = TTL_MAX as usize;
    let ttl =
        |source: u32| average.iter().position(|(node, _)| *node == source).map_or(1, |at| at % turns + 1);
    let mut graph = Graph::each(nodes, &edges, |node| ServentConfig {
        knobs: Arc::new(Knobs { ttl: ttl(node) as u8, ..quiet_knobs() }),
        ..ServentConfig::default()
    });
    for (source, near) in &average[..turns] {
        let (reached, there) = (graph.search(*source, "zebra").reached, near[ttl(*source) - 1]);
        // Its own query may come back to the source by a loop.
        assert!(reached == there || reached == there + 1, "from {source}: {reached} of {there}");
    }
}

#[test]
fn the_reach_of_a_flood_is_that_of_the_recursion_at_the_degree_of_2001() {
    compare(50_000, 6.8, 50);
}

#[test]
fn and_at_half_of_it() {
    compare(50_000, 3.4, 100);
}
