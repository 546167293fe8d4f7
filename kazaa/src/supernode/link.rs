//! Links to other supernodes, which stay, and visits to them, which do not.
//!
//! | a connection is | event | becomes |
//! |---|---|---|
//! | dialled | 101 | sealed, greeting: our hello has left |
//! | dialled | anything else | closed; the address is tried again later, a few times |
//! | a caller | the request to link, and we are a supernode | sealed, greeting |
//! | greeting, dialled | hello | up |
//! | greeting, dialled | refused | closed; those that it names are learnt |
//! | greeting, called | hello, and we take it | up: our hello has left |
//! | greeting, called | hello, but there is no room, it is us, or a neighbour already; or one visitor too many | refused with a list of others, closed |
//! | up | silent for a ping, or breaks the protocol | closed; its queries forgotten, what it was asked counts as answered |
//! | up, a visit | nothing is waited for any more | closed |
//! | any | nothing in time | closed |
//!
//! A visit asks or brings something, and takes no place among the neighbours. Two supernodes that dial each other keep the link
//! that the lower address has dialled. Nobody is believed to listen at another address than they come from, but in one private
//! network. Neighbours tell each other how full they are and a few of those they know every
//! [`Knobs::load_every`](crate::config::Knobs::load_every).

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use common::http::Request;
use common::peer::{ConnId, PublicKey, Time};

use super::bucket::Bucket;
use super::query::LinkQuery;
use crate::book::is_private;
use crate::config::Knobs;
use crate::node::Timer;
use crate::ordinary::{Conn, Hands, Ordinary};
use crate::ticket::Pass;
use crate::wire::{LINK_VERSION, Link, LinkFrame, Message, NodeEntry, Setup, upgrade};

/// Others that are named to a neighbour at a time, or to one that is refused.
const NAMED_MAX: usize = 20;
/// What waits for a visit to be up; more is not said.
const WAITING_MAX: usize = 64;
/// A neighbour may ask as often as so many children.
const CHILDREN_WORTH: u32 = 50;

/// Another supernode.
pub(crate) struct Neighbour {
    /// Where it listens; of a caller that has not said so, where it comes from.
    pub(super) address: SocketAddrV4,
    dialled: bool,
    visit: bool,
    /// The key of its end of the seal.
    key: Option<PublicKey>,
    stage: Stage,
    deadline: Time,
    /// It has said something since the last ping.
    heard: bool,
    /// Children it has, and the files they share.
    pub(super) children: u32,
    pub(super) files: u32,
    /// How often it may ask.
    bucket: Bucket,
    /// What is said once it is up.
    waiting: Vec<Link>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// We have asked for a link.
    Asked,
    /// It is sealed.
    Greeting,
    Up,
    /// The same, and the answer to a ping is due.
    Pinged,
}

/// What a supernode says of itself.
struct Introduction {
    version: u16,
    address: SocketAddrV4,
    children: u32,
    free_percent: u8,
    visit: bool,
}

impl Neighbour {
    fn new(address: SocketAddrV4, dialled: bool, visit: bool, stage: Stage, deadline: Time) -> Neighbour {
        Neighbour {
            address,
            dialled,
            visit,
            key: None,
            stage,
            deadline,
            heard: false,
            children: 0,
            files: 0,
            bucket: Bucket::default(),
            waiting: Vec::new(),
        }
    }

    fn is_up(&self) -> bool {
        matches!(self.stage, Stage::Up | Stage::Pinged)
    }

    /// Where a caller comes from that is not linked yet.
    pub(crate) fn calls_from(&self) -> Option<Ipv4Addr> {
        (!self.dialled && !self.is_up()).then(|| *self.address.ip())
    }
}

/// Links are made.
impl Ordinary {
    /// Sees to it that there are enough links.
    pub(crate) fn seek_links(&mut self, cx: Hands) {
        let knobs = Arc::clone(self.knobs());
        let own = self.own_address(cx);
        let mut taken: Vec<SocketAddrV4> = vec![own];
        let mut dialling = 0;
        for (_, link) in self.all_links() {
            taken.push(link.address);
            dialling += usize::from(link.dialled && !link.visit && !link.is_up());
        }
        let have = self.links() + dialling;
        let lacking = knobs.links.saturating_sub(have).min(knobs.link_dials_max.saturating_sub(dialling));
        for _ in 0..lacking {
            let Some(supernode) = &mut self.supernode else { return };
            let next = supernode.book.pick(cx.now(), cx.rng(), |address, _| !taken.contains(&address));
            let Some(address) = next else { return };
            taken.push(address);
            self.dial_link(address, false, cx);
        }
    }

