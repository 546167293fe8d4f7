//! `napster server`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use common::cli::{Recorder, read_records, resolve, rewrite_records, serve, start_as};
use common::tcp::{Limits, NodeConfig, SharedStore, raise_fd_limit};
use common::user::Note;
use napster::node::Node;
use napster::server::ServerConfig;
use napster::server::accounts::{Account, Accounts};

/// Open files beside the connections: the standard ones, the listener, the driver's own.
const FILES_BESIDE: u64 = 32;

#[derive(clap::Args)]
pub struct Args {
    /// Where to listen, port 0 for any free one; 0.0.0.0 is all addresses of this machine.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8875")]
    listen: String,
    /// A text file with the message of the day, told to everybody who joins.
    #[arg(long, value_name = "FILE")]
    motd: Option<PathBuf>,
    /// The most users at a time.
    #[arg(long, value_name = "N", default_value_t = ServerConfig::default().users_max as u32,
        value_parser = clap::value_parser!(u32).range(1..))]
    max_users: u32,
    #[command(flatten)]
    accounts: AccountArgs,
}

/// Who may take which nick.
#[derive(clap::Args)]
#[command(next_help_heading = "Accounts (a nick that is not registered is anybody's, with any password)")]
struct AccountArgs {
    /// The file that keeps the registered nicks, and their passwords' hashes, made if it is missing [default: they are
    /// forgotten at the end].
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
    /// The first login with a nick registers it with its password.
    #[arg(long)]
    auto_register: bool,
    /// Only registered users are let in, and those who register (share --register).
    #[arg(long)]
    restricted: bool,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let motd = match &args.motd {
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the message of the day from {}", path.display()))?,
        None => String::new(),
    };
    let (accounts, recorder) = match &args.accounts.accounts {
        Some(path) => {
            let (accounts, recorder) = kept_accounts(path)?;
            (accounts, Some(recorder))
        }
        None => (Accounts::default(), None),
    };
    let connections_max = room_for(args.max_users as usize)?;
    let config = ServerConfig {
        motd: motd.lines().map(str::to_owned).collect(),
        users_max: args.max_users as usize,
        epoch_s: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        auto_register: args.accounts.auto_register,
        restricted: args.accounts.restricted,
        accounts: Arc::new(accounts),
        ..ServerConfig::default()
    };
    let sink = Arc::new(move |_, _, note: Note| match (note, &recorder) {
        (Note::Text(text), _) => tracing::info!("{text}"),
        (Note::Keep(line), Some(recorder)) => recorder.add(&line),
        _ => {}
    });
    let turn = |node: &mut NodeConfig| node.limits.connections_max = connections_max;
    let handle =
        start_as(turn, Node::server(config), resolve(&args.listen)?, SharedStore::default(), sink).await?;
    serve(handle, "the server listens").await
}

/// The accounts that a file has, and who adds to it.
fn kept_accounts(path: &Path) -> anyhow::Result<(Accounts, Recorder)> {
    let (lines, mut file) = read_records(path, "account", Account::from_line)?;
    let count = lines.len();
    let mut accounts = Accounts::default();
    for account in lines {
        accounts.add(account);
    }
    // What is outdated goes before it is more than what counts.
    if count > 2 * accounts.len() {
        file = rewrite_records(path, accounts.iter().map(Account::to_line))?;
    }
    let path = path.to_owned();
    let failed =
        move |error| common::tell!("napster: an account could not be written to {}: {error}", path.display());
    Ok((accounts, Recorder::start(file, failed)))
}

/// Connections for so many users, those that have not logged in yet, or are being closed, included.
fn room_for(users: usize) -> anyhow::Result<usize> {
    let connections = (users + users / 5).max(Limits::default().connections_max);
    let files = raise_fd_limit().context("the limit on open files cannot be set")?;
    let most = files.saturating_sub(FILES_BESIDE) as usize;
    if users > most {
        bail!(
            "--max-users {users} is more than the {most} that this system's limit on open files (ulimit -n) allows"
        );
    }
    Ok(connections.min(most))
}
