//! What is known of all clients together.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;

use bittorrent::log::tracker::Report;
use bittorrent::wire::PeerId;

use super::super::histogram::Histogram;
use super::super::timeline::Timeline;
use super::super::{kbps, seconds};
use super::About;
use super::session::{Beginning, End, Known, Session};

/// Clients that are told apart. 4,000,000: twenty times those of the RedHat 9 torrent, in some 250 MB.
const CLIENTS_MAX: usize = 4_000_000;
/// The time that the lecture calls the flash crowd.
pub(super) const FIRST_DAYS_MS: u64 = 5 * 86_400_000;
/// Parts of a plot: enough for its width, and long enough for a mean to say something.
const PARTS_MAX: u64 = 700;
/// The least part of a plot. Reports come every half hour, and of each hundred clients one in any twenty seconds.
const PART_LEAST_MS: u64 = 1_000;

/// Figures of all.
pub(super) struct Tally {
    first_ms: u64,
    pub(super) reports: u64,
    /// Reports earlier than one before them; left out.
    pub(super) out_of_order: u64,
    /// Reports with less than was sent or received already; left out.
    pub(super) backwards: u64,
    /// Reports of clients for which there was no room; left out.
    pub(super) crowded_out: u64,
    pub(super) restarts: u64,
    ids: HashSet<PeerId>,
    hosts: HashMap<Ipv4Addr, Host>,
    /// Addresses from which somebody wanted it, and those from which somebody later said to have all.
    pub(super) hosts_wanted: u64,
    pub(super) hosts_completed: u64,
    pub(super) clients_first_days: u64,
    /// Clients beyond those that can be told apart.
    pub(super) is_clients_at_least: bool,
    pub(super) sessions: u64,
    pub(super) leecher_sessions: u64,
    pub(super) incomplete: u64,
    pub(super) open_leechers: u64,
    pub(super) most: Peak,
    pub(super) most_leechers: Peak,
    pub(super) most_seeds: Peak,
    /// Bytes that were sent by, and received by.
    pub(super) up_leechers: f64,
    pub(super) up_seeds: f64,
    pub(super) down: f64,
    /// Rates of those who came with nothing and completed, kbit/s, and how long it took, seconds.
    pub(super) rates: Histogram,
    pub(super) durations: Histogram,
    pub(super) completed: u64,
    /// How long they stayed after that: those who said good-bye, and those who fell silent, until they did.
    pub(super) stays_stopped: Histogram,
    pub(super) stays_silent: Histogram,
    pub(super) course: Timeline<Part>,
    /// The first days alone, if there are more.
    pub(super) first_days: Option<Timeline<Part>>,
}

/// The largest number at a time, and when.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Peak {
    pub(super) count: usize,
    pub(super) at_ms: u64,
}

/// What has become of those at an address.
#[derive(Clone, Copy, Default)]
struct Host {
    wanted: bool,
    completed: bool,
}

/// What happened in a part of the time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Part {
    pub(super) reports: u32,
    pub(super) begun: u32,
    /// Seconds of presence, summed over clients.
    pub(super) leechers_s: f64,
    pub(super) seeds_s: f64,
    /// Seconds between two reports, summed over leechers, and bytes received in them.
    pub(super) between_s: f64,
    pub(super) down: f64,
    pub(super) up_leechers: f64,
    pub(super) up_seeds: f64,
}

impl Tally {
    pub(super) fn new(about: &About) -> Tally {
        let About { first_ms, last_ms, .. } = *about;
        let first_days_end = first_ms.saturating_add(FIRST_DAYS_MS);
        let timeline = |end| Timeline::new(first_ms, end, PART_LEAST_MS, PARTS_MAX);
        Tally {
            first_ms,
            reports: 0,
            out_of_order: 0,
            backwards: 0,
            crowded_out: 0,
            restarts: 0,
            ids: HashSet::new(),
            hosts: HashMap::new(),
            hosts_wanted: 0,
            hosts_completed: 0,
            clients_first_days: 0,
            is_clients_at_least: false,
            sessions: 0,
            leecher_sessions: 0,
            incomplete: 0,
            open_leechers: 0,
            most: Peak::default(),
            most_leechers: Peak::default(),
            most_seeds: Peak::default(),
            up_leechers: 0.0,
            up_seeds: 0.0,
            down: 0.0,
            rates: Histogram::default(),
            durations: Histogram::default(),
            completed: 0,
            stays_stopped: Histogram::default(),
            stays_silent: Histogram::default(),
            course: timeline(last_ms),
            first_days: (last_ms > first_days_end).then(|| timeline(first_days_end)),
        }
    }

