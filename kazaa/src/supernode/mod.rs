//! A supernode: a mini-Napster for its children, one of many for its neighbours.
//!
//! | part | file |
//! |---|---|
//! | the supernode's end of a session | `child.rs` |
//! | what the children share | `register.rs` with [`common::index`] |
//! | links to other supernodes, and visits to them | `link.rs` |
//! | queries, and how they are widened | `query.rs` with [`crate::widening`] |
//! | pushes on their way | `push.rs` |
//! | how often somebody may ask | `bucket.rs` |
//!
//! The children's shares and queries are FastTrack's; what supernodes said to each other was never public, and is ours.

mod bucket;
mod child;
mod link;
mod push;
mod query;
mod register;

use std::sync::Arc;

use common::peer::{ConnId, Time};
use rand::RngExt as _;

pub(crate) use child::Child;
pub(crate) use link::Neighbour;
use query::Queries;
pub(crate) use register::Register;

use crate::book::Book;
use crate::config::{Knobs, Role};
use crate::node::Timer;
use crate::ordinary::{Conn, Hands, Ordinary};
use crate::wire::{Message, NodeEntry, Stats};

/// What a node is beside, once it was elected.
pub(crate) struct Supernode {
    pub(crate) register: Register,
    pub(crate) book: Book,
    /// Children that have been taken on.
    children: usize,
    /// Links that are up, in the order in which they came.
    links: Vec<ConnId>,
    /// Every connection to another supernode: these, others that are not up yet, visits, and some that have ended meanwhile.
    others: Vec<ConnId>,
    /// Who may be calling still, of those on our port: of the others it is known what they want, or they have gone.
    pub(crate) callers: Vec<ConnId>,
    queries: Queries,
    /// When it last had children enough, and when it last had a link.
    wanted_at: Time,
    linked_at: Time,
    /// What children are told of other supernodes, made anew at each upkeep.
    list: Arc<[NodeEntry]>,
    /// How many supernodes those children know that were told last.
    told: usize,
    /// When neighbours, and when children, are told the next time.
    load_due: Time,
    lists_due: Time,
    refused: Refused,
}

/// What a supernode did not do, because there was too much of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Refused {
    /// Children for whom there was no room.
    pub children: u64,
    /// Files of children beyond their number, or with names that are too long or taken.
    pub shares: u64,
    /// Queries that came too fast, or for which there was no room.
    pub queries: u64,
    /// Pushes that came too fast, in another's name, or for nobody.
    pub pushes: u64,
    /// Links for which there was no room.
    pub links: u64,
}

impl Supernode {
    pub(crate) fn new(book: Book, knobs: &Knobs, now: Time) -> Supernode {
        Supernode {
            register: Register::new(knobs),
            book,
            children: 0,
            links: Vec::new(),
            others: Vec::new(),
            callers: Vec::new(),
            queries: Queries::default(),
            wanted_at: now,
            linked_at: now,
            list: Arc::default(),
            told: 0,
            load_due: now,
            lists_due: now + knobs.lists_every,
            refused: Refused::default(),
        }
    }

    /// True if the list names twice as many as the one that children were told last.
    fn has_grown(&self) -> bool {
        self.list.len() >= 2 * self.told.max(1)
    }

    /// Percent of the children's places that are free.
    fn free_percent(&self, knobs: &Knobs) -> u8 {
        let free = knobs.children_max.saturating_sub(self.children);
        u8::try_from(free * 100 / knobs.children_max.max(1)).unwrap_or(100)
    }
}

impl Ordinary {
    /// Children that this node has taken on as a supernode.
    pub fn children(&self) -> usize {
        self.supernode.as_ref().map_or(0, |supernode| supernode.children)
    }

    /// Links to other supernodes that are up.
    pub fn links(&self) -> usize {
        self.supernode.as_ref().map_or(0, |supernode| supernode.links.len())
    }

    /// Files in this supernode's index, each replica counted.
    pub fn files_indexed(&self) -> u64 {
        self.supernode.as_ref().map_or(0, |supernode| supernode.register.files())
    }

    /// What this supernode has refused so far.
    pub fn refused(&self) -> Refused {
        self.supernode.as_ref().map_or(Refused::default(), |supernode| supernode.refused)
    }

    /// The first steps of a supernode.
    pub(crate) fn start_supernode(&mut self, cx: Hands) {
        if let Some(supernode) = &mut self.supernode {
            supernode.queries.start_at(cx.rng().random());
        }
        self.make_list(cx);
        self.seek_links(cx);
        self.announce(cx);
        cx.wake(self.knobs().upkeep_every, Timer::Supernode);
    }

