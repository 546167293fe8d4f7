//! A file fetched under the eyes of a user.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::timeout;

use super::{Client, Interrupted, counted, printable};
use crate::store::Disk;
use crate::user::{Command, Fetch, FetchId, Hit, Note};
use crate::{say, tell};

/// After so long without news the user is told so, once until something comes.
const QUIET: Duration = Duration::from_secs(10);

/// Downloads what `candidates` hold into the folder `out`, with a progress bar, and prints where it stands in the end.
/// Ends the client.
///
/// # Errors
/// Why it failed, in one line that says what is kept.
pub async fn fetch_into(mut client: Client, candidates: Vec<Arc<Hit>>, out: &Path) -> anyhow::Result<()> {
    let info = &candidates[0].info;
    let holders = counted(candidates.len(), "holder");
    say!("{}: {} bytes, {holders}", printable(&info.name), info.size);
    let disk = Arc::new(Disk::create(out, info)?);
    let outcome = download(&mut client, &disk, candidates).await;
    match &outcome {
        Err(error) if error.is::<Interrupted>() => client.kill().await?,
        _ => client.leave().await?,
    }
    let kept = disk.have().bytes();
    match outcome {
        Ok(()) => say!("{}", disk.path().display()),
        Err(error) if kept > 0 => {
            let part = disk.path();
            bail!("{error}; {} keeps {kept} bytes, run the same command again to go on", part.display());
        }
        Err(error) if error.is::<Interrupted>() => return Err(error),
        Err(error) => bail!("{error}; try again later"),
    }
    Ok(())
}

/// Makes the folder that files go to if only it is missing: of a longer path that does not exist, some part is
/// more likely mistyped than wanted.
///
/// # Errors
/// If it cannot be made.
pub fn make_folder(out: &Path) -> anyhow::Result<()> {
    match std::fs::create_dir(out) {
        Err(_) if out.is_dir() => Ok(()),
        made => made
            .with_context(|| format!("cannot make the folder {}; choose another with --out", out.display())),
    }
}

/// The content that most holders have; among equals the one named first.
pub fn most_common(hits: Vec<Arc<Hit>>) -> Option<Vec<Arc<Hit>>> {
    let same = |a: &Hit, b: &Hit| match (a.info.digest, b.info.digest) {
        _ if a.info.size != b.info.size => false,
        (Some(a), Some(b)) => a.agrees(&b),
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
    let (mut seen, mut is_told) = (have.bytes(), false);
    let style = "{bar:40} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left";
    let bar = ProgressBar::new(size).with_style(ProgressStyle::with_template(style)?);
    bar.set_position(have.bytes());
    bar.reset_eta();
    let fetch = FetchId(1);
    let into = client.store.add(disk.clone());
    client.command(Command::Fetch(Box::new(Fetch { fetch, candidates, into, have }))).await?;
    // Above the bar, or without one where there is no terminal.
    let say = |line: &str| bar.suspend(|| tell!("{line}"));
    loop {
        let Ok(note) = timeout(QUIET, client.note()).await else {
            // Of a large file on a slow line, more may have come than is worth a note.
            let now = disk.have().bytes();
            if now == seen && now < size && !is_told {
                say(&format!("nothing has come for {} s; who has it is asked again", QUIET.as_secs()));
            }
            is_told = now == seen;
            seen = now;
            bar.set_position(now);
            continue;
        };
        match note? {
            Note::Progress(_, have) => {
                (seen, is_told) = (have, false);
                bar.set_position(have);
            }
            Note::Fetched(_) => {
                bar.finish_and_clear();
                return Ok(());
            }
            Note::Failed(_, why) => {
                bar.abandon();
                bail!("the download failed: {why}");
            }
            Note::Offline(why) | Note::ShutOut(why) => say(&format!("offline: {}", printable(&why))),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::user::{FileInfo, Holder};

    fn hit(name: &str, size: u64, digest: Option<u8>, nick: &str) -> Arc<Hit> {
        let digest = digest.map(|byte| Digest::Md5([byte; 16]));
        let info = FileInfo { name: name.into(), size, digest, ..FileInfo::default() };
        let holder = Holder { nick: nick.into(), ..Holder::default() };
        Arc::new(Hit { info, holder, ..Hit::default() })
    }

    #[test]
    fn the_most_common_content_is_the_most_common() {
        let hits = vec![
            hit("a/x.mp3", 10, Some(1), "one"),
            hit("b/y.mp3", 20, Some(2), "two"),
            hit("c/renamed.mp3", 20, Some(2), "three"),
            hit("d/x.mp3", 10, Some(3), "four"),
        ];
        let nicks =
            |hits: Vec<Arc<Hit>>| -> Vec<String> { hits.iter().map(|h| h.holder.nick.to_string()).collect() };
        assert_eq!(nicks(most_common(hits).unwrap()), ["two", "three"]);
        let unknown = vec![hit("a/x.mp3", 10, None, "one"), hit("b/x.mp3", 11, None, "two")];
        assert_eq!(nicks(most_common(unknown).unwrap()), ["one"], "the first of equals");
        assert!(most_common(vec![]).is_none());
    }

    #[test]
    fn who_tells_less_of_a_content_counts_with_those_who_tell_more() {
        let told = |digest: Digest, nick: &str| {
            let mut hit = (*hit("x.mp3", 10, None, nick)).clone();
            hit.info.digest = Some(digest);
            Arc::new(hit)
        };
        let tree = |root: u8| {
            let mut kzhash = [7; 36];
            kzhash[20..].fill(root);
            Digest::KzHash(kzhash)
        };
        let foreign = Digest::UuHash([7; 20]);
        let hits = vec![
            told(tree(1), "one"),
            told(tree(2), "two"),
            told(foreign, "three"),
            told(Digest::Sha1([7; 20]), "four"),
        ];
        let most = most_common(hits).unwrap();
        let nicks: Vec<&str> = most.iter().map(|hit| &*hit.holder.nick).collect();
        assert_eq!(nicks, ["one", "three"]);
    }
}
