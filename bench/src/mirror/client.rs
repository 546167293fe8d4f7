//! Someone who uses a mirror: searches over one kept connection, downloads over one connection each.
//!
//! | a download is | until |
//! |---|---|
//! | asking | the response comes: a range, a refusal, or "busy" |
//! | receiving | the last byte is there; a lost connection is asked for the rest |
//! | pausing | the server's `Retry-After`, doubled each time, is over |
//! | checking | the digest is compared |
//! | finishing | the file stands under its final name |

use std::collections::VecDeque;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;

use common::digest::{Algorithm, Digest, Fingerprint};
use common::http::{self, Response};
use common::peer::{BodyState, CloseReason, ConnId, Cx, Event, FileId, Place, Slots, Span};
use common::store::StoreFault;
use common::user::{
    Command, Failure, Fetch, FetchId, FileInfo, Hit, Holder, Note, Query, SearchEnd, SearchId,
};

use super::wire::{Listing, Message, Side, file_request, search_request};
use super::{Node, Timer};

/// The most searches that may await their answer; the next one is refused.
const SEARCHES_MAX: usize = 64;
/// The most downloads at a time; the next one is refused.
const FETCHES_MAX: usize = 64;
/// How long a search may take.
const SEARCH_DEADLINE: Duration = Duration::from_secs(30);
/// How long a download may stand still before its connection is given up.
const STALL: Duration = Duration::from_secs(60);
/// How often in a row, without a byte gained, a download is tried again.
const TRIES_MAX: u32 = 12;
/// How often, if nobody even answers the dial: a mirror that is down is not busy.
const REFUSALS_MAX: u32 = 3;
/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// The first pause before a lost index is dialled again; it doubles up to [`PAUSE_MAX`].
const RECONNECT: Duration = Duration::from_secs(2);

/// Someone who uses mirrors.
#[derive(Debug)]
pub struct Client {
    mirrors: Arc<[SocketAddrV4]>,
    /// Which mirror is asked for searches.
    home: usize,
    index: Option<ConnId>,
    online: bool,
    redials: u32,
    left: bool,
    searches: VecDeque<Search>,
    downloads: Vec<Download>,
    conns: Slots<FetchId>,
}

#[derive(Debug)]
struct Search {
    id: SearchId,
    query: Arc<Query>,
    tries: usize,
    ended: bool,
}

#[derive(Debug)]
struct Download {
    id: FetchId,
    /// The mirrors' number for the file.
    number: u32,
    info: FileInfo,
    into: FileId,
    have: u64,
    conn: Option<ConnId>,
    state: State,
    /// Which mirror is asked.
    mirror: usize,
    /// Tries without a byte gained.
    tries: u32,
    /// Counts signs of life, so that the stall timer can tell.
    life: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Asking,
    Receiving,
    Pausing,
    Checking,
    Finishing,
}

impl Client {
    /// A user of these mirrors, all of which have the same files under the same numbers; searches go to the one
    /// numbered `home`, modulo their count.
    ///
    /// # Panics
    /// Without any mirror.
    pub fn new(mirrors: Arc<[SocketAddrV4]>, home: usize) -> Self {
        assert!(!mirrors.is_empty(), "a client needs a mirror");
        Client {
            home: home % mirrors.len(),
            mirrors,
            index: None,
            online: false,
            redials: 0,
            left: false,
            searches: VecDeque::new(),
            downloads: Vec::new(),
            conns: Slots::default(),
        }
    }

    pub(super) fn handle(&mut self, event: Event<Message, Timer>, cx: &mut Cx<'_, Node>) {
        match event {
            Event::Start => self.dial_index(cx),
            Event::Command(command) => self.command(command, cx),
            // Nobody has a reason to dial a client.
            Event::Opened { conn, dialled: false, .. } => cx.close(conn),
            Event::Opened { conn, .. } => self.opened(conn, cx),
            Event::Message { conn, message } => self.message(conn, message, cx),
            Event::Body { conn, len, state } => self.body(conn, u64::from(len), state, cx),
            Event::Closed { conn, reason } => self.closed(conn, reason, cx),
            Event::Verified { check, ok } => self.verified(FetchId(check), ok, cx),
            Event::Finished { file, fault } => self.finished(file, fault, cx),
            Event::Timer(timer) => self.timer(timer, cx),
            Event::Sent { .. } | Event::Sealed { .. } | Event::Computed { .. } => {}
            Event::Datagram { .. } | Event::Arrived { .. } => {}
        }
    }

