//! `bittorrent site`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use bittorrent::node::Node;
use bittorrent::site::{Listed, SiteConfig};
use bittorrent::wire::ANSWER_BYTES_MAX;
use common::cli::{counted, printable, resolve, serve, start_as};
use common::tcp::{Limits, NodeConfig, SharedStore};
use common::user::Note;

use super::{join, now_s};

/// Torrents that a site lists at most. 100,000: what a folder holds that is still read in seconds.
const TORRENTS_MAX: usize = 100_000;

#[derive(clap::Args)]
pub struct Args {
    /// The folder whose .torrent files are listed, as it is when the site starts.
    dir: PathBuf,
    /// Where to listen, port 0 for any free one; 0.0.0.0 is all addresses of this machine.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8000")]
    listen: String,
    /// Certificates (PEM) of authorities to believe beside the system's, for https trackers; may be given several times.
    #[arg(long, value_name = "FILE")]
    tls_ca: Vec<PathBuf>,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let torrents = read(&args.dir)?;
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
    let listen = resolve(&args.listen)?;
    // A torrent goes out in one answer, and that may be longer than any that other overlays give.
    let limits = Limits { send_queue_bytes_max: ANSWER_BYTES_MAX + (1 << 20), ..Limits::default() };
    let turn = |node: &mut NodeConfig| (node.limits, node.tls) = (limits, tls);
    let handle = start_as(turn, Node::site(config), listen, SharedStore::default(), sink).await?;
    common::say!("http://{}/", handle.address());
    serve(handle, "the site listens").await
}

/// The torrents of a folder, by name; files that are none are told and left out.
fn read(dir: &Path) -> anyhow::Result<Vec<Listed>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", dir.display()))?.path();
        if path.extension().is_some_and(|end| end == "torrent") {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.len() > TORRENTS_MAX {
        bail!("{} has {} torrents; at most {TORRENTS_MAX} are listed", dir.display(), paths.len());
    }
    let mut torrents = Vec::with_capacity(paths.len());
    for path in paths {
        match join::read_torrent(&path).and_then(|torrent| Ok((torrent, std::fs::read(&path)?))) {
            Ok((torrent, file)) => torrents.push(Listed { torrent, file: file.into() }),
            Err(error) => common::tell!("left out: {error}"),
        }
    }
    Ok(torrents)
}
