//! `bittorrent seed`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use common::cli::printable;
use common::store::Volume;
use common::user::{Command, Note, SharedFile};

use super::join::JoinArgs;
use super::{content, join};

#[derive(clap::Args)]
pub struct Args {
    /// The .torrent.
    file: PathBuf,
    /// The file or the folder, or the folder that it is in.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// Believe that the data is right.
    #[arg(long)]
    no_check: bool,
    #[command(flatten)]
    join: JoinArgs,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let torrent = join::read_torrent(&args.file)?;
    let info = &torrent.info;
    let volume = Volume::open(&content::locate(&args.data, info), &content::plan(&torrent))?;
    if !args.no_check {
        let right = content::check(&volume, info);
        let (count, all, path) = (content::count(&right), right.len(), volume.path());
        if count < all {
            bail!("{}: only {count} of {all} pieces are right; `verify` says where", path.display());
        }
    }
    let mut client = args.join.start(Some(&torrent), &[], &[]).await?;
    args.join.keep_log(&mut client)?;
    let file = client.store.add(Arc::new(volume));
    let (name, address) = (printable(&info.name), client.handle.address());
    common::say!("serving {name} on {address}; Ctrl-C ends it");
    let info = Arc::new(join::file_info(info));
    client.command(Command::Share(Arc::new([SharedFile { file, info }]))).await?;
    while let Ok(note) = client.note().await {
        if let Note::Text(text) = note {
            common::say!("{}", printable(&text));
        }
    }
    client.leave().await
}
