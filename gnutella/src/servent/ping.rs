//! Pings and pongs: passed on to everybody, or answered out of a cache.
//!
//! | a ping with | by the rules of 0.6 | naively, as 0.4 did |
//! |---|---|---|
//! | TTL 1, hops 0 or 1 | our own pong, always | the same |
//! | TTL 2, hops 0: a crawler | our own pong, and one of each neighbour | as any other |
//! | another TTL | our own pong if there is room for a neighbour, and the pongs kept of other neighbours, ten in all | our own pong if there is room; passed on to all others |
//! | an id that was seen before | as any other | dropped |
//!
//! By the rules of 0.6 no ping and no pong goes further than one link: a ping is answered with what the neighbours said
//! before, at most once a second for each link. Naively a ping goes to the whole horizon and every pong comes back along its path.
//!
//! Every [`Knobs::ping_every`](super::Knobs::ping_every) each neighbour is pinged: this brings addresses, refills the cache
//! and shows who is still there. A neighbour is alive if it says anything at all; one that did not is pinged with TTL 1,
//! which even a full servent answers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use common::peer::{ConnId, Time};
use rand::RngExt as _;

use super::budget::Passing;
use super::neighbour::{Farewell, Fault, Kept, Neighbour};
use super::route::len_of;
use super::{Hands, Servent};
use crate::guid::Guid;
use crate::node::Timer;
use crate::routing::RouteTable;
use crate::wire::{Header, Message, Pong, Raw};

/// How often a ping of one link is honoured (draft 0.6, 2.2.4).
const HONOURED_EVERY: Duration = Duration::from_secs(1);
/// The TTL of pongs out of the cache, together with their hops (draft 0.6, 2.2.4).
const CACHED_TTL: u8 = 7;
/// Neighbours that do not keep pongs pass each ping on to their whole horizon: they get such a ping only in one of three
/// turns, once a minute (draft 0.6: 60 s instead of 3 s).
const SPARED_TURNS: u32 = 3;
/// Own pings that are remembered, to know the pongs that answer them: several turns of a servent with many newcomers.
const MINE_MAX: usize = 64;

/// What is remembered of pings and pongs.
#[derive(Default)]
pub(super) struct Pings {
    /// Where pings came from, if they are passed on.
    routes: Option<Box<RouteTable>>,
    /// Ids of our own latest pings, oldest first.
    mine: VecDeque<Guid>,
    /// Turns so far.
    turns: u32,
    /// The timer is set.
    runs: bool,
}

impl Servent {
    /// The timer: a turn of pings.
    pub(super) fn ping_due(&mut self, cx: Hands) {
        let Some(every) = self.knobs.ping_every else { return };
        self.pings.runs = !self.upkeep.neighbours.is_empty();
        if !self.pings.runs {
            return;
        }
        cx.wake(every, Timer::Ping);
        self.pings.turns = self.pings.turns.wrapping_add(1);
        let ids = self.new_pings(cx);
        for conn in self.upkeep.neighbours.clone() {
            self.ping_neighbour(conn, &ids, cx);
        }
        self.seek(cx);
    }

    fn ping_neighbour(&mut self, conn: ConnId, ids: &[Guid], cx: Hands) {
        let spared = self.knobs.pong_caching && !self.pings.turns.is_multiple_of(SPARED_TURNS);
        let (unanswered_max, far_ttl) = (self.knobs.unanswered_max, self.knobs.ttl);
        let Some(neighbour) = self.neighbour_mut(conn) else { return };
        let unanswered = neighbour.turn();
        if unanswered >= unanswered_max {
            return self.part_from(conn, Farewell::SILENT, cx);
        }
        let near = unanswered > 0 || (spared && !neighbour.far.pong_caching);
        let ttl = if near { 1 } else { far_ttl };
        for guid in ids {
            cx.send(conn, Message::Ping(Header { guid: *guid, ttl, hops: 0 }, None));
        }
    }

    /// A neighbour has come: whom does it know?
    pub(super) fn ping_newcomer(&mut self, conn: ConnId, cx: Hands) {
        let Some(every) = self.knobs.ping_every else { return };
        if !self.pings.runs {
            self.pings.runs = true;
            // Servents that came together do not ping together.
            let first = every.mul_f64(f64::from(cx.rng().random_range(1..=1000u32)) / 1000.0);
            cx.wake(first, Timer::Ping);
        }
        if self.knobs.keeps_degree {
            for guid in self.new_pings(cx) {
                cx.send(conn, Message::Ping(Header { guid, ttl: self.knobs.ttl, hops: 0 }, None));
            }
        }
    }

