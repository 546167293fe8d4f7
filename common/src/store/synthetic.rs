//! Content that is computed, not kept.

use super::{Storage, StoreFault, range_within};
use crate::digest::{Algorithm, Digest};

/// Bytes generated in one go; also the unit of the function: byte `i` depends on content and `i / 8` alone.
const WORD_BYTES: u64 = 8;

/// A file whose content is a function of its content number and the offset, and which therefore takes no room:
/// the source of simulated and real synthetic transfers.
///
/// Its [`digest`](Storage::digest) is a **token**: a value of the asked function over (content, offset, length)
/// and not over the bytes, so that checking a simulated file costs nothing. Source and [`Checking`](super::Checking)
/// sink agree on it; a program outside of this workspace that hashes the bytes gets another value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Synthetic {
    content: u64,
    size: u64,
}

impl Synthetic {
    /// The file of `size` bytes with this content number.
    pub fn new(content: u64, size: u64) -> Self {
        Synthetic { content, size }
    }
}

/// Eight bytes of content. One multiplication between two xor-shifts mixes enough that no two aligned words of
/// one file are equal by construction (each step can be undone) and neighbouring contents share nothing.
#[inline(always)]
fn word(key: u64, index: u64) -> [u8; 8] {
    let mut x = key.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x ^= x >> 32;
    x = x.wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^= x >> 29;
    x.to_le_bytes()
}

/// The key of a content number: neighbouring numbers give unrelated keys (the finaliser of SplitMix64).
fn key(content: u64) -> u64 {
    let mut x = content.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Fills `buf` with the content from `offset` on.
fn generate(content: u64, offset: u64, buf: &mut [u8]) {
    let key = key(content);
    let skip = (offset % WORD_BYTES) as usize;
    let mut index = offset / WORD_BYTES;
    let mut rest = buf;
    if skip != 0 {
        let take = rest.len().min(8 - skip);
        let (head, tail) = rest.split_at_mut(take);
        head.copy_from_slice(&word(key, index)[skip..skip + take]);
        index += 1;
        rest = tail;
    }
    let mut words = rest.chunks_exact_mut(8);
    for chunk in &mut words {
        chunk.copy_from_slice(&word(key, index));
        index += 1;
    }
    let tail = words.into_remainder();
    tail.copy_from_slice(&word(key, index)[..tail.len()]);
}

impl Storage for Synthetic {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), StoreFault> {
        range_within(offset, buf.len() as u64, self.size)?;
        generate(self.content, offset, buf);
        Ok(())
    }

    fn write_at(&self, _: u64, _: &[u8]) -> Result<(), StoreFault> {
        Err(StoreFault::Io)
    }

    fn finish(&self) -> Result<(), StoreFault> {
        Ok(())
    }

    fn digest(&self, offset: u64, len: u64, algorithm: Algorithm) -> Result<Digest, StoreFault> {
        range_within(offset, len, self.size)?;
        let numbers = [self.content, offset, len].map(u64::to_le_bytes);
        Ok(algorithm.of(&[b"synthetic content", numbers.as_flattened()].concat()))
    }

    fn content(&self) -> Option<u64> {
        Some(self.content)
    }
}
