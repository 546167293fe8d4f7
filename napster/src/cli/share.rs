//! `napster share`.

use std::path::PathBuf;

use common::cli::{counted, offer, read_folder, serve_until_interrupted};
use common::digest::Fingerprint;

use super::join::JoinArgs;

#[derive(clap::Args)]
pub struct Args {
    /// The folder; what lies in its folders is shared too, hidden files and links are not.
    dir: PathBuf,
    #[command(flatten)]
    join: JoinArgs,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let catalog = read_folder(&args.dir, Fingerprint::NAPSTER)?;
    let client = args.join.join().await?;
    common::say!("sharing {} on {}; Ctrl-C ends it", counted(catalog.len(), "file"), client.handle.address());
    let infos = offer(&client, &catalog).await?;
    serve_until_interrupted(client, &infos).await
}
