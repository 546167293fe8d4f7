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
