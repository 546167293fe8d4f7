//! `gnutella node`.

use std::path::PathBuf;

use common::cli::{Client, counted, offer, read_folder, serve_until_interrupted};
use common::digest::Fingerprint;
use gnutella::node::Node;
use gnutella::wire::PORT;

use super::join::JoinArgs;

#[derive(clap::Args)]
pub struct Args {
    /// A folder to share; what lies in its folders is shared too, hidden files and links are not.
    #[arg(long, value_name = "DIR")]
    share: Option<PathBuf>,
    #[command(flatten)]
    join: JoinArgs,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let config = args.join.config()?;
    let listen = args.join.listen(&config, PORT)?;
    let catalog = match &args.share {
        Some(dir) => Some(read_folder(dir, Fingerprint::GNUTELLA)?),
        None => None,
    };
    let client = Client::start(Node::servent(config), listen, args.join.firewalled).await?;
    let files = catalog.as_ref().map_or(0, common::catalog::Catalog::len);
    common::say!("sharing {} on {}; Ctrl-C ends it", counted(files, "file"), client.handle.address());
    let infos = match &catalog {
        Some(catalog) => offer(&client, catalog).await?,
        None => Vec::new(),
    };
    serve_until_interrupted(client, &infos).await
}
