//! The downloads of a node whose holders are asked by HTTP: what each [`Download`] wants, done as far as it is the same in
//! every overlay. How a holder is reached and what is said to it is the overlay's business ([`Errand`]).
//!
//! The way to one source:
//!
//! | way | waits for | then |
//! |---|---|---|
//! | none | being wanted | [`Errand::Reach`]: dialled, pushed, or lost |
//! | pushed | the holder, who dials | standing |
//! | dialled | the connection | standing; refused or timed out: pushed, or lost |
//! | standing | responses and bodies, and requests in between | none, when either side closes |
//!
//! The time-outs of all of them are the download's own.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::sync::Arc;

use super::alternates::ALTERNATES_MAX;
use super::{Action, Answer, Download, DownloadKnobs, Lost, SourceId, Taken};
use crate::digest::Digest;
use crate::http::Response;
use crate::peer::{BodyState, CloseReason, ConnId, Cx, FileId, Peer, Place, Span, Time};
use crate::store::StoreFault;
use crate::user::{Failure, Fetch, FetchId, Note};

/// Downloads at a time. Thousands of parallel transfers help nobody.
const DOWNLOADS_MAX: usize = 256;
/// Sources of one download that were not found but named by other sources. 32: our choice; whoever names strangers has
/// us knock at so many doors and no more.
const LEARNED_MAX: usize = 32;

/// What an overlay knows of a source.
pub trait Holding: PartialEq {
    /// Where it can be dialled, if it is known.
    fn address(&self) -> Option<SocketAddrV4>;

    /// True if both are the same node, whatever each says of the file.
    fn is_same_node(&self, other: &Self) -> bool;
}

/// What only the overlay can do for a download.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Errand {
    /// Find a way to this source, and say [`Fetches::dialled`], [`Fetches::pushed`] or [`Fetches::lost`].
    Reach(SourceId),
    /// Ask this source for a range by a request on its connection, and say so by [`SourceConn::asked`].
    Ask {
        /// Whom.
        source: SourceId,
        /// The connection to it.
        conn: ConnId,
        /// The first byte.
        offset: u64,
        /// How many.
        len: u64,
    },
    /// Close this connection; nothing more is expected of it.
    HangUp(ConnId),
}

/// See the module's table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    None,
    /// With the number of the push, where the overlay numbers them.
    Pushed(u32),
    /// Dialled, or standing.
    Conn(ConnId),
}

/// One download.
#[derive(Debug)]
pub struct Running<K> {
    into: FileId,
    sources: Download<K>,
    /// A digest tells a wrong copy from a right one.
    knows_content: bool,
    /// The way to each source, by its number.
    ways: Vec<Way>,
    /// The digest that is being compared.
    check: Option<u32>,
    /// Numbers the timers, so that one that was overtaken is recognised.
    step: u32,
    /// Sources that other sources have named.
    learned: usize,
    /// Sources that have sent a whole range of bytes not known to be wrong: who is named to others.
    proven: Vec<SocketAddrV4>,
}

impl<K: Holding> Running<K> {
    /// A download of a file of `size` bytes, without sources yet. Without a digest there is nothing to tell a wrong copy
    /// by: then its sources are asked one at a time.
    pub fn new(fetch: &Fetch, size: u64, digest: Option<Digest>, knobs: &Arc<DownloadKnobs>) -> Running<K> {
        let knobs = match digest {
            Some(_) => Arc::clone(knobs),
            None => Arc::new(DownloadKnobs { active_max: 1, ..(**knobs).clone() }),
        };
        Running {
            into: fetch.into,
            sources: Download::new(size, digest, fetch.have.clone(), knobs),
            knows_content: digest.is_some(),
            ways: Vec::new(),
            check: None,
            step: 0,
            learned: 0,
            proven: Vec::new(),
        }
    }

