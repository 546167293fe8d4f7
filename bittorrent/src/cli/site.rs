//! `bittorrent site`.

use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use bittorrent::node::Node;
use bittorrent::site::{Listed, SiteConfig};
use bittorrent::wire::ANSWER_BYTES_MAX;
use common::cli::{counted, printable, resolve, serve_until, start_as};
use common::tcp::{Handle, NodeConfig, SharedStore};
use common::user::Note;

use super::{join, now_s};

/// Torrents that a site lists at most. 100,000: what a folder holds that is still read in seconds.
const TORRENTS_MAX: usize = 100_000;
/// How often it is looked whether the folder has changed. Our choice.
const LOOK_EVERY: Duration = Duration::from_secs(2);

#[derive(clap::Args)]
pub struct Args {
    /// The folder whose .torrent files are listed; those that come later are, too.
    dir: PathBuf,
    /// Where to listen, port 0 for any free one; 0.0.0.0 is all addresses of this machine.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8000")]
    listen: String,
    /// Certificates (PEM) of authorities to believe beside the system's, for https trackers; may be given several times.
    #[arg(long, value_name = "FILE")]
    tls_ca: Vec<PathBuf>,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut listen = resolve(&args.listen)?;
    // Whenever other torrents are there the site is made anew, at its address.
    loop {
        let seen = torrents_in(&args.dir)?;
        let handle = open(&args, read(&seen), listen).await?;
        listen = handle.address();
        common::say!("http://{listen}/");
        if !serve_until(handle, "the site listens", changed(&args.dir, seen)).await? {
            return Ok(());
        }
    }
}

/// Starts the site.
async fn open(args: &Args, torrents: Vec<Listed>, listen: SocketAddrV4) -> anyhow::Result<Handle> {
    common::say!("{} in {}", counted(torrents.len(), "torrent"), args.dir.display());
    let trackers = torrents.iter().flat_map(|listed| listed.torrent.trackers.iter().flatten());
    let urls: Vec<&str> = trackers.map(|url| &**url).collect();
    let tls = join::trust(&args.tls_ca, &urls)?;
    let hosts = join::look_up(urls.into_iter());
    let config = SiteConfig { hosts: Arc::new(hosts), started_s: now_s(), torrents, ..SiteConfig::default() };
    let sink = Arc::new(|_, _, note: Note| {
        if let Note::Text(text) = note {
            common::say!("{}", printable(&text));
        }
    });
    // A torrent goes out in one answer, and that may be longer than any that other overlays give.
    let turn = |node: &mut NodeConfig| {
        node.limits.send_queue_bytes_max = ANSWER_BYTES_MAX + (1 << 20);
        node.tls = tls;
    };
    start_as(turn, Node::site(config), listen, SharedStore::default(), sink).await
}

/// A file as far as one need look to see that it is another one: its path, when it was written, and its length.
type Seen = (PathBuf, Option<SystemTime>, u64);

/// The `.torrent` files of a folder, by name.
fn torrents_in(dir: &Path) -> anyhow::Result<Vec<Seen>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut seen = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", dir.display()))?.path();
        if path.extension().is_some_and(|end| end == "torrent") {
            let metadata = std::fs::metadata(&path).ok();
            let written = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
            seen.push((path, written, metadata.map_or(0, |metadata| metadata.len())));
        }
    }
    seen.sort();
    if seen.len() > TORRENTS_MAX {
        bail!("{} has {} torrents; at most {TORRENTS_MAX} are listed", dir.display(), seen.len());
    }
    Ok(seen)
}

/// Returns once the folder has other torrents. While it cannot be read, or has too many, those that are listed stay.
async fn changed(dir: &Path, seen: Vec<Seen>) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        if torrents_in(dir).is_ok_and(|now| now != seen) {
            return;
        }
    }
}

/// The torrents in these files; those that are none are told and left out.
fn read(files: &[Seen]) -> Vec<Listed> {
    let mut torrents = Vec::with_capacity(files.len());
    for (path, ..) in files {
        match join::read_torrent(path).and_then(|torrent| Ok((torrent, std::fs::read(path)?))) {
            Ok((torrent, file)) => torrents.push(Listed { torrent, file: file.into() }),
            Err(error) => common::tell!("left out: {error}"),
        }
    }
    torrents
}
