//! One download: from a list of holders to a complete, verified file.
//!
//! | stage | waits for | then |
//! |---|---|---|
//! | waiting | the server, which is being joined | pinging, or asking |
//! | pinging | 752 of up to `pings_max` holders | all answered or `ping_window` over: asking the best |
//! | asking | 204, 206, 609 or 620 | 204 with a port: dialling; with port 0: pushing (500) |
//! | pushing | the holder's dial and `SEND` | sizing |
//! | dialling | the holder's `1` | sizing: `GET` sent |
//! | sizing | the size, or words of refusal | receiving |
//! | receiving | file bytes | whole: verifying, or finishing if the head was verified before |
//! | verifying | the driver's word on the digest | right: finishing; wrong: from the start, with another holder |
//! | finishing | the store | fetched |
//! | pausing | the first full queue to be asked again | asking |
//!
//! A holder that refuses, vanishes or falls silent is not asked again, and the next goes on where it stopped. One
//! whose queue is full is asked again later, up to `queue_retries_max` times. No holder left: failed, with the
//! last reason. Every stage but verifying and finishing, which are the driver's, has a time-out.

use std::sync::Arc;
use std::time::Duration;

use common::digest::{Digest, Fingerprint};
use common::peer::{ConnId, FileId, Span, Time};
use common::store::StoreFault;
use common::user::{Failure, Fetch, FetchId, Hit, Note};

use super::{DOWNLOADS_MAX, Hands, Peer};
use crate::node::Timer;
use crate::selection::{Candidate, Selection};
use crate::wire::{Message, Named, Offer, Quoted, Setup, Token};

/// Holders of one download that are considered; a search gives no more.
const SOURCES_MAX: usize = 1_000;

/// A download under way.
pub(super) struct Download {
    pub(super) into: FileId,
    pub(super) size: u64,
    pub(super) digest: Option<Digest>,
    /// Bytes there, from the start.
    pub(super) have: u64,
    /// Best first.
    pub(super) sources: Vec<Source>,
    pub(super) stage: Stage,
    /// Numbers the stages, so that a timer of a past one is recognised.
    step: u32,
    /// The reason of the latest source to drop out.
    last: Failure,
    /// How often it began anew.
    restarts: usize,
    pub(super) head: Head,
}

/// What is known of the bytes that the digest covers.
#[derive(Default)]
pub(super) struct Head {
    /// Who sent some of them in this attempt, by place in `sources`; at most all.
    pub(super) from: Vec<usize>,
    /// The driver's number for the check under way.
    pub(super) check: Option<u32>,
    pub(super) is_right: bool,
}

/// A holder.
pub(super) struct Source {
    pub(super) nick: Token,
    pub(super) file: Quoted,
    speed: u32,
    ping: Option<Duration>,
    state: SourceState,
}

enum SourceState {
    Fresh,
    /// Its queue was full so many times; it may be asked again then.
    Busy(u32, Time),
    Out,
}

/// See the module's table. Sources go by their place in [`Download::sources`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    Waiting,
    Pinging(Time),
    Asking(usize),
    Pushing(usize),
    Dialling(usize, ConnId),
    Sizing { source: usize, conn: ConnId, offset: u64, pushed: bool },
    Receiving { source: usize, conn: ConnId, last_data: Time },
    Verifying,
    Finishing,
    Pausing,
}

impl Stage {
    /// The connection in use.
    pub(super) fn conn(self) -> Option<ConnId> {
        match self {
            Stage::Dialling(_, conn) | Stage::Sizing { conn, .. } | Stage::Receiving { conn, .. } => {
                Some(conn)
            }
            _ => None,
        }
    }

