//! `kazaa search`.

use anyhow::bail;
use common::cli::print;
use common::index::WordRules;
use common::user::Query;
use kazaa::wire::content_named;

use super::join::JoinArgs;
use super::table;

/// The longest search, in bytes: what a query's message has room for, and more than anybody types.
const WORDS_BYTES_MAX: usize = 200;

#[derive(clap::Args)]
pub struct Args {
    /// Words that must all be in the name or the description, in one argument ("some words"), or uuhash: or kzhash: and the
    /// content's hash.
    #[arg(allow_hyphen_values = true)]
    words: String,
    /// After so many matches no other supernodes are asked.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    matches: u32,
    #[command(flatten)]
    join: JoinArgs,
}

/// The query for these words, or what is wrong with them.
pub fn query(words: &str, matches: u32) -> anyhow::Result<Query> {
    if WordRules::default().of_query(words).all.is_empty() {
        bail!("`{words}` has no word to look for; give at least one without a minus");
    }
    if (words.starts_with("uuhash:") || words.starts_with("kzhash:")) && content_named(words).is_none() {
        bail!("`{words}` names no content; write uuhash: and 40 hexadecimal digits, or kzhash: and 72");
    }
    if words.len() > WORDS_BYTES_MAX {
        bail!("{} bytes of words are too many for a search; give at most {WORDS_BYTES_MAX}", words.len());
    }
    Ok(Query { results_max: matches, ..Query::words(words) })
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let query = query(&args.words, args.matches)?;
    let mut client = args.join.join().await?;
    let hits = client.search(query).await?;
    if hits.is_empty() {
        client.leave().await?;
        bail!("nothing found for `{}`; try fewer words", args.words);
    }
    // Before the good-bye, for which others may take their time.
    print(format_args!("{}\n{} found", table::of_hits(&hits), hits.len()))?;
    client.leave().await
}