    fn command(&mut self, command: Command, cx: &mut Cx<'_, Node>) {
        match command {
            // What a client has is nobody's business: that is the point of the comparison.
            Command::Share(_) | Command::Unshare(_) => {}
            Command::Search(search, query) => self.search(search, query, cx),
            Command::Browse(search, _) => cx.note(Note::SearchEnded(search, SearchEnd::Refused)),
            Command::Fetch(fetch) => self.fetch(&fetch, cx),
            Command::Cancel(fetch) => self.fail(fetch, Failure::Cancelled, cx),
            Command::Leave => self.leave(cx),
        }
    }

    fn leave(&mut self, cx: &mut Cx<'_, Node>) {
        self.left = true;
        if let Some(conn) = self.index.take() {
            cx.close(conn);
        }
        self.end_searches(SearchEnd::Offline, cx);
        while let Some(download) = self.downloads.first() {
            self.fail(download.id, Failure::Cancelled, cx);
        }
    }

    fn timer(&mut self, timer: Timer, cx: &mut Cx<'_, Node>) {
        match timer {
            Timer::Redial => self.dial_index(cx),
            Timer::SearchDeadline(search) => {
                let waiting = self.searches.iter_mut().find(|s| s.id == search && !s.ended);
                if let Some(search) = waiting {
                    search.ended = true;
                    cx.note(Note::SearchEnded(search.id, SearchEnd::Timeout));
                }
            }
            Timer::Retry(fetch) => {
                if self.download(fetch).is_some_and(|d| d.state == State::Pausing) {
                    self.ask(fetch, cx);
                }
            }
            Timer::Stall(fetch, life) => self.stall(fetch, life, cx),
            Timer::Upload(_) => {}
        }
    }

    // Searches.

    fn host(&self, mirror: usize) -> String {
        self.mirrors[mirror].to_string()
    }

    fn dial_index(&mut self, cx: &mut Cx<'_, Node>) {
        if self.index.is_none() && !self.left {
            self.index = Some(cx.dial(self.mirrors[self.home], Side::Client));
            self.searches.retain(|search| !search.ended);
            for at in 0..self.searches.len() {
                self.send_search(at, cx);
            }
        }
    }

    fn search(&mut self, id: SearchId, query: Arc<Query>, cx: &mut Cx<'_, Node>) {
        if self.left || self.searches.len() >= SEARCHES_MAX {
            let end = if self.left { SearchEnd::Offline } else { SearchEnd::Refused };
            cx.note(Note::SearchEnded(id, end));
            return;
        }
        self.searches.push_back(Search { id, query, tries: 0, ended: false });
        cx.wake(SEARCH_DEADLINE, Timer::SearchDeadline(id));
        match self.index {
            Some(_) => self.send_search(self.searches.len() - 1, cx),
            None => self.dial_index(cx),
        }
    }

    fn send_search(&mut self, at: usize, cx: &mut Cx<'_, Node>) {
        let host = self.host(self.home);
        if let (Some(conn), Some(search)) = (self.index, self.searches.get_mut(at)) {
            search.tries += 1;
            cx.send(conn, Message::Request(Box::new(search_request(&search.query, &host))));
        }
    }

    fn listing(&mut self, listing: &Listing, cx: &mut Cx<'_, Node>) {
        let Some(search) = self.searches.pop_front() else { return };
        if search.ended {
            return;
        }
        let address = Some(self.mirrors[self.home]);
        for line in listing.lines() {
            let holder = Holder { address, index: line.number, ..Holder::default() };
            cx.note(Note::Found(
                search.id,
                Arc::new(Hit { info: line.info, holder, speed: 0, hops: Some(1) }),
            ));
        }
        cx.note(Note::SearchEnded(search.id, SearchEnd::Complete));
    }

    fn end_searches(&mut self, end: SearchEnd, cx: &mut Cx<'_, Node>) {
        for search in self.searches.drain(..).filter(|search| !search.ended) {
            cx.note(Note::SearchEnded(search.id, end));
        }
    }

    fn index_lost(&mut self, reason: CloseReason, cx: &mut Cx<'_, Node>) {
        self.index = None;
        if self.online || self.redials == 0 {
            cx.note(Note::Offline(format!("the mirror at {}: {reason}", self.host(self.home)).into()));
        }
        self.online = false;
        self.home = (self.home + 1) % self.mirrors.len();
        let mirrors = self.mirrors.len();
        for search in self.searches.iter_mut().filter(|s| !s.ended && s.tries >= mirrors) {
            search.ended = true;
            cx.note(Note::SearchEnded(search.id, SearchEnd::Offline));
        }
        if self.searches.iter().any(|search| !search.ended) {
            return self.dial_index(cx);
        }
        self.searches.clear();
        cx.wake(backoff(RECONNECT, self.redials), Timer::Redial);
        self.redials += 1;
    }

