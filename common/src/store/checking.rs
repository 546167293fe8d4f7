//! A sink that keeps nothing but the knowledge of what has arrived.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Ranges, Storage, StoreFault, for_each_block, range_within};
use crate::digest::{Algorithm, Digest};

/// Bytes compared at a time, on the stack and in the first cache.
const COMPARE_BYTES: usize = 4096;

/// The destination of a transfer whose original is at hand: what is written is compared with the original and
/// refused as [`StoreFault::Corrupt`] if it differs, and only *which* ranges have arrived is remembered. Those
/// can be read again (out of the original), so a peer can serve what it has fetched.
pub struct Checking {
    original: Arc<dyn Storage>,
    arrived: Mutex<Ranges>,
}

impl Checking {
    /// An empty sink for a copy of `original`.
    pub fn new(original: Arc<dyn Storage>) -> Self {
        Checking { original, arrived: Mutex::default() }
    }

    /// What has arrived so far.
    pub fn arrived(&self) -> Ranges {
        self.lock().clone()
    }

    /// True if every byte has arrived.
    pub fn is_complete(&self) -> bool {
        self.lock().contains(0, self.original.size())
    }

    fn lock(&self) -> MutexGuard<'_, Ranges> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The end of a range, if all of it has arrived.
    fn require(&self, offset: u64, len: u64) -> Result<(), StoreFault> {
        let end = range_within(offset, len, self.original.size())?;
        if self.lock().contains(offset, end) { Ok(()) } else { Err(StoreFault::Missing) }
    }
}

impl Storage for Checking {
    fn size(&self) -> u64 {
        self.lock().end()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), StoreFault> {
        self.require(offset, buf.len() as u64)?;
        self.original.read_at(offset, buf)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StoreFault> {
        let end = range_within(offset, bytes.len() as u64, self.original.size())?;
        let mut expected = [0; COMPARE_BYTES];
        let mut at = offset;
        for chunk in bytes.chunks(COMPARE_BYTES) {
            let expected = &mut expected[..chunk.len()];
            self.original.read_at(at, expected)?;
            if expected != chunk {
                return Err(StoreFault::Corrupt);
            }
            at += chunk.len() as u64;
        }
        self.lock().insert(offset, end)
    }

    /// Refuses with [`StoreFault::Missing`] while bytes are missing.
    fn finish(&self) -> Result<(), StoreFault> {
        if self.is_complete() { Ok(()) } else { Err(StoreFault::Missing) }
    }

    fn digest(&self, offset: u64, len: u64, algorithm: Algorithm) -> Result<Digest, StoreFault> {
        self.require(offset, len)?;
        self.original.digest(offset, len, algorithm)
    }

    fn content(&self) -> Option<u64> {
        self.original.content()
    }

    fn copy_from(&self, from: &dyn Storage, offset: u64, len: u64) -> Result<(), StoreFault> {
        if from.content().is_none() || from.content() != self.content() {
            return for_each_block(from, offset, len, |at, block| self.write_at(at, block));
        }
        range_within(offset, len, from.size())?;
        let end = range_within(offset, len, self.original.size())?;
        self.lock().insert(offset, end)
    }
}
