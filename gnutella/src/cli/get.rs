//! `gnutella get`.

use std::path::PathBuf;

use anyhow::bail;
use common::cli::{fetch_into, make_folder, most_common};

use super::join::{JoinArgs, SearchArgs};
use super::search::query;

#[derive(clap::Args)]
pub struct Args {
    /// Words that must all be in the name, in one argument ("some words"), or urn:sha1: and the content's hash.
    #[arg(allow_hyphen_values = true)]
    words: String,
    /// The folder it goes to, made if only it is missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    join: JoinArgs,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let query = query(&args.words, args.search.max_results)?;
    make_folder(&args.out)?;
    let mut client = args.join.join(&args.search).await?;
    let hits = client.search(query).await?;
    let Some(candidates) = most_common(hits) else {
        client.leave().await?;
        bail!("nothing found for `{}`; try fewer words, a larger --ttl or a longer --wait", args.words);
    };
    fetch_into(client, candidates, &args.out).await
}
