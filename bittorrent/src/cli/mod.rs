//! The subcommands, one file each, over the real driver.
//!
//! | part | file |
//! |---|---|
//! | what `seed` and `get` share: a torrent read, its trackers' hosts looked up, a peer started | `join.rs` |
//! | a torrent's content on disk, and what of it is right | `content.rs` |
//! | a log that grows by lines | `log_file.rs` |

mod content;
mod create;
mod get;
mod info;
mod join;
mod log_file;
mod policy;
mod seed;
mod site;
mod tracker;
mod verify;

use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Parser, Subcommand};
use common::cli::size;

/// A first session, in the order in which a user types it.
const EXAMPLES: &str = "\
Example, tracker, seed and site in terminals of their own:
  bittorrent tracker
  bittorrent create ~/Music/album --tracker http://127.0.0.1:6969/announce -o album.torrent
  bittorrent seed album.torrent --data ~/Music/album
  bittorrent site .
  bittorrent get album.torrent --out downloads

RUST_LOG=info shows what goes on inside.";

/// BitTorrent: a swarm trades the pieces of a file.
#[derive(Parser)]
#[command(version, about, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a .torrent of a file or a folder.
    Create(create::Args),
    /// Show what a .torrent says.
    Info(info::Args),
    /// See whether a file or a folder is what a .torrent says, piece by piece.
    Verify(verify::Args),
    /// Run a tracker until Ctrl-C.
    Tracker(tracker::Args),
    /// Run a web site that lists and serves the .torrent files of a folder, until Ctrl-C.
    Site(site::Args),
    /// Offer a content to others until Ctrl-C.
    Seed(seed::Args),
    /// Download a content; run it again to resume.
    Get(get::Args),
}

/// Runs what was asked for. An error is one line for the user.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Create(args) => create::run(args),
        Command::Info(args) => info::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Tracker(args) => tracker::run(args).await,
        Command::Site(args) => site::run(args).await,
        Command::Seed(args) => seed::run(args).await,
        Command::Get(args) => get::run(args).await,
    }
}

/// The wall clock, seconds of the Unix epoch.
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