    fn timelines(&mut self) -> impl Iterator<Item = &mut Timeline<Part>> {
        [&mut self.course].into_iter().chain(&mut self.first_days)
    }

    fn at(&mut self, time_ms: u64, add: impl Fn(&mut Part)) {
        self.timelines().for_each(|timeline| timeline.at(time_ms, &add));
    }

    fn spread(&mut self, from_ms: u64, to_ms: u64, add: impl Fn(&mut Part, f64)) {
        self.timelines().for_each(|timeline| timeline.spread(from_ms, to_ms, &add));
    }

    /// Somebody has reported.
    pub(super) fn reported(&mut self, report: &Report) {
        self.at(report.time_ms, |part| part.reports += 1);
        if self.ids.len() < CLIENTS_MAX {
            let is_new = self.ids.insert(report.peer_id);
            let is_early = report.time_ms - self.first_ms <= FIRST_DAYS_MS;
            self.clients_first_days += u64::from(is_new && is_early);
        } else {
            self.is_clients_at_least = true;
        }
        let ip = report.address.ip();
        if self.hosts.len() < CLIENTS_MAX || self.hosts.contains_key(ip) {
            let host = self.hosts.entry(*ip).or_default();
            let before = *host;
            host.wanted |= report.left > 0;
            host.completed |= host.wanted && report.left == 0;
            self.hosts_wanted += u64::from(host.wanted && !before.wanted);
            self.hosts_completed += u64::from(host.completed && !before.completed);
        }
    }

    pub(super) fn clients(&self) -> u64 {
        self.ids.len() as u64
    }

    pub(super) fn hosts(&self) -> u64 {
        self.hosts.len() as u64
    }

    /// So many are there now.
    pub(super) fn present(&mut self, all: usize, seeds: usize, now_ms: u64) {
        for (peak, count) in
            [(&mut self.most, all), (&mut self.most_leechers, all - seeds), (&mut self.most_seeds, seeds)]
        {
            if count > peak.count {
                *peak = Peak { count, at_ms: now_ms };
            }
        }
    }

    pub(super) fn begun(&mut self, session: &Session) {
        self.sessions += 1;
        self.leecher_sessions += u64::from(session.began_with != Beginning::All);
        self.at(session.began_ms, |part| part.begun += 1);
    }

    /// A client was there for a while.
    pub(super) fn was_there(&mut self, as_seed: bool, from_ms: u64, to_ms: u64) {
        let there_s = seconds(from_ms, to_ms);
        self.spread(from_ms, to_ms, |part, share| match as_seed {
            true => part.seeds_s += there_s * share,
            false => part.leechers_s += there_s * share,
        });
    }

    /// What a client has sent and received between two reports.
    pub(super) fn moved(&mut self, before: &Known, now: &Known) {
        let up = (now.uploaded - before.uploaded) as f64;
        let (from_ms, to_ms) = (before.time_ms, now.time_ms);
        if before.is_seed() {
            self.up_seeds += up;
            return self.spread(from_ms, to_ms, |part, share| part.up_seeds += up * share);
        }
        let (down, between_s) = ((now.downloaded - before.downloaded) as f64, seconds(from_ms, to_ms));
        self.up_leechers += up;
        self.down += down;
        self.spread(from_ms, to_ms, |part, share| {
            part.up_leechers += up * share;
            part.down += down * share;
            part.between_s += between_s * share;
        });
    }

    /// A client that came for it has all now.
    pub(super) fn completed(&mut self, session: &Session, now_ms: u64, length: Option<u64>) {
        self.completed += 1;
        let took_s = seconds(session.began_ms, now_ms);
        if let Some(length) = length.filter(|_| session.began_with == Beginning::Nothing && took_s > 0.0) {
            self.rates.add(kbps(length as f64, took_s));
            self.durations.add(took_s);
        }
    }

    pub(super) fn ended(&mut self, session: &Session, how: End) {
        match (session.completed_ms, how) {
            (Some(completed), End::Stopped) => self.stays_stopped.add(seconds(completed, session.heard_ms)),
            (Some(completed), End::Silent | End::Restarted) => {
                self.stays_silent.add(seconds(completed, session.heard_ms));
            }
            (Some(_), End::Open) => {}
            (None, _) if session.began_with == Beginning::All => {}
            (None, End::Open) => self.open_leechers += 1,
            (None, _) => self.incomplete += 1,
        }
    }
}
