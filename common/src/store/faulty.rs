//! Faults on schedule.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Storage, StoreFault};
use crate::digest::{Algorithm, Digest};

/// A file that goes wrong in the chosen ways, at the same call each time; without any it is its inner file.
///
/// ```
/// use common::store::{Faulty, Memory, Storage, StoreFault};
/// let file = Faulty::new(Memory::default()).full_after(4);
/// assert_eq!(file.write_at(0, b"abcd"), Ok(()));
/// assert_eq!(file.write_at(4, b"e"), Err(StoreFault::Full));
/// ```
pub struct Faulty {
    inner: Arc<dyn Storage>,
    full_after: u64,
    readable: u64,
    failing_call: u64,
    corrupt: Option<u64>,
    written: AtomicU64,
    calls: AtomicU64,
}

impl Faulty {
    /// The file without faults.
    pub fn new(inner: impl Storage) -> Self {
        Faulty::over(Arc::new(inner))
    }

    /// The same for a file that others hold too.
    pub fn over(inner: Arc<dyn Storage>) -> Self {
        Faulty {
            inner,
            full_after: u64::MAX,
            readable: u64::MAX,
            failing_call: 0,
            corrupt: None,
            written: AtomicU64::new(0),
            calls: AtomicU64::new(0),
        }
    }

    /// The disk is full once `bytes` have been written, wherever to: the write that would exceed them is refused
    /// as a whole, and so is each one after that still would.
    pub fn full_after(self, bytes: u64) -> Self {
        Faulty { full_after: bytes, ..self }
    }

    /// The file was cut after its size was read: reads beyond `bytes` come out short, which is an I/O error.
    pub fn cut_at(self, bytes: u64) -> Self {
        Faulty { readable: bytes, ..self }
    }

    /// The `k`-th read, write or finish, counted from one, is an I/O error.
    pub fn failing_call(self, k: u64) -> Self {
        Faulty { failing_call: k, ..self }
    }

    /// The byte at `offset` is read with its lowest bit flipped.
    pub fn corrupt_at(self, offset: u64) -> Self {
        Faulty { corrupt: Some(offset), ..self }
    }

    /// Counts a call, and fails it if it is its turn.
    fn call(&self) -> Result<(), StoreFault> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if call == self.failing_call { Err(StoreFault::Io) } else { Ok(()) }
    }

    fn corrupts(&self, offset: u64, len: u64) -> Option<u64> {
        self.corrupt.filter(|at| *at >= offset && at - offset < len)
    }
}

impl Storage for Faulty {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), StoreFault> {
        self.call()?;
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.readable) {
            return Err(StoreFault::Io);
        }
        self.inner.read_at(offset, buf)?;
        if let Some(at) = self.corrupts(offset, buf.len() as u64) {
            buf[(at - offset) as usize] ^= 1;
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StoreFault> {
        self.call()?;
        let len = bytes.len() as u64;
        let room = |written: u64| written.checked_add(len).filter(|all| *all <= self.full_after);
        if self.written.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_err() {
            return Err(StoreFault::Full);
        }
        self.inner.write_at(offset, bytes)
    }

    fn finish(&self) -> Result<(), StoreFault> {
        self.call()?;
        self.inner.finish()
    }

    fn digest(&self, offset: u64, len: u64, algorithm: Algorithm) -> Result<Digest, StoreFault> {
        self.call()?;
        if offset.checked_add(len).is_none_or(|end| end > self.readable) {
            return Err(StoreFault::Io);
        }
        let digest = self.inner.digest(offset, len, algorithm)?;
        let counts = |at: u64| algorithm.parts(len).any(|part| part.contains(&(at - offset)));
        if !self.corrupts(offset, len).is_some_and(counts) {
            return Ok(digest);
        }
        // A token has no bytes to flip: a digest of the digest differs as surely as that of other bytes would.
        Ok(algorithm.of(digest.as_bytes()))
    }

    /// None if a byte is corrupt or cut off: such a file must be read to see what it holds.
    fn content(&self) -> Option<u64> {
        if self.corrupt.is_some() || self.readable != u64::MAX { None } else { self.inner.content() }
    }

    // `copy_from` stays the default, through `write_at`, so that the faults of a destination apply.
}
