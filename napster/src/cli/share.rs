//! `napster share`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use common::catalog::Catalog;
use common::digest::Fingerprint;
use common::store::ScanLimits;
use common::user::{Command, FileInfo, Note, SharedFile};

use super::client::{Client, JoinArgs};
use super::table::printable;

/// How skewed the popularity of the files is; sharing has no use for it.
const NO_SKEW: f64 = 0.0;

#[derive(clap::Args)]
pub struct Args {
    /// The folder.
    dir: PathBuf,
    #[command(flatten)]
    join: JoinArgs,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let (catalog, skipped) =
        Catalog::from_dir(&args.dir, ScanLimits::default(), NO_SKEW, Fingerprint::NAPSTER)
            .context("cannot share this folder")?;
    for skipped in skipped {
        tracing::warn!("{} is left out: {:?}", skipped.path.display(), skipped.reason);
    }
    let mut client = Client::join(&args.join).await?;
    let titles = catalog.ids().map(|title| SharedFile {
        file: client.store.add(catalog.storage(title)),
        info: catalog.info(title).clone(),
    });
    let files: Vec<SharedFile> = titles.collect();
    // File numbers of a fresh store count from zero, in the order of the catalog.
    let infos: Vec<Arc<FileInfo>> = files.iter().map(|file| file.info.clone()).collect();
    println!("sharing {} files on {}; Ctrl-C ends it", files.len(), client.handle.address());
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
