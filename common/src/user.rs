//! What a user asks of a peer and is told: the same words for all overlays.
//!
//! A harness that speaks only these cannot know which overlay it drives.

use std::fmt;
use std::net::SocketAddrV4;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::peer::FileId;
use crate::store::Ranges;

/// A search, numbered by whoever started it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SearchId(pub u32);

/// A download, numbered by whoever started it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct FetchId(pub u32);

/// What is known of a file apart from its place. Shared by everyone who has the file, never changed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FileInfo {
    /// Path as shared, `directory/name.suffix`, UTF-8, `/` between components.
    pub name: Box<str>,
    /// Bytes.
    pub size: u64,
    /// A content digest, if one was computed.
    pub digest: Option<Digest>,
    /// What media players and search filters ask for.
    pub media: Media,
    /// Other words it is found by, where the overlay has them: artist, title, album, keywords. Mostly empty.
    pub about: Box<str>,
}

/// The last component of a path: the name a file has on the wire.
pub fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// Attributes of a media file. Zero where unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Media {
    /// Kilobits per second.
    pub bitrate_kbps: u32,
    /// Samples per second.
    pub frequency_hz: u32,
    /// Length in seconds.
    pub duration_s: u32,
}

/// A file of this node's store that it offers to others.
#[derive(Clone, Debug)]
pub struct SharedFile {
    /// Where the store has it.
    pub file: FileId,
    /// What it is.
    pub info: Arc<FileInfo>,
}

/// An inclusive range of allowed values; the default allows all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Range {
    /// The smallest allowed value.
    pub min: u32,
    /// The largest allowed value.
    pub max: u32,
}

impl Default for Range {
    fn default() -> Self {
        Range { min: 0, max: u32::MAX }
    }
}

impl Range {
    /// All values from `min` on.
    pub fn at_least(min: u32) -> Self {
        Range { min, ..Range::default() }
    }

    /// All values up to `max`.
    pub fn at_most(max: u32) -> Self {
        Range { max, ..Range::default() }
    }

    /// One value.
    pub fn exactly(value: u32) -> Self {
        Range { min: value, max: value }
    }

    /// True if `value` is allowed.
    pub fn contains(&self, value: u32) -> bool {
        self.min <= value && value <= self.max
    }

    /// True if every value is allowed.
    pub fn is_any(&self) -> bool {
        *self == Range::default()
    }
}

/// What a search asks for. All words and all filters must match.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Query {
    /// Words, as the user typed them; a word with a leading `-` excludes.
    pub words: String,
    /// Kilobits per second.
    pub bitrate_kbps: Range,
    /// Samples per second.
    pub frequency_hz: Range,
    /// Seconds.
    pub duration_s: Range,
    /// Bytes, of which the filters know only the first 4 GiB.
    pub size: Range,
    /// The holder's line, in the overlay's own classes.
    pub speed: Range,
    /// At most so many results; zero means as many as the overlay gives.
    pub results_max: u32,
}

impl Query {
    /// A search for words alone.
    pub fn words(words: impl Into<String>) -> Self {
        Query { words: words.into(), ..Query::default() }
    }
}

/// Who has a file, in whatever way the overlay names its nodes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Holder {
    /// Nick or user name, where the overlay has them.
    pub nick: Box<str>,
    /// Where it says it can be reached.
    pub address: Option<SocketAddrV4>,
    /// The servent's identifier, where the overlay has one.
    pub guid: [u8; 16],
    /// The holder's own number for the file, where the overlay has one.
    pub index: u32,
    /// Through whom the holder is asked to dial if it cannot be dialled, where the overlay has such: its supernode.
    pub via: Option<SocketAddrV4>,
}

/// One result of a search.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hit {
    /// The file as its holder describes it.
    pub info: FileInfo,
    /// Who has it.
    pub holder: Holder,
    /// The holder's line as it claims it, in the overlay's own classes.
    pub speed: u32,
    /// Connections of the overlay between the user and whoever answered: 1 for a server or a neighbour. `None` where the
    /// wire does not say, and for a hit that no search has found.
    pub hops: Option<u8>,
}

