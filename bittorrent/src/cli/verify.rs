//! `bittorrent verify`.

use std::path::PathBuf;

use anyhow::bail;
use common::cli::printable;

use super::{create, hashing, join};

#[derive(clap::Args)]
pub struct Args {
    /// The .torrent.
    file: PathBuf,
    /// The file or the folder, or the folder that it is in.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let torrent = join::read_torrent(&args.file)?;
    let info = &torrent.info;
    let volume = create::open_data(&args.data, &torrent)?;
    let bar = hashing::bar(info.length, "checking")?;
    let right = hashing::check(&volume, info, &bar);
    bar.finish_and_clear();
    let is_right = |piece: &u32| {
        let span = info.span(*piece);
        right.contains(span.start, span.end)
    };
    let count = (0..info.piece_count()).filter(is_right).count();
    if count == info.pieces.len() {
        println!("{}: all {count} pieces are right", volume.path().display());
        return Ok(());
    }
    let mut start = 0;
    for file in &info.files {
        if !file.path.is_empty() && file.length > 0 && !right.contains(start, start + file.length) {
            println!("not right: {}", printable(&file.path.join("/")));
        }
        start += file.length;
    }
    bail!("{}: {count} of {} pieces are right", volume.path().display(), info.piece_count());
}
