//! Somebody's node: child of a supernode, searcher, holder of files; and, once elected, a supernode itself.
//!
//! | part | file |
//! |---|---|
//! | finding a parent, losing it, finding another | `join.rs` and `probe.rs` with [`crate::selection`] and [`crate::book`] |
//! | the child's end of a session | `session.rs` |
//! | logging in, the supernode list | `login.rs` |
//! | what the parent is told of our files | `share.rs` |
//! | the user's searches | `search.rs` |
//! | becoming a supernode and stepping down | `promotion.rs` with [`crate::election`] |
//! | downloads | `download.rs` and `content.rs` with [`common::transfer`] |
//! | uploads | `upload.rs` and `participation.rs` with the same |
//! | who else has a file, from node to node | `exchange.rs` |
//! | going under seal for a file | `seal.rs` |
//! | `GIVE`, and pushes for us or from us | `push.rs` |
//!
//! What a node does as a supernode is in [`crate::supernode`]. One port serves children, other supernodes, downloaders and those
//! who bring a file; the first message tells which it is.

mod content;
mod download;
mod exchange;
mod join;
mod login;
mod participation;
mod probe;
mod promotion;
mod push;
mod seal;
mod search;
mod session;
mod share;
mod upload;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use common::peer::{CloseReason, ConnId, Cx, Event, PublicKey, Slots, Time};
use common::transfer::Uploads;
use common::user::{Command, Note, SearchEnd};

use crate::config::{Config, Knobs};
use crate::node::{Node, Timer};
use crate::supernode::{Child, Neighbour, Supernode};
use crate::wire::{Message, upgrade};
use download::{Downloads, Source};
use join::Join;
use login::Login;
use probe::Probe;
use search::Searches;
use session::Parent;
use share::Shares;
use upload::{Dealings, Upload};

pub(crate) use session::is_our_network;
pub(crate) use share::uuhash;

pub(crate) type Hands<'a, 'b> = &'a mut Cx<'b, Node>;

/// The state of a node. Each part belongs to the file of its name.
pub struct Ordinary {
    pub(crate) me: Config,
    /// Every connection, and what it is for.
    pub(crate) conns: Slots<Conn>,
    join: Join,
    login: Option<Box<Login>>,
    pub(crate) shares: Shares,
    searches: Searches,
    /// What it is beside, if it was elected.
    pub(crate) supernode: Option<Box<Supernode>>,
    /// Nothing while it fetches nothing.
    downloads: Option<Box<Downloads>>,
    /// Nothing while it serves nobody.
    uploads: Option<Box<Uploads>>,
    /// Nothing if it never had to do with others' files.
    dealings: Option<Box<Dealings>>,
    /// Drawn at the start, for an election by lot.
    lot: u32,
    /// When it started: the driver's clock need not begin with the node.
    started: Time,
    pub(crate) left: bool,
}

/// What a connection is for. Small: an idle ordinary node has one, and may cost 512 bytes in all.
pub(crate) enum Conn {
    /// Somebody on our port, at this address, who has not said what they want.
    Caller(SocketAddrV4),
    /// A supernode that may become the parent.
    Probe(Box<Probe>),
    /// A supernode whose child we are, or are becoming.
    Parent(Box<Parent>),
    /// Somebody whose supernode we are, or are becoming.
    Child(Box<Child>),
    /// Another supernode.
    Link(Box<Neighbour>),
    /// Fetching a file.
    Source(Box<Source>),
    /// Serving files.
    Upload(Box<Upload>),
    /// The services.
    Services,
}

impl Conn {
    /// Where somebody on our port comes from of whom it is not known, or not settled, what they are to us. Who no longer calls never will again.
    pub(crate) fn calls_from(&self) -> Option<Ipv4Addr> {
        match self {
            Conn::Caller(remote) => Some(*remote.ip()),
            Conn::Child(child) if !child.is_taken_on() => Some(child.from),
            Conn::Link(link) => link.calls_from(),
            _ => None,
        }
    }
}

const _: () = assert!(size_of::<Conn>() <= 16);
/// With the places of the connections of a join, of which one is left, and that one's state. What it shares comes on top, and the
/// list of supernodes it was told, of which the simulator has one copy for all who were told the same.
const _: () = assert!(
    size_of::<Ordinary>() + 6 * size_of::<Option<(ConnId, Conn)>>() + size_of::<Parent>() + 16 <= 512,
    "an idle ordinary node has grown"
);

