//! `bittorrent info`.

use std::path::PathBuf;

use common::cli::{counted, printable};

use super::{create, join, size};

/// Files that are listed unless all are asked for.
const LISTED_MAX: usize = 20;

#[derive(clap::Args)]
pub struct Args {
    /// The .torrent.
    file: PathBuf,
    /// List all files, however many there are.
    #[arg(long)]
    all: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let torrent = join::read_torrent(&args.file)?;
    let info = &torrent.info;
    println!("name       {}", printable(&info.name));
    println!("info hash  {}", torrent.info_hash);
    println!("size       {} ({} bytes)", size::shown(info.length), info.length);
    println!("pieces     {} of {}", info.piece_count(), size::shown(u64::from(info.piece_length)));
    for (at, tier) in torrent.trackers.iter().enumerate() {
        let urls: Vec<String> = tier.iter().map(|url| printable(url)).collect();
        println!("{} {}", if at == 0 { "trackers  " } else { "     then " }, urls.join(", "));
    }
    if info.is_private {
        println!("private    peers come from its trackers only");
    }
    let texts = [("comment", &torrent.comment), ("made by", &torrent.created_by)];
    for (what, text) in texts {
        if let Some(text) = text {
            println!("{what:<10} {}", printable(text));
        }
    }
    if !info.files[0].path.is_empty() {
        println!("{}:", counted(info.files.len(), "file"));
        let shown = if args.all { info.files.len() } else { LISTED_MAX };
        for file in info.files.iter().take(shown) {
            println!("  {:>10}  {}", size::shown(file.length), printable(&file.path.join("/")));
        }
        if let Some(more) = info.files.len().checked_sub(shown).filter(|more| *more > 0) {
            println!("  and {more} more (--all lists them)");
        }
    }
    println!("{}", create::magnet(&torrent));
    Ok(())
}
