//! The subcommands, one file each, over the real driver.

mod get;
mod join;
mod node;
mod search;
mod secret;
mod services;
mod table;

use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Parser, Subcommand};

/// A first session, in the order in which a user types it.
const EXAMPLES: &str = "\
Example, each line but the last two in a terminal of its own:
  kazaa services
  kazaa node --services 127.0.0.1:9000 --share ~/Music
  kazaa node --services 127.0.0.1:9000 --share ~/Films --listen 127.0.0.1:1215 --firewalled
  kazaa search \"some words\" --services 127.0.0.1:9000
  kazaa get \"some words\" --services 127.0.0.1:9000 --out downloads

RUST_LOG=info shows what goes on inside.";

/// KaZaA (FastTrack): supernodes know what their children share, and ask each other.
#[derive(Parser)]
#[command(version, about, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the services, user authentication and the supernode list, until Ctrl-C.
    Services(services::Args),
    /// Take part: share a folder, and be a supernode when one is needed, until Ctrl-C.
    Node(node::Args),
    /// Look for files by words in their names and descriptions.
    Search(search::Args),
    /// Download the match that most users have, from all of them at once; run it again to resume.
    Get(get::Args),
}

/// Runs what was asked for. An error is one line for the user.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Services(args) => services::run(args).await,
        Command::Node(args) => node::run(args).await,
        Command::Search(args) => search::run(args).await,
        Command::Get(args) => get::run(args).await,
    }
}

/// The wall clock, seconds of the Unix epoch.
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
