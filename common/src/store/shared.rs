//! One of the many files of a shared folder.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::disk::open_source;
use super::{DiskError, Storage, StoreFault, range_within};

/// A file to be shared. It is opened for each read, some microseconds, so that a folder of any size takes no
/// descriptors; a file that has another size than it had at first is refused, since its digest would be wrong.
pub struct Shared {
    path: PathBuf,
    size: u64,
}

impl Shared {
    /// The file at `path`, which must be there and readable now.
    pub fn open(path: &Path) -> Result<Shared, DiskError> {
        let (_, size) = open_source(path)?;
        Ok(Shared { path: path.to_owned(), size })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Storage for Shared {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), StoreFault> {
        range_within(offset, buf.len() as u64, self.size)?;
        let fault = |error: &dyn std::fmt::Display| {
            tracing::warn!(path = %self.path.display(), %error, "a shared file could not be read");
            StoreFault::Io
        };
        let (file, size) = open_source(&self.path).map_err(|error| fault(&error))?;
        if size != self.size {
            return Err(fault(&"it has changed"));
        }
        file.read_exact_at(buf, offset).map_err(|error| fault(&error))
    }

    fn write_at(&self, _: u64, _: &[u8]) -> Result<(), StoreFault> {
        Err(StoreFault::Io)
    }

    fn finish(&self) -> Result<(), StoreFault> {
        Ok(())
    }
}
