//! Files to share, and hits that tell of them.

use std::net::SocketAddrV4;
use std::sync::Arc;

use common::digest::{Algorithm, Digest};
use common::peer::FileId;
use common::user::{FileInfo, Hit, Holder, SharedFile};

pub const MB: u64 = 1_000_000;

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

/// Files in a peer's store, numbered from zero.
pub fn shared(files: &[Arc<FileInfo>]) -> Arc<[SharedFile]> {
    let shared =
        |(at, info): (usize, &Arc<FileInfo>)| SharedFile { file: FileId(at as u32), info: info.clone() };
    files.iter().enumerate().map(shared).collect()
}

/// What a search says of a file of whoever listens there.
pub fn hit(info: &FileInfo, address: SocketAddrV4) -> Arc<Hit> {
    let holder = Holder { nick: "holder".into(), address: Some(address), ..Holder::default() };
    Arc::new(Hit { info: info.clone(), holder, ..Hit::default() })
}

pub fn kzhash(bytes: &[u8]) -> Digest {
    Algorithm::KzHash.of(bytes)
}

/// Bytes that differ from place to place.
pub fn content(len: usize) -> Vec<u8> {
    (0..len as u64).map(|n| (n * 31 % 251 + n / 4096) as u8).collect()
}
