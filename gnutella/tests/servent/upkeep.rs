//! Neighbours come, stay, and are replaced.

use std::time::Duration;

use crate::kit::overlay::Overlay;
use common::net::NodeId;
use gnutella::node::Node;
use gnutella::servent::ServentConfig;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg32;

#[test]
fn a_hundred_servents_that_know_one_address_reach_their_degree() {
    let mut overlay = Overlay::seeded(1);
    let seed = overlay.add(&[]);
    for _ in 1..100 {
        overlay.add(&[seed]);
    }
    overlay.run_until_degree(7);
    overlay.swarm.run_s(60);
    for node in overlay.living() {
        assert!((7..=16).contains(&overlay.degree(node)), "{} has {}", node.0, overlay.degree(node));
        assert!(overlay.swarm.is_online(node));
    }
    assert_eq!(overlay.reachable(), 100);
}

#[test]
fn a_hundred_servents_that_know_one_web_cache_reach_their_degree() {
    let mut overlay = Overlay::seeded(2);
    let cache = overlay.host_cache();
    let at = (overlay.swarm.address(cache), "/gwc.php".into());
    overlay.config.host_caches = Box::new([at]);
    for _ in 0..100 {
        overlay.add(&[]);
    }
    overlay.run_until_degree(7);
    assert_eq!(overlay.reachable(), 100);
}

#[test]
fn when_a_third_is_killed_the_others_find_new_neighbours() {
    let mut overlay = Overlay::seeded(3);
    let seed = overlay.add(&[]);
    for _ in 1..120 {
        overlay.add(&[seed]);
    }
    overlay.run_until_degree(7);
    for node in overlay.servents.clone().into_iter().step_by(3) {
        overlay.swarm.crash(node);
    }
    overlay.swarm.run_ms(2);
    let living = overlay.living();
    assert_eq!(living.len(), 80);
    // The links of the dead are there until the network says so.
    let hurt = |overlay: &Overlay| living.iter().filter(|node| overlay.degree(**node) < 7).count();
    let mut hurt_max = 0;
    for _ in 0..50 {
        overlay.swarm.run_ms(10);
        hurt_max = hurt_max.max(hurt(&overlay));
    }
    assert!(hurt_max >= 5, "{hurt_max}: the test kills too few to show anything");
    let took = overlay.run_until_degree(7);
    assert!(took.as_secs() < 120, "{took:?}");
    assert_eq!(overlay.reachable(), 80);
    assert!(living.iter().all(|node| overlay.swarm.is_online(*node)));
}

/// All knobs are as they are by default, and so is the time; tcp.rs does the same over sockets, where a minute takes a minute, and in
/// more of a hurry.
#[test]
fn a_thousand_keep_their_degree_while_a_tenth_leaves_each_minute() {
    const SERVENTS: usize = 1_000;
    /// One of a thousand, a hundred times a minute.
    const EVERY_MS: u64 = 600;
    let mut overlay = Overlay::seeded(9);
    let seed = overlay.add(&[]);
    for _ in 1..SERVENTS {
        overlay.add(&[seed]);
    }
    overlay.run_until_degree(7);
    let mut living = overlay.servents.clone();
    let mut rng = Pcg32::seed_from_u64(9);
    for turn in 0..500 {
        let gone = living.swap_remove(rng.random_range(0..living.len()));
        // Half say good-bye, half crash.
        if turn % 2 == 0 {
            overlay.leave(gone);
        } else {
            overlay.swarm.crash(gone);
        }
        let known = living[rng.random_range(0..living.len())];
        living.push(overlay.add(&[known]));
        overlay.swarm.run_ms(EVERY_MS);
        let degrees = || living.iter().map(|node| overlay.degree(*node));
        let (lacking, sum) = (degrees().filter(|degree| *degree < 7).count(), degrees().sum::<usize>());
        // Some have lost somebody in this moment, and who came in it is on the way.
        assert!(lacking <= SERVENTS / 50, "turn {turn}: {lacking} of {SERVENTS} lack neighbours");
        assert!(sum >= 7 * SERVENTS, "turn {turn}: {sum} links of {SERVENTS}");
    }
    overlay.run_until_degree(7);
    assert_eq!(overlay.reachable(), SERVENTS);
}

