//! The peer: shares, searches, fetches, and serves others.
//!
//! | part | file |
//! |---|---|
//! | the session with the server, joining and joining again | `session.rs` |
//! | searches and browsing, one question at a time | `question.rs` |
//! | the list of shared files | `share.rs` |
//! | downloads: states of one | `fetch.rs`; how it moves on `download.rs`, how it meets its holders `transfer.rs` |
//! | uploads, and callers on the data port | `upload.rs` |
//!
//! Transfers need the server only until the two sides have met: when it dies, what runs finishes.

mod config;
mod download;
mod fetch;
mod question;
mod session;
mod share;
mod transfer;
mod upload;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use common::peer::{ConnId, Cx, Event, Slots};
use common::user::{Command, Failure, FetchId};

use crate::node::{Node, Timer};
use crate::wire::{Message, Token};
pub use config::{Knobs, PeerConfig};
use fetch::Download;
use question::Question;
use session::Session;
use share::Shares;
use upload::{Accepted, Upload};

type Hands<'a, 'b> = &'a mut Cx<'b, Node>;

/// Downloads at a time; one more fails at once. Thousands of parallel transfers help nobody.
const DOWNLOADS_MAX: usize = 256;

/// The state of a peer.
pub struct Peer {
    me: PeerConfig,
    /// Those of `me`, at hand.
    config: Arc<Knobs>,
    nick: Option<Token>,
    session: Session,
    shared: Shares,
    /// The question the server is answering is the first; the others wait.
    questions: VecDeque<Question>,
    questions_asked: u32,
    downloads: BTreeMap<FetchId, Box<Download>>,
    checks_asked: u32,
    /// Whom we said we would bring a file, while we are firewalled.
    accepted: VecDeque<Accepted>,
    links: Slots<Link>,
}

/// The most bytes that an ordinary peer takes while it is online and idle: all that is its own, so not what it shares
/// with others ([`Knobs`]), not its list of files, and not what the allocator adds.
pub const IDLE_BYTES_MAX: usize = 512;

const _: () = {
    let state = size_of::<Node>() + size_of::<Peer>();
    // The link to the server: a vector's first allocation has room for four such entries.
    let links = 4 * size_of::<Option<(ConnId, Link)>>();
    // A nick of 19 bytes as given and as a token, behind the two counters of an `Arc`; the usual password.
    let texts = 19 + (19 + 2 * size_of::<usize>()) + "none".len();
    assert!(state + links + texts <= IDLE_BYTES_MAX);
};

/// What a connection is for.
enum Link {
    /// To the server, or to the redirector.
    Server,
    /// Somebody on our data port who has not said what he wants.
    Caller,
    /// Our dial to a holder, or a holder's to us.
    Download(FetchId),
    /// To or from somebody who fetches from us.
    Upload(Box<Upload>),
    /// Dialled to bring our list.
    ListDelivery,
}

impl Peer {
    /// A peer that has not started.
    pub fn new(config: PeerConfig) -> Self {
        Peer {
            nick: Token::from_text(&config.nick),
            config: config.knobs.clone(),
            me: config,
            session: Session::default(),
            shared: Shares::default(),
            questions: VecDeque::new(),
            questions_asked: 0,
            downloads: BTreeMap::new(),
            checks_asked: 0,
            accepted: VecDeque::new(),
            links: Slots::default(),
        }
    }

    /// The peer's only entry.
    pub fn handle(&mut self, event: Event<Message, Timer>, cx: Hands) {
        match event {
            Event::Start => self.dial_server(cx),
            Event::Command(command) => self.command(command, cx),
            Event::Opened { conn, dialled, .. } => self.opened(conn, dialled, cx),
            Event::Message { conn, message } => self.message(conn, message, cx),
            Event::Body { conn, len, state } => self.body(conn, len, state, cx),
            Event::Sent { conn, len } => self.sent(conn, len, cx),
            Event::Verified { check, ok } => self.verified(check, ok, cx),
            Event::Finished { file, fault } => self.finished(file, fault, cx),
            Event::Closed { conn, reason } => match self.links.remove(conn) {
                Some(Link::Server) => self.server_closed(reason, cx),
                Some(Link::Download(fetch)) => self.download_closed(fetch, conn, reason, cx),
                Some(Link::Upload(upload)) => self.upload_ended(&upload, cx),
                Some(Link::Caller | Link::ListDelivery) | None => {}
            },
            Event::Timer(timer) => self.timer(timer, cx),
            // Nothing of this protocol is sealed, a datagram or expected, and nothing takes long to compute.
            Event::Sealed { .. }
            | Event::Datagram { .. }
            | Event::Arrived { .. }
            | Event::Computed { .. } => {}
        }
    }

    fn command(&mut self, command: Command, cx: Hands) {
        match command {
            Command::Share(files) => self.share(&files, cx),
            Command::Unshare(file) => self.unshare(file, cx),
            Command::Search(search, query) => self.search(search, &query, cx),
            Command::Browse(search, nick) => self.browse(search, &nick, cx),
            Command::Fetch(fetch) => self.fetch(&fetch, cx),
            Command::Cancel(fetch) => self.fail(fetch, Failure::Cancelled, cx),
            Command::Leave => self.leave(cx),
        }
    }

    fn timer(&mut self, timer: Timer, cx: Hands) {
        match timer {
            Timer::Reconnect => self.reconnect(cx),
            Timer::WelcomeDue(conn) => self.welcome_due(conn, cx),
            Timer::AnswerDue(question) => self.answer_due(question, cx),
            Timer::StepDue(fetch, step) => self.step_due(fetch, step, cx),
            Timer::LinkDue(conn) => self.link_due(conn, cx),
            Timer::ShareDue => self.tell_shares(cx),
            Timer::Stats | Timer::LoginDue(_) => {}
        }
    }

    fn opened(&mut self, conn: ConnId, dialled: bool, cx: Hands) {
        if dialled {
            if let Some(Link::Server) = self.links.get(conn) {
                self.server_opened(conn, cx);
            }
            return;
        }
        let callers = self.links.iter().filter(|(_, link)| matches!(link, Link::Caller)).count();
        if callers >= self.config.callers_max {
            return cx.close(conn);
        }
        self.links.insert(conn, Link::Caller);
        cx.send(conn, Message::Hello);
        cx.wake(self.config.step_timeout, Timer::LinkDue(conn));
    }

    fn message(&mut self, conn: ConnId, message: Message, cx: Hands) {
        match self.links.get(conn) {
            Some(Link::Server) => self.of_server(conn, message, cx),
            Some(Link::Caller) => self.of_caller(conn, &message, cx),
            Some(Link::Download(fetch)) => self.of_holder(*fetch, conn, &message, cx),
            Some(Link::Upload(_)) => self.of_fetcher(conn, &message, cx),
            Some(Link::ListDelivery) => self.of_list_taker(conn, &message, cx),
            None => {}
        }
    }

    /// Drops a connection without waiting for its `Closed`.
    fn hang_up(&mut self, conn: ConnId, cx: Hands) {
        self.links.remove(conn);
        cx.close(conn);
    }
}
