//! The search for a parent: rounds of probes, of which the best is kept.
//!
//! | a round | then |
//! |---|---|
//! | of who knows only an old list | goes through it, one by one, a next one each time that the last is slow: until a supernode is operational, the scout |
//! | of who has a fresh list | probes [`Knobs::probes`](crate::config::Knobs::probes) at a time, none of them twice |
//! | all have answered, or the others are not waited for any longer | the policy chooses; if that one is full, it chooses again |
//! | all have failed or are full | the next batch, up to [`BATCHES_MAX`] |
//! | nobody is left | vain: another round later, at doubling intervals with a random part; or the node rises |
//!
//! What becomes of each connection is in `join.rs`.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use common::peer::{ConnId, Time};
use rand::RngExt as _;

use super::promotion::Need;
use super::session::Parent;
use super::{Conn, Hands, Ordinary};
use crate::book::Book;
use crate::node::Timer;
use crate::selection::Probed;
use crate::wire::{Hello, Message, SessionKey, Setup};

/// Batches of probes in one round.
const BATCHES_MAX: u32 = 2;
/// Doublings of the wait after a vain round.
pub(super) const DOUBLINGS_MAX: u32 = 6;

/// The search for a parent.
pub(super) struct Seek {
    pub(super) book: Book,
    /// Our list is old: who answers first is the scout.
    pub(super) scouting: bool,
    /// Dialled in this round, answered or not.
    pub(super) probes: Vec<ConnId>,
    /// Those whose children we are becoming.
    pub(super) chosen: Vec<ConnId>,
    pub(super) scout: Option<ConnId>,
    /// Its list has been probed.
    pub(super) compared: bool,
    /// The scout was drawn from its own list, and is compared with the others.
    scout_competes: bool,
    /// Since somebody has answered, the others may take until then; in search of a scout, so long the last one that was dialled.
    patience: Option<Time>,
    /// Those that were dialled in this round, each once; and in how many batches.
    pub(super) tried: Vec<SocketAddrV4>,
    pub(super) batches: u32,
    /// Vain rounds in a row.
    pub(super) rounds: u32,
    /// Somebody lives, but has no room.
    pub(super) refused: bool,
    /// When it began.
    since: Time,
}

/// A supernode that may become the parent.
pub(crate) struct Probe {
    address: SocketAddrV4,
    /// When its hello left.
    asked: Time,
    deadline: Time,
    /// It has picked up.
    is_opened: bool,
    /// Once it has answered: how long that took, and with which ciphers the session goes on.
    answer: Option<(Duration, SessionKey)>,
}

impl Seek {
    pub(super) fn is_idle(&self) -> bool {
        self.probes.is_empty() && self.chosen.is_empty() && self.scout.is_none()
    }
}

/// Rounds.
impl Ordinary {
    /// Sees to it that there are enough parents.
    pub(super) fn seek(&mut self, cx: Hands) {
        if self.left || self.supernode.is_some() {
            return;
        }
        if self.join.parents.len() >= self.me.knobs.parents.max(1) {
            return self.end_seek(cx);
        }
        self.begin_seek(cx);
        if self.choose(cx) || self.awaits_probes(cx) {
            return;
        }
        let Some(seek) = &mut self.join.seek else { return };
        let compared = seek.scout.is_some() && std::mem::replace(&mut seek.compared, true);
        if !compared && self.dial_round(cx) {
            return;
        }
        match self.join.seek.as_mut().and_then(|seek| seek.scout.take()) {
            Some(scout) => self.joined(scout, cx),
            None => self.nobody(cx),
        }
    }

    pub(super) fn begin_seek(&mut self, cx: Hands) {
        if self.join.seek.is_some() {
            return;
        }
        let book = self.new_book(cx);
        self.join.seek = Some(Box::new(Seek {
            book,
            scouting: self.join.told.is_none(),
            probes: Vec::new(),
            chosen: Vec::new(),
            scout: None,
            compared: false,
            scout_competes: false,
            patience: None,
            tried: Vec::new(),
            batches: 0,
            rounds: 0,
            refused: false,
            since: cx.now(),
        }));
    }

