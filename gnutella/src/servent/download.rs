//! Downloads, from many holders at once.
//!
//! Who is asked for what and when is decided by [`common::transfer::Download`]; here stands how a holder is reached and
//! what is said to it. The way to one holder:
//!
//! | way | waits for | then |
//! |---|---|---|
//! | none | being wanted | has an address: dialled; else, or if the dial fails, and a push can be sent: pushed; else lost |
//! | dialled | the connection | standing; refused or timed out: pushed, or lost |
//! | pushed | a `GIV` of that servent | standing |
//! | standing | responses and bodies, and requests in between | none, when either side closes |
//!
//! The time-outs of all of them are the download's own. Holders of the same SHA-1 are used at once. Without one there is
//! nothing to tell a wrong copy by: then only holders of the same name and size count, one at a time.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::sync::Arc;

use common::digest::Digest;
use common::http::{ByteRange, Request, Response};
use common::peer::{BodyState, CloseReason, ConnId, FileId, Place, Span};
use common::store::StoreFault;
use common::transfer::{Action, Answer, Download, DownloadKnobs, Lost, SourceId, Taken};
use common::user::{Failure, Fetch, FetchId, Hit, Note};

use super::alternates::{self, ALTERNATES_MAX};
use super::push::is_elsewhere;
use super::resource::Resource;
use super::{Hands, Knobs, Link, Servent};
use crate::guid::Guid;
use crate::library::file_name;
use crate::node::Timer;
use crate::wire::{Message, Setup, Sha1Urn};

/// Downloads at a time; one more fails at once. Thousands of parallel transfers help nobody.
const DOWNLOADS_MAX: usize = 256;
/// Holders of one download that were not found but named by other holders. 32: our choice; whoever names strangers has
/// us knock at so many doors and no more.
const LEARNED_MAX: usize = 32;

/// Downloads that run.
#[derive(Default)]
pub(super) struct Downloads {
    running: BTreeMap<FetchId, Box<Running>>,
    /// Numbers the digests that are compared.
    checks: u32,
}

/// One download.
struct Running {
    into: FileId,
    content: Option<Sha1Urn>,
    sources: Download<Holding>,
    /// The way to each source, by its number.
    ways: Vec<Way>,
    /// The digest that is being compared.
    check: Option<u32>,
    /// Numbers the timers, so that one that was overtaken is recognised.
    step: u32,
    /// Sources that other sources have named.
    learned: usize,
    /// Sources that have sent a whole range: who is named to others, as gtk-gnutella does. Not only once the digest is right: it
    /// can be compared when everything is there, and then nobody is asked any more. Who is told of them compares it too. If
    /// it is wrong, any of them may have sent the wrong bytes, and all are forgotten.
    proven: Vec<SocketAddrV4>,
}

/// Who has the file, and as what.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Holding {
    address: Option<SocketAddrV4>,
    /// All zeros if unknown.
    servent: Guid,
    index: u32,
    /// What to ask it for.
    target: Box<str>,
}

/// See the module's table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    None,
    Pushed,
    /// Dialled, or standing.
    Conn(ConnId),
}

/// A connection to a holder.
pub(super) struct Source {
    fetch: FetchId,
    source: SourceId,
    /// Where we dialled, or where from we were dialled.
    remote: SocketAddrV4,
    is_standing: bool,
    /// A request is not answered yet.
    is_asked: bool,
    /// The body that comes is one of an error page, which nobody is told of.
    is_read_over: bool,
}

impl Holding {
    fn of(hit: &Hit, digest: Option<Sha1Urn>) -> Holding {
        let name = file_name(&hit.info.name);
        let resource =
            digest.map_or_else(|| Resource::Numbered(hit.holder.index, name.into()), Resource::Content);
        Holding {
            address: hit.holder.address,
            servent: Guid(hit.holder.guid),
            index: hit.holder.index,
            target: resource.to_string().into(),
        }
    }
}

fn sha1_of(hit: &Hit) -> Option<Sha1Urn> {
    match hit.info.digest {
        Some(Digest::Sha1(sha1)) => Some(Sha1Urn(sha1)),
        Some(Digest::Md5(_)) | None => None,
    }
}

