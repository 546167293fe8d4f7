//! `napster browse`.

use anyhow::bail;
use common::cli::{counted, print};
use common::user::{Command, SearchId};

use super::join::{JoinArgs, check_nick};
use super::table;

#[derive(clap::Args)]
pub struct Args {
    /// The user's nick.
    user: String,
    #[command(flatten)]
    join: JoinArgs,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    check_nick(&args.user)?;
    let mut client = args.join.join().await?;
    let search = SearchId(1);
    client.command(Command::Browse(search, args.user.as_str().into())).await?;
    let hits = client.hits(search).await?;
    client.leave().await?;
    if hits.is_empty() {
        bail!("`{}` is not online or shares nothing", args.user);
    }
    print(format_args!("{}\n{}", table::of_hits(&hits), counted(hits.len(), "file")))
}
