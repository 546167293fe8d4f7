//! The main job: several overlays on one scenario, over real sockets and in simulation, side by side.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use rayon::iter::{IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};
use serde::{Deserialize, Serialize};

use crate::check::{Case, Verdict, check};
use crate::coordinate::{self, RunError};
use crate::measure::{Measured, measure};
use crate::overlay::{Cast, Contestant, Networks};
use crate::overlays::overlays;
use crate::processes::{self, Agents};
use crate::report::Made;
use crate::scenario::Scenario;
use crate::trace::{CutOff, KindCount, Outcome};
use crate::watch::Watch;
use crate::world::World;

mod estimate;
mod loss;
mod sizes;
mod together;
mod twin;

pub use estimate::{Estimate, REPEATS_FOR_INTERVAL};
pub use loss::{Loss, LossRun};
pub use sizes::Smaller;
pub(crate) use together::simulations;
pub use twin::{Agreement, Twin, TwinRow};
pub(crate) use twin::{apart, tolerances};

/// The version of the form of `results.json`.
pub const FORMAT: u32 = 2;

/// The most people with whom anything is tried that nobody asked for: it takes as long as the simulations that somebody did.
const PEOPLE_MAX: u32 = 2_000;

/// What runs the peers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// Real sockets, all nodes in this process.
    Tcp,
    /// Real sockets, nodes spread over several processes.
    Processes,
    /// Virtual time.
    Sim,
}

impl Backend {
    /// The name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Tcp => "tcp",
            Backend::Processes => "processes",
            Backend::Sim => "sim",
        }
    }

    /// Runs of each overlay unless told otherwise: in simulation as many as the scenario says, or enough for an interval; over real
    /// sockets one, since each takes as long as what it shows.
    pub fn repeats(self, scenario: &Scenario) -> u32 {
        match self {
            Backend::Tcp | Backend::Processes => 1,
            Backend::Sim => scenario.repeats.unwrap_or(REPEATS_FOR_INTERVAL),
        }
    }

    /// How much too early an event may be seen: real clocks and shaped lines err by a few milliseconds, virtual ones
    /// only by rounding.
    fn slack_s(self) -> f64 {
        match self {
            Backend::Tcp | Backend::Processes => 0.1,
            Backend::Sim => 1e-6,
        }
    }
}

/// What to compare.
#[derive(Clone, Debug)]
pub struct Options {
    /// On what.
    pub scenario: Scenario,
    /// By what, in the order of the columns.
    pub backends: Vec<Backend>,
    /// Runs of each overlay by each backend, with rising seeds; `None` is [`Backend::repeats`].
    pub repeats: Option<u32>,
    /// Our own executable, for processes.
    pub executable: PathBuf,
    /// Who runs the processes' nodes in its place, if anybody does.
    pub agents: Option<Arc<Agents>>,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// Its seed.
    pub seed: u64,
    /// The hash over every event, of a simulation.
    pub digest: Option<String>,
    /// True if the scenario's limit ended it.
    pub cut_short: bool,
    /// What it was like.
    #[serde(flatten)]
    pub measured: Measured,
    /// Messages by kind.
    pub kinds: Vec<KindCount>,
    /// What limits cut off.
    pub cut_off: CutOff,
    /// What the checkers say.
    pub checks: Vec<Verdict>,
}

/// An overlay under one backend: a column of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Column {
    /// The overlay.
    pub overlay: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// The backend.
    pub backend: Backend,
    /// Each measure over all runs.
    pub estimates: Vec<Estimate>,
    /// Its runs.
    pub runs: Vec<Run>,
}

/// Everything side by side.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The version of this form: [`FORMAT`].
    pub format: u32,
    /// What made it.
    pub made: Made,
    /// The scenario's name.
    pub scenario: String,
    /// What it shows, in a sentence.
    pub about: String,
    /// The first seed.
    pub seed: u64,
    /// How many people.
    pub peers: u32,
    /// All of the scenario, but for where the folder of its files is.
    pub settings: Scenario,
    /// What is set otherwise than in the scenario of that name that comes with the program.
    pub changed: Vec<String>,
    /// Overlays by backends.
    pub columns: Vec<Column>,
    /// The same run by real sockets and in simulation, compared.
    pub twins: Vec<Twin>,
    /// The overlays without their busiest nodes.
    pub losses: Vec<Loss>,
    /// The overlays among fewer people.
    pub sizes: Vec<Smaller>,
    /// Files of the scenario's folder that were not shared, in words.
    #[serde(skip)]
    pub skipped: Vec<String>,
}

