//! The subcommands, one file each, over the real driver.

mod browse;
mod get;
mod join;
mod redirector;
mod search;
mod serve;
mod share;
mod table;

use clap::{Parser, Subcommand};

/// A first session, in the order in which a user types it.
const EXAMPLES: &str = "\
Example, each line but the last two in a terminal of its own:
  napster server
  napster share ~/Music --nick alice
  napster search \"some words\" --min-bitrate 128
  napster get \"some words\" --out downloads

RUST_LOG=info shows what goes on inside.";

/// Napster over the OpenNap protocol: a central index, and files that go from peer to peer.
#[derive(Parser)]
#[command(version, about, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the index server until Ctrl-C.
    Server(serve::Args),
    /// Share the files of a folder until Ctrl-C.
    Share(share::Args),
    /// Look for files by words in their names.
    Search(search::Args),
    /// Download the match that most users have; run it again to resume.
    Get(get::Args),
    /// List the files of one user.
    Browse(browse::Args),
    /// Run a redirector, which tells clients the addresses of servers in turn, until Ctrl-C.
    Redirector(redirector::Args),
}

/// Runs what was asked for. An error is one line for the user.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Server(args) => serve::run(args).await,
        Command::Share(args) => share::run(args).await,
        Command::Search(args) => search::run(args).await,
        Command::Get(args) => get::run(args).await,
        Command::Browse(args) => browse::run(args).await,
        Command::Redirector(args) => redirector::run(args).await,
    }
}
