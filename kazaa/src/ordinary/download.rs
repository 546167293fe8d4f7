//! Downloads, from many holders at once.
//!
//! Who is asked for what and when is decided by [`common::transfer::Download`], and which way leads to each holder is known
//! by [`common::transfer::Fetches`]; here stands how a holder is reached and what is said to it:
//!
//! | a holder | is |
//! |---|---|
//! | with an address at which it can be dialled | dialled; if that fails, pushed |
//! | of port 0, or of a private address while ours is public: behind a firewall | pushed |
//! | that was pushed, and says `GIVE` with that push's number | as good as one that we have dialled |
//! | behind a firewall as we are, or of whose supernode nobody knows | lost |
//!
//! Holders of one UUHash and size are used at once, also where they tell different names. The whole file is compared with
//! what they promise before it counts as complete: with the root of its MD5 tree if one of them tells it (`content.rs`), else
//! with the UUHash, which leaves most of a large file unprotected.

use std::net::{Ipv4Addr, SocketAddrV4};

use common::http::{ByteRange, QUEUE_ON_CONNECTION};
use common::net::{is_dialable, is_elsewhere};
use common::peer::{BodyState, CloseReason, ConnId, FileId};
use common::store::StoreFault;
use common::transfer::{Errand, Fetches, Holding, Lost, Running, SourceConn, SourceId, alternates_line};
use common::user::{Failure, Fetch, FetchId, Hit, Holder, Note};

use super::content::{Content, content_of, digest_of, may_have};
use super::seal::SourceSeal;
use super::{Conn, Hands, Ordinary, exchange};
use crate::config::Knobs;
use crate::node::Timer;
use crate::wire::transfer::content_request;
use crate::wire::{Message, NETWORK, Setup};

/// Downloads that run.
pub(crate) type Downloads = Fetches<Held>;

/// Who has the content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Held {
    pub(super) holder: Holder,
    content: Content,
}

/// A connection to a holder.
pub(crate) struct Source {
    link: SourceConn,
    pub(super) seal: SourceSeal,
    /// It is a node of ours: it understands what only we say.
    is_ours: bool,
}

impl Source {
    fn new(link: SourceConn) -> Box<Source> {
        Box::new(Source { link, seal: SourceSeal::default(), is_ours: false })
    }
}

impl Held {
    fn of(hit: &Hit, content: Content) -> Held {
        Held { holder: hit.holder.clone(), content }
    }

    /// Somebody of whom no more is known than that.
    fn at(address: SocketAddrV4, content: Content) -> Held {
        Held { holder: Holder { address: Some(address), ..Holder::default() }, content }
    }

    /// Where it can be dialled from `own`, if anywhere.
    fn dialled_from(&self, own: SocketAddrV4) -> Option<SocketAddrV4> {
        self.holder.address.filter(|address| is_elsewhere(*address, own) && !is_hidden(*address.ip(), own))
    }

    /// True if a connection from there may be its: an address that means nothing here excludes nobody.
    pub(super) fn may_come_from(&self, remote: Ipv4Addr, own: SocketAddrV4) -> bool {
        let known = self.holder.address.map(|address| *address.ip());
        let known = known.filter(|ip| is_dialable(SocketAddrV4::new(*ip, 1)) && !is_hidden(*ip, own));
        known.is_none_or(|ip| ip == remote)
    }
}

/// True for an address behind somebody's translator. Where our own is of that kind, all are: a network of its own.
fn is_hidden(ip: Ipv4Addr, own: SocketAddrV4) -> bool {
    let is_local = |ip: &Ipv4Addr| ip.is_private() || ip.is_loopback() || ip.is_link_local();
    is_local(&ip) && !is_local(own.ip())
}

impl Holding for Held {
    fn address(&self) -> Option<SocketAddrV4> {
        self.holder.address
    }

    /// Behind one firewall may be many, and only their names differ.
    fn is_same_node(&self, other: &Held) -> bool {
        let (own, other) = (&self.holder, &other.holder);
        let may_be_many = own.address.is_none_or(|address| address.port() == 0);
        own.address == other.address && (!may_be_many || own.nick == other.nick)
    }
}

