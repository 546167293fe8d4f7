//! A real folder as a catalog's content.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use crate::store::{Storage, StoreFault};

/// A file of the folder. It is opened for each read, so that a catalog of any size keeps no descriptor.
pub(super) struct FolderFile {
    pub(super) path: PathBuf,
    pub(super) size: u64,
}

impl Storage for FolderFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), StoreFault> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.size) {
            return Err(StoreFault::Missing);
        }
        let read = File::open(&self.path).and_then(|file| file.read_exact_at(buf, offset));
        read.map_err(|error| {
            tracing::warn!(path = %self.path.display(), %error, "could not read");
            StoreFault::Io
        })
    }

    fn write_at(&self, _: u64, _: &[u8]) -> Result<(), StoreFault> {
        Err(StoreFault::Io)
    }

    fn finish(&self) -> Result<(), StoreFault> {
        Ok(())
    }
}