#[test]
fn a_newcomer_stays_whose_only_contact_goes_in_the_moment_in_which_it_was_let_in() {
    let mut overlay = Overlay::seeded(10);
    let seed = overlay.add(&[]);
    let known = overlay.add(&[seed]);
    overlay.run_until_degree(1);
    let newcomer = overlay.add(&[known]);
    while overlay.degree(newcomer) == 0 {
        overlay.swarm.run_ms(1);
    }
    overlay.swarm.crash(known);
    overlay.swarm.run_s(20);
    assert_eq!(
        overlay.degree(newcomer),
        1,
        "a link with the first servent, whom only the contact could name"
    );
    assert_eq!(overlay.reachable(), 2);
}

#[test]
fn a_refusal_leads_to_a_servent_with_room() {
    let mut overlay = Overlay::with(4, |knobs| {
        (knobs.degree, knobs.degree_max) = (2, 3);
        // Nobody hears of anybody but by refusals.
        knobs.ping_every = None;
    });
    let hub = overlay.add(&[]);
    for _ in 0..3 {
        overlay.add(&[hub]);
    }
    overlay.swarm.run_s(2);
    assert_eq!(overlay.degree(hub), 3);
    let late = overlay.add(&[hub]);
    overlay.swarm.run_s(2);
    assert_eq!((overlay.degree(hub), overlay.degree(late)), (3, 2));
    assert!(overlay.swarm.is_online(late) && overlay.swarm.offline(late).is_empty());
}

#[test]
fn who_has_nobody_to_join_begins_an_overlay() {
    let mut overlay = Overlay::seeded(5);
    let first = overlay.add(&[]);
    overlay.swarm.run_s(1);
    assert!(overlay.swarm.is_online(first));
    assert_eq!(overlay.swarm.sim.coming(), 0, "it waits, and no timer runs");
    let second = overlay.add(&[first]);
    overlay.swarm.run_s(1);
    overlay.swarm.crash(second);
    overlay.swarm.run_s(1);
    assert!(
        overlay.swarm.offline(first)[0]
            .contains("the last neighbour is gone; looking for others (known addresses: 1,")
    );
    assert!(overlay.swarm.offline(second).is_empty());
}

#[test]
fn who_cannot_get_in_says_so_once_and_goes_on_trying() {
    let mut overlay = Overlay::seeded(6);
    let later = overlay.swarm.address_of(1);
    let node = overlay.add_as(ServentConfig { connect: Box::new([later]), ..overlay.config.clone() });
    overlay.swarm.run_s(300);
    let offline = overlay.swarm.offline(node);
    assert_eq!(offline.len(), 1, "{offline:?}");
    assert!(offline[0].starts_with("no other servent can be reached; trying again in "), "{offline:?}");
    assert!(offline[0].ends_with(" s (known addresses: 1, web caches: 0)"), "{offline:?}");
    overlay.add(&[]);
    overlay.swarm.run_s(400);
    assert!(overlay.swarm.is_online(node));
    assert_eq!(overlay.degree(node), 1);
}

#[test]
fn who_loses_everybody_comes_back() {
    let mut overlay = Overlay::seeded(7);
    let seed = overlay.add(&[]);
    let node = overlay.add(&[seed]);
    overlay.swarm.run_s(1);
    overlay.swarm.crash(seed);
    overlay.swarm.run_s(20);
    assert!(!overlay.swarm.is_online(node));
    let now = overlay.swarm.sim.now();
    overlay.swarm.sim.restart_at(now, seed, Node::servent(overlay.config.clone()));
    overlay.swarm.run_s(60);
    assert!(overlay.swarm.is_online(node));
    assert_eq!(overlay.degree(seed), 1);
}

#[test]
fn a_fixed_graph_is_dialled_again_and_nothing_else_is() {
    let mut overlay = Overlay::with(8, |knobs| knobs.degree_max = 1);
    overlay.graph(5, &[(0, 1), (1, 2), (2, 3), (3, 0), (4, 2)]);
    let node = overlay.servents[2];
    let now = overlay.swarm.sim.now();
    let connect = Box::new([overlay.swarm.address(overlay.servents[3])]);
    let again = Node::servent(ServentConfig { connect, ..overlay.config.clone() });
    overlay.swarm.sim.crash_at(now, node);
    overlay.swarm.sim.restart_at(now + Duration::from_secs(20), node, again);
    overlay.swarm.run_s(10);
    let degrees = |overlay: &Overlay| -> Vec<usize> {
        overlay.living().iter().map(|node| overlay.degree(*node)).collect()
    };
    assert_eq!(degrees(&overlay), [2, 1, 1, 0]);
    overlay.swarm.run_s(120);
    assert_eq!(degrees(&overlay), [2, 2, 3, 2, 1]);
}

