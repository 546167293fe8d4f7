//! `claims` on the command line.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Claim, Report, Size, claims, run, show};
use crate::report::{Folder, Look, Made, draw};

/// What to try, and how.
#[derive(Debug, Args)]
pub struct ClaimsArgs {
    /// The claims to try [default: all]
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Say which claims there are
    #[arg(long)]
    list: bool,
    /// Smaller experiments with fewer seeds: some six minutes for all
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// Larger experiments with more seeds: for a night
    #[arg(long)]
    full: bool,
    /// The first seed
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// The folder for results
    #[arg(long, value_name = "DIR", default_value = "report")]
    out: PathBuf,
    /// Print claims.json in place of the tables
    #[arg(long)]
    json: bool,
    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
}

impl ClaimsArgs {
    /// The command that has the same results.
    fn as_typed(&self) -> String {
        let mut words = vec!["claims".to_owned()];
        words.extend(self.ids.iter().cloned());
        words.extend(self.quick.then(|| "--quick".to_owned()));
        words.extend(self.full.then(|| "--full".to_owned()));
        words.push(format!("--seed {}", self.seed));
        words.join(" ")
    }
}

/// Tries what the arguments ask for; returns what is to be printed.
///
/// # Errors
/// If there is no such claim, or the folder takes no files.
pub fn try_claims(args: &ClaimsArgs, look: Look) -> Result<String> {
    let chosen = choose(&args.ids)?;
    if args.list {
        return Ok(show::list(&chosen, look));
    }
    let folder = Folder::make(&args.out).context("--out")?;
    let size = match (args.quick, args.full) {
        (true, _) => Size::Quick,
        (_, true) => Size::Full,
        _ => Size::Normal,
    };
    let bar = bar(chosen.iter().map(|claim| (claim.seeds)(size)).sum(), !args.quiet);
    let done = |claim: &Claim| {
        bar.set_message(claim.id);
        bar.inc(1);
    };
    let report = run(&chosen, size, args.seed, &done);
    bar.finish_and_clear();
    let report = Report { made: Made::simulated(args.as_typed()), ..report };
    show::write(&report, &folder)?;
    draw(std::slice::from_ref(&args.out), &args.out)?;
    Ok(if args.json { show::to_json(&report) } else { show::render(&report, look) })
}

/// The claims of these names, in the order of [`claims`], or all.
fn choose(ids: &[String]) -> Result<Vec<&'static Claim>> {
    let all = claims();
    let is = |claim: &Claim, id: &String| claim.id.eq_ignore_ascii_case(id);
    if let Some(id) = ids.iter().find(|id| !all.iter().any(|claim| is(claim, id))) {
        let names: Vec<&str> = all.iter().map(|claim| claim.id).collect();
        bail!("no claim is called \"{id}\"; there are {}", names.join(", "));
    }
    let chosen = all.into_iter().filter(|claim| ids.is_empty() || ids.iter().any(|id| is(claim, id)));
    Ok(chosen.collect())
}

fn bar(trials: u64, visible: bool) -> ProgressBar {
    const TEMPLATE: &str = "[{bar:40}] {pos}/{len} trials, last {msg}, {elapsed}";
    let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template(TEMPLATE).expect("the template is well-formed");
    let bar = ProgressBar::with_draw_target(Some(trials), target);
    bar.set_style(style.progress_chars("=> "));
    bar
}
