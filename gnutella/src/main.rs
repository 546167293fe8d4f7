//! The command line of Gnutella: a servent, a web cache, and what a user does with them.

mod cli;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    common::cli::main("gnutella", cli::run).await
}
