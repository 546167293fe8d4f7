//! Which pieces of a volume are right, and what their hashes are: read once, on all cores.

use std::io;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use rustix::fs::SeekFrom;
use sha1::{Digest as _, Sha1};

use super::{Volume, VolumeError};
use crate::store::BLOCK_BYTES;

/// SHA-1 of a piece.
type PieceHash = [u8; 20];

/// What there is of a range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Presence {
    /// Something of it is not there at all.
    Absent,
    /// All of it was skipped when its files were written: zeros, that need not be read to be known.
    Hole,
    /// Bytes.
    Data,
}

/// The pieces of a volume.
struct Pieces<'a> {
    volume: &'a Volume,
    piece_length: u32,
    /// The hash of a whole piece of zeros.
    zeros: OnceLock<PieceHash>,
}

impl Volume {
    /// Which pieces have these hashes. `progress` is told how many bytes have been looked at, and of how many. What was never
    /// written is not read, so that a new download costs next to nothing.
    ///
    /// # Panics
    /// If the piece length is zero.
    pub fn check(
        &self,
        piece_length: u32,
        hashes: &[PieceHash],
        mut progress: impl FnMut(u64, u64),
    ) -> Vec<bool> {
        let pieces = Pieces::new(self, piece_length);
        let mut right = vec![false; hashes.len()];
        let is_right = |piece: u64, buf: &mut [u8]| match pieces.hash_if_there(piece, buf) {
            Ok(Some(hash)) => hashes.get(piece as usize) == Some(&hash),
            Ok(None) => false,
            Err(error) => {
                tracing::warn!(%error, piece, "a piece could not be read");
                false
            }
        };
        let mut done = 0;
        on_all_cores(pieces.count().min(hashes.len() as u64), is_right, |piece, is_right| {
            right[piece as usize] = is_right;
            done += pieces.range(piece).1;
            progress(done, self.layout.length);
            ControlFlow::Continue(())
        });
        right
    }

    /// The hash of each piece. `progress` as for [`Volume::check`].
    ///
    /// # Errors
    /// At the first piece that cannot be read whole.
    ///
    /// # Panics
    /// If the piece length is zero.
    pub fn hash(
        &self,
        piece_length: u32,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Vec<PieceHash>, VolumeError> {
        let pieces = Pieces::new(self, piece_length);
        let mut hashes = vec![[0; 20]; pieces.count() as usize];
        let (mut done, mut failed) = (0, None);
        let hash = |piece: u64, buf: &mut [u8]| pieces.hash(piece, buf);
        on_all_cores(pieces.count(), hash, |piece, hash| match hash {
            Ok(hash) => {
                hashes[piece as usize] = hash;
                done += pieces.range(piece).1;
                progress(done, self.layout.length);
                ControlFlow::Continue(())
            }
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        });
        failed.map_or(Ok(hashes), Err)
    }

    fn presence(&self, offset: u64, len: u64) -> Result<Presence, VolumeError> {
        let mut presence = Presence::Hole;
        for part in self.layout.parts(offset, len) {
            let file = match self.file(part.at) {
                Err(VolumeError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                    return Ok(Presence::Absent);
                }
                opened => opened?,
            };
            let end = part.offset + part.len;
            if file.metadata().map_err(|source| self.io(part.at, source))?.len() < end {
                return Ok(Presence::Absent);
            }
            // This moves the descriptor's position, which nothing here reads or writes at.
            let is_hole = match rustix::fs::seek(&*file, SeekFrom::Data(part.offset)) {
                Ok(data) => data >= end,
                Err(error) => error == rustix::io::Errno::NXIO,
            };
            if !is_hole {
                presence = Presence::Data;
            }
        }
        Ok(presence)
    }
}

impl<'a> Pieces<'a> {
    fn new(volume: &'a Volume, piece_length: u32) -> Self {
        assert!(piece_length > 0, "pieces have bytes");
        Pieces { volume, piece_length, zeros: OnceLock::new() }
    }

    fn count(&self) -> u64 {
        self.volume.layout.length.div_ceil(self.piece_length.into())
    }

    /// Where a piece begins, and how long it is.
    fn range(&self, piece: u64) -> (u64, u64) {
        let piece_length = u64::from(self.piece_length);
        let start = piece * piece_length;
        (start, piece_length.min(self.volume.layout.length - start))
    }

    fn hash(&self, piece: u64, buf: &mut [u8]) -> Result<PieceHash, VolumeError> {
        let (offset, len) = self.range(piece);
        match self.volume.presence(offset, len)? {
            Presence::Hole => Ok(self.hash_of_zeros(len, buf)),
            // Reading says what is missing.
            Presence::Data | Presence::Absent => self.hash_of_bytes(offset, len, buf),
        }
    }

    fn hash_if_there(&self, piece: u64, buf: &mut [u8]) -> Result<Option<PieceHash>, VolumeError> {
        let (offset, len) = self.range(piece);
        Ok(match self.volume.presence(offset, len)? {
            Presence::Absent => None,
            Presence::Hole => Some(self.hash_of_zeros(len, buf)),
            Presence::Data => Some(self.hash_of_bytes(offset, len, buf)?),
        })
    }

    fn hash_of_bytes(&self, offset: u64, len: u64, buf: &mut [u8]) -> Result<PieceHash, VolumeError> {
        let mut hasher = Sha1::new();
        let (mut at, end) = (offset, offset + len);
        while at < end {
            let block = &mut buf[..(end - at).min(BLOCK_BYTES as u64) as usize];
            self.volume.read(at, block)?;
            hasher.update(&*block);
            at += block.len() as u64;
        }
        Ok(hasher.finalize().into())
    }

    fn hash_of_zeros(&self, len: u64, buf: &mut [u8]) -> PieceHash {
        buf.fill(0);
        let hash = || {
            let mut hasher = Sha1::new();
            let mut left = len;
            while left > 0 {
                let take = left.min(BLOCK_BYTES as u64);
                hasher.update(&buf[..take as usize]);
                left -= take;
            }
            hasher.finalize().into()
        };
        // The last piece is mostly shorter.
        if len == u64::from(self.piece_length) { *self.zeros.get_or_init(hash) } else { hash() }
    }
}

/// Does `count` numbered jobs, each core taking the next one when it has done with the one before, so that files are read
/// nearly in order. `each` hears of the results, in whatever order they come, until it breaks off.
fn on_all_cores<T: Send>(
    count: u64,
    job: impl Fn(u64, &mut [u8]) -> T + Sync,
    mut each: impl FnMut(u64, T) -> ControlFlow<()>,
) {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let cores = cores.min(count) as usize;
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let (sender, results) = mpsc::sync_channel(4 * cores);
        for _ in 0..cores {
            let (sender, job, next) = (sender.clone(), &job, &next);
            scope.spawn(move || {
                let mut buf = vec![0; BLOCK_BYTES];
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count || sender.send((number, job(number, &mut buf))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        // By value: whoever still sends after a break is told that nobody listens.
        for (number, result) in results {
            if each(number, result).is_break() {
                break;
            }
        }
    });
}
