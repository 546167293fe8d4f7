//! Downloads, from many holders at once.
//!
//! Who is asked for what and when is decided by [`common::transfer::Download`], and which way leads to each holder is known
//! by [`common::transfer::Fetches`]; here stands how a holder is reached and what is said to it: who has an address is
//! dialled; who has none, or if the dial fails, is pushed, if a push can be sent; what then comes by a `GIV` of that
//! servent is as good as a connection that we have dialled.
//!
//! Holders of the same SHA-1 are used at once. Without one there is nothing to tell a wrong copy by: then only holders of
//! the same name and size count, one at a time.

use std::net::SocketAddrV4;

use common::digest::Digest;
use common::http::{ByteRange, QUEUE_ON_CONNECTION, Request};
use common::net::is_elsewhere;
use common::peer::{BodyState, CloseReason, ConnId, FileId};
use common::store::StoreFault;
use common::transfer::{Errand, Fetches, Holding, Lost, Running, SourceConn, SourceId, alternates_line};
use common::user::{Failure, Fetch, FetchId, Hit, Note, file_name};

use super::alternates;
use super::resource::Resource;
use super::{Hands, Knobs, Link, Servent};
use crate::guid::Guid;
use crate::node::Timer;
use crate::wire::{Message, Setup, Sha1Urn};

/// Downloads that run.
pub(super) type Downloads = Fetches<Held>;

/// Who has the file, and as what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Held {
    address: Option<SocketAddrV4>,
    /// All zeros if unknown.
    servent: Guid,
    index: u32,
    content: Option<Sha1Urn>,
    /// What to ask it for.
    target: Box<str>,
}

impl Held {
    fn of(hit: &Hit, content: Option<Sha1Urn>) -> Held {
        let name = file_name(&hit.info.name);
        let resource =
            content.map_or_else(|| Resource::Numbered(hit.holder.index, name.into()), Resource::Content);
        Held {
            address: hit.holder.address,
            servent: Guid(hit.holder.guid),
            index: hit.holder.index,
            content,
            target: resource.to_string().into(),
        }
    }

    /// Somebody of whom no more is known than where and what.
    fn at(address: SocketAddrV4, content: Sha1Urn) -> Held {
        let target = Resource::Content(content).to_string().into();
        Held { address: Some(address), servent: Guid::default(), index: 0, content: Some(content), target }
    }
}

impl Holding for Held {
    fn address(&self) -> Option<SocketAddrV4> {
        self.address
    }

    fn is_same_node(&self, other: &Held) -> bool {
        other.address.is_some() && self.address == other.address
            || other.servent != Guid::default() && self.servent == other.servent
    }
}

fn sha1_of(hit: &Hit) -> Option<Sha1Urn> {
    match hit.info.digest {
        Some(Digest::Sha1(sha1)) => Some(Sha1Urn(sha1)),
        Some(_) | None => None,
    }
}

/// `None` without a candidate. Those that are not what the first one of them is are left out.
fn running(fetch: &Fetch, knobs: &Knobs) -> Option<Running<Held>> {
    let first = fetch.candidates.first()?;
    let (size, name) = (first.info.size, file_name(&first.info.name));
    let same_size = fetch.candidates.iter().filter(|hit| hit.info.size == size);
    let content = same_size.clone().find_map(|hit| sha1_of(hit));
    let is_same = |hit: &Hit| match content {
        Some(_) => sha1_of(hit) == content,
        None => file_name(&hit.info.name) == name,
    };
    let mut running = Running::new(fetch, size, content.map(Digest::from), &knobs.downloads);
    for hit in same_size.filter(|hit| is_same(hit)) {
        running.add(Held::of(hit, content));
    }
    Some(running)
}

impl Servent {
    /// The user wants a file.
    pub(super) fn fetch(&mut self, fetch: &Fetch, cx: Hands) {
        let id = fetch.fetch;
        if self.left || !self.downloads.has_room(id) {
            return cx.note(Note::Failed(id, Failure::Refused));
        }
        let Some(running) = running(fetch, &self.knobs) else {
            return cx.note(Note::Failed(id, Failure::NoHolder));
        };
        self.downloads.start(id, running);
        self.fetch_on(id, cx);
    }

    /// The user no longer does.
    pub(super) fn cancel(&mut self, fetch: FetchId, cx: Hands) {
        self.downloads.fail(fetch, Failure::Cancelled);
        self.fetch_on(fetch, cx);
    }

    /// The user leaves.
    pub(super) fn end_downloads(&mut self, cx: Hands) {
        while let Some(fetch) = self.downloads.first() {
            self.cancel(fetch, cx);
        }
    }

    /// Does all that a download wants done now.
    fn fetch_on(&mut self, fetch: FetchId, cx: Hands) {
        while let Some(errand) = self.downloads.poll(fetch, Timer::FetchDue, cx) {
            match errand {
                Errand::Reach(source) => self.reach(fetch, source, cx),
                Errand::Ask { source, conn, offset, len } => {
                    self.ask((fetch, source), conn, offset..offset.saturating_add(len), cx);
                }
                Errand::HangUp(conn) => self.hang_up(conn, cx),
            }
        }
    }

