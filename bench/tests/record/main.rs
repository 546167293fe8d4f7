//! One simulated run, written down: what stands in the files is what happened.

mod command;
#[path = "../kit/mod.rs"]
mod kit;
mod packets;
mod reader;
mod spans;
mod tshark;

use bench::overlay::Contestant;
use bench::overlays::overlays;
use bench::record::{Capture, capture};
use bench::scenario::Scenario;
use bench::simulate::Recorded;
use bench::watch::Watch;
use bench::world::World;
use common::sim::TapeLimits;

/// A run of a dozen people, recorded. One of them vanishes, and leaves connections that end in no good order.
fn recorded(overlay: &dyn Contestant, seed: u64) -> (World, Recorded) {
    let mut scenario = kit::small(12, seed);
    scenario.faults = vec!["random 10%@1.5s".parse().unwrap()];
    recorded_of(overlay, &scenario)
}

fn recorded_of(overlay: &dyn Contestant, scenario: &Scenario) -> (World, Recorded) {
    let world = World::new(scenario).unwrap();
    let recorded = overlay.record(&world, &Watch::new(false), TapeLimits::default());
    (world, recorded)
}

/// The capture of a run.
fn captured(overlay: &dyn Contestant, world: &World, recorded: &Recorded, snap: u32) -> (Vec<u8>, Capture) {
    let mut file = Vec::new();
    let capture = capture(overlay, world, recorded, snap, &mut file).unwrap();
    (file, capture)
}

fn named(name: &str) -> &'static dyn Contestant {
    *overlays().iter().find(|overlay| overlay.name() == name).expect("an overlay of this name")
}