impl Comparison {
    /// Everything a checker found wrong, in words.
    pub fn failures(&self) -> Vec<String> {
        let mut words = Vec::new();
        for column in &self.columns {
            for run in &column.runs {
                let place = format!("{} on {}, seed {}", column.overlay, column.backend.name(), run.seed);
                failures(&place, &run.checks, &mut words);
            }
        }
        for loss in &self.losses {
            for run in &loss.runs {
                let place = format!("{} without its busiest node, seed {}", loss.overlay, run.seed);
                failures(&place, &run.checks, &mut words);
            }
        }
        for smaller in &self.sizes {
            for checks in &smaller.checks {
                let place = format!("{} among {} people", smaller.overlay, smaller.peers);
                failures(&place, checks, &mut words);
            }
        }
        words
    }
}

/// What a run's checkers found wrong, in words.
pub(crate) fn failures(place: &str, checks: &[Verdict], words: &mut Vec<String>) {
    for verdict in checks.iter().filter(|verdict| verdict.failed > 0) {
        let shown = verdict.failures.iter();
        words.extend(shown.map(|failure| format!("{place}: \"{}\" does not hold: {failure}", verdict.name)));
        let more = verdict.failed - verdict.failures.len() as u64;
        if more > 0 {
            words.push(format!("{place}: and {more} more of \"{}\"", verdict.name));
        }
    }
}

/// Why there is no comparison: one line.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The scenario's world cannot be made.
    #[error(transparent)]
    World(#[from] common::catalog::FolderError),
    /// The system refuses the threads that make runs.
    #[error(transparent)]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The scenario has a fault that real sockets cannot show.
    #[error(
        "the fault \"{fault}\" cannot be shown on {backend}: only the simulator gets between nodes; --backend sim does"
    )]
    OnlySimulated {
        /// Which.
        fault: String,
        /// On what.
        backend: &'static str,
    },
    /// A run could not be.
    #[error("{overlay} on {backend}: {error}")]
    Run {
        /// Of which overlay.
        overlay: &'static str,
        /// By what.
        backend: &'static str,
        /// Why.
        error: RunError,
    },
}

/// Runs everything.
///
/// # Errors
/// If a run could not be at all. What goes wrong inside a run is in its checks.
pub fn compare(options: &Options, watch: &Watch) -> Result<Comparison, CompareError> {
    let repeats = |backend: Backend| options.repeats.unwrap_or_else(|| backend.repeats(&options.scenario));
    if let Some((fault, backend)) = options.scenario.beyond(&options.backends) {
        return Err(CompareError::OnlySimulated { fault: fault.to_string(), backend: backend.name() });
    }
    let most = options.backends.iter().map(|backend| repeats(*backend)).max().unwrap_or(0);
    let mut worlds = Vec::new();
    for seed in 0..u64::from(most) {
        let seed = options.scenario.seed.wrapping_add(seed);
        worlds.push(Arc::new(World::new(&Scenario { seed, ..options.scenario.clone() })?));
    }
    let columns = || overlays().iter().flat_map(|overlay| options.backends.iter().map(|by| (*overlay, *by)));
    let of_column = |(contestant, backend)| {
        worlds[..repeats(backend) as usize].iter().map(move |world| Job { contestant, backend, world })
    };
    let jobs = |sort: &dyn Fn(Backend) -> bool| -> Vec<Job<'_>> {
        columns().filter(|(_, backend)| sort(*backend)).flat_map(of_column).collect()
    };
    let real = jobs(&|backend| backend != Backend::Sim);
    let simulated = jobs(&|backend| backend == Backend::Sim);
    // Agents take part in one run at a time.
    let at_a_time = if options.agents.is_some() { 1 } else { clusters_at_a_time(&real) };
    let mut real = make(&real, at_a_time, options, watch)?.into_iter();
    let at_a_time = together::simulations(options.scenario.peers);
    let mut simulated = make(&simulated, at_a_time, options, watch)?.into_iter();
    let columns = columns().map(|(contestant, backend)| {
        let made = if backend == Backend::Sim { &mut simulated } else { &mut real };
        let runs: Vec<Run> = made.take(repeats(backend) as usize).collect();
        let estimates = estimate::over(&runs);
        Column { overlay: contestant.name(), about: contestant.about(), backend, estimates, runs }
    });
    let columns: Vec<Column> = columns.collect();
    Ok(Comparison {
        format: FORMAT,
        made: Made::default(),
        scenario: options.scenario.name.clone(),
        about: options.scenario.about.clone(),
        seed: options.scenario.seed,
        peers: options.scenario.peers,
        settings: Scenario { folder: None, ..options.scenario.clone() },
        changed: options.scenario.changed(),
        twins: twin::twins(&columns),
        losses: loss::losses(options, repeats(Backend::Sim), watch)?,
        sizes: sizes::smaller(options, repeats(Backend::Sim), watch)?,
        skipped: worlds.first().map(|world| world.skipped.clone()).unwrap_or_default(),
        columns,
    })
}

