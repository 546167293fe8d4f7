//! Finding a parent, losing it, finding another.
//!
//! A node that knows only the list that came with the program first goes through it until a supernode is operational, the *scout*,
//! and takes a fresher list from it. It then opens sessions to some of that list, and keeps the one that answers best
//! ([`crate::selection`]). Who has a fresh list, from a supernode or from the services, starts with the second step.
//!
//! | a connection is | event | becomes |
//! |---|---|---|
//! | dialled | opened | probed: the hello has left |
//! | probed | answered | waiting, with its round trip; the reading stops |
//! | waiting | it is the best of its round | greeting: the ciphers are on, our network name has left |
//! | waiting | another one has taken us on | closed |
//! | greeting | taken on (2c), and our list is old | the scout: waits for its list, then for the probes of that list |
//! | greeting | taken on, and our list is fresh | a parent: told who we are and what we share |
//! | greeting | closed with a list: it is full | the next best, or another round with what the list says |
//! | scout | the probes are better | closed |
//! | scout | there is nobody else, or nobody better | a parent |
//! | parent | closed, or silent for a ping | gone: another round from the list at once; downloads do not notice |
//! | any | nothing in time | closed |
//!
//! A round in which nobody is found is followed by another one later, at doubling intervals with a random part; or by the node's
//! rise to be a supernode itself: `promotion.rs`.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use common::peer::{CloseReason, ConnId, Time};
use common::user::{Note, SearchEnd};
use rand::RngExt as _;

use super::promotion::Need;
use super::session::Parent;
use super::{Conn, Hands, Ordinary};
use crate::book::{Book, DIAL_PAUSE};
use crate::config::Role;
use crate::node::Timer;
use crate::nodes;
use crate::selection::Probed;
use crate::wire::{Hello, Message, NodeEntry, SessionKey, Setup};

/// Batches of probes in one round.
const BATCHES_MAX: u32 = 2;
/// Doublings of the wait after a vain round.
const DOUBLINGS_MAX: u32 = 6;

/// How this node stands to the overlay.
#[derive(Default)]
pub(super) struct Join {
    /// Supernodes whose child we are, the one that is asked first in front.
    pub(super) parents: Vec<ConnId>,
    /// The latest list, and who told it. Kept as it came: in the simulator all who were told the same share one copy.
    told: Option<Told>,
    /// There while a parent is missing, and for a minute after, so that nobody is dialled twice in one.
    pub(super) seek: Option<Box<Seek>>,
    pub(super) standing: Standing,
    /// When the timer is due that counts; others are ignored. Zero: none.
    due: Time,
    /// The services have told an empty list.
    services_know_nobody: bool,
    /// Our address as a supernode sees it: of use to a node that listens on every address of its machine.
    seen_at: Option<Ipv4Addr>,
}

struct Told {
    by: Ipv4Addr,
    at: Time,
    nodes: Arc<[NodeEntry]>,
}

/// What the user has been told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Standing {
    #[default]
    Joining,
    Online,
    /// The last parent is gone, another one is looked for; the user need not know yet.
    Lost,
    Offline,
}

/// The search for a parent.
pub(super) struct Seek {
    pub(super) book: Book,
    /// Our list is old: who answers first is the scout.
    scouting: bool,
    /// Dialled in this round, answered or not.
    probes: Vec<ConnId>,
    /// Those whose children we are becoming.
    chosen: Vec<ConnId>,
    scout: Option<ConnId>,
    /// Its list has been probed.
    compared: bool,
    /// The scout was drawn from its own list, and is compared with the others.
    scout_competes: bool,
    /// Since somebody has answered, the others may take until then; in search of a scout, so long the last one that was dialled.
    patience: Option<Time>,
    /// Those that were dialled in this round, each once; and in how many batches.
    tried: Vec<SocketAddrV4>,
    batches: u32,
    /// Vain rounds in a row.
    pub(super) rounds: u32,
    /// Somebody lives, but has no room.
    refused: bool,
}

/// A supernode that may become the parent.
pub(crate) struct Probe {
    address: SocketAddrV4,
    /// When its hello left.
    asked: Time,
    deadline: Time,
    /// Once it has answered: how long that took, and with which ciphers the session goes on.
    answer: Option<(Duration, SessionKey)>,
}

