//! The first reading: which torrent has most lines, and from when to when.

use std::collections::BTreeMap;

use bittorrent::log::client::{Entry, Happening};
use bittorrent::wire::InfoHash;

/// Torrents that are told apart; a peer has one or a few.
const TORRENTS_MAX: usize = 10_000;

/// What the torrents of a log are like.
#[derive(Debug, Default)]
pub struct Census {
    /// The one whose lines come now; none before the first.
    current: Option<InfoHash>,
    torrents: BTreeMap<Option<InfoHash>, About>,
}

/// What a study is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct About {
    /// Which torrent; `None` if the log never says.
    pub torrent: Option<InfoHash>,
    /// Its lines.
    pub lines: u64,
    /// How often the peer has begun with it.
    pub runs: u64,
    /// When its first line came, milliseconds of the log's clock.
    pub first_ms: u64,
    /// When the last one did.
    pub last_ms: u64,
}

impl Census {
    /// Counts a line.
    pub fn add(&mut self, entry: &Entry) {
        let begins = match entry.what {
            Happening::Torrent { info_hash, .. } => {
                self.current = Some(info_hash);
                1
            }
            _ => 0,
        };
        if self.torrents.len() >= TORRENTS_MAX && !self.torrents.contains_key(&self.current) {
            return;
        }
        let Entry { time_ms, .. } = *entry;
        let about = self.torrents.entry(self.current).or_insert(About {
            torrent: self.current,
            lines: 0,
            runs: 0,
            first_ms: time_ms,
            last_ms: time_ms,
        });
        about.lines += 1;
        about.runs += begins;
        (about.first_ms, about.last_ms) = (about.first_ms.min(time_ms), about.last_ms.max(time_ms));
    }

    /// What is known of the torrent with most lines; `None` if there are no lines.
    pub fn about(&self) -> Option<About> {
        self.torrents.values().max_by_key(|about| (about.torrent.is_some(), about.lines)).copied()
    }
}
