//! Downloading the best match.

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result, bail};
use common::store::Disk;
use common::tcp::SharedStore;
use common::user::{Command, Fetch, FetchId, FileInfo, Hit, Note, SearchId};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use napster::peer::PeerConfig;
use napster::selection::Selection;

use super::search::{printable, results};
use super::{Running, join, peer_config, query, say};
use crate::{By, GetArgs};

const FETCH: FetchId = FetchId(0);

pub async fn get(args: GetArgs) -> Result<()> {
    let selection = match args.by {
        By::Ping => Selection::Ping,
        By::Random => Selection::Random,
        By::Speed => Selection::Speed,
        By::First => Selection::First,
    };
    let config = PeerConfig { selection, ..peer_config(&args.join)? };
    fs::create_dir_all(&args.out).with_context(|| format!("cannot use the folder {}", args.out.display()))?;
    let store = SharedStore::default();
    let file: Arc<OnceLock<Arc<Disk>>> = Arc::default();
    let written = file.clone();
    // A download that starts over forgets what its file holds, before a byte of the new attempt comes.
    let hear = move |note: &Note| {
        if let (Note::Progress(_, 0), Some(disk)) = (note, written.get())
            && let Err(fault) = disk.restart()
        {
            tracing::warn!(%fault, "the partial file could not be emptied");
        }
    };
    let mut running = join(&args.join, config, store.clone(), hear).await?;
    let question = Command::Search(SearchId(0), Arc::new(query(&args.query)));
    let hits = results(&mut running, question).await?;
    let candidates = best_group(hits);
    let Some(first) = candidates.first().cloned() else {
        running.leave().await?;
        bail!("nothing found for `{}`", args.query.words.join(" "));
    };
    let disk = Arc::new(create(&args.out, &first.info)?);
    let (size, have) = (first.info.size, disk.have());
    if file.set(disk.clone()).is_err() {
        bail!("a second download in one run");
    }
    let holders = candidates.len();
    let name = printable(&first.info.name);
    say(format_args!("{name} from {holders} {}", if holders == 1 { "holder" } else { "holders" }));
    if have > 0 {
        say(format_args!("resuming at {have} of {size} bytes"));
    }
    let fetch = Fetch { fetch: FETCH, candidates, into: store.add(disk.clone()), have };
    running.command(Command::Fetch(Box::new(fetch))).await?;
    let done = follow(&mut running, size, have).await;
    running.leave().await?;
    done?;
    say(format_args!("{}", disk.path().display()));
    Ok(())
}

/// A download's file, under a name that a stranger chose.
fn create(out: &Path, info: &FileInfo) -> Result<Disk> {
    // Two files of one content differ in nothing else, wherever they are shared.
    let base = info.name.rsplit(['/', '\\']).next().unwrap_or(&info.name);
    let info = FileInfo { name: base.into(), ..info.clone() };
    Ok(Disk::create(out, &info)?)
}

/// Shows a bar until the download has ended.
async fn follow(running: &mut Running, size: u64, have: u64) -> Result<()> {
    let style = "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";
    let bar = ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::stderr());
    bar.set_style(ProgressStyle::with_template(style)?);
    bar.set_position(have);
    bar.reset_eta();
    loop {
        let note = tokio::select! {
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                bar.abandon();
                bail!("interrupted; run it again to resume");
            }
            note = running.next() => note?,
        };
        match note {
            Note::Progress(_, have) => bar.set_position(have),
            Note::Fetched(_) => {
                bar.finish();
                return Ok(());
            }
            Note::Failed(_, why) => {
                bar.abandon();
                bail!("the download failed: {why}");
            }
            Note::Offline(why) => bar.println(format!("offline: {why}")),
            _ => {}
        }
    }
}

/// The holders of the content that most hits offer; among equals, of the first.
fn best_group(hits: Vec<Arc<Hit>>) -> Vec<Arc<Hit>> {
    let mut groups: Vec<Vec<Arc<Hit>>> = Vec::new();
    for hit in hits {
        match groups.iter_mut().find(|group| is_same(&group[0].info, &hit.info)) {
            Some(group) => group.push(hit),
            None => groups.push(vec![hit]),
        }
    }
    let mut best = Vec::new();
    for group in groups {
        if group.len() > best.len() {
            best = group;
        }
    }
    best
}

/// The same content: by checksum and size, without one by name and size.
fn is_same(a: &FileInfo, b: &FileInfo) -> bool {
    a.size == b.size && a.digest == b.digest && (a.digest.is_some() || a.name == b.name)
}