    /// One more source; false if it is known already, or if there are too many. Who has one content under several names
    /// is one source of it.
    pub fn add(&mut self, holding: K) -> bool {
        let is_known = |(_, known): (SourceId, &K)| known.is_same_node(&holding);
        if self.knows_content && self.sources.sources().any(is_known) {
            return false;
        }
        let Some(source) = self.sources.add_source(holding) else { return false };
        debug_assert_eq!(source.index(), self.ways.len());
        self.ways.push(Way::None);
        true
    }

    /// A source has named this one. Whoever names many names some in vain.
    pub fn learn(&mut self, holding: K) {
        if self.learned < LEARNED_MAX && self.add(holding) {
            self.learned += 1;
        }
    }

    /// What the overlay knows of a source.
    pub fn key(&self, source: SourceId) -> &K {
        self.sources.key(source)
    }

    /// Sources whose bytes have passed so far, to be named to this one, which needs not be told of itself.
    pub fn proven(&self, source: SourceId) -> impl Iterator<Item = &SocketAddrV4> {
        let own = self.key(source).address();
        self.proven.iter().filter(move |proven| Some(**proven) != own)
    }

    /// The connection to a source, no longer its own.
    fn let_go(&mut self, source: SourceId) -> Option<ConnId> {
        match std::mem::replace(&mut self.ways[source.index()], Way::None) {
            Way::Conn(conn) => Some(conn),
            Way::None | Way::Pushed(_) => None,
        }
    }

    fn prove(&mut self, source: SourceId) {
        if let Some(address) = self.key(source).address()
            && self.proven.len() < ALTERNATES_MAX
            && !self.proven.contains(&address)
        {
            self.proven.push(address);
        }
    }

    /// What is to be done with what follows a response's head.
    fn take<P: Peer>(
        &mut self,
        conn: ConnId,
        link: &mut SourceConn,
        taken: Taken,
        cx: &mut Cx<'_, P>,
    ) -> bool {
        match taken {
            Taken::Receive { offset, len } => {
                link.is_read_over = false;
                cx.receive(conn, len, Some(Place { file: self.into, offset }));
            }
            Taken::Discard(len) => {
                link.is_read_over = true;
                cx.receive(conn, len, None);
            }
            Taken::HangUp => {
                self.let_go(link.source);
                return false;
            }
        }
        true
    }
}

/// A connection to a source of a download.
#[derive(Debug)]
pub struct SourceConn {
    fetch: FetchId,
    source: SourceId,
    remote: SocketAddrV4,
    is_standing: bool,
    /// A request is not answered yet.
    is_asked: bool,
    /// The body that comes is one of an error page, which nobody is told of.
    is_read_over: bool,
}

impl SourceConn {
    /// To a source that is being dialled, or, if it stands already, that has dialled us.
    pub fn new((fetch, source): (FetchId, SourceId), remote: SocketAddrV4, is_standing: bool) -> SourceConn {
        SourceConn { fetch, source, remote, is_standing, is_asked: false, is_read_over: false }
    }

    /// Where we dialled, or where from we were dialled.
    pub fn remote(&self) -> SocketAddrV4 {
        self.remote
    }

    /// The download that it is for.
    pub fn fetch(&self) -> FetchId {
        self.fetch
    }

    /// The source that it leads to.
    pub fn source(&self) -> SourceId {
        self.source
    }

    /// The request of an [`Errand::Ask`] has been sent.
    pub fn asked(&mut self) {
        self.is_asked = true;
    }

    /// True while a request is not answered.
    pub fn is_asked(&self) -> bool {
        self.is_asked
    }
}

/// The downloads of one node.
///
/// After each call that tells of something that has happened, [`Fetches::poll`] until it returns `None`.
#[derive(Debug)]
pub struct Fetches<K> {
    running: BTreeMap<FetchId, Box<Running<K>>>,
    /// Numbers the digests that are compared.
    checks: u32,
}

impl<K> Default for Fetches<K> {
    fn default() -> Self {
        Fetches { running: BTreeMap::new(), checks: 0 }
    }
}

