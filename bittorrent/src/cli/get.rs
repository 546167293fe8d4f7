//! `bittorrent get`.
//!
//! | step | what happens |
//! |---|---|
//! | the torrent | read, or sought by its link: by a peer of its own, which ends when it has it |
//! | what is there | a finished content that is right is all there is to do; else a part is begun, or gone on with |
//! | the download | pieces from others, with a progress bar |
//! | afterwards | others are served for as long as the user has said |

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bittorrent::metainfo::{Info, Metainfo};
use common::cli::{Client, Interrupted, counted, make_folder, printable};
use common::store::{Storage, StoreFault, Volume};
use common::tcp::Snapshot;
use common::user::{Command, Fetch, FetchId, Note, Query, SearchEnd, SearchId};
use indicatif::ProgressBar;
use tokio::time::{Instant, interval, sleep_until};

use super::join::{JoinArgs, Link, Named};
use super::{content, join, size};

/// After so long without anything the user is told so.
const TOLD_AFTER: Duration = Duration::from_secs(30);
/// How often the bar shows with how many others there are connections.
const TICK: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub struct Args {
    /// A .torrent, its URL, or a magnet link.
    torrent: String,
    /// The folder it goes to, made if only it is missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on serving others for so long, for example 30m.
    #[arg(long, value_name = "TIME", value_parser = size::time)]
    seed_for: Option<Duration>,
    /// Give up when nothing has come for so long, for example 5m [default: go on for ever].
    #[arg(long, value_name = "TIME", value_parser = size::time)]
    give_up_after: Option<Duration>,
    #[command(flatten)]
    join: JoinArgs,
}

/// How long nothing has come.
struct Quiet {
    since: Instant,
    /// Bytes of bodies that had come by then.
    bytes: u64,
    is_told: bool,
    give_up_after: Option<Duration>,
}

impl Quiet {
    fn new(give_up_after: Option<Duration>) -> Quiet {
        Quiet { since: Instant::now(), bytes: 0, is_told: false, give_up_after }
    }

    /// What the user should hear now, once for each time of quiet; an error if it has lasted too long.
    fn news(&mut self, counted_so_far: &Snapshot) -> anyhow::Result<Option<String>> {
        if counted_so_far.load.body_received > self.bytes {
            (self.since, self.is_told) = (Instant::now(), false);
            self.bytes = counted_so_far.load.body_received;
        }
        let quiet = self.since.elapsed();
        let with = counted(counted_so_far.connections as usize, "connection");
        if self.give_up_after.is_some_and(|time| quiet >= time) {
            bail!("nothing has come for {} s, with {with}", quiet.as_secs());
        }
        if self.is_told || quiet < TOLD_AFTER {
            return Ok(None);
        }
        self.is_told = true;
        Ok(Some(format!("nothing has come for {} s, with {with}; Ctrl-C ends it", quiet.as_secs())))
    }
}

/// What is there of a content.
struct There {
    volume: Arc<Volume>,
    right: Vec<bool>,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let named = join::named(&args.torrent)?;
    make_folder(&args.out)?;
    let (torrent, peers) = match named {
        Named::Torrent(torrent) => (torrent, Vec::new()),
        Named::Link(link) => (sought(&args, &link).await?, link.peers),
    };
    let info = &torrent.info;
    common::say!("{}: {} bytes, {} pieces", printable(&info.name), info.length, info.piece_count());
    let (out, of) = (args.out.clone(), Arc::clone(&torrent));
    let there = unless_interrupted(move || what_is_there(&out, &of)).await??;
    let is_finished = there.volume.is_finished();
    if is_finished && args.seed_for.is_none() {
        common::say!("{} is complete already", there.volume.path().display());
        return Ok(());
    }
    let mut client = args.join.start(Some(&torrent), &[], &peers).await?;
    args.join.keep_log(&mut client)?;
    let mut have = content::ranges(info, &there.right).bytes();
    let quiet = Quiet::new(args.give_up_after);
    let mut outcome = download(&mut client, &there, info, &mut have, quiet).await;
    if outcome.is_ok() {
        common::say!("{}", there.volume.path().display());
        if let Some(time) = args.seed_for {
            outcome = serve_for(&mut client, time).await;
        }
    }
    match &outcome {
        // Good-byes wait for others, and the user has no time for them.
        Err(error) if error.is::<Interrupted>() => client.kill().await?,
        _ => client.leave().await?,
    }
    match outcome {
        Err(error) if have > 0 && !is_finished => {
            let part = there.volume.path();
            bail!("{error}; {} keeps {have} bytes, run the same command again to go on", part.display());
        }
        outcome => outcome,
    }
}

/// The torrent that a link leads to.
async fn sought(args: &Args, link: &Link) -> anyhow::Result<Arc<Metainfo>> {
    let mut client = args.join.start(None, &link.urls, &[]).await?;
    let found = search(&mut client, &link.text, Quiet::new(args.give_up_after)).await;
    match &found {
        Err(error) if error.is::<Interrupted>() => client.kill().await?,
        _ => client.leave().await?,
    }
    found
}

