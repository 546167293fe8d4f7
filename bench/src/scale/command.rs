//! `scale` on the command line.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use super::meter::Meter;
use super::show::{Stored, growth, render};
use super::{Asked, NETWORKS, Network, Outcome};
use crate::interrupt::stop_at_interrupt;
use crate::redhat9;
use crate::report::{Folder, FolderFault, Made, SCALE_PAGE, draw_scale};

/// The version of the form of the files.
const FORMAT: u32 = 1;

/// Which network, and how much of it.
#[derive(Debug, Args)]
pub struct ScaleArgs {
    /// napster, gnutella, kazaa, bittorrent, or all of them
    #[arg(value_name = "NETWORK", required = true)]
    networks: Vec<String>,
    /// So much of its people: 0.01 is a hundredth; of several parts, one after the other, a table shows what grows with size
    #[arg(long, value_name = "F", value_delimiter = ',', default_value = "1")]
    fraction: Vec<f64>,
    /// How much virtual time is looked at, in seconds, once all have come [default: 10 of Napster and KaZaA, 1 of Gnutella]
    #[arg(long, value_name = "SECONDS")]
    lasting: Option<f64>,
    /// Days of RedHat 9's torrent, up to 146; five have the flash crowd [default: 5]
    #[arg(long, value_name = "DAYS")]
    days: Option<f64>,
    /// Where all that is random comes from
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Of a torrent: write the tracker's log, and that of one client, into the folder, for `analyze`
    #[arg(long)]
    logs: bool,
    /// Draw a page of what there is, scale.html, with plots of what grows with size
    #[arg(long)]
    report: bool,
    /// The folder for results
    #[arg(long, value_name = "DIR", default_value = "report")]
    out: PathBuf,
    /// Print the results as JSON in place of the tables
    #[arg(long)]
    json: bool,
    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
}

impl ScaleArgs {
    /// The command that has the same results.
    fn as_typed(&self, network: &Network, fraction: f64) -> String {
        let mut words = vec![format!("scale {} --fraction {fraction} --seed {}", network.name, self.seed)];
        match (self.days, self.lasting) {
            (Some(days), _) if network.name == "bittorrent" => words.push(format!("--days {days}")),
            (_, Some(lasting)) if network.name != "bittorrent" => words.push(format!("--lasting {lasting}")),
            _ => {}
        }
        words.join(" ")
    }

    fn asked(&self, network: &Network, fraction: f64) -> Asked {
        let by_days = self.days.filter(|_| network.name == "bittorrent").map(|days| days * 86_400.0);
        let by_seconds = self.lasting.filter(|_| network.name != "bittorrent");
        let lasting = by_days.or(by_seconds).map_or(network.lasting, Duration::from_secs_f64);
        Asked { fraction, seed: self.seed, lasting, logs: self.logs }
    }

    fn check(&self) -> Result<()> {
        if let Some(fraction) = self.fraction.iter().find(|fraction| !(**fraction > 0.0 && **fraction <= 1.0))
        {
            bail!("--fraction {fraction}: it is above 0 and up to 1");
        }
        if let Some(days) = self.days.filter(|days| !(*days > 0.0 && *days <= redhat9::DAYS)) {
            bail!("--days {days}: it is above 0 and up to {}", redhat9::DAYS);
        }
        if let Some(lasting) = self.lasting.filter(|lasting| !(*lasting > 0.0 && *lasting <= 864_000.0)) {
            bail!("--lasting {lasting}: it is above 0 and up to 864000 seconds");
        }
        Ok(())
    }
}

