//! The clients that are there, followed from report to report.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;

use bittorrent::log::tracker::Report;
use bittorrent::wire::{AnnounceEvent, PeerId};

use super::session::{Beginning, End, Known, Session};
use super::tally::Tally;
use super::{About, Options};

/// Clients at a time: what our tracker has room for in all swarms together.
const SESSIONS_MAX: usize = 1_000_000;

/// All sessions that are under way.
pub(super) struct Swarm {
    sessions: BTreeMap<PeerId, Session>,
    /// Who listens where.
    addresses: BTreeMap<SocketAddrV4, PeerId>,
    /// By when they were heard of last.
    by_silence: BTreeSet<(u64, PeerId)>,
    seeds: usize,
    now_ms: u64,
    length: Option<u64>,
    expire_ms: u64,
    tally: Tally,
}

impl Swarm {
    pub(super) fn new(about: &About, options: &Options) -> Swarm {
        Swarm {
            sessions: BTreeMap::new(),
            addresses: BTreeMap::new(),
            by_silence: BTreeSet::new(),
            seeds: 0,
            now_ms: about.first_ms,
            length: about.length,
            expire_ms: options.expire_ms,
            tally: Tally::new(about),
        }
    }

    /// Takes a report into account.
    pub(super) fn report(&mut self, report: &Report) {
        self.tally.reports += 1;
        if report.time_ms < self.now_ms {
            self.tally.out_of_order += 1;
            return;
        }
        self.now_ms = report.time_ms;
        self.tally.reported(report);
        self.expire();
        if let Some(other) = self.addresses.get(&report.address).copied().filter(|id| *id != report.peer_id) {
            self.tally.restarts += 1;
            self.end_session(&other, End::Restarted);
        }
        match self.sessions.get(&report.peer_id) {
            Some(session) if report.event == AnnounceEvent::Started && !session.goes_on(report) => {
                self.tally.restarts += 1;
                self.end_session(&report.peer_id, End::Restarted);
                self.begin_session(report);
            }
            Some(_) => self.go_on(report),
            // Somebody who is gone already, and says so.
            None if report.event == AnnounceEvent::Stopped => {}
            None => self.begin_session(report),
        }
        if report.event == AnnounceEvent::Stopped {
            self.end_session(&report.peer_id, End::Stopped);
        }
        self.tally.present(self.sessions.len(), self.seeds, self.now_ms);
    }

    /// The log is over.
    pub(super) fn end(mut self) -> Tally {
        self.expire();
        while let Some((id, _)) = self.sessions.first_key_value() {
            let id = *id;
            self.end_session(&id, End::Open);
        }
        self.tally
    }

    /// Lets go of all who have been silent for too long.
    fn expire(&mut self) {
        while let Some(&(heard_ms, id)) = self.by_silence.first()
            && heard_ms.saturating_add(self.expire_ms) < self.now_ms
        {
            self.end_session(&id, End::Silent);
        }
    }

    fn begin_session(&mut self, report: &Report) {
        if self.sessions.len() >= SESSIONS_MAX {
            self.tally.crowded_out += 1;
            return;
        }
        let session = Session::begun(report, self.length);
        self.tally.begun(&session);
        self.seeds += usize::from(session.known.is_seed());
        self.addresses.insert(session.address, report.peer_id);
        self.by_silence.insert((session.heard_ms, report.peer_id));
        self.sessions.insert(report.peer_id, session);
    }

    fn go_on(&mut self, report: &Report) {
        let Some(session) = self.sessions.get_mut(&report.peer_id) else { return };
        self.by_silence.remove(&(session.heard_ms, report.peer_id));
        self.by_silence.insert((report.time_ms, report.peer_id));
        if session.address != report.address {
            self.addresses.remove(&session.address);
            self.addresses.insert(report.address, report.peer_id);
            session.address = report.address;
        }
        self.tally.was_there(session.known.is_seed(), session.heard_ms, report.time_ms);
        session.heard_ms = report.time_ms;
        if !session.goes_on(report) {
            self.tally.backwards += 1;
            return;
        }
        let (before, now) = (session.known, Known::of(report));
        self.tally.moved(&before, &now);
        session.known = now;
        self.seeds = self.seeds + usize::from(now.is_seed()) - usize::from(before.is_seed());
        let came_for_it = session.began_with != Beginning::All && session.completed_ms.is_none();
        if now.is_seed() && !before.is_seed() && came_for_it {
            session.completed_ms = Some(now.time_ms);
            self.tally.completed(session, now.time_ms, self.length);
        }
    }

    fn end_session(&mut self, id: &PeerId, how: End) {
        let Some(session) = self.sessions.remove(id) else { return };
        self.by_silence.remove(&(session.heard_ms, *id));
        // It may have moved to where another listened.
        if self.addresses.get(&session.address) == Some(id) {
            self.addresses.remove(&session.address);
        }
        self.seeds -= usize::from(session.known.is_seed());
        let until_ms = match how {
            End::Stopped => session.heard_ms,
            End::Silent => session.heard_ms.saturating_add(self.expire_ms),
            End::Restarted | End::Open => self.now_ms,
        };
        self.tally.was_there(session.known.is_seed(), session.heard_ms, until_ms);
        self.tally.ended(&session, how);
    }
}