    /// Ids for the pings of one occasion: one, or many if we are in bad manners.
    fn new_pings(&mut self, cx: Hands) -> Vec<Guid> {
        let ids: Vec<Guid> = (0..self.knobs.pings_at_once).map(|_| Guid::random(cx.rng())).collect();
        self.pings.mine.extend(&ids);
        while self.pings.mine.len() > MINE_MAX {
            self.pings.mine.pop_front();
        }
        ids
    }

    /// A ping.
    pub(super) fn ping_came(
        &mut self,
        conn: ConnId,
        header: Header,
        extension: Option<&Arc<Raw>>,
        cx: Hands,
    ) {
        if header.ttl.saturating_add(header.hops) > self.knobs.ttl_hard_max {
            self.misbehaved(conn, Fault::TooFar, cx);
        } else if self.knobs.pong_caching {
            self.answer_from_cache(conn, header, cx);
        } else {
            self.pass_ping(conn, header, extension, cx);
        }
    }

    /// A pong.
    pub(super) fn pong_came(&mut self, conn: ConnId, header: Header, pong: &Arc<Pong>, cx: Hands) {
        if self.pings.mine.contains(&header.guid) {
            if !self.neighbour_mut(conn).is_some_and(Neighbour::may_pong) {
                self.misbehaved(conn, Fault::Unasked, cx);
                return;
            }
            self.keep_pong(conn, header, pong, cx.now());
        } else {
            let routes = self.pings.routes.as_ref();
            let Some(back) = routes.and_then(|routes| routes.get(&header.guid, cx.now())) else {
                self.misbehaved(conn, Fault::Unasked, cx);
                return;
            };
            if header.ttl > 1 && back != conn {
                let header = Header { ttl: header.ttl - 1, hops: header.hops.saturating_add(1), ..header };
                if self.has_line_for(Passing::Pong(header.hops), conn, len_of(pong.len()), cx.now()) {
                    self.send_pong(back, header, pong, cx);
                }
            }
        }
        self.upkeep.learn(pong.address);
        if self.knobs.keeps_degree && self.missing() > 0 {
            self.seek(cx);
        }
    }

    /// Keeps a pong for others who ask, in place of the oldest of that neighbour.
    fn keep_pong(&mut self, conn: ConnId, header: Header, pong: &Arc<Pong>, now: Time) {
        let kept_max = if self.knobs.pong_caching { self.knobs.pongs_kept } else { 0 };
        let Some(neighbour) = self.neighbour_mut(conn).filter(|_| kept_max > 0) else { return };
        neighbour.pongs.retain(|kept| kept.pong.address != pong.address);
        if neighbour.pongs.len() >= kept_max {
            neighbour.pongs.remove(0);
        }
        neighbour.pongs.push(Kept { pong: Arc::clone(pong), second: second(now), hops: header.hops });
    }

    /// Answers a ping by the rules of 0.6.
    fn answer_from_cache(&mut self, conn: ConnId, ping: Header, cx: Hands) {
        let now = cx.now();
        let Some(neighbour) = self.neighbour_mut(conn) else { return };
        if neighbour.pinged.is_some_and(|at| now < at + HONOURED_EVERY) {
            self.misbehaved(conn, Fault::PingTooSoon, cx);
            return;
        }
        neighbour.honoured(now);
        match (ping.ttl, ping.hops) {
            (1, 0 | 1) => self.send_own_pong(conn, ping, cx),
            (2, 0) => {
                self.send_own_pong(conn, ping, cx);
                for pong in self.pongs_of_neighbours(conn) {
                    self.send_pong(conn, Header { guid: ping.guid, ttl: CACHED_TTL - 1, hops: 1 }, &pong, cx);
                }
            }
            _ => {
                let has_room = self.can_be_joined();
                if has_room {
                    self.send_own_pong(conn, ping, cx);
                }
                let count = self.knobs.pongs_kept.saturating_sub(usize::from(has_room));
                for (pong, hops) in self.pongs_for(conn, ping, count, now) {
                    let header = Header { guid: ping.guid, ttl: CACHED_TTL - hops, hops };
                    self.send_pong(conn, header, &pong, cx);
                }
            }
        }
    }

    /// Who the neighbours are, but for one.
    fn pongs_of_neighbours(&self, but: ConnId) -> Vec<Arc<Pong>> {
        let links = |conn: &ConnId| self.neighbour(*conn).is_some_and(|neighbour| !neighbour.far.leaf);
        let others = self.upkeep.neighbours.iter().filter(|conn| **conn != but && links(conn));
        let pong = |conn: &ConnId| {
            let neighbour = self.neighbour(*conn)?;
            match neighbour.pongs.iter().find(|kept| kept.hops == 0) {
                Some(kept) => Some(Arc::clone(&kept.pong)),
                None => neighbour
                    .far
                    .listens
                    .map(|address| Arc::new(Pong { address, files: 0, kilobytes: 0, extension: None })),
            }
        };
        others.filter_map(pong).collect()
    }

