//! What every program here writes of itself: completions for a shell, manual pages.

use std::path::{Path, PathBuf};

use super::print;
use anyhow::Context as _;
use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;

const COMPLETIONS: &str = "completions";
const MAN: &str = "man";

/// A program's command line, and that it can do this too.
pub fn with_pages(program: Command) -> Command {
    let shell = Arg::new("shell").value_name("SHELL").required(true).value_parser(value_parser!(Shell));
    let dir = Arg::new("dir").value_name("DIR").required(true).value_parser(value_parser!(PathBuf));
    program
        .subcommand(
            Command::new(COMPLETIONS)
                .about("Print completions for a shell, to be kept where it looks for them")
                .arg(shell.help("The shell")),
        )
        .subcommand(
            Command::new(MAN)
                .about("Write manual pages into a folder, one for each subcommand")
                .arg(dir.help("The folder, made if only it is missing")),
        )
}

/// Does it, if that is what was asked for.
pub fn write_asked(program: &mut Command, asked: &ArgMatches) -> Option<anyhow::Result<()>> {
    let (job, arguments) = asked.subcommand()?;
    match job {
        COMPLETIONS => {
            let shell = arguments.get_one::<Shell>("shell").copied()?;
            let name = program.get_name().to_owned();
            let mut text = Vec::new();
            clap_complete::generate(shell, program, name, &mut text);
            Some(print(String::from_utf8_lossy(&text)))
        }
        MAN => Some(write_manual(program, arguments.get_one::<PathBuf>("dir")?)),
        _ => None,
    }
}

fn write_manual(program: &Command, dir: &Path) -> anyhow::Result<()> {
    if !dir.is_dir() {
        std::fs::create_dir(dir).with_context(|| format!("cannot make the folder {}", dir.display()))?;
    }
    let written = clap_mangen::generate_to(program.clone(), dir);
    written.with_context(|| format!("cannot write manual pages to {}", dir.display()))?;
    print(dir.join(format!("{}.1", program.get_name())).display())
}
