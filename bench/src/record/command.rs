//! `record` on the command line.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::builder::PossibleValuesParser;
use clap::{ArgGroup, Args};
use common::sim::TapeLimits;

use super::{Capture, capture, spans};
use crate::overlays::overlays;
use crate::scenario::{PEERS_MAX, Scenario};
use crate::simulate::Recorded;
use crate::watch::Watch;
use crate::world::World;

/// What to record, and into what.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("files").required(true).multiple(true).args(["pcap", "trace"])))]
pub struct RecordArgs {
    /// Which of them
    #[arg(value_parser = PossibleValuesParser::new(overlays().iter().map(|overlay| overlay.name())))]
    overlay: String,
    /// The capture file: IP packets of every connection, which Wireshark opens
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// The file of trace events: searches, downloads and messages along time, which ui.perfetto.dev and Chrome open
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Keep only so many bytes of each packet; Wireshark then loses its place after a body [default: all]
    #[arg(long, value_name = "BYTES", default_value_t = 0, hide_default_value = true)]
    snap: u32,
    /// A scenario file, or the name of one that comes with the program [default: classroom]
    #[arg(long, value_name = "FILE|NAME")]
    pub(crate) scenario: Option<String>,
    /// How many people take part [default: the scenario's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(PEERS_MAX)))]
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
/// If the scenario's world cannot be made, or a file cannot be written.
pub fn record(args: &RecordArgs, scenario: &Scenario) -> Result<String> {
    let overlay = overlays().iter().find(|overlay| overlay.name() == args.overlay);
    let overlay = overlay.expect("the command line takes no other name");
    let world = World::new(scenario)?;
    let watch = Watch::new(!args.quiet).of(overlay.name().to_owned(), scenario.duration_limit());
    let recorded = overlay.record(&world, &watch, TapeLimits::default());
    let mut words = String::new();
    if let Some(path) = &args.pcap {
        let captured = write(path, |out| capture(*overlay, &world, &recorded, args.snap, out))
            .with_context(|| format!("--pcap {}", path.display()))?;
        words.push_str(&of_capture(path, &captured, &recorded));
    }
    if let Some(path) = &args.trace {
        let events = write(path, |out| spans(*overlay, &world, &recorded, out))
            .with_context(|| format!("--trace {}", path.display()))?;
        words.push_str(&format!("{}: {events} events\n", path.display()));
    }
    let left_out = recorded.recording.left_out;
    if left_out > 0 {
        words.push_str(&format!("the recording was full: {left_out} later things are not in it\n"));
    }
    Ok(words)
}

/// The file appears whole or not at all.
fn write<T>(path: &Path, fill: impl FnOnce(BufWriter<File>) -> io::Result<T>) -> io::Result<T> {
    let mut half = path.as_os_str().to_owned();
    half.push(".part");
    let written = fill(BufWriter::new(File::create(&half)?))?;
    std::fs::rename(&half, path)?;
    Ok(written)
}

fn of_capture(path: &Path, capture: &Capture, recorded: &Recorded) -> String {
    let Capture { packets, left_out } = capture;
    let links = recorded.recording.links.len();
    let seconds = recorded.outcome.ended.as_secs_f64();
    let cut_off = left_out - recorded.recording.left_out;
    let full = if cut_off == 0 {
        String::new()
    } else {
        format!("; it is full, and {cut_off} later packets are not in it")
    };
    format!("{}: {packets} packets of {links} connections in {seconds:.1} s{full}\n", path.display())
}
