//! What a `.torrent` says (BEP 3, 12, 27).
//!
//! Whoever wrote it is a stranger. What is read here has been checked: lengths add up to the pieces, and names are components of
//! paths that lie below one folder and do not collide. Keys that are not known here are kept, in the `info` (its bytes are what the
//! info hash is over) and beside it.
//!
//! | part | file |
//! |---|---|
//! | the file to a [`Metainfo`] | `parse.rs` |
//! | names of files | `paths.rs` |
//! | a [`Draft`] to a [`Metainfo`], and that to a file | `write.rs` |

mod parse;
mod paths;
mod write;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::bencode::BencodeError;
use crate::wire::{ANSWER_BYTES_MAX, InfoHash, PIECES_MAX};

pub use paths::{PATH_DEPTH_MAX, PathFault};
pub use write::{Draft, NEW_PIECE_LENGTH_MAX, NEW_PIECE_LENGTH_MIN};

/// The longest `.torrent` that is read: it may have come as an HTTP answer, which has the same limit.
pub const TORRENT_BYTES_MAX: usize = ANSWER_BYTES_MAX;
/// The most files of a torrent.
pub const FILES_MAX: usize = 100_000;
/// The longest piece. Torrents of hundreds of gigabytes have 16 MiB.
pub const PIECE_LENGTH_MAX: u32 = 64 << 20;
/// The most trackers of a torrent that are kept; long lists are copied from one torrent to the next, and mostly dead.
pub const TRACKERS_MAX: usize = 128;
/// The longest address of a tracker.
pub const TRACKER_BYTES_MAX: usize = 2_048;

/// A key of a dictionary, and its value's bytes as they stand.
pub type RawEntry = (Box<[u8]>, Box<[u8]>);

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
    /// Other entries beside `info`, as they stand in the file: key and value (`nodes`, `url-list`, …).
    pub others: Vec<RawEntry>,
}

/// A torrent's content: names, lengths, and a SHA-1 for each piece.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Info {
    /// Of the one file, or of the folder that holds the files. One component of a path, as it stands in the torrent: whoever makes a
    /// path of it makes it safe for his file system.
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
    /// What the content is called where it is listed and looked for: its name, and if it is a folder of one file also the path of
    /// that.
    pub fn title(&self) -> Cow<'_, str> {
        match &*self.files {
            [single] if !single.path.is_empty() => format!("{}/{}", self.name, single.path.join("/")).into(),
            _ => Cow::Borrowed(&self.name),
        }
    }

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

/// Why bytes are no torrent, or why none can be made of a draft. Files count from 1.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MetainfoError {
    /// Longer than [`TORRENT_BYTES_MAX`].
    #[error("a torrent of {0} bytes is too long, at most {TORRENT_BYTES_MAX} are taken")]
    TooLong(usize),
    /// Not in the notation.
    #[error("not a torrent: {0}")]
    Bencode(#[from] BencodeError),
    /// A value is missing or of another kind.
    #[error("not a torrent: {0} is missing or of the wrong kind")]
    Missing(&'static str),
    /// No length of a piece.
    #[error("a piece length of {0} bytes, from 1 to {PIECE_LENGTH_MAX} are allowed")]
    PieceLength(i64),
    /// No length of a piece of a new torrent.
    #[error("a piece length of {0} bytes, where a power of two from 16 KiB to 16 MiB is needed")]
    NewPieceLength(u32),
    /// Not 20 bytes for each piece.
    #[error("the torrent's hashes have {0} bytes, which is no multiple of 20")]
    Hashes(usize),
    /// Not as many hashes as pieces.
    #[error("the torrent has {hashes} hashes, but its length makes {pieces} pieces")]
    PieceCount {
        /// Hashes there are.
        hashes: u64,
        /// Hashes there should be.
        pieces: u64,
    },
    /// More than [`PIECES_MAX`].
    #[error("the torrent has {0} pieces, at most {PIECES_MAX} are taken")]
    TooManyPieces(usize),
    /// A list without files.
    #[error("the torrent has no file")]
    NoFile,
    /// More than [`FILES_MAX`].
    #[error("the torrent has {0} files, at most {FILES_MAX} are taken")]
    TooManyFiles(usize),
    /// All files are empty: there is no piece to trade.
    #[error("the torrent's files are all empty")]
    NoContent,
    /// A length below zero, or none.
    #[error("the torrent's file {0} has no valid length")]
    Length(usize),
    /// The lengths add up to more than 64 bits.
    #[error("the torrent's files are longer together than any disk")]
    TotalLength,
    /// A name that cannot be one.
    #[error("the torrent's name {0}")]
    Name(PathFault),
    /// A path that cannot be one.
    #[error("the torrent's file {file} {fault}")]
    Path {
        /// Which file.
        file: usize,
        /// What is wrong with its path.
        fault: PathFault,
    },
    /// Two files at one place.
    #[error("the torrent's files {0} and {1} have the same path")]
    SamePath(usize, usize),
    /// A file below a file.
    #[error("the torrent's file {file} lies below its file {folder}, which is no folder")]
    BelowFile {
        /// The one below.
        file: usize,
        /// The one above.
        folder: usize,
    },
}
