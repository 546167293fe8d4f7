//! The servent: a neighbour among neighbours, a searcher, a holder of files.
//!
//! | part | file |
//! |---|---|
//! | the handshake of a link | `handshake.rs` |
//! | how many neighbours, and which | `upkeep.rs`, with [`crate::hosts`] |
//! | one neighbour | `neighbour.rs` |
//! | pings and pongs | `ping.rs` |
//! | queries, hits and pushes that pass through | `route.rs`, with [`crate::routing`] and [`crate::library`] |
//! | how much of the line that may take | `budget.rs` |
//! | the user's own searches | `search.rs`, with [`crate::strategy`]; a walker's questions, `walk.rs` |
//! | downloads | `download.rs`, with [`common::transfer`] |
//! | uploads | `upload.rs`, with the same |
//! | what a request for a file names; who else has it | `resource.rs`, `alternates.rs` |
//! | `GIV`, and pushes that are for us or from us | `push.rs` |
//!
//! One port serves neighbours, downloaders and those who bring a file; the first message tells which it is.

mod alternates;
mod budget;
mod config;
mod download;
mod handshake;
mod neighbour;
mod ping;
mod push;
mod resource;
mod route;
mod search;
mod upkeep;
mod upload;
mod walk;

use std::net::SocketAddrV4;
use std::sync::Arc;

use common::peer::{BodyState, CloseReason, ConnId, Cx, Event, FileId, Slots};
use common::store::StoreFault;
use common::transfer::{Alternates, Knocks, SourceConn, Upload, Uploads};
use common::user::{Command, Note, SearchEnd};

use crate::guid::Guid;
use crate::library::Library;
use crate::node::{Node, Timer};
use crate::wire::{Message, Sha1Urn};
use budget::Budget;
pub use config::{Knobs, ServentConfig};
use download::Downloads;
use handshake::Handshake;
use neighbour::Neighbour;
use ping::Pings;
pub use route::Dropped;
use route::Router;
use search::Searches;
use upkeep::Upkeep;
use walk::{Check, Walks};

type Hands<'a, 'b> = &'a mut Cx<'b, Node>;

/// The state of a servent. Each part belongs to the file of its name.
pub struct Servent {
    me: ServentConfig,
    /// Those of `me`, at hand.
    knobs: Arc<Knobs>,
    /// Our name in hits and pushes; the user's, or drawn at the start.
    guid: Guid,
    /// Every connection, and what it is for.
    links: Slots<Link>,
    upkeep: Upkeep,
    pings: Pings,
    router: Router,
    budget: Budget,
    library: Library,
    searches: Searches,
    walks: Walks,
    downloads: Downloads,
    uploads: Uploads,
    /// Nothing for most servents: who shares little is told little.
    alternates: Option<Box<Alternates<Sha1Urn>>>,
    knocks: Knocks,
    left: bool,
}

/// What a connection is for.
enum Link {
    /// Somebody on our port, at this address, who has not said what they want.
    Caller(SocketAddrV4),
    /// Becoming neighbours.
    Handshake(Box<Handshake>),
    /// A link of the overlay. In place: it is looked at for each descriptor, and nothing is as slow there as memory far away.
    Neighbour(Neighbour),
    /// Asking a web cache.
    Cache,
    /// Fetching a file.
    Source(Box<SourceConn>),
    /// Serving files.
    Upload(Box<Upload>),
    /// A walker's question, asked or answered.
    Check(Box<Check>),
}

/// With the places of eight connections, and apart from what its tables of routes remember, an idle servent takes less than
/// two kilobytes: half a million fit in a simulation.
const _: () = assert!(size_of::<Servent>() + 8 * size_of::<Option<(ConnId, Link)>>() < 1_800);

impl Servent {
    /// A servent that has not started.
    pub fn new(config: ServentConfig) -> Self {
        Servent {
            uploads: Uploads::new(
                &config.knobs.uploads,
                config.knobs.step_timeout,
                config.knobs.data_timeout,
            ),
            knobs: config.knobs.clone(),
            guid: Guid::default(),
            links: Slots::default(),
            upkeep: Upkeep::new(&config.knobs),
            pings: Pings::default(),
            router: Router::default(),
            budget: Budget::default(),
            library: Library::default(),
            searches: Searches::default(),
            walks: Walks::default(),
            downloads: Downloads::default(),
            alternates: None,
            knocks: Knocks::default(),
            left: false,
            me: config,
        }
    }

    /// The servent's only entry.
    pub fn handle(&mut self, event: Event<Message, Timer>, cx: Hands) {
        match event {
            // A query is what comes most often by far.
            Event::Message { conn, message } => self.message(conn, message, cx),
            Event::Start => {
                self.guid = self.me.guid.unwrap_or_else(|| Guid::random(cx.rng()));
                self.router = Router::new(&self.knobs, cx.rng());
                self.start_upkeep(cx);
            }
            Event::Command(command) => self.command(command, cx),
            Event::Opened { conn, dialled, remote } => match self.links.get(conn) {
                Some(Link::Source(_)) => self.source_opened(conn, cx),
                _ => self.opened(conn, remote, dialled, cx),
            },
            Event::Body { conn, len, state } => self.body(conn, len, state, cx),
            Event::Sent { conn, len } => self.upload_sent(conn, len, cx),
            Event::Verified { check, ok } => self.download_verified(check, ok, cx),
            Event::Finished { file, fault } => self.finished(file, fault, cx),
            Event::Closed { conn, reason } => self.closed(conn, reason, cx),
            Event::Timer(timer) => self.timer(timer, cx),
            // Nothing of this protocol is sealed, expected or a datagram, and nothing takes long to compute.
            Event::Sealed { .. } | Event::Datagram { .. } => {}
            Event::Arrived { .. } | Event::Computed { .. } => {}
        }
    }