impl Seek {
    fn is_idle(&self) -> bool {
        self.probes.is_empty() && self.chosen.is_empty() && self.scout.is_none()
    }
}

impl Join {
    /// True if there is somebody to ask.
    pub(super) fn has_parent(&self) -> bool {
        !self.parents.is_empty()
    }

    /// Percent of the supernodes' places that are free, by the newest list.
    pub(super) fn mean_free_percent(&self) -> Option<u8> {
        let told = self.told.as_ref()?;
        let sum: u32 = told.nodes.iter().map(|node| u32::from(node.free_percent)).sum();
        u8::try_from(sum.checked_div(u32::try_from(told.nodes.len()).ok()?)?).ok()
    }
}

impl Ordinary {
    /// Supernodes whose child this node is, the one it asks first in front.
    pub fn parents(&self) -> impl Iterator<Item = SocketAddrV4> {
        self.join.parents.iter().filter_map(|conn| match self.conns.get(*conn) {
            Some(Conn::Parent(parent)) => Some(parent.address),
            _ => None,
        })
    }

    /// The first steps.
    pub(super) fn start_join(&mut self, cx: Hands) {
        if self.me.force == Some(Role::Supernode) {
            return self.rise(cx);
        }
        self.seek(cx);
    }

    /// Where we listen, as others should know it.
    pub(crate) fn own_address(&self, cx: Hands) -> SocketAddrV4 {
        let address = cx.address();
        match self.join.seen_at {
            Some(ip) if address.ip().is_unspecified() => SocketAddrV4::new(ip, address.port()),
            _ => address,
        }
    }

    /// A supernode says how it sees us.
    pub(super) fn seen_at(&mut self, ip: Ipv4Addr) {
        self.join.seen_at = Some(ip);
    }

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

