//! Supernodes die, and their children go on.

use std::time::Duration;

use crate::kit::overlay::{Overlay, ordinary};
use common::net::Line;
use common::user::{Query, SearchEnd};

/// So many supernodes, and so many children that know all of them, on line.
fn joined(
    overlay: &mut Overlay,
    supernodes: usize,
    children: usize,
) -> (Vec<common::net::NodeId>, Vec<common::net::NodeId>) {
    let supernodes = overlay.mesh(supernodes);
    // Their lists have all of them after this.
    overlay.swarm.run_s(120);
    let children: Vec<_> = (0..children).map(|_| overlay.child(&supernodes)).collect();
    for child in &children {
        overlay.online(*child);
    }
    (supernodes, children)
}

#[test]
fn children_of_a_dead_supernode_find_another_at_once_and_their_files_with_them() {
    let mut overlay = Overlay::seeded(1);
    let (supernodes, children) = joined(&mut overlay, 3, 30);
    for (at, child) in children.iter().enumerate() {
        overlay.share(*child, &[&format!("Band/Song number{at}.mp3")]);
    }
    let dead = supernodes[0];
    let orphans: Vec<_> =
        children.iter().copied().filter(|child| overlay.parent(*child) == Some(dead)).collect();
    assert!(!orphans.is_empty());
    overlay.swarm.crash(dead);
    overlay.swarm.run_s(1);
    for orphan in &orphans {
        assert!(overlay.parent(*orphan).is_some_and(|parent| parent != dead));
        assert_eq!(overlay.swarm.offline(*orphan), Vec::<String>::new(), "the user need not know");
    }
    for (at, child) in children.iter().enumerate() {
        let asker = children[(at + 1) % children.len()];
        assert_eq!(overlay.find(asker, &format!("number{at}")), [*child]);
    }
}

#[test]
fn a_search_is_asked_again_of_the_next_parent_once() {
    let mut overlay = Overlay::with(1, |knobs| knobs.answer_timeout = Duration::from_secs(30));
    let (_, children) = joined(&mut overlay, 3, 6);
    overlay.share(children[5], &["Band/Song.mp3"]);
    let asker = children[0];
    let first = overlay.parent(asker).expect("it is on line");
    let search = overlay.ask(asker, Query::words("song"));
    overlay.swarm.crash(first);
    assert_eq!(overlay.swarm.search_end(asker, search), SearchEnd::Complete);
    let found = overlay.swarm.found(asker, search);
    assert_eq!(overlay.holders(&found), [children[5]]);
    assert_ne!(overlay.parent(asker), Some(first));
}

#[test]
fn with_a_second_parent_there_is_no_gap() {
    let mut overlay = Overlay::with(1, |knobs| knobs.parents = 2);
    let (_, children) = joined(&mut overlay, 4, 8);
    let two = |overlay: &Overlay| children.iter().all(|child| overlay.parents(*child).len() == 2);
    overlay.swarm.run_s(10);
    assert!(two(&overlay));
    overlay.share(children[7], &["Band/Song.mp3"]);
    let asker = children[0];
    let parents = overlay.parents(asker);
    overlay.swarm.crash(parents[0]);
    // The reset comes after a moment; no other connection is needed.
    overlay.swarm.run_ms(200);
    assert_eq!(overlay.parents(asker)[0], parents[1]);
    assert_eq!(overlay.find(asker, "song"), [children[7]]);
    overlay.swarm.run_s(10);
    assert!(two(&overlay), "and another second one is found");
}

