//! `gnutella search`.

use anyhow::bail;
use common::cli::print;
use common::user::Query;
use gnutella::library::is_searchable;
use gnutella::wire::Sha1Urn;

use super::join::{JoinArgs, SearchArgs};
use super::table;

/// The longest query that servents pass on is 256 bytes; its words leave room for what else is in it.
const WORDS_BYTES_MAX: usize = 200;

#[derive(clap::Args)]
pub struct Args {
    /// Words that must all be in the name, in one argument ("some words"), or urn:sha1: and the content's hash.
    #[arg(allow_hyphen_values = true)]
    words: String,
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    join: JoinArgs,
}

/// The query for these words, or what is wrong with them.
pub fn query(words: &str, max_results: Option<u32>) -> anyhow::Result<Query> {
    if !words.split_whitespace().any(|word| !word.starts_with('-')) {
        bail!("`{words}` has no word to look for; give at least one without a minus");
    }
    if words.starts_with("urn:") && words.parse::<Sha1Urn>().is_err() {
        bail!("`{words}` names no content; write urn:sha1: and 32 letters and digits");
    }
    let wanted: Vec<&str> = words.split_whitespace().filter(|word| !word.starts_with('-')).collect();
    if !is_searchable(&wanted.join(" ")) {
        bail!(
            "`{words}` is too short to look for: servents ask for no words of one character; give a longer one"
        );
    }
    if words.len() > WORDS_BYTES_MAX {
        bail!("{} bytes of words are too many for a search; give at most {WORDS_BYTES_MAX}", words.len());
    }
    Ok(Query { results_max: max_results.unwrap_or(0), ..Query::words(words) })
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let query = query(&args.words, args.search.max_results)?;
    let mut client = args.join.join(&args.search).await?;
    let hits = client.search(query).await?;
    if hits.is_empty() {
        client.leave().await?;
        bail!("nothing found for `{}`; try fewer words, a larger --ttl or a longer --wait", args.words);
    }
    // Before the good-bye, for which others may take their time.
    print(format_args!("{}\n{} found", table::of_hits(&hits), hits.len()))?;
    client.leave().await
}
