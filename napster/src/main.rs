//! The command line of Napster: a server, and what a user does with it.

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod cli;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    common::cli::main(cli::run).await
}
