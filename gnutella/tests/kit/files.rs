//! Files to share, and hits that tell of them.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use common::digest::{Algorithm, Digest};
use common::peer::FileId;
use common::user::{FileInfo, Hit, Holder, SharedFile};

pub const MB: u64 = 1_000_000;

/// Files in a peer's store, numbered from zero.
pub fn shared(files: &[Arc<FileInfo>]) -> Arc<[SharedFile]> {
    let shared =
        |(at, info): (usize, &Arc<FileInfo>)| SharedFile { file: FileId(at as u32), info: info.clone() };
    files.iter().enumerate().map(shared).collect()
}

/// A file with a digest made of its size.
pub fn file(name: &str, size: u64) -> Arc<FileInfo> {
    let mut sha1 = [7; 20];
    sha1[..8].copy_from_slice(&size.to_be_bytes());
    Arc::new(FileInfo { name: name.into(), size, digest: Some(Digest::Sha1(sha1)), ..FileInfo::default() })
}

/// What a search says of the first file of whoever listens there.
pub fn hit(info: &FileInfo, address: SocketAddrV4) -> Arc<Hit> {
    let holder = Holder { address: Some(address), ..Holder::default() };
    Arc::new(Hit { info: info.clone(), holder, ..Hit::default() })
}

pub fn sha1(bytes: &[u8]) -> Digest {
    Algorithm::Sha1.of(bytes)
}

/// Bytes that differ from place to place.
pub fn content(len: usize) -> Vec<u8> {
    (0..len as u64).map(|n| (n * 31 % 251 + n / 4096) as u8).collect()
}

/// A remote's address that is not that of the servent under test.
pub fn remote(host: u8) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 1, host), 6346)
}
