//! What a simulated network is measured beside: a flood as a bare loop, with as many nodes, on the same machine, in the same run.

use common::testing::bare_flood::{Bare, Graph, median};

/// Links of a node, on average half of it: those of Gnutella in 2001.
const LINKS_PER_NODE: f64 = 3.4;
/// More nodes are not tried: their tables alone would take gigabytes.
const NODES_MAX: u64 = 2_000_000;
/// Deliveries of a measurement, about: enough that it takes some tenths of a second.
const DELIVERIES: f64 = 3e6;
const REPEATS: u32 = 3;

/// Deliveries of the bare loop in a second, among so many nodes: the median of some floods, after one that fills its tables.
pub(super) fn bare_rate(nodes: u64) -> Option<f64> {
    let nodes = u32::try_from(nodes).ok().filter(|nodes| (10..=NODES_MAX as u32).contains(nodes))?;
    let links = (f64::from(nodes) * LINKS_PER_NODE) as usize;
    let mut bare = Bare::<()>::new(&Graph::random(nodes, links));
    let floods = (DELIVERIES / links as f64).clamp(1.0, 1_000.0) as u32;
    let mut rates = Vec::new();
    for repeat in 0..=REPEATS {
        let searches: Vec<(u32, u32)> =
            (0..floods).map(|number| (repeat * floods + number, (number * 7_919 + repeat) % nodes)).collect();
        let (deliveries, seconds) = bare.flood(&searches);
        if repeat > 0 && seconds > 0.0 {
            rates.push(deliveries as f64 / seconds);
        }
    }
    (!rates.is_empty()).then(|| median(&mut rates))
}
