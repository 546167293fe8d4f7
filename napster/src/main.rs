//! The command line of Napster: a server, and what a user does with it.

mod cli;

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

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

/// What is wrong with the arguments, on one line; help and version are printed and end the program.
fn usage_line(error: &clap::Error) -> String {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        error.exit();
    }
    let text = error.to_string();
    let said = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim);
    let line = said.collect::<Vec<_>>().join(" ");
    format!("{}; --help shows what there is", line.trim_start_matches("error: "))
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            eprintln!("napster: {}", usage_line(&error));
            return ExitCode::FAILURE;
        }
    };
    match cli::run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("napster: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}