#[test]
fn web_caches_are_asked_in_turn_until_one_knows_somebody() {
    let mut overlay = Overlay::seeded(9);
    let (dead, empty, good) = (overlay.host_cache(), overlay.host_cache(), overlay.host_cache());
    overlay.swarm.crash(dead);
    let first = caches(&overlay, &[good]);
    overlay.add_as(first);
    overlay.swarm.run_s(30);
    let all = caches(&overlay, &[dead, empty, good]);
    let node = overlay.add_as(all);
    overlay.swarm.run_s(60);
    assert_eq!(overlay.degree(node), 1);
    assert!(overlay.swarm.is_online(node));
}

#[test]
fn a_firewalled_servent_joins_and_nobody_is_told_of_it() {
    let mut overlay = Overlay::seeded(10);
    let cache = overlay.host_cache();
    let config = caches(&overlay, &[cache]);
    overlay.add_as(config.clone());
    overlay.add_as(ServentConfig { firewalled: true, ..config.clone() });
    overlay.swarm.run_s(30);
    overlay.add_as(config);
    overlay.swarm.run_s(60);
    // It hears of the last one, and dials it; nobody else hears of it.
    let degrees: Vec<usize> = overlay.servents.iter().map(|node| overlay.degree(*node)).collect();
    assert_eq!(degrees, [2, 2, 2]);
    let firewalled = overlay.swarm.address(overlay.servents[1]);
    for node in overlay.living() {
        assert!(overlay.servent(node).neighbour_addresses().all(|address| address != firewalled));
    }
    match overlay.swarm.peer(cache) {
        Node::HostCache(cache) => assert_eq!(cache.len(), 2),
        Node::Servent(_) => unreachable!("it was added as a cache"),
    }
}

#[test]
fn an_overlay_at_rest_costs_its_pings_alone() {
    let mut overlay = Overlay::with(11, |knobs| knobs.ping_every = None);
    let edges: Vec<(usize, usize)> = (1..50).map(|node| (node, node / 2)).collect();
    overlay.graph(50, &edges);
    overlay.swarm.run_s(60);
    let events = overlay.swarm.sim.events();
    overlay.swarm.run_s(3600);
    assert_eq!(overlay.swarm.sim.events(), events, "no timer runs where nothing is to be done");
}

#[test]
fn neighbours_that_leave_are_replaced_and_their_bye_is_heard() {
    let mut overlay = Overlay::seeded(12);
    let seed = overlay.add(&[]);
    for _ in 1..30 {
        overlay.add(&[seed]);
    }
    overlay.run_until_degree(7);
    let leaving = overlay.servents[5];
    let links = overlay.degree(leaving) as u64;
    overlay.leave(leaving);
    overlay.swarm.run_s(30);
    assert_eq!(overlay.swarm.sent("bye"), links);
    assert_eq!(overlay.swarm.offline(leaving), ["left"]);
    assert_eq!(overlay.degree(leaving), 0);
    for node in overlay.living() {
        assert!(overlay.degree(node) >= 7);
        let gone = overlay.swarm.address(leaving);
        assert!(overlay.servent(node).neighbour_addresses().all(|address| address != gone));
    }
}

#[test]
fn a_coming_and_going_of_a_tenth_every_minute_leaves_nobody_alone() {
    let mut overlay = Overlay::seeded(13);
    let seed = overlay.add(&[]);
    for _ in 1..200 {
        overlay.add(&[seed]);
    }
    overlay.run_until_degree(7);
    // Two go and two come every six seconds, half of those who go without a word.
    for turn in 1..=40 {
        let living = overlay.living();
        overlay.swarm.crash(living[turn % 90]);
        overlay.leave(living[90 + 7 * turn % 90]);
        overlay.swarm.run_s(3);
        let known = overlay.living()[31 * turn % 190];
        overlay.add(&[known]);
        overlay.add(&[known]);
        overlay.swarm.run_s(3);
        let living = overlay.living();
        let short = living.iter().filter(|node| overlay.degree(**node) < 7).count();
        assert!(short <= living.len() / 20, "turn {turn}: {short} of {} lack neighbours", living.len());
    }
    assert_eq!(overlay.living().len(), 200);
    assert_eq!(overlay.reachable(), 200);
}

/// A servent that knows these web caches and nobody else.
fn caches(overlay: &Overlay, caches: &[NodeId]) -> ServentConfig {
    let at = |cache: &NodeId| (overlay.swarm.address(*cache), "/gwc.php".into());
    ServentConfig { host_caches: caches.iter().map(at).collect(), ..overlay.config.clone() }
}
