//! `kazaa node`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;
use common::cli::{counted, offer, read_folder, serve_until_interrupted};
use common::digest::Fingerprint;
use kazaa::config::Role;
use kazaa::wire::PORT;

use super::join::JoinArgs;

#[derive(clap::Args)]
pub struct Args {
    /// A folder to share; what lies in its folders is shared too, hidden files and links are not.
    #[arg(long, value_name = "DIR")]
    share: Option<PathBuf>,
    /// Be that, whatever the election says.
    #[arg(long, value_enum, value_name = "ROLE")]
    force: Option<Forced>,
    /// Being a supernode, take only users who have logged in.
    #[arg(long, requires = "services")]
    users_only: bool,
    #[command(flatten)]
    join: JoinArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Forced {
    /// Index what others share, answer and ask other supernodes.
    Supernode,
    /// Have a supernode.
    Ordinary,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let force = args.force.map(|forced| match forced {
        Forced::Supernode => Role::Supernode,
        Forced::Ordinary => Role::Ordinary,
    });
    let mut config = args.join.config(force)?;
    Arc::make_mut(&mut config.knobs).requires_ticket = args.users_only;
    let catalog = match &args.share {
        Some(dir) => Some(read_folder(dir, Fingerprint::KAZAA)?),
        None => None,
    };
    let client = args.join.start(config, PORT).await?;
    let files = catalog.as_ref().map_or(0, common::catalog::Catalog::len);
    common::say!("sharing {} on {}; Ctrl-C ends it", counted(files, "file"), client.handle.address());
    let infos = match &catalog {
        Some(catalog) => offer(&client, catalog).await?,
        None => Vec::new(),
    };
    serve_until_interrupted(client, &infos).await
}
