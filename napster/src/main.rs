//! The command line of Napster: a server, and what a user does with it.

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
            Err(error) => common::cli::failed("napster", error.as_ref()),
        },
        Err(code) => code,
    }
}
