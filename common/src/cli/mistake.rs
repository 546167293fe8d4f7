//! A mistake, in the arguments or in what they ask for, gets one line on standard error and exit code 1.

use std::error::Error;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use tracing_subscriber::EnvFilter;

use super::pages;
use crate::tell;

/// The whole of a binary: logs to standard error, parses the arguments and does with them what `run` does.
pub async fn main<C: Parser>(run: impl AsyncFnOnce(C) -> anyhow::Result<()>) -> ExitCode {
    log_to_stderr();
    match arguments() {
        Ok(cli) => match run(cli).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(C::command().get_name(), error.as_ref()),
        },
        Err(code) => code,
    }
}

/// Prints what is logged, as much of it as the environment variable `RUST_LOG` asks for; without it only errors.
pub fn log_to_stderr() {
    let filter = EnvFilter::from_default_env();
    let is_terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(is_terminal)
        .with_writer(std::io::stderr)
        .init();
}

/// This process' arguments. Help and version are printed and end the program, with exit code 0 where they were asked for.
///
/// # Errors
/// The exit code for arguments that make no sense, after the line that says why, and for those that ask for what every program can
/// do: completions for a shell, manual pages.
pub fn arguments<C: Parser>() -> Result<C, ExitCode> {
    let mut command = pages::with_pages(C::command());
    let name = command.get_name().to_owned();
    let refused = |error: clap::Error| {
        if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            error.exit();
        }
        complain(&name, &usage_line(&error.to_string()))
    };
    let matches = command.try_get_matches_from_mut(std::env::args_os()).map_err(&refused)?;
    match pages::write_asked(&mut command, &matches) {
        Some(Ok(())) => Err(ExitCode::SUCCESS),
        Some(Err(error)) => Err(failed(&name, error.as_ref())),
        None => C::from_arg_matches(&matches).map_err(refused),
    }
}

/// Says what went wrong, with its causes, and gives the exit code for it.
pub fn failed(program: &str, error: &(dyn Error + 'static)) -> ExitCode {
    complain(program, &one_line(error))
}

fn complain(program: &str, line: &str) -> ExitCode {
    tell!("{program}: {line}");
    ExitCode::FAILURE
}

/// The first paragraph of clap's words; usage and tips follow behind an empty line.
fn usage_line(words: &str) -> String {
    let said = words.lines().take_while(|line| !line.trim().is_empty()).map(str::trim);
    let line = said.collect::<Vec<_>>().join(" ");
    format!("{}; --help shows what there is", line.trim_start_matches("error: "))
}

/// An error and its causes, without the causes that an error above has named already.
fn one_line(error: &(dyn Error + 'static)) -> String {
    let mut line = String::new();
    for part in std::iter::successors(Some(error), |error| (*error).source()) {
        let part = part.to_string().replace(['\n', '\r'], " ");
        if !line.contains(&part) {
            line += if line.is_empty() { "" } else { ": " };
            line += &part;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{words}")]
    struct Layer {
        words: &'static str,
        source: Option<Box<Layer>>,
    }

    #[test]
    fn causes_are_named_once_and_on_one_line() {
        let inner = Layer { words: "permission\ndenied", source: None };
        let middle = Layer { words: "cannot open a.mp3", source: Some(Box::new(inner)) };
        let repeated = Layer { words: "a.mp3", source: Some(Box::new(middle)) };
        let outer = Layer { words: "sharing a.mp3", source: Some(Box::new(repeated)) };
        assert_eq!(one_line(&outer), "sharing a.mp3: cannot open a.mp3: permission denied");
    }

    #[test]
    fn mistaken_arguments_are_one_line() {
        #[derive(Debug, Parser)]
        struct Arguments {
            /// An option with one required value.
            #[arg(long)]
            seed: u64,
            /// Another.
            #[arg(long)]
            words: String,
        }
        for (given, word) in [(&["x"][..], "--words"), (&["x", "--seed", "one"], "invalid value 'one'")] {
            let line = usage_line(&Arguments::try_parse_from(given).unwrap_err().to_string());
            assert!(line.contains(word) && !line.contains('\n') && !line.starts_with("error"), "{line}");
        }
    }
}
