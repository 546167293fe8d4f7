//! How much of a download is surely on disk, in a small file beside it.
//!
//! The journal holds two slots, written in turn, each with a checksum; the valid one with the higher sequence
//! number counts. A write that is torn by a crash therefore leaves the state before it. A slot is only written
//! after the bytes that it vouches for have been synced, and it is itself synced before a byte that an earlier
//! slot vouches for is overwritten.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::digest::{Algorithm, Digest, Hasher};
use crate::user::FileInfo;

/// Marks a journal, and its version.
const MAGIC: &[u8; 8] = b"p2ppart1";
/// Magic, sequence, identity, prefix, checksum.
const SLOT_BYTES: usize = 8 + 8 + 16 + 8 + 16;
/// Where the second slot starts: not in the first one's disk sector.
const SECOND_SLOT: u64 = 4096;

/// Which content a download is for: MD5 over what was announced of it. Bytes of one file are never resumed as
/// part of another that happens to have its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity([u8; 16]);

impl Identity {
    pub(super) fn of(info: &FileInfo) -> Self {
        let mut hasher = Hasher::new(Algorithm::Md5);
        hasher.update(&info.size.to_le_bytes());
        if let Some(digest) = &info.digest {
            hasher.update(digest.as_bytes());
        }
        Identity(md5_bytes(hasher))
    }
}

/// What a journal says.
#[derive(Clone, Copy)]
struct State {
    sequence: u64,
    identity: Identity,
    prefix: u64,
}

/// An open journal.
pub(super) struct Journal {
    file: File,
    state: State,
}

/// What opening a journal found.
pub(super) enum Found {
    /// A journal for this content; it vouches for so many bytes from the start.
    Ours(Journal, u64),
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
        let slots = [read_slot(&file, 0)?, read_slot(&file, SECOND_SLOT)?];
        let Some(state) = slots.into_iter().flatten().max_by_key(|state| state.sequence) else {
            return Ok(Found::Nothing);
        };
        if state.identity != identity {
            return Ok(Found::Other);
        }
        let prefix = state.prefix;
        Ok(Found::Ours(Journal { file, state }, prefix))
    }

    /// Starts a journal that vouches for nothing yet.
    pub(super) fn create(path: &Path, identity: Identity) -> io::Result<Journal> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        let mut journal = Journal { file, state: State { sequence: 0, identity, prefix: 0 } };
        journal.record(0)?;
        Ok(journal)
    }

    /// Vouches for the first `prefix` bytes, which the caller has synced.
    pub(super) fn record(&mut self, prefix: u64) -> io::Result<()> {
        self.state.prefix = prefix;
        self.state.sequence += 1;
        let offset = if self.state.sequence.is_multiple_of(2) { 0 } else { SECOND_SLOT };
        self.file.write_all_at(&self.state.encode(), offset)
    }

    /// Vouches for less than before, surely, so that the rest may be overwritten.
    pub(super) fn retract(&mut self, prefix: u64) -> io::Result<()> {
        self.record(prefix)?;
        self.file.sync_data()
    }

    /// The bytes it vouches for.
    pub(super) fn prefix(&self) -> u64 {
        self.state.prefix
    }
}

impl State {
    fn encode(&self) -> [u8; SLOT_BYTES] {
        let mut slot = [0; SLOT_BYTES];
        slot[..8].copy_from_slice(MAGIC);
        slot[8..16].copy_from_slice(&self.sequence.to_le_bytes());
        slot[16..32].copy_from_slice(&self.identity.0);
        slot[32..40].copy_from_slice(&self.prefix.to_le_bytes());
        let sum = checksum(&slot[..40]);
        slot[40..].copy_from_slice(&sum);
        slot
    }

    fn decode(slot: &[u8; SLOT_BYTES]) -> Option<State> {
        if &slot[..8] != MAGIC || slot[40..] != checksum(&slot[..40]) {
            return None;
        }
        Some(State {
            sequence: u64::from_le_bytes(slot[8..16].try_into().ok()?),
            identity: Identity(slot[16..32].try_into().ok()?),
            prefix: u64::from_le_bytes(slot[32..40].try_into().ok()?),
        })
    }
}

fn read_slot(file: &File, offset: u64) -> io::Result<Option<State>> {
    let mut slot = [0; SLOT_BYTES];
    match file.read_exact_at(&mut slot, offset) {
        Ok(()) => Ok(State::decode(&slot)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn checksum(bytes: &[u8]) -> [u8; 16] {
    let mut hasher = Hasher::new(Algorithm::Md5);
    hasher.update(bytes);
    md5_bytes(hasher)
}

fn md5_bytes(hasher: Hasher) -> [u8; 16] {
    match hasher.finish() {
        Digest::Md5(bytes) => bytes,
        Digest::Sha1(_) => unreachable!("an MD5 hasher gives an MD5 digest"),
    }
}
