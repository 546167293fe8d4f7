//! Floods on fixed graphs: exact counts of queries, duplicates and hits, and who sees what.

use crate::kit::graph::{Edge, Graph, complete, distances, far_knobs, grid, line, ring, star, tree};
use crate::kit::quiet_knobs;
use common::user::{Query, Range, SearchEnd};
use gnutella::servent::Knobs;
use proptest::prelude::*;

/// Floods from node 0, where the last node and the one in the middle have what is looked for.
fn full_flood(nodes: u32, edges: &[Edge]) {
    let mut graph = Graph::new(nodes, edges, far_knobs());
    let holders = [nodes / 2, nodes - 1];
    for holder in holders {
        graph.share(holder, &["a zebra.ogg", "no match.ogg"]);
    }
    let outcome = graph.search(0, "zebra");
    let (n, e) = (u64::from(nodes), edges.len() as u64);
    assert_eq!(outcome.queries, 2 * e + 1 - n);
    assert_eq!(outcome.duplicates, 2 * (e + 1) - 2 * n);
    assert_eq!(outcome.reached, n, "the searcher too, by the hits");
    let distance = distances(nodes, edges, 0);
    let way: u32 = holders.iter().map(|holder| distance[*holder as usize]).sum();
    assert_eq!((outcome.hits.len(), outcome.hit_messages), (2, u64::from(way)));
    assert_eq!(outcome.end, SearchEnd::Complete);
}

#[test]
fn a_line() {
    full_flood(9, &line(9));
}

#[test]
fn a_ring() {
    full_flood(12, &ring(12));
}

#[test]
fn a_star() {
    full_flood(20, &star(20));
}

#[test]
fn a_complete_graph() {
    full_flood(10, &complete(10));
}

#[test]
fn a_grid() {
    full_flood(25, &grid(5));
}

#[test]
fn a_tree() {
    full_flood(31, &tree(31));
}

/// Petersen's graph: ten nodes of degree three, five to a ring, two links from anybody to anybody.
#[test]
fn petersens_graph() {
    let outer = (0..5).map(|n| (n, (n + 1) % 5));
    let spokes = (0..5).map(|n| (n, n + 5));
    let inner = (0..5).map(|n| (n + 5, (n + 2) % 5 + 5));
    full_flood(10, &outer.chain(spokes).chain(inner).collect::<Vec<_>>());
}

#[test]
fn the_ttl_ends_it() {
    let mut graph = Graph::new(12, &line(12), quiet_knobs());
    for node in 1..12 {
        graph.share(node, &["zebra"]);
    }
    let outcome = graph.search(0, "zebra");
    assert_eq!((outcome.queries, outcome.hits.len()), (7, 7), "TTL 7 crosses seven links");
    assert_eq!(outcome.hit_messages, (1..=7).sum::<u64>());
    assert_eq!(outcome.hits.len(), 7);
}

#[test]
fn ttl_and_hops_are_trimmed_to_a_sum() {
    let odd = Knobs { ttl: 15, ..quiet_knobs() };
    let mut graph = Graph::new(14, &line(14), odd);
    let outcome = graph.search(0, "zebra");
    assert_eq!(outcome.queries, 10, "neighbours that keep the rules let it cross ten links");
}

#[test]
fn a_ttl_beyond_all_limits_goes_nowhere() {
    let hostile = Knobs { ttl: 255, ..quiet_knobs() };
    let mut graph = Graph::new(6, &complete(6), hostile);
    let outcome = graph.search(0, "zebra");
    assert_eq!((outcome.queries, outcome.hits.len()), (5, 0));
    assert_eq!(graph.dropped().out_of_range, 5);
}

