//! What of a download is surely on disk, in a small file beside it.
//!
//! The journal holds two slots, written in turn, each with a checksum; the valid one with the higher sequence
//! number counts. A write that is torn by a crash therefore leaves the state before it. A slot is only written
//! after the bytes that it vouches for have been synced, and it is itself synced before a byte that an earlier
//! slot vouches for is overwritten.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use md5::{Digest as _, Md5};

use super::Ranges;
use crate::user::FileInfo;

/// Marks a slot that lists ranges.
const MAGIC: &[u8; 8] = b"p2ppart2";
/// Marks a slot of the first version, which has the length of one range from the start instead of the list; read, not
/// written.
const MAGIC_PREFIX: &[u8; 8] = b"p2ppart1";
/// Magic, sequence, identity, and how many ranges there are (in the first version: its range's end).
const HEAD_BYTES: usize = 8 + 8 + 16 + 8;
/// Start and end of a range.
const RANGE_BYTES: usize = 8 + 8;
const CHECKSUM_BYTES: usize = 16;
/// Room for a slot. The second one starts behind it, in another disk sector than the first.
const SLOT_BYTES_MAX: usize = 4096;
/// The most ranges a slot can list: 252, where a download leaves few more than it has sources.
const RANGES_LISTED_MAX: usize = (SLOT_BYTES_MAX - HEAD_BYTES - CHECKSUM_BYTES) / RANGE_BYTES;

/// Which content a download is for: MD5 over what was announced of it. Bytes of one file are never resumed as
/// part of another that happens to have its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity([u8; 16]);

impl Identity {
    pub(super) fn of(info: &FileInfo) -> Self {
        let mut announced = info.size.to_le_bytes().to_vec();
        if let Some(digest) = &info.digest {
            announced.extend_from_slice(digest.as_bytes());
        }
        Identity(checksum(&announced))
    }
}

/// What a journal says.
#[derive(Clone)]
struct State {
    sequence: u64,
    identity: Identity,
    ranges: Ranges,
}

/// An open journal.
pub(super) struct Journal {
    file: File,
    state: State,
}

/// What opening a journal found.
pub(super) enum Found {
    /// A journal for this content.
    Ours(Journal),
    /// No valid journal at all.
    Nothing,
    /// A journal for other content.
    Other,
}

impl Journal {
    /// Reads the journal at `path`, if there is one.
    pub(super) fn open(path: &Path, identity: Identity) -> io::Result<Found> {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(error),
        };
        let slots = [read_slot(&file, 0)?, read_slot(&file, SLOT_BYTES_MAX as u64)?];
        let Some(state) = slots.into_iter().flatten().max_by_key(|state| state.sequence) else {
            return Ok(Found::Nothing);
        };
        if state.identity != identity {
            return Ok(Found::Other);
        }
        Ok(Found::Ours(Journal { file, state }))
    }

    /// Starts a journal that vouches for nothing yet.
    pub(super) fn create(path: &Path, identity: Identity) -> io::Result<Journal> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        let state = State { sequence: 0, identity, ranges: Ranges::default() };
        let mut journal = Journal { file, state };
        journal.record(&Ranges::default())?;
        Ok(journal)
    }

    /// Vouches for these bytes, which the caller has synced; of more ranges than a slot can list, for the largest.
    pub(super) fn record(&mut self, ranges: &Ranges) -> io::Result<()> {
        self.state.ranges = largest(ranges, RANGES_LISTED_MAX);
        self.state.sequence += 1;
        let offset = if self.state.sequence.is_multiple_of(2) { 0 } else { SLOT_BYTES_MAX as u64 };
        self.file.write_all_at(&self.state.encode(), offset)
    }

    /// Vouches for less than before, surely, so that the rest may be overwritten.
    pub(super) fn retract(&mut self, ranges: &Ranges) -> io::Result<()> {
        self.record(ranges)?;
        self.file.sync_data()
    }

    /// The bytes it vouches for.
    pub(super) fn ranges(&self) -> &Ranges {
        &self.state.ranges
    }
}

impl State {
    fn encode(&self) -> Vec<u8> {
        let mut slot = Vec::with_capacity(SLOT_BYTES_MAX);
        slot.extend(MAGIC);
        slot.extend(self.sequence.to_le_bytes());
        slot.extend(self.identity.0);
        slot.extend((self.ranges.iter().count() as u64).to_le_bytes());
        for (start, end) in self.ranges.iter() {
            slot.extend(start.to_le_bytes());
            slot.extend(end.to_le_bytes());
        }
        slot.extend(checksum(&slot));
        slot
    }

