//! The command line of KaZaA: somebody's node, the services, and what a user does with them.

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod cli;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    common::cli::main(cli::run).await
}
