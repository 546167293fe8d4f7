//! Neighbours come, stay, and are replaced.

mod kit;

use kit::Overlay;

#[test]
fn a_hundred_servents_that_know_one_address_reach_their_degree() {
    let mut overlay = Overlay::seeded(1);
    let seed = overlay.add(&[]);
    for _ in 1..100 {
        overlay.add(&[seed]);
    }
    overlay.run_until_degree(7);
    overlay.run_s(60);
    for node in overlay.living() {
        assert!((7..=14).contains(&overlay.degree(node)), "{} has {}", node.0, overlay.degree(node));
        assert!(overlay.is_online(node));
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
        overlay.crash(node);
    }
    overlay.run_ms(2);
    let living = overlay.living();
    assert_eq!(living.len(), 80);
    // The links of the dead are there until the network says so.
    let hurt = |overlay: &Overlay| living.iter().filter(|node| overlay.degree(**node) < 7).count();
    let mut hurt_max = 0;
    for _ in 0..50 {
        overlay.run_ms(10);
        hurt_max = hurt_max.max(hurt(&overlay));
    }
    assert!(hurt_max >= 5, "{hurt_max}: the test kills too few to show anything");
    let took = overlay.run_until_degree(7);
    assert!(took.as_secs() < 120, "{took:?}");
    assert_eq!(overlay.reachable(), 80);
    assert!(living.iter().all(|node| overlay.is_online(*node)));
}
