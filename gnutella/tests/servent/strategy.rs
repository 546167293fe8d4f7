//! How searches go: floods of growing reach, and walkers. Exact counts where there is no choice, bounds where there is.

use std::sync::Arc;
use std::time::Duration;

use crate::kit::graph::{Graph, complete, grid, line, star};
use crate::kit::quiet_knobs;
use common::net::NodeId;
use common::user::{Command, Query, SearchEnd, SearchId};
use gnutella::servent::{Knobs, ServentConfig};
use gnutella::strategy::StrategyKind;
use proptest::prelude::*;

fn wanting(results: u32) -> Query {
    Query { results_max: results, ..Query::words("zebra") }
}

fn expanding(nodes: u32, holders: &[u32]) -> Graph {
    let mut graph = Graph::with(nodes, &line(nodes), quiet_knobs(), StrategyKind::ExpandingRing);
    for holder in holders {
        graph.share(*holder, &["zebra"]);
    }
    graph
}

#[test]
fn an_expanding_ring_stops_at_the_first_ring_with_enough() {
    // From the end of a line, TTL 1, 3, 5 and 7 cost as many queries.
    for (holder, queries) in [(1, 1), (2, 1 + 3), (3, 1 + 3), (4, 1 + 3 + 5), (7, 1 + 3 + 5 + 7)] {
        let outcome = expanding(12, &[holder]).search_for(0, &wanting(1));
        assert_eq!((outcome.queries, outcome.hits.len()), (queries, 1), "holder {holder}");
        assert_eq!(outcome.end, SearchEnd::Complete);
    }
}

#[test]
fn an_expanding_ring_ends_at_the_ttl() {
    let outcome = expanding(12, &[8]).search_for(0, &wanting(1));
    assert_eq!((outcome.queries, outcome.hits.len()), (16, 0));
    assert_eq!(outcome.end, SearchEnd::Complete);
}

#[test]
fn what_several_rings_find_is_told_once() {
    let outcome = expanding(12, &[1, 6]).search_for(0, &wanting(2));
    assert_eq!(outcome.hits.len(), 2);
    assert_eq!(outcome.queries, 16, "a new id each time: nobody takes a later ring for a duplicate");
    assert_eq!(outcome.hit_messages, 4 + 6, "the near one answers four rings, the far one the last");
}

fn walking(nodes: u32, edges: &[(u32, u32)], knobs: Knobs) -> Graph {
    Graph::with(nodes, edges, knobs, StrategyKind::RandomWalk)
}

#[test]
fn walkers_go_as_many_steps_as_they_may() {
    let free = Knobs { walkers: 4, walk_steps_max: 10, walk_check_every: 0, ..quiet_knobs() };
    let outcome = walking(8, &complete(8), free).search(0, "zebra");
    assert_eq!((outcome.queries, outcome.hits.len()), (40, 0));
    assert_eq!(outcome.end, SearchEnd::Complete);
}

#[test]
fn walkers_prefer_whom_they_have_not_been_sent_to() {
    // From leaf 1 to the hub, and from there to a leaf and back, as often as there are leaves; leaf 1 is one of them.
    let free = Knobs { walkers: 1, walk_steps_max: 20, walk_check_every: 0, ..quiet_knobs() };
    let mut graph = walking(11, &star(11), free);
    for leaf in 2..11 {
        graph.share(leaf, &["zebra"]);
    }
    let outcome = graph.search(1, "zebra");
    assert_eq!((outcome.queries, outcome.reached, outcome.hits.len()), (20, 11, 9));
    assert_eq!(outcome.hit_messages, 18, "each back by the hub");
}

#[test]
fn hits_of_a_walker_find_back_along_its_way() {
    let far = Knobs { walkers: 1, walk_check_every: 0, ..quiet_knobs() };
    let mut graph = walking(30, &line(30), far);
    graph.share(29, &["zebra"]);
    let outcome = graph.search_for(0, &wanting(1));
    assert_eq!((outcome.hits.len(), outcome.hit_messages), (1, 29));
}