/// A run to be made.
struct Job<'a> {
    contestant: &'static dyn Contestant,
    backend: Backend,
    world: &'a Arc<World>,
}

/// How many of these runs over real sockets may be made side by side: as many as of the largest of them.
fn clusters_at_a_time(jobs: &[Job<'_>]) -> usize {
    let of_one = |Job { contestant, world, .. }: &Job<'_>| {
        let nodes = contestant.servers(&world.scenario).saturating_add(world.people.len() as u32);
        together::clusters(world, nodes)
    };
    jobs.iter().map(of_one).min().unwrap_or(1)
}

/// Makes runs, so many at a time, and returns them in the order of the jobs.
fn make(
    jobs: &[Job<'_>],
    at_a_time: usize,
    options: &Options,
    watch: &Watch,
) -> Result<Vec<Run>, CompareError> {
    let threads = at_a_time.clamp(1, jobs.len().max(1));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    pool.install(|| jobs.par_iter().with_max_len(1).map(|job| run(job, options, watch)).collect())
}

/// One run of one overlay, measured and checked.
fn run(job: &Job<'_>, options: &Options, watch: &Watch) -> Result<Run, CompareError> {
    let Job { contestant, backend, world } = *job;
    let seed = world.scenario.seed;
    let title = format!("{} {} seed {seed}", contestant.name(), backend.name());
    let watch = watch.of(title.clone(), world.scenario.duration_limit());
    let began = Instant::now();
    let outcome = match backend {
        Backend::Sim => Ok(contestant.simulate(world, &watch)),
        Backend::Tcp => coordinate::in_this_process(contestant, world, together::network(), &watch),
        Backend::Processes => match &options.agents {
            Some(agents) => agents.run(contestant, world, &watch),
            None => processes::run(contestant, world, together::network(), &watch, &options.executable),
        },
    };
    let failed = |error| CompareError::Run { overlay: contestant.name(), backend: backend.name(), error };
    let outcome = outcome.map_err(failed)?;
    watch.over();
    tracing::info!(
        "{title}: {:.1} s of its own time in {:.1} s",
        outcome.ended.as_secs_f64(),
        began.elapsed().as_secs_f64()
    );
    Ok(judge(contestant, backend, world, outcome))
}

/// Measures and checks what happened.
pub fn judge(contestant: &dyn Contestant, backend: Backend, world: &World, outcome: Outcome) -> Run {
    // Which network the nodes had does not matter any more.
    let networks = Networks::one(&std::net::Ipv4Addr::UNSPECIFIED);
    let cast = Cast { world, servers: contestant.servers(&world.scenario), networks, port: 0 };
    let source = contestant.content_from();
    let measured = measure(&cast, source, contestant.hits_name_holders(), &outcome);
    let case = Case {
        cast: &cast,
        source,
        many_sources: contestant.many_sources(),
        hits_name_holders: contestant.hits_name_holders(),
        outcome: &outcome,
        measured: &measured,
        slack_s: backend.slack_s(),
    };
    let checks = check(&case);
    Run {
        seed: world.scenario.seed,
        digest: outcome.digest,
        cut_short: outcome.cut_short,
        measured,
        kinds: outcome.kinds,
        cut_off: outcome.cut_off,
        checks,
    }
}