    fn dial_link(&mut self, address: SocketAddrV4, visit: bool, cx: Hands) -> ConnId {
        if let Some(supernode) = &mut self.supernode {
            supernode.book.dialled(address, cx.now());
        }
        let conn = cx.dial(address, Setup::Client);
        cx.send(conn, Message::Request(Box::new(upgrade::sealed_get(upgrade::SUPERNODE, address))));
        let deadline = self.link_step(conn, cx);
        let link = Neighbour::new(address, true, visit, Stage::Asked, deadline);
        self.insert_link(conn, link);
        conn
    }

    fn link_step(&self, conn: ConnId, cx: Hands) -> Time {
        cx.wake(self.knobs().step_timeout, Timer::ConnDue(conn));
        cx.now() + self.knobs().step_timeout
    }

    /// Another supernode asks for a link.
    pub(crate) fn link_asked(&mut self, conn: ConnId, remote: SocketAddrV4, request: &Request, cx: Hands) {
        if self.supernode.is_none() || !upgrade::asks_seal(request) {
            return self.hang_up(conn, cx);
        }
        cx.send(conn, Message::Response(Box::new(upgrade::agree())));
        cx.resume_as(conn, Setup::LinkAcceptor);
        let deadline = self.link_step(conn, cx);
        let link = Neighbour::new(remote, false, false, Stage::Greeting, deadline);
        self.insert_link(conn, link);
    }

    fn link_agreed(&mut self, conn: ConnId, cx: Hands) {
        cx.resume_as(conn, Setup::LinkDialler);
        let deadline = self.link_step(conn, cx);
        if let Some(Conn::Link(link)) = self.conns.get_mut(conn) {
            (link.stage, link.deadline) = (Stage::Greeting, deadline);
        }
    }

    /// The link is sealed: who dialled speaks first.
    pub(crate) fn link_sealed(&mut self, conn: ConnId, key: PublicKey, cx: Hands) {
        let Some(Conn::Link(link)) = self.conns.get_mut(conn) else { return };
        link.key = Some(key);
        if link.dialled {
            let visit = link.visit;
            self.say_hello(conn, visit, cx);
        }
    }

    fn say_hello(&mut self, conn: ConnId, visit: bool, cx: Hands) {
        let address = self.own_address(cx);
        let Some(supernode) = &self.supernode else { return };
        let hello = Link::Hello {
            version: LINK_VERSION,
            address,
            pass: self.pass(cx).map(Box::new),
            children: u32::try_from(supernode.children).unwrap_or(u32::MAX),
            free_percent: supernode.free_percent(self.knobs()),
            visit,
        };
        self.say(conn, hello, cx);
    }

    fn link_hello(&mut self, conn: ConnId, hello: &Introduction, cx: Hands) {
        let own = self.own_address(cx);
        let Some(Conn::Link(link)) = self.conns.get_mut(conn) else { return };
        let listens = match link.dialled {
            true => Some(link.address),
            false => listening(hello.address, link.address),
        };
        let Some(address) = listens.filter(|_| hello.version == LINK_VERSION) else {
            return self.lose_link(conn, cx);
        };
        link.children = hello.children;
        if link.dialled {
            return self.link_up(conn, hello, cx);
        }
        (link.address, link.visit) = (address, hello.visit);
        let is_welcome = address != own
            && match hello.visit {
                true => self.visitors() <= self.knobs().visits_max,
                false => self.has_room_for(conn, address, own, cx),
            };
        if !is_welcome {
            return self.refuse_link(conn, cx);
        }
        self.say_hello(conn, false, cx);
        self.link_up(conn, hello, cx);
    }

    /// True if whoever owns that end of a seal may be spoken to: where tickets are required, with a pass that holds. One that
    /// does not hold is worse than none.
    fn may_pass(&self, key: Option<PublicKey>, pass: Option<&Pass>, cx: Hands) -> bool {
        match (pass, key, self.services_key()) {
            (Some(pass), Some(key), Some(services)) => {
                pass.verify(services, self.clock_s(cx.now()), &key.0).is_ok()
            }
            _ => !self.knobs().requires_ticket,
        }
    }

