//! The log line by line: times, volumes, and what held for how long.

use bittorrent::log::client::{Act, Entry, Happening, Side};
use bittorrent::wire::InfoHash;

use super::super::seconds;
use super::super::timeline::Timeline;
use super::About;
use super::links::{Link, Links};
use super::others::Others;

/// Parts of a plot: enough for its width; and rates over a shorter time than a second are noise.
const PARTS_MAX: u64 = 700;
const PART_LEAST_MS: u64 = 1_000;

/// What a log has told so far.
pub(super) struct Diary {
    torrent: Option<InfoHash>,
    /// The torrent whose lines come now.
    current: Option<InfoHash>,
    first_ms: u64,
    now_ms: u64,
    pub(super) length: u64,
    pub(super) runs: u64,
    /// What was there when the log began.
    pub(super) had: u64,
    /// Lines earlier than one before; they count as of the later time.
    pub(super) out_of_order: u64,
    pub(super) links: Links,
    pub(super) others: Others,
    is_complete: bool,
    has_piece: bool,
    /// Seconds of all runs so far.
    pub(super) watched_s: f64,
    pub(super) firsts: Firsts,
    /// While something is missing; from the first whole piece until then; and from then on.
    pub(super) leeching: While,
    pub(super) trading: While,
    pub(super) seeding: While,
    pub(super) volumes: Volumes,
    pub(super) wrong_pieces: u64,
    pub(super) course: Timeline<Part>,
}

/// When something first happened, in seconds of all runs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Firsts {
    pub(super) unchoke: Option<f64>,
    pub(super) block: Option<f64>,
    pub(super) piece: Option<f64>,
    pub(super) complete: Option<f64>,
    /// The last of these in seconds of the clock since the first line.
    pub(super) complete_at: Option<f64>,
}

/// For how much of a while something held, in seconds.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct While {
    pub(super) all_s: f64,
    /// Something was wanted of somebody; somebody of these served this peer.
    pub(super) wanted_s: f64,
    pub(super) serving_s: f64,
    /// Somebody wanted something; somebody of these was served.
    pub(super) wanting_s: f64,
    pub(super) served_s: f64,
    /// Something was wanted of somebody, and somebody wanted something.
    pub(super) both_s: f64,
}

/// Bytes.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Volumes {
    pub(super) from_seeds: f64,
    pub(super) from_leechers: f64,
    /// From those who dialled this peer, from those whom it dialled; the rest from nobody knows whom.
    pub(super) from_diallers: f64,
    pub(super) from_dialled: f64,
    pub(super) given_leeching: f64,
    pub(super) given_seeding: f64,
    pub(super) wasted: f64,
}

impl Volumes {
    pub(super) fn received(&self) -> f64 {
        self.from_seeds + self.from_leechers
    }
}

/// What happened in a part of the time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Part {
    pub(super) down: f64,
    pub(super) down_seeds: f64,
    pub(super) up: f64,
    /// Seconds, summed over links.
    pub(super) wanted_s: f64,
    pub(super) serving_s: f64,
    pub(super) wanting_s: f64,
    pub(super) served_s: f64,
}

impl Diary {
    pub(super) fn new(about: &About) -> Diary {
        Diary {
            torrent: about.torrent,
            current: None,
            first_ms: about.first_ms,
            now_ms: about.first_ms,
            length: 0,
            runs: 0,
            had: 0,
            out_of_order: 0,
            links: Links::default(),
            others: Others::default(),
            is_complete: false,
            has_piece: false,
            watched_s: 0.0,
            firsts: Firsts::default(),
            leeching: While::default(),
            trading: While::default(),
            seeding: While::default(),
            volumes: Volumes::default(),
            wrong_pieces: 0,
            course: Timeline::new(about.first_ms, about.last_ms, PART_LEAST_MS, PARTS_MAX),
        }
    }

    /// Takes a line into account.
    pub(super) fn add(&mut self, entry: &Entry) {
        if let Happening::Torrent { info_hash, .. } = entry.what {
            self.current = Some(info_hash);
        }
        if self.current != self.torrent {
            return;
        }
        self.out_of_order += u64::from(entry.time_ms < self.now_ms);
        let now_ms = entry.time_ms.max(self.now_ms);
        match entry.what {
            Happening::Torrent { length, have, .. } => self.begin(now_ms, length, have),
            what => {
                self.advance(now_ms);
                self.happened(what);
            }
        }
    }