/// `None` without a candidate whose content is known: others could be asked for by their names only. Those that are not what
/// the first one of them is are left out; also those that tell another root than the one that counts.
fn running(fetch: &Fetch, knobs: &Knobs) -> Option<Running<Held>> {
    let (first, content) = fetch.candidates.iter().find_map(|hit| Some((hit, content_of(hit)?)))?;
    let size = first.info.size;
    let is_same = |hit: &&Hit| hit.info.size == size && content_of(hit) == Some(content);
    let same = || fetch.candidates.iter().map(|hit| &**hit).filter(is_same);
    let digest = digest_of(content, same());
    let mut running = Running::new(fetch, size, Some(digest), &knobs.downloads);
    for hit in same().filter(|hit| may_have(hit, digest)) {
        running.add(Held::of(hit, content));
    }
    Some(running)
}

impl Ordinary {
    /// The user wants a file.
    pub(super) fn fetch(&mut self, fetch: &Fetch, cx: Hands) {
        let id = fetch.fetch;
        if self.left || self.downloads.as_ref().is_some_and(|downloads| !downloads.has_room(id)) {
            return cx.note(Note::Failed(id, Failure::Refused));
        }
        let Some(running) = running(fetch, &self.me.knobs) else {
            return cx.note(Note::Failed(id, Failure::NoHolder));
        };
        self.downloads.get_or_insert_default().start(id, running);
        self.fetch_on(id, cx);
    }

    /// The user no longer does.
    pub(super) fn cancel(&mut self, fetch: FetchId, cx: Hands) {
        if let Some(downloads) = &mut self.downloads {
            downloads.fail(fetch, Failure::Cancelled);
            self.fetch_on(fetch, cx);
        }
    }

    /// The user leaves.
    pub(super) fn end_downloads(&mut self, cx: Hands) {
        while let Some(fetch) = self.downloads.as_ref().and_then(|downloads| downloads.first()) {
            self.cancel(fetch, cx);
        }
    }

    /// Does all that a download wants done now.
    fn fetch_on(&mut self, fetch: FetchId, cx: Hands) {
        while let Some(errand) =
            self.downloads.as_mut().and_then(|downloads| downloads.poll(fetch, Timer::FetchDue, cx))
        {
            match errand {
                Errand::Reach(source) => self.reach(fetch, source, cx),
                Errand::Ask { source, conn, offset, len } => {
                    let range = ByteRange::Between(offset, offset.saturating_add(len.saturating_sub(1)));
                    self.ask_source((fetch, source), conn, range, cx);
                }
                Errand::HangUp(conn) => self.hang_up(conn, cx),
            }
        }
        if self.downloads.as_ref().is_some_and(|downloads| downloads.is_empty()) {
            self.downloads = None;
        }
    }

    /// Dials a holder, or has it dial us.
    fn reach(&mut self, fetch: FetchId, source: SourceId, cx: Hands) {
        let own = self.own_address(cx);
        let Some(downloads) = &mut self.downloads else { return };
        let Some(running) = downloads.get(fetch) else { return };
        let Some(address) = running.key(source).dialled_from(own) else {
            return self.reach_by_push(fetch, source, Lost::NoWay, cx);
        };
        let conn = cx.dial(address, Setup::Client);
        downloads.dialled(fetch, source, conn);
        let link = SourceConn::new((fetch, source), address, false);
        self.conns.insert(conn, Conn::Source(Source::new(link)));
    }

    fn reach_by_push(&mut self, fetch: FetchId, source: SourceId, otherwise: Lost, cx: Hands) {
        let number = self.send_push(fetch, source, cx);
        let Some(downloads) = &mut self.downloads else { return };
        match number {
            Some(number) => downloads.pushed(fetch, source, number),
            None => downloads.lost(fetch, source, otherwise, cx.now()),
        }
    }

    fn ask_source(
        &mut self,
        (fetch, source): (FetchId, SourceId),
        conn: ConnId,
        range: ByteRange,
        cx: Hands,
    ) {
        let Some(running) = self.downloads.as_ref().and_then(|downloads| downloads.get(fetch)) else {
            return;
        };
        let Some(Conn::Source(link)) = self.conns.get_mut(conn) else { return };
        let knobs = &self.me.knobs;
        let request = content_request(&running.key(source).content)
            .with("Host", link.link.remote())
            .with("X-Kazaa-Network", NETWORK)
            .with("X-Kazaa-Username", &self.me.user)
            .with("Range", range)
            .with("X-Queue", QUEUE_ON_CONNECTION);
        let others = alternates_line(running.proven(source)).filter(|_| link.is_ours);
        let request = others.into_iter().fold(request, |request, line| request.with(exchange::HEADER, line));
        let request = link.seal.ask(request, knobs.seals_transfers);
        link.link.asked();
        cx.send(conn, Message::Request(Box::new(request)));
    }

