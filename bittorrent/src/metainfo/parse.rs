//! A file, or the metadata that peers have sent, to a [`Metainfo`].

use sha1::{Digest, Sha1};

use super::{
    FILES_MAX, FileEntry, Info, Metainfo, MetainfoError, PIECE_LENGTH_MAX, TORRENT_BYTES_MAX,
    TRACKER_BYTES_MAX, TRACKERS_MAX, paths,
};
use crate::bencode::{Dict, Value};
use crate::wire::{InfoHash, PIECES_MAX};

/// The entries beside `info` that have a field of their own.
const KNOWN: [&[u8]; 6] =
    [b"announce", b"announce-list", b"comment", b"created by", b"creation date", b"info"];

impl Metainfo {
    /// Reads a `.torrent`.
    ///
    /// # Errors
    /// What is no torrent, and what could do harm; the text says what and where.
    pub fn parse(file: &[u8]) -> Result<Metainfo, MetainfoError> {
        if file.len() > TORRENT_BYTES_MAX {
            return Err(MetainfoError::TooLong(file.len()));
        }
        let value = Value::parse(file)?;
        let dict = value.as_dict().ok_or(MetainfoError::Missing("its dictionary"))?;
        let info = dict.get(b"info").and_then(Value::as_dict).ok_or(MetainfoError::Missing("`info`"))?;
        let info_bytes = dict.raw(b"info").expect("it was just found");
        let text = |key: &[u8]| Some(String::from_utf8_lossy(dict.get(key)?.as_bytes()?).into());
        let others = dict.iter().filter(|(key, ..)| !KNOWN.contains(key));
        Ok(Metainfo {
            trackers: trackers(dict),
            comment: text(b"comment"),
            created_by: text(b"created by"),
            creation_date_s: dict
                .get(b"creation date")
                .and_then(Value::as_integer)
                .and_then(|date| u64::try_from(date).ok()),
            others: others.map(|(key, _, raw)| (key.into(), raw.into())).collect(),
            ..Metainfo::of_info(info, info_bytes)?
        })
    }

    /// Takes the `info` alone, as peers send it (BEP 9). Whoever knows an info hash compares.
    ///
    /// # Errors
    /// As [`Metainfo::parse`].
    pub fn from_info(info_bytes: &[u8], trackers: Vec<Vec<Box<str>>>) -> Result<Metainfo, MetainfoError> {
        if info_bytes.len() > TORRENT_BYTES_MAX {
            return Err(MetainfoError::TooLong(info_bytes.len()));
        }
        let value = Value::parse(info_bytes)?;
        let info = value.as_dict().ok_or(MetainfoError::Missing("its dictionary"))?;
        Ok(Metainfo { trackers, ..Metainfo::of_info(info, info_bytes)? })
    }

    fn of_info(info: &Dict<'_>, info_bytes: &[u8]) -> Result<Metainfo, MetainfoError> {
        Ok(Metainfo {
            info_hash: InfoHash(Sha1::digest(info_bytes).into()),
            info: parse_info(info)?,
            info_bytes: info_bytes.into(),
            trackers: Vec::new(),
            comment: None,
            created_by: None,
            creation_date_s: None,
            others: Vec::new(),
        })
    }
}

fn parse_info(info: &Dict<'_>) -> Result<Info, MetainfoError> {
    let name = paths::name(info, "name").and_then(Value::as_bytes).ok_or(MetainfoError::Missing("`name`"))?;
    let piece_length = info.get(b"piece length").and_then(Value::as_integer);
    let piece_length = piece_length.ok_or(MetainfoError::Missing("`piece length`"))?;
    let piece_length = u32::try_from(piece_length)
        .ok()
        .filter(|len| (1..=PIECE_LENGTH_MAX).contains(len))
        .ok_or(MetainfoError::PieceLength(piece_length))?;
    let files = files(info)?;
    let mut length = 0u64;
    for file in &files {
        length = length.checked_add(file.length).ok_or(MetainfoError::TotalLength)?;
    }
    if length == 0 {
        return Err(MetainfoError::NoContent);
    }
    Ok(Info {
        name: paths::component(name).map_err(MetainfoError::Name)?,
        piece_length,
        pieces: pieces(info, length.div_ceil(u64::from(piece_length)))?,
        files,
        length,
        is_private: info.get(b"private").and_then(Value::as_integer) == Some(1),
    })
}

/// The hashes, which must be so many.
fn pieces(info: &Dict<'_>, count: u64) -> Result<Box<[[u8; 20]]>, MetainfoError> {
    let hashes = info.get(b"pieces").and_then(Value::as_bytes).ok_or(MetainfoError::Missing("`pieces`"))?;
    let (hashes, rest) = hashes.as_chunks::<20>();
    if !rest.is_empty() {
        return Err(MetainfoError::Hashes(hashes.len() * 20 + rest.len()));
    }
    if hashes.len() > PIECES_MAX as usize {
        return Err(MetainfoError::TooManyPieces(hashes.len()));
    }
    if hashes.len() as u64 != count {
        return Err(MetainfoError::PieceCount { hashes: hashes.len() as u64, pieces: count });
    }
    Ok(hashes.into())
}

/// The files of a folder, if there is a list of them, else the one file.
fn files(info: &Dict<'_>) -> Result<Box<[FileEntry]>, MetainfoError> {
    let Some(list) = info.get(b"files") else {
        return Ok([FileEntry { path: Box::default(), length: length(info, 1)? }].into());
    };
    let list = list.as_list().ok_or(MetainfoError::Missing("`files`"))?;
    match list.len() {
        0 => return Err(MetainfoError::NoFile),
        count if count > FILES_MAX => return Err(MetainfoError::TooManyFiles(count)),
        _ => {}
    }
    let entry = |(nth, value): (usize, &Value<'_>)| {
        let file = nth + 1;
        let dict = value.as_dict().ok_or(MetainfoError::Missing("an entry of `files`"))?;
        let path = paths::path(paths::name(dict, "path"));
        let path = path.map_err(|fault| MetainfoError::Path { file, fault })?;
        Ok(FileEntry { path, length: length(dict, file)? })
    };
    let files = list.iter().enumerate().map(entry).collect::<Result<Box<[_]>, MetainfoError>>()?;
    paths::check_apart(&files)?;
    Ok(files)
}

fn length(dict: &Dict<'_>, file: usize) -> Result<u64, MetainfoError> {
    let length = dict.get(b"length").and_then(Value::as_integer);
    length.and_then(|length| u64::try_from(length).ok()).ok_or(MetainfoError::Length(file))
}

/// The tiers; `announce` counts only where there are none (BEP 12). What is no address is left out, and so is what is too much.
fn trackers(dict: &Dict<'_>) -> Vec<Vec<Box<str>>> {
    let mut left = TRACKERS_MAX;
    let mut taken = |value: &Value<'_>| {
        let url = value.as_str().map(str::trim).filter(|url| (1..=TRACKER_BYTES_MAX).contains(&url.len()))?;
        left = left.checked_sub(1)?;
        Some(Box::from(url))
    };
    let tiers = dict.get(b"announce-list").and_then(Value::as_list).unwrap_or_default();
    let tiers = tiers.iter().filter_map(Value::as_list);
    let mut trackers: Vec<Vec<Box<str>>> =
        tiers.map(|tier| tier.iter().filter_map(&mut taken).collect()).collect();
    trackers.retain(|tier| !tier.is_empty());
    if trackers.is_empty() {
        trackers.extend(dict.get(b"announce").and_then(taken).map(|url| vec![url]));
    }
    trackers
}
