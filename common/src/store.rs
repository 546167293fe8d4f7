//! Files as drivers see them: numbered, positional, synchronous.

use std::sync::Arc;

use crate::digest::{Algorithm, Digest, Hasher};
use crate::peer::FileId;

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

    /// Makes a written file durable and gives it its final name. Doing so twice changes nothing.
    fn finish(&self) -> Result<(), StoreFault>;

    /// The digest of a range.
    fn digest(&self, offset: u64, len: u64, algorithm: Algorithm) -> Result<Digest, StoreFault> {
        let mut hasher = Hasher::new(algorithm);
        let mut buf = vec![0; len.min(256 * 1024) as usize];
        let mut done = 0;
        while done < len {
            let take = (len - done).min(buf.len() as u64) as usize;
            self.read_at(offset + done, &mut buf[..take])?;
            hasher.update(&buf[..take]);
            done += take as u64;
        }
        Ok(hasher.finish())
    }
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