impl Running {
    /// `None` without a candidate. Those that are not what the first one of them is are left out.
    fn new(fetch: &Fetch, knobs: &Knobs) -> Option<Running> {
        let first = fetch.candidates.first()?;
        let (size, name) = (first.info.size, file_name(&first.info.name));
        let same_size = fetch.candidates.iter().filter(|hit| hit.info.size == size);
        let digest = same_size.clone().find_map(|hit| sha1_of(hit));
        let is_same = |hit: &Hit| match digest {
            Some(_) => sha1_of(hit) == digest,
            None => file_name(&hit.info.name) == name,
        };
        let mut limits = Arc::clone(&knobs.downloads);
        if digest.is_none() {
            limits = Arc::new(DownloadKnobs { active_max: 1, ..(*limits).clone() });
        }
        let mut running = Running {
            into: fetch.into,
            content: digest,
            sources: Download::new(size, digest.map(Digest::from), fetch.have.clone(), limits),
            ways: Vec::new(),
            check: None,
            step: 0,
            learned: 0,
            proven: Vec::new(),
        };
        for hit in same_size.filter(|hit| is_same(hit)) {
            running.add(Holding::of(hit, digest));
        }
        Some(running)
    }

    /// One more source. Who has one content under several numbers is one source of it.
    fn add(&mut self, holding: Holding) {
        let is_same = |known: &Holding| {
            holding.address.is_some() && known.address == holding.address
                || holding.servent != Guid::default() && known.servent == holding.servent
        };
        if self.content.is_some() && self.sources.sources().any(|(_, known)| is_same(known)) {
            return;
        }
        if let Some(source) = self.sources.add_source(holding) {
            debug_assert_eq!(source.index(), self.ways.len());
            self.ways.push(Way::None);
        }
    }

    fn way(&mut self, source: SourceId) -> &mut Way {
        &mut self.ways[source.index()]
    }

    /// The connection to a source, no longer its own.
    fn let_go(&mut self, source: SourceId) -> Option<ConnId> {
        match std::mem::replace(self.way(source), Way::None) {
            Way::Conn(conn) => Some(conn),
            Way::None | Way::Pushed => None,
        }
    }

    /// A source has named other holders of the same content.
    fn learn(&mut self, response: &Response, own: SocketAddrV4) {
        let Some(urn) = self.content else { return };
        for address in alternates::named(&response.headers, urn) {
            if self.learned < LEARNED_MAX && is_elsewhere(address, own) {
                let (before, target) = (self.ways.len(), Resource::Content(urn).to_string().into());
                self.add(Holding { address: Some(address), servent: Guid::default(), index: 0, target });
                self.learned += self.ways.len() - before;
            }
        }
    }

    fn request(&self, source: SourceId, range: ByteRange, host: SocketAddrV4, client: &str) -> Request {
        let holding = self.sources.key(source);
        let request = Request::get(&holding.target)
            .with("Host", host)
            .with("User-Agent", client)
            .with("Range", range)
            .with("Connection", "Keep-Alive")
            .with("X-Queue", "0.1");
        let others = self.proven.iter().filter(|proven| Some(**proven) != holding.address);
        match alternates::line(others) {
            Some(line) if self.content.is_some() => request.with(alternates::HEADER, line),
            _ => request,
        }
    }
}

impl Servent {
    /// The user wants a file.
    pub(super) fn fetch(&mut self, fetch: &Fetch, cx: Hands) {
        let id = fetch.fetch;
        let running = &mut self.downloads.running;
        if self.left || running.len() >= DOWNLOADS_MAX || running.contains_key(&id) {
            return cx.note(Note::Failed(id, Failure::Refused));
        }
        let Some(download) = Running::new(fetch, &self.knobs) else {
            return cx.note(Note::Failed(id, Failure::NoHolder));
        };
        running.insert(id, Box::new(download));
        self.fetch_on(id, cx);
    }

    /// The user no longer does.
    pub(super) fn cancel(&mut self, fetch: FetchId, cx: Hands) {
        if let Some(running) = self.running(fetch) {
            running.sources.fail(Failure::Cancelled);
            self.fetch_on(fetch, cx);
        }
    }

    /// The user leaves.
    pub(super) fn end_downloads(&mut self, cx: Hands) {
        while let Some((&fetch, _)) = self.downloads.running.first_key_value() {
            self.cancel(fetch, cx);
        }
    }

    /// Does all that a download wants done now.
    fn fetch_on(&mut self, fetch: FetchId, cx: Hands) {
        while let Some(action) = self.running(fetch).and_then(|running| running.sources.poll(cx.now())) {
            self.act(fetch, action, cx);
        }
    }

    fn running(&mut self, fetch: FetchId) -> Option<&mut Running> {
        self.downloads.running.get_mut(&fetch).map(|running| &mut **running)
    }