    fn begin_seek(&mut self, cx: Hands) {
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
        }));
    }

    /// All that is known of supernodes.
    pub(super) fn new_book(&self, cx: Hands) -> Book {
        let mut book = Book::new(self.me.knobs.supernodes_max);
        let own = self.own_address(cx);
        for address in self.me.supernodes.iter().filter(|address| **address != own) {
            book.keep(*address);
        }
        if let Some(told) = &self.join.told {
            book.learn(&told.nodes, told.by, told.at);
        }
        book.forget(own);
        book
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

    /// True if somebody may still answer. Who looks for a scout does not wait for long before trying one more.
    fn awaits_probes(&self, cx: Hands) -> bool {
        let Some(seek) = &self.join.seek else { return false };
        let is_slow = seek.patience.is_some_and(|until| until <= cx.now());
        let one_more = seek.scouting && is_slow && seek.probes.len() < self.me.knobs.probes;
        !seek.probes.is_empty() && !one_more
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
            Some(Conn::Parent(parent)) => Some(parent.address),
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
            if Some(address) == scout {
                seek.scout_competes = true;
                continue;
            }
            seek.tried.push(address);
            seek.book.dialled(address, cx.now());
            let conn = cx.dial(address, Setup::Dialled);
            cx.send(conn, Message::Hello(Hello::OURS));
            cx.wake(knobs.step_timeout, Timer::ConnDue(conn));
            let deadline = cx.now() + knobs.step_timeout;
            let probe = Probe { address, asked: cx.now(), deadline, answer: None };
            self.conns.insert(conn, Conn::Probe(Box::new(probe)));
            seek.probes.push(conn);
        }
        let (is_waiting, is_scouting) = (!seek.probes.is_empty(), seek.scouting);
        if is_waiting && is_scouting {
            let patience = knobs.probe_patience;
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
        let need = match (refused, knows_somebody) {
            (true, _) => Some(Need::Refused(round)),
            (false, true) => None,
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
        let wait = doubled.max(until_due.min(DIAL_PAUSE)) + jitter(knobs.retry, cx);
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

    fn tell_offline(&mut self, why: &str, cx: Hands) {
        if self.join.standing != Standing::Offline {
            self.join.standing = Standing::Offline;
            cx.note(Note::Offline(why.into()));
        }
        self.end_searches(SearchEnd::Offline, cx);
    }

    /// The user can search.
    pub(super) fn tell_online(&mut self, cx: Hands) {
        let before = std::mem::replace(&mut self.join.standing, Standing::Online);
        if matches!(before, Standing::Joining | Standing::Offline) {
            cx.note(Note::Online);
        }
    }

    /// There are enough parents: nobody else is needed.
    pub(super) fn end_seek(&mut self, cx: Hands) {
        let Some(seek) = &mut self.join.seek else { return };
        seek.scouting = false;
        let rest = seek.probes.drain(..).chain(seek.chosen.drain(..)).chain(seek.scout.take());
        for conn in rest {
            self.conns.remove(conn);
            cx.close(conn);
        }
        self.wake_join(DIAL_PAUSE, cx);
    }

    fn wake_join(&mut self, after: Duration, cx: Hands) {
        self.join.due = cx.now() + after;
        cx.wake(after, Timer::Join);
    }

    /// The timer.
    pub(super) fn join_due(&mut self, cx: Hands) {
        if self.join.due == Time::ZERO || cx.now() < self.join.due {
            return;
        }
        self.join.due = Time::ZERO;
        let enough = self.supernode.is_some() || self.join.parents.len() >= self.me.knobs.parents.max(1);
        if enough && self.join.seek.as_ref().is_some_and(|seek| seek.is_idle()) {
            self.join.seek = None;
            self.conns.shrink();
        } else {
            self.seek(cx);
        }
    }
}

/// Probes.
impl Ordinary {
    /// The hello leaves now.
    pub(super) fn probe_opened(&mut self, conn: ConnId, cx: Hands) {
        if let Some(Conn::Probe(probe)) = self.conns.get_mut(conn) {
            probe.asked = cx.now();
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

/// Parents come and go.
impl Ordinary {
    /// A supernode has taken us on.
    pub(super) fn taken_on(&mut self, conn: ConnId, cx: Hands) {
        let Some(seek) = &mut self.join.seek else { return };
        if !seek.chosen.contains(&conn) {
            return;
        }
        // The list of a scout comes next.
        if !seek.scouting {
            self.joined(conn, cx);
        }
    }

    /// A supernode that has taken us on has told no list in time: it will do without.
    pub(super) fn list_overdue(&mut self, conn: ConnId, cx: Hands) {
        let Some(seek) = &mut self.join.seek else { return };
        if seek.chosen.contains(&conn) {
            seek.scouting = false;
            self.joined(conn, cx);
        }
    }

    /// A supernode has told its list.
    pub(super) fn parent_told(&mut self, conn: ConnId, nodes: &Arc<[NodeEntry]>, cx: Hands) {
        let Some(Conn::Parent(parent)) = self.conns.get(conn) else { return };
        let is_taken_on = parent.is_taken_on();
        self.learn_supernodes(nodes, *parent.address.ip(), cx);
        let Some(seek) = &mut self.join.seek else { return };
        if !seek.chosen.contains(&conn) || !is_taken_on {
            // A list before we are taken on says who else might; it closes next.
            seek.scouting &= nodes.is_empty();
            return;
        }
        seek.chosen.retain(|chosen| *chosen != conn);
        if !std::mem::take(&mut seek.scouting) {
            return self.joined(conn, cx);
        }
        (seek.scout, seek.compared) = (Some(conn), false);
        let probes: Vec<ConnId> = seek.probes.drain(..).collect();
        for probe in probes {
            self.hang_up(probe, cx);
        }
        self.seek(cx);
    }

    /// Somebody at that address names supernodes.
    pub(crate) fn learn_supernodes(&mut self, nodes: &Arc<[NodeEntry]>, teller: Ipv4Addr, cx: Hands) {
        let max = self.me.knobs.supernodes_max;
        let nodes: Arc<[NodeEntry]> = match nodes.get(..max) {
            Some(first) if nodes.len() > max => first.into(),
            _ => Arc::clone(nodes),
        };
        let own = self.own_address(cx);
        let seek = self.join.seek.as_mut().map(|seek| &mut seek.book);
        let supernode = self.supernode.as_mut().map(|supernode| &mut supernode.book);
        for book in seek.into_iter().chain(supernode) {
            book.learn(&nodes, teller, cx.now());
            book.forget(own);
        }
        if !nodes.is_empty() {
            self.join.told = Some(Told { by: teller, at: cx.now(), nodes });
            self.keep_supernodes(cx);
        }
    }

    /// What is known of supernodes goes into the node's records, if it has any.
    fn keep_supernodes(&self, cx: Hands) {
        if !self.me.keeps_supernodes {
            return;
        }
        let max = self.me.knobs.supernodes_max;
        let known = match &self.supernode {
            Some(supernode) => supernode.book.sample(max, cx.now(), cx.rng()),
            None => self.new_book(cx).sample(max, cx.now(), cx.rng()),
        };
        cx.note(Note::Keep(nodes::write(&known, self.clock_s(cx.now())).into()));
    }

    /// The services could not be asked: whoever has waited for them need wait no longer.
    pub(super) fn services_missed(&mut self, cx: Hands) {
        let is_waiting = self.join.seek.as_ref().is_some_and(|seek| seek.is_idle() && seek.rounds == 1);
        if self.supernode.is_none() && is_waiting {
            self.seek(cx);
        }
    }

    /// The services name these supernodes.
    pub(crate) fn services_list(&mut self, nodes: &[NodeEntry], cx: Hands) {
        let Some(services) = self.me.services else { return };
        self.join.services_know_nobody = nodes.is_empty();
        self.learn_supernodes(&nodes.into(), *services.ip(), cx);
        if self.supernode.is_some() {
            return self.seek_links(cx);
        }
        if let Some(seek) = &mut self.join.seek {
            seek.scouting &= self.join.told.is_none();
            if seek.is_idle() {
                self.seek(cx);
            }
        }
    }

    /// We are the child of a supernode.
    fn joined(&mut self, conn: ConnId, cx: Hands) {
        let Some(seek) = &mut self.join.seek else { return };
        seek.chosen.retain(|chosen| *chosen != conn);
        (seek.rounds, seek.batches) = (0, 0);
        seek.tried.clear();
        self.join.parents.push(conn);
        self.register(conn, cx);
        self.tell_online(cx);
        self.ask_held(cx);
        self.seek(cx);
    }

    /// A parent, or one that was to become one, is gone.
    pub(super) fn parent_closed(&mut self, conn: ConnId, parent: &Parent, reason: CloseReason, cx: Hands) {
        self.begin_seek(cx);
        let (now, retry) = (cx.now(), self.me.knobs.retry);
        let Some(seek) = &mut self.join.seek else { return };
        if seek.chosen.contains(&conn) || seek.scout == Some(conn) {
            seek.chosen.retain(|chosen| *chosen != conn);
            seek.scout = seek.scout.filter(|scout| *scout != conn);
            match parent.has_told && reason == CloseReason::Remote {
                true => {
                    seek.refused = true;
                    seek.book.full(parent.address, now, retry * (1 << seek.rounds.min(DOUBLINGS_MAX)));
                }
                false => seek.book.failed(parent.address, now, retry),
            }
        } else {
            seek.book.lost(parent.address, now, retry);
            self.join.parents.retain(|other| *other != conn);
            self.parent_lost(conn, cx);
            if !self.join.has_parent() && self.join.standing == Standing::Online {
                self.join.standing = Standing::Lost;
            }
        }
        self.seek(cx);
    }

    /// A parent has nothing more to say.
    pub(super) fn leave_parent(&mut self, conn: ConnId, reason: CloseReason, cx: Hands) {
        if let Some(Conn::Parent(parent)) = self.conns.remove(conn) {
            cx.close(conn);
            self.parent_closed(conn, &parent, reason, cx);
        }
    }

    /// The session with the supernode of that address, if it is a parent, or with the first parent.
    pub(crate) fn nearest_parent(&self, supernode: SocketAddrV4) -> Option<ConnId> {
        let is_it = |conn: &&ConnId| match self.conns.get(**conn) {
            Some(Conn::Parent(parent)) => parent.address == supernode,
            _ => false,
        };
        let parents = &self.join.parents;
        parents.iter().find(is_it).or(parents.first()).copied()
    }

    /// Becomes nobody's child.
    pub(super) fn leave_parents(&mut self, cx: Hands) {
        self.end_seek(cx);
        for conn in std::mem::take(&mut self.join.parents) {
            self.hang_up(conn, cx);
            self.parent_lost(conn, cx);
        }
    }
}

/// A random part of `whole`, so that those who were cut off together do not come back together.
pub(super) fn jitter(whole: Duration, cx: Hands) -> Duration {
    whole.mul_f64(f64::from(cx.rng().random_range(0..1000u32)) / 1000.0)
}
