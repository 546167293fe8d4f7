//! `analyze` on the command line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bittorrent::log::client::Entry;
use bittorrent::log::tracker::Report;
use bittorrent::wire::InfoHash;
use clap::{Args, Subcommand};
use common::cli::size;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::lines::{Read, read};
use super::study::Study;
use super::{client_log, tracker_log};
use crate::report::Folder;

/// Bytes that are read at once.
const BUFFER_BYTES: usize = 1 << 18;
/// Torrents that are named if the one that was asked for is not there.
const NAMED_MAX: usize = 3;
/// Bytes of a file that are looked at to say which log it is, if it is not the one that was expected.
const GUESS_BYTES: u64 = 1 << 16;

/// Which log, and how.
#[derive(Debug, Args)]
pub struct AnalyzeArgs {
    #[command(subcommand)]
    log: Log,
}

#[derive(Debug, Subcommand)]
enum Log {
    /// The log of a tracker: who was in the swarm, and how well it worked
    TrackerLog(TrackerArgs),
    /// The log of a client: whom it could fetch from, and who gave the file
    ClientLog(ClientArgs),
}

#[derive(Debug, Args)]
struct TrackerArgs {
    /// What `bittorrent tracker --log` has written
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The torrent, by its 40 hexadecimal digits [default: the one with most reports]
    #[arg(long, value_name = "HASH")]
    torrent: Option<InfoHash>,
    /// Who is silent for so long is gone
    #[arg(long, value_name = "TIME", value_parser = size::time, default_value = "60m")]
    expire: Duration,
    /// What a mirror could send
    #[arg(long, value_name = "RATE", value_parser = size::line, default_value = "10Mbit")]
    mirror: u64,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Args)]
struct ClientArgs {
    /// What `bittorrent get --log` or `bittorrent seed --log` has written
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Args)]
struct OutputArgs {
    /// The folder for results [default: report/tracker-log, report/client-log]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print results.json in place of the tables
    #[arg(long)]
    json: bool,
    /// No progress bar and no words beside the results
    #[arg(long, short)]
    quiet: bool,
}

/// Studies the log that the arguments name; returns what is to be printed, on a screen of so many columns.
///
/// # Errors
/// If the file cannot be read or is no such log, or the folder takes no files.
pub fn analyze(args: &AnalyzeArgs, columns: usize) -> Result<String> {
    let (output, default) = match &args.log {
        Log::TrackerLog(args) => (&args.output, "report/tracker-log"),
        Log::ClientLog(args) => (&args.output, "report/client-log"),
    };
    let out = output.out.as_deref().unwrap_or(Path::new(default));
    // Found out before a long file is read.
    let folder = Folder::make(out).context("--out")?;
    let study = match &args.log {
        Log::TrackerLog(args) => of_tracker(args)?,
        Log::ClientLog(args) => of_client(args)?,
    };
    study.write(&folder)?;
    if !output.quiet {
        common::tell!("plots, their data and results.json are in {}", out.display());
    }
    Ok(if output.json { study.to_json() } else { study.render(columns) })
}

fn of_tracker(args: &TrackerArgs) -> Result<Study> {
    let file = LogFile::of(&args.file, args.output.quiet)?;
    let (census, found) = file.read(tracker_log::census)?;
    file.has_lines(&found, "a tracker's log", |log| Ok(("client-log", any::<Entry>(log)?)))?;
    let Some(about) = census.about(args.torrent) else {
        let named: Vec<String> =
            census.torrents(NAMED_MAX).iter().map(|(hash, _)| hash.to_string()).collect();
        bail!("{}: nothing of this torrent; most reports are of {}", file.path.display(), named.join(", "));
    };
    let expire_ms = args.expire.as_millis().try_into().unwrap_or(u64::MAX);
    let options = tracker_log::Options { expire_ms, mirror_kbps: args.mirror as f64 / 1_000.0 };
    file.read(|log| tracker_log::study(log, &about, &options))
}

fn of_client(args: &ClientArgs) -> Result<Study> {
    let file = LogFile::of(&args.file, args.output.quiet)?;
    let (census, found) = file.read(client_log::census)?;
    file.has_lines(&found, "a client's log", |log| Ok(("tracker-log", any::<Report>(log)?)))?;
    let about = census.about().expect("a log with lines has lines of some torrent");
    file.read(|log| client_log::study(log, &about))
}

/// Whether a file has any line of this kind.
fn any<E: std::str::FromStr<Err: std::fmt::Display>>(log: impl BufRead) -> io::Result<bool> {
    let mut any = false;
    read(log, |_: E| any = true)?;
    Ok(any)
}

/// A file that is read twice.
struct LogFile<'a> {
    path: &'a Path,
    bar: ProgressBar,
    is_quiet: bool,
}

impl<'a> LogFile<'a> {
    fn of(path: &'a Path, is_quiet: bool) -> Result<LogFile<'a>> {
        const TEMPLATE: &str = "[{bar:40}] {binary_bytes}/{binary_total_bytes}, {eta} left";
        let about = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        if !about.is_file() {
            bail!("{}: this is no file, and a log is read twice", path.display());
        }
        let target = if is_quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let style = ProgressStyle::with_template(TEMPLATE).expect("the template is well-formed");
        let bar = ProgressBar::with_draw_target(Some(about.len().saturating_mul(2)), target);
        bar.set_style(style.progress_chars("=> "));
        Ok(LogFile { path, bar, is_quiet })
    }

    /// Does something with it from its beginning.
    fn read<T>(&self, mut with: impl FnMut(Box<dyn BufRead>) -> io::Result<T>) -> Result<T> {
        let cannot = || format!("cannot read {}", self.path.display());
        let file = File::open(self.path).with_context(cannot)?;
        let file = BufReader::with_capacity(BUFFER_BYTES, self.bar.wrap_read(file));
        with(Box::new(file)).with_context(cannot)
    }

    /// Says what was left out; a file without a single line of the log is not the right one.
    fn has_lines(
        &self,
        found: &Read,
        kind: &str,
        other: impl Fn(Box<dyn BufRead>) -> io::Result<(&'static str, bool)>,
    ) -> Result<()> {
        let path = self.path.display();
        let Some((line, why)) = &found.first_refused else {
            if found.lines == 0 {
                bail!("{path}: the file is empty");
            }
            return Ok(());
        };
        if found.refused == found.lines {
            self.bar.finish_and_clear();
            let start = |log: Box<dyn BufRead>| other(Box::new(log.take(GUESS_BYTES)));
            match self.read(start)? {
                (command, true) => bail!("{path}: not {kind}; analyze {command} is for this one"),
                _ => bail!("{path}: not {kind}; line {line}: {why}"),
            }
        }
        if !self.is_quiet {
            let (refused, lines) = (found.refused, found.lines);
            self.bar.suspend(|| {
                common::tell!("{path}: line {line}: {why}; left out: {refused} of {lines} lines");
            });
        }
        Ok(())
    }
}

impl Drop for LogFile<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
