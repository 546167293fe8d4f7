//! How many are in swarms (BEP 48).

use common::http::{Target, percent_decode_bytes, percent_encode_bytes};

use super::InfoHash;
use crate::bencode::{BencodeError, Value, Writer};

/// The most torrents that are asked for at a time.
pub const SCRAPE_MAX: usize = 64;
/// The most that are taken of an answer.
const ENTRIES_MAX: usize = 10_000;

/// One swarm in figures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ScrapeEntry {
    /// Seeds.
    pub complete: u32,
    /// How often somebody has completed it.
    pub downloaded: u32,
    /// Others.
    pub incomplete: u32,
}

/// A tracker's answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ScrapeReply {
    /// The swarms that it knows of those asked for.
    pub files: Vec<(InfoHash, ScrapeEntry)>,
}

impl ScrapeReply {
    /// Where a tracker is scraped that is announced to at `path`; `None` if it cannot be.
    pub fn path(announce: &str) -> Option<String> {
        let Target { path, query } = Target::parse(announce);
        let (folder, last) = path.rsplit_once('/')?;
        let rest = last.strip_prefix("announce")?;
        let question = if query.is_empty() { "" } else { "?" };
        Some(format!("{folder}/scrape{rest}{question}{query}"))
    }

    /// What is asked for some torrents, of which the first [`SCRAPE_MAX`] count.
    pub fn target(path: &str, hashes: &[InfoHash]) -> String {
        let mut target = path.to_owned();
        for hash in &hashes[..hashes.len().min(SCRAPE_MAX)] {
            target.push(if target.contains('?') { '&' } else { '?' });
            target.push_str("info_hash=");
            percent_encode_bytes(&hash.0, &mut target);
        }
        target
    }

    /// Which torrents a tracker was asked for; none at all means all that it has.
    pub fn asked(target: &Target<'_>) -> Vec<InfoHash> {
        let values = target.query.split('&').filter_map(|pair| pair.strip_prefix("info_hash="));
        let hashes = values.filter_map(|value| percent_decode_bytes(value).try_into().ok().map(InfoHash));
        hashes.take(SCRAPE_MAX).collect()
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// If it is not bencoded. One that refuses has no entries.
    pub fn parse(body: &[u8]) -> Result<Self, BencodeError> {
        let value = Value::parse(body)?;
        let files = value.as_dict().and_then(|dict| dict.get(b"files")).and_then(Value::as_dict);
        let entry = |(hash, value): (&[u8], &Value<'_>)| {
            let number = |key: &[u8]| value.as_dict()?.get(key)?.as_unsigned();
            let entry = ScrapeEntry {
                complete: number(b"complete").unwrap_or(0),
                downloaded: number(b"downloaded").unwrap_or(0),
                incomplete: number(b"incomplete").unwrap_or(0),
            };
            Some((InfoHash(hash.try_into().ok()?), entry))
        };
        let files = files.into_iter().flat_map(|files| files.iter()).filter_map(entry);
        Ok(ScrapeReply { files: files.take(ENTRIES_MAX).collect() })
    }

    /// The answer.
    pub fn encode(&self) -> Vec<u8> {
        let mut files = Writer::default();
        for (hash, entry) in &self.files {
            let mut dict = Writer::default();
            dict.integer(b"complete", entry.complete.into());
            dict.integer(b"downloaded", entry.downloaded.into());
            dict.integer(b"incomplete", entry.incomplete.into());
            files.raw(&hash.0, dict.finish());
        }
        Writer::default().raw(b"files", files.finish()).finish()
    }
}