    /// The timer.
    pub(crate) fn supernode_due(&mut self, cx: Hands) {
        let knobs = Arc::clone(self.knobs());
        let now = cx.now();
        let Some(supernode) = &mut self.supernode else { return };
        if supernode.children >= knobs.children_few {
            supernode.wanted_at = now;
        }
        if !supernode.links.is_empty() {
            supernode.linked_at = now;
        }
        if self.is_unneeded(now) {
            return self.step_down(cx);
        }
        cx.wake(knobs.upkeep_every, Timer::Supernode);
        self.make_list(cx);
        self.seek_links(cx);
        let Some(supernode) = &mut self.supernode else { return };
        if supernode.load_due <= now {
            supernode.load_due = now + knobs.load_every;
            self.tell_neighbours(cx);
        }
        let Some(supernode) = &self.supernode else { return };
        if supernode.lists_due <= now || supernode.has_grown() {
            self.tell_children(cx);
        }
    }

    /// Somebody has named supernodes. Who joined a young overlay knows hardly anybody, and that is nobody once those are gone: so
    /// children are told as soon as twice as many are known, which happens a few times in a supernode's life.
    fn tell_growth(&mut self, cx: Hands) {
        let Some(supernode) = &self.supernode else { return };
        if supernode.book.len() < 2 * supernode.told.max(1) {
            return;
        }
        // Of those that are known not all are told.
        self.make_list(cx);
        if self.supernode.as_ref().is_some_and(|supernode| supernode.has_grown()) {
            self.tell_children(cx);
        }
    }

    /// True if others can do without this supernode.
    fn is_unneeded(&self, now: Time) -> bool {
        let Some(supernode) = &self.supernode else { return false };
        let knobs = self.knobs();
        let long = |since: Time| now.since(since) >= knobs.steps_down_after;
        let others_have_room = supernode.book.mean_free_percent().is_some_and(|free| free > 0);
        let is_idle = long(supernode.wanted_at) && !supernode.links.is_empty() && others_have_room;
        let is_cut_off = long(supernode.linked_at) && !supernode.book.is_empty();
        self.me.force != Some(Role::Supernode) && (is_idle || is_cut_off)
    }

    /// Makes the list that children are told, with this supernode in it while it has room.
    fn make_list(&mut self, cx: Hands) {
        let knobs = Arc::clone(self.knobs());
        let address = self.own_address(cx);
        let Some(supernode) = &mut self.supernode else { return };
        let free_percent = supernode.free_percent(&knobs);
        // One that listens on all addresses of its machine may not know by which others reach it.
        let is_known = !address.ip().is_unspecified();
        let own = (free_percent > 0 && is_known).then_some(NodeEntry { address, age_min: 0, free_percent });
        let max = knobs.supernodes_max.saturating_sub(usize::from(own.is_some()));
        let others = supernode.book.sample(max, cx.now(), cx.rng());
        supernode.list = own.into_iter().chain(others).collect();
    }

    /// This supernode, as the services are told of it. Full ones are announced too, since others link with them.
    pub(crate) fn supernode_entry(&self, cx: Hands) -> NodeEntry {
        let free_percent = self.supernode.as_ref().map_or(0, |it| it.free_percent(self.knobs()));
        NodeEntry { address: self.own_address(cx), age_min: 0, free_percent }
    }

    /// Others, for whoever is refused.
    fn others(&mut self, count: usize, cx: Hands) -> Box<[NodeEntry]> {
        let Some(supernode) = &self.supernode else { return Box::default() };
        supernode.book.sample(count, cx.now(), cx.rng()).into()
    }

    fn tell_children(&mut self, cx: Hands) {
        let due = cx.now() + self.knobs().lists_every;
        let Some(supernode) = &mut self.supernode else { return };
        (supernode.lists_due, supernode.told) = (due, supernode.list.len());
        let list = Arc::clone(&supernode.list);
        for (conn, _) in self.children_taken_on() {
            cx.send(conn, Message::Nodes(Arc::clone(&list)));
        }
    }

    /// Children that have been taken on.
    fn children_taken_on(&self) -> impl Iterator<Item = (ConnId, &Child)> {
        self.conns.iter().filter_map(|(conn, state)| match state {
            Conn::Child(child) if child.is_taken_on() => Some((conn, &**child)),
            _ => None,
        })
    }

    /// The size of the network, as far as it can be told from here: the neighbours' mean for each supernode that is known.
    pub fn network_size(&self) -> Stats {
        let Some(supernode) = &self.supernode else { return Stats::default() };
        let own = (supernode.children as u64 + 1, supernode.register.files(), supernode.register.bytes());
        let neighbours = supernode.links.iter().filter_map(|conn| match self.conns.get(*conn)? {
            Conn::Link(link) => Some((u64::from(link.children) + 1, u64::from(link.files))),
            _ => None,
        });
        let (mut users, mut files, mut heard) = (own.0, own.1, 1u64);
        for (more_users, more_files) in neighbours {
            (users, files, heard) = (users + more_users, files + more_files, heard + 1);
        }
        let known = (supernode.book.len() as u64 + 1).max(heard);
        let of_all = |sum: u64| u32::try_from(sum * known / heard).unwrap_or(u32::MAX);
        let gigabytes = of_all(own.2.checked_div(own.1).unwrap_or(0).saturating_mul(files) >> 30);
        Stats { users: of_all(users).max(self.knobs().reported_users_min), files: of_all(files), gigabytes }
    }
}
