//! Queries, hits and pushes that pass through.
//!
//! | comes in | and is | then |
//! |---|---|---|
//! | query | beyond the hard limit of TTL and hops | dropped, counted against the neighbour |
//! | | known by its id | dropped; against the neighbour if it is its own (no hops) and came by the same link before |
//! | | new | remembered, answered, and passed on to all other neighbours while TTL is left |
//! | | a walker's | answered if new, and passed on to one neighbour: `walk.rs` |
//! | hit | for a search of ours | told to the user |
//! | | for a query that passed | sent back by the link the query came by, and no other |
//! | | for a query nobody knows, or from where its query came | dropped |
//! | push | repeated | dropped |
//! | | for an unknown servent, or from where that one is | dropped, counted against the neighbour |
//! | | for us | the file is brought |
//! | | else | sent on towards that servent, by the link its last hit came by |
//!
//! Nothing loops, whatever TTL it claims: each id is passed on once, and TTL and hops are trimmed to a sum.

use std::borrow::Cow;
use std::sync::Arc;

use common::digest::Digest;
use common::peer::{ConnId, Time};
use common::user::{SharedFile, file_name};

use super::budget::Passing;
use super::neighbour::Fault;
use super::{Hands, Knobs, Servent};
use crate::guid::Guid;
use crate::routing::RouteTable;
use crate::wire::{
    Entry, HEADER_BYTES, Header, HitBuilder, Message, Push, Query, QueryHit, Sha1Urn, Trailer,
};

/// What a servent asks with to be told everything its neighbour shares.
const EVERYTHING: &str = "    ";
/// The TTL that answers are trimmed to. gtk-gnutella: one more than it allows broadcasts.
const ANSWER_TTL_MAX: u8 = 16;

/// What is remembered of descriptors that passed.
#[derive(Default)]
pub(super) struct Router {
    /// Ids of queries, and of our own.
    queries: RouteTable,
    /// Servents whose hits passed, for pushes.
    servents: RouteTable,
    /// Ids of pushes. Few servents ever see one.
    pushes: Option<Box<RouteTable>>,
    pub(super) dropped: Dropped,
}

/// What a servent dropped, by reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Dropped {
    /// Queries that had come before.
    pub duplicates: u64,
    /// Queries whose TTL or hops are beyond all limits.
    pub out_of_range: u64,
    /// Hits and pushes that no route leads on.
    pub unroutable: u64,
    /// Hits and pushes whose TTL was used up.
    pub expired: u64,
    /// Descriptors to be passed on for which there was no room on the line; see [`Knobs::broadcast_share`].
    pub over_budget: u64,
}

impl Router {
    /// Empty tables, with a key of this run.
    pub(super) fn new(knobs: &Knobs, rng: &mut impl rand::Rng) -> Self {
        Router {
            queries: RouteTable::new(knobs.routes_max, knobs.route_life, rng),
            servents: RouteTable::new(knobs.routes_max, knobs.route_life, rng),
            pushes: None,
            dropped: Dropped::default(),
        }
    }

    /// The link towards a servent that has answered a query, ours or another's.
    pub(super) fn route_to_servent(&self, servent: &Guid, now: Time) -> Option<ConnId> {
        self.servents.get(servent, now)
    }

    /// Remembers the id of a query of our own.
    pub(super) fn remember_own(&mut self, id: Guid, now: Time) {
        self.queries.insert_own(id, now);
    }
}

impl Servent {
    /// What this servent has dropped so far.
    pub fn dropped(&self) -> Dropped {
        self.router.dropped
    }

    /// Bytes on the heap that the tables of routes take.
    pub fn routes_memory_bytes(&self) -> usize {
        let router = &self.router;
        let pushes = router.pushes.as_ref().map_or(0, |pushes| pushes.memory_bytes());
        router.queries.memory_bytes() + router.servents.memory_bytes() + pushes
    }