    fn act(&mut self, fetch: FetchId, action: Action, cx: Hands) {
        let Some(running) = self.downloads.running.get_mut(&fetch) else { return };
        match action {
            Action::Connect(source) => self.reach(fetch, source, cx),
            Action::Ask { source, offset, len } => self.ask(fetch, source, offset, len, cx),
            Action::HangUp(source) => {
                if let Some(conn) = running.let_go(source) {
                    self.hang_up(conn, cx);
                }
            }
            Action::Progress(bytes) => cx.note(Note::Progress(fetch, bytes)),
            Action::Verify(digest) => {
                self.downloads.checks = self.downloads.checks.wrapping_add(1);
                running.check = Some(self.downloads.checks);
                let span = Span { file: running.into, offset: 0, len: running.sources.size() };
                cx.verify(self.downloads.checks, span, digest);
            }
            Action::Finish => cx.finish(running.into),
            Action::Wake(at) => {
                running.step = running.step.wrapping_add(1);
                cx.wake(at.since(cx.now()), Timer::FetchDue(fetch, running.step));
            }
            Action::Done => {
                self.downloads.running.remove(&fetch);
                cx.note(Note::Fetched(fetch));
            }
            Action::Failed(why) => {
                self.downloads.running.remove(&fetch);
                cx.note(Note::Failed(fetch, why));
            }
        }
    }

    /// Dials a holder, or has it dial us.
    fn reach(&mut self, fetch: FetchId, source: SourceId, cx: Hands) {
        let own = self.own_address(cx);
        let Some(running) = self.downloads.running.get_mut(&fetch) else { return };
        let address = running.sources.key(source).address;
        let Some(address) = address.filter(|address| is_elsewhere(*address, own)) else {
            return self.reach_by_push(fetch, source, Lost::NoWay, cx);
        };
        let conn = cx.dial(address, Setup::Client);
        *running.way(source) = Way::Conn(conn);
        self.links.insert(conn, Link::Source(Box::new(Source::new((fetch, source), address, false))));
    }

    fn reach_by_push(&mut self, fetch: FetchId, source: SourceId, otherwise: Lost, cx: Hands) {
        let Some(running) = self.downloads.running.get(&fetch) else { return };
        let &Holding { servent, index, .. } = running.sources.key(source);
        let is_sent = servent != Guid::default() && self.send_push(servent, index, cx);
        let Some(running) = self.running(fetch) else { return };
        if is_sent {
            *running.way(source) = Way::Pushed;
        } else {
            *running.way(source) = Way::None;
            running.sources.lost(source, otherwise, cx.now());
        }
    }

    fn ask(&mut self, fetch: FetchId, source: SourceId, offset: u64, len: u64, cx: Hands) {
        let Some(running) = self.downloads.running.get_mut(&fetch) else { return };
        let Way::Conn(conn) = *running.way(source) else { return };
        let Some(Link::Source(link)) = self.links.get_mut(conn) else { return };
        let range = ByteRange::Between(offset, offset.saturating_add(len.saturating_sub(1)));
        let request = running.request(source, range, link.remote, &self.knobs.client);
        link.is_asked = true;
        cx.send(conn, Message::Request(Box::new(request)));
    }

    /// A holder that was dialled is there.
    pub(super) fn source_opened(&mut self, conn: ConnId, cx: Hands) {
        let Some(Link::Source(link)) = self.links.get_mut(conn) else { return };
        link.is_standing = true;
        let (fetch, source) = (link.fetch, link.source);
        self.connected(fetch, source, conn, cx);
    }

    /// Whom a servent that says `GIV` was asked to bring something for.
    pub(super) fn awaited_of(&self, servent: &Guid) -> Option<(FetchId, SourceId)> {
        self.downloads.running.iter().find_map(|(fetch, running)| {
            let waits = |source: SourceId| running.ways[source.index()] == Way::Pushed;
            let awaited = running.sources.sources().find(|(id, key)| key.servent == *servent && waits(*id));
            awaited.map(|(source, _)| (*fetch, source))
        })
    }

    /// A holder has dialled us.
    pub(super) fn source_given(
        &mut self,
        (fetch, source): (FetchId, SourceId),
        conn: ConnId,
        remote: SocketAddrV4,
        cx: Hands,
    ) {
        if let Some(running) = self.running(fetch) {
            *running.way(source) = Way::Conn(conn);
        }
        self.links.insert(conn, Link::Source(Box::new(Source::new((fetch, source), remote, true))));
        self.connected(fetch, source, conn, cx);
    }