impl Ordinary {
    /// A node that has not started.
    pub fn new(config: Config) -> Ordinary {
        Ordinary {
            login: Login::new(&config),
            me: config,
            conns: Slots::default(),
            join: Join::default(),
            shares: Shares::default(),
            searches: Searches::default(),
            supernode: None,
            downloads: None,
            uploads: None,
            dealings: None,
            lot: 0,
            started: Time::ZERO,
            left: false,
        }
    }

    /// A message will come on this connection.
    #[inline]
    pub fn foresee(&self, conn: ConnId) {
        self.conns.foresee(conn);
    }

    /// The node's only entry.
    pub fn handle(&mut self, event: Event<Message, Timer>, cx: Hands) {
        match event {
            Event::Message { conn, message } => self.message(conn, message, cx),
            Event::Sealed { conn, key } => self.sealed(conn, key, cx),
            Event::Start => self.start(cx),
            Event::Command(command) => self.command(command, cx),
            Event::Opened { conn, remote, dialled } => self.opened(conn, remote, dialled, cx),
            Event::Body { conn, len, state } => self.source_body(conn, len, state, cx),
            Event::Sent { conn, len } => self.upload_sent(conn, len, cx),
            Event::Verified { check, ok } => self.download_verified(check, ok, cx),
            Event::Finished { file, fault } => self.download_finished(file, fault, cx),
            Event::Closed { conn, reason } => self.closed(conn, reason, cx),
            Event::Timer(timer) => self.timer(timer, cx),
            // Nothing of this protocol here comes in any.
            Event::Datagram { .. } => {}
            // No body is expected before its message.
            Event::Arrived { .. } => {}
            // Only the services have anything computed.
            Event::Computed { .. } => {}
        }
    }

    fn start(&mut self, cx: Hands) {
        use rand::RngExt as _;
        self.lot = cx.rng().random();
        self.started = cx.now();
        self.see_to_services(cx);
        if !self.awaits_login() {
            self.start_join(cx);
        }
    }

    fn command(&mut self, command: Command, cx: Hands) {
        match command {
            Command::Share(files) => self.share(&files, cx),
            Command::Unshare(file) => self.unshare(file, cx),
            Command::Search(search, query) => self.search(search, &query, cx),
            // KaZaA could list a user's files; its clients' way to ask for it is not known (giFT has none).
            Command::Browse(search, _) => cx.note(Note::SearchEnded(search, SearchEnd::Refused)),
            Command::Fetch(fetch) => self.fetch(&fetch, cx),
            Command::Cancel(fetch) => self.cancel(fetch, cx),
            Command::Leave => self.leave(cx),
        }
    }

    fn timer(&mut self, timer: Timer, cx: Hands) {
        match timer {
            Timer::Join => self.join_due(cx),
            Timer::Login => self.login_due(cx),
            Timer::Supernode => self.supernode_due(cx),
            Timer::ConnDue(conn) => self.conn_due(conn, cx),
            Timer::SearchDue(search) => self.search_due(search, cx),
            Timer::QueryDue(query) => self.query_due(query, cx),
            Timer::FetchDue(fetch, step) => self.fetch_due(fetch, step, cx),
            Timer::Services => {}
        }
    }

    fn opened(&mut self, conn: ConnId, remote: SocketAddrV4, dialled: bool, cx: Hands) {
        match self.conns.get(conn) {
            Some(Conn::Probe(_)) => self.probe_opened(conn, cx),
            Some(Conn::Source(_)) => self.source_opened(conn, cx),
            Some(_) => {}
            None if dialled || self.left => cx.close(conn),
            None => self.called(conn, remote, cx),
        }
    }

    fn message(&mut self, conn: ConnId, message: Message, cx: Hands) {
        match self.conns.get(conn) {
            Some(Conn::Child(_)) => self.of_child(conn, message, cx),
            Some(Conn::Parent(_)) => self.of_parent(conn, message, cx),
            Some(Conn::Link(_)) => self.of_link(conn, message, cx),
            Some(Conn::Probe(_)) => self.of_probe(conn, &message, cx),
            Some(Conn::Source(_)) => self.of_source(conn, &message, cx),
            Some(Conn::Upload(_)) => self.of_downloader(conn, message, cx),
            Some(Conn::Services) => self.of_services(message, cx),
            Some(&Conn::Caller(remote)) => self.of_caller(conn, remote, message, cx),
            None => {}
        }
    }

    /// The far side of a seal has proved to own this key.
    fn sealed(&mut self, conn: ConnId, key: PublicKey, cx: Hands) {
        match self.conns.get(conn) {
            Some(Conn::Link(_)) => self.link_sealed(conn, key, cx),
            Some(Conn::Upload(_)) => self.upload_sealed(conn, cx),
            Some(Conn::Services) => self.services_sealed(key, cx),
            // Any node may have a content, whatever its key.
            _ => {}
        }
    }

