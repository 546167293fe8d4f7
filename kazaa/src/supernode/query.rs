//! Queries: answered from the own index, and widened to other supernodes while they have found too little.
//!
//! | a query | event | then |
//! |---|---|---|
//! | of a child, or of this node itself | comes | the own results are told at once |
//! | | enough, or nobody to ask | ended |
//! | | too few | the policy's next step is asked: neighbours by lot, then others by visits |
//! | waiting | results of one that was asked | told at once, in a reply of their own with that supernode's address |
//! | waiting | all of the step have ended, are gone, or are late | enough: ended; else the next step |
//! | waiting | as many results as were wanted | ended |
//! | waiting | its child is gone, or its user has enough | forgotten |
//! | of a neighbour | seen before by another way | ended: nobody has looked |
//! | | may go no further, or has found enough here | answered and ended |
//! | | may go further | answered, and asked of as many neighbours as it says, but not of the one it came from; their results go back |

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddrV4;
use std::sync::Arc;

use common::index::UserId;
use common::peer::{ConnId, Time};
use common::user::SearchId;
use rand::seq::SliceRandom as _;

use super::register::number_of;
use crate::node::Timer;
use crate::ordinary::{Conn, Hands, Ordinary};
use crate::widening::{SoFar, Step, Widening};
use crate::wire::{Hit, Link, Message, Query, Reply};

/// Queries of others that are known again when they come by another way. 512: our choice, some seconds of a busy network.
const RECENT_MAX: usize = 512;
/// Queries that wait for others, and those that were seen.
#[derive(Default)]
pub(super) struct Queries {
    running: BTreeMap<u32, Running>,
    next: u32,
    /// By the supernode that asked first and its number, oldest first.
    recent: VecDeque<(SocketAddrV4, u32)>,
}

impl Queries {
    /// Queries are numbered from there on: not as before a restart, lest others take them for those.
    pub(super) fn start_at(&mut self, next: u32) {
        self.next = next;
    }
}

/// Whose query it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Origin {
    /// A child's, by its number for it.
    Child(ConnId, u16),
    /// This node's own.
    Own(SearchId),
    /// A neighbour's, by its number for it.
    Link(ConnId, u32),
}

/// How it goes on.
enum Plan {
    Policy(Box<dyn Widening>),
    /// It is another's, and passed on once.
    Once(Option<Step>),
}

struct Running {
    origin: Origin,
    /// The supernode that asked first, and its number for the query.
    first: (SocketAddrV4, u32),
    query: Query,
    plan: Plan,
    /// Results so far, how many are enough, and how many are told at most.
    found: usize,
    enough: usize,
    max: usize,
    /// Supernodes that were asked from here.
    asked: Vec<SocketAddrV4>,
    /// Those of them that have not ended.
    waiting: Vec<ConnId>,
    /// Whoever was asked last passes it on, so that results need not be its own.
    passes_on: bool,
    /// Supernodes that have looked.
    looked: u32,
    /// How many each of those that pass it on is to ask.
    fan_out: u8,
    /// When the step's answers are late.
    due: Time,
}

impl Plan {
    fn step(&mut self, so_far: &SoFar) -> Option<Step> {
        match self {
            Plan::Policy(policy) => policy.step(so_far),
            Plan::Once(step) => step.take(),
        }
    }
}

impl Running {
    /// True if nothing more is needed.
    fn has_enough(&self) -> bool {
        self.found >= self.enough
    }
}

/// What a query brings along.
struct Asked<'a> {
    origin: Origin,
    first: Option<(SocketAddrV4, u32)>,
    query: &'a Query,
    searcher: Option<UserId>,
    plan: Plan,
    fan_out: u8,
    /// Who is not asked.
    but: Option<SocketAddrV4>,
}

/// Queries come.
impl Ordinary {
    /// A child asks.
    pub(super) fn query_of_child(&mut self, conn: ConnId, query: &Query, cx: Hands) {
        let asked = self.asked(Origin::Child(conn, query.id), query, Some(number_of(conn)));
        self.start_query(asked, cx);
    }

