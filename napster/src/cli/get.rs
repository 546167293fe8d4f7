//! `napster get`.

use std::path::PathBuf;

use anyhow::bail;
use common::cli::{fetch_into, make_folder, most_common};

use super::join::JoinArgs;
use super::search::QueryArgs;

#[derive(clap::Args)]
pub struct Args {
    /// The folder it goes to, made if only it is missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    query: QueryArgs,
    #[command(flatten)]
    join: JoinArgs,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let query = args.query.query()?;
    make_folder(&args.out)?;
    let mut client = args.join.join().await?;
    let hits = client.search(query).await?;
    let Some(candidates) = most_common(hits) else {
        client.leave().await?;
        bail!("nothing found for `{}`; try fewer words or wider limits", args.query);
    };
    fetch_into(client, candidates, &args.out).await
}
