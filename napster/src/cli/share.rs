//! Sharing a folder.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use common::digest::Fingerprint;
use common::store::{Disk, ScanLimits, Storage as _, scan};
use common::tcp::SharedStore;
use common::user::{Command, FileInfo, Note, SharedFile};
use indicatif::HumanBytes;
use napster::peer::PeerConfig;

use super::{Running, join, peer_config, say};
use crate::ShareArgs;

pub async fn share(args: ShareArgs) -> Result<()> {
    let config = PeerConfig { upload_slots: args.slots, ..peer_config(&args.join)? };
    let store = SharedStore::default();
    let dir = args.dir.clone();
    let (open_in, at) = (store.clone(), dir.clone());
    // Every file's head is hashed, which takes the disk a while.
    let files = tokio::task::spawn_blocking(move || open_files(&at, &open_in)).await??;
    let nick = config.nick.clone();
    let mut running = join(&args.join, config, store, |_| {}).await?;
    let bytes: u64 = files.iter().map(|file| file.info.size).sum();
    running.command(Command::Share(files.clone().into())).await?;
    say(format_args!(
        "{nick} shares {} files ({}) of {} on {}",
        files.len(),
        HumanBytes(bytes),
        dir.display(),
        running.handle.address()
    ));
    loop {
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                say(format_args!("stopping"));
                return running.leave().await;
            }
            note = running.next() => if !tell(&note?, &files) {
                return end(running).await;
            },
        }
    }
}

/// Prints what happens; false once the peer has given up.
fn tell(note: &Note, files: &[SharedFile]) -> bool {
    match note {
        Note::Uploaded(file, bytes) => {
            let name =
                files.iter().find(|shared| shared.file == *file).map_or("?", |shared| &shared.info.name);
            say(format_args!("sent {} of {name}", HumanBytes(*bytes)));
        }
        Note::Online => say(format_args!("online again")),
        Note::Offline(why) => {
            say(format_args!("offline: {why}"));
            return !why.ends_with("not trying again");
        }
        Note::Text(text) => say(format_args!("{text}")),
        _ => {}
    }
    true
}

async fn end(running: Running) -> Result<()> {
    running.leave().await?;
    bail!("the server has ended this session for good")
}

/// Opens all files of a folder and hashes their heads.
fn open_files(dir: &Path, store: &SharedStore) -> Result<Vec<SharedFile>> {
    let found = scan(dir, ScanLimits::default())?;
    for skipped in &found.skipped {
        tracing::warn!(path = %skipped.path.display(), reason = ?skipped.reason, "not shared");
    }
    let mut files = Vec::with_capacity(found.files.len());
    for scanned in &found.files {
        let opened = Disk::open(&scanned.path).map_err(anyhow::Error::from);
        let hashed = opened.and_then(|disk| Ok((Fingerprint::NAPSTER.of(&disk)?, disk)));
        let (digest, disk) = match hashed {
            Ok(hashed) => hashed,
            Err(error) => {
                eprintln!("warning: {} is not shared: {error:#}", scanned.path.display());
                continue;
            }
        };
        let size = disk.size();
        let info =
            FileInfo { name: scanned.name.clone().into(), size, digest: Some(digest), ..FileInfo::default() };
        files.push(SharedFile { file: store.add(Arc::new(disk)), info: Arc::new(info) });
    }
    Ok(files)
}
