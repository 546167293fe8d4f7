//! The mirror itself: an index and all files, behind one uplink.
//!
//! | a connection is | until |
//! |---|---|
//! | idle | a request comes |
//! | waiting for a slot | another connection's file has left; or it closes |
//! | sending | its file has left; or too little leaves in [`ServerConfig::data_timeout`]; or it closes |
//!
//! Searches are answered at once. A request for a file takes one of [`ServerConfig::slots`], or waits for one with at
//! most [`ServerConfig::waiting_max`] others, or is answered by 503. Requests that come while a connection waits or
//! sends are answered after, in their order.

use std::collections::VecDeque;
use std::time::Duration;

use common::http::{self, Request, Response};
use common::peer::{ConnId, Cx, Event, FileId, Slots, Span};
use common::transfer::Feed;
use common::user::{Command, Failure, Note, Query, SearchEnd, SharedFile};

use super::shelf::Shelf;
use super::wire::{Asked, Listing, Message};
use super::{Node, Timer};

/// The most requests a connection may have unanswered; the next one closes it.
const PIPELINED_MAX: usize = 64;

/// A mirror's capacity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerConfig {
    /// Files sent at a time. Default 256: Apache's `MaxClients` of the time.
    pub slots: usize,
    /// Requests for files that may wait for a slot. Default 511: Apache's `ListenBacklog`.
    pub waiting_max: usize,
    /// What a 503 says in `Retry-After`, in seconds. Default 5.
    pub retry_after_s: u64,
    /// Who takes next to nothing of a file for so long loses it. Default 300 s: Apache's `TimeOut`.
    pub data_timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        let data_timeout = Duration::from_secs(300);
        ServerConfig { slots: 256, waiting_max: 511, retry_after_s: 5, data_timeout }
    }
}

/// A mirror.
#[derive(Debug)]
pub struct Server {
    config: ServerConfig,
    shelf: Shelf,
    conns: Slots<Conn>,
    sending: usize,
    waiting: VecDeque<ConnId>,
}

#[derive(Debug, Default)]
struct Conn {
    state: State,
    requests: VecDeque<Box<Request>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    Idle,
    Waiting,
    Sending(Upload),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Upload {
    file: FileId,
    feed: Feed,
}

impl Server {
    /// A mirror with nothing on it; `Share` fills it.
    pub fn new(config: ServerConfig) -> Self {
        Server {
            config,
            shelf: Shelf::default(),
            conns: Slots::default(),
            sending: 0,
            waiting: VecDeque::new(),
        }
    }

    /// Files on their way to somebody: slots that are taken.
    pub fn sending(&self) -> usize {
        self.sending
    }

    /// Requests that wait for a slot.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn handle(&mut self, event: Event<Message, Timer>, cx: &mut Cx<'_, Node>) {
        match event {
            Event::Start => cx.note(Note::Online),
            Event::Command(command) => self.command(command, cx),
            Event::Opened { conn, .. } => self.conns.insert(conn, Conn::default()),
            Event::Message { conn, message: Message::Request(request) } => self.request(conn, request, cx),
            Event::Message { conn, .. } => {
                self.forget(conn, cx);
                cx.close(conn);
            }
            Event::Sent { conn, len } => self.sent(conn, len, cx),
            Event::Closed { conn, .. } => self.forget(conn, cx),
            Event::Timer(Timer::Upload(conn)) => self.due(conn, cx),
            Event::Body { .. } | Event::Sealed { .. } | Event::Datagram { .. } | Event::Arrived { .. } => {}
            Event::Verified { .. } | Event::Finished { .. } | Event::Computed { .. } | Event::Timer(_) => {}
        }
    }

    fn command(&mut self, command: Command, cx: &mut Cx<'_, Node>) {
        match command {
            Command::Share(files) => self.shelf.add(&files),
            Command::Unshare(file) => self.shelf.remove(file),
            Command::Search(search, _) | Command::Browse(search, _) => {
                cx.note(Note::SearchEnded(search, SearchEnd::Refused));
            }
            Command::Fetch(fetch) => cx.note(Note::Failed(fetch.fetch, Failure::Refused)),
            Command::Cancel(_) => {}
            Command::Leave => {
                let all: Vec<ConnId> = self.conns.iter().map(|(conn, _)| conn).collect();
                all.into_iter().for_each(|conn| cx.close(conn));
                *self = Server { shelf: std::mem::take(&mut self.shelf), ..Server::new(self.config) };
            }
        }
    }

    fn request(&mut self, conn: ConnId, request: Box<Request>, cx: &mut Cx<'_, Node>) {
        let Some(state) = self.conns.get_mut(conn) else { return };
        if state.requests.len() >= PIPELINED_MAX {
            self.forget(conn, cx);
            cx.close(conn);
            return;
        }
        state.requests.push_back(request);
        self.serve(conn, cx);
    }

