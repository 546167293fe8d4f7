//! Who rises, when, and who steps down.

use std::time::Duration;

use crate::kit::overlay::Overlay;
use common::net::NodeId;
use common::user::Note;
use kazaa::config::{Config, Role};
use kazaa::election::ElectionKind;

fn named(note: &Note, word: &str) -> bool {
    matches!(note, Note::Text(text) if text.contains(word))
}

/// A crowd that comes over `seconds`, each of whom knows the first one.
fn crowd(overlay: &mut Overlay, first: NodeId, count: usize, seconds: u64) {
    for _ in 0..count {
        overlay.add(&[first]);
        overlay.swarm.run_ms(1_000 * seconds / count as u64);
    }
}

fn all_online(overlay: &mut Overlay) {
    for node in overlay.nodes.clone() {
        overlay.online(node);
    }
}

#[test]
fn a_crowd_elects_as_many_as_it_needs_and_everybody_finds_a_place() {
    let mut overlay = Overlay::with(7, |knobs| {
        knobs.children_max = 20;
        knobs.supernode_uptime_min = Duration::ZERO;
        knobs.retry = Duration::from_secs(2);
    });
    let first = overlay.add(&[]);
    crowd(&mut overlay, first, 200, 60);
    all_online(&mut overlay);
    overlay.swarm.run_s(60);
    let supernodes = overlay.supernodes();
    assert!(
        (10..=30).contains(&supernodes.len()),
        "{} supernodes for 200 with 20 places each",
        supernodes.len()
    );
    let children: usize = supernodes.iter().map(|node| overlay.node(*node).children()).sum();
    assert_eq!(children + supernodes.len(), 201, "everybody is a supernode or somebody's child");
    let least_linked = supernodes.iter().map(|node| overlay.node(*node).links()).min();
    assert!(least_linked >= Some(supernodes.len() - 2), "so few are linked with nearly all others");
}

#[test]
fn a_crowd_that_comes_at_once_finds_places_too() {
    let mut overlay = Overlay::with(7, |knobs| {
        knobs.children_max = 20;
        knobs.supernode_uptime_min = Duration::ZERO;
        knobs.retry = Duration::from_secs(2);
    });
    let first = overlay.add(&[]);
    crowd(&mut overlay, first, 200, 0);
    all_online(&mut overlay);
    let supernodes = overlay.supernodes().len();
    assert!((10..=50).contains(&supernodes), "{supernodes} supernodes for 200 with 20 places each");
}

#[test]
fn the_policy_says_who() {
    for (election, strong, weak) in [
        (ElectionKind::Capacity, true, false),
        (ElectionKind::Both, true, false),
        (ElectionKind::Uptime, true, true),
        (ElectionKind::Nobody, false, false),
    ] {
        let mut overlay = Overlay::with(1, |knobs| {
            knobs.election = election;
            knobs.supernode_kbps_min = 128;
        });
        for (kbps, rises) in [(384, strong), (33, weak)] {
            let config = Config { bandwidth_kbps: (1_500, kbps), ..overlay.config.clone() };
            let node = overlay.add_as(config);
            overlay.swarm.run_s(1);
            assert_eq!(overlay.node(node).is_supernode(), rises, "{election:?} {kbps}");
        }
    }
}

#[test]
fn nobody_behind_a_firewall_rises_and_force_overrides_the_rest() {
    let mut overlay = Overlay::seeded(1);
    let walled = overlay.add_as(Config { firewalled: true, ..overlay.config.clone() });
    let weak = Config { bandwidth_kbps: (56, 33), ..overlay.config.clone() };
    let forced = overlay.add_as(Config { force: Some(Role::Supernode), ..weak });
    let strong = Config { force: Some(Role::Ordinary), ..overlay.config.clone() };
    let strong = overlay.add_as(strong);
    overlay.swarm.run_s(1);
    let rose = [walled, forced, strong].map(|node| overlay.node(node).is_supernode());
    assert_eq!(rose, [false, true, false]);
}

#[test]
fn children_rise_when_the_lists_say_that_places_are_few() {
    let mut overlay = Overlay::with(3, |knobs| {
        knobs.children_max = 10;
        knobs.places_free_percent_min = 30;
        knobs.lists_every = Duration::from_secs(60);
    });
    let first = overlay.add(&[]);
    crowd(&mut overlay, first, 9, 1);
    all_online(&mut overlay);
    assert_eq!(overlay.supernodes(), [first]);
    // Nobody has been there for ten minutes yet.
    overlay.swarm.run_s(500);
    assert_eq!(overlay.supernodes(), [first]);
    overlay.swarm.run_s(3_000);
    let supernodes = overlay.supernodes();
    assert!(supernodes.len() >= 2, "{supernodes:?}");
    let children: usize = supernodes.iter().map(|node| overlay.node(*node).children()).sum();
    assert_eq!(children + supernodes.len(), 10);
}

#[test]
fn a_supernode_that_nobody_needs_steps_down_and_sends_its_children_elsewhere() {
    let mut overlay = Overlay::seeded(1);
    let first = overlay.supernode(&[]);
    let forced_by_hand = overlay.child_of(first);
    let idle = overlay.add(&[]);
    overlay.swarm.run_s(1);
    assert!(overlay.node(idle).is_supernode(), "it knew nobody");
    // Now it hears of the other one, by a link.
    let linking = overlay.supernode(&[first, idle]);
    let child = overlay.child(&[idle]);
    overlay.online(child);
    assert_eq!(overlay.parent(child), Some(idle));
    overlay.share(child, &["Band/Song.mp3"]);
    overlay.swarm.run_s(1_700);
    assert!(overlay.node(idle).is_supernode());
    overlay.swarm.wait_for(idle, |note| named(note, "no longer"));
    overlay.swarm.run_s(10);
    assert!(!overlay.node(idle).is_supernode());
    assert!([first, linking].contains(&overlay.parent(idle).expect("it is somebody's child now")));
    assert!([first, linking].contains(&overlay.parent(child).expect("its child was told of others")));
    assert_eq!(overlay.find(forced_by_hand, "song"), [child]);
    assert!(overlay.node(first).is_supernode() && overlay.node(linking).is_supernode(), "they are forced");
    for node in [idle, child] {
        assert_eq!(overlay.swarm.offline(node), Vec::<String>::new());
    }
}

#[test]
fn the_last_supernode_stays() {
    let mut overlay = Overlay::seeded(1);
    let only = overlay.add(&[]);
    overlay.swarm.run_s(4_000);
    assert!(overlay.node(only).is_supernode());
}

#[test]
fn who_rises_takes_shares_and_searches_along() {
    let mut overlay = Overlay::with(1, |knobs| {
        (knobs.children_max, knobs.answer_timeout) = (1, Duration::from_secs(60));
        knobs.supernode_uptime_min = Duration::ZERO;
    });
    let first = overlay.supernode(&[]);
    let child = overlay.holder(first, &["Band/Song.mp3"]);
    let riser = overlay.add(&[first]);
    overlay.share(riser, &["Band/Other Song.mp3"]);
    overlay.swarm.wait_for(riser, |note| named(note, "is a supernode now"));
    overlay.swarm.run_s(5);
    assert_eq!((overlay.node(riser).links(), overlay.node(riser).files_indexed()), (1, 1));
    assert_eq!(overlay.find(riser, "song"), [child]);
    assert_eq!(overlay.find(child, "song"), [riser]);
}