/// Runs what the arguments ask for; returns what is to be printed. Ctrl-C ends a run early with what there is; a second one ends the
/// program.
///
/// # Errors
/// If there is no such network, or the folder takes no files.
pub fn run_scale(args: &ScaleArgs) -> Result<String> {
    args.check()?;
    let chosen = choose(&args.networks)?;
    let folder = Folder::make(&args.out).context("--out")?;
    let stop = stop_at_interrupt()?;
    let mut outcomes = Vec::new();
    let mut text = String::new();
    for (network, fraction) in
        chosen.iter().flat_map(|network| args.fraction.iter().map(move |part| (network, *part)))
    {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let made = Made::here(args.as_typed(network, fraction));
        let outcome = run_one(args, network, fraction, &made, &folder, &stop)?;
        text.push_str(&if args.json { to_json(&made, &outcome) } else { render(&outcome) });
        text.push('\n');
        outcomes.push((made, outcome));
    }
    if args.fraction.len() > 1 && !args.json {
        text.push_str(&growth(outcomes.iter().map(|(_, outcome)| outcome)));
    }
    if args.report {
        draw_scale(&outcomes, &folder).context("--out")?;
        if !args.quiet {
            common::tell!("all of it is in {}", folder.path(SCALE_PAGE).display());
        }
    }
    Ok(text)
}

/// Runs a network, and stores it after each stage.
fn run_one(
    args: &ScaleArgs,
    network: &Network,
    fraction: f64,
    made: &Made,
    folder: &Folder,
    stop: &AtomicBool,
) -> Result<Outcome> {
    let asked = args.asked(network, fraction);
    let outcome = RefCell::new(Outcome {
        network: network.name,
        about: (network.about)(&asked),
        seed: asked.seed,
        fraction: asked.fraction,
        stages: Vec::new(),
        peak_bytes: None,
        stopped: true,
        readings: Vec::new(),
    });
    let mut failed: Option<FolderFault> = None;
    let mut save = |stages: &[super::meter::Stage]| {
        outcome.borrow_mut().stages = stages.to_vec();
        failed = failed.take().or(store(made, &outcome.borrow(), folder).err());
    };
    let mut meter = Meter::new(!args.quiet, stop, &mut save);
    let readings = (network.run)(&asked, &mut meter);
    let (stopped, logs) = (meter.is_stopped(), meter.logs());
    let (stages, peak_bytes) = meter.over();
    if let Some(fault) = failed {
        return Err(fault).context("--out");
    }
    let outcome = Outcome { stages, peak_bytes, stopped, readings, ..outcome.into_inner() };
    for (log, text) in &logs {
        if text.is_empty() {
            common::tell!("there is no {log} log: nobody came who writes one");
            continue;
        }
        let name = format!("scale-{}-{fraction}-{log}.log", network.name);
        folder.write(&name, text.as_bytes()).context("--out")?;
        if !args.quiet {
            common::tell!("{} is for `analyze {log}-log`", folder.path(&name).display());
        }
    }
    store(made, &outcome, folder).context("--out")?;
    Ok(outcome)
}

fn store(made: &Made, outcome: &Outcome, folder: &Folder) -> Result<(), FolderFault> {
    folder.write(
        &format!("scale-{}-{}.json", outcome.network, outcome.fraction),
        to_json(made, outcome).as_bytes(),
    )
}

fn to_json(made: &Made, outcome: &Outcome) -> String {
    let figures = outcome.readings.iter().map(Into::into).collect();
    serde_json::to_string_pretty(&Stored { format: FORMAT, made, outcome, figures })
        .expect("a run has string keys and no loops")
}

/// The networks of these names, each once, in the order of [`NETWORKS`].
fn choose(names: &[String]) -> Result<Vec<&'static Network>> {
    let known = |name: &String| name == "all" || NETWORKS.iter().any(|network| network.name == name);
    if let Some(name) = names.iter().find(|name| !known(name)) {
        let all: Vec<&str> = NETWORKS.iter().map(|network| network.name).collect();
        bail!("no network is called \"{name}\"; there are {}, and all", all.join(", "));
    }
    let is_wanted = |network: &&Network| names.iter().any(|name| name == "all" || name == network.name);
    Ok(NETWORKS.into_iter().filter(is_wanted).collect())
}
