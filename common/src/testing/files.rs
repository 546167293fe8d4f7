//! Files to share, and what a search would have said of them.

use std::net::SocketAddrV4;
use std::sync::Arc;

use crate::peer::FileId;
use crate::user::{FileInfo, Hit, Holder, SharedFile};

/// A million bytes.
pub const MB: u64 = 1_000_000;

/// Files in a peer's store, numbered from zero.
pub fn shared(files: &[Arc<FileInfo>]) -> Arc<[SharedFile]> {
    (0..).zip(files).map(|(at, info)| SharedFile { file: FileId(at), info: Arc::clone(info) }).collect()
}

/// What a search says of a file of whoever listens there.
pub fn hit(info: &FileInfo, address: SocketAddrV4) -> Arc<Hit> {
    let holder = Holder { nick: "holder".into(), address: Some(address), ..Holder::default() };
    Arc::new(Hit { info: info.clone(), holder, ..Hit::default() })
}

/// Bytes that differ from place to place.
pub fn content(len: usize) -> Vec<u8> {
    (0..len as u64).map(|n| (n * 31 % 251 + n / 4096) as u8).collect()
}