    /// Answers the requests of a connection, up to the first that has to wait or to send.
    fn serve(&mut self, conn: ConnId, cx: &mut Cx<'_, Node>) {
        while let Some(state) = self.conns.get_mut(conn) {
            let State::Idle = state.state else { return };
            let Some(request) = state.requests.front() else { return };
            match Asked::of(request) {
                Asked::Search(query) => {
                    let listing = self.search(&query);
                    cx.send(conn, Message::Listing(Box::new(listing)));
                    self.answered(conn);
                }
                Asked::Unknown => {
                    cx.send(conn, empty(Response::new(http::BAD_REQUEST)));
                    self.answered(conn);
                }
                Asked::File(_) if self.sending < self.config.slots => self.start(conn, cx),
                Asked::File(_) if self.waiting.len() < self.config.waiting_max => {
                    state.state = State::Waiting;
                    self.waiting.push_back(conn);
                }
                Asked::File(_) => {
                    let head = Response::new(http::SERVICE_UNAVAILABLE);
                    cx.send(conn, empty(head.with("Retry-After", self.config.retry_after_s)));
                    self.answered(conn);
                }
            }
        }
    }

    fn search(&self, query: &Query) -> Listing {
        Listing::of(self.shelf.find(query).into_iter().map(|(number, file)| (number, &*file.info)))
    }

    /// The request in front has its answer.
    fn answered(&mut self, conn: ConnId) {
        if let Some(state) = self.conns.get_mut(conn) {
            state.state = State::Idle;
            state.requests.pop_front();
        }
    }

    /// Answers the request for a file in front; there is a slot.
    fn start(&mut self, conn: ConnId, cx: &mut Cx<'_, Node>) {
        let Some(state) = self.conns.get_mut(conn) else { return };
        let Some(request) = state.requests.front() else { return };
        let file = match Asked::of(request) {
            Asked::File(number) => self.shelf.get(number),
            Asked::Search(_) | Asked::Unknown => None,
        };
        let Some(SharedFile { file, info }) = file else {
            cx.send(conn, empty(Response::new(http::NOT_FOUND)));
            return self.answered(conn);
        };
        let (head, span) = Response::to_range(request.range(), info.size);
        cx.send(conn, Message::Response(Box::new(head)));
        match span {
            Some((offset, len)) if len > 0 => {
                let (file, patience) = (*file, self.config.data_timeout);
                let feed = Feed::new(Span { file, offset, len }, cx.now(), patience);
                state.state = State::Sending(Upload { file, feed });
                self.sending += 1;
                cx.wake(patience, Timer::Upload(conn));
                self.send_more(conn, cx);
            }
            _ => self.answered(conn),
        }
    }

    fn send_more(&mut self, conn: ConnId, cx: &mut Cx<'_, Node>) {
        let Some(Conn { state: State::Sending(upload), .. }) = self.conns.get_mut(conn) else { return };
        while let Some(span) = upload.feed.next_span() {
            cx.send_body(conn, span);
        }
    }

    fn sent(&mut self, conn: ConnId, len: u32, cx: &mut Cx<'_, Node>) {
        let Some(Conn { state: State::Sending(upload), .. }) = self.conns.get_mut(conn) else { return };
        upload.feed.sent(len, cx.now());
        if !upload.feed.is_done() {
            return self.send_more(conn, cx);
        }
        cx.note(Note::Uploaded(upload.file, upload.feed.bytes_sent()));
        self.sending -= 1;
        self.answered(conn);
        self.serve(conn, cx);
        self.next_waiting(cx);
    }

    /// Some file should have left by now, or more of it.
    fn due(&mut self, conn: ConnId, cx: &mut Cx<'_, Node>) {
        let Some(Conn { state: State::Sending(upload), .. }) = self.conns.get(conn) else { return };
        let deadline = upload.feed.deadline();
        if deadline > cx.now() {
            return cx.wake(deadline.since(cx.now()), Timer::Upload(conn));
        }
        self.forget(conn, cx);
        cx.close(conn);
    }

    /// Gives free slots to those who wait longest.
    fn next_waiting(&mut self, cx: &mut Cx<'_, Node>) {
        while self.sending < self.config.slots {
            let Some(conn) = self.waiting.pop_front() else { return };
            if let Some(state) = self.conns.get_mut(conn) {
                state.state = State::Idle;
                self.serve(conn, cx);
            }
        }
    }

    fn forget(&mut self, conn: ConnId, cx: &mut Cx<'_, Node>) {
        match self.conns.remove(conn).map(|conn| conn.state) {
            Some(State::Sending(upload)) => {
                cx.note(Note::Uploaded(upload.file, upload.feed.bytes_sent()));
                self.sending -= 1;
                self.next_waiting(cx);
            }
            Some(State::Waiting) => self.waiting.retain(|waiting| *waiting != conn),
            Some(State::Idle) | None => {}
        }
    }
}

/// A response without a body.
fn empty(head: Response) -> Message {
    Message::Response(Box::new(head.with("Content-Length", 0)))
}