    fn connected(&mut self, fetch: FetchId, source: SourceId, conn: ConnId, cx: Hands) {
        let Some(running) = self.running(fetch) else { return self.hang_up(conn, cx) };
        if !running.sources.connected(source) {
            running.let_go(source);
            self.hang_up(conn, cx);
        }
        self.fetch_on(fetch, cx);
    }

    /// A holder answers.
    pub(super) fn of_source(&mut self, conn: ConnId, message: &Message, cx: Hands) {
        let own = self.own_address(cx);
        let Some(Link::Source(link)) = self.links.get_mut(conn) else { return };
        let (fetch, source, is_asked) = (link.fetch, link.source, std::mem::take(&mut link.is_asked));
        let Some(running) = self.downloads.running.get_mut(&fetch) else { return self.hang_up(conn, cx) };
        let taken = match message {
            Message::Response(response) if is_asked => {
                running.learn(response, own);
                running.sources.answered(source, &Answer::of(response), cx.now())
            }
            // An answer to nothing: what follows would be taken for something that it is not.
            _ => {
                running.sources.lost(source, Lost::Protocol, cx.now());
                Taken::HangUp
            }
        };
        match taken {
            Taken::Receive { offset, len } => {
                link.is_read_over = false;
                cx.receive(conn, len, Some(Place { file: running.into, offset }));
            }
            Taken::Discard(len) => {
                link.is_read_over = true;
                cx.receive(conn, len, None);
            }
            Taken::HangUp => {
                running.let_go(source);
                self.hang_up(conn, cx);
            }
        }
        self.fetch_on(fetch, cx);
    }

    /// Bytes of the file.
    pub(super) fn source_body(&mut self, conn: ConnId, len: u32, state: BodyState, cx: Hands) {
        let Some(Link::Source(link)) = self.links.get_mut(conn) else { return };
        if link.is_read_over {
            return;
        }
        let (fetch, source) = (link.fetch, link.source);
        let Some(running) = self.running(fetch) else { return };
        if state == BodyState::Done
            && let Some(address) = running.sources.key(source).address
            && running.proven.len() < ALTERNATES_MAX
            && !running.proven.contains(&address)
        {
            running.proven.push(address);
        }
        running.sources.received(source, len, state, cx.now());
        self.fetch_on(fetch, cx);
    }

    /// A holder is gone.
    pub(super) fn source_closed(&mut self, link: &Source, reason: CloseReason, cx: Hands) {
        let &Source { fetch, source, is_standing, .. } = link;
        let Some(running) = self.running(fetch) else { return };
        let why = match reason {
            CloseReason::Timeout if is_standing => Lost::Silent,
            CloseReason::Protocol => Lost::Protocol,
            _ if is_standing => Lost::Closed,
            _ => Lost::Unreachable,
        };
        if is_standing {
            running.let_go(source);
            running.sources.lost(source, why, cx.now());
        } else {
            // It may be firewalled without saying so.
            self.reach_by_push(fetch, source, why, cx);
        }
        self.fetch_on(fetch, cx);
    }

    /// The digest has been compared.
    pub(super) fn download_verified(&mut self, check: u32, ok: bool, cx: Hands) {
        let found = self.downloads.running.iter_mut().find(|(_, running)| running.check == Some(check));
        let Some((&fetch, running)) = found else { return };
        running.check = None;
        if !ok {
            running.proven.clear();
        }
        running.sources.verified(ok);
        self.fetch_on(fetch, cx);
    }

    /// The file stands under its final name, or cannot.
    pub(super) fn download_finished(&mut self, file: FileId, fault: Option<StoreFault>, cx: Hands) {
        let found = self.downloads.running.iter_mut().find(|(_, running)| running.into == file);
        let Some((&fetch, running)) = found else { return };
        running.sources.finished(fault);
        self.fetch_on(fetch, cx);
    }

    /// The timer of a download.
    pub(super) fn fetch_due(&mut self, fetch: FetchId, step: u32, cx: Hands) {
        if self.running(fetch).is_some_and(|running| running.step == step) {
            self.fetch_on(fetch, cx);
        }
    }
}

impl Source {
    fn new((fetch, source): (FetchId, SourceId), remote: SocketAddrV4, is_standing: bool) -> Source {
        Source { fetch, source, remote, is_standing, is_asked: false, is_read_over: false }
    }
}
