//! `record` on the command line.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use common::sim::TapeLimits;

use super::{Capture, capture};
use crate::overlay::Contestant;
use crate::overlays::overlays;
use crate::scenario::Scenario;
use crate::simulate::Recorded;
use crate::watch::Watch;
use crate::world::World;

/// What to record, and into what.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// The overlay
    overlay: String,
    /// The capture file: IP packets of every connection, which Wireshark opens
    #[arg(long, value_name = "FILE", required = true)]
    pcap: PathBuf,
    /// Keep only so many bytes of each packet; Wireshark then loses its place after a body [default: all]
    #[arg(long, value_name = "BYTES", default_value_t = 0, hide_default_value = true)]
    snap: u32,
    /// A scenario file, or the name of one that comes with the program [default: classroom]
    #[arg(long, value_name = "FILE|NAME")]
    pub(crate) scenario: Option<String>,
    /// How many people take part [default: the scenario's]
    #[arg(long, value_name = "N")]
    pub(crate) peers: Option<u32>,
    /// Where all that is random comes from [default: the scenario's]
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// Make nodes vanish: busiest@10s, server@10s, "random 10%@20s"; several may be given
    #[arg(long, value_name = "WHO@WHEN")]
    pub(crate) kill: Vec<String>,
    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
}

/// Records a run of the scenario; returns what is to be printed.
///
/// # Errors
/// If there is no such overlay, or a file cannot be written.
pub fn record(args: &RecordArgs, scenario: &Scenario) -> Result<String> {
    let Some(overlay) = overlays().iter().find(|overlay| overlay.name() == args.overlay) else {
        let names: Vec<&str> = overlays().iter().map(|overlay| overlay.name()).collect();
        bail!("no overlay is called \"{}\"; there are {}", args.overlay, names.join(", "));
    };
    let world = World::new(scenario)?;
    let watch = Watch::new(!args.quiet).of(overlay.name().to_owned(), scenario.duration_limit());
    let recorded = overlay.record(&world, &watch, TapeLimits::default());
    let capture = write(&args.pcap, *overlay, &world, &recorded, args.snap)
        .with_context(|| format!("--pcap {}", args.pcap.display()))?;
    Ok(words(&args.pcap, &capture, &recorded))
}

/// The file appears whole or not at all.
fn write(
    path: &Path,
    overlay: &dyn Contestant,
    world: &World,
    recorded: &Recorded,
    snap: u32,
) -> std::io::Result<Capture> {
    let mut half = path.as_os_str().to_owned();
    half.push(".part");
    let written = capture(overlay, world, recorded, snap, BufWriter::new(File::create(&half)?))?;
    std::fs::rename(&half, path)?;
    Ok(written)
}

fn words(path: &Path, capture: &Capture, recorded: &Recorded) -> String {
    let Capture { packets, left_out } = capture;
    let links = recorded.recording.links.len();
    let seconds = recorded.outcome.ended.as_secs_f64();
    let mut words =
        format!("{}: {packets} packets of {links} connections in {seconds:.1} s\n", path.display());
    if *left_out > 0 {
        words.push_str(&format!("{left_out} later packets and messages are not in it: it is full\n"));
    }
    words
}
