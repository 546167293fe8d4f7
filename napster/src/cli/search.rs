//! `napster search`.

use anyhow::bail;
use common::user::{Query, Range};

use super::client::{Client, JoinArgs};
use super::table;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub query: QueryArgs,
    #[command(flatten)]
    join: JoinArgs,
}

/// What to look for.
#[derive(clap::Args)]
pub struct QueryArgs {
    /// Words that must all be in the name; one with a leading minus must not.
    #[arg(allow_hyphen_values = true)]
    words: String,
    /// Kilobits per second, at least.
    #[arg(long, value_name = "KBPS")]
    min_bitrate: Option<u32>,
    /// Kilobits per second, at most.
    #[arg(long, value_name = "KBPS")]
    max_bitrate: Option<u32>,
    /// Bytes, at least.
    #[arg(long, value_name = "BYTES")]
    min_size: Option<u32>,
    /// Bytes, at most.
    #[arg(long, value_name = "BYTES")]
    max_size: Option<u32>,
    /// The holder's link, at least, 0 to 10.
    #[arg(long, value_name = "CLASS")]
    min_speed: Option<u32>,
    /// The holder's link, at most, 0 to 10.
    #[arg(long, value_name = "CLASS")]
    max_speed: Option<u32>,
    /// At most so many results; the server has a limit of its own.
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_results: u32,
}

impl QueryArgs {
    /// The query, or what is wrong with it.
    pub fn query(&self) -> anyhow::Result<Query> {
        if !self.words.split_whitespace().any(|word| !word.starts_with('-')) {
            bail!("`{}` has no word to look for; give at least one without a minus", self.words);
        }
        Ok(Query {
            words: self.words.clone(),
            bitrate_kbps: range("bitrate", self.min_bitrate, self.max_bitrate)?,
            size: range("size", self.min_size, self.max_size)?,
            speed: range("speed", self.min_speed, self.max_speed)?,
            results_max: self.max_results,
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
    let mut client = Client::join(&args.join).await?;
    let hits = client.search(query).await?;
    client.leave().await?;
    if hits.is_empty() {
        bail!("nothing found for `{}`; try fewer words or wider limits", args.query.words);
    }
    println!("{}\n{} found", table::of_hits(&hits), hits.len());
    Ok(())
}

impl std::fmt::Display for QueryArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words)
    }
}
