//! How many neighbours, and which.
//!
//! | neighbours | what is done |
//! |---|---|
//! | fewer than [`Knobs::degree`] | as many as are missing are dialled: those the user named first, then others from [`crate::hosts`] |
//! | none, and nobody known | the web caches are asked, one after the other |
//! | too few, and their pongs name nobody else | a web cache is asked now and then |
//! | none, and nobody answers | the user is told; all of it again, after a wait that doubles each time |
//! | [`Knobs::degree_max`] | callers are refused, with the addresses of others |
//!
//! Nothing runs on a clock here: what ends (a handshake, a link, a cache's answer) or brings addresses (a pong) looks whether
//! neighbours are missing. The timer is set only when everybody known has been put off.
//!
//! With [`Knobs::keeps_degree`] off the overlay is a fixed graph: those the user named are dialled, and only they.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use common::http::{self, Headers, Request};
use common::net::is_dialable;
use common::peer::{ConnId, Time};
use common::user::{Note, SearchEnd};
use rand::RngExt as _;

use super::handshake::Attempt;
use super::neighbour::Farewell;
use super::{Hands, Knobs, Link, Servent};
use crate::guid::Guid;
use crate::hosts::Hosts;
use crate::node::Timer;
use crate::wire::{Message, Page, Setup, Version};

/// Addresses of a web cache's answer that are learnt. Caches tell about twenty.
const CACHED_MAX: usize = 100;
/// How often a servent with some neighbours asks for more.
const ASK_EVERY: Duration = Duration::from_secs(600);
/// Doublings of the wait for another try to get in.
const DOUBLINGS_MAX: u32 = 6;

/// What is known of the overlay's edge around us.
pub(super) struct Upkeep {
    /// The neighbours, in the order in which they came.
    pub(super) neighbours: Vec<ConnId>,
    /// Handshakes under way.
    pub(super) attempts: Vec<Attempt>,
    pub(super) hosts: Hosts,
    standing: Standing,
    /// When the timer is due that counts; others are ignored.
    due: Option<Time>,
    /// Rounds in a row that have led nowhere.
    rounds: u32,
    cache: Caches,
    /// Our address as a neighbour sees it: of use to a servent that listens on every address of its machine.
    seen_at: Option<Ipv4Addr>,
}

/// What the user has been told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    Joining,
    /// There is nobody to join: an overlay begins here. The user was told that we are online.
    Beginning,
    Online,
    Offline,
}

/// The web caches, of which one is spoken to at a time.
#[derive(Default)]
struct Caches {
    talk: Option<(ConnId, Purpose)>,
    /// The one to turn to next.
    next: usize,
    /// How many have been asked in this round.
    asked: usize,
    /// When one may be asked again by a servent that has neighbours, but too few.
    ask_at: Time,
    /// When one is to be told of us.
    tell_at: Time,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Purpose {
    Ask,
    Tell,
}

impl Upkeep {
    /// Of a servent that has not started. In a fixed graph nothing is remembered but whom the user named.
    pub(super) fn new(knobs: &Knobs) -> Self {
        let hosts_max = if knobs.keeps_degree { knobs.hosts_max } else { 0 };
        Upkeep {
            neighbours: Vec::new(),
            attempts: Vec::new(),
            hosts: Hosts::new(hosts_max),
            standing: Standing::Joining,
            due: None,
            rounds: 0,
            cache: Caches::default(),
            seen_at: None,
        }
    }

    /// Somebody named this address.
    pub(super) fn learn(&mut self, address: SocketAddrV4) {
        self.hosts.learn(address);
    }

    fn dialling(&self) -> usize {
        self.attempts.iter().filter(|attempt| attempt.dialled).count()
    }
}

impl Servent {
    /// Neighbours now.
    pub fn degree(&self) -> usize {
        self.upkeep.neighbours.len()
    }

    /// Our name in hits and pushes.
    pub fn guid(&self) -> Guid {
        self.guid
    }

    /// Where the neighbours listen, those of which it is known, in the order in which they came.
    pub fn neighbour_addresses(&self) -> impl Iterator<Item = SocketAddrV4> {
        self.neighbours().filter_map(|neighbour| neighbour.far.listens)
    }