    /// Goes on with the best of those that have answered, if it is time to. True if a supernode has been chosen that has not
    /// taken us on yet.
    fn choose(&mut self, cx: Hands) -> bool {
        let wanted = self.me.knobs.parents.max(1) - self.join.parents.len();
        loop {
            let Some(seek) = &self.join.seek else { return false };
            let wanted = if seek.scouting { 1 } else { wanted };
            if seek.chosen.len() >= wanted {
                return true;
            }
            let answered = self.answered();
            let Some(seek) = &mut self.join.seek else { return false };
            let all = answered.len() >= seek.probes.len() + usize::from(seek.scout_competes);
            let is_time = all || seek.scouting || seek.patience.is_some_and(|until| until <= cx.now());
            if answered.is_empty() || !is_time {
                return !seek.chosen.is_empty();
            }
            let probed: Vec<Probed> = answered.iter().map(|(_, probed)| *probed).collect();
            let best = self.me.knobs.selection.start().choose(&probed, cx.rng());
            let Some((conn, _)) = answered.get(best) else { return false };
            if seek.scout == Some(*conn) {
                (seek.scout, seek.scout_competes) = (None, false);
                self.joined(*conn, cx);
                return true;
            }
            self.become_child(*conn, cx);
        }
    }

    /// Those that can be chosen.
    fn answered(&self) -> Vec<(ConnId, Probed)> {
        let Some(seek) = &self.join.seek else { return Vec::new() };
        let scout = seek.scout.filter(|_| seek.scout_competes);
        let all = seek.probes.iter().chain(scout.iter());
        let answered = all.filter_map(|conn| {
            let (address, rtt) = match self.conns.get(*conn)? {
                Conn::Probe(probe) => (probe.address, probe.answer?.0),
                Conn::Parent(parent) => (parent.address, parent.rtt),
                _ => return None,
            };
            Some((*conn, Probed { rtt, free_percent: seek.book.free_percent(address) }))
        });
        answered.collect()
    }

    /// True if somebody may still answer. Who looks for a scout does not wait for long before trying one more, nor does who has one wait
    /// for long for others to compare it with.
    fn awaits_probes(&self, cx: Hands) -> bool {
        let Some(seek) = &self.join.seek else { return false };
        let is_slow = seek.patience.is_some_and(|until| until <= cx.now());
        let one_more = seek.scouting && is_slow && seek.probes.len() < self.me.knobs.probes;
        let enough = !seek.scouting && is_slow && seek.scout.is_some();
        !seek.probes.is_empty() && !one_more && !enough
    }

