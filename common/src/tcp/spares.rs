//! Buffers that a burst was read into, kept to be read into again.
//!
//! A body outlives its read: it is stored, perhaps hashed, and only then is its memory free. With fresh memory for each read the
//! system clears a page for every 4 KiB, which took a tenth of the processor time of a download at full speed.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use bytes::BytesMut;

/// The size of each of these buffers, the largest read that readers ask for by default.
const SPARE_BYTES: usize = 256 * 1024;
/// For less than that the allocator is quick by itself.
const SPARE_BYTES_MIN: usize = 64 * 1024;
/// Buffers kept at most, those among them that are still in use: 4 MiB.
const SPARES_MAX: usize = 16;

/// The buffers of this process: as with an allocator, whoever needs one next need not be who had it last.
static SPARES: Spares = Spares { list: Mutex::new(VecDeque::new()) };

/// What a connection reads into: bytes, and room behind them.
#[derive(Default, Debug)]
pub(super) struct ReadBuffer {
    bytes: BytesMut,
    /// Whether its memory is of the spares and goes back there.
    is_spare: bool,
}

impl ReadBuffer {
    /// Makes room for so many bytes more.
    pub(super) fn make_room(&mut self, want: usize) {
        if self.bytes.try_reclaim(want) {
            return;
        }
        if !(SPARE_BYTES_MIN..=SPARE_BYTES).contains(&(self.bytes.len() + want)) {
            self.is_spare = false;
            return self.bytes.reserve(want);
        }
        let mut spare = SPARES.take();
        spare.extend_from_slice(&self.bytes);
        self.rest();
        *self = ReadBuffer { bytes: spare, is_spare: true };
    }

    /// Drops what it holds, and its memory.
    pub(super) fn rest(&mut self) {
        let ReadBuffer { bytes, is_spare } = std::mem::take(self);
        if is_spare {
            SPARES.give(bytes);
        }
    }
}

impl Deref for ReadBuffer {
    type Target = BytesMut;

    fn deref(&self) -> &BytesMut {
        &self.bytes
    }
}

impl DerefMut for ReadBuffer {
    fn deref_mut(&mut self) -> &mut BytesMut {
        &mut self.bytes
    }
}

/// Buffers of [`SPARE_BYTES`], the longest unused in front.
#[derive(Debug)]
struct Spares {
    list: Mutex<VecDeque<BytesMut>>,
}

impl Spares {
    /// An empty buffer with room for [`SPARE_BYTES`].
    fn take(&self) -> BytesMut {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let free = list.iter_mut().position(|buffer| buffer.try_reclaim(SPARE_BYTES));
        free.and_then(|at| list.remove(at)).unwrap_or_else(|| BytesMut::with_capacity(SPARE_BYTES))
    }

    /// Gives a buffer back. Parts that were split from it stay what they are: it is taken again when they are gone.
    fn give(&self, mut buffer: BytesMut) {
        buffer.clear();
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        if list.len() < SPARES_MAX {
            list.push_back(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_taken_again_once_nothing_of_it_is_in_use() {
        let spares = Spares { list: Mutex::default() };
        let mut buffer = spares.take();
        buffer.extend_from_slice(&[7; SPARE_BYTES - 10]);
        let memory = buffer.as_ptr();
        let body = buffer.split_to(100).freeze();
        spares.give(buffer);
        let other = spares.take();
        assert!(other.as_ptr() != memory && other.capacity() >= SPARE_BYTES);
        assert_eq!(body, [7; 100][..]);
        drop(body);
        let again = spares.take();
        assert_eq!((again.as_ptr(), again.len()), (memory, 0));
        assert!(again.capacity() >= SPARE_BYTES);
    }

    #[test]
    fn what_a_buffer_holds_moves_with_it_when_it_grows() {
        let mut buffer = ReadBuffer::default();
        for (want, is_spare) in [(10, false), (SPARE_BYTES_MIN, true), (SPARE_BYTES, false)] {
            let before = buffer.to_vec();
            buffer.make_room(want);
            assert!(buffer.capacity() - buffer.len() >= want && buffer.is_spare == is_spare, "{want}");
            assert_eq!(buffer[..], before[..]);
            let more = vec![want as u8; want];
            buffer.extend_from_slice(&more);
        }
        buffer.rest();
        assert_eq!((buffer.len(), buffer.capacity(), buffer.is_spare), (0, 0, false));
    }

    #[test]
    fn no_more_than_so_many_are_kept() {
        let spares = Spares { list: Mutex::default() };
        let many: Vec<BytesMut> = (0..3 * SPARES_MAX).map(|_| spares.take()).collect();
        many.into_iter().for_each(|buffer| spares.give(buffer));
        assert_eq!(spares.list.lock().unwrap().len(), SPARES_MAX);
    }
}
