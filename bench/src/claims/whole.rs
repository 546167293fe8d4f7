//! A whole overlay on a scenario, in simulation, as `compare` has it.

use common::metrics::NodeLoad;

use crate::compare::{Backend, Run, judge};
use crate::overlays::overlays;
use crate::scenario::Scenario;
use crate::watch::Watch;
use crate::world::World;

/// How it went.
pub(super) struct Whole {
    /// What the scenario was made into.
    pub world: World,
    /// What has crossed each person's line.
    pub people: Vec<NodeLoad>,
    /// What was measured.
    pub run: Run,
}

/// Runs the scenario on the overlay of that name.
///
/// # Panics
/// If there is no such overlay, or the scenario makes no sense.
pub(super) fn run(overlay: &str, scenario: &Scenario) -> Whole {
    scenario.check().expect("the scenario makes sense");
    let world = World::new(scenario).expect("the world is invented");
    let contestant =
        overlays().iter().find(|other| other.name() == overlay).expect("the table has the overlay");
    let outcome = contestant.simulate(&world, &Watch::new(false));
    let people = outcome.loads[contestant.servers(scenario) as usize..].to_vec();
    let run = judge(*contestant, Backend::Sim, &world, outcome);
    Whole { world, people, run }
}