    /// True if a caller from there can become a neighbour. If both have dialled, one of the links goes.
    fn has_room_for(&mut self, conn: ConnId, address: SocketAddrV4, own: SocketAddrV4, cx: Hands) -> bool {
        let others = self.all_links().filter(|(other, link)| *other != conn && link.address == address);
        let others: Vec<(ConnId, bool)> =
            others.filter(|(_, link)| !link.visit).map(|(other, link)| (other, link.is_up())).collect();
        if others.iter().any(|(_, is_up)| *is_up || own < address) {
            return false;
        }
        for (other, _) in others {
            self.hang_up(other, cx);
        }
        self.links() < self.knobs().links_max
    }

    fn refuse_link(&mut self, conn: ConnId, cx: Hands) {
        let others = self.others(NAMED_MAX, cx);
        self.say(conn, Link::Refused(others), cx);
        self.hang_up(conn, cx);
        if let Some(supernode) = &mut self.supernode {
            supernode.refused.links += 1;
        }
    }

    fn link_up(&mut self, conn: ConnId, hello: &Introduction, cx: Hands) {
        let wait = self.knobs().ping_every;
        let Some(Conn::Link(link)) = self.conns.get_mut(conn) else { return };
        (link.stage, link.deadline) = (Stage::Up, cx.now() + wait);
        cx.wake(wait, Timer::ConnDue(conn));
        let (address, visit, waiting) = (link.address, link.visit, std::mem::take(&mut link.waiting));
        let Some(supernode) = &mut self.supernode else { return };
        // Not every visitor listens where it says.
        if !visit || link.dialled {
            supernode.book.heard(address, hello.free_percent, cx.now());
        }
        if !visit {
            supernode.links.push(conn);
            supernode.linked_at = cx.now();
            let load = self.load(cx);
            self.say(conn, load, cx);
            self.tell_growth(cx);
            self.seek_links(cx);
        }
        for link in waiting {
            self.say(conn, link, cx);
        }
        self.close_idle_visit(conn, cx);
    }
}

/// Links are used.
impl Ordinary {
    /// A supernode's word to another.
    pub(crate) fn of_link(&mut self, conn: ConnId, message: Message, cx: Hands) {
        let Some(Conn::Link(link)) = self.conns.get_mut(conn) else { return };
        link.heard = true;
        let (key, dialled) = (link.key, link.dialled);
        match (link.stage, message) {
            (Stage::Asked, Message::Response(response)) if upgrade::agrees(&response) => {
                self.link_agreed(conn, cx);
            }
            (Stage::Greeting, Message::Link(frame)) => match &frame.link {
                Link::Hello { pass, .. } if !self.may_pass(key, pass.as_deref(), cx) => {
                    self.lose_link(conn, cx);
                }
                Link::Hello { version, address, children, free_percent, visit, .. } => {
                    let hello = Introduction {
                        version: *version,
                        address: *address,
                        children: *children,
                        free_percent: *free_percent,
                        visit: *visit,
                    };
                    self.link_hello(conn, &hello, cx);
                }
                Link::Refused(others) if dialled => self.link_refused(conn, others, cx),
                _ => self.lose_link(conn, cx),
            },
            (Stage::Up | Stage::Pinged, Message::Link(frame)) => self.of_neighbour(conn, &frame.link, cx),
            _ => self.lose_link(conn, cx),
        }
    }

    fn of_neighbour(&mut self, conn: ConnId, said: &Link, cx: Hands) {
        let Some(Conn::Link(link)) = self.conns.get_mut(conn) else { return };
        let (address, visit) = (link.address, link.visit);
        match said {
            Link::Query { id, ttl, fan_out, origin, query } => {
                if !link.may_ask(&self.me.knobs, cx.now()) {
                    self.refuse_query();
                    return self.say(conn, Link::QueryEnd { id: *id, asked: 0 }, cx);
                }
                let (ttl, fan_out, first) = (*ttl, *fan_out, *origin);
                let came = LinkQuery { id: *id, ttl, fan_out, first, query, from: address };
                self.query_of_link(conn, came, cx);
            }
            Link::Reply { id, reply } => self.link_replied(conn, address, *id, reply, cx),
            Link::QueryEnd { id, asked } => self.link_ended(conn, *id, *asked, cx),
            Link::Push(ask) => {
                if link.may_ask(&self.me.knobs, cx.now()) {
                    self.deliver_push(ask, cx);
                }
            }
            Link::Nodes { nodes, children, files, free_percent } if !visit => {
                (link.children, link.files) = (*children, *files);
                self.neighbour_told(address, nodes, *free_percent, cx);
            }
            Link::Ping => self.say(conn, Link::Pong, cx),
            Link::Pong => {}
            Link::Hello { .. } | Link::Refused(_) | Link::Nodes { .. } => self.lose_link(conn, cx),
        }
    }

