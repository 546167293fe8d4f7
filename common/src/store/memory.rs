//! A file in memory.

use std::sync::{PoisonError, RwLock};

use super::{Storage, StoreFault, range_within};

/// The most bytes a [`Memory`] takes unless told otherwise: far more than a test needs, far less than a laptop has.
const MEMORY_BYTES_MAX: u64 = 1 << 30;

/// A file in memory. It grows with what is written, up to a maximum; bytes never written are zero.
pub struct Memory {
    bytes: RwLock<Vec<u8>>,
    max: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Memory::with_max(MEMORY_BYTES_MAX)
    }
}

impl From<Vec<u8>> for Memory {
    fn from(bytes: Vec<u8>) -> Self {
        Memory { bytes: RwLock::new(bytes), max: MEMORY_BYTES_MAX }
    }
}

impl Memory {
    /// An empty file of at most `max` bytes; writing beyond is [`StoreFault::Full`].
    pub fn with_max(max: u64) -> Self {
        Memory { bytes: RwLock::default(), max }
    }

    /// A copy of the content.
    pub fn to_vec(&self) -> Vec<u8> {
        self.bytes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Storage for Memory {
    fn size(&self) -> u64 {
        self.bytes.read().unwrap_or_else(PoisonError::into_inner).len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), StoreFault> {
        let bytes = self.bytes.read().unwrap_or_else(PoisonError::into_inner);
        let end = range_within(offset, buf.len() as u64, bytes.len() as u64)?;
        buf.copy_from_slice(&bytes[offset as usize..end as usize]);
        Ok(())
    }

    fn write_at(&self, offset: u64, new: &[u8]) -> Result<(), StoreFault> {
        let end = range_within(offset, new.len() as u64, self.max).map_err(|_| StoreFault::Full)? as usize;
        let mut bytes = self.bytes.write().unwrap_or_else(PoisonError::into_inner);
        if end > bytes.len() && !new.is_empty() {
            let missing = end - bytes.len();
            bytes.try_reserve(missing).map_err(|_| StoreFault::Full)?;
            bytes.resize(end, 0);
        }
        if let Some(place) = bytes.get_mut(offset as usize..end) {
            place.copy_from_slice(new);
        }
        Ok(())
    }

    fn finish(&self) -> Result<(), StoreFault> {
        Ok(())
    }
}