async fn search(client: &mut Client, link: &str, mut quiet: Quiet) -> anyhow::Result<Arc<Metainfo>> {
    let (sender, mut found) = tokio::sync::mpsc::channel(1);
    client.keep(move |text| {
        // There is one torrent, and room for it.
        let _ = sender.try_send(text.to_owned());
    });
    let bar = ProgressBar::new_spinner().with_message("looking for the torrent");
    bar.enable_steady_tick(TICK / 10);
    client.command(Command::Search(SearchId(1), Arc::new(Query::words(link)))).await?;
    let say = |line: &str| bar.suspend(|| common::tell!("{line}"));
    let mut ticks = interval(TICK);
    let end = loop {
        let note = tokio::select! {
            note = client.note() => note?,
            _ = ticks.tick() => {
                let told = quiet.news(&client.handle.snapshot())?;
                told.iter().for_each(|line| say(line));
                continue;
            }
        };
        match note {
            Note::SearchEnded(_, end) => break end,
            Note::Text(text) => say(&printable(&text)),
            _ => {}
        }
    };
    bar.finish_and_clear();
    match (end, found.try_recv()) {
        (SearchEnd::Complete, Ok(text)) => {
            let bytes = BASE64_STANDARD.decode(text).context("the torrent came garbled")?;
            Ok(Arc::new(Metainfo::parse(&bytes).context("cannot use what came")?))
        }
        (SearchEnd::Refused, _) => bail!("{link}: what is there is no torrent that can be used"),
        (SearchEnd::Offline, _) => bail!("{link}: nobody answers there"),
        (end, _) => bail!("{link}: the torrent could not be had: {end}"),
    }
}

/// Does what takes long and cannot wait; a Ctrl-C leaves it to end with the program.
async fn unless_interrupted<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> anyhow::Result<T> {
    let (sender, done) = tokio::sync::oneshot::channel();
    // Not a blocking task of the runtime, which would wait for it.
    std::thread::spawn(move || drop(sender.send(work())));
    tokio::select! {
        done = done => Ok(done.context("the check has crashed")?),
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("cannot wait for Ctrl-C")?;
            Err(Interrupted.into())
        }
    }
}

/// What is there: complete, begun, or nothing yet.
fn what_is_there(out: &Path, torrent: &Metainfo) -> anyhow::Result<There> {
    let (info, plan) = (&torrent.info, content::plan(torrent));
    let mut damaged = Vec::new();
    for volume in Volume::finished(out, &plan)? {
        let right = content::check(&volume, info);
        if content::count(&right) == right.len() {
            return Ok(There { volume: Arc::new(volume), right });
        }
        damaged.push((volume, right));
    }
    let volume = Volume::create(out, &plan)?;
    let mut right = content::check(&volume, info);
    for (from, right_there) in damaged {
        let copied = copy(&from, &right_there, &volume, &mut right, info);
        let copied =
            copied.with_context(|| format!("cannot copy what is right of {}", from.path().display()))?;
        if copied > 0 {
            let from = from.path();
            common::say!("{} has {copied} right pieces; it stays as it is", from.display());
        }
    }
    Ok(There { volume: Arc::new(volume), right })
}

/// Takes over what is right elsewhere and not here; how many pieces. Whatever has the torrent's name and lengths may be somebody's
/// own version of it, and is never written to.
fn copy(
    from: &Volume,
    right_there: &[bool],
    into: &Volume,
    right: &mut [bool],
    info: &Info,
) -> Result<usize, StoreFault> {
    let mut copied = 0;
    for (piece, right) in (0..).zip(right) {
        if right_there[piece as usize] && !*right {
            into.copy_from(from, info.offset(piece), u64::from(info.piece_len(piece)))?;
            *right = true;
            copied += 1;
        }
    }
    Ok(copied)
}

/// Fetches what is not there; `have` is how many bytes there are.
async fn download(
    client: &mut Client,
    there: &There,
    info: &Info,
    have: &mut u64,
    mut quiet: Quiet,
) -> anyhow::Result<()> {
    let bar = content::bar(info.length, "");
    bar.set_position(*have);
    bar.reset_eta();
    let (fetch, into) = (FetchId(1), client.store.add(there.volume.clone()));
    let (candidates, ranges) = (vec![join::hit(info)], content::ranges(info, &there.right));
    client.command(Command::Fetch(Box::new(Fetch { fetch, candidates, into, have: ranges }))).await?;
    let say = |line: &str| bar.suspend(|| common::tell!("{line}"));
    let mut ticks = interval(TICK);
    loop {
        let note = tokio::select! {
            note = client.note() => note?,
            _ = ticks.tick() => {
                let counted = client.handle.snapshot();
                bar.set_message(format!("connections: {}", counted.connections));
                quiet.news(&counted)?.iter().for_each(|line| say(line));
                continue;
            }
        };
        match note {
            Note::Progress(_, bytes) => {
                *have = bytes;
                bar.set_position(bytes);
            }
            Note::Fetched(_) => {
                bar.finish_and_clear();
                return Ok(());
            }
            Note::Failed(_, why) => {
                bar.abandon();
                bail!("the download failed: {why}");
            }
            Note::Text(text) => say(&printable(&text)),
            _ => {}
        }
    }
}

/// Goes on serving others until the time is over or the user has enough of it.
async fn serve_for(client: &mut Client, time: Duration) -> anyhow::Result<()> {
    common::say!("serving others for {} s; Ctrl-C ends it", time.as_secs());
    let until = Instant::now() + time;
    loop {
        tokio::select! {
            note = client.note() => match note {
                Err(error) if error.is::<Interrupted>() => return Ok(()),
                note => drop(note?),
            },
            () = sleep_until(until) => return Ok(()),
        }
    }
}
