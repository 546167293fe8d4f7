//! The user's own searches.
//!
//! | a search is | event | then |
//! |---|---|---|
//! | asked for | nothing that can be looked for, or too many searches | ended: refused |
//! | | the user has been told that we are offline | ended: offline |
//! | | there is a parent, or we are a supernode ourselves | asked there |
//! | | a parent is being looked for | held |
//! | held | there is a parent | asked there |
//! | held | nobody can be found | ended: offline |
//! | asked | a new result that fits | the user is told |
//! | asked | enough results, or the end of the query | ended: complete |
//! | asked | the parent is gone | held, to be asked once more: results that came count; the second time ended: timed out |
//! | any | its time is over | ended: timed out |
//! | any | the user leaves | ended: offline |
//!
//! With two parents only the first is asked; the second takes its place when it is gone.

use std::collections::BTreeSet;
use std::net::SocketAddrV4;
use std::sync::Arc;

use common::index::{WordRules, filters_match};
use common::peer::{ConnId, Time};
use common::user::{self, Holder, Note, SearchEnd, SearchId};

use super::join::Standing;
use super::{Conn, Hands, Ordinary};
use crate::book::is_private;
use crate::node::Timer;
use crate::widening::WideningKind;
use crate::wire::{Hit, Message, Query, Reply, kbps_of_bandwidth};

/// Searches that run.
#[derive(Default)]
pub(super) struct Searches {
    running: Vec<Search>,
    /// The next query's number.
    next: u16,
}

struct Search {
    /// How the user knows it.
    name: SearchId,
    wanted: Arc<user::Query>,
    /// Words that no result may have: the wire has no form for them.
    none: Vec<String>,
    query: Arc<Query>,
    at: At,
    /// It was held because a parent was lost.
    again: bool,
    /// Results the user has been told: whose, and which.
    found: BTreeSet<(SocketAddrV4, Arc<str>, u32)>,
    results_max: usize,
    /// When its time is over.
    due: Time,
}

/// Who has been asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    Held,
    Parent(ConnId),
    Own,
}

impl Searches {
    fn position(&self, name: SearchId) -> Option<usize> {
        self.running.iter().position(|search| search.name == name)
    }

    fn asked_of(&self, conn: ConnId, id: u16) -> Option<usize> {
        self.running.iter().position(|search| search.query.id == id && search.at == At::Parent(conn))
    }

    /// A number that no running search has.
    fn new_id(&mut self) -> u16 {
        while self.running.iter().any(|search| search.query.id == self.next) {
            self.next = self.next.wrapping_add(1);
        }
        self.next = self.next.wrapping_add(1);
        self.next.wrapping_sub(1)
    }
}

impl Search {
    /// True if a result is what the user wants, as far as it says.
    fn accepts(&self, hit: &Hit) -> bool {
        let words = || WordRules::default().of_file(&hit.info);
        filters_match(&self.wanted, &hit.info)
            && self.wanted.speed.contains(kbps_of_bandwidth(hit.bandwidth))
            && (self.none.is_empty() || !words().iter().any(|word| self.none.contains(word)))
    }
}

impl Ordinary {
    /// The user wants to find something.
    pub(super) fn search(&mut self, name: SearchId, wanted: &Arc<user::Query>, cx: Hands) {
        if self.searches.position(name).is_some() {
            // Only the first of two searches of one name can have the one end that is due.
            return;
        }
        let knobs = &self.me.knobs;
        let results_max = match u16::try_from(wanted.results_max) {
            Ok(0) => knobs.search_results,
            wanted => wanted.unwrap_or(u16::MAX),
        };
        let is_full = self.searches.running.len() >= knobs.searches_max;
        let id = self.searches.new_id();
        let query = Query::of_user(wanted, id, results_max);
        // Without a word or a content everything would do.
        if is_full || self.left || query.to_user().words.is_empty() {
            return cx.note(Note::SearchEnded(name, SearchEnd::Refused));
        }
        let can_ask = self.supernode.is_some() || self.join.has_parent();
        if !can_ask && self.join.standing == Standing::Offline {
            return cx.note(Note::SearchEnded(name, SearchEnd::Offline));
        }
        cx.wake(knobs.search_timeout, Timer::SearchDue(name));
        self.searches.running.push(Search {
            name,
            wanted: Arc::clone(wanted),
            none: WordRules::default().of_query(&wanted.words).none,
            query: Arc::new(query),
            at: At::Held,
            again: false,
            found: BTreeSet::new(),
            results_max: usize::from(results_max),
            due: cx.now() + knobs.search_timeout,
        });
        self.ask(self.searches.running.len() - 1, cx);
    }

    /// Asks whoever can be asked, if anybody can.
    fn ask(&mut self, at: usize, cx: Hands) {
        let search = &mut self.searches.running[at];
        let query = Arc::clone(&search.query);
        if self.supernode.is_some() {
            search.at = At::Own;
            let name = search.name;
            self.own_query(name, &query, cx);
        } else if let Some(parent) = self.join.parents.first() {
            search.at = At::Parent(*parent);
            cx.send(*parent, Message::Query(query));
        }
    }