    /// A query.
    pub(super) fn query_came(&mut self, conn: ConnId, header: Header, query: Arc<Query>, cx: Hands) {
        if header.ttl.saturating_add(header.hops) > self.knobs.ttl_hard_max {
            self.router.dropped.out_of_range += 1;
            self.misbehaved(conn, Fault::TooFar, cx);
            return;
        }
        let is_new = self.router.queries.insert(header.guid, conn, cx.now());
        // What a copy of a flood says is not read: of ten copies nine are dropped for their id alone.
        if (is_new || self.is_walked(&header.guid, cx.now()))
            && let Some(walk) = query.walk()
        {
            return self.walker_came(conn, header, query, walk, is_new, cx);
        }
        if !is_new {
            return self.query_came_again(conn, header, &query, cx);
        }
        // A hit has one link more to cross than its query had; another one is for luck (draft 0.6, 2.2.7).
        self.answer(conn, header, u16::from(header.hops) + 2, &query, cx);
        self.flood(conn, header, &query, cx);
    }

    /// That copies of a query come by several links is nobody's fault; but no link should bring the same one twice.
    fn query_came_again(&mut self, conn: ConnId, header: Header, query: &Arc<Query>, cx: Hands) {
        self.router.dropped.duplicates += 1;
        // Only its own are held against it: others' may come again with more TTL left, which gtk-gnutella passes on.
        let again = header.hops == 0 && self.router.queries.get(&header.guid, cx.now()) == Some(conn);
        if again && self.misbehaved(conn, Fault::Duplicate, cx) {
            return;
        }
        if !self.knobs.drops_duplicates {
            self.flood(conn, header, query, cx);
        }
    }

    /// Passes a query on to all neighbours but the one it came from.
    fn flood(&mut self, from: ConnId, header: Header, query: &Arc<Query>, cx: Hands) {
        let Some(header) = step(header, self.knobs.ttl_max.saturating_sub(header.hops)) else { return };
        let others = self.upkeep.neighbours.len().saturating_sub(1) as u64;
        if !self.has_line_for(Passing::Query(header.hops), from, others * len_of(query.len()), cx.now()) {
            return;
        }
        for neighbour in self.upkeep.neighbours.iter().filter(|neighbour| **neighbour != from) {
            cx.send(*neighbour, Message::Query(header, Arc::clone(query)));
        }
    }

    /// Answers a query from what is shared here; the hits may cross so many links.
    pub(super) fn answer(&mut self, conn: ConnId, header: Header, links: u16, query: &Query, cx: Hands) {
        let max = self.knobs.results_max;
        let wants_all = header.hops == 0 && header.ttl <= 1 && query.text() == EVERYTHING;
        let files: Vec<&SharedFile> = match wants_all {
            true => self.library.files().iter().take(max).collect(),
            false => self.library.matching(query, max),
        };
        if files.is_empty() {
            return;
        }
        let ttl = u8::try_from(links).unwrap_or(u8::MAX);
        let header = Header { guid: header.guid, ttl, hops: 0 };
        let trailer =
            Trailer { push: Some(self.me.firewalled), busy: Some(self.uploads.is_busy()), ..Trailer::OURS };
        let address = self.own_address(cx);
        let new_hit = || HitBuilder::new(address, self.me.speed_kbps, self.guid, trailer);
        let (mut hit, mut hits) = (new_hit(), Vec::new());
        for file in files {
            let entry = entry(file);
            if !hit.push(&entry) {
                hits.push(std::mem::replace(&mut hit, new_hit()));
                hit.push(&entry);
            }
        }
        hits.push(hit);
        for hit in hits.into_iter().filter_map(HitBuilder::build) {
            cx.send(conn, Message::Hit(header, Arc::new(hit)));
        }
    }

