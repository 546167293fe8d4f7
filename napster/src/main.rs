//! The command line of Napster: a server, and what a user does with it.

mod cli;

use std::process::ExitCode;

use clap::Parser as _;

/// An error and its causes, without the causes that an error above has named already, on one line.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for part in error.chain().map(|part| part.to_string().replace(['\n', '\r'], " ")) {
        if !line.contains(&part) {
            line += if line.is_empty() { "" } else { ": " };
            line += &part;
        }
    }
    line
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    match cli::run(cli::Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("napster: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}
