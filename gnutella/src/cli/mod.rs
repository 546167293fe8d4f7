//! The subcommands, one file each, over the real driver.

mod get;
mod host_cache;
mod join;
mod node;
mod search;
mod table;

use clap::{Parser, Subcommand};

/// A first session, in the order in which a user types it.
const EXAMPLES: &str = "\
Example, each line but the last two in a terminal of its own:
  gnutella node --share ~/Music
  gnutella node --share ~/Films --listen 127.0.0.1:6347 --connect 127.0.0.1:6346
  gnutella search \"some words\" --connect 127.0.0.1:6346
  gnutella get \"some words\" --connect 127.0.0.1:6347 --out downloads

RUST_LOG=info shows what goes on inside.";

/// Gnutella 0.6 and 0.4: no server, searches flood the overlay.
#[derive(Parser)]
#[command(version, about, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take part: share a folder, pass on what others ask, until Ctrl-C.
    Node(node::Args),
    /// Run a web cache, which tells newcomers the addresses of servents, until Ctrl-C.
    HostCache(host_cache::Args),
    /// Look for files by words in their names.
    Search(search::Args),
    /// Download the match that most servents have, from all of them at once; run it again to resume.
    Get(get::Args),
}

/// Runs what was asked for. An error is one line for the user.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Node(args) => node::run(args).await,
        Command::HostCache(args) => host_cache::run(args).await,
        Command::Search(args) => search::run(args).await,
        Command::Get(args) => get::run(args).await,
    }
}
