//! The command line of Napster: a server, and what a user does with it.

mod cli;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    common::cli::main(cli::run).await
}