    // Connections.

    fn opened(&mut self, conn: ConnId, cx: &mut Cx<'_, Node>) {
        if self.index == Some(conn) {
            self.online = true;
            self.redials = 0;
            cx.note(Note::Online);
        }
    }

    fn message(&mut self, conn: ConnId, message: Message, cx: &mut Cx<'_, Node>) {
        match message {
            Message::Listing(listing) if self.index == Some(conn) => self.listing(&listing, cx),
            Message::Response(head) => match self.conns.get(conn).copied() {
                Some(fetch) => self.response(fetch, &head, cx),
                None => self.drop_conn(conn, cx),
            },
            Message::Listing(_) | Message::Request(_) => self.drop_conn(conn, cx),
        }
    }

    /// The far side broke the protocol.
    fn drop_conn(&mut self, conn: ConnId, cx: &mut Cx<'_, Node>) {
        cx.close(conn);
        self.closed(conn, CloseReason::Protocol, cx);
    }

    fn closed(&mut self, conn: ConnId, reason: CloseReason, cx: &mut Cx<'_, Node>) {
        if self.index == Some(conn) {
            return self.index_lost(reason, cx);
        }
        let Some(fetch) = self.conns.remove(conn) else { return };
        if let Some(download) = self.download(fetch) {
            download.conn = None;
            let refused = match reason {
                CloseReason::Refused => Failure::NoHolder,
                _ => Failure::Timeout,
            };
            self.retry(fetch, RECONNECT, refused, cx);
        }
    }

    // Downloads.

    fn download(&mut self, fetch: FetchId) -> Option<&mut Download> {
        self.downloads.iter_mut().find(|download| download.id == fetch)
    }

    fn fetch(&mut self, fetch: &Fetch, cx: &mut Cx<'_, Node>) {
        let Some(best) = fetch.candidates.first() else {
            return cx.note(Note::Failed(fetch.fetch, Failure::NoHolder));
        };
        if self.left || self.downloads.len() >= FETCHES_MAX || self.download(fetch.fetch).is_some() {
            return cx.note(Note::Failed(fetch.fetch, Failure::Refused));
        }
        let mirror = cx.rng().random_range(0..self.mirrors.len());
        self.downloads.push(Download {
            id: fetch.fetch,
            number: best.holder.index,
            info: best.info.clone(),
            into: fetch.into,
            have: fetch.have.prefix(),
            conn: None,
            state: State::Asking,
            mirror,
            tries: 0,
            life: 0,
        });
        cx.wake(STALL, Timer::Stall(fetch.fetch, 0));
        self.ask(fetch.fetch, cx);
    }

    fn ask(&mut self, fetch: FetchId, cx: &mut Cx<'_, Node>) {
        let mirrors = Arc::clone(&self.mirrors);
        let Some(download) = self.download(fetch) else { return };
        if download.have >= download.info.size {
            return self.check(fetch, cx);
        }
        let to = mirrors[download.mirror];
        let conn = cx.dial(to, Side::Client);
        download.state = State::Asking;
        download.conn = Some(conn);
        let request = file_request(download.number, download.have, &to.to_string());
        cx.send(conn, Message::Request(Box::new(request)));
        self.conns.insert(conn, fetch);
    }

    fn response(&mut self, fetch: FetchId, head: &Response, cx: &mut Cx<'_, Node>) {
        let Some(download) = self.download(fetch) else { return };
        let Some(conn) = download.conn else { return };
        download.life += 1;
        let rest = download.info.size - download.have;
        let offered = head.headers.content_length().unwrap_or(0);
        let starts = match head.status {
            http::OK => Some(0),
            http::PARTIAL_CONTENT => head.content_range().map(|range| range.first),
            _ => None,
        };
        if starts == Some(download.have) && offered == rest && download.state == State::Asking {
            download.state = State::Receiving;
            let place = Place { file: download.into, offset: download.have };
            return cx.receive(conn, rest, Some(place));
        }
        self.hang_up(fetch, cx);
        match head.status {
            http::SERVICE_UNAVAILABLE => {
                let pause = Duration::from_secs(head.retry_after_s().unwrap_or(5)).min(PAUSE_MAX);
                self.retry(fetch, pause, Failure::Refused, cx);
            }
            // Another file than the search said, or none: trying again would not change it.
            _ => self.fail(fetch, Failure::NoHolder, cx),
        }
    }

