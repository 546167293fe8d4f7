//! Servers and redirectors.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow};
use common::tcp::{Limits, SharedStore, raise_fd_limit};
use common::user::Note;
use napster::node::Node;
use napster::server::accounts::{Account, Accounts};
use napster::server::{Flood, ServerConfig};

use super::{Running, say, start};
use crate::{RedirectorArgs, ServerArgs};

/// Connections beside those of logged-in users: logging in, leaving, refused.
const SPARE_CONNECTIONS: usize = 1_000;
/// The most bytes of a message of the day.
const MOTD_BYTES_MAX: u64 = 64 * 1024;

pub async fn server(args: ServerArgs) -> Result<()> {
    let connections_max = args.max_users + SPARE_CONNECTIONS;
    let files = raise_fd_limit().context("cannot raise the limit on open files")?;
    if files < connections_max as u64 {
        eprintln!("warning: the system allows {files} open files, too few for {} users", args.max_users);
    }
    let (accounts, book) = match &args.accounts {
        Some(path) => open_accounts(path)?,
        None => (Accounts::default(), None),
    };
    let epoch_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    let config = ServerConfig {
        name: args.name,
        motd: args.motd.as_deref().map(read_motd).transpose()?.unwrap_or_default(),
        users_max: args.max_users,
        results_max: args.max_results,
        shared_max: args.max_shared,
        auto_register: args.auto_register,
        restricted: args.restricted,
        accounts: Arc::new(accounts),
        flood: (args.flood_rate > 0)
            .then(|| Flood { per_s: args.flood_rate, burst: args.flood_rate.saturating_mul(100) }),
        epoch_s,
        ..ServerConfig::default()
    };
    let limits =
        Limits { connections_max, connections_per_address_max: args.max_per_address, ..Limits::default() };
    let hear = move |note: &Note| keep(book.as_ref(), note);
    let running = start(Node::server(config), args.listen, limits, SharedStore::default(), hear).await?;
    say(format_args!("server on {}", running.handle.address()));
    until_interrupted(running).await
}

pub async fn redirector(args: RedirectorArgs) -> Result<()> {
    let node = Node::redirector(args.servers);
    let running = start(node, args.listen, Limits::default(), SharedStore::default(), |_| {}).await?;
    say(format_args!("redirector on {}", running.handle.address()));
    until_interrupted(running).await
}

async fn until_interrupted(mut running: Running) -> Result<()> {
    loop {
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                break;
            }
            note = running.notes.recv() => match note {
                Some(Note::Text(text)) if !text.starts_with("account ") => say(format_args!("{text}")),
                Some(_) => {}
                None => break,
            },
        }
    }
    say(format_args!("stopping"));
    running.leave().await
}

fn read_motd(path: &Path) -> Result<Vec<String>> {
    let context = || format!("cannot read the message of the day from {}", path.display());
    let metadata = fs::metadata(path).with_context(context)?;
    if metadata.len() > MOTD_BYTES_MAX {
        return Err(anyhow!("{} is longer than {MOTD_BYTES_MAX} bytes", path.display()));
    }
    Ok(fs::read_to_string(path).with_context(context)?.lines().map(str::to_owned).collect())
}

/// The registered nicks of a file, and the file open at its end. Later lines count.
fn open_accounts(path: &Path) -> Result<(Accounts, Option<Mutex<File>>)> {
    let context = || format!("cannot use {} for registered nicks", path.display());
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        text => text.with_context(context)?,
    };
    let mut accounts = Accounts::default();
    for (number, line) in text.lines().enumerate() {
        let account = Account::from_line(line)
            .with_context(|| format!("{}:{}: not a registered nick", path.display(), number + 1))?;
        accounts.add(account);
    }
    let file = OpenOptions::new().create(true).append(true).open(path).with_context(context)?;
    Ok((accounts, Some(Mutex::new(file))))
}

/// Writes a new account down. One short line for each registration.
fn keep(book: Option<&Mutex<File>>, note: &Note) {
    let (Some(book), Note::Text(text)) = (book, note) else { return };
    let Some(line) = text.strip_prefix("account ") else { return };
    let mut file = book.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = writeln!(file, "{line}") {
        tracing::error!(%error, "a registered nick could not be written down");
    }
}
