//! The first reading: which torrent has most reports, how large it is, and from when to when.

use std::collections::BTreeMap;

use bittorrent::log::tracker::Report;
use bittorrent::wire::{AnnounceEvent, InfoHash};

/// Torrents that are told apart; a log has what a tracker has, and this is the bound of ours.
const TORRENTS_MAX: usize = 100_000;
/// Sizes that are counted, of all torrents together.
const SIZES_MAX: usize = 1_000_000;

/// What the torrents of a log are like.
#[derive(Debug, Default)]
pub struct Census {
    torrents: BTreeMap<InfoHash, Seen>,
    sizes: usize,
    /// Reports of torrents for which there was no room.
    pub unlisted: u64,
}

#[derive(Debug)]
struct Seen {
    reports: u64,
    first_ms: u64,
    last_ms: u64,
    /// How many came with nothing done and so much to do.
    left: BTreeMap<u64, u32>,
}

/// What a study is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct About {
    /// Which torrent.
    pub torrent: InfoHash,
    /// Its reports.
    pub reports: u64,
    /// Torrents in the log.
    pub torrents: usize,
    /// When the first report came, milliseconds of the log's clock.
    pub first_ms: u64,
    /// When the last one did.
    pub last_ms: u64,
    /// The torrent's bytes, which no report says: what most clients lacked who came and had received nothing. Who resumes a
    /// download lacks less, but hardly two of them the same. `None` if nobody came.
    pub length: Option<u64>,
}

impl Census {
    /// Counts a report.
    pub fn add(&mut self, report: &Report) {
        if self.torrents.len() >= TORRENTS_MAX && !self.torrents.contains_key(&report.info_hash) {
            self.unlisted += 1;
            return;
        }
        let Report { time_ms, left, .. } = *report;
        let seen = self.torrents.entry(report.info_hash).or_insert_with(|| Seen {
            reports: 0,
            first_ms: time_ms,
            last_ms: time_ms,
            left: BTreeMap::new(),
        });
        seen.reports += 1;
        (seen.first_ms, seen.last_ms) = (seen.first_ms.min(time_ms), seen.last_ms.max(time_ms));
        if report.event == AnnounceEvent::Started && left > 0 && report.downloaded == 0 {
            match seen.left.get_mut(&left) {
                Some(count) => *count = count.saturating_add(1),
                None if self.sizes < SIZES_MAX => {
                    seen.left.insert(left, 1);
                    self.sizes += 1;
                }
                None => {}
            }
        }
    }

    /// What is known of a torrent, or of the one with most reports; `None` if the log has none.
    pub fn about(&self, torrent: Option<InfoHash>) -> Option<About> {
        let busiest =
            || self.torrents.iter().max_by_key(|(hash, seen)| (seen.reports, *hash)).map(|(hash, _)| *hash);
        let torrent = torrent.or_else(busiest)?;
        let Seen { reports, first_ms, last_ms, left } = self.torrents.get(&torrent)?;
        let (reports, first_ms, last_ms) = (*reports, *first_ms, *last_ms);
        let length = left.iter().max_by_key(|(bytes, count)| (**count, **bytes)).map(|(bytes, _)| *bytes);
        Some(About { torrent, reports, torrents: self.torrents.len(), first_ms, last_ms, length })
    }

    /// The torrents by their reports, most first, no more than `most`.
    pub fn torrents(&self, most: usize) -> Vec<(InfoHash, u64)> {
        let mut list: Vec<(InfoHash, u64)> =
            self.torrents.iter().map(|(hash, seen)| (*hash, seen.reports)).collect();
        list.sort_by_key(|(hash, reports)| (std::cmp::Reverse(*reports), *hash));
        list.truncate(most);
        list
    }
}