    fn neighbour_told(&mut self, from: SocketAddrV4, nodes: &[NodeEntry], free_percent: u8, cx: Hands) {
        let own = self.own_address(cx);
        let max = self.knobs().supernodes_max;
        let Some(supernode) = &mut self.supernode else { return };
        supernode.book.learn(nodes.get(..max).unwrap_or(nodes), *from.ip(), cx.now());
        supernode.book.heard(from, free_percent, cx.now());
        supernode.book.forget(own);
        self.tell_growth(cx);
        self.seek_links(cx);
    }

    /// How full we are, and whom we know.
    fn load(&self, cx: Hands) -> Link {
        let (mut nodes, mut children, mut files, mut free_percent) = (Box::default(), 0, 0, 0);
        if let Some(supernode) = &self.supernode {
            nodes = supernode.book.sample(NAMED_MAX, cx.now(), cx.rng()).into();
            children = u32::try_from(supernode.children).unwrap_or(u32::MAX);
            files = u32::try_from(supernode.register.files()).unwrap_or(u32::MAX);
            free_percent = supernode.free_percent(self.knobs());
        }
        Link::Nodes { nodes, children, files, free_percent }
    }

    /// Tells all neighbours how full we are, and whom we know.
    pub(super) fn tell_neighbours(&mut self, cx: Hands) {
        let load = self.load(cx);
        let Some(supernode) = &self.supernode else { return };
        let links = supernode.links.clone();
        self.say_all(links, load, cx);
    }

    /// Says something to one of them.
    pub(super) fn say(&self, conn: ConnId, link: Link, cx: Hands) {
        cx.send(conn, Message::Link(Arc::new(LinkFrame::new(link))));
    }

    /// Says the same to several.
    pub(super) fn say_all(&self, conns: impl IntoIterator<Item = ConnId>, link: Link, cx: Hands) {
        let frame = Arc::new(LinkFrame::new(link));
        for conn in conns {
            cx.send(conn, Message::Link(Arc::clone(&frame)));
        }
    }

    /// Says something to the supernode at that address, neighbour or not. False if there is no way.
    pub(super) fn tell_supernode(&mut self, address: SocketAddrV4, link: Link, cx: Hands) -> bool {
        let neighbour = self.all_links().find(|(_, other)| other.address == address && other.is_up());
        match neighbour.map(|(conn, _)| conn) {
            Some(conn) => {
                self.say(conn, link, cx);
                true
            }
            None => self.visit(address, link, cx).is_some(),
        }
    }

    /// Visits a supernode that is no neighbour, to say something to it.
    pub(super) fn visit(&mut self, address: SocketAddrV4, said: Link, cx: Hands) -> Option<ConnId> {
        let visits = self.all_links().filter(|(_, link)| link.visit && link.dialled);
        let (mut count, mut there) = (0, None);
        for (conn, link) in visits {
            count += 1;
            there = there.or((link.address == address).then_some(conn));
        }
        let is_free = count < self.knobs().visits_max && address != self.own_address(cx);
        let conn = match there {
            Some(conn) => conn,
            None if is_free => self.dial_link(address, true, cx),
            None => return None,
        };
        let Some(Conn::Link(link)) = self.conns.get_mut(conn) else { return None };
        if link.is_up() {
            self.say(conn, said, cx);
        } else if link.waiting.len() < WAITING_MAX {
            link.waiting.push(said);
        } else {
            return None;
        }
        Some(conn)
    }

    /// Ends a visit of ours to which nothing is left to be said.
    pub(super) fn close_idle_visit(&mut self, conn: ConnId, cx: Hands) {
        let is_visit = match self.conns.get(conn) {
            Some(Conn::Link(link)) => link.visit && link.dialled && link.is_up(),
            _ => false,
        };
        if is_visit && !self.is_waited_for(conn) {
            self.hang_up(conn, cx);
        }
    }

    /// Whom we visit, or are about to.
    pub(super) fn visited(&self) -> Vec<SocketAddrV4> {
        let visits = self.all_links().filter(|(_, link)| link.visit && link.dialled);
        visits.map(|(_, link)| link.address).collect()
    }

    /// Those that visit us, whoever is about to be let in counted.
    fn visitors(&self) -> usize {
        self.all_links().filter(|(_, link)| link.visit && !link.dialled).count()
    }