    /// Probes some of those that are known. False if there is nobody left to probe.
    fn dial_round(&mut self, cx: Hands) -> bool {
        let own = self.own_address(cx);
        let mut taken: Vec<SocketAddrV4> = self.parents().chain([own]).collect();
        let Some(seek) = &mut self.join.seek else { return false };
        let knobs = &self.me.knobs;
        (seek.patience, seek.scout_competes) = (None, false);
        // Of those that a list names, so many that will not have us speak for the rest.
        if !seek.scouting && seek.batches >= BATCHES_MAX {
            return false;
        }
        seek.batches += u32::from(!seek.scouting);
        taken.extend(&seek.tried);
        let scout = seek.scout.and_then(|conn| match self.conns.get(conn) {
            Some(Conn::Parent(parent)) => Some((parent.address, parent.rtt)),
            _ => None,
        });
        // A list that may be old is gone through one by one.
        let width = if seek.scouting { 1 } else { knobs.probes.max(1) };
        // Lists may be full of lies; after a vain round one dial goes to whom the user or the program has named.
        let mut named = seek.rounds > 0 && !seek.scouting;
        for _ in 0..width {
            let usable = |address, kept| !taken.contains(&address) && (kept || !named);
            let mut next = seek.book.pick(cx.now(), cx.rng(), usable);
            if std::mem::take(&mut named) && next.is_none() {
                next = seek.book.pick(cx.now(), cx.rng(), |address, _| !taken.contains(&address));
            }
            let Some(address) = next else { break };
            taken.push(address);
            if scout.is_some_and(|(scout, _)| scout == address) {
                seek.scout_competes = true;
                continue;
            }
            seek.tried.push(address);
            seek.book.dialled(address, cx.now());
            let conn = cx.dial(address, Setup::Dialled);
            cx.send(conn, Message::Hello(Hello::OURS));
            cx.wake(knobs.step_timeout, Timer::ConnDue(conn));
            let deadline = cx.now() + knobs.step_timeout;
            let probe = Probe { address, asked: cx.now(), deadline, is_opened: false, answer: None };
            self.conns.insert(conn, Conn::Probe(Box::new(probe)));
            seek.probes.push(conn);
        }
        let (is_waiting, is_scouting) = (!seek.probes.is_empty(), seek.scouting);
        if is_waiting && (is_scouting || scout.is_some()) {
            // Whoever takes much longer to be dialled and to answer than the scout did is no better.
            let patience = knobs.probe_patience + 4 * scout.map_or(Duration::ZERO, |(_, rtt)| rtt);
            seek.patience = Some(cx.now() + patience);
            self.wake_join(patience, cx);
        }
        is_waiting
    }

    /// Nobody is left to try in this round.
    fn nobody(&mut self, cx: Hands) {
        let knobs = Arc::clone(&self.me.knobs);
        let Some(seek) = &mut self.join.seek else { return };
        let round = seek.rounds;
        (seek.rounds, seek.batches) = (round + 1, 0);
        seek.tried.clear();
        let asks_services = self.me.services.is_some() && !self.join.services_know_nobody;
        let is_empty = seek.book.is_empty();
        let knows_somebody = !is_empty || asks_services;
        let refused = std::mem::take(&mut seek.refused);
        let until_due = seek.book.until_due(cx.now());
        // No supernode could tell a list, so whatever has come since is the services'.
        let hears_services =
            asks_services && self.join.told.as_ref().is_some_and(|told| told.at > seek.since);
        let need = match (refused, knows_somebody) {
            (true, _) => Some(Need::Refused(round)),
            (false, true) => round.checked_sub(1).filter(|_| hears_services).map(Need::Unreached),
            (false, false) => Some(Need::Alone),
        };
        if !self.join.has_parent() && need.is_some_and(|need| self.rises_for(need, cx)) {
            return self.rise(cx);
        }
        if asks_services && is_empty && round == 0 {
            // Their list may be on its way.
            return self.wake_join(knobs.step_timeout, cx);
        }
        if !knows_somebody && self.me.services.is_none() {
            return self.tell_offline("no supernode is known; name one, or the services", cx);
        }
        let doubled = knobs.retry * (1 << round.min(DOUBLINGS_MAX));
        self.want_list(cx);
        let wait = doubled.max(until_due.min(knobs.dial_pause)) + jitter(knobs.retry, cx);
        if !self.join.has_parent() {
            let why = match (refused, knows_somebody) {
                (true, _) => "every known supernode is full",
                (false, true) => "no supernode can be reached",
                (false, false) => "the services know of no supernode",
            };
            self.tell_offline(&format!("{why}; trying again in {} s", wait.as_secs().max(1)), cx);
        }
        self.wake_join(wait, cx);
    }

    /// There are enough parents: nobody else is needed.
    pub(super) fn end_seek(&mut self, cx: Hands) {
        let Some(seek) = &mut self.join.seek else { return };
        seek.scouting = false;
        let rest = seek.probes.drain(..).chain(seek.chosen.drain(..)).chain(seek.scout.take());
        for conn in rest.collect::<Vec<ConnId>>() {
            self.withdraw(conn, cx);
        }
        self.wake_join(self.me.knobs.dial_pause, cx);
    }
}

