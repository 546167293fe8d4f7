//! The command line of BitTorrent: torrents made and checked, the tracker, the site, and a peer's seed and leecher.

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod cli;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    common::cli::main(cli::run).await
}
