//! Files as drivers see them: numbered, positional, synchronous.
//!
//! | type | what it is |
//! |---|---|
//! | [`Memory`] | bytes in memory, up to a maximum |
//! | [`Shared`] | one of the many files of a shared folder |
//! | [`Disk`] | a file of the file system: open for reading, or downloaded with resume |
//! | [`Volume`] | many files of the file system as one stream: a torrent's content |
//! | [`Synthetic`] | content that is a function of (content number, offset); takes no room |
//! | [`Checking`] | a sink that keeps nothing and refuses whatever is not its original |
//! | [`Faulty`] | any of these with faults on schedule |
//!
//! [`safe_name`] makes a file name of whatever a remote calls its file, and [`scan`] lists what a folder
//! has to share.

mod checking;
mod disk;
mod faulty;
mod journal;
mod memory;
mod names;
mod ranges;
mod scan;
mod shared;
mod synthetic;
mod volume;

use std::sync::Arc;

use bytes::Bytes;
pub use checking::Checking;
pub use disk::{Disk, DiskError};
pub use faulty::Faulty;
pub use memory::Memory;
pub use names::{NAME_BYTES_MAX, NameError, safe_name};
pub use ranges::{RANGES_MAX, Ranges};
pub use scan::{Scan, ScanError, ScanLimits, Scanned, SkipReason, Skipped, scan};
pub use shared::Shared;
pub use synthetic::Synthetic;
pub use volume::{PlannedFile, Volume, VolumeError, VolumePlan};

use crate::digest::{Algorithm, Digest, Hasher};
use crate::peer::FileId;

/// Bytes that are copied, hashed or compared at a time where no caller brings a buffer: several pages, yet
/// small enough to stay in a processor's second cache.
const BLOCK_BYTES: usize = 64 * 1024;

/// Why a store refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StoreFault {
    /// No room.
    #[error("the disk is full")]
    Full,
    /// An I/O error.
    #[error("the file could not be read or written")]
    Io,
    /// No such file, or the range is outside it.
    #[error("no such file or range")]
    Missing,
    /// Content that is not what it must be (a checking store only).
    #[error("the content is not what it must be")]
    Corrupt,
}

/// One file. Synchronous and positional: callers that must not block use a thread made for blocking.
pub trait Storage: Send + Sync + 'static {
    /// Bytes the file holds; for a file being written, the end of the furthest write.
    fn size(&self) -> u64;

    /// Fills `buf` from `offset` on, or refuses as a whole.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), StoreFault>;

    /// Writes all of `bytes` at `offset`, or refuses.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StoreFault>;

    /// Writes all of `parts`, one behind the other, from `offset` on, or refuses; what was written before stays. They are given
    /// in a form that a store may keep for a while.
    fn write_parts_at(&self, mut offset: u64, parts: &[Bytes]) -> Result<(), StoreFault> {
        for part in parts {
            self.write_at(offset, part)?;
            offset = offset.checked_add(part.len() as u64).ok_or(StoreFault::Missing)?;
        }
        Ok(())
    }

    /// Makes a written file durable and gives it its final name. Doing so twice changes nothing.
    fn finish(&self) -> Result<(), StoreFault>;

    /// The digest of a range, as if it were a whole file. Only those bytes are read that count.
    fn digest(&self, offset: u64, len: u64, algorithm: Algorithm) -> Result<Digest, StoreFault> {
        digest_by_reading(self, offset, len, algorithm)
    }

    /// Which synthetic content this is, if it is one: two files of one number hold the same bytes at the same
    /// offsets, so that a simulated transfer between them need not move any.
    fn content(&self) -> Option<u64> {
        None
    }

    /// Takes `len` bytes of `from` at `offset` to the same place here: what a transfer does, without the wire
    /// between. Costs O(1) between a [`Synthetic`] file and a [`Checking`] sink for it.
    fn copy_from(&self, from: &dyn Storage, offset: u64, len: u64) -> Result<(), StoreFault> {
        for_each_block(from, offset, len, |at, block| self.write_at(at, block))
    }
}

/// Reads a range block by block.
fn for_each_block<S: Storage + ?Sized>(
    from: &S,
    offset: u64,
    len: u64,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), StoreFault>,
) -> Result<(), StoreFault> {
    range_within(offset, len, from.size())?;
    let mut buf = vec![0; len.min(BLOCK_BYTES as u64) as usize];
    let mut done = 0;
    while done < len {
        let take = (len - done).min(buf.len() as u64) as usize;
        from.read_at(offset + done, &mut buf[..take])?;
        each(offset + done, &buf[..take])?;
        done += take as u64;
    }
    Ok(())
}

/// The digest of a range, of which only those bytes are read that count.
fn digest_by_reading<S: Storage + ?Sized>(
    from: &S,
    offset: u64,
    len: u64,
    algorithm: Algorithm,
) -> Result<Digest, StoreFault> {
    let (mut hasher, mut at) = (Hasher::new(algorithm, len), 0);
    for part in algorithm.parts(len) {
        hasher.pass_over(part.start - at);
        let start = offset.checked_add(part.start).ok_or(StoreFault::Missing)?;
        for_each_block(from, start, part.end - part.start, |_, block| {
            hasher.update(block);
            Ok(())
        })?;
        at = part.end;
    }
    Ok(hasher.finish())
}

/// The end of a range that lies inside a file of `size` bytes.
fn range_within(offset: u64, len: u64, size: u64) -> Result<u64, StoreFault> {
    offset.checked_add(len).filter(|end| *end <= size).ok_or(StoreFault::Missing)
}

/// A node's files by number.
#[derive(Default)]
pub struct Store {
    files: Vec<Option<Arc<dyn Storage>>>,
}

impl Store {
    /// Adds a file.
    pub fn add(&mut self, file: Arc<dyn Storage>) -> FileId {
        self.files.push(Some(file));
        FileId(self.files.len() as u32 - 1)
    }

    /// A file by its number.
    pub fn get(&self, file: FileId) -> Option<&Arc<dyn Storage>> {
        self.files.get(file.0 as usize)?.as_ref()
    }

    /// Forgets a file; its number is not used again.
    pub fn remove(&mut self, file: FileId) {
        if let Some(entry) = self.files.get_mut(file.0 as usize) {
            *entry = None;
        }
    }
}
