//! `kazaa services`.

use std::path::PathBuf;
use std::sync::Arc;

use common::cli::{Recorder, beside, read_records, resolve, serve, start};
use common::tcp::SharedStore;
use common::user::Note;
use kazaa::node::Node;
use kazaa::services::{Account, ServicesConfig, ServicesKnobs};
use kazaa::ticket::Signer;

use super::{now_s, secret};

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
    let (signing_seed, accounts, file) = match &args.accounts {
        Some(path) => {
            let (accounts, file) = read_records(path, "account", Account::from_line)?;
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
    let path = args.accounts.unwrap_or_default();
    // The user has an account for now; whoever runs the services has to make room for it.
    let failed =
        move |error| common::tell!("kazaa: an account could not be written to {}: {error}", path.display());
    let recorder = file.map(|file| Recorder::start(file, failed));
    let sink = Arc::new(move |_, _, note: Note| {
        if let (Note::Keep(line), Some(recorder)) = (note, &recorder) {
            recorder.add(&line);
        }
    });
    let handle = start(Node::services(config), listen, false, SharedStore::default(), sink).await?;
    common::say!("the services' key is {key}");
    serve(handle, "the services listen").await
}