    /// The first dials.
    pub(super) fn start_upkeep(&mut self, cx: Hands) {
        let own = cx.address();
        for address in self.me.connect.iter().filter(|address| **address != own) {
            self.upkeep.hosts.keep(*address);
        }
        if !self.me.host_caches.is_empty() {
            self.upkeep.cache.next = cx.rng().random_range(0..self.me.host_caches.len());
        }
        if self.upkeep.hosts.is_empty() && self.me.host_caches.is_empty() {
            self.upkeep.standing = Standing::Beginning;
            cx.note(Note::Online);
        }
        self.seek(cx);
    }

    /// The timer.
    pub(super) fn upkeep_due(&mut self, cx: Hands) {
        if self.upkeep.due.is_some_and(|due| due <= cx.now()) {
            self.upkeep.due = None;
            self.upkeep.cache.asked = 0;
            self.seek(cx);
        }
    }

    /// True if a caller could become a neighbour.
    pub(super) fn has_room(&self) -> bool {
        !self.knobs.keeps_degree || self.upkeep.neighbours.len() < self.knobs.degree_max
    }

    /// Where we listen, as others should know it.
    pub(super) fn own_address(&self, cx: Hands) -> SocketAddrV4 {
        let address = cx.address();
        match self.upkeep.seen_at {
            Some(ip) if address.ip().is_unspecified() => SocketAddrV4::new(ip, address.port()),
            _ => address,
        }
    }

    /// Learns from a handshake how others see us. Whom we have dialled is believed rather than a stranger.
    pub(super) fn note_own_address(&mut self, headers: &Headers, dialled: bool) {
        let seen = headers.get("Remote-IP").and_then(|ip| ip.parse().ok());
        let seen = seen.filter(|ip| is_dialable(SocketAddrV4::new(*ip, 1)));
        let before = self.upkeep.seen_at;
        self.upkeep.seen_at = if dialled { seen.or(before) } else { before.or(seen) };
    }

    /// A neighbour has come.
    pub(super) fn joined_by(&mut self, conn: ConnId, cx: Hands) {
        self.upkeep.neighbours.push(conn);
        self.upkeep.rounds = 0;
        self.upkeep.cache.asked = 0;
        let before = std::mem::replace(&mut self.upkeep.standing, Standing::Online);
        if matches!(before, Standing::Joining | Standing::Offline) {
            cx.note(Note::Online);
        }
        self.ping_newcomer(conn, cx);
        self.seek(cx);
    }

    /// A neighbour has gone, and its connection with it.
    pub(super) fn unlinked(&mut self, conn: ConnId, cx: Hands) {
        self.upkeep.neighbours.retain(|neighbour| *neighbour != conn);
        if self.upkeep.neighbours.is_empty() {
            let why = format!("the last neighbour is gone; looking for others ({})", self.known());
            self.tell_offline(&why, cx);
        }
        self.seek(cx);
    }

    /// Where neighbours listen who may take links from others.
    pub(super) fn linkable(&self) -> impl Iterator<Item = SocketAddrV4> {
        self.neighbours()
            .filter(|neighbour| !neighbour.far.leaf)
            .filter_map(|neighbour| neighbour.far.listens)
    }

    /// Neighbours that are neither there nor being dialled. Leaves do not count: they lead nowhere.
    pub(super) fn missing(&self) -> usize {
        let leaves = self.neighbours().filter(|neighbour| neighbour.far.leaf).count();
        let have = self.upkeep.neighbours.len() - leaves + self.upkeep.dialling();
        self.knobs.degree.saturating_sub(have)
    }

    /// Sees to it that there are enough neighbours.
    pub(super) fn seek(&mut self, cx: Hands) {
        if self.left {
            return;
        }
        // In a fixed graph the user's list is the bound.
        while !self.knobs.keeps_degree || self.upkeep.dialling() < self.knobs.dials_max {
            let Some(address) = self.next_to_dial(cx) else { break };
            // Not twice, whatever becomes of it.
            self.upkeep.hosts.put_off(address, cx.now() + self.knobs.retry);
            self.dial_neighbour(address, Version::V06, cx);
        }
        if self.upkeep.dialling() > 0 || self.upkeep.cache.talk.is_some() {
            return;
        }
        if self.upkeep.neighbours.is_empty() {
            if !self.ask_cache(cx) {
                self.nobody(cx);
            }
            return;
        }
        // The neighbours, too few of them, know nobody else: perhaps this is an island.
        let lonely = self.missing() > 0 && cx.now() >= self.upkeep.cache.ask_at;
        if !lonely || !self.ask_cache(cx) {
            self.tell_cache(cx);
        }
        self.set_timer(cx);
    }

