//! Golden counts: a flood that reaches everybody costs exactly 2E - N + 1 messages, whatever the graph.

use crate::toys::Flooder;
use common::net::NodeId;
use common::sim::Config;
use common::testing::Swarm;
use common::user::{Command, Query, SearchId};

/// Builds the graph, floods once from node 0, and returns messages sent and nodes reached.
fn flood(nodes: u32, edges: &[(u32, u32)], ttl: u8) -> (u64, u64) {
    let mut swarm = Swarm::new(Config::seeded(3));
    for node in 0..nodes {
        let dials = edges.iter().filter(|(a, _)| *a == node).map(|(_, b)| swarm.address_of(*b)).collect();
        swarm.add(Flooder::new(dials, ttl));
    }
    swarm.settle();
    let cause = swarm.command(NodeId(0), Command::Search(SearchId(1), Query::words("x").into()));
    swarm.settle();
    let cost = swarm.sim.cause_cost(cause);
    assert_eq!(cost.messages, swarm.sent("query"));
    (cost.messages, cost.nodes_reached)
}

fn full_flood(nodes: u32, edges: &[(u32, u32)]) {
    let expected = 2 * edges.len() as u64 - u64::from(nodes) + 1;
    let (messages, reached) = flood(nodes, edges, 255);
    assert_eq!(messages, expected);
    assert!(reached >= u64::from(nodes) - 1);
}

#[test]
fn a_ring() {
    full_flood(10, &(0..10).map(|n| (n, (n + 1) % 10)).collect::<Vec<_>>());
}

#[test]
fn a_complete_graph() {
    let edges: Vec<_> = (0..12).flat_map(|a| (a + 1..12).map(move |b| (a, b))).collect();
    full_flood(12, &edges);
}

#[test]
fn a_star() {
    full_flood(20, &(1..20).map(|leaf| (0, leaf)).collect::<Vec<_>>());
}

#[test]
fn the_ttl_ends_it() {
    let line: Vec<_> = (0..9).map(|n| (n, n + 1)).collect();
    assert_eq!(flood(10, &line, 4), (4, 4));
}
