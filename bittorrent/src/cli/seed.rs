//! `bittorrent seed`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use common::cli::printable;
use common::user::{Command, Note, SharedFile};

use super::join::JoinArgs;
use super::{create, hashing, join};

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
    let volume = create::open_data(&args.data, &torrent)?;
    if !args.no_check {
        let bar = hashing::bar(info.length, "checking")?;
        let right = hashing::check(&volume, info, &bar);
        bar.finish_and_clear();
        if !right.contains(0, info.length) {
            let (right, path) = (right.bytes(), volume.path());
            bail!("{}: only {right} of {} bytes are right; `verify` says where", path.display(), info.length);
        }
    }
    let mut client = args.join.start(vec![Arc::clone(&torrent)], &[], None).await?;
    let file = client.store.add(Arc::new(volume));
    println!("{} listens on {}; Ctrl-C ends it", printable(&info.name), client.handle.address());
    let info = Arc::new(join::file_info(info));
    client.command(Command::Share(Arc::new([SharedFile { file, info }]))).await?;
    while let Ok(note) = client.note().await {
        if let Note::Text(text) = note {
            println!("{}", printable(&text));
        }
    }
    client.leave().await
}