    /// A descriptor will come on this connection.
    #[inline]
    pub fn foresee(&self, conn: ConnId) {
        self.links.foresee(conn);
    }

    fn command(&mut self, command: Command, cx: Hands) {
        match command {
            Command::Share(files) => self.library.add(&files),
            Command::Unshare(file) => self.library.remove(file),
            Command::Search(search, query) => self.search(search, &query, cx),
            // Who shares what is asked of the holder by HTTP in later servents; here nobody has names.
            Command::Browse(search, _) => cx.note(Note::SearchEnded(search, SearchEnd::Refused)),
            Command::Fetch(fetch) => self.fetch(&fetch, cx),
            Command::Cancel(fetch) => self.cancel(fetch, cx),
            Command::Leave => self.leave(cx),
        }
    }

    fn timer(&mut self, timer: Timer, cx: Hands) {
        match timer {
            Timer::Upkeep => self.upkeep_due(cx),
            Timer::Ping => self.ping_due(cx),
            Timer::LinkDue(conn) => match self.links.get(conn) {
                Some(Link::Upload(_)) => self.upload_due(conn, cx),
                _ => self.link_due(conn, cx),
            },
            Timer::SearchDue(search) => self.search_due(search, cx),
            Timer::FetchDue(fetch, step) => self.fetch_due(fetch, step, cx),
        }
    }

    fn message(&mut self, conn: ConnId, message: Message, cx: Hands) {
        match self.links.get_mut(conn) {
            Some(Link::Neighbour(neighbour)) => {
                neighbour.heard();
                self.of_neighbour(conn, message, cx);
            }
            Some(&mut Link::Caller(remote)) => self.of_caller(conn, remote, message, cx),
            Some(Link::Handshake(_)) => self.of_handshake(conn, message, cx),
            Some(Link::Cache) => self.of_cache(conn, &message, cx),
            Some(Link::Source(_)) => self.of_source(conn, &message, cx),
            Some(Link::Upload(_)) => self.of_downloader(conn, &message, cx),
            Some(Link::Check(_)) => self.of_check(conn, &message, cx),
            None => {}
        }
    }

    /// The first message on our port says what the caller wants.
    fn of_caller(&mut self, conn: ConnId, remote: SocketAddrV4, message: Message, cx: Hands) {
        match message {
            Message::Connect(greeting) => self.greeted(conn, remote, &greeting, cx),
            Message::Request(request) => match walk::checked_search(&request) {
                Some(search) => self.answer_check(conn, &search, cx),
                None => self.requested(conn, remote, &request, cx),
            },
            Message::Giv(giv) => self.given(conn, remote, &giv, cx),
            _ => self.hang_up(conn, cx),
        }
    }

    /// A descriptor of a neighbour.
    fn of_neighbour(&mut self, conn: ConnId, message: Message, cx: Hands) {
        match message {
            Message::Query(header, query) => self.query_came(conn, header, query, cx),
            Message::Hit(header, hit) => self.hit_came(conn, header, hit, cx),
            Message::Ping(header, extension) => self.ping_came(conn, header, extension.as_ref(), cx),
            Message::Pong(header, pong) => self.pong_came(conn, header, &pong, cx),
            Message::Push(header, push) => self.push_came(conn, header, push, cx),
            Message::Bye(_, bye) => self.bye_came(conn, &bye, cx),
            // Read over: see the wire module.
            Message::Qrp(..) | Message::Vendor(..) | Message::Unknown(..) => {}
            _ => self.lose_neighbour(conn, cx),
        }
    }

    fn body(&mut self, conn: ConnId, len: u32, state: BodyState, cx: Hands) {
        if let Some(Link::Source(_)) = self.links.get(conn) {
            self.source_body(conn, len, state, cx);
        }
    }

    fn finished(&mut self, file: FileId, fault: Option<StoreFault>, cx: Hands) {
        self.download_finished(file, fault, cx);
    }

    fn closed(&mut self, conn: ConnId, reason: CloseReason, cx: Hands) {
        match self.links.remove(conn) {
            Some(Link::Handshake(handshake)) => self.handshake_closed(conn, &handshake, reason, cx),
            Some(Link::Neighbour(neighbour)) => self.neighbour_closed(conn, &neighbour, reason, cx),
            Some(Link::Cache) => self.cache_closed(cx),
            Some(Link::Source(source)) => self.source_closed(&source, reason, cx),
            Some(Link::Upload(upload)) => self.upload_closed(&upload, cx),
            Some(Link::Check(_)) => self.check_closed(),
            Some(Link::Caller(_)) | None => {}
        }
    }

    /// Drops a connection without waiting for its `Closed`.
    fn hang_up(&mut self, conn: ConnId, cx: Hands) {
        self.links.remove(conn);
        cx.close(conn);
    }
}
