//! `napster search`.

use anyhow::bail;
use common::cli::print;
use common::user::{Query, Range};

use super::join::JoinArgs;
use super::table;

/// More words than any name has, and far from what a message holds.
const WORDS_BYTES_MAX: usize = 500;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub query: QueryArgs,
    #[command(flatten)]
    join: JoinArgs,
}

/// What to look for.
#[derive(clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct QueryArgs {
    /// Words that must all be in the name, in one argument ("some words"); one with a leading minus must not.
    #[arg(allow_hyphen_values = true, help_heading = None::<&str>)]
    words: String,
    /// Bit rate of the file in kilobits per second, at least.
    #[arg(long, value_name = "KBPS")]
    min_bitrate: Option<u32>,
    /// Bit rate, at most.
    #[arg(long, value_name = "KBPS")]
    max_bitrate: Option<u32>,
    /// Size in bytes, at least.
    #[arg(long, value_name = "BYTES")]
    min_size: Option<u32>,
    /// Size, at most.
    #[arg(long, value_name = "BYTES")]
    max_size: Option<u32>,
    /// The holder's link, at least, from 1 (14.4k modem) to 10 (T3 or more).
    #[arg(long, value_name = "CLASS")]
    min_speed: Option<u32>,
    /// The holder's link, at most.
    #[arg(long, value_name = "CLASS")]
    max_speed: Option<u32>,
    /// At most so many results [default: as many as the server gives].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_results: Option<u32>,
}

impl QueryArgs {
    /// The query, or what is wrong with it.
    pub fn query(&self) -> anyhow::Result<Query> {
        if !self.words.split_whitespace().any(|word| !word.starts_with('-')) {
            bail!("`{}` has no word to look for; give at least one without a minus", self.words);
        }
        if self.words.len() > WORDS_BYTES_MAX {
            bail!(
                "{} bytes of words are too many for a search; give at most {WORDS_BYTES_MAX}",
                self.words.len()
            );
        }
        Ok(Query {
            words: self.words.clone(),
            bitrate_kbps: range("bitrate", self.min_bitrate, self.max_bitrate)?,
            size: range("size", self.min_size, self.max_size)?,
            speed: range("speed", self.min_speed, self.max_speed)?,
            results_max: self.max_results.unwrap_or(0),
            ..Query::default()
        })
    }
}

fn range(what: &str, min: Option<u32>, max: Option<u32>) -> anyhow::Result<Range> {
    let Range { min: lowest, max: highest } = Range::default();
    let range = Range { min: min.unwrap_or(lowest), max: max.unwrap_or(highest) };
    if range.min > range.max {
        bail!("--min-{what} {} is above --max-{what} {}; nothing can match", range.min, range.max);
    }
    Ok(range)
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let query = args.query.query()?;
    let mut client = args.join.join().await?;
    let hits = client.search(query).await?;
    if hits.is_empty() {
        client.leave().await?;
        bail!("nothing found for `{}`; try fewer words or wider limits", args.query.words);
    }
    // Before the good-bye, for which others may take their time.
    print(format_args!("{}\n{} found", table::of_hits(&hits), hits.len()))?;
    client.leave().await
}

impl std::fmt::Display for QueryArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words)
    }
}