    /// Reads what begins with a slot; whatever follows it is left from one that was longer.
    fn decode(bytes: &[u8]) -> Option<State> {
        let (head, rest) = bytes.split_at_checked(HEAD_BYTES)?;
        let count = number(&head[32..])?;
        let listed = match head.first_chunk()? {
            MAGIC if count <= RANGES_LISTED_MAX as u64 => rest.get(..count as usize * RANGE_BYTES)?,
            MAGIC_PREFIX => &[],
            _ => return None,
        };
        let (summed, sum) = bytes.split_at(HEAD_BYTES + listed.len());
        if sum.first_chunk()? != &checksum(summed) {
            return None;
        }
        let mut ranges = Ranges::default();
        for range in listed.chunks_exact(RANGE_BYTES) {
            ranges.insert(number(range)?, number(&range[8..])?).ok()?;
        }
        if head.starts_with(MAGIC_PREFIX) {
            ranges = Ranges::from_start(count);
        }
        let identity = Identity(head[16..32].try_into().ok()?);
        Some(State { sequence: number(&head[8..])?, identity, ranges })
    }
}

/// The number at the start of `bytes`.
fn number(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// The largest `count` of the ranges, of equal ones the first.
fn largest(ranges: &Ranges, count: usize) -> Ranges {
    let mut all: Vec<(u64, u64)> = ranges.iter().collect();
    if all.len() <= count {
        return ranges.clone();
    }
    all.sort_by_key(|(start, end)| std::cmp::Reverse(end - start));
    let mut kept = Ranges::default();
    for (start, end) in all.into_iter().take(count) {
        kept.insert(start, end).expect("fewer ranges than before fit");
    }
    kept
}

fn read_slot(file: &File, offset: u64) -> io::Result<Option<State>> {
    let mut slot = Vec::with_capacity(SLOT_BYTES_MAX);
    // The file may end within the slot.
    while slot.len() < SLOT_BYTES_MAX {
        let mut piece = [0; SLOT_BYTES_MAX];
        let room = SLOT_BYTES_MAX - slot.len();
        match file.read_at(&mut piece[..room], offset + slot.len() as u64) {
            Ok(0) => break,
            Ok(read) => slot.extend(&piece[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(State::decode(&slot))
}

fn checksum(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_ranges_are_kept_where_not_all_fit() {
        let mut ranges = Ranges::default();
        for n in 0..RANGES_LISTED_MAX as u64 + 40 {
            // Forty short ones among them.
            let len = if n % 7 == 0 && n < 280 { 1 } else { 5 };
            ranges.insert(10 * n, 10 * n + len).unwrap();
        }
        let dir = tempfile::tempdir().unwrap();
        let (path, identity) = (dir.path().join("state"), Identity::of(&FileInfo::default()));
        Journal::create(&path, identity).unwrap().record(&ranges).unwrap();
        let Ok(Found::Ours(journal)) = Journal::open(&path, identity) else { panic!("there is a journal") };
        let expected: Vec<_> = ranges.iter().filter(|(start, end)| end - start == 5).collect();
        assert_eq!(expected.len(), RANGES_LISTED_MAX);
        assert!(journal.ranges().iter().eq(expected));
    }

    #[test]
    fn a_journal_of_the_first_version_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let (path, identity) = (dir.path().join("state"), Identity::of(&FileInfo::default()));
        let mut slot = Vec::from(MAGIC_PREFIX);
        slot.extend(7u64.to_le_bytes());
        slot.extend(identity.0);
        slot.extend(1234u64.to_le_bytes());
        slot.extend(checksum(&slot));
        std::fs::write(&path, &slot).unwrap();
        let Ok(Found::Ours(mut journal)) = Journal::open(&path, identity) else { panic!("it is ours") };
        assert_eq!(journal.ranges(), &Ranges::from_start(1234));
        // It goes on in the present version, in the other slot or in its place.
        for len in [2000, 3000] {
            journal.record(&Ranges::from_start(len)).unwrap();
            let Ok(Found::Ours(again)) = Journal::open(&path, identity) else { panic!("it is ours") };
            assert_eq!(again.ranges(), &Ranges::from_start(len));
        }
    }
}