    /// The holder in use.
    pub(super) fn source(self) -> Option<usize> {
        match self {
            Stage::Asking(source)
            | Stage::Pushing(source)
            | Stage::Dialling(source, _)
            | Stage::Sizing { source, .. }
            | Stage::Receiving { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl Download {
    fn new(fetch: &Fetch) -> Option<Download> {
        let first = &fetch.candidates.first()?.info;
        let digest = fetch.candidates.iter().find_map(|hit| hit.info.digest);
        let same = |hit: &&Arc<Hit>| {
            hit.info.size == first.size && (hit.info.digest.is_none() || hit.info.digest == digest)
        };
        let source = |hit: &Arc<Hit>| {
            Some(Source {
                nick: Token::from_text(&hit.holder.nick)?,
                file: Quoted::from_name(&hit.info.name)?,
                speed: hit.speed,
                ping: None,
                state: SourceState::Fresh,
            })
        };
        Some(Download {
            into: fetch.into,
            size: first.size,
            digest,
            have: fetch.have.min(first.size),
            sources: fetch.candidates.iter().filter(same).filter_map(source).take(SOURCES_MAX).collect(),
            stage: Stage::Waiting,
            step: 0,
            last: Failure::NoHolder,
            restarts: 0,
            head: Head::default(),
        })
    }

    /// Bytes that the digest covers.
    pub(super) fn head_len(&self) -> u64 {
        Fingerprint::NAPSTER.len(self.size)
    }

    pub(super) fn enter(&mut self, fetch: FetchId, stage: Stage, due: Duration, cx: Hands) {
        self.stage = stage;
        self.step = self.step.wrapping_add(1);
        cx.wake(due, Timer::StepDue(fetch, self.step));
    }

    /// A source drops out. That a copy was corrupt is not forgotten for a lesser reason.
    fn drop_source(&mut self, source: usize, why: Failure) {
        self.sources[source].state = SourceState::Out;
        if self.last != Failure::Corrupt {
            self.last = why;
        }
    }

    /// True if the message is about the source in use.
    fn concerns(&self, nick: &Token, file: &Quoted) -> bool {
        let Some(source) = self.stage.source().map(|source| &self.sources[source]) else { return false };
        source.file == *file && source.nick.as_bytes().eq_ignore_ascii_case(nick.as_bytes())
    }

    fn order(&mut self, selection: Selection, cx: Hands) {
        let candidate =
            |(index, source): (usize, &Source)| Candidate { index, speed: source.speed, ping: source.ping };
        let mut candidates: Vec<Candidate> = self.sources.iter().enumerate().map(candidate).collect();
        selection.order(&mut candidates, cx.rng());
        let mut sources: Vec<Option<Source>> =
            std::mem::take(&mut self.sources).into_iter().map(Some).collect();
        self.sources = candidates.iter().filter_map(|candidate| sources[candidate.index].take()).collect();
    }
}

impl Peer {
    pub(super) fn fetch(&mut self, fetch: &Fetch, cx: Hands) {
        let id = fetch.fetch;
        let failed = |why| Note::Failed(id, why);
        if self.downloads.len() >= DOWNLOADS_MAX || self.downloads.contains_key(&id) {
            return cx.note(failed(Failure::Refused));
        }
        let Some(mut download) = Download::new(fetch).filter(|download| !download.sources.is_empty()) else {
            return cx.note(failed(Failure::NoHolder));
        };
        if self.server().is_none() && !self.is_joining() {
            return cx.note(failed(Failure::Offline));
        }
        let is_whole = download.have >= download.size;
        download.enter(id, Stage::Waiting, self.config.answer_timeout, cx);
        self.downloads.insert(id, download);
        if is_whole {
            self.check_head(id, cx);
            self.whole(id, cx);
        } else if self.server().is_some() {
            self.begin(id, cx);
        }
    }

    /// Looks for the best holder.
    fn begin(&mut self, fetch: FetchId, cx: Hands) {
        let (Some(server), Some(download)) = (self.server(), self.downloads.get_mut(&fetch)) else { return };
        if self.config.selection == Selection::Ping && download.sources.len() > 1 {
            for source in download.sources.iter().take(self.config.pings_max) {
                cx.send(server, Message::Ping(source.nick.clone()));
            }
            let now = cx.now();
            return download.enter(fetch, Stage::Pinging(now), self.config.ping_window, cx);
        }
        download.order(self.config.selection, cx);
        self.ask_next(fetch, cx);
    }

    pub(super) fn ponged(&mut self, nick: &Token, cx: Hands) {
        let mut complete = Vec::new();
        for (fetch, download) in &mut self.downloads {
            let Stage::Pinging(asked) = download.stage else { continue };
            let pinged = download.sources.len().min(self.config.pings_max);
            for source in &mut download.sources[..pinged] {
                if source.ping.is_none() && source.nick.as_bytes().eq_ignore_ascii_case(nick.as_bytes()) {
                    source.ping = Some(cx.now().since(asked));
                }
            }
            if download.sources[..pinged].iter().all(|source| source.ping.is_some()) {
                complete.push(*fetch);
            }
        }
        for fetch in complete {
            self.pinged(fetch, cx);
        }
    }

    fn pinged(&mut self, fetch: FetchId, cx: Hands) {
        let selection = self.config.selection;
        if let Some(download) = self.downloads.get_mut(&fetch) {
            download.order(selection, cx);
        }
        self.ask_next(fetch, cx);
    }

    /// Asks the best source left; none left is the end, all busy a pause.
    pub(super) fn ask_next(&mut self, fetch: FetchId, cx: Hands) {
        let server = self.server();
        let Some(download) = self.downloads.get_mut(&fetch) else { return };
        let now = cx.now();
        let is_ready = |source: &Source| match source.state {
            SourceState::Fresh => true,
            SourceState::Busy(_, until) => until <= now,
            SourceState::Out => false,
        };
        if let Some(next) = download.sources.iter().position(is_ready) {
            let Some(server) = server else { return self.fail(fetch, Failure::Offline, cx) };
            let source = &download.sources[next];
            let named = Named { nick: source.nick.clone(), file: source.file.clone() };
            cx.send(server, Message::Get(Arc::new(named)));
            return download.enter(fetch, Stage::Asking(next), self.config.step_timeout, cx);
        }
        let until = download.sources.iter().filter_map(|source| match source.state {
            SourceState::Busy(_, until) => Some(until),
            _ => None,
        });
        match until.min() {
            Some(until) => download.enter(fetch, Stage::Pausing, until.since(now), cx),
            None => {
                let last = download.last;
                self.fail(fetch, last, cx);
            }
        }
    }

    /// The source in use drops out; the next is asked.
    pub(super) fn next_source(&mut self, fetch: FetchId, why: Failure, cx: Hands) {
        let Some(download) = self.downloads.get_mut(&fetch) else { return };
        let (conn, source) = (download.stage.conn(), download.stage.source());
        let was_receiving = matches!(download.stage, Stage::Receiving { .. });
        if let Some(source) = source {
            download.drop_source(source, why);
        }
        if let Some(conn) = conn {
            self.hang_up(conn, cx);
        }
        if was_receiving {
            self.tell_server(Message::DownloadEnded, cx);
        }
        self.ask_next(fetch, cx);
    }

    fn concerned(&self, nick: &Token, file: &Quoted) -> Option<FetchId> {
        self.downloads.iter().find(|(_, download)| download.concerns(nick, file)).map(|(fetch, _)| *fetch)
    }

    /// The server's word where to fetch (204).
    pub(super) fn offered(&mut self, offer: &Offer, cx: Hands) {
        let Some(fetch) = self.concerned(&offer.nick, &offer.file) else { return };
        let Some(download) = self.downloads.get_mut(&fetch) else { return };
        match download.stage {
            Stage::Asking(source) if offer.port == 0 => {
                let Some(server) = self.server().filter(|_| !self.config.firewalled) else {
                    return self.next_source(fetch, Failure::NoHolder, cx);
                };
                let named = Named { nick: offer.nick.clone(), file: offer.file.clone() };
                cx.send(server, Message::GetPush(Arc::new(named)));
                let due = self.config.step_timeout;
                if let Some(download) = self.downloads.get_mut(&fetch) {
                    download.enter(fetch, Stage::Pushing(source), due, cx);
                }
            }
            Stage::Asking(source) => {
                let conn = cx.dial(std::net::SocketAddrV4::new(offer.ip, offer.port), Setup::Data);
                download.enter(fetch, Stage::Dialling(source, conn), self.config.step_timeout, cx);
                self.links.insert(conn, super::Link::Download(fetch));
            }
            // The answer to a 500 when both sides are firewalled.
            Stage::Pushing(_) => self.next_source(fetch, Failure::NoHolder, cx),
            _ => {}
        }
    }

    /// The source in use is gone (206) or will not send (609).
    pub(super) fn refused(&mut self, named: &Named, why: Failure, cx: Hands) {
        let Some(fetch) = self.concerned(&named.nick, &named.file) else { return };
        if self.downloads.get(&fetch).is_some_and(|d| matches!(d.stage, Stage::Asking(_) | Stage::Pushing(_)))
        {
            self.next_source(fetch, why, cx);
        }
    }

    /// The source in use has a full queue (620).
    pub(super) fn queued(&mut self, named: &Named, cx: Hands) {
        let Some(fetch) = self.concerned(&named.nick, &named.file) else { return };
        let Some(download) = self.downloads.get_mut(&fetch) else { return };
        let (Stage::Asking(source) | Stage::Pushing(source)) = download.stage else { return };
        let times = match download.sources[source].state {
            SourceState::Busy(times, _) => times + 1,
            _ => 1,
        };
        if times > self.config.queue_retries_max {
            return self.next_source(fetch, Failure::Refused, cx);
        }
        download.sources[source].state = SourceState::Busy(times, cx.now() + self.config.queue_retry);
        self.ask_next(fetch, cx);
    }

    pub(super) fn step_due(&mut self, fetch: FetchId, step: u32, cx: Hands) {
        let Some(download) = self.downloads.get_mut(&fetch).filter(|download| download.step == step) else {
            return;
        };
        match download.stage {
            Stage::Waiting => self.fail(fetch, Failure::Offline, cx),
            Stage::Pinging(_) => self.pinged(fetch, cx),
            Stage::Pausing => self.ask_next(fetch, cx),
            Stage::Receiving { last_data, .. } => {
                let silent = cx.now().since(last_data);
                if silent >= self.config.data_timeout {
                    return self.next_source(fetch, Failure::Timeout, cx);
                }
                cx.wake(self.config.data_timeout - silent, Timer::StepDue(fetch, step));
            }
            Stage::Asking(_) | Stage::Pushing(_) | Stage::Dialling(..) | Stage::Sizing { .. } => {
                self.next_source(fetch, Failure::Timeout, cx);
            }
            Stage::Verifying | Stage::Finishing => {}
        }
    }

    /// All bytes are there.
    pub(super) fn whole(&mut self, fetch: FetchId, cx: Hands) {
        let Some(download) = self.downloads.get_mut(&fetch) else { return };
        if download.digest.is_some() && !download.head.is_right {
            download.stage = Stage::Verifying;
        } else {
            download.stage = Stage::Finishing;
            cx.finish(download.into);
        }
    }

    /// Has the bytes that the digest covers verified, once they are there.
    pub(super) fn check_head(&mut self, fetch: FetchId, cx: Hands) {
        let Some(download) = self.downloads.get_mut(&fetch) else { return };
        let len = download.head_len();
        let Some(digest) = download.digest.filter(|_| download.have >= len) else { return };
        if download.head.check.is_some() || download.head.is_right {
            return;
        }
        self.checks_asked = self.checks_asked.wrapping_add(1);
        download.head.check = Some(self.checks_asked);
        cx.verify(self.checks_asked, Span { file: download.into, offset: 0, len }, digest);
    }

    pub(super) fn verified(&mut self, check: u32, ok: bool, cx: Hands) {
        let found = self.downloads.iter_mut().find(|(_, download)| download.head.check == Some(check));
        let Some((&fetch, download)) = found else { return };
        download.head.check = None;
        if !ok {
            return self.corrupt(fetch, cx);
        }
        download.head.is_right = true;
        if download.stage == Stage::Verifying {
            self.whole(fetch, cx);
        }
    }

    /// What has arrived is not what was promised: whoever alone sent it is not asked again, and the download starts
    /// from the beginning. Where several sent it nobody is blamed, but the attempts are bounded.
    pub(super) fn corrupt(&mut self, fetch: FetchId, cx: Hands) {
        let Some(download) = self.downloads.get_mut(&fetch) else { return };
        if let Some(conn) = download.stage.conn() {
            if matches!(download.stage, Stage::Receiving { .. }) {
                self.tell_server(Message::DownloadEnded, cx);
            }
            self.hang_up(conn, cx);
        }
        let Some(download) = self.downloads.get_mut(&fetch) else { return };
        let head = std::mem::take(&mut download.head);
        if let [source] = head.from[..] {
            download.drop_source(source, Failure::Corrupt);
        }
        download.last = Failure::Corrupt;
        download.have = 0;
        download.restarts += 1;
        if download.restarts > download.sources.len() {
            return self.fail(fetch, Failure::Corrupt, cx);
        }
        cx.note(Note::Progress(fetch, 0));
        self.ask_next(fetch, cx);
    }

    pub(super) fn finished(&mut self, file: FileId, fault: Option<StoreFault>, cx: Hands) {
        let finishing = |download: &Download| download.into == file && download.stage == Stage::Finishing;
        let found = self.downloads.iter().find(|(_, download)| finishing(download));
        let Some(fetch) = found.map(|(fetch, _)| *fetch) else { return };
        match fault {
            None => {
                self.downloads.remove(&fetch);
                cx.note(Note::Fetched(fetch));
            }
            Some(fault) => self.store_failed(fetch, fault, cx),
        }
    }

    pub(super) fn store_failed(&mut self, fetch: FetchId, fault: StoreFault, cx: Hands) {
        match fault {
            StoreFault::Full => self.fail(fetch, Failure::DiskFull, cx),
            StoreFault::Corrupt => self.corrupt(fetch, cx),
            StoreFault::Io | StoreFault::Missing => self.fail(fetch, Failure::Store, cx),
        }
    }

    pub(super) fn fail(&mut self, fetch: FetchId, why: Failure, cx: Hands) {
        let Some(download) = self.downloads.remove(&fetch) else { return };
        if let Some(conn) = download.stage.conn() {
            self.hang_up(conn, cx);
        }
        if matches!(download.stage, Stage::Receiving { .. }) {
            self.tell_server(Message::DownloadEnded, cx);
        }
        cx.note(Note::Failed(fetch, why));
    }

    pub(super) fn cancel(&mut self, fetch: FetchId, cx: Hands) {
        self.fail(fetch, Failure::Cancelled, cx);
    }

    /// The server is gone: downloads that have not met their holder end.
    pub(super) fn downloads_without_server(&mut self, why: Failure, cx: Hands) {
        let needs_server = |stage: Stage| {
            matches!(stage, Stage::Waiting | Stage::Pinging(_) | Stage::Asking(_) | Stage::Pausing)
        };
        let stuck: Vec<FetchId> = (self.downloads.iter())
            .filter(|(_, download)| needs_server(download.stage))
            .map(|(fetch, _)| *fetch)
            .collect();
        for fetch in stuck {
            self.fail(fetch, why, cx);
        }
    }

    /// The server has let us in: downloads that waited for it begin.
    pub(super) fn downloads_with_server(&mut self, cx: Hands) {
        let waiting = |(_, download): &(&FetchId, &Download)| download.stage == Stage::Waiting;
        let all: Vec<FetchId> = self.downloads.iter().filter(waiting).map(|(fetch, _)| *fetch).collect();
        for fetch in all {
            self.begin(fetch, cx);
        }
    }

    /// A notice for the server's statistics, if there is a server.
    pub(super) fn tell_server(&self, message: Message, cx: Hands) {
        if let Some(server) = self.server() {
            cx.send(server, message);
        }
    }
}
