//! What a `.torrent` says (BEP 3, 12, 27).

use std::ops::Range;
use std::sync::Arc;

use sha1::{Digest as _, Sha1};

use crate::bencode::{BencodeError, Dict, Value, Writer, encode_bytes, encode_list};
use crate::wire::{InfoHash, PIECES_MAX};

/// The longest piece that is read. 64 MiB: more than any program makes.
pub const PIECE_LENGTH_MAX: u32 = 64 << 20;
/// The most files of a torrent.
pub const FILES_MAX: usize = 100_000;
/// The most components of a path.
pub const PATH_DEPTH_MAX: usize = 64;
/// The longest name of a file, a folder or the whole, in bytes: no file system has longer ones.
pub const NAME_BYTES_MAX: usize = 255;
/// The most trackers that are kept.
const TRACKERS_MAX: usize = 100;
/// What a `.torrent` has beside its info that is read here; other keys are kept as they are.
const OWN_KEYS: [&[u8]; 6] =
    [b"announce", b"announce-list", b"comment", b"created by", b"creation date", b"info"];

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
    /// What else the file has, key and encoded value: written again as it was.
    pub others: Vec<(Text, Text)>,
}

/// Bytes that need not be of any character set.
pub type Text = Box<[u8]>;

/// Why something is no metainfo that can be used: one line for the user.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MetainfoError {
    /// Not bencoded.
    #[error("it is not bencoded: {0}")]
    Bencode(#[from] BencodeError),
    /// A key is missing or has a value of another kind.
    #[error("its `{0}` is missing or is not what it must be")]
    Key(&'static str),
    /// A number is out of bounds.
    #[error("{0}")]
    Bounds(String),
    /// A name that cannot be one.
    #[error("its file {0} has a path that cannot be used: {1}")]
    Path(usize, &'static str),
    /// Two files of one path, or a file where another has a folder.
    #[error("its files {0} and {1} are in each other's way")]
    Overlap(usize, usize),
    /// Its name cannot be one.
    #[error("its name cannot be used: {0}")]
    Name(&'static str),
}

/// What a new torrent is made of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Draft {
    /// Of the file, or of the folder.
    pub name: Box<str>,
    /// Bytes of each piece but the last.
    pub piece_length: u32,
    /// SHA-1 of each piece.
    pub pieces: Vec<[u8; 20]>,
    /// The files in order; one without a path for a single-file torrent.
    pub files: Vec<FileEntry>,
    /// Trackers by tiers.
    pub trackers: Vec<Vec<Box<str>>>,
    /// Free text.
    pub comment: Option<Box<str>>,
    /// Which program makes it.
    pub created_by: Option<Box<str>>,
    /// When, seconds of the Unix epoch.
    pub creation_date_s: Option<u64>,
    /// Peers are to come from its trackers only.
    pub is_private: bool,
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

impl Metainfo {
    /// Reads a `.torrent`.
    ///
    /// # Errors
    /// Whatever makes it unusable, in words for the user.
    pub fn parse(file: &[u8]) -> Result<Metainfo, MetainfoError> {
        let value = Value::parse(file)?;
        let dict = value.as_dict().ok_or(MetainfoError::Key("info"))?;
        let info = dict.raw(b"info").ok_or(MetainfoError::Key("info"))?;
        let text = |key: &[u8]| dict.get(key).and_then(Value::as_text);
        let others = dict.iter_raw().filter(|(key, _)| !OWN_KEYS.contains(key));
        Ok(Metainfo {
            comment: text(b"comment"),
            created_by: text(b"created by"),
            creation_date_s: dict.get(b"creation date").and_then(Value::as_unsigned),
            others: others.map(|(key, raw)| (key.into(), raw.into())).collect(),
            ..Metainfo::from_info(info, trackers(dict))?
        })
    }

    /// Takes an `info` dictionary as peers give it (BEP 9), and the trackers that a magnet link names.
    ///
    /// # Errors
    /// As [`Metainfo::parse`].
    pub fn from_info(info_bytes: &[u8], trackers: Vec<Vec<Box<str>>>) -> Result<Metainfo, MetainfoError> {
        let value = Value::parse(info_bytes)?;
        let info = Info::of(value.as_dict().ok_or(MetainfoError::Key("info"))?)?;
        Ok(Metainfo {
            info_hash: InfoHash(Sha1::digest(info_bytes).into()),
            info,
            info_bytes: info_bytes.into(),
            trackers,
            comment: None,
            created_by: None,
            creation_date_s: None,
            others: Vec::new(),
        })
    }

    /// Makes a new torrent.
    ///
    /// # Errors
    /// As [`Metainfo::parse`]: what is made here can be read here.
    pub fn new(draft: Draft) -> Result<Metainfo, MetainfoError> {
        let mut info = Writer::default();
        info.bytes(b"name", draft.name.as_bytes());
        info.integer(b"piece length", i64::from(draft.piece_length));
        info.bytes(b"pieces", draft.pieces.as_flattened());
        let length = |file: &FileEntry| {
            i64::try_from(file.length).map_err(|_| MetainfoError::Bounds("a file is too large".to_owned()))
        };
        match &draft.files[..] {
            [single] if single.path.is_empty() => {
                info.integer(b"length", length(single)?);
            }
            files => {
                let mut list = Vec::with_capacity(files.len());
                for file in files {
                    let mut entry = Writer::default();
                    entry.integer(b"length", length(file)?);
                    entry.raw(
                        b"path",
                        encode_list(file.path.iter().map(|part| encode_bytes(part.as_bytes()))),
                    );
                    list.push(entry.finish());
                }
                info.raw(b"files", encode_list(list));
            }
        }
        if draft.is_private {
            info.integer(b"private", 1);
        }
        Ok(Metainfo {
            comment: draft.comment,
            created_by: draft.created_by,
            creation_date_s: draft.creation_date_s,
            ..Metainfo::from_info(&info.finish(), draft.trackers)?
        })
    }

    /// The `.torrent`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut file = Writer::default();
        for (key, raw) in &self.others {
            file.raw(key, raw.to_vec());
        }
        file.raw(b"info", self.info_bytes.to_vec());
        if let Some(first) = self.trackers.first().and_then(|tier| tier.first()) {
            file.bytes(b"announce", first.as_bytes());
        }
        if self.trackers.iter().map(Vec::len).sum::<usize>() > 1 {
            let tier =
                |tier: &Vec<Box<str>>| encode_list(tier.iter().map(|url| encode_bytes(url.as_bytes())));
            file.raw(b"announce-list", encode_list(self.trackers.iter().map(tier)));
        }
        if let Some(comment) = &self.comment {
            file.bytes(b"comment", comment.as_bytes());
        }
        if let Some(program) = &self.created_by {
            file.bytes(b"created by", program.as_bytes());
        }
        if let Some(date) = self.creation_date_s.and_then(|date| i64::try_from(date).ok()) {
            file.integer(b"creation date", date);
        }
        file.finish()
    }
}

/// Trackers by tiers: `announce-list` if there is one, else `announce` (BEP 12).
fn trackers(dict: &Dict<'_>) -> Vec<Vec<Box<str>>> {
    let mut left = TRACKERS_MAX;
    let mut tiers: Vec<Vec<Box<str>>> = Vec::new();
    for tier in dict.get(b"announce-list").and_then(Value::as_list).into_iter().flatten() {
        let urls =
            tier.as_list().into_iter().flatten().filter_map(Value::as_str).filter(|url| !url.is_empty());
        let tier: Vec<Box<str>> = urls.take(left).map(Into::into).collect();
        left -= tier.len();
        if !tier.is_empty() {
            tiers.push(tier);
        }
    }
    if tiers.is_empty()
        && let Some(url) = dict.get(b"announce").and_then(Value::as_str).filter(|url| !url.is_empty())
    {
        tiers.push(vec![url.into()]);
    }
    tiers
}

impl Info {
    fn of(dict: &Dict<'_>) -> Result<Info, MetainfoError> {
        let name = text(dict, b"name.utf-8", b"name").ok_or(MetainfoError::Key("name"))?;
        usable(&name).map_err(MetainfoError::Name)?;
        let piece_length: u32 = dict
            .get(b"piece length")
            .and_then(Value::as_unsigned)
            .ok_or(MetainfoError::Key("piece length"))?;
        if piece_length == 0 || piece_length > PIECE_LENGTH_MAX {
            let text =
                format!("its pieces are of {piece_length} bytes; from 1 to {PIECE_LENGTH_MAX} can be used");
            return Err(MetainfoError::Bounds(text));
        }
        let pieces = dict.get(b"pieces").and_then(Value::as_bytes).ok_or(MetainfoError::Key("pieces"))?;
        let (pieces, rest) = pieces.as_chunks::<20>();
        if !rest.is_empty() {
            return Err(MetainfoError::Key("pieces"));
        }
        let files = files(dict)?;
        let length = files.iter().try_fold(0u64, |sum, file| sum.checked_add(file.length));
        let length = length.ok_or_else(|| MetainfoError::Bounds("its files are too large".to_owned()))?;
        let count = length.div_ceil(piece_length.into());
        if length == 0 {
            return Err(MetainfoError::Bounds("its files are all empty".to_owned()));
        }
        if count != pieces.len() as u64 || count > u64::from(PIECES_MAX) {
            let text = format!(
                "it has {} piece hashes where {length} bytes in pieces of {piece_length} need {count}, and at most {PIECES_MAX} \
                 can be used",
                pieces.len()
            );
            return Err(MetainfoError::Bounds(text));
        }
        let is_private = dict.get(b"private").and_then(Value::as_integer) == Some(1);
        Ok(Info { name, piece_length, pieces: pieces.into(), files: files.into(), length, is_private })
    }
}

fn files(dict: &Dict<'_>) -> Result<Vec<FileEntry>, MetainfoError> {
    if let Some(length) = dict.get(b"length") {
        let length = length.as_unsigned().ok_or(MetainfoError::Key("length"))?;
        return Ok(vec![FileEntry { path: Box::default(), length }]);
    }
    let list = dict.get(b"files").and_then(Value::as_list).ok_or(MetainfoError::Key("files"))?;
    if list.is_empty() || list.len() > FILES_MAX {
        let text = format!("it has {} files; from 1 to {FILES_MAX} can be used", list.len());
        return Err(MetainfoError::Bounds(text));
    }
    let mut files = Vec::with_capacity(list.len());
    for (at, entry) in list.iter().enumerate() {
        let entry = entry.as_dict().ok_or(MetainfoError::Key("files"))?;
        let length = entry.get(b"length").and_then(Value::as_unsigned).ok_or(MetainfoError::Key("length"))?;
        let path = entry.get(b"path.utf-8").or_else(|| entry.get(b"path")).and_then(Value::as_list);
        let path = path.ok_or(MetainfoError::Key("path"))?;
        if path.is_empty() || path.len() > PATH_DEPTH_MAX {
            return Err(MetainfoError::Path(at, "it is empty, or too deep"));
        }
        let mut parts = Vec::with_capacity(path.len());
        for part in path {
            let part = part.as_text().ok_or(MetainfoError::Key("path"))?;
            usable(&part).map_err(|why| MetainfoError::Path(at, why))?;
            parts.push(part);
        }
        files.push(FileEntry { path: parts.into(), length });
    }
    apart(&files)?;
    Ok(files)
}

/// Refuses files that would be written over each other.
fn apart(files: &[FileEntry]) -> Result<(), MetainfoError> {
    let mut sorted: Vec<(&[Box<str>], usize)> =
        files.iter().enumerate().map(|(at, file)| (&*file.path, at)).collect();
    sorted.sort_unstable();
    // In this order whatever lies below a file, or is the same, follows it at once.
    let clash = sorted.windows(2).find(|pair| pair[1].0.starts_with(pair[0].0));
    clash.map_or(Ok(()), |pair| {
        Err(MetainfoError::Overlap(pair[0].1.min(pair[1].1), pair[0].1.max(pair[1].1)))
    })
}

fn text(dict: &Dict<'_>, preferred: &[u8], key: &[u8]) -> Option<Box<str>> {
    dict.get(preferred).or_else(|| dict.get(key)).and_then(Value::as_text)
}

/// Why a name cannot be one of a file.
fn usable(name: &str) -> Result<(), &'static str> {
    match name {
        "" => Err("a name is empty"),
        "." | ".." => Err("a name leads elsewhere"),
        name if name.contains(['/', '\\', '\0']) => Err("a name has a separator or a zero in it"),
        name if name.len() > NAME_BYTES_MAX => Err("a name is too long"),
        _ => Ok(()),
    }
}