    fn next_to_dial(&self, cx: Hands) -> Option<SocketAddrV4> {
        let fixed = !self.knobs.keeps_degree;
        let all_there = if fixed { self.me.connect.is_empty() } else { self.missing() == 0 };
        if all_there {
            return None;
        }
        let own = self.own_address(cx);
        // Sorted, since the hub of a fixed graph has thousands.
        let mut taken: Vec<SocketAddrV4> = self
            .neighbour_addresses()
            .chain(self.upkeep.attempts.iter().map(|attempt| attempt.address))
            .chain([own])
            .collect();
        taken.sort_unstable();
        let is_free = |address: SocketAddrV4| taken.binary_search(&address).is_err();
        let now = cx.now();
        let hosts = &self.upkeep.hosts;
        let named = self.me.connect.iter().find(|address| hosts.is_due(**address, now) && is_free(**address));
        match named {
            Some(address) => Some(*address),
            None if fixed => None,
            None => hosts.pick(now, cx.rng(), is_free),
        }
    }

    /// Nobody is there, and nobody is left to dial or to ask.
    fn nobody(&mut self, cx: Hands) {
        if self.upkeep.hosts.is_empty() && self.me.host_caches.is_empty() {
            // Only somebody who dials us can change that.
            return self.tell_offline("no neighbour is left, and no address of another servent is known", cx);
        }
        let doubled = self.knobs.retry * (1 << self.upkeep.rounds.min(DOUBLINGS_MAX));
        let until_due =
            self.upkeep.hosts.next_due(cx.now()).map_or(Duration::ZERO, |due| due.since(cx.now()));
        let wait = doubled.max(until_due) + jitter(self.knobs.retry, cx);
        self.upkeep.rounds += 1;
        let text = format!(
            "no other servent can be reached; trying again in {} s ({})",
            wait.as_secs().max(1),
            self.known()
        );
        self.tell_offline(&text, cx);
        self.wake_upkeep(wait, cx);
    }

    /// Who is left to turn to, in words.
    fn known(&self) -> String {
        let (hosts, caches) = (self.upkeep.hosts.len(), self.me.host_caches.len());
        format!("known addresses: {hosts}, web caches: {caches}")
    }

    fn tell_offline(&mut self, why: &str, cx: Hands) {
        if matches!(self.upkeep.standing, Standing::Joining | Standing::Online) {
            self.upkeep.standing = Standing::Offline;
            cx.note(Note::Offline(why.into()));
        }
    }

    /// Sets the timer for the next address that may be dialled again, or for the next word to a web cache.
    fn set_timer(&mut self, cx: Hands) {
        let now = cx.now();
        let keeps = self.knobs.keeps_degree;
        let lacks = self.missing() > 0;
        if (lacks || !keeps)
            && let Some(due) = self.upkeep.hosts.next_due(now)
        {
            let wait = due.since(now).max(self.knobs.retry) + jitter(self.knobs.retry, cx);
            self.wake_upkeep(wait, cx);
        }
        if lacks && keeps && !self.me.host_caches.is_empty() {
            self.wake_upkeep(self.upkeep.cache.ask_at.since(now), cx);
        }
        if self.tells_caches() {
            self.wake_upkeep(self.upkeep.cache.tell_at.since(now), cx);
        }
    }

    fn wake_upkeep(&mut self, after: Duration, cx: Hands) {
        let at = cx.now() + after;
        if self.upkeep.due.is_none_or(|due| at < due) {
            self.upkeep.due = Some(at);
            cx.wake(after, Timer::Upkeep);
        }
    }

    /// Asks the next web cache for addresses. False if all have been asked in this round.
    fn ask_cache(&mut self, cx: Hands) -> bool {
        if !self.knobs.keeps_degree || self.upkeep.cache.asked >= self.me.host_caches.len() {
            return false;
        }
        self.upkeep.cache.asked += 1;
        self.upkeep.cache.ask_at = cx.now() + ASK_EVERY;
        self.dial_cache(Purpose::Ask, "hostfile=1", cx);
        true
    }

