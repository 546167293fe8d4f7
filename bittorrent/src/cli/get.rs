//! `bittorrent get`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bittorrent::metainfo::{Info, Metainfo};
use common::cli::{Client, Interrupted, make_folder, printable};
use common::store::{Ranges, Volume};
use common::user::{Command, Fetch, FetchId, Note, Query, SearchEnd, SearchId};
use indicatif::ProgressBar;

use super::join::{JoinArgs, Named};
use super::{hashing, join, size};

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
    /// Bytes per second to get at most, for example 1MB/s.
    #[arg(long, value_name = "RATE", value_parser = size::rate)]
    max_download: Option<u64>,
    #[command(flatten)]
    join: JoinArgs,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let named = join::named(&args.torrent)?;
    make_folder(&args.out)?;
    let (client, torrent) = match named {
        Named::Torrent(torrent) => (None, torrent),
        Named::Link(link, hosts) => {
            let mut client = args.join.start(Vec::new(), &hosts, args.max_download).await?;
            let found = sought(&mut client, link).await;
            match found {
                Ok(torrent) => (Some(client), torrent),
                Err(error) => return end(client, Err(error)).await,
            }
        }
    };
    let info = &torrent.info;
    println!("{}: {} bytes, {} pieces", printable(&info.name), info.length, info.piece_count());
    let (volume, have) = there(&args.out, info)?;
    if volume.is_finished() && args.seed_for.is_none() {
        println!("{} is complete already", volume.path().display());
        return match client {
            Some(client) => client.leave().await,
            None => Ok(()),
        };
    }
    let mut client = match client {
        Some(client) => client,
        None => args.join.start(vec![Arc::clone(&torrent)], &[], args.max_download).await?,
    };
    let volume = Arc::new(volume);
    let outcome =
        match download(&mut client, &volume, info, have).await {
            Ok(()) => {
                println!("{}", volume.path().display());
                seed_for(&mut client, args.seed_for.unwrap_or_default()).await
            }
            Err(error) => Err(error
                .context(format!("run the same command again to go on with {}", volume.path().display()))),
        };
    end(client, outcome).await
}

/// Ends a client: with good-byes, unless the user has no time for them.
async fn end(client: Client, outcome: anyhow::Result<()>) -> anyhow::Result<()> {
    match &outcome {
        Err(error) if error.is::<Interrupted>() => client.kill().await?,
        _ => client.leave().await?,
    }
    outcome
}

/// The torrent that a link leads to.
async fn sought(client: &mut Client, link: String) -> anyhow::Result<Arc<Metainfo>> {
    let (sender, mut found) = tokio::sync::mpsc::channel(1);
    client.keep(move |text| {
        let _ = sender.try_send(text.to_owned());
    });
    let bar = ProgressBar::new_spinner().with_message("looking for the torrent");
    bar.enable_steady_tick(Duration::from_millis(100));
    let search = SearchId(1);
    client.command(Command::Search(search, Arc::new(Query::words(link)))).await?;
    let end = loop {
        match client.note().await? {
            Note::SearchEnded(_, end) => break end,
            Note::Text(text) => bar.println(printable(&text)),
            _ => {}
        }
    };
    bar.finish_and_clear();
    match (end, found.try_recv()) {
        (SearchEnd::Complete, Ok(text)) => {
            let bytes = BASE64_STANDARD.decode(text).context("the torrent came garbled")?;
            Ok(Arc::new(Metainfo::parse(&bytes).context("it is no torrent that can be used")?))
        }
        (SearchEnd::Refused, _) => bail!("what is there is no torrent that can be used"),
        (end, _) => bail!("the torrent could not be had: {end}"),
    }
}

/// What is there of a content: complete, begun, or nothing yet.
fn there(out: &Path, info: &Info) -> anyhow::Result<(Volume, Ranges)> {
    let plan = join::plan(info);
    let checked = |volume: Volume| -> anyhow::Result<(Volume, Ranges)> {
        let bar = hashing::bar(info.length, "checking what is there")?;
        let have = hashing::check(&volume, info, &bar);
        bar.finish_and_clear();
        Ok((volume, have))
    };
    if let Some(volume) = Volume::finished(out, &plan) {
        let (volume, have) = checked(volume)?;
        if have.contains(0, info.length) {
            return Ok((volume, have));
        }
    }
    checked(Volume::create(out, &plan)?)
}

async fn download(
    client: &mut Client,
    volume: &Arc<Volume>,
    info: &Info,
    have: Ranges,
) -> anyhow::Result<()> {
    let bar = hashing::bar(info.length, "")?;
    bar.set_position(have.bytes());
    bar.reset_eta();
    let (fetch, into) = (FetchId(1), client.store.add(volume.clone()));
    let candidates = vec![join::hit(info)];
    client.command(Command::Fetch(Box::new(Fetch { fetch, candidates, into, have }))).await?;
    loop {
        match client.note().await? {
            Note::Progress(_, have) => bar.set_position(have),
            Note::Fetched(_) => {
                bar.finish_and_clear();
                return Ok(());
            }
            Note::Failed(_, why) => {
                bar.abandon();
                bail!("the download failed: {why}");
            }
            Note::Text(text) => bar.println(printable(&text)),
            _ => {}
        }
    }
}

/// Goes on serving others until the time is over or the user has enough of it.
async fn seed_for(client: &mut Client, time: Duration) -> anyhow::Result<()> {
    if time.is_zero() {
        return Ok(());
    }
    println!("serving others for {} s; Ctrl-C ends it", time.as_secs());
    let until = tokio::time::Instant::now() + time;
    loop {
        match tokio::time::timeout_at(until, client.note()).await {
            Err(_) => return Ok(()),
            Ok(Err(error)) if error.is::<Interrupted>() => return Ok(()),
            Ok(note) => drop(note?),
        }
    }
}
