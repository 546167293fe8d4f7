//! What grows with the number of people: the scenario in simulation with a quarter and with a half of them.

use std::sync::Arc;

use serde::Serialize;

use super::{Backend, CompareError, Estimate, Job, Options, PEOPLE_MAX, Run, estimate, make, together};
use crate::check::Verdict;
use crate::overlay::Contestant;
use crate::overlays::overlays;
use crate::scenario::Scenario;
use crate::watch::Watch;
use crate::world::World;

/// So many times fewer people, the fewest first.
const PARTS: [u32; 2] = [4, 2];
/// Fewer people than that are no crowd.
const PEOPLE_MIN: u32 = 4;

/// An overlay among fewer people.
#[derive(Clone, Debug, Serialize)]
pub struct Smaller {
    /// Which overlay.
    pub overlay: &'static str,
    /// How many people.
    pub peers: u32,
    /// Each measure over all runs.
    pub estimates: Vec<Estimate>,
    /// What the checkers say of each run, in the order of the seeds.
    pub checks: Vec<Vec<Verdict>>,
}

/// Runs each overlay in simulation among fewer people, with the seeds of the comparison. Nothing is tried if nothing was to be simulated, if
/// the scenario has faults, or if it is large.
///
/// # Errors
/// If a world cannot be made.
pub(super) fn smaller(options: &Options, seeds: u32, watch: &Watch) -> Result<Vec<Smaller>, CompareError> {
    let Scenario { faults, peers, .. } = &options.scenario;
    if !options.backends.contains(&Backend::Sim) || !faults.is_empty() || *peers > PEOPLE_MAX {
        return Ok(Vec::new());
    }
    let sizes = PARTS.map(|part| Scenario { peers: peers / part, ..options.scenario.clone() });
    let sizes = sizes.into_iter().filter(|size| size.peers >= PEOPLE_MIN && size.check().is_ok());
    let mut found = Vec::new();
    for size in sizes {
        let world = |number| {
            World::new(&Scenario { seed: size.seed.wrapping_add(number), ..size.clone() }).map(Arc::new)
        };
        let worlds = (0..u64::from(seeds)).map(world).collect::<Result<Vec<_>, _>>()?;
        let of = |contestant: &'static dyn Contestant| {
            worlds.iter().map(move |world| Job { contestant, backend: Backend::Sim, world })
        };
        let jobs: Vec<Job<'_>> = overlays().iter().copied().flat_map(of).collect();
        let mut runs = make(&jobs, together::simulations(size.peers), options, watch)?.into_iter();
        for contestant in overlays() {
            let runs: Vec<Run> = runs.by_ref().take(worlds.len()).collect();
            let estimates = estimate::over(&runs);
            let checks = runs.into_iter().map(|run| run.checks).collect();
            found.push(Smaller { overlay: contestant.name(), peers: size.peers, estimates, checks });
        }
    }
    Ok(found)
}
