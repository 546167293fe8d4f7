//! Walkers: queries that go from one servent to one other, and ask the searcher now and then whether to go on.
//!
//! | a walker | happens | then |
//! |---|---|---|
//! | comes | the first of its search | the query is answered |
//! | | has visited all it may | it ends |
//! | | it is time to ask | the searcher is dialled: `HEAD /walk/<id of the query>` |
//! | | else | it is sent on |
//! | waits | the searcher says 200 | it is sent on |
//! | | 410, another number, silence, or the searcher cannot be reached | it ends |
//!
//! It is sent to a neighbour at random, but not to where it came from, and while there are such, to one that this servent
//! has not yet sent a walker of that search to (Lv et al. 2002, 4.2: walkers that keep state). From a dead end it goes
//! back.
//!
//! What a walker asks for is the searcher's to grant, but not the walker's to dictate: a servent asks no sooner and lets it
//! go no further than its own knobs say, so that nobody can have it dial a stranger for every message.

use std::net::SocketAddrV4;
use std::sync::Arc;

use common::http::{self, Request, Response};
use common::net::is_dialable;
use common::peer::{ConnId, Time};
use rand::RngExt as _;

use super::{Hands, Link, Servent};
use crate::guid::Guid;
use crate::node::Timer;
use crate::routing::Recent;
use crate::wire::{Header, Message, Query, Setup, Walk};

/// Where a searcher is asked about a walker; the id follows.
const CHECK_PATH: &str = "/walk/";
/// The searcher has enough, or knows of no such search.
const GONE: u16 = 410;
/// The hops a walker claims at most, so that TTL and hops together stay within every servent's limit.
const HOPS_MAX: u8 = 14;

/// What is remembered of walkers.
#[derive(Default)]
pub(super) struct Walks {
    /// The neighbours that the walkers of a search were sent to, each a bit: its slot modulo 64. Few servents ever see one.
    tried: Option<Box<Recent<u64>>>,
    /// Questions that are being asked.
    checks: usize,
}

/// A walker that waits for the searcher's word.
pub(super) struct Check {
    walker: Walker,
}

struct Walker {
    header: Header,
    query: Arc<Query>,
    walk: Walk,
    from: ConnId,
}

/// The search that a request asks about, if it is a walker's question.
pub(super) fn checked_search(request: &Request) -> Option<Guid> {
    let id = request.target.strip_prefix(CHECK_PATH)?;
    Guid::from_hex(id.as_bytes())
}

impl Servent {
    /// True if walkers of this search have been here, or set out from here.
    pub(super) fn is_walked(&self, search: &Guid, now: Time) -> bool {
        let tried = self.walks.tried.as_ref().and_then(|tried| tried.get(search, now));
        tried.is_some() || self.searches.is_ours(search)
    }

    /// A walker.
    pub(super) fn walker_came(
        &mut self,
        from: ConnId,
        header: Header,
        query: Arc<Query>,
        walk: Walk,
        is_new: bool,
        cx: Hands,
    ) {
        let knobs = &self.knobs;
        let tried = self
            .walks
            .tried
            .get_or_insert_with(|| Box::new(Recent::new(knobs.routes_max, knobs.route_life, cx.rng())));
        tried.insert(header.guid, 0, cx.now());
        let steps = walk.steps.saturating_add(1);
        if is_new {
            self.answer(from, header, steps.saturating_add(1), &query, cx);
        }
        if steps >= walk.steps_max.min(self.knobs.walk_steps_max) {
            return;
        }
        let header = Header { ttl: 1, hops: header.hops.saturating_add(1).min(HOPS_MAX), ..header };
        let walker = Walker { header, query, walk: Walk { steps, ..walk }, from };
        let every = u16::from(walk.check_every.max(self.knobs.walk_check_every));
        let asks = walk.check_every > 0 && walk.origin.port() > 0 && steps.is_multiple_of(every);
        if asks { self.ask_searcher(walker, cx) } else { self.send_walker(walker, cx) }
    }

    /// Somebody's walker asks whether to go on.
    pub(super) fn answer_check(&mut self, conn: ConnId, search: &Guid, cx: Hands) {
        let status = if self.walker_goes_on(search, cx) { http::OK } else { GONE };
        let response = Response::new(status).with("Content-Length", 0).with("Connection", "close");
        cx.send(conn, Message::Response(Box::new(response)));
        self.hang_up(conn, cx);
    }

    /// The searcher has answered.
    pub(super) fn of_check(&mut self, conn: ConnId, message: &Message, cx: Hands) {
        let Some(walker) = self.take_check(conn) else { return };
        cx.close(conn);
        if matches!(message, Message::Response(response) if response.status == http::OK) {
            self.send_walker(walker, cx);
        }
    }

    /// The searcher could not be asked: its walker ends.
    pub(super) fn check_closed(&mut self) {
        self.walks.checks -= 1;
    }

    /// The searcher is silent.
    pub(super) fn check_due(&mut self, conn: ConnId, cx: Hands) {
        if self.take_check(conn).is_some() {
            cx.close(conn);
        }
    }

    fn take_check(&mut self, conn: ConnId) -> Option<Walker> {
        match self.links.remove(conn) {
            Some(Link::Check(check)) => {
                self.walks.checks -= 1;
                Some(check.walker)
            }
            _ => None,
        }
    }

    fn ask_searcher(&mut self, walker: Walker, cx: Hands) {
        let (origin, search) = (walker.walk.origin, walker.header.guid);
        if origin == self.own_address(cx) {
            if self.walker_goes_on(&search, cx) {
                self.send_walker(walker, cx);
            }
            return;
        }
        if self.walks.checks >= self.knobs.checks_max || !is_dialable(origin) {
            return;
        }
        let conn = cx.dial(origin, Setup::Client);
        cx.send(conn, Message::Request(Box::new(question(&search, origin, &self.knobs.client))));
        cx.wake(self.knobs.step_timeout, Timer::LinkDue(conn));
        self.links.insert(conn, Link::Check(Box::new(Check { walker })));
        self.walks.checks += 1;
    }

    /// Sends a walker on.
    fn send_walker(&mut self, walker: Walker, cx: Hands) {
        let Walker { header, query, walk, from } = walker;
        let now = cx.now();
        let tried = self.walks.tried.as_ref().and_then(|tried| tried.get(&header.guid, now)).unwrap_or(0);
        let others = || self.upkeep.neighbours.iter().filter(|neighbour| **neighbour != from);
        let untried = || others().filter(|neighbour| tried & bit(**neighbour) == 0);
        let to = match (untried().count(), others().count()) {
            (0, 0) => self.neighbour(from).map(|_| from),
            (0, count) => others().nth(cx.rng().random_range(0..count)).copied(),
            (count, _) => untried().nth(cx.rng().random_range(0..count)).copied(),
        };
        let Some(to) = to else { return };
        if let Some(table) = &mut self.walks.tried {
            table.set(header.guid, tried | bit(to), now);
        }
        cx.send(to, Message::Query(header, Arc::new(query.walked(walk))));
    }
}

/// The bit that stands for a neighbour.
fn bit(neighbour: ConnId) -> u64 {
    1 << (neighbour.slot() % 64)
}

/// The request of a walker that asks whether to go on.
fn question(search: &Guid, origin: SocketAddrV4, client: &str) -> Request {
    let request = Request { method: "HEAD".into(), ..Request::get(&format!("{CHECK_PATH}{search}")) };
    request.with("Host", origin).with("User-Agent", client).with("Connection", "close")
}