    /// A query hit.
    pub(super) fn hit_came(&mut self, conn: ConnId, header: Header, hit: Arc<QueryHit>, cx: Hands) {
        let now = cx.now();
        let ours = self.searches.is_ours(&header.guid);
        let back = self.router.queries.get(&header.guid, now).filter(|back| *back != conn);
        if !ours && back.is_none_or(|back| self.neighbour(back).is_none()) {
            self.router.dropped.unroutable += 1;
            // Answers to our own search may come after its end.
            if !self.router.queries.contains(&header.guid, now) {
                self.misbehaved(conn, Fault::Unasked, cx);
            }
            return;
        }
        self.router.servents.set(hit.servent(), conn, now);
        self.upkeep.learn(hit.address());
        // Replies are judged more gently than broadcasts; and a walker comes from further away than any flood.
        let ttl_max = if self.is_walked(&header.guid, now) { u8::MAX } else { ANSWER_TTL_MAX };
        match (ours, back) {
            (false, Some(back)) => match step(self.revived(header), ttl_max) {
                Some(header) => {
                    if self.has_line_for(Passing::Hit(header.hops), conn, len_of(hit.len()), now) {
                        cx.send(back, Message::Hit(header, hit));
                    }
                }
                None => self.router.dropped.expired += 1,
            },
            _ => self.found(header, &hit, cx),
        }
    }

    /// A push.
    pub(super) fn push_came(&mut self, conn: ConnId, header: Header, push: Arc<Push>, cx: Hands) {
        let knobs = &self.knobs;
        let new_table = || Box::new(RouteTable::new(knobs.routes_max, knobs.route_life, cx.rng()));
        let seen = self.router.pushes.get_or_insert_with(new_table);
        if !seen.insert(header.guid, conn, cx.now()) {
            self.router.dropped.duplicates += 1;
            return;
        }
        if push.servent == self.guid {
            return self.pushed(&push, cx);
        }
        let way = self.router.route_to_servent(&push.servent, cx.now());
        match way.filter(|way| *way != conn && self.neighbour(*way).is_some()) {
            Some(way) => match step(self.revived(header), ANSWER_TTL_MAX) {
                Some(header) => {
                    if self.has_line_for(Passing::Push, conn, len_of(push.len()), cx.now()) {
                        cx.send(way, Message::Push(header, push));
                    }
                }
                None => self.router.dropped.expired += 1,
            },
            None => {
                self.router.dropped.unroutable += 1;
                // Whoever asks may still hold a hit whose way has been forgotten here: some are borne.
                self.misbehaved(conn, Fault::Unasked, cx);
            }
        }
    }
}

impl Servent {
    /// A hit or push that a neighbour itself has made goes at least as far as our own would: mldonkey's leave with a TTL of 1,
    /// however far the way is. They go one way only, so nothing multiplies.
    fn revived(&self, header: Header) -> Header {
        let least = if header.hops == 0 { self.knobs.ttl.saturating_add(1) } else { 0 };
        Header { ttl: header.ttl.max(least), ..header }
    }
}

/// A descriptor one link further, if its TTL, of which no more than `ttl_max` counts, lets it cross that.
fn step(header: Header, ttl_max: u8) -> Option<Header> {
    let ttl = header.ttl.min(ttl_max).saturating_sub(1);
    (ttl > 0).then_some(Header { ttl, hops: header.hops.saturating_add(1), ..header })
}

/// Bytes of a descriptor with a payload of so many.
pub(super) fn len_of(payload: u32) -> u64 {
    u64::from(HEADER_BYTES + payload)
}

/// A file as a result.
fn entry(file: &SharedFile) -> Entry<'_> {
    let urn = match file.info.digest {
        Some(Digest::Sha1(sha1)) => Some(Sha1Urn(sha1)),
        _ => None,
    };
    let size = u32::try_from(file.info.size).unwrap_or(u32::MAX);
    Entry { index: file.file.0, size, name: Cow::Borrowed(file_name(&file.info.name)), urn }
}