    /// This node asks.
    pub(crate) fn own_query(&mut self, search: SearchId, query: &Query, cx: Hands) {
        let asked = self.asked(Origin::Own(search), query, Some(UserId(0)));
        self.start_query(asked, cx);
    }

    fn asked<'a>(&self, origin: Origin, query: &'a Query, searcher: Option<UserId>) -> Asked<'a> {
        let knobs = self.knobs();
        let fan_out = u8::try_from(knobs.fan_out).unwrap_or(u8::MAX);
        let plan = Plan::Policy(knobs.widening.start(knobs));
        Asked { origin, first: None, query, searcher, plan, fan_out, but: None }
    }

    /// A neighbour asks.
    pub(super) fn query_of_link(&mut self, conn: ConnId, came: LinkQuery<'_>, cx: Hands) {
        let Some(supernode) = &mut self.supernode else { return };
        let LinkQuery { id, ttl, fan_out, first, query, from } = came;
        let recent = &mut supernode.queries.recent;
        // Straight from who asked first it has come by no other way, and nobody else can make it look as if.
        if first.0 != from && (recent.contains(&first) || first.0 == cx.address()) {
            return self.say(conn, Link::QueryEnd { id, asked: 0 }, cx);
        }
        if recent.len() >= RECENT_MAX {
            recent.pop_front();
        }
        recent.push_back(first);
        // Nobody has another send out more than they would themselves, nor have a query go round for ever.
        let knobs = self.knobs();
        let (ttl, ask) = (ttl.min(knobs.query_ttl), usize::from(fan_out).min(knobs.links_max));
        let step = (ttl > 0).then(|| Step { ask, ttl: ttl - 1 });
        let asked = Asked {
            origin: Origin::Link(conn, id),
            first: Some(first),
            query,
            searcher: None,
            plan: Plan::Once(step),
            fan_out,
            but: Some(from),
        };
        self.start_query(asked, cx);
    }

    fn start_query(&mut self, asked: Asked<'_>, cx: Hands) {
        let knobs = Arc::clone(self.knobs());
        let own = self.own_address(cx);
        let Some(supernode) = &mut self.supernode else { return };
        let max = match usize::from(asked.query.results_max) {
            0 => knobs.results_max,
            wanted => wanted,
        };
        let hits = supernode.register.find(asked.query, asked.searcher, max.min(knobs.results_max));
        let found = hits.len();
        let queries = &mut supernode.queries;
        let number = queries.next;
        queries.next = queries.next.wrapping_add(1);
        let (enough, is_full) = (knobs.enough.min(max), queries.running.len() >= knobs.queries_max);
        self.deliver(asked.origin, own, hits, cx);
        if found >= enough {
            return self.end_query(asked.origin, 1, cx);
        }
        if is_full {
            self.refuse_query();
            return self.end_query(asked.origin, 1, cx);
        }
        let running = Running {
            origin: asked.origin,
            first: asked.first.unwrap_or((own, number)),
            query: asked.query.clone(),
            plan: asked.plan,
            found,
            enough,
            max,
            asked: asked.but.into_iter().collect(),
            waiting: Vec::new(),
            passes_on: false,
            looked: 1,
            fan_out: asked.fan_out,
            due: Time::MAX,
        };
        if let Some(supernode) = &mut self.supernode {
            supernode.queries.running.insert(number, running);
        }
        self.widen(number, cx);
    }

    /// Counts a query that was not served, or not widened.
    pub(super) fn refuse_query(&mut self) {
        if let Some(supernode) = &mut self.supernode {
            supernode.refused.queries += 1;
        }
    }
}

/// A query as a neighbour asks it.
#[derive(Clone, Copy)]
pub(super) struct LinkQuery<'a> {
    pub(super) id: u32,
    pub(super) ttl: u8,
    pub(super) fan_out: u8,
    pub(super) first: (SocketAddrV4, u32),
    pub(super) query: &'a Query,
    /// The neighbour that asks.
    pub(super) from: SocketAddrV4,
}