    fn all_links(&self) -> impl Iterator<Item = (ConnId, &Neighbour)> {
        let others = self.supernode.iter().flat_map(|supernode| &supernode.others);
        others.filter_map(|conn| match self.conns.get(*conn) {
            Some(Conn::Link(link)) => Some((*conn, &**link)),
            _ => None,
        })
    }

    /// Keeps a connection to another supernode.
    fn insert_link(&mut self, conn: ConnId, link: Neighbour) {
        self.conns.insert(conn, Conn::Link(Box::new(link)));
        let Some(supernode) = &mut self.supernode else { return };
        supernode.others.retain(|other| matches!(self.conns.get(*other), Some(Conn::Link(_))));
        supernode.others.push(conn);
    }
}

impl Neighbour {
    /// Whether one more query or push is in order now; if so it is counted.
    fn may_ask(&mut self, knobs: &Knobs, now: Time) -> bool {
        let of_many = |count: u32| count.saturating_mul(CHILDREN_WORTH);
        self.bucket.admits(now, of_many(knobs.queries_per_s), of_many(knobs.queries_burst))
    }
}

/// Links end.
impl Ordinary {
    fn link_refused(&mut self, conn: ConnId, others: &[NodeEntry], cx: Hands) {
        let Some(Conn::Link(link)) = self.conns.remove(conn) else { return };
        cx.close(conn);
        let retry = self.knobs().retry;
        if let Some(supernode) = &mut self.supernode {
            let others = others.get(..NAMED_MAX).unwrap_or(others);
            supernode.book.learn(others, *link.address.ip(), cx.now());
            supernode.book.answered(link.address, cx.now());
            supernode.book.refused(link.address, cx.now(), retry);
        }
        self.asked_is_gone(conn, cx);
        self.seek_links(cx);
    }

    fn lose_link(&mut self, conn: ConnId, cx: Hands) {
        if let Some(Conn::Link(link)) = self.conns.remove(conn) {
            cx.close(conn);
            self.link_closed(conn, &link, cx);
        }
    }

    /// A link is gone, or did not come about.
    pub(crate) fn link_closed(&mut self, conn: ConnId, link: &Neighbour, cx: Hands) {
        let retry = self.knobs().retry;
        let Some(supernode) = &mut self.supernode else { return };
        supernode.links.retain(|other| *other != conn);
        match (link.is_up(), link.dialled) {
            // A visitor goes when all is said.
            (true, _) if link.visit => {}
            (true, _) => supernode.book.lost(link.address, cx.now(), retry),
            (false, true) => supernode.book.failed(link.address, cx.now(), retry),
            (false, false) => {}
        }
        self.forget_queries_of_link(conn);
        self.asked_is_gone(conn, cx);
        self.seek_links(cx);
    }

    /// A link should have got on, or have answered, by now.
    pub(crate) fn link_due(&mut self, conn: ConnId, cx: Hands) {
        let knobs = Arc::clone(self.knobs());
        let Some(Conn::Link(link)) = self.conns.get_mut(conn) else { return };
        if cx.now() < link.deadline {
            return;
        }
        let wait = match (link.stage, link.heard) {
            (Stage::Asked | Stage::Greeting, _) | (Stage::Pinged, false) => {
                return self.lose_link(conn, cx);
            }
            // A visitor that says nothing for so long has nothing to say.
            (Stage::Up, _) if link.visit => return self.lose_link(conn, cx),
            (Stage::Up, _) => {
                (link.stage, link.heard) = (Stage::Pinged, false);
                knobs.pong_timeout
            }
            (Stage::Pinged, true) => {
                link.stage = Stage::Up;
                knobs.ping_every.saturating_sub(knobs.pong_timeout).max(Duration::from_millis(1))
            }
        };
        link.deadline = cx.now() + wait;
        let pings = link.stage == Stage::Pinged;
        cx.wake(wait, Timer::ConnDue(conn));
        if pings {
            self.say(conn, Link::Ping, cx);
        }
    }
}

/// Where a supernode listens that names this address and comes from that one.
fn listening(named: SocketAddrV4, remote: SocketAddrV4) -> Option<SocketAddrV4> {
    // One machine may have several addresses of its own network; those of others are not believed.
    let alike = is_private(*named.ip()) && is_private(*remote.ip());
    let ip = if alike { *named.ip() } else { *remote.ip() };
    (named.port() != 0).then(|| SocketAddrV4::new(ip, named.port()))
}