    fn body(&mut self, conn: ConnId, len: u64, state: BodyState, cx: &mut Cx<'_, Node>) {
        let Some(fetch) = self.conns.get(conn).copied() else { return };
        let Some(download) = self.download(fetch) else { return };
        download.have += len;
        download.life += 1;
        if len > 0 {
            download.tries = 0;
            cx.note(Note::Progress(fetch, download.have));
        }
        match state {
            BodyState::More => {}
            BodyState::Done => {
                self.hang_up(fetch, cx);
                self.check(fetch, cx);
            }
            BodyState::Failed(fault) => self.fail(fetch, of_store(fault), cx),
        }
    }

    fn check(&mut self, fetch: FetchId, cx: &mut Cx<'_, Node>) {
        let Some(download) = self.download(fetch) else { return };
        match download.info.digest {
            Some(digest) => {
                download.state = State::Checking;
                let span = Span { file: download.into, offset: 0, len: covered(&digest, download.info.size) };
                cx.verify(fetch.0, span, digest);
            }
            None => {
                download.state = State::Finishing;
                cx.finish(download.into);
            }
        }
    }

    fn verified(&mut self, fetch: FetchId, ok: bool, cx: &mut Cx<'_, Node>) {
        let Some(download) = self.download(fetch).filter(|d| d.state == State::Checking) else { return };
        if ok {
            download.state = State::Finishing;
            cx.finish(download.into);
        } else {
            self.fail(fetch, Failure::Corrupt, cx);
        }
    }

    fn finished(&mut self, file: FileId, fault: Option<StoreFault>, cx: &mut Cx<'_, Node>) {
        let finishing = |d: &Download| d.into == file && d.state == State::Finishing;
        let Some(at) = self.downloads.iter().position(finishing) else { return };
        let fetch = self.downloads.remove(at).id;
        cx.note(match fault {
            None => Note::Fetched(fetch),
            Some(fault) => Note::Failed(fetch, of_store(fault)),
        });
    }

    /// Tries again later, at the next mirror; or gives up with `failure` after too many tries without a byte.
    fn retry(&mut self, fetch: FetchId, pause: Duration, failure: Failure, cx: &mut Cx<'_, Node>) {
        let mirrors = self.mirrors.len();
        let Some(download) = self.download(fetch) else { return };
        let tries_max = if failure == Failure::NoHolder { REFUSALS_MAX } else { TRIES_MAX };
        if download.tries >= tries_max {
            return self.fail(fetch, failure, cx);
        }
        let base = backoff(pause, download.tries);
        download.tries += 1;
        download.mirror = (download.mirror + 1) % mirrors;
        download.state = State::Pausing;
        // Up to a quarter more, so that those who were refused together do not come back together.
        let jitter = base.mul_f64(cx.rng().random_range(0.0..0.25));
        cx.wake(base + jitter, Timer::Retry(fetch));
    }

    fn stall(&mut self, fetch: FetchId, life: u32, cx: &mut Cx<'_, Node>) {
        let Some(download) = self.download(fetch) else { return };
        let waits_for_server = matches!(download.state, State::Asking | State::Receiving);
        let (now, conn) = (download.life, download.conn);
        cx.wake(STALL, Timer::Stall(fetch, now));
        if let (true, Some(_)) = (waits_for_server && now == life, conn) {
            self.hang_up(fetch, cx);
            self.retry(fetch, RECONNECT, Failure::Timeout, cx);
        }
    }

    fn hang_up(&mut self, fetch: FetchId, cx: &mut Cx<'_, Node>) {
        if let Some(conn) = self.download(fetch).and_then(|download| download.conn.take()) {
            self.conns.remove(conn);
            cx.close(conn);
        }
    }

    fn fail(&mut self, fetch: FetchId, failure: Failure, cx: &mut Cx<'_, Node>) {
        self.hang_up(fetch, cx);
        if let Some(at) = self.downloads.iter().position(|download| download.id == fetch) {
            self.downloads.remove(at);
            cx.note(Note::Failed(fetch, failure));
        }
    }
}

/// `first`, doubled for each time before, at most [`PAUSE_MAX`].
fn backoff(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1 << times.min(16)).min(PAUSE_MAX)
}

/// How many bytes of a file its digest covers: the function tells whose convention it is.
fn covered(digest: &Digest, size: u64) -> u64 {
    let convention = match digest.algorithm() {
        Algorithm::Md5 => Fingerprint::NAPSTER,
        Algorithm::Sha1 => Fingerprint::GNUTELLA,
        Algorithm::UuHash | Algorithm::KzHash => Fingerprint::KAZAA,
    };
    convention.len(size)
}

fn of_store(fault: StoreFault) -> Failure {
    match fault {
        StoreFault::Full => Failure::DiskFull,
        StoreFault::Corrupt => Failure::Corrupt,
        StoreFault::Io | StoreFault::Missing => Failure::Store,
    }
}
