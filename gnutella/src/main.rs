//! The command line of Gnutella: a servent, a web cache, and what a user does with them.

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod cli;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    common::cli::main(cli::run).await
}
