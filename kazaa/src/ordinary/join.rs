//! Finding a parent, losing it, finding another.
//!
//! A node that knows only the list that came with the program first goes through it until a supernode is operational, the *scout*,
//! and takes a fresher list from it. It then opens sessions to some of that list, and keeps the one that answers best
//! ([`crate::selection`]). Who has a fresh list, from a supernode or from the services, starts with the second step. How many are
//! dialled, and when again, is in `probe.rs`.
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

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use common::peer::{CloseReason, ConnId, Time};
use common::user::{Note, SearchEnd};

use super::probe::{DOUBLINGS_MAX, Seek};
use super::session::Parent;
use super::{Conn, Hands, Ordinary};
use crate::book::Book;
use crate::config::Role;
use crate::node::Timer;
use crate::nodes;
use crate::wire::NodeEntry;

/// How this node stands to the overlay.
#[derive(Default)]
pub(super) struct Join {
    /// Supernodes whose child we are, the one that is asked first in front.
    pub(super) parents: Vec<ConnId>,
    /// The latest list, and who told it. Kept as it came: in the simulator all who were told the same share one copy.
    pub(super) told: Option<Told>,
    /// There while a parent is missing, and for a minute after, so that no stranger is dialled twice in one.
    pub(super) seek: Option<Box<Seek>>,
    pub(super) standing: Standing,
    /// When the timer is due that counts; others are ignored. Zero: none.
    pub(super) due: Time,
    /// The services have told an empty list.
    pub(super) services_know_nobody: bool,
    /// Our address as a supernode sees it: of use to a node that listens on every address of its machine.
    seen_at: Option<Ipv4Addr>,
}

pub(super) struct Told {
    by: Ipv4Addr,
    pub(super) at: Time,
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

    /// All that is known of supernodes.
    pub(super) fn new_book(&self, cx: Hands) -> Book {
        let mut book = Book::new(self.me.knobs.supernodes_max).pausing(self.me.knobs.dial_pause);
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

    pub(super) fn tell_offline(&mut self, why: &str, cx: Hands) {
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

    pub(super) fn wake_join(&mut self, after: Duration, cx: Hands) {
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
            self.withdraw(probe, cx);
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
    pub(super) fn joined(&mut self, conn: ConnId, cx: Hands) {
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
