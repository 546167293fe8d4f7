//! What breaks when the busiest node dies: the scenario once more in simulation, and this time that happens in the middle of it.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::{Backend, CompareError, Job, Options, PEOPLE_MAX, Run, make, together};
use crate::check::Verdict;
use crate::measure::Strike;
use crate::overlay::Contestant;
use crate::overlays::overlays;
use crate::scenario::{Fault, Scenario, Whom};
use crate::watch::Watch;
use crate::world::World;

/// An overlay without its busiest node.
#[derive(Clone, Debug, Serialize)]
pub struct Loss {
    /// Which overlay.
    pub overlay: &'static str,
    /// Its runs.
    pub runs: Vec<LossRun>,
}

/// One run of it.
#[derive(Clone, Debug, Serialize)]
pub struct LossRun {
    /// Its seed.
    pub seed: u64,
    /// The hash over every event.
    pub digest: Option<String>,
    /// What the loss did; `None` if the run was over before.
    pub strike: Option<Strike>,
    /// What the checkers say.
    pub checks: Vec<Verdict>,
}

/// Takes the busiest node from each overlay in simulation, with the seeds of the comparison. Nothing is tried if nothing was to be
/// simulated, if the scenario has faults of its own, or if it is large.
///
/// # Errors
/// If a world cannot be made.
pub(super) fn losses(options: &Options, seeds: u32, watch: &Watch) -> Result<Vec<Loss>, CompareError> {
    let Scenario { faults, peers, .. } = &options.scenario;
    if !options.backends.contains(&Backend::Sim) || !faults.is_empty() || *peers > PEOPLE_MAX {
        return Ok(Vec::new());
    }
    let worlds = (0..u64::from(seeds)).map(|number| {
        let seed = options.scenario.seed.wrapping_add(number);
        struck(&Scenario { seed, ..options.scenario.clone() }).map(Arc::new)
    });
    let worlds = worlds.collect::<Result<Vec<_>, _>>()?;
    let of = |contestant: &'static dyn Contestant| {
        worlds.iter().map(move |world| Job { contestant, backend: Backend::Sim, world })
    };
    let jobs: Vec<Job<'_>> = overlays().iter().copied().flat_map(of).collect();
    let mut runs = make(&jobs, together::simulations(*peers), options, watch)?.into_iter();
    let losses = overlays().iter().map(|contestant| {
        let runs = runs.by_ref().take(worlds.len()).map(of_run).collect();
        Loss { overlay: contestant.name(), runs }
    });
    Ok(losses.collect())
}

fn of_run(run: Run) -> LossRun {
    let Run { seed, digest, mut measured, checks, .. } = run;
    LossRun { seed, digest, strike: measured.strikes.pop(), checks }
}

/// The same world, whose busiest node dies when half of the questions have been asked.
fn struck(scenario: &Scenario) -> Result<World, CompareError> {
    let world = World::new(scenario)?;
    let mut moments: Vec<_> = world.workload.searches.iter().map(|search| search.at).collect();
    moments.sort();
    let Some(middle) = moments.get(moments.len() / 2) else { return Ok(world) };
    let at = Duration::from_millis((middle.as_secs_f64() * 1e3) as u64);
    let faults = vec![Fault::crash(Whom::Busiest, at)];
    Ok(World::new(&Scenario { faults, ..scenario.clone() })?)
}
