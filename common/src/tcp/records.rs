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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seal::{Handshake, Identity, Progress, Seal, Sealer, Through};

    fn stream() -> (Sealer, Opener) {
        let mut dialler = Handshake::new(Seal::Dialler, &Identity::generate());
        let acceptor = Handshake::new(Seal::Acceptor, &Identity::generate());
        let Ok((answer, Progress::Awaits(acceptor))) = acceptor.take(&dialler.start()) else { panic!("e") };
        let Ok((last, Progress::Through(Through { sealer, .. }))) = dialler.take(&answer) else {
            panic!("s")
        };
        let Ok((_, Progress::Through(Through { opener, .. }))) = acceptor.take(&last) else { panic!("se") };
        (sealer, opener)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn records_come_out_whole_however_they_were_split(
            lens in prop::collection::vec(prop_oneof![1..200_usize, 1..RECORD_BYTES_MAX, Just(RECORD_BYTES_MAX)], 1..8),
            pieces in prop::collection::vec(prop_oneof![1..40_usize, 1..100_000_usize], 1..20),
            behind in any::<prop::sample::Index>(),
        ) {
            let (mut sealer, opener) = stream();
            let (mut said, mut wire, mut sealed) = (Vec::new(), Vec::new(), Vec::new());
            for (n, len) in lens.iter().enumerate() {
                let bytes: Vec<u8> = (0..*len).map(|at| (at * 7 + n) as u8).collect();
                let sealed_len = sealer.seal(&bytes, &mut sealed);
                wire.extend_from_slice(&sealed[..sealed_len]);
                said.extend(bytes);
            }
            wire.extend(sealer.good_bye());
            // Some of it may have come with the handshake's last message.
            let (come, mut rest) = wire.split_at(behind.index(wire.len().min(10_000)));
            let (mut records, mut out) = (Records::new(opener, come), BytesMut::new());
            let (mut cost, mut pieces) = (Sealing::default(), pieces.iter().cycle());
            loop {
                match records.open_next(&mut out, &mut cost) {
                    Ok(Opened::Bytes(_)) => {}
                    Ok(Opened::GoodBye) => break,
                    Ok(Opened::Partly) => {
                        prop_assert!(!rest.is_empty(), "nothing more comes, and the good-bye was not seen");
                        let room = records.room();
                        let take = room.len().min(rest.len()).min(*pieces.next().expect("they repeat"));
                        prop_assert!(take > 0, "there is always room");
                        room[..take].copy_from_slice(&rest[..take]);
                        rest = &rest[take..];
                        records.filled(take);
                        records.rest();
                        prop_assert!(records.waiting.len() <= WAITING_BYTES_MAX);
                    }
                    Err(error) => return Err(TestCaseError::fail(error.to_string())),
                }
            }
            prop_assert!(out == said, "what came out differs");
            prop_assert_eq!(cost.received as usize, wire.len() - said.len());
        }
    }
}