    /// A holder that was dialled is there.
    pub(super) fn source_opened(&mut self, conn: ConnId, cx: Hands) {
        let Some(Conn::Source(source)) = self.conns.get_mut(conn) else { return };
        let fetch = source.link.fetch();
        let is_wanted =
            self.downloads.as_mut().is_some_and(|downloads| downloads.connected(conn, &mut source.link));
        if !is_wanted {
            self.hang_up(conn, cx);
        }
        self.fetch_on(fetch, cx);
    }

    /// A holder has dialled us.
    pub(super) fn source_given(
        &mut self,
        awaited: (FetchId, SourceId),
        conn: ConnId,
        remote: SocketAddrV4,
        cx: Hands,
    ) {
        self.conns.insert(conn, Conn::Source(Source::new(SourceConn::new(awaited, remote, true))));
        self.source_opened(conn, cx);
    }

    /// A holder answers.
    pub(super) fn of_source(&mut self, conn: ConnId, message: &Message, cx: Hands) {
        let own = self.own_address(cx);
        let Some(Conn::Source(source)) = self.conns.get_mut(conn) else { return };
        let fetch = source.link.fetch();
        let Some(downloads) = &mut self.downloads else { return self.hang_up(conn, cx) };
        let goes_on = match message {
            Message::Response(response) if source.link.is_asked() && source.seal.agreed(response) => {
                source.is_ours = true;
                // The answer to the request comes under seal.
                return cx.resume_as(conn, Setup::SealedClient);
            }
            Message::Response(response) => {
                source.is_ours |= exchange::is_ours(response);
                if source.link.is_asked()
                    && source.is_ours
                    && let Some(running) = downloads.get_mut(fetch)
                {
                    let content = running.key(source.link.source()).content;
                    let others = exchange::named(&response.headers).into_iter();
                    others
                        .filter(|other| is_elsewhere(*other, own))
                        .for_each(|other| running.learn(Held::at(other, content)));
                }
                downloads.answered(conn, &mut source.link, response, cx)
            }
            _ => {
                downloads.misbehaved(&source.link, cx.now());
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
        let Some(Conn::Source(source)) = self.conns.get(conn) else { return };
        let (fetch, remote) = (source.link.fetch(), *source.link.remote().ip());
        let Some(downloads) = &mut self.downloads else { return };
        if downloads.received(&source.link, len, state, cx.now()) && self.me.knobs.levels_uploads {
            self.dealings.get_or_insert_default().participation.had_from(remote, len);
        }
        self.fetch_on(fetch, cx);
    }

    /// A holder is gone.
    pub(super) fn source_closed(&mut self, source: &Source, reason: CloseReason, cx: Hands) {
        let link = &source.link;
        let Some(downloads) = &mut self.downloads else { return };
        if let Some(why) = downloads.closed(link, reason, cx.now()) {
            // It may be firewalled without saying so.
            self.reach_by_push(link.fetch(), link.source(), why, cx);
        }
        self.fetch_on(link.fetch(), cx);
    }

    /// The digest has been compared.
    pub(super) fn download_verified(&mut self, check: u32, ok: bool, cx: Hands) {
        if let Some(fetch) = self.downloads.as_mut().and_then(|downloads| downloads.verified(check, ok)) {
            self.fetch_on(fetch, cx);
        }
    }

    /// The file stands under its final name, or cannot.
    pub(super) fn download_finished(&mut self, file: FileId, fault: Option<StoreFault>, cx: Hands) {
        if let Some(fetch) = self.downloads.as_mut().and_then(|downloads| downloads.finished(file, fault)) {
            self.fetch_on(fetch, cx);
        }
    }

    /// The timer of a download.
    pub(super) fn fetch_due(&mut self, fetch: FetchId, step: u32, cx: Hands) {
        if self.downloads.as_ref().is_some_and(|downloads| downloads.is_due(fetch, step)) {
            self.fetch_on(fetch, cx);
        }
    }
}