/// Queries go on.
impl Ordinary {
    /// The next step of a query, or its end.
    fn widen(&mut self, number: u32, cx: Hands) {
        let own = self.own_address(cx);
        let (mut neighbours, visited) = (self.neighbours(), self.visited());
        let Some(supernode) = &mut self.supernode else { return };
        let Some(running) = supernode.queries.running.get_mut(&number) else { return };
        neighbours.retain(|(_, address)| !running.asked.contains(address) && *address != running.first.0);
        let so_far = SoFar { found: running.found, asked: running.asked.len(), neighbours: neighbours.len() };
        let step = if running.has_enough() { None } else { running.plan.step(&so_far) };
        let Some(step) = step else { return self.finish_query(number, cx) };
        let (chosen, _) = neighbours.partial_shuffle(cx.rng(), step.ask);
        let chosen = chosen.to_vec();
        running.passes_on = step.ttl > 0;
        running.asked.extend(chosen.iter().map(|(_, address)| *address));
        // Visits are for who widens step by step: they reach supernodes that no neighbour is.
        let lacking = if step.ttl == 0 && matches!(running.plan, Plan::Policy(_)) {
            step.ask - chosen.len()
        } else {
            0
        };
        // Who is being visited can be asked beside; it is not dialled a second time.
        let mut strangers = visited;
        strangers.retain(|address| !running.asked.contains(address));
        strangers.truncate(lacking);
        running.asked.extend(&strangers);
        while strangers.len() < lacking {
            let usable = |address, _| address != own && !running.asked.contains(&address);
            let Some(address) = supernode.book.pick(cx.now(), cx.rng(), usable) else { break };
            running.asked.push(address);
            strangers.push(address);
        }
        let link = Link::Query {
            id: number,
            ttl: step.ttl,
            fan_out: running.fan_out,
            origin: running.first,
            query: running.query.clone(),
        };
        self.ask_step(number, &chosen, &strangers, link, cx);
    }

    fn ask_step(
        &mut self,
        number: u32,
        neighbours: &[(ConnId, SocketAddrV4)],
        strangers: &[SocketAddrV4],
        link: Link,
        cx: Hands,
    ) {
        let mut waiting: Vec<ConnId> = neighbours.iter().map(|(conn, _)| *conn).collect();
        for address in strangers {
            waiting.extend(self.visit(*address, link.clone(), cx));
        }
        self.say_all(neighbours.iter().map(|(conn, _)| *conn), link, cx);
        let timeout = self.knobs().answer_timeout;
        let Some(running) = self.running(number) else { return };
        if waiting.is_empty() {
            return self.finish_query(number, cx);
        }
        running.waiting = waiting;
        running.due = cx.now() + timeout;
        cx.wake(timeout, Timer::QueryDue(number));
    }

    /// One that was asked has results.
    pub(super) fn link_replied(
        &mut self,
        conn: ConnId,
        from: SocketAddrV4,
        number: u32,
        reply: &Reply,
        cx: Hands,
    ) {
        let Some(running) = self.running(number).filter(|running| running.waiting.contains(&conn)) else {
            return;
        };
        let room = running.max.saturating_sub(running.found);
        let hits: Vec<Hit> = reply.hits.iter().take(room).cloned().collect();
        running.found += hits.len();
        let supernode = if running.passes_on { reply.supernode } else { from };
        let (origin, is_full) = (running.origin, running.found >= running.max);
        self.deliver(origin, supernode, hits, cx);
        if is_full {
            self.finish_query(number, cx);
        }
    }

    /// One that was asked has no more results.
    pub(super) fn link_ended(&mut self, conn: ConnId, number: u32, looked: u32, cx: Hands) {
        let Some(running) = self.running(number).filter(|running| running.waiting.contains(&conn)) else {
            return;
        };
        running.looked = running.looked.saturating_add(looked);
        self.waits_no_more(number, conn, cx);
        self.close_idle_visit(conn, cx);
    }

    /// One that may have been asked is gone.
    pub(super) fn asked_is_gone(&mut self, conn: ConnId, cx: Hands) {
        for number in self.queries_where(|running| running.waiting.contains(&conn)) {
            self.waits_no_more(number, conn, cx);
        }
    }

