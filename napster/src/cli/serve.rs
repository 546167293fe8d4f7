//! `napster server`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use common::cli::{resolve, serve, start};
use common::tcp::SharedStore;
use common::user::Note;
use napster::node::Node;
use napster::server::ServerConfig;

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
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let motd = match &args.motd {
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the message of the day from {}", path.display()))?,
        None => String::new(),
    };
    let config = ServerConfig {
        motd: motd.lines().map(str::to_owned).collect(),
        users_max: args.max_users as usize,
        epoch_s: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        ..ServerConfig::default()
    };
    let sink = Arc::new(|_, _, note: Note| {
        if let Note::Text(text) = note {
            tracing::info!("{text}");
        }
    });
    let handle =
        start(Node::server(config), resolve(&args.listen)?, false, SharedStore::default(), sink).await?;
    serve(handle, "the server").await
}
