//! What has come of a sealed connection's next records.

use bytes::BytesMut;

use crate::metrics::Sealing;
use crate::seal::{LENGTH_BYTES, Opener, RECORD_BYTES_MAX, RECORD_OVERHEAD_BYTES, SealError};

/// The most that waits to be opened: one record.
const WAITING_BYTES_MAX: usize = RECORD_BYTES_MAX + RECORD_OVERHEAD_BYTES;
/// What is read at first; more once reads come back full.
const READ_BYTES_MIN: usize = 4 * 1024;

/// The receiving end of a sealed stream: bytes as they come, and their opener.
pub(super) struct Records {
    opener: Opener,
    /// Bytes that have come and are not opened are `start..end` of these.
    waiting: Vec<u8>,
    start: usize,
    end: usize,
}

/// What the next record held.
pub(super) enum Opened {
    /// So many bytes.
    Bytes(usize),
    /// The good-bye: nothing follows.
    GoodBye,
    /// It has not come whole yet.
    Partly,
}

impl Records {
    /// `come` has come behind the handshake already: no more than a reader's buffer held.
    pub(super) fn new(opener: Opener, come: &[u8]) -> Self {
        Records { opener, waiting: come.to_vec(), start: 0, end: come.len() }
    }

    /// Opens the next record behind what `out` holds, and adds what its seal took to `cost`.
    pub(super) fn open_next(&mut self, out: &mut BytesMut, cost: &mut Sealing) -> Result<Opened, SealError> {
        let waiting = &self.waiting[self.start..self.end];
        let Some(record) = Opener::record_len(waiting).and_then(|len| waiting.get(..len)) else {
            return Ok(Opened::Partly);
        };
        let held = self.opener.open(record, out)?;
        cost.received += (record.len() - held) as u64;
        self.start += record.len();
        Ok(if held == 0 { Opened::GoodBye } else { Opened::Bytes(held) })
    }

    /// Where the next read goes: room for what the next record lacks, at least.
    pub(super) fn room(&mut self) -> &mut [u8] {
        let waiting = &self.waiting[self.start..self.end];
        let record = Opener::record_len(waiting).unwrap_or(LENGTH_BYTES);
        let cramped = self.start + record > self.waiting.len() || self.end == self.waiting.len();
        if cramped || self.start == self.end {
            self.waiting.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let size = record.max(READ_BYTES_MIN);
        if self.waiting.len() < size {
            self.waiting.resize(size, 0);
        }
        &mut self.waiting[self.end..]
    }

    /// So much of the room was filled.
    pub(super) fn filled(&mut self, len: usize) {
        self.end += len;
        if self.end == self.waiting.len() {
            // More was there than fitted: a bulk transfer, for which few large reads are cheaper.
            let size = (2 * self.waiting.len()).min(WAITING_BYTES_MAX).max(self.waiting.len());
            self.waiting.resize(size, 0);
        }
    }

    /// Nothing is there to be read: an idle connection waits without a buffer.
    pub(super) fn rest(&mut self) {
        if self.start == self.end {
            (self.waiting, self.start, self.end) = (Vec::new(), 0, 0);
        }
    }
}
