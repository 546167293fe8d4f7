//! A folder that is shared.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Instant, sleep_until};

use super::{Client, counted, printable};
use crate::catalog::Catalog;
use crate::digest::Fingerprint;
use crate::peer::FileId;
use crate::store::ScanLimits;
use crate::user::{Command, FileInfo, Note, SharedFile};
use crate::{say, tell};

/// How skewed the popularity of the files is; sharing has no use for it.
const NO_SKEW: f64 = 0.0;
/// Names of left-out files that are told; a folder may have thousands.
const SKIPPED_TOLD_MAX: usize = 10;

/// How often it is told what has left, while files leave in many ranges.
const SUMS_EVERY: Duration = Duration::from_secs(10);

/// Offers all files of a catalog; returns what they are, by number.
///
/// # Errors
/// If the peer has ended.
pub async fn offer(client: &Client, catalog: &Catalog) -> anyhow::Result<Vec<Arc<FileInfo>>> {
    let titles = catalog.ids().map(|title| SharedFile {
        file: client.store.add(catalog.storage(title)),
        info: catalog.info(title).clone(),
    });
    let files: Vec<SharedFile> = titles.collect();
    // File numbers of a fresh store count from zero, in the order of the catalog.
    let infos = files.iter().map(|file| file.info.clone()).collect();
    client.command(Command::Share(files.into())).await?;
    Ok(infos)
}

/// Tells what happens to the files offered until Ctrl-C, then ends the client.
///
/// # Errors
/// If the overlay has shut the peer out for good, or the node has crashed.
pub async fn serve_until_interrupted(mut client: Client, infos: &[Arc<FileInfo>]) -> anyhow::Result<()> {
    let mut has_been_online = false;
    let mut sent = Sent::default();
    loop {
        let note = tokio::select! {
            note = client.note() => note,
            () = sleep_until(sent.due), if !sent.told.is_empty() => {
                sent.sum_up(infos);
                continue;
            }
        };
        let Ok(note) = note else { break };
        match note {
            Note::Uploaded(file, bytes) => sent.add(file, bytes, infos),
            Note::Offline(why) => say!("offline: {}", printable(&why)),
            Note::ShutOut(why) => {
                client.leave().await?;
                bail!("nothing is shared any more: {}", printable(&why));
            }
            Note::Online if std::mem::replace(&mut has_been_online, true) => say!("online again"),
            Note::Online => say!("online"),
            Note::Text(text) => say!("{}", printable(&text)),
            _ => {}
        }
    }
    sent.sum_up(infos);
    client.leave().await
}

/// What has left. A file may go in a thousand ranges, which are not worth a line each: the first is told at once, what follows within
/// [`SUMS_EVERY`] in a sum.
#[derive(Debug)]
struct Sent {
    /// Files that somebody was told of a moment ago, with what has left of them since: bytes and ranges.
    told: BTreeMap<FileId, (u64, u32)>,
    /// When the sums are told next.
    due: Instant,
}

impl Default for Sent {
    fn default() -> Self {
        Sent { told: BTreeMap::new(), due: Instant::now() }
    }
}

impl Sent {
    fn add(&mut self, file: FileId, bytes: u64, infos: &[Arc<FileInfo>]) {
        if self.told.is_empty() {
            self.due = Instant::now() + SUMS_EVERY;
        }
        match self.told.entry(file) {
            Entry::Occupied(mut since) => {
                let (sum, ranges) = since.get_mut();
                *sum += bytes;
                *ranges += 1;
            }
            Entry::Vacant(new) => {
                say!("sent {bytes} bytes of {}", printable(name(file, infos)));
                new.insert((0, 0));
            }
        }
    }

    fn sum_up(&mut self, infos: &[Arc<FileInfo>]) {
        self.due = Instant::now() + SUMS_EVERY;
        self.told.retain(|_, (_, ranges)| *ranges > 0);
        for (file, (bytes, ranges)) in &mut self.told {
            say!(
                "sent {bytes} bytes more of {} in {}",
                printable(name(*file, infos)),
                counted(*ranges as usize, "range")
            );
            (*bytes, *ranges) = (0, 0);
        }
    }
}

fn name(file: FileId, infos: &[Arc<FileInfo>]) -> &str {
    infos.get(file.0 as usize).map_or("?", |info| &info.name)
}

/// What there is to share in a folder, read with a progress bar; what is left out is told.
///
/// # Errors
/// If the folder cannot be read.
pub fn read_folder(dir: &Path, fingerprint: Fingerprint) -> anyhow::Result<Catalog> {
    // On a terminal only: elsewhere indicatif draws nothing.
    let bar = ProgressBar::new(0)
        .with_style(ProgressStyle::with_template("{bar:40} {pos}/{len} files read, {eta} left")?);
    let watch = |at, count| {
        bar.set_length(count as u64);
        bar.set_position(at as u64);
    };
    let read = Catalog::from_dir_watched(dir, ScanLimits::default(), NO_SKEW, fingerprint, watch);
    bar.finish_and_clear();
    let (catalog, skipped) = read.context("cannot share this folder")?;
    for skipped in skipped.iter().take(SKIPPED_TOLD_MAX) {
        tell!("left out: {} {}", printable(&skipped.path.display().to_string()), skipped.reason);
    }
    if let Some(more) = skipped.len().checked_sub(SKIPPED_TOLD_MAX).filter(|more| *more > 0) {
        tell!("left out: {more} more");
    }
    Ok(catalog)
}