/// A download to be made.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// How notes will name it.
    pub fetch: FetchId,
    /// Holders of the same content, best guess first; which of them to use is the peer's business.
    pub candidates: Vec<Arc<Hit>>,
    /// Where it goes; a store file opened for writing.
    pub into: FileId,
    /// What is there already.
    pub have: Ranges,
}

/// What the user wants.
#[derive(Clone, Debug)]
pub enum Command {
    /// Offer these files too.
    Share(Arc<[SharedFile]>),
    /// Offer this file no longer.
    Unshare(FileId),
    /// Look for something. `Found` follows for each result and `SearchEnded` once, always.
    Search(SearchId, Arc<Query>),
    /// Download something. `Progress` follows, then `Fetched` or `Failed`.
    Fetch(Box<Fetch>),
    /// Stop a download; what is there stays for a later resume.
    Cancel(FetchId),
    /// List the files of one user, as a search whose results are all of them.
    Browse(SearchId, Arc<str>),
    /// Say good-bye to the overlay and close everything.
    Leave,
}

/// What the user is told.
#[derive(Clone, Debug)]
pub enum Note {
    /// The peer is part of the overlay and can search.
    Online,
    /// The peer has lost the overlay, or could not join; it says why and whether it tries again.
    Offline(Arc<str>),
    /// The overlay has refused the peer for good (a wrong password), or taken its place away (somebody else has its name); it says why.
    /// It does not try again; what runs between peers goes on.
    ShutOut(Arc<str>),
    /// A result of a search.
    Found(SearchId, Arc<Hit>),
    /// No more results of a search will come.
    SearchEnded(SearchId, SearchEnd),
    /// A download has so many bytes of its file.
    Progress(FetchId, u64),
    /// A download is complete, verified where a digest was known, and stands under its final name.
    Fetched(FetchId),
    /// A download has ended without its file.
    Failed(FetchId, Failure),
    /// An upload of so many bytes to somebody has ended.
    Uploaded(FileId, u64),
    /// Something the overlay wants the user to read: message of the day, statistics, who came and went.
    Text(Arc<str>),
    /// Something for the node's records, which outlive it, in its overlay's own words: a line to be added, or a text in place of
    /// the one before. The overlay reads it back through its configuration.
    Keep(Arc<str>),
}

/// How a search ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum SearchEnd {
    /// Everyone asked has answered, or the overlay's time for answers is over.
    Complete,
    /// The overlay refused the query.
    Refused,
    /// There is nobody to ask.
    Offline,
    /// No answer in time.
    Timeout,
}

/// Why a download failed. What had arrived stays for a later resume.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Failure {
    /// Nobody who is said to have the file could be reached.
    NoHolder,
    /// Every holder refused or is full.
    Refused,
    /// Every holder fell silent.
    Timeout,
    /// Every copy offered was not what its digest promised.
    Corrupt,
    /// The disk is full.
    DiskFull,
    /// The store failed in another way.
    Store,
    /// The user cancelled it.
    Cancelled,
    /// The overlay is gone and is needed to find a holder.
    Offline,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Failure::NoHolder => "nobody who has it could be reached",
            Failure::Refused => "everyone who has it refused or is full",
            Failure::Timeout => "everyone who has it fell silent",
            Failure::Corrupt => "every copy offered was corrupt",
            Failure::DiskFull => "the disk is full; make room",
            Failure::Store => "the file could not be written",
            Failure::Cancelled => "cancelled",
            Failure::Offline => "the overlay could not be reached",
        })
    }
}

impl fmt::Display for SearchEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SearchEnd::Complete => "complete",
            SearchEnd::Refused => "the query was refused",
            SearchEnd::Offline => "the overlay could not be reached",
            SearchEnd::Timeout => "no answer in time",
        })
    }
}

const _: () = assert!(size_of::<Command>() <= 24);
const _: () = assert!(size_of::<Note>() <= 24);
