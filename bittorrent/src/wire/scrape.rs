//! Scrapes: how many there are in a swarm, without joining it (BEP 48).

use super::InfoHash;
use super::announce::{AnnounceError, answer};
use super::extended::number;
use super::query::{self, Pairs};
use crate::bencode::{Dict, Value, dict};

/// The most torrents of one question.
const HASHES_MAX: usize = 64;
/// The most torrents that are taken of an answer, which may be about all that the tracker has.
const ENTRIES_MAX: usize = 1_000;

/// About which torrents a tracker is asked; about none means about all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scrape {
    /// At most 64.
    pub info_hashes: Vec<InfoHash>,
}

/// How many there are in each swarm.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ScrapeReply {
    /// By info hash, in the order of the answer: sorted.
    pub entries: Vec<(InfoHash, ScrapeEntry)>,
}

/// How many there are in one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ScrapeEntry {
    /// Seeds.
    pub complete: u32,
    /// Times that somebody has said `completed`.
    pub downloaded: u32,
    /// Others.
    pub incomplete: u32,
}

impl Scrape {
    /// What stands behind the host in the request, given what stands there in the address for announces. `None` if this does not tell:
    /// the last part of its path must begin with `announce`.
    pub fn to_target(&self, announce: &str) -> Option<String> {
        const WORD: &str = "announce";
        let path_end = announce.find('?').unwrap_or(announce.len());
        let word = announce[..path_end].rfind('/')? + 1;
        let rest = announce[word..].strip_prefix(WORD)?;
        let mut target = query::Writer::new(&format!("{}scrape{rest}", &announce[..word]));
        for InfoHash(hash) in &self.info_hashes {
            target.put("info_hash", hash);
        }
        Some(target.finish())
    }

    /// Reads a query, as it stands behind the question mark.
    ///
    /// # Errors
    /// More than 64 torrents, or a name that is none.
    pub fn from_query(query: &str) -> Result<Scrape, AnnounceError> {
        let mut info_hashes = Vec::new();
        for hash in Pairs::of(query).all("info_hash") {
            if info_hashes.len() == HASHES_MAX {
                return Err(AnnounceError::TooMany(HASHES_MAX));
            }
            let hash = (&*hash).try_into().map_err(|_| AnnounceError::Invalid("info_hash"))?;
            info_hashes.push(InfoHash(hash));
        }
        Ok(Scrape { info_hashes })
    }
}

impl ScrapeReply {
    /// Reads an answer; at most 1,000 torrents are taken. Numbers that are missing are 0.
    ///
    /// # Errors
    /// The tracker's refusal, or an answer that is none.
    pub fn parse(body: &[u8]) -> Result<ScrapeReply, AnnounceError> {
        let value = Value::parse(body).map_err(|_| AnnounceError::Malformed)?;
        let files = answer(&value)?.get(b"files").and_then(Value::as_dict).ok_or(AnnounceError::Malformed)?;
        let entries = files
            .iter()
            .filter_map(|(hash, value, _)| Some((InfoHash(hash.try_into().ok()?), entry(value.as_dict()?))));
        Ok(ScrapeReply { entries: entries.take(ENTRIES_MAX).collect() })
    }

    /// The answer.
    pub fn encode(&self) -> Vec<u8> {
        let mut files = dict();
        for (InfoHash(hash), entry) in &self.entries {
            let entry = dict()
                .put_integer(b"complete", i64::from(entry.complete))
                .put_integer(b"downloaded", i64::from(entry.downloaded))
                .put_integer(b"incomplete", i64::from(entry.incomplete))
                .finish();
            files.put_raw(hash, &entry);
        }
        dict().put_raw(b"files", &files.finish()).finish()
    }
}

fn entry(dict: &Dict<'_>) -> ScrapeEntry {
    let count = |key: &[u8]| number(dict, key).unwrap_or_default();
    ScrapeEntry {
        complete: count(b"complete"),
        downloaded: count(b"downloaded"),
        incomplete: count(b"incomplete"),
    }
}
