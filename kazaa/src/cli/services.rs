//! `kazaa services`.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, bail};
use common::cli::{resolve, serve, start};
use common::tcp::SharedStore;
use common::user::Note;
use kazaa::node::Node;
use kazaa::services::{Account, ServicesConfig, ServicesKnobs};
use kazaa::ticket::Signer;

use super::{beside, now_s, secret};

/// The longest line of the accounts' file: a name, and a hash of some hundred characters.
const LINE_BYTES_MAX: u64 = 1_024;

#[derive(clap::Args)]
pub struct Args {
    /// Where to listen, port 0 for any free one; 0.0.0.0 is all addresses of this machine.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:9000")]
    listen: String,
    /// The file that keeps the accounts, made if it is missing; the services' secret key stands beside it, in FILE.key. Without it
    /// both are forgotten at the end.
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let listen = resolve(&args.listen)?;
    let (signing_seed, accounts, mut file) = match &args.accounts {
        Some(path) => {
            let (accounts, file) = read_accounts(path)?;
            (secret::kept_seed(&beside(path, ".key"))?, accounts, Some(file))
        }
        None => (secret::fresh_seed()?, Vec::new(), None),
    };
    let config = ServicesConfig {
        signing_seed,
        accounts,
        started_s: now_s(),
        knobs: Arc::new(ServicesKnobs::default()),
    };
    let key = Signer::from_seed(&signing_seed).key();
    let keep = Mutex::new(move |line: &str| match &mut file {
        Some(file) => append(file, line),
        None => Ok(()),
    });
    let path = args.accounts.unwrap_or_default();
    let sink = Arc::new(move |_, _, note: Note| {
        let Note::Keep(line) = note else { return };
        let mut keep = keep.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = keep(&line) {
            // The user has an account for now; whoever runs the services has to make room for it.
            eprintln!("kazaa: an account could not be written to {}: {error}", path.display());
        }
    });
    let handle = start(Node::services(config), listen, false, SharedStore::default(), sink).await?;
    println!("the services' key is {key}");
    serve(handle, "the services").await
}

/// The accounts that the file has, and the file to add others to.
fn read_accounts(path: &Path) -> anyhow::Result<(Vec<Account>, File)> {
    let file = secret::open_private(path)?;
    let mut lines = BufReader::new(&file);
    let mut accounts = Vec::new();
    for number in 1.. {
        let mut line = String::new();
        let read = (&mut lines).take(LINE_BYTES_MAX).read_line(&mut line);
        if read.with_context(|| format!("cannot read {}", path.display()))? == 0 {
            break;
        }
        // What was being written when the machine went down is half a line, and was never promised to anybody.
        match Account::from_line(line.trim_end()) {
            Some(account) if line.ends_with('\n') => accounts.push(account),
            None if line.ends_with('\n') => bail!("line {number} of {} is no account", path.display()),
            _ => bail!("the last line of {} is cut off; remove it", path.display()),
        }
    }
    Ok((accounts, file))
}

/// Adds a line and waits until it is on the disk.
fn append(file: &mut File, line: &str) -> std::io::Result<()> {
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_data()
}