#[test]
fn when_all_are_gone_users_are_told_and_come_back_with_the_first_that_returns() {
    let mut overlay = Overlay::seeded(1);
    let (supernodes, children) = joined(&mut overlay, 2, 4);
    supernodes.iter().for_each(|node| overlay.swarm.crash(*node));
    overlay.swarm.run_s(30);
    for child in &children {
        assert_eq!(overlay.swarm.offline(*child).len(), 1);
        assert!(!overlay.swarm.is_online(*child));
    }
    assert_eq!(overlay.search(children[0], "song").1, SearchEnd::Offline);
    let now = overlay.swarm.sim.now();
    let force = Some(kazaa::config::Role::Supernode);
    let config = kazaa::config::Config { force, ..overlay.config.clone() };
    overlay.swarm.sim.restart_at(now, supernodes[1], kazaa::node::Node::ordinary(config));
    let back =
        |sim: &common::sim::Sim<_>| children.iter().all(|child| ordinary(sim, *child).parents().count() == 1);
    overlay.swarm.run_until(back);
    assert!(children.iter().all(|child| overlay.swarm.is_online(*child)));
}

#[test]
fn a_supernode_that_falls_silent_is_left_by_its_children_and_neighbours() {
    let mut overlay = Overlay::seeded(1);
    let (supernodes, children) = joined(&mut overlay, 3, 9);
    let silent = supernodes[1];
    let from = overlay.swarm.sim.now();
    // Cut off without a word: nobody hears a reset.
    let others: Vec<_> = overlay.nodes.iter().copied().filter(|node| *node != silent).collect();
    overlay.swarm.sim.cut(&[silent], &others, from, from + Duration::from_secs(3_600));
    overlay.swarm.run_s(300);
    for child in &children {
        assert!(overlay.parent(*child).is_some_and(|parent| parent != silent));
    }
    assert_eq!(overlay.node(supernodes[0]).links(), 1);
}

#[test]
fn running_downloads_do_not_notice_that_a_parent_dies_or_that_their_node_rises() {
    let mut overlay = Overlay::seeded(1);
    let (supernodes, children) = joined(&mut overlay, 2, 4);
    let file = crate::kit::files::file("Band/Song.mp3", 8 * common::testing::files::MB);
    let (asker, holder) = (children[0], children[3]);
    overlay.offer(holder, std::slice::from_ref(&file));
    overlay.swarm.slow(holder);
    let (hits, _) = overlay.search(asker, "song");
    let fetch = overlay.swarm.start(asker, hits);
    overlay.swarm.wait_for_bytes(asker, fetch, 1_000_000);
    supernodes.iter().for_each(|node| overlay.swarm.crash(*node));
    assert_eq!(overlay.swarm.end(asker, fetch), Ok(()));
    assert!(!overlay.swarm.is_online(asker), "there is no supernode any more");
    assert_eq!(overlay.swarm.body_received(asker), 8 * common::testing::files::MB, "and no byte came twice");
}

#[test]
fn an_orphan_of_a_young_network_dials_at_once_those_whom_it_left_a_moment_ago() {
    let mut overlay = Overlay::seeded(1);
    let supernodes = overlay.mesh(3);
    overlay.swarm.run_s(120);
    let [near, other, far] = supernodes[..] else { panic!("there are three") };
    // It picks up within the second for which the child waits for others than the first, and answers after it.
    let line = Line { delay: Duration::from_millis(350), ..Line::default() };
    let now = overlay.swarm.sim.now();
    overlay.swarm.sim.set_line_at(now, far, line);
    let child = overlay.child(&[near]);
    overlay.online(child);
    assert_ne!(overlay.parent(child), Some(far));
    overlay.swarm.run_s(3);
    overlay.swarm.crash(near);
    overlay.swarm.crash(other);
    overlay.swarm.run_s(5);
    assert_eq!(overlay.parent(child), Some(far));
    assert_eq!(overlay.swarm.offline(child), Vec::<String>::new(), "the user need not know");
}

#[test]
fn children_hear_of_a_network_that_grows_before_they_need_it() {
    let mut overlay = Overlay::seeded(1);
    let first = overlay.supernode(&[]);
    let child = overlay.child(&[first]);
    overlay.online(child);
    let others: Vec<_> = (0..3).map(|_| overlay.supernode(&[first])).collect();
    overlay.swarm.run_until(|sim| ordinary(sim, first).links() == 3);
    overlay.swarm.run_ms(500);
    overlay.swarm.crash(first);
    overlay.swarm.run_s(5);
    assert!(overlay.parent(child).is_some_and(|parent| others.contains(&parent)));
}
