//! `napster server`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use common::tcp::SharedStore;
use common::user::Note;
use napster::node::Node;
use napster::server::ServerConfig;

#[derive(clap::Args)]
pub struct Args {
    /// Where to listen, IP:PORT.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8875")]
    listen: String,
    /// A file with the message of the day.
    #[arg(long, value_name = "FILE")]
    motd: Option<PathBuf>,
    /// The most users at a time.
    #[arg(long, default_value_t = ServerConfig::default().users_max)]
    max_users: usize,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let motd = match &args.motd {
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the message of the day from {}", path.display()))?,
        None => String::new(),
    };
    let config = ServerConfig {
        motd: motd.lines().map(str::to_owned).collect(),
        users_max: args.max_users,
        epoch_s: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        ..ServerConfig::default()
    };
    let sink = Arc::new(|_, _, note: Note| {
        if let Note::Text(text) = note {
            tracing::info!("{text}");
        }
    });
    let handle =
        super::start(Node::server(config), &args.listen, false, SharedStore::default(), sink).await?;
    super::serve_until_interrupted(handle, "the server").await
}