impl<K: Holding> Fetches<K> {
    /// True if a download of that number can be started.
    pub fn has_room(&self, fetch: FetchId) -> bool {
        self.running.len() < DOWNLOADS_MAX && !self.running.contains_key(&fetch)
    }

    /// Starts a download.
    pub fn start(&mut self, fetch: FetchId, running: Running<K>) {
        self.running.insert(fetch, Box::new(running));
    }

    /// True if none runs.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// A download that runs.
    pub fn get(&self, fetch: FetchId) -> Option<&Running<K>> {
        self.running.get(&fetch).map(|running| &**running)
    }

    /// A download that runs.
    pub fn get_mut(&mut self, fetch: FetchId) -> Option<&mut Running<K>> {
        self.running.get_mut(&fetch).map(|running| &mut **running)
    }

    /// The running download of the smallest number.
    pub fn first(&self) -> Option<FetchId> {
        self.running.first_key_value().map(|(fetch, _)| *fetch)
    }

    /// Ends a download; connections are hung up first.
    pub fn fail(&mut self, fetch: FetchId, why: Failure) {
        if let Some(running) = self.get_mut(fetch) {
            running.sources.fail(why);
        }
    }

    /// Does what a download wants done, up to what only the overlay can do. `timer` makes the overlay's timer, which comes
    /// back by [`Fetches::is_due`].
    pub fn poll<P: Peer>(
        &mut self,
        fetch: FetchId,
        timer: impl Fn(FetchId, u32) -> P::Timer,
        cx: &mut Cx<'_, P>,
    ) -> Option<Errand> {
        loop {
            let running = self.running.get_mut(&fetch)?;
            match running.sources.poll(cx.now())? {
                Action::Connect(source) => return Some(Errand::Reach(source)),
                Action::Ask { source, offset, len } => {
                    if let Way::Conn(conn) = running.ways[source.index()] {
                        return Some(Errand::Ask { source, conn, offset, len });
                    }
                }
                Action::HangUp(source) => {
                    if let Some(conn) = running.let_go(source) {
                        return Some(Errand::HangUp(conn));
                    }
                }
                Action::Progress(bytes) => cx.note(Note::Progress(fetch, bytes)),
                Action::Verify(digest) => {
                    self.checks = self.checks.wrapping_add(1);
                    running.check = Some(self.checks);
                    let span = Span { file: running.into, offset: 0, len: running.sources.size() };
                    cx.verify(self.checks, span, digest);
                }
                Action::Finish => cx.finish(running.into),
                Action::Wake(at) => {
                    running.step = running.step.wrapping_add(1);
                    cx.wake(at.since(cx.now()), timer(fetch, running.step));
                }
                Action::Done => {
                    self.running.remove(&fetch);
                    cx.note(Note::Fetched(fetch));
                }
                Action::Failed(why) => {
                    self.running.remove(&fetch);
                    cx.note(Note::Failed(fetch, why));
                }
            }
        }
    }

    /// A source is being dialled.
    pub fn dialled(&mut self, fetch: FetchId, source: SourceId, conn: ConnId) {
        self.set_way(fetch, source, Way::Conn(conn));
    }

    /// A source was asked to dial us.
    pub fn pushed(&mut self, fetch: FetchId, source: SourceId, number: u32) {
        self.set_way(fetch, source, Way::Pushed(number));
    }

    /// There is no way to a source now.
    pub fn lost(&mut self, fetch: FetchId, source: SourceId, why: Lost, now: Time) {
        self.set_way(fetch, source, Way::None);
        if let Some(running) = self.get_mut(fetch) {
            running.sources.lost(source, why, now);
        }
    }

    fn set_way(&mut self, fetch: FetchId, source: SourceId, way: Way) {
        if let Some(running) = self.get_mut(fetch) {
            running.ways[source.index()] = way;
        }
    }