/// Probes.
impl Ordinary {
    /// The hello leaves now.
    pub(super) fn probe_opened(&mut self, conn: ConnId, cx: Hands) {
        if let Some(Conn::Probe(probe)) = self.conns.get_mut(conn) {
            (probe.asked, probe.is_opened) = (cx.now(), true);
        }
    }

    /// A supernode has answered.
    pub(super) fn of_probe(&mut self, conn: ConnId, message: &Message, cx: Hands) {
        let now = cx.now();
        let Some(Conn::Probe(probe)) = self.conns.get_mut(conn) else { return };
        let key = match message {
            Message::Accept(accept) if probe.answer.is_none() => accept.session(&Hello::OURS),
            _ => None,
        };
        let address = probe.address;
        probe.answer = key.map(|key| (now.since(probe.asked), key));
        let Some(seek) = &mut self.join.seek else { return self.hang_up(conn, cx) };
        if key.is_none() {
            // It wants ciphers that nobody here speaks.
            seek.book.failed(address, now, self.me.knobs.retry);
            return self.drop_probe(conn, cx);
        }
        seek.book.answered(address, now);
        if seek.patience.is_none() {
            seek.patience = Some(now + self.me.knobs.probe_patience);
            self.wake_join(self.me.knobs.probe_patience, cx);
        }
        self.seek(cx);
    }

    /// A probe came to nothing.
    pub(super) fn probe_closed(&mut self, conn: ConnId, probe: &Probe, cx: Hands) {
        let retry = self.me.knobs.retry;
        if let Some(seek) = &mut self.join.seek {
            seek.book.failed(probe.address, cx.now(), retry);
            seek.probes.retain(|other| *other != conn);
            self.seek(cx);
        }
    }

    /// A probe should have been answered by now; one that was may wait to be chosen.
    pub(super) fn probe_due(&mut self, conn: ConnId, cx: Hands) {
        let Some(Conn::Probe(probe)) = self.conns.get(conn) else { return };
        if probe.answer.is_some() || cx.now() < probe.deadline {
            return;
        }
        let (address, retry) = (probe.address, self.me.knobs.retry);
        if let Some(seek) = &mut self.join.seek {
            seek.book.failed(address, cx.now(), retry);
        }
        self.drop_probe(conn, cx);
    }

    /// Hangs up on somebody who is needed no longer. Who has picked up may be wanted soon.
    pub(super) fn withdraw(&mut self, conn: ConnId, cx: Hands) {
        if let Some(Conn::Probe(probe)) = self.conns.get(conn)
            && probe.is_opened
            && probe.answer.is_none()
            && let Some(seek) = &mut self.join.seek
        {
            seek.book.withdrawn(probe.address, cx.now(), self.me.knobs.retry);
        }
        self.hang_up(conn, cx);
    }

    fn drop_probe(&mut self, conn: ConnId, cx: Hands) {
        if let Some(seek) = &mut self.join.seek {
            seek.probes.retain(|other| *other != conn);
        }
        self.hang_up(conn, cx);
        self.seek(cx);
    }

    /// Goes on with a supernode that has answered.
    fn become_child(&mut self, conn: ConnId, cx: Hands) {
        let Some(Conn::Probe(probe)) = self.conns.remove(conn) else { return };
        let (Some((rtt, key)), Some(seek)) = (probe.answer, &mut self.join.seek) else { return };
        seek.probes.retain(|other| *other != conn);
        seek.chosen.push(conn);
        cx.resume_as(conn, Setup::Session(key));
        let deadline = cx.now() + self.me.knobs.step_timeout;
        self.conns.insert(conn, Conn::Parent(Box::new(Parent::new(probe.address, rtt, deadline))));
        cx.wake(self.me.knobs.step_timeout, Timer::ConnDue(conn));
        self.greet(conn, cx);
    }
}

/// A random part of `whole`, so that those who were cut off together do not come back together.
fn jitter(whole: Duration, cx: Hands) -> Duration {
    whole.mul_f64(f64::from(cx.rng().random_range(0..1000u32)) / 1000.0)
}