    /// Pongs kept of all links but the asking one, in turn, the newest first; with the hops they leave with.
    fn pongs_for(&self, conn: ConnId, ping: Header, count: usize, now: Time) -> Vec<(Arc<Pong>, u8)> {
        let asking = self.neighbour(conn).and_then(|neighbour| neighbour.far.listens);
        let life_s = u32::try_from(self.knobs.pong_life.as_secs()).unwrap_or(u32::MAX);
        let oldest = second(now).saturating_sub(life_s);
        let mut chosen: Vec<(Arc<Pong>, u8)> = Vec::with_capacity(count);
        for nth in 0..self.knobs.pongs_kept {
            let others = self.upkeep.neighbours.iter().filter(|other| **other != conn);
            for kept in others.filter_map(|other| self.neighbour(*other)?.pongs.iter().rev().nth(nth)) {
                let hops = kept.hops.saturating_add(1);
                let fits = hops < CACHED_TTL && CACHED_TTL - hops >= ping.hops && kept.second >= oldest;
                let known = chosen.iter().any(|(pong, _)| pong.address == kept.pong.address);
                if chosen.len() < count && fits && !known && asking != Some(kept.pong.address) {
                    chosen.push((Arc::clone(&kept.pong), hops));
                }
            }
        }
        chosen
    }

    /// Answers a ping as 0.4 did, and passes it on.
    fn pass_ping(&mut self, conn: ConnId, ping: Header, extension: Option<&Arc<Raw>>, cx: Hands) {
        let routes = match &mut self.pings.routes {
            Some(routes) => routes,
            none => {
                let table = RouteTable::new(self.knobs.routes_max, self.knobs.route_life, cx.rng());
                none.insert(Box::new(table))
            }
        };
        let is_mine = self.pings.mine.contains(&ping.guid);
        let is_new = !is_mine && routes.insert(ping.guid, conn, cx.now());
        if !is_new {
            let repeats = routes.get(&ping.guid, cx.now()) == Some(conn);
            let cut = repeats && self.misbehaved(conn, Fault::Duplicate, cx);
            if cut || is_mine || self.knobs.drops_duplicates {
                return;
            }
        }
        if self.can_be_joined() || (ping.ttl == 1 && ping.hops <= 1) {
            self.send_own_pong(conn, ping, cx);
        }
        let ttl = ping.ttl.min(self.knobs.ttl_max.saturating_sub(ping.hops));
        if ttl > 1 {
            let header = Header { ttl: ttl - 1, hops: ping.hops + 1, ..ping };
            let others = self.upkeep.neighbours.len().saturating_sub(1) as u64;
            let len = len_of(extension.as_ref().map_or(0, |raw| raw.len()));
            if !self.has_line_for(Passing::Ping(header.hops), conn, others * len, cx.now()) {
                return;
            }
            for other in self.upkeep.neighbours.iter().filter(|other| **other != conn) {
                let passes = extension.is_some() && self.neighbour(*other).is_some_and(|n| n.far.ggep);
                cx.send(*other, Message::Ping(header, extension.filter(|_| passes).cloned()));
            }
        }
    }

    /// True if somebody who hears of us could become a neighbour.
    fn can_be_joined(&self) -> bool {
        self.has_room() && !self.me.firewalled
    }

    /// Our own pong, which can go back as far as the ping has come.
    fn send_own_pong(&mut self, conn: ConnId, ping: Header, cx: Hands) {
        let pong = Arc::new(Pong {
            address: self.own_address(cx),
            files: u32::try_from(self.library.files().len()).unwrap_or(u32::MAX),
            kilobytes: u32::try_from(self.library.bytes() / 1024).unwrap_or(u32::MAX),
            extension: None,
        });
        let header = Header { guid: ping.guid, ttl: ping.hops.saturating_add(1), hops: 0 };
        self.send_pong(conn, header, &pong, cx);
    }

    /// Sends a pong, without its extensions if the neighbour does not pass them.
    fn send_pong(&self, conn: ConnId, header: Header, pong: &Arc<Pong>, cx: Hands) {
        let Some(neighbour) = self.neighbour(conn) else { return };
        let pong = match pong.extension {
            Some(_) if !neighbour.far.ggep => Arc::new(Pong { extension: None, ..Pong::clone(pong) }),
            _ => Arc::clone(pong),
        };
        cx.send(conn, Message::Pong(header, pong));
    }
}

/// Whole seconds of the run.
fn second(now: Time) -> u32 {
    u32::try_from(now.0 / 1_000_000_000).unwrap_or(u32::MAX)
}