    fn waits_no_more(&mut self, number: u32, conn: ConnId, cx: Hands) {
        let Some(running) = self.running(number) else { return };
        running.waiting.retain(|other| *other != conn);
        if running.waiting.is_empty() {
            self.widen(number, cx);
        }
    }

    /// The timer: some of those that were asked are late.
    pub(crate) fn query_due(&mut self, number: u32, cx: Hands) {
        if let Some(running) = self.running(number).filter(|running| running.due <= cx.now()) {
            running.waiting.clear();
            self.widen(number, cx);
        }
    }

    /// True if a query waits for what is asked on that connection.
    pub(super) fn is_waited_for(&self, conn: ConnId) -> bool {
        let queries = self.supernode.as_ref().map(|supernode| &supernode.queries.running);
        queries.is_some_and(|running| running.values().any(|query| query.waiting.contains(&conn)))
    }

    /// Forgets what a child has asked.
    pub(super) fn forget_queries_of(&mut self, conn: ConnId) {
        let is_its = |running: &Running| matches!(running.origin, Origin::Child(child, _) if child == conn);
        self.forget_queries(is_its);
    }

    /// Forgets what a neighbour has asked.
    pub(super) fn forget_queries_of_link(&mut self, conn: ConnId) {
        self.forget_queries(|running| matches!(running.origin, Origin::Link(link, _) if link == conn));
    }

    /// The user has enough results.
    pub(crate) fn cancel_own_query(&mut self, search: SearchId) {
        self.forget_queries(|running| running.origin == Origin::Own(search));
    }

    fn forget_queries(&mut self, is_meant: impl Fn(&Running) -> bool) {
        if let Some(supernode) = &mut self.supernode {
            supernode.queries.running.retain(|_, running| !is_meant(running));
        }
    }

    fn finish_query(&mut self, number: u32, cx: Hands) {
        let Some(supernode) = &mut self.supernode else { return };
        if let Some(running) = supernode.queries.running.remove(&number) {
            self.end_query(running.origin, running.looked, cx);
        }
    }

    fn running(&mut self, number: u32) -> Option<&mut Running> {
        self.supernode.as_mut()?.queries.running.get_mut(&number)
    }

    fn queries_where(&self, is_meant: impl Fn(&Running) -> bool) -> Vec<u32> {
        let Some(supernode) = &self.supernode else { return Vec::new() };
        let running = supernode.queries.running.iter();
        running.filter(|(_, running)| is_meant(running)).map(|(number, _)| *number).collect()
    }
}

/// Results go to whoever has asked.
impl Ordinary {
    fn deliver(&mut self, origin: Origin, supernode: SocketAddrV4, hits: Vec<Hit>, cx: Hands) {
        let id = if let Origin::Child(_, id) = origin { id } else { 0 };
        for reply in Reply::divided(supernode, id, hits) {
            match origin {
                Origin::Child(conn, _) => cx.send(conn, Message::Reply(Arc::new(reply))),
                Origin::Own(search) => self.own_found(search, &reply, cx),
                Origin::Link(conn, id) => self.say(conn, Link::Reply { id, reply }, cx),
            }
        }
    }

    fn end_query(&mut self, origin: Origin, looked: u32, cx: Hands) {
        match origin {
            Origin::Child(conn, id) => cx.send(conn, Message::QueryEnd(id)),
            Origin::Own(search) => self.own_ended(search, cx),
            Origin::Link(conn, id) => self.say(conn, Link::QueryEnd { id, asked: looked }, cx),
        }
    }

    /// Neighbours whose links are up.
    fn neighbours(&self) -> Vec<(ConnId, SocketAddrV4)> {
        let Some(supernode) = &self.supernode else { return Vec::new() };
        let address = |conn: &ConnId| match self.conns.get(*conn)? {
            Conn::Link(link) => Some((*conn, link.address)),
            _ => None,
        };
        supernode.links.iter().filter_map(address).collect()
    }
}
