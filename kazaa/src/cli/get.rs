//! `kazaa get`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use common::cli::{fetch_into, make_folder, most_common};
use common::digest::Digest;
use common::user::Hit;
use kazaa::wire::content_named;

use super::join::JoinArgs;
use super::search::query;

/// Holders that are looked for: as many results as KaZaA's supernodes gave at most.
const HOLDERS: u32 = 200;

#[derive(clap::Args)]
pub struct Args {
    /// Words that must all be in the name or the description, in one argument ("some words"), or uuhash: or kzhash: and the
    /// content's hash.
    #[arg(allow_hyphen_values = true)]
    words: String,
    /// The folder it goes to, made if only it is missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    join: JoinArgs,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let query = query(&args.words, HOLDERS)?;
    make_folder(&args.out)?;
    let mut client = args.join.join().await?;
    let hits = only_content(client.search(query).await?, content_named(&args.words));
    let Some(candidates) = most_common(hits) else {
        client.leave().await?;
        bail!("nothing found for `{}`; try fewer words", args.words);
    };
    if !candidates.iter().any(|hit| matches!(hit.info.digest, Some(Digest::KzHash(_)))) {
        common::tell!(
            "whoever has it tells no hash of all its bytes: a copy that is wrong between the parts of a UUHash is not noticed"
        );
    }
    fetch_into(client, candidates, &args.out).await
}

/// Supernodes find a content by its UUHash; whoever has named all of it wants no other.
fn only_content(mut hits: Vec<Arc<Hit>>, wanted: Option<Digest>) -> Vec<Arc<Hit>> {
    if let Some(Digest::KzHash(_)) = wanted {
        hits.retain(|hit| hit.info.digest == wanted);
    }
    hits
}
