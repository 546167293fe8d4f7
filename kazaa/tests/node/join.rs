//! Finding a parent: the scout, the probes, which of them is kept, and what is done when nobody answers.

use std::time::Duration;

use crate::kit::overlay::Overlay;
use common::net::{Line, NodeId};
use common::user::Note;
use kazaa::config::{Config, Role};
use kazaa::selection::SelectionKind;

/// Supernodes that know each other, each so many milliseconds away from everybody, the first one furthest.
fn at_distances(overlay: &mut Overlay, milliseconds: &[u64]) -> Vec<NodeId> {
    let supernodes = overlay.mesh(milliseconds.len());
    let now = overlay.swarm.sim.now();
    for (node, ms) in supernodes.iter().zip(milliseconds) {
        let line = Line { delay: Duration::from_millis(*ms), ..Line::default() };
        overlay.swarm.sim.set_line_at(now, *node, line);
    }
    // Their lists have all of them after this.
    overlay.swarm.run_s(120);
    supernodes
}

#[test]
fn the_first_one_is_a_supernode_and_the_next_its_child() {
    let mut overlay = Overlay::seeded(1);
    let first = overlay.add(&[]);
    overlay.online(first);
    let second = overlay.add(&[first]);
    overlay.online(second);
    assert!(overlay.node(first).is_supernode() && !overlay.node(second).is_supernode());
    assert_eq!((overlay.node(first).children(), overlay.parent(second)), (1, Some(first)));
}

#[test]
fn of_those_on_the_scouts_list_the_nearest_becomes_the_parent() {
    let mut overlay = Overlay::with(1, |knobs| knobs.probes = 5);
    let supernodes = at_distances(&mut overlay, &[100, 50, 5, 80, 20]);
    let child = overlay.child(&supernodes[..1]);
    let (sent, ()) = overlay.counted(&["hello", "accept"], |overlay| overlay.online(child));
    // The scout, and the four others on its list: the scout's own round trip is known.
    assert_eq!(sent, [5, 5]);
    assert_eq!(overlay.parent(child), Some(supernodes[2]));
    overlay.swarm.run_s(2);
    let children: Vec<usize> = supernodes.iter().map(|node| overlay.node(*node).children()).collect();
    assert_eq!(children, [0, 0, 1, 0, 0], "the scout and the others were left");
}

#[test]
fn other_policies_choose_otherwise() {
    let mut chosen = Vec::new();
    for seed in 1..=12 {
        let mut overlay = Overlay::with(seed, |knobs| knobs.selection = SelectionKind::Random);
        let supernodes = at_distances(&mut overlay, &[100, 50, 5]);
        let child = overlay.child(&supernodes);
        overlay.online(child);
        chosen.push(overlay.parent(child).expect("it is online").0);
    }
    chosen.sort_unstable();
    chosen.dedup();
    assert_eq!(chosen, [0, 1, 2], "by lot each of them is somebody's");
}

#[test]
fn more_probes_find_a_nearer_one() {
    let mean_ms = |probes: usize| {
        let mut sum = 0;
        for seed in 1..=8 {
            let mut overlay = Overlay::with(seed, |knobs| knobs.probes = probes);
            let distances: Vec<u64> = (1..=12).map(|nth| 10 * nth).collect();
            let supernodes = at_distances(&mut overlay, &distances);
            let child = overlay.child(&supernodes[11..]);
            overlay.online(child);
            let parent = overlay.parent(child).expect("it is online");
            sum += distances[parent.index()];
        }
        sum / 8
    };
    let means = [1, 5, 12].map(mean_ms);
    assert!(means[0] > means[1] && means[1] > means[2] && means[2] == 10, "{means:?}");
}

#[test]
fn the_dead_of_a_list_are_passed_over_one_by_one() {
    let mut overlay = Overlay::seeded(3);
    let alive = overlay.supernode(&[]);
    let nobody = |host: u8| std::net::SocketAddrV4::new([10, 9, 9, host].into(), 1214);
    let mut supernodes: Vec<_> = (1..=20).map(nobody).collect();
    supernodes.push(overlay.address(alive));
    let child = overlay.add_as(Config {
        supernodes: supernodes.into(),
        force: Some(Role::Ordinary),
        ..overlay.config.clone()
    });
    overlay.online(child);
    assert_eq!(overlay.parent(child), Some(alive));
    assert_eq!(overlay.swarm.offline(child), Vec::<String>::new());
}

#[test]
fn who_knows_nobody_and_may_not_rise_says_so_and_who_reaches_nobody_tries_again() {
    let mut overlay = Overlay::seeded(1);
    let alone = overlay.child(&[]);
    overlay.swarm.run_s(1);
    assert_eq!(overlay.swarm.offline(alone), ["no supernode is known; name one, or the services"]);

    let supernode = overlay.supernode(&[]);
    overlay.swarm.crash(supernode);
    overlay.swarm.run_s(1);
    let child = overlay.add(&[supernode]);
    overlay.swarm.run_s(120);
    let told = overlay.swarm.offline(child);
    assert!(
        told.len() == 1 && told[0].starts_with("no supernode can be reached; trying again in "),
        "{told:?}"
    );
    assert!(!overlay.node(child).is_supernode(), "who reaches nobody would be reached by nobody");

    let now = overlay.swarm.sim.now();
    let back = overlay.config.clone();
    let back = kazaa::node::Node::ordinary(Config { force: Some(Role::Supernode), ..back });
    overlay.swarm.sim.restart_at(now, supernode, back);
    overlay.online(child);
    assert_eq!(overlay.parent(child), Some(supernode));
}

#[test]
fn two_parents_are_both_told_and_only_the_first_is_asked() {
    let mut overlay = Overlay::with(1, |knobs| knobs.parents = 2);
    let supernodes = overlay.mesh(3);
    let child = overlay.child(&supernodes);
    overlay.swarm.run_until(|sim| crate::kit::overlay::ordinary(sim, child).parents().count() == 2);
    overlay.share(child, &["band/song.mp3"]);
    let with_it = |overlay: &Overlay| -> usize {
        supernodes.iter().filter(|node| overlay.node(**node).files_indexed() == 1).count()
    };
    assert_eq!(with_it(&overlay), 2);
    let (sent, _) = overlay.counted(&["query"], |overlay| overlay.search(child, "nothing"));
    assert_eq!(sent, [1]);
}

#[test]
fn a_node_leaves_without_a_trace() {
    let mut overlay = Overlay::seeded(1);
    let supernode = overlay.supernode(&[]);
    let child = overlay.holder(supernode, &["band/song.mp3"]);
    overlay.swarm.command(child, common::user::Command::Leave);
    overlay.swarm.run_s(1);
    assert_eq!((overlay.node(supernode).children(), overlay.node(supernode).files_indexed()), (0, 0));
    assert!(matches!(overlay.swarm.notes(child).last(), Some(Note::Offline(why)) if &**why == "left"));
}