    /// Dials a holder, or has it dial us.
    fn reach(&mut self, fetch: FetchId, source: SourceId, cx: Hands) {
        let own = self.own_address(cx);
        let Some(running) = self.downloads.get(fetch) else { return };
        let address = running.key(source).address;
        let Some(address) = address.filter(|address| is_elsewhere(*address, own)) else {
            return self.reach_by_push(fetch, source, Lost::NoWay, cx);
        };
        let conn = cx.dial(address, Setup::Client);
        self.downloads.dialled(fetch, source, conn);
        self.links.insert(conn, Link::Source(Box::new(SourceConn::new((fetch, source), address, false))));
    }

    fn reach_by_push(&mut self, fetch: FetchId, source: SourceId, otherwise: Lost, cx: Hands) {
        let Some(running) = self.downloads.get(fetch) else { return };
        let &Held { servent, index, .. } = running.key(source);
        if servent != Guid::default() && self.send_push(servent, index, cx) {
            self.downloads.pushed(fetch, source, 0);
        } else {
            self.downloads.lost(fetch, source, otherwise, cx.now());
        }
    }

    fn ask(
        &mut self,
        (fetch, source): (FetchId, SourceId),
        conn: ConnId,
        range: std::ops::Range<u64>,
        cx: Hands,
    ) {
        let Some(running) = self.downloads.get(fetch) else { return };
        let Some(Link::Source(link)) = self.links.get_mut(conn) else { return };
        let held = running.key(source);
        let request = Request::get(&held.target)
            .with("Host", link.remote())
            .with("User-Agent", &self.knobs.client)
            .with("Range", ByteRange::Between(range.start, range.end.saturating_sub(1)))
            .with("Connection", "Keep-Alive")
            .with("X-Queue", QUEUE_ON_CONNECTION);
        let others = held.content.and_then(|_| alternates_line(running.proven(source)));
        let request =
            others.into_iter().fold(request, |request, line| request.with(alternates::HEADER, line));
        link.asked();
        cx.send(conn, Message::Request(Box::new(request)));
    }

    /// A holder that was dialled is there.
    pub(super) fn source_opened(&mut self, conn: ConnId, cx: Hands) {
        let Some(Link::Source(link)) = self.links.get_mut(conn) else { return };
        let fetch = link.fetch();
        if !self.downloads.connected(conn, link) {
            self.hang_up(conn, cx);
        }
        self.fetch_on(fetch, cx);
    }

    /// Whom a servent that says `GIV` was asked to bring something for.
    pub(super) fn awaited_of(&self, servent: &Guid) -> Option<(FetchId, SourceId)> {
        self.downloads.awaited(|held, _| held.servent == *servent)
    }

    /// A holder has dialled us.
    pub(super) fn source_given(
        &mut self,
        awaited: (FetchId, SourceId),
        conn: ConnId,
        remote: SocketAddrV4,
        cx: Hands,
    ) {
        self.links.insert(conn, Link::Source(Box::new(SourceConn::new(awaited, remote, true))));
        self.source_opened(conn, cx);
    }

    /// A holder answers.
    pub(super) fn of_source(&mut self, conn: ConnId, message: &Message, cx: Hands) {
        let own = self.own_address(cx);
        let Some(Link::Source(link)) = self.links.get_mut(conn) else { return };
        let fetch = link.fetch();
        let goes_on = match message {
            Message::Response(response) => {
                if link.is_asked()
                    && let Some(running) = self.downloads.get_mut(fetch)
                    && let Some(urn) = running.key(link.source()).content
                {
                    let others = alternates::named(&response.headers, urn).into_iter();
                    others
                        .filter(|other| is_elsewhere(*other, own))
                        .for_each(|other| running.learn(Held::at(other, urn)));
                }
                self.downloads.answered(conn, link, response, cx)
            }
            _ => {
                self.downloads.misbehaved(link, cx.now());
                false
            }
        };
        if !goes_on {
            self.hang_up(conn, cx);
        }
        self.fetch_on(fetch, cx);
    }

    /// Bytes of the file.
    pub(super) fn source_body(&mut self, conn: ConnId, len: u32, state: BodyState, cx: Hands) {
        let Some(Link::Source(link)) = self.links.get(conn) else { return };
        let fetch = link.fetch();
        self.downloads.received(link, len, state, cx.now());
        self.fetch_on(fetch, cx);
    }

    /// A holder is gone.
    pub(super) fn source_closed(&mut self, link: &SourceConn, reason: CloseReason, cx: Hands) {
        if let Some(why) = self.downloads.closed(link, reason, cx.now()) {
            // It may be firewalled without saying so.
            self.reach_by_push(link.fetch(), link.source(), why, cx);
        }
        self.fetch_on(link.fetch(), cx);
    }

    /// The digest has been compared.
    pub(super) fn download_verified(&mut self, check: u32, ok: bool, cx: Hands) {
        if let Some(fetch) = self.downloads.verified(check, ok) {
            self.fetch_on(fetch, cx);
        }
    }

    /// The file stands under its final name, or cannot.
    pub(super) fn download_finished(&mut self, file: FileId, fault: Option<StoreFault>, cx: Hands) {
        if let Some(fetch) = self.downloads.finished(file, fault) {
            self.fetch_on(fetch, cx);
        }
    }

    /// The timer of a download.
    pub(super) fn fetch_due(&mut self, fetch: FetchId, step: u32, cx: Hands) {
        if self.downloads.is_due(fetch, step) {
            self.fetch_on(fetch, cx);
        }
    }
}