    /// The first message on our port says what the caller wants.
    fn of_caller(&mut self, conn: ConnId, remote: SocketAddrV4, message: Message, cx: Hands) {
        match message {
            Message::Hello(hello) => self.session_asked(conn, remote, hello, cx),
            Message::Request(request) if &*request.target == upgrade::SUPERNODE => {
                self.link_asked(conn, remote, &request, cx);
            }
            Message::Request(request) => self.requested(conn, remote, request, cx),
            Message::Give(id) => self.given(conn, remote, id, cx),
            _ => self.hang_up(conn, cx),
        }
    }

    fn closed(&mut self, conn: ConnId, reason: CloseReason, cx: Hands) {
        match self.conns.remove(conn) {
            Some(Conn::Probe(probe)) => self.probe_closed(conn, &probe, cx),
            Some(Conn::Parent(parent)) => self.parent_closed(conn, &parent, reason, cx),
            Some(Conn::Child(child)) => self.child_closed(conn, &child),
            Some(Conn::Link(link)) => self.link_closed(conn, &link, cx),
            Some(Conn::Source(source)) => self.source_closed(&source, reason, cx),
            Some(Conn::Upload(upload)) => self.upload_closed(&upload, cx),
            Some(Conn::Services) => self.services_closed(reason, cx),
            Some(Conn::Caller(_)) | None => {}
        }
    }

    /// A connection should have got on by now.
    fn conn_due(&mut self, conn: ConnId, cx: Hands) {
        match self.conns.get(conn) {
            Some(Conn::Caller(_)) => self.hang_up(conn, cx),
            Some(Conn::Probe(_)) => self.probe_due(conn, cx),
            Some(Conn::Parent(_)) => self.parent_due(conn, cx),
            Some(Conn::Child(_)) => self.child_due(conn, cx),
            Some(Conn::Link(_)) => self.link_due(conn, cx),
            Some(Conn::Upload(_)) => self.upload_due(conn, cx),
            Some(Conn::Services) => self.services_due(conn, cx),
            // A download knows how long it waits for whom.
            Some(Conn::Source(_)) | None => {}
        }
    }

    /// Keeps somebody who calls, or hangs up if no more may call from there: neither all together nor one address can keep others off our
    /// port.
    fn called(&mut self, conn: ConnId, remote: SocketAddrV4, cx: Hands) {
        let (mut all, mut alike) = (0, 0);
        let mut is_calling = |state: &Conn| {
            let from = state.calls_from();
            all += usize::from(from.is_some());
            alike += usize::from(from == Some(*remote.ip()));
            from.is_some()
        };
        match &mut self.supernode {
            Some(supernode) => {
                supernode.callers.retain(|conn| self.conns.get(*conn).is_some_and(&mut is_calling));
                supernode.callers.push(conn);
            }
            None => self.conns.iter().for_each(|(_, state)| {
                is_calling(state);
            }),
        }
        let knobs = &self.me.knobs;
        let is_one_too_many = alike >= knobs.callers_per_address_max && !remote.ip().is_loopback();
        if all >= knobs.callers_max || is_one_too_many {
            return cx.close(conn);
        }
        self.conns.insert(conn, Conn::Caller(remote));
        cx.wake(knobs.step_timeout, Timer::ConnDue(conn));
    }

    pub(crate) fn knobs(&self) -> &Arc<Knobs> {
        &self.me.knobs
    }

    /// The wall clock, in seconds of the Unix epoch.
    pub(crate) fn clock_s(&self, now: Time) -> u64 {
        self.me.started_s.saturating_add(now.0 / 1_000_000_000)
    }

    /// Drops a connection without waiting for its `Closed`.
    pub(crate) fn hang_up(&mut self, conn: ConnId, cx: Hands) {
        self.conns.remove(conn);
        cx.close(conn);
    }

    /// The user wants to go: ends everything, but for the word to the services that a supernode is gone.
    fn leave(&mut self, cx: Hands) {
        if self.supernode.is_some() {
            self.dismiss_children(cx);
        }
        let farewell = self.say_farewell(cx);
        self.left = true;
        self.end_searches(SearchEnd::Offline, cx);
        self.end_downloads(cx);
        self.end_uploads(cx);
        let rest = self.conns.iter().map(|(conn, _)| conn).filter(|conn| Some(*conn) != farewell);
        for conn in rest.collect::<Vec<ConnId>>() {
            self.hang_up(conn, cx);
        }
        (self.join, self.supernode) = (Join::default(), None);
        cx.note(Note::Offline("left".into()));
    }
}
