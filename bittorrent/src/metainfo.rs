//! What a `.torrent` says (BEP 3, 12, 27).

use std::ops::Range;
use std::sync::Arc;

use crate::wire::InfoHash;

/// A torrent's metainfo: where its trackers are, and what its content is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Metainfo {
    /// What its swarm is called: SHA-1 over `info_bytes`.
    pub info_hash: InfoHash,
    /// The content.
    pub info: Info,
    /// The `info` dictionary exactly as it stands in the file, keys unknown here included: what peers exchange as metadata (BEP 9).
    pub info_bytes: Arc<[u8]>,
    /// Trackers by tiers (BEP 12); one tier of one if the file has only `announce`.
    pub trackers: Vec<Vec<Box<str>>>,
    /// Free text.
    pub comment: Option<Box<str>>,
    /// Which program made it.
    pub created_by: Option<Box<str>>,
    /// When it was made, seconds of the Unix epoch.
    pub creation_date_s: Option<u64>,
}

/// A torrent's content: names, lengths, and a SHA-1 for each piece.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Info {
    /// Of the one file, or of the folder that holds the files. As it stands in the torrent: whoever makes a path of it makes it safe.
    pub name: Box<str>,
    /// Bytes of each piece but the last, which may be shorter.
    pub piece_length: u32,
    /// SHA-1 of each piece.
    pub pieces: Box<[[u8; 20]]>,
    /// The files in the order of the one stream of bytes that pieces are cut from; a single-file torrent has one, without a path.
    pub files: Box<[FileEntry]>,
    /// Bytes of all files together.
    pub length: u64,
    /// Peers come from its trackers only (BEP 27).
    pub is_private: bool,
}

/// One file of a torrent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileEntry {
    /// Its path below the folder, component by component; empty in a single-file torrent.
    pub path: Box<[Box<str>]>,
    /// Bytes.
    pub length: u64,
}

impl Info {
    /// How many pieces there are.
    pub fn piece_count(&self) -> u32 {
        self.pieces.len() as u32
    }

    /// Bytes of a piece.
    ///
    /// # Panics
    /// If there is no such piece.
    pub fn piece_len(&self, piece: u32) -> u32 {
        assert!(piece < self.piece_count(), "there is no piece {piece}");
        (self.length - self.offset(piece)).min(u64::from(self.piece_length)) as u32
    }

    /// Where a piece begins in the stream of all files.
    pub fn offset(&self, piece: u32) -> u64 {
        u64::from(piece) * u64::from(self.piece_length)
    }

    /// The bytes of a piece in the stream of all files.
    pub fn span(&self, piece: u32) -> Range<u64> {
        let start = self.offset(piece);
        start..start + u64::from(self.piece_len(piece))
    }
}
