//! The subcommands, one file each, over the real driver.

mod address;
mod browse;
mod client;
mod get;
mod redirector;
mod search;
mod serve;
mod share;
mod table;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use common::net::{Attachment, NodeId};
use common::tcp::{Clock, Handle, Limits, NodeConfig, NoteSink, SharedStore};
use napster::node::Node;

/// Napster over the OpenNap protocol: a central index, and files that go from peer to peer.
#[derive(Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the index server.
    Server(serve::Args),
    /// Share the files of a folder until Ctrl-C.
    Share(share::Args),
    /// Look for files.
    Search(search::Args),
    /// Download the best match; run again to resume.
    Get(get::Args),
    /// List the files of one user.
    Browse(browse::Args),
    /// Tell clients the addresses of servers, in turn.
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

/// A number that differs from run to run: the standard library seeds its hash tables from the system.
fn entropy() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Starts a node that listens on `listen`.
async fn start(
    node: Node,
    listen: &str,
    firewalled: bool,
    store: SharedStore,
    notes: NoteSink,
) -> anyhow::Result<Handle> {
    let config = NodeConfig {
        node: NodeId(0),
        listen: Some(address::resolve(listen)?),
        attachment: Attachment { firewalled, ..Attachment::default() },
        limits: Limits::default(),
        seed: entropy(),
        clock: Clock::start(),
    };
    Ok(common::tcp::spawn(node, config, store, notes).await?)
}

/// Runs a node that only serves until Ctrl-C.
async fn serve_until_interrupted(handle: Handle, what: &str) -> anyhow::Result<()> {
    println!("{what} listens on {}; Ctrl-C ends it", handle.address());
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot wait for Ctrl-C")?,
        () = handle.ended() => {}
    }
    handle.shutdown().await?;
    Ok(())
}
