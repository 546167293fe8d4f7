//! `sweep` on the command line.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Axis, Plan, Progress, render, sweep, to_json, write};
use crate::cli::{folder_of_files, quoted};
use crate::compare::Backend;
use crate::interrupt::stop_at_interrupt;
use crate::overlay::Contestant;
use crate::overlays::overlays;
use crate::report::{Folder, Made, draw_sweep};
use crate::scenario::{REPEATS_MAX, find};

/// What to vary, and how.
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// A scenario file, or the name of one that comes with the program
    #[arg(value_name = "FILE|NAME")]
    scenario: String,
    /// A key of the scenario and its values: peers=100,1000 overlay.gnutella.ttl=3..10 "peers=100..100000 x10"
    /// "placement.free_riders=0..0.9 +0.1"; several keys may be varied, and all combinations are tried
    #[arg(long, value_name = "KEY=VALUES", required = true)]
    vary: Vec<String>,
    /// Simulations of each overlay at each point [default: the scenario's, or 6]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=i64::from(REPEATS_MAX)))]
    repeat: Option<u32>,
    /// Share the files of this folder in place of invented ones
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
    /// Which overlays; several may be given [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    overlay: Vec<String>,
    /// The first seed [default: the scenario's]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// The folder for results; a sweep that was stopped goes on from what is there
    #[arg(long, value_name = "DIR", default_value = "report/sweep")]
    out: PathBuf,
    /// Simulations at a time [default: one for each core, fewer of large ones]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Print sweep.json in place of the tables
    #[arg(long)]
    json: bool,
    /// No progress bar and no words beside the results
    #[arg(long, short)]
    quiet: bool,
}

impl SweepArgs {
    fn plan(&self) -> Result<Plan> {
        let mut scenario = find(&self.scenario).with_context(|| format!("scenario {}", self.scenario))?;
        scenario.seed = self.seed.unwrap_or(scenario.seed);
        if let Some(folder) = &self.files {
            scenario.folder = Some(folder_of_files(folder)?);
        }
        scenario.check()?;
        let axes =
            self.vary.iter().map(|text| text.parse::<Axis>().map_err(|why| anyhow::anyhow!("--vary {why}")));
        let axes = axes.collect::<Result<Vec<_>>>()?;
        let repeats = self.repeat.unwrap_or_else(|| Backend::Sim.repeats(&scenario));
        Ok(Plan { axes, overlays: chosen(&self.overlay)?, repeats, scenario })
    }

    /// The command that has the same results.
    fn as_typed(&self, plan: &Plan) -> String {
        let mut words = vec![format!("sweep {}", quoted(&self.scenario))];
        words.extend(self.vary.iter().map(|vary| format!("--vary {}", quoted(vary))));
        words.extend(self.files.as_ref().map(|path| format!("--files {}", quoted(&path.to_string_lossy()))));
        words.push(format!("--repeat {} --seed {}", plan.repeats, plan.scenario.seed));
        words.extend((!self.overlay.is_empty()).then(|| format!("--overlay {}", self.overlay.join(","))));
        words.join(" ")
    }
}

/// The overlays of these names, in the order of the table, or all.
fn chosen(names: &[String]) -> Result<Vec<&'static dyn Contestant>> {
    let all = overlays();
    if let Some(name) = names.iter().find(|name| all.iter().all(|overlay| overlay.name() != name.as_str())) {
        let known: Vec<&str> = all.iter().map(|overlay| overlay.name()).collect();
        bail!("--overlay: no overlay is called \"{name}\"; there are {}", known.join(", "));
    }
    let is_chosen =
        |overlay: &&dyn Contestant| names.is_empty() || names.iter().any(|name| name == overlay.name());
    Ok(all.iter().copied().filter(is_chosen).collect())
}

/// Sweeps; returns what is to be printed, and what checkers found wrong.
///
/// # Errors
/// If what is asked for makes no sense, or the folder takes no files.
pub fn run_sweep(args: &SweepArgs) -> Result<(String, Vec<String>)> {
    let plan = args.plan()?;
    plan.check()?;
    let folder = Folder::open(&args.out).context("--out")?;
    let bar = bar(!args.quiet);
    let progress = |progress: Progress| {
        bar.set_length(progress.of as u64);
        bar.set_position(progress.runs as u64);
        let left = progress.left.filter(|_| progress.runs < progress.of);
        bar.set_message(left.map_or(String::new(), |left| format!(", about {} left", HumanDuration(left))));
    };
    let stop = stop_at_interrupt()?;
    let found = sweep(&plan, &folder, args.jobs.map(usize::from), &progress, &stop)?;
    bar.finish_and_clear();
    if found.points.is_empty() {
        bail!(
            "interrupted before all runs of any point were made; the same command goes on from what is there"
        );
    }
    let found = super::Sweep { made: Made::simulated(args.as_typed(&plan)), ..found };
    write(&found, &folder)?;
    folder.put_scenario(&plan.scenario)?;
    draw_sweep(&found, &folder)?;
    if found.unfinished > 0 {
        common::tell!(
            "{} points are not finished; the same command goes on from what is there",
            found.unfinished
        );
    }
    if !args.quiet {
        common::tell!("all of it is in {}", args.out.join("index.html").display());
    }
    let text = if args.json { to_json(&found) } else { render(&found) };
    Ok((text, found.failures))
}

fn bar(visible: bool) -> ProgressBar {
    const TEMPLATE: &str = "[{bar:40}] {pos} of {len} runs{msg}";
    let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template(TEMPLATE).expect("the template is well-formed");
    let bar = ProgressBar::with_draw_target(None, target);
    bar.set_style(style.progress_chars("=> "));
    bar
}
