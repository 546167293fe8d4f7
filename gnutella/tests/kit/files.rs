//! Files to share, and hits that tell of them.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use common::digest::{Algorithm, Digest};
use common::peer::FileId;
use common::user::{Command, FileInfo, SharedFile};

/// A file with a digest made of its size.
pub fn file(name: &str, size: u64) -> Arc<FileInfo> {
    let mut sha1 = [7; 20];
    sha1[..8].copy_from_slice(&size.to_be_bytes());
    Arc::new(FileInfo { name: name.into(), size, digest: Some(Digest::Sha1(sha1)), ..FileInfo::default() })
}

pub fn sha1(bytes: &[u8]) -> Digest {
    Algorithm::Sha1.of(bytes)
}

/// A remote's address that is not that of the servent under test.
pub fn remote(host: u8) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 1, host), 6346)
}

/// The command to share a file of this name, of which nobody will want the content.
pub fn share(name: &str) -> Command {
    let info = FileInfo { name: name.into(), size: 1_000, ..FileInfo::default() };
    Command::Share(Arc::new([SharedFile { file: FileId(0), info: Arc::new(info) }]))
}
