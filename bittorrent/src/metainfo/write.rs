//! A torrent made here, and any as a file.

use super::{FileEntry, Metainfo, MetainfoError};
use crate::bencode::{self, DictWriter, dict};

/// The shortest piece of a torrent made here: one block.
pub const NEW_PIECE_LENGTH_MIN: u32 = 16 << 10;
/// The longest piece of a torrent made here.
pub const NEW_PIECE_LENGTH_MAX: u32 = 16 << 20;

/// What a new torrent is made of.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Of the one file, or of the folder that holds the files.
    pub name: Box<str>,
    /// Bytes of each piece but the last: a power of two from 16 KiB to 16 MiB.
    pub piece_length: u32,
    /// SHA-1 of each piece.
    pub pieces: Vec<[u8; 20]>,
    /// The files in the order of the one stream of bytes; one without a path makes a single-file torrent.
    pub files: Vec<FileEntry>,
    /// Trackers by tiers.
    pub trackers: Vec<Vec<Box<str>>>,
    /// Free text.
    pub comment: Option<Box<str>>,
    /// Which program makes it.
    pub created_by: Option<Box<str>>,
    /// When, seconds of the Unix epoch.
    pub creation_date_s: Option<u64>,
    /// Peers come from its trackers only (BEP 27).
    pub is_private: bool,
}

impl Metainfo {
    /// Makes a torrent.
    ///
    /// # Errors
    /// Whatever would be refused when it is read again, and lengths of pieces that nobody uses.
    pub fn new(draft: Draft) -> Result<Metainfo, MetainfoError> {
        let piece_length = draft.piece_length;
        if !piece_length.is_power_of_two()
            || !(NEW_PIECE_LENGTH_MIN..=NEW_PIECE_LENGTH_MAX).contains(&piece_length)
        {
            return Err(MetainfoError::NewPieceLength(piece_length));
        }
        Ok(Metainfo {
            comment: draft.comment.clone(),
            created_by: draft.created_by.clone(),
            creation_date_s: draft.creation_date_s,
            ..Metainfo::from_info(&info_of(&draft)?, draft.trackers)?
        })
    }

    /// The torrent as a file: the `info` exactly as it is, and everything beside it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut file = dict();
        for (key, raw) in &self.others {
            file.put_raw(key, raw);
        }
        let text = |file: &mut DictWriter, key: &[u8], text: &Option<Box<str>>| {
            if let Some(text) = text {
                file.put_bytes(key, text.as_bytes());
            }
        };
        text(&mut file, b"comment", &self.comment);
        text(&mut file, b"created by", &self.created_by);
        if let Some(date) = self.creation_date_s {
            file.put_integer(b"creation date", signed(date));
        }
        let mut urls = self.trackers.iter().flatten();
        if let Some(first) = urls.next() {
            file.put_bytes(b"announce", first.as_bytes());
        }
        if urls.next().is_some() {
            let tier =
                |tier: &Vec<Box<str>>| bencode::list(tier.iter().map(|url| bencode::bytes(url.as_bytes())));
            file.put_raw(b"announce-list", &bencode::list(self.trackers.iter().map(tier)));
        }
        file.put_raw(b"info", &self.info_bytes);
        file.finish()
    }
}

fn info_of(draft: &Draft) -> Result<Vec<u8>, MetainfoError> {
    let mut info = dict();
    info.put_bytes(b"name", draft.name.as_bytes());
    info.put_integer(b"piece length", i64::from(draft.piece_length));
    info.put_bytes(b"pieces", draft.pieces.as_flattened());
    if draft.is_private {
        info.put_integer(b"private", 1);
    }
    match &*draft.files {
        [] => return Err(MetainfoError::NoFile),
        [file] if file.path.is_empty() => {
            info.put_integer(b"length", signed(file.length));
        }
        files => {
            let entry = |file: &FileEntry| {
                let path = file.path.iter().map(|component| bencode::bytes(component.as_bytes()));
                let mut entry = dict();
                entry.put_integer(b"length", signed(file.length));
                entry.put_raw(b"path", &bencode::list(path)).finish()
            };
            info.put_raw(b"files", &bencode::list(files.iter().map(entry)));
        }
    }
    Ok(info.finish())
}

/// A length as the notation has it. More becomes a negative number, which is refused as soon as it is read.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(-1)
}