    fn tells_caches(&self) -> bool {
        self.knobs.keeps_degree && !self.me.firewalled && !self.me.host_caches.is_empty()
    }

    /// Tells a web cache that we are here, if it is time to.
    fn tell_cache(&mut self, cx: Hands) {
        if !self.tells_caches() || cx.now() < self.upkeep.cache.tell_at {
            return;
        }
        let own = self.own_address(cx);
        if own.ip().is_unspecified() {
            // Nobody has told us yet where we are.
            self.upkeep.cache.tell_at = cx.now() + ASK_EVERY;
            return;
        }
        self.upkeep.cache.tell_at = cx.now() + self.knobs.tell_every;
        self.dial_cache(Purpose::Tell, &format!("ip={own}"), cx);
    }

    fn dial_cache(&mut self, purpose: Purpose, query: &str, cx: Hands) {
        let at = self.upkeep.cache.next % self.me.host_caches.len();
        let (address, path) = &self.me.host_caches[at];
        let conn = cx.dial(*address, Setup::CacheClient);
        let request = Request::get(&format!("{path}?{query}"))
            .with("Host", address)
            .with("User-Agent", &self.knobs.client)
            .with("Connection", "close");
        cx.send(conn, Message::Request(Box::new(request)));
        cx.wake(self.knobs.step_timeout, Timer::LinkDue(conn));
        self.links.insert(conn, Link::Cache);
        self.upkeep.cache.next = at + 1;
        self.upkeep.cache.talk = Some((conn, purpose));
    }

    /// A web cache has answered.
    pub(super) fn of_cache(&mut self, conn: ConnId, message: &Message, cx: Hands) {
        self.hang_up(conn, cx);
        let purpose = self.upkeep.cache.talk.map(|(_, purpose)| purpose);
        if let (Message::Page(page), Some(Purpose::Ask)) = (message, purpose) {
            self.learn_page(page);
        }
        self.cache_closed(cx);
    }

    fn learn_page(&mut self, page: &Page) {
        if page.head.status == http::OK {
            let addresses = page.text.lines().filter_map(|line| line.trim().parse().ok());
            addresses.take(CACHED_MAX).for_each(|address| self.upkeep.learn(address));
        }
    }

    /// A web cache has said all it has to say, or is not there.
    pub(super) fn cache_closed(&mut self, cx: Hands) {
        let purpose = self.upkeep.cache.talk.take().map(|(_, purpose)| purpose);
        // The first servents of an overlay find nobody: unless they tell the cache, nobody ever will.
        if purpose == Some(Purpose::Ask) {
            self.tell_cache(cx);
        }
        self.seek(cx);
    }

    /// A connection should have got on by now.
    pub(super) fn link_due(&mut self, conn: ConnId, cx: Hands) {
        match self.links.get(conn) {
            Some(Link::Caller(_)) => self.hang_up(conn, cx),
            Some(Link::Handshake(_)) => self.handshake_due(conn, cx),
            Some(Link::Cache) => {
                self.hang_up(conn, cx);
                self.cache_closed(cx);
            }
            Some(Link::Check(_)) => self.check_due(conn, cx),
            _ => {}
        }
    }

    /// The user wants to go: says bye, ends everything.
    pub(super) fn leave(&mut self, cx: Hands) {
        self.left = true;
        for conn in std::mem::take(&mut self.upkeep.neighbours) {
            self.say_bye(conn, Farewell::LEAVING, cx);
        }
        self.end_searches(SearchEnd::Offline, cx);
        self.end_downloads(cx);
        self.end_uploads(cx);
        let rest: Vec<ConnId> = self.links.iter().map(|(conn, _)| conn).collect();
        for conn in rest {
            self.hang_up(conn, cx);
        }
        self.upkeep = Upkeep::new(&self.knobs);
        cx.note(Note::Offline("left".into()));
    }
}

/// A random part of `whole`, so that those who were cut off together do not come back together.
fn jitter(whole: Duration, cx: Hands) -> Duration {
    whole.mul_f64(f64::from(cx.rng().random_range(0..1000u32)) / 1000.0)
}