    /// The pushed source that somebody who dials us is, by what the overlay knows of it and its push's number.
    pub fn awaited(&self, is_it: impl Fn(&K, u32) -> bool) -> Option<(FetchId, SourceId)> {
        self.running.iter().find_map(|(fetch, running)| {
            let awaited =
                running.sources.sources().find(|(source, key)| match running.ways[source.index()] {
                    Way::Pushed(number) => is_it(key, number),
                    Way::None | Way::Conn(_) => false,
                });
            awaited.map(|(source, _)| (*fetch, source))
        })
    }

    /// The connection to a source stands. False: it is not wanted any more, hang up.
    pub fn connected(&mut self, conn: ConnId, link: &mut SourceConn) -> bool {
        link.is_standing = true;
        let Some(running) = self.get_mut(link.fetch) else { return false };
        running.ways[link.source.index()] = Way::Conn(conn);
        let is_wanted = running.sources.connected(link.source);
        if !is_wanted {
            running.let_go(link.source);
        }
        is_wanted
    }

    /// A source answers. False: hang up.
    pub fn answered<P: Peer>(
        &mut self,
        conn: ConnId,
        link: &mut SourceConn,
        response: &Response,
        cx: &mut Cx<'_, P>,
    ) -> bool {
        if !std::mem::take(&mut link.is_asked) {
            // An answer to nothing: what follows would be taken for something that it is not.
            self.misbehaved(link, cx.now());
            return false;
        }
        let Some(running) = self.get_mut(link.fetch) else { return false };
        let taken = running.sources.answered(link.source, &Answer::of(response), cx.now());
        running.take(conn, link, taken, cx)
    }

    /// A source says what no holder says: hang up.
    pub fn misbehaved(&mut self, link: &SourceConn, now: Time) {
        self.lost(link.fetch, link.source, Lost::Protocol, now);
    }

    /// Bytes have come. False if they are none of the file, but of an error page.
    pub fn received(&mut self, link: &SourceConn, len: u32, state: BodyState, now: Time) -> bool {
        if link.is_read_over {
            return false;
        }
        let Some(running) = self.get_mut(link.fetch) else { return false };
        if state == BodyState::Done {
            running.prove(link.source);
        }
        running.sources.received(link.source, len, state, now);
        true
    }

    /// A source's connection is gone. If it never stood, that is left to the overlay, which may know another way, and else
    /// says [`Fetches::lost`] with what is returned.
    #[must_use]
    pub fn closed(&mut self, link: &SourceConn, reason: CloseReason, now: Time) -> Option<Lost> {
        let why = match reason {
            CloseReason::Timeout if link.is_standing => Lost::Silent,
            CloseReason::Protocol => Lost::Protocol,
            _ if link.is_standing => Lost::Closed,
            _ => Lost::Unreachable,
        };
        if !link.is_standing {
            return Some(why);
        }
        self.lost(link.fetch, link.source, why, now);
        None
    }

    /// A digest has been compared; of which download.
    pub fn verified(&mut self, check: u32, ok: bool) -> Option<FetchId> {
        let found = self.running.iter_mut().find(|(_, running)| running.check == Some(check));
        let (&fetch, running) = found?;
        running.check = None;
        if !ok {
            // Somebody among them has lied.
            running.proven.clear();
        }
        running.sources.verified(ok);
        Some(fetch)
    }

    /// A file stands under its final name, or cannot; of which download.
    pub fn finished(&mut self, file: FileId, fault: Option<StoreFault>) -> Option<FetchId> {
        let found = self.running.iter_mut().find(|(_, running)| running.into == file);
        let (&fetch, running) = found?;
        running.sources.finished(fault);
        Some(fetch)
    }

    /// True if the timer of that step is the last that was set.
    pub fn is_due(&self, fetch: FetchId, step: u32) -> bool {
        self.get(fetch).is_some_and(|running| running.step == step)
    }
}
