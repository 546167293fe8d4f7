//! The command line of Gnutella: a servent, a web cache, and what a user does with them.

mod cli;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    match common::cli::arguments() {
        Ok(cli) => match cli::run(cli).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => common::cli::failed("gnutella", error.as_ref()),
        },
        Err(code) => code,
    }
}