#[test]
fn clients_that_pass_on_duplicates_are_stopped_by_the_ttl_alone() {
    let odd = Knobs { drops_duplicates: false, cuts_misbehaving: false, ttl: 4, ..quiet_knobs() };
    let mut graph = Graph::new(4, &complete(4), odd);
    // Three neighbours; everybody passes everything on to the two others: 3 + 6 + 12 + 24.
    assert_eq!(graph.search(0, "zebra").queries, 45);
    let mut graph = Graph::new(4, &complete(4), Knobs { ttl: 4, ..quiet_knobs() });
    assert_eq!(graph.search(0, "zebra").queries, 9);
}

#[test]
fn who_gets_enough_or_cannot_ask_is_told_at_once() {
    let mut graph = Graph::new(3, &line(3), quiet_knobs());
    graph.share(1, &["zebra one", "zebra two"]);
    graph.share(2, &["zebra one"]);
    let wanted = Query { results_max: 1, ..Query::words("zebra") };
    assert_eq!(graph.search_for(0, &wanted).hits.len(), 1);
    for nothing in ["", "a", "-zebra", "' -"] {
        assert_eq!(graph.search(0, nothing).end, SearchEnd::Refused, "{nothing:?}");
    }
    let mut alone = Graph::new(1, &[], quiet_knobs());
    assert_eq!(alone.search(0, "zebra").end, SearchEnd::Offline);
}

#[test]
fn what_the_overlay_cannot_filter_the_searcher_does() {
    let mut graph = Graph::new(2, &line(2), quiet_knobs());
    // Sizes 1,000 and up.
    graph.share(1, &["music/zebra polka.ogg", "music/zebra live.ogg", "music/zebra waltz.ogg"]);
    let names = |graph: &mut Graph, query: &Query| -> Vec<String> {
        graph.search_for(0, query).hits.iter().map(|hit| hit.info.name.to_string()).collect()
    };
    assert_eq!(names(&mut graph, &Query::words("zebra -live")), ["zebra polka.ogg", "zebra waltz.ogg"]);
    let large = Query { size: Range::at_least(1_002), ..Query::words("zebra") };
    assert_eq!(names(&mut graph, &large), ["zebra waltz.ogg"]);
    let fast = Query { speed: Range::at_least(1_001), ..Query::words("zebra") };
    assert!(names(&mut graph, &fast).is_empty());
}

#[test]
fn a_content_is_found_by_its_hash() {
    let mut graph = Graph::new(3, &line(3), quiet_knobs());
    graph.share(2, &["zero", "one", "two"]);
    let hash = common::digest::Digest::Sha1([1; 20]);
    let urn = gnutella::wire::Sha1Urn([1; 20]).to_string();
    let outcome = graph.search(0, &urn);
    let [hit] = outcome.hits.as_slice() else { panic!("one result: {:?}", outcome.hits) };
    assert_eq!((&*hit.info.name, hit.info.size, hit.info.digest), ("one", 1_001, Some(hash)));
    assert_eq!(hit.holder.address, Some(graph.swarm.address_of(2)));
    assert_eq!(hit.holder.index, 1);
    assert_ne!(hit.holder.guid, [0; 16]);
}

/// A connected graph: a random tree and some more edges.
fn connected() -> impl Strategy<Value = (u32, Vec<Edge>)> {
    (3..24u32).prop_flat_map(|nodes| {
        let parents: Vec<_> = (1..nodes).map(|node| (0..node, Just(node))).collect();
        let more = prop::collection::vec((0..nodes, 0..nodes), 0..40);
        (Just(nodes), parents, more).prop_map(|(nodes, tree, more)| {
            let sorted = |(a, b): (u32, u32)| (a.min(b), a.max(b));
            let mut edges: Vec<Edge> =
                tree.into_iter().chain(more.into_iter().map(sorted)).filter(|(a, b)| a != b).collect();
            edges.sort_unstable();
            edges.dedup();
            (nodes, edges)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_flood_of_everybody_costs_2e_minus_n_plus_1((nodes, edges) in connected()) {
        full_flood(nodes, &edges);
    }
}
