//! Sweeps: every overlay in simulation, at each combination of values of the keys that are varied.
//!
//! ```text
//!  scenario, KEY=VALUES … ─► points ─► runs (each seed, each overlay) ─► points/DIGEST.json
//!                                            one a core                        │
//!                                                   sweep.json, sweep.csv, index.html
//! ```
//!
//! A run is one simulation on one thread and depends on nothing but its scenario and seed; results are put together from what is stored,
//! in the order of the points. So they are the same to the byte however many run side by side, and however often a sweep was stopped.
//!
//! | part | file |
//! |---|---|
//! | keys and their values | `vary.rs` |
//! | finished runs | `store.rs` |
//! | the time that is left | `forecast.rs` |
//! | tables, `sweep.json`, `sweep.csv` | `show.rs` |
//! | the command line | `command.rs` |

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rayon::iter::{IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};
use serde::{Deserialize, Serialize};

use crate::claims::finding::{interval, mean};
use crate::compare::{Backend, judge, simulations};
use crate::goods::Goods;
use crate::measure::Unit;
use crate::overlay::Contestant;
use crate::report::{Folder, FolderFault, Made};
use crate::scenario::{Scenario, ScenarioError};
use crate::watch::Watch;
use crate::world::World;

pub mod command;
mod forecast;
mod show;
mod store;
mod vary;

use forecast::Forecast;
pub(crate) use show::grid;
pub use show::{render, to_json, write};
pub use vary::{Axis, VALUES_MAX, shown, with};

/// The version of the form of `sweep.json`.
pub const FORMAT: u32 = 1;
/// What its file is called.
pub const FILE: &str = "sweep.json";
/// The most keys that are varied at a time.
pub const AXES_MAX: usize = 4;
/// The most simulations of a sweep: a week of them on a small machine.
pub const RUNS_MAX: usize = 200_000;

/// What to sweep over.
#[derive(Clone)]
pub struct Plan {
    /// What everything that is not varied is taken from.
    pub scenario: Scenario,
    /// What is varied, the slowest first.
    pub axes: Vec<Axis>,
    /// Which overlays.
    pub overlays: Vec<&'static dyn Contestant>,
    /// Runs of each at each point, with rising seeds.
    pub repeats: u32,
}

/// Everything a sweep found.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Sweep {
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
    /// Runs of each overlay at each point.
    pub repeats: u32,
    /// What was varied.
    pub axes: Vec<Axis>,
    /// Points by overlays: those of which every run is there.
    pub points: Vec<Point>,
    /// Points that were not finished when the sweep was stopped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unfinished: usize,
    /// What checkers found wrong, in words.
    #[serde(skip)]
    pub failures: Vec<String>,
}

impl Sweep {
    /// Why this is none that was made here, if it was read from a file.
    pub(crate) fn fault(&self) -> Option<String> {
        let (keys, points) = (self.axes.len(), self.points.len());
        if keys == 0 || keys > AXES_MAX || points == 0 || points > RUNS_MAX {
            return Some(format!("{keys} keys and {points} points are no sweep"));
        }
        let has_all = |point: &Point| point.values.len() == keys;
        (!self.points.iter().all(has_all)).then(|| "a point has not a value for each key".to_owned())
    }
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// An overlay at a point.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Point {
    /// The value of each axis.
    pub values: Vec<toml::Value>,
    /// The overlay.
    pub overlay: String,
    /// Runs that the scenario's limit ended.
    pub cut_short: u32,
    /// The digest of each run, in the order of the seeds.
    pub digests: Vec<Option<String>>,
    /// Each measure over all runs.
    pub estimates: Vec<Estimate>,
}

/// A measure over the runs of a point.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Estimate {
    /// Its name in files.
    pub key: String,
    /// Its name in tables.
    pub title: String,
    /// The heading it stands under.
    pub group: String,
    /// Its unit.
    pub unit: Unit,
    /// Runs that have a value.
    pub runs: u32,
    /// The mean of their values.
    pub mean: Option<f64>,
    /// Student's interval for it, from two runs on.
    pub interval_95: Option<(f64, f64)>,
}