#[test]
fn the_searcher_ends_its_walkers_when_it_has_enough() {
    let knobs = Knobs { walkers: 16, ..quiet_knobs() };
    let (walkers, check_every) = (knobs.walkers as u64, u64::from(knobs.walk_check_every));
    let mut graph = walking(100, &grid(10), knobs);
    graph.share(99, &["zebra"]);
    let name = SearchId(1);
    graph.swarm.command(NodeId(0), Command::Search(name, Arc::new(wanting(1))));
    assert_eq!(graph.swarm.search_end(NodeId(0), name), SearchEnd::Complete);
    assert_eq!(graph.swarm.found(NodeId(0), name).len(), 1);
    let then = graph.swarm.sent("query");
    assert!(graph.swarm.sent("request") > 0);
    graph.swarm.run_for(Duration::from_secs(60));
    let further = graph.swarm.sent("query") - then;
    assert!(further <= walkers * check_every, "{further} steps after the search had its result");
    assert_eq!(graph.swarm.sent("request"), graph.swarm.sent("response"));
}

#[test]
fn walkers_that_nobody_can_stop_go_on_to_their_limit() {
    let knobs = Arc::new(Knobs { walkers: 3, walk_steps_max: 50, ..quiet_knobs() });
    let mut graph = Graph::each(8, &complete(8), |node| ServentConfig {
        firewalled: node == 0,
        strategy: StrategyKind::RandomWalk,
        knobs: Arc::clone(&knobs),
        ..ServentConfig::default()
    });
    let outcome = graph.search(0, "zebra");
    assert_eq!((outcome.queries, graph.swarm.sent("request")), (150, 0));
}

#[test]
fn a_search_goes_on_while_its_walkers_ask() {
    // 250 steps with a question every fourth take longer than a search waits for hits.
    let knobs = Knobs { walkers: 1, search_wait: Duration::from_secs(2), ..quiet_knobs() };
    let mut graph = walking(8, &complete(8), knobs);
    let outcome = graph.search(0, "zebra");
    assert_eq!((outcome.queries, outcome.end), (250, SearchEnd::Complete));
}

#[test]
fn a_searcher_that_is_gone_lets_its_walkers_end() {
    let knobs = Knobs { walkers: 8, walk_check_every: 4, ..quiet_knobs() };
    let mut graph = walking(9, &complete(9), knobs);
    graph.swarm.command(NodeId(0), Command::Search(SearchId(1), Arc::new(wanting(1))));
    let now = graph.swarm.sim.now();
    graph.swarm.sim.crash_at(now + Duration::from_millis(50), NodeId(0));
    graph.swarm.run_for(Duration::from_secs(120));
    let steps = graph.swarm.sent("query");
    assert!((9..=8 * 4).contains(&steps), "{steps} steps");
}

#[test]
fn every_search_ends_once() {
    let kinds = [StrategyKind::Flood, StrategyKind::ExpandingRing, StrategyKind::RandomWalk];
    for kind in kinds {
        let mut graph = Graph::with(25, &grid(5), quiet_knobs(), kind);
        graph.share(12, &["zebra one", "zebra two"]);
        // Twenty at a time: sixteen run, four are refused; then the searcher leaves.
        for name in 0..20 {
            graph.swarm.command(NodeId(0), Command::Search(SearchId(name), Arc::new(wanting(9))));
        }
        graph.swarm.run_for(Duration::from_millis(900));
        graph.swarm.command(NodeId(0), Command::Leave);
        graph.swarm.run_for(Duration::from_secs(60));
        let ends: Vec<(SearchId, SearchEnd)> = graph
            .swarm
            .notes(NodeId(0))
            .filter_map(|note| match note {
                common::user::Note::SearchEnded(name, end) => Some((*name, *end)),
                _ => None,
            })
            .collect();
        let refused = (16..20).map(|name| (SearchId(name), SearchEnd::Refused));
        let offline = (0..16).map(|name| (SearchId(name), SearchEnd::Offline));
        assert_eq!(ends, refused.chain(offline).collect::<Vec<_>>(), "{kind:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn walkers_never_go_further_than_they_may(
        walkers in 1..20usize, steps in 1..30u16, check_every in 0..6u8, side in 2..6u32, holder in 1..4u32,
    ) {
        let knobs =
            Knobs { walkers, walk_steps_max: steps, walk_check_every: check_every, ..quiet_knobs() };
        let mut graph = walking(side * side, &grid(side), knobs);
        graph.share(holder, &["zebra"]);
        let outcome = graph.search_for(0, &wanting(1));
        prop_assert!(outcome.queries <= walkers as u64 * u64::from(steps));
        prop_assert!(outcome.queries >= walkers as u64);
        prop_assert!(outcome.hits.len() <= 1);
        prop_assert_eq!(outcome.end, SearchEnd::Complete);
    }
}
