//! `napster share`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use common::catalog::Catalog;
use common::digest::Fingerprint;
use common::store::ScanLimits;
use common::user::{Command, FileInfo, Note, SharedFile};
use indicatif::{ProgressBar, ProgressStyle};

use super::client::{Client, JoinArgs};
use super::table::{counted, printable};

/// How skewed the popularity of the files is; sharing has no use for it.
const NO_SKEW: f64 = 0.0;
/// Names of left-out files that are told; a folder may have thousands.
const SKIPPED_TOLD_MAX: usize = 10;

#[derive(clap::Args)]
pub struct Args {
    /// The folder; what lies in its folders is shared too, hidden files and links are not.
    dir: PathBuf,
    #[command(flatten)]
    join: JoinArgs,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let catalog = read(&args.dir)?;
    let mut client = Client::join(&args.join).await?;
    let titles = catalog.ids().map(|title| SharedFile {
        file: client.store.add(catalog.storage(title)),
        info: catalog.info(title).clone(),
    });
    let files: Vec<SharedFile> = titles.collect();
    // File numbers of a fresh store count from zero, in the order of the catalog.
    let infos: Vec<Arc<FileInfo>> = files.iter().map(|file| file.info.clone()).collect();
    println!("sharing {} on {}; Ctrl-C ends it", counted(files.len(), "file"), client.handle.address());
    client.command(Command::Share(files.into())).await?;
    while let Ok(note) = client.note().await {
        match note {
            Note::Uploaded(file, bytes) => {
                let name = infos.get(file.0 as usize).map_or("?", |info| &info.name);
                println!("sent {bytes} bytes of {name}");
            }
            Note::Offline(why) => println!("offline: {}", printable(&why)),
            Note::Online => println!("online again"),
            Note::Text(text) => println!("{}", printable(&text)),
            _ => {}
        }
    }
    client.leave().await
}

/// What there is to share; what is left out is told.
fn read(dir: &Path) -> anyhow::Result<Catalog> {
    // On a terminal only: elsewhere indicatif draws nothing.
    let bar = ProgressBar::new(0)
        .with_style(ProgressStyle::with_template("{bar:40} {pos}/{len} files read, {eta} left")?);
    let watch = |at, count| {
        bar.set_length(count as u64);
        bar.set_position(at as u64);
    };
    let read = Catalog::from_dir_watched(dir, ScanLimits::default(), NO_SKEW, Fingerprint::NAPSTER, watch);
    bar.finish_and_clear();
    let (catalog, skipped) = read.context("cannot share this folder")?;
    for skipped in skipped.iter().take(SKIPPED_TOLD_MAX) {
        eprintln!("left out: {} {}", printable(&skipped.path.display().to_string()), skipped.reason);
    }
    if let Some(more) = skipped.len().checked_sub(SKIPPED_TOLD_MAX).filter(|more| *more > 0) {
        eprintln!("left out: {more} more");
    }
    Ok(catalog)
}
