//! `napster get`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use common::store::Disk;
use common::user::{Command, Fetch, FetchId, Hit, Note};
use indicatif::{ProgressBar, ProgressStyle};

use super::client::{Client, Interrupted, JoinArgs};
use super::search::QueryArgs;
use super::table::{counted, printable};

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
    let mut client = Client::join(&args.join).await?;
    let hits = client.search(query).await?;
    let Some(candidates) = best(hits) else {
        client.leave().await?;
        bail!("nothing found for `{}`; try fewer words or wider limits", args.query);
    };
    let info = &candidates[0].info;
    let holders = counted(candidates.len(), "holder");
    println!("{}: {} bytes, {holders}", printable(&info.name), info.size);
    let disk = Arc::new(Disk::create(&args.out, info)?);
    let outcome = download(&mut client, &disk, candidates).await;
    match &outcome {
        Err(error) if error.is::<Interrupted>() => client.kill().await?,
        _ => client.leave().await?,
    }
    let kept = disk.have();
    match outcome {
        Ok(()) => println!("{}", disk.path().display()),
        Err(error) if kept > 0 => {
            let part = disk.path();
            bail!("{error}; {} keeps {kept} bytes, run the same command again to go on", part.display());
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Makes the folder that files go to if only it is missing: of a longer path that does not exist, some part is
/// more likely mistyped than wanted.
fn make_folder(out: &Path) -> anyhow::Result<()> {
    match std::fs::create_dir(out) {
        Err(_) if out.is_dir() => Ok(()),
        made => made
            .with_context(|| format!("cannot make the folder {}; choose another with --out", out.display())),
    }
}

/// The content that most users have; among equals the one named first.
fn best(hits: Vec<Arc<Hit>>) -> Option<Vec<Arc<Hit>>> {
    let same = |a: &Hit, b: &Hit| match (a.info.digest, b.info.digest) {
        _ if a.info.size != b.info.size => false,
        (Some(a), Some(b)) => a == b,
        _ => last_part(&a.info.name) == last_part(&b.info.name),
    };
    let mut groups: Vec<Vec<Arc<Hit>>> = Vec::new();
    for hit in hits {
        match groups.iter_mut().find(|group| same(&group[0], &hit)) {
            Some(group) => group.push(hit),
            None => groups.push(vec![hit]),
        }
    }
    groups.into_iter().rev().max_by_key(Vec::len)
}

fn last_part(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

async fn download(client: &mut Client, disk: &Arc<Disk>, candidates: Vec<Arc<Hit>>) -> anyhow::Result<()> {
    let (size, have) = (candidates[0].info.size, disk.have());
    let style = "{bar:40} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left";
    let bar = ProgressBar::new(size).with_style(ProgressStyle::with_template(style)?).with_position(have);
    bar.reset_eta();
    let fetch = FetchId(1);
    let into = client.store.add(disk.clone());
    client.command(Command::Fetch(Box::new(Fetch { fetch, candidates, into, have }))).await?;
    loop {
        match client.note().await? {
            Note::Progress(_, have) => bar.set_position(have),
            Note::Fetched(_) => {
                bar.finish_and_clear();
                return Ok(());
            }
            Note::Failed(_, why) => {
                bar.abandon();
                bail!("the download failed: {why}");
            }
            Note::Offline(why) => bar.println(format!("offline: {}", printable(&why))),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::digest::Digest;
    use common::user::{FileInfo, Holder};

    fn hit(name: &str, size: u64, digest: Option<u8>, nick: &str) -> Arc<Hit> {
        let digest = digest.map(|byte| Digest::Md5([byte; 16]));
        let info = FileInfo { name: name.into(), size, digest, ..FileInfo::default() };
        let holder = Holder { nick: nick.into(), ..Holder::default() };
        Arc::new(Hit { info, holder, ..Hit::default() })
    }

    #[test]
    fn the_most_common_content_is_the_best() {
        let hits = vec![
            hit("a/x.mp3", 10, Some(1), "one"),
            hit("b/y.mp3", 20, Some(2), "two"),
            hit("c/renamed.mp3", 20, Some(2), "three"),
            hit("d/x.mp3", 10, Some(3), "four"),
        ];
        let nicks =
            |hits: Vec<Arc<Hit>>| -> Vec<String> { hits.iter().map(|h| h.holder.nick.to_string()).collect() };
        assert_eq!(nicks(best(hits).unwrap()), ["two", "three"]);
        let unknown = vec![hit("a/x.mp3", 10, None, "one"), hit("b/x.mp3", 11, None, "two")];
        assert_eq!(nicks(best(unknown).unwrap()), ["one"], "the first of equals");
        assert!(best(vec![]).is_none());
    }
}
