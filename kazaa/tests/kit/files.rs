//! Files to share, and hits that tell of them.

use std::sync::Arc;

use common::digest::{Algorithm, Digest};
use common::peer::FileId;
use common::user::{Command, FileInfo, SharedFile};

/// A file whose content its size stands for.
pub fn file(name: &str, size: u64) -> Arc<FileInfo> {
    let mut kzhash = [7; 36];
    kzhash[..8].copy_from_slice(&size.to_be_bytes());
    Arc::new(FileInfo {
        name: name.into(),
        size,
        digest: Some(Digest::KzHash(kzhash)),
        ..FileInfo::default()
    })
}

/// The same as a foreign client tells of it: without the root of its tree.
pub fn foreign(info: &FileInfo) -> Arc<FileInfo> {
    let digest = info.digest.and_then(|digest| digest.uuhash().copied()).map(Digest::UuHash);
    Arc::new(FileInfo { digest, ..info.clone() })
}

pub fn kzhash(bytes: &[u8]) -> Digest {
    Algorithm::KzHash.of(bytes)
}

/// The command to share a file of this name, of which nobody will want the content.
pub fn share(name: &str) -> Command {
    let digest = Some(super::overlay::hash_of(name));
    let info = FileInfo { name: name.into(), size: 1_000, digest, ..FileInfo::default() };
    Command::Share(Arc::new([SharedFile { file: FileId(1), info: Arc::new(info) }]))
}