    /// Asks what is held.
    pub(super) fn ask_held(&mut self, cx: Hands) {
        let held: Vec<SearchId> =
            self.searches.running.iter().filter(|search| search.at == At::Held).map(|s| s.name).collect();
        for name in held {
            if let Some(at) = self.searches.position(name) {
                self.ask(at, cx);
            }
        }
    }

    /// A parent is gone, and with it whatever it was asked; or our own supernode part, if there is no parent.
    pub(super) fn parent_lost(&mut self, conn: ConnId, cx: Hands) {
        self.asked_in_vain(At::Parent(conn), cx);
    }

    /// This node is a supernode no longer.
    pub(super) fn own_part_lost(&mut self, cx: Hands) {
        self.asked_in_vain(At::Own, cx);
    }

    fn asked_in_vain(&mut self, lost: At, cx: Hands) {
        let mut ended = Vec::new();
        for search in self.searches.running.iter_mut().filter(|search| search.at == lost) {
            search.at = At::Held;
            if std::mem::replace(&mut search.again, true) {
                ended.push(search.name);
            }
        }
        for name in ended {
            self.end_search(name, SearchEnd::Timeout, cx);
        }
        self.ask_held(cx);
    }

    /// A parent has results.
    pub(super) fn reply_came(&mut self, conn: ConnId, reply: &Reply, cx: Hands) {
        let Some(at) = self.searches.asked_of(conn, reply.id) else { return };
        let parent = match self.conns.get(conn) {
            Some(Conn::Parent(parent)) => Some(parent.address),
            _ => None,
        };
        // Whom a recursive query has come to by which way, its results do not say.
        let further = (self.me.knobs.widening != WideningKind::Recursive).then_some(2);
        let hops = if parent == Some(reply.supernode) { Some(1) } else { further };
        self.found(at, reply, hops, cx);
    }

    /// Our own supernode part has results.
    pub(crate) fn own_found(&mut self, name: SearchId, reply: &Reply, cx: Hands) {
        if let Some(at) = self.searches.position(name) {
            let own = reply.supernode == self.own_address(cx);
            self.found(at, reply, Some(u8::from(!own)), cx);
        }
    }

    fn found(&mut self, at: usize, reply: &Reply, hops: Option<u8>, cx: Hands) {
        let own = self.own_address(cx);
        let search = &mut self.searches.running[at];
        for hit in &reply.hits {
            if search.found.len() >= search.results_max {
                break;
            }
            let key = (hit.address, Arc::clone(&hit.user), hit.file);
            if hit.address == own || !search.accepts(hit) || !search.found.insert(key) {
                continue;
            }
            cx.note(Note::Found(search.name, Arc::new(told(hit, reply.supernode, hops, own))));
        }
        if search.found.len() >= search.results_max {
            let name = search.name;
            self.cancel_own_query(name);
            self.end_search(name, SearchEnd::Complete, cx);
        }
    }

    /// A parent has no more results.
    pub(super) fn query_ended(&mut self, conn: ConnId, id: u16, cx: Hands) {
        if let Some(at) = self.searches.asked_of(conn, id) {
            let name = self.searches.running[at].name;
            self.end_search(name, SearchEnd::Complete, cx);
        }
    }

    /// Our own supernode part has no more results.
    pub(crate) fn own_ended(&mut self, name: SearchId, cx: Hands) {
        self.end_search(name, SearchEnd::Complete, cx);
    }

    /// The timer of a search.
    pub(super) fn search_due(&mut self, name: SearchId, cx: Hands) {
        let is_due = |search: &Search| search.name == name && search.due <= cx.now();
        if self.searches.running.iter().any(is_due) {
            self.cancel_own_query(name);
            self.end_search(name, SearchEnd::Timeout, cx);
        }
    }

    /// Ends all searches.
    pub(super) fn end_searches(&mut self, end: SearchEnd, cx: Hands) {
        for search in self.searches.running.drain(..) {
            cx.note(Note::SearchEnded(search.name, end));
        }
    }

    fn end_search(&mut self, name: SearchId, end: SearchEnd, cx: Hands) {
        if let Some(at) = self.searches.position(name) {
            self.searches.running.swap_remove(at);
            cx.note(Note::SearchEnded(name, end));
        }
    }
}

/// A result as the user is told of it. Who cannot be dialled keeps an address, by which their supernode knows them, but its port
/// is zero: who says so, and whose address means nothing here (giFT tells them apart in the same way).
fn told(hit: &Hit, supernode: SocketAddrV4, hops: Option<u8>, own: SocketAddrV4) -> user::Hit {
    let is_elsewhere = is_private(*hit.address.ip()) && !is_private(*own.ip()) && !own.ip().is_unspecified();
    let port = if is_elsewhere { 0 } else { hit.address.port() };
    let holder = Holder {
        nick: hit.user.as_ref().into(),
        address: Some(SocketAddrV4::new(*hit.address.ip(), port)),
        index: hit.file,
        via: Some(supernode),
        ..Holder::default()
    };
    user::Hit { info: hit.info.as_ref().clone(), holder, speed: kbps_of_bandwidth(hit.bandwidth), hops }
}