    fn begin(&mut self, now_ms: u64, length: u64, have: u64) {
        if self.runs == 0 {
            self.had = have;
        }
        self.runs += 1;
        self.links.clear();
        (self.now_ms, self.length) = (now_ms, length);
        self.is_complete = length > 0 && have >= length;
        self.has_piece = have > 0;
    }

    /// What held until now held for so long.
    fn advance(&mut self, now_ms: u64) {
        let (from_ms, counts) = (self.now_ms, self.links.counts);
        let passed_s = seconds(from_ms, now_ms);
        self.now_ms = now_ms;
        if passed_s == 0.0 {
            return;
        }
        self.watched_s += passed_s;
        let trading = (self.has_piece && !self.is_complete).then_some(&mut self.trading);
        for held in
            [if self.is_complete { &mut self.seeding } else { &mut self.leeching }].into_iter().chain(trading)
        {
            held.all_s += passed_s;
            let both = counts.wanted > 0 && counts.wanting > 0;
            for (sum, holds) in [
                (&mut held.wanted_s, counts.wanted > 0),
                (&mut held.serving_s, counts.serving > 0),
                (&mut held.wanting_s, counts.wanting > 0),
                (&mut held.served_s, counts.served > 0),
                (&mut held.both_s, both),
            ] {
                *sum += if holds { passed_s } else { 0.0 };
            }
        }
        self.course.spread(from_ms, now_ms, |part, share| {
            let each = passed_s * share;
            part.wanted_s += counts.wanted as f64 * each;
            part.serving_s += counts.serving as f64 * each;
            part.wanting_s += counts.wanting as f64 * each;
            part.served_s += counts.served as f64 * each;
        });
    }

    fn happened(&mut self, what: Happening) {
        let now_s = self.watched_s;
        match what {
            Happening::Torrent { .. } => {}
            Happening::Verified(_) => {
                self.has_piece = true;
                self.firsts.piece.get_or_insert(now_s);
            }
            Happening::Wrong(_) => self.wrong_pieces += 1,
            Happening::Complete => {
                self.is_complete = true;
                self.firsts.complete.get_or_insert(now_s);
                self.firsts.complete_at.get_or_insert(seconds(self.first_ms, self.now_ms));
            }
            Happening::Link(side, remote, act) => {
                let link = self.links.act(side, remote, act, &mut self.others).unwrap_or_default();
                match (side, act) {
                    (Side::Got, Act::Unchoke) => {
                        self.firsts.unchoke.get_or_insert(now_s);
                    }
                    (Side::Got, Act::Piece(block)) => self.received(&link, block.len.into()),
                    (Side::Sent, Act::Piece(block)) => self.gave(&link, block.len.into()),
                    (_, Act::Waste(block)) => self.volumes.wasted += f64::from(block.len),
                    _ => {}
                }
            }
        }
    }

    fn received(&mut self, link: &Link, bytes: f64) {
        self.firsts.block.get_or_insert(self.watched_s);
        let volumes = &mut self.volumes;
        *(if link.is_seed { &mut volumes.from_seeds } else { &mut volumes.from_leechers }) += bytes;
        match link.dialled {
            Some(true) => volumes.from_dialled += bytes,
            Some(false) => volumes.from_diallers += bytes,
            None => {}
        }
        if let Some(other) = self.others.get_mut(link.other) {
            other.gave += bytes;
            other.gave_as_leecher += if link.is_seed { 0.0 } else { bytes };
        }
        self.course.at(self.now_ms, |part| {
            part.down += bytes;
            part.down_seeds += if link.is_seed { bytes } else { 0.0 };
        });
    }

    fn gave(&mut self, link: &Link, bytes: f64) {
        if self.is_complete {
            self.volumes.given_seeding += bytes;
        } else {
            self.volumes.given_leeching += bytes;
            if let Some(other) = self.others.get_mut(link.other) {
                other.took += bytes;
            }
        }
        self.course.at(self.now_ms, |part| part.up += bytes);
    }
}