/// Why there is no sweep: one line.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A combination of values makes no scenario.
    #[error("--vary {setting}: {error}")]
    Point {
        /// Keys with values.
        setting: String,
        /// Why.
        error: ScenarioError,
    },
    /// There is too much of something.
    #[error("{0}")]
    Plan(String),
    /// A file cannot be read or written.
    #[error(transparent)]
    Folder(#[from] FolderFault),
    /// A point's world cannot be made.
    #[error(transparent)]
    World(#[from] common::catalog::FolderError),
    /// The system refuses the threads that make runs.
    #[error(transparent)]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

/// How far a sweep is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Runs that are finished, those found in the folder among them.
    pub runs: usize,
    /// Runs in all.
    pub of: usize,
    /// How long the others will take, by what those took that were made just now; `None` before the first of them.
    pub left: Option<Duration>,
}

/// A scenario at a point, before its runs.
struct Place {
    values: Vec<toml::Value>,
    scenario: Scenario,
    /// What tells the files of the scenario's folder from others; empty if it has none.
    files: String,
}

/// A world and the overlays that have not been run in it.
struct Job {
    scenario: Scenario,
    missing: Vec<(&'static dyn Contestant, String)>,
}

impl Job {
    /// What decides most of the time that a run takes: people, and how often each of them asks.
    fn work(&self) -> f64 {
        f64::from(self.scenario.peers) * (f64::from(self.scenario.searches.per_peer) + 1.0)
    }

    fn runs(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.missing.iter().map(|(overlay, _)| (overlay.name(), self.work()))
    }
}

impl Plan {
    /// Says in one line why the plan is none, if it is none.
    ///
    /// # Errors
    /// If there are too many keys or runs.
    pub fn check(&self) -> Result<(), SweepError> {
        let wrong = |words: String| Err(SweepError::Plan(words));
        if self.axes.is_empty() || self.axes.len() > AXES_MAX {
            return wrong(format!(
                "1 to {AXES_MAX} keys are varied at a time, and these are {}",
                self.axes.len()
            ));
        }
        let keys: BTreeSet<&str> = self.axes.iter().map(|axis| axis.key.as_str()).collect();
        if keys.len() < self.axes.len() {
            return wrong("a key is varied twice".to_owned());
        }
        let sizes = self.axes.iter().map(|axis| axis.values.len());
        let points = sizes.fold(1usize, usize::saturating_mul);
        let runs = points.saturating_mul(self.overlays.len()).saturating_mul(self.repeats as usize);
        if runs > RUNS_MAX {
            return wrong(format!("{points} points are {runs} runs, and at most {RUNS_MAX} are made"));
        }
        Ok(())
    }

    /// Every combination of values, the last key's changing fastest.
    fn places(&self) -> Result<Vec<Place>, SweepError> {
        let count = self.axes.iter().map(|axis| axis.values.len()).product();
        let place = |number: usize| {
            let mut left = number;
            let mut values = Vec::new();
            for axis in self.axes.iter().rev() {
                values.push(axis.values[left % axis.values.len()].clone());
                left /= axis.values.len();
            }
            values.reverse();
            let settings: Vec<(&str, &toml::Value)> =
                self.axes.iter().map(|axis| axis.key.as_str()).zip(&values).collect();
            let setting = || {
                let each = settings.iter().map(|(key, value)| format!("{key}={}", shown(value)));
                each.collect::<Vec<_>>().join(" ")
            };
            let scenario = with(&self.scenario, &settings)
                .map_err(|error| SweepError::Point { setting: setting(), error })?;
            let files = match scenario.folder {
                Some(_) => Goods::of(&scenario)?.digest(),
                None => String::new(),
            };
            Ok(Place { values, scenario, files })
        };
        (0..count).map(place).collect()
    }

    fn seeded(&self, scenario: &Scenario, number: u32) -> Scenario {
        Scenario { seed: scenario.seed.wrapping_add(u64::from(number)), ..scenario.clone() }
    }

    /// The worlds in which something is missing in the folder; nothing is in two of them.
    fn jobs(&self, places: &[Place], runs: &Folder) -> Result<Vec<Job>, SweepError> {
        let mut claimed = BTreeSet::new();
        let mut jobs = Vec::new();
        for place in places {
            for number in 0..self.repeats {
                let scenario = self.seeded(&place.scenario, number);
                let mut missing = Vec::new();
                for overlay in &self.overlays {
                    let name = store::name(overlay.name(), &scenario, &place.files);
                    if claimed.insert(name.clone()) && store::read(runs, &name)?.is_none() {
                        missing.push((*overlay, name));
                    }
                }
                if !missing.is_empty() {
                    jobs.push(Job { scenario, missing });
                }
            }
        }
        Ok(jobs)
    }
}

/// Makes the runs that are missing in the folder, so many at a time (`None`: one for each core), and puts everything together. Once `stop` is
/// set no further run is begun, and only points of which every run is there are in the result.
///
/// # Errors
/// If a point makes no sense, or the folder takes no files. What goes wrong inside a run is in [`Sweep::failures`].
pub fn sweep(
    plan: &Plan,
    folder: &Folder,
    at_a_time: Option<usize>,
    progress: &(dyn Fn(Progress) + Sync),
    stop: &AtomicBool,
) -> Result<Sweep, SweepError> {
    plan.check()?;
    let places = plan.places()?;
    let runs = folder.folder("points")?;
    let jobs = plan.jobs(&places, &runs)?;
    make(&jobs, &places, plan, &runs, at_a_time, progress, stop)?;
    let mut failures = Vec::new();
    let mut points = Vec::new();
    let mut unfinished = 0;
    for place in &places {
        let of = |overlay: &&'static dyn Contestant| point(plan, place, *overlay, &runs);
        let here: Vec<Option<(Point, Vec<String>)>> =
            plan.overlays.iter().map(of).collect::<Result<_, _>>()?;
        match here.into_iter().collect::<Option<Vec<_>>>() {
            Some(here) => here.into_iter().for_each(|(point, words)| {
                points.push(point);
                failures.extend(words);
            }),
            None if stop.load(Ordering::Relaxed) => unfinished += 1,
            None => {
                return Err(SweepError::Plan("runs have gone while the sweep ran; start it again".into()));
            }
        }
    }
    Ok(Sweep {
        unfinished,
        format: FORMAT,
        made: Made::default(),
        scenario: plan.scenario.name.clone(),
        about: plan.scenario.about.clone(),
        seed: plan.scenario.seed,
        repeats: plan.repeats,
        axes: plan.axes.clone(),
        points,
        failures,
    })
}

fn make(
    jobs: &[Job],
    places: &[Place],
    plan: &Plan,
    runs: &Folder,
    at_a_time: Option<usize>,
    progress: &(dyn Fn(Progress) + Sync),
    stop: &AtomicBool,
) -> Result<(), SweepError> {
    let largest = places.iter().map(|place| place.scenario.peers).max().unwrap_or(1);
    let threads = at_a_time.unwrap_or_else(|| simulations(largest)).clamp(1, jobs.len().max(1));
    let of = places.len() * plan.overlays.len() * plan.repeats as usize;
    let mut to_do: Vec<(&'static str, f64)> = jobs.iter().flat_map(Job::runs).collect();
    progress(Progress { runs: of - to_do.len(), of, left: None });
    let state = std::sync::Mutex::new((&mut to_do, Forecast::default()));
    let finished = |run: (&'static str, f64), took: Duration| {
        let mut state = state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (to_do, forecast) = &mut *state;
        forecast.add(run.0, run.1, took);
        if let Some(at) = to_do.iter().position(|other| *other == run) {
            to_do.swap_remove(at);
        }
        let left = forecast.of(to_do.iter().copied()).map(|left| left / threads as u32);
        progress(Progress { runs: of - to_do.len(), of, left });
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    pool.install(|| {
        jobs.par_iter().with_max_len(1).try_for_each(|job| {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let world = World::new(&job.scenario)?;
            for (contestant, name) in &job.missing {
                if stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let begun = Instant::now();
                let outcome = contestant.simulate(&world, &Watch::new(false));
                let run = judge(*contestant, Backend::Sim, &world, outcome);
                store::write(runs, name, contestant.name(), &run)?;
                finished((contestant.name(), job.work()), begun.elapsed());
            }
            Ok(())
        })
    })
}

/// An overlay at a point and what checkers found wrong there, from what is stored; `None` if a run is not.
fn point(
    plan: &Plan,
    place: &Place,
    overlay: &dyn Contestant,
    runs: &Folder,
) -> Result<Option<(Point, Vec<String>)>, SweepError> {
    let mut stored = Vec::new();
    for number in 0..plan.repeats {
        let name = store::name(overlay.name(), &plan.seeded(&place.scenario, number), &place.files);
        match store::read(runs, &name)? {
            Some(run) => stored.push(run),
            None => return Ok(None),
        }
    }
    let failures = stored.iter().flat_map(|run| run.failures.iter().cloned()).collect();
    let point = Point {
        values: place.values.clone(),
        overlay: overlay.name().to_owned(),
        cut_short: stored.iter().filter(|run| run.cut_short).count() as u32,
        digests: stored.iter().map(|run| run.digest.clone()).collect(),
        estimates: estimates(&stored),
    };
    Ok(Some((point, failures)))
}

fn estimates(runs: &[store::Stored]) -> Vec<Estimate> {
    let Some(first) = runs.first() else { return Vec::new() };
    let estimate = |measure: &store::Measure| {
        let same = runs.iter().filter_map(|run| run.measures.iter().find(|other| other.key == measure.key));
        let values: Vec<f64> = same.filter_map(|measure| measure.value).collect();
        // No measure is below nothing, and no share above all.
        let most = if measure.unit == Unit::Share { 1.0 } else { f64::MAX };
        Estimate {
            key: measure.key.clone(),
            title: measure.title.clone(),
            group: measure.group.clone(),
            unit: measure.unit,
            runs: values.len() as u32,
            mean: (!values.is_empty()).then(|| mean(&values)),
            interval_95: interval(&values).map(|(low, high)| (low.clamp(0.0, most), high.clamp(0.0, most))),
        }
    };
    first.measures.iter().map(estimate).collect()
}
