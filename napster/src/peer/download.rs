//! One download: from a list of holders to a complete, verified file.
//!
//! The download as a whole:
//!
//! | phase | waits for | then |
//! |---|---|---|
//! | waiting | the server to come back, or the first busy holder to be asked again | round; patience over: failed |
//! | round | answers of some holders asked at once (203) | the quickest is chosen: fetching; nobody left: next round |
//! | fetching | one holder's bytes | all there: verifying or finishing; the holder fails: next round from the current offset |
//! | verifying | the driver's word on the digest | right: finishing; wrong: from the start, with other holders |
//! | finishing | the store | fetched |
//!
//! Each of its holders:
//!
//! | stage | waits for | then |
//! |---|---|---|
//! | idle | its turn | asked |
//! | asked | 204, 206, 609 or 620 | 204 with a port: dialling; with port 0: pinged, or reachable if asked alone |
//! | dialling | the holder's `1`; the time it takes is its ping | ready |
//! | pinged | the holder's 752 through the server | reachable |
//! | ready, reachable | the choice | ready: `GET`, sizing; reachable: 500, pushed; not chosen: idle, its ping is kept |
//! | pushed | the holder's dial and `SEND` | sizing |
//! | sizing | the size, or words of refusal | receiving |
//! | receiving | file bytes | whole, or failed |
//!
//! A holder that fails is asked again later, up to `attempts_max` times without progress; one whose queue is full up to
//! `queue_retries_max` times; one that does not share the file, or had a wrong one, never. When no holder is left
//! the download fails with the weightiest reason. Every stage but verifying and finishing, which are the
//! driver's, has a time-out.

use std::sync::Arc;
use std::time::Duration;

use common::digest::{Digest, Fingerprint};
use common::peer::{ConnId, FileId, Span, Time};
use common::store::StoreFault;
use common::user::{Failure, Fetch, FetchId, Hit, Note};

use super::{DOWNLOADS_MAX, Hands, Peer};
use crate::node::Timer;
use crate::selection::{Selection, Standing};
use crate::wire::{Message, Named, Quoted, Request, Setup, Token, is_unambiguous};

/// Holders of one download that are considered: `max_results` of opennap-ng, so all of one search.
const SOURCES_MAX: usize = 100;
/// Doublings of the wait before a holder is asked again.
const BACKOFF_DOUBLINGS_MAX: u8 = 6;
/// Progress is told after each 128th part of a file: finer than a progress bar shows.
const PROGRESS_PARTS: u64 = 128;

/// A download under way.
pub(super) struct Download {
    pub(super) into: FileId,
    pub(super) size: u64,
    digest: Option<Digest>,
    /// Bytes there, from the start.
    pub(super) have: u64,
    /// The bytes that the user has been told of.
    told: u64,
    pub(super) sources: Vec<Source>,
    phase: Phase,
    /// Numbers the waits, so that the timer of a past one is recognised.
    step: u32,
    /// The weightiest reason for which a source has failed.
    why: Failure,
    head: Head,
}

/// See the module's first table. A source goes by its place in [`Download::sources`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Waiting { for_server: bool },
    Round { ping_came: bool },
    Fetching(usize),
    Verifying,
    Finishing,
}

/// What is known of the bytes that the digest covers.
#[derive(Default)]
struct Head {
    /// The driver's number for the check under way.
    check: Option<u32>,
    is_right: bool,
    /// Some of it was there before this download began, so nobody can be blamed.
    resumed: bool,
    /// A mixture of several holders' bytes was wrong once: from then on the head is taken from one holder at a
    /// time, so that the guilty one is known.
    unmixed: bool,
}

/// A holder.
pub(super) struct Source {
    pub(super) nick: Token,
    pub(super) file: Quoted,
    speed: u32,
    ping: Option<Duration>,
    pub(super) stage: Stage,
    /// Failures without progress in between.
    attempts: u8,
    /// How often its queue was full.
    busy: u8,
    not_before: Time,
    /// It has sent some of the head in this attempt.
    in_head: bool,
}

/// See the module's second table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    Idle,
    Asked,
    Dialling(ConnId, Time),
    Pinged(Time),
    Ready(ConnId),
    Reachable,
    Pushed,
    Sizing { conn: ConnId, offset: u64, pushed: bool },
    Receiving(Receiving),
}

/// A body on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Receiving {
    pub(super) conn: ConnId,
    /// Until then [`PROGRESS_BYTES_MIN`](super::PROGRESS_BYTES_MIN) more must have come.
    pub(super) deadline: Time,
    /// Bytes since the deadline was set.
    pub(super) moved: u64,
    /// Bytes on this connection.
    pub(super) total: u64,
}

/// What follows from a source's failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// It may be asked again later.
    Later,
    /// Its queue is full; it may be asked again later.
    Busy,
    /// It is not asked again.
    Never,
}

impl Stage {
    /// The connection in use.
    pub(super) fn conn(self) -> Option<ConnId> {
        match self {
            Stage::Dialling(conn, _)
            | Stage::Ready(conn)
            | Stage::Sizing { conn, .. }
            | Stage::Receiving(Receiving { conn, .. }) => Some(conn),
            Stage::Idle | Stage::Asked | Stage::Pinged(_) | Stage::Reachable | Stage::Pushed => None,
        }
    }

    fn is_pending(self) -> bool {
        matches!(self, Stage::Asked | Stage::Dialling(..) | Stage::Pinged(_))
    }

    fn can_be_chosen(self) -> bool {
        matches!(self, Stage::Ready(_) | Stage::Reachable)
    }

    /// Without the server nothing more will come of it.
    fn needs_server(self) -> bool {
        matches!(self, Stage::Asked | Stage::Pinged(_) | Stage::Reachable | Stage::Pushed)
    }
}

impl Source {
    fn new(hit: &Hit) -> Option<Source> {
        Some(Source {
            nick: Token::from_text(&hit.holder.nick)?,
            file: Quoted::from_name(&hit.info.name)?,
            speed: hit.speed,
            ping: None,
            stage: Stage::Idle,
            attempts: 0,
            busy: 0,
            not_before: Time::ZERO,
            in_head: false,
        })
    }

    pub(super) fn is(&self, nick: &Token, file: &Quoted) -> bool {
        self.file == *file && self.nick.as_bytes().eq_ignore_ascii_case(nick.as_bytes())
    }

    pub(super) fn pinged(&mut self, took: Duration) {
        self.ping = Some(took);
    }

    fn named(&self) -> Arc<Named> {
        Arc::new(Named { nick: self.nick.clone(), file: self.file.clone() })
    }

    fn standing(&self) -> Standing {
        Standing { attempts: self.attempts.saturating_add(self.busy), ping: self.ping, speed: self.speed }
    }
}

/// How much a reason tells the user, compared with others.
fn weight(why: Failure) -> u8 {
    match why {
        Failure::Corrupt => 3,
        Failure::Refused => 2,
        Failure::Timeout => 1,
        _ => 0,
    }
}

impl Download {
    /// Candidates of another size or digest than the first known are not the same content.
    fn new(fetch: &Fetch) -> Option<Download> {
        let size = fetch.candidates.first()?.info.size;
        let digest = fetch.candidates.iter().find_map(|hit| hit.info.digest);
        let mut sources: Vec<Source> = Vec::new();
        for hit in &fetch.candidates {
            let same = hit.info.size == size && (hit.info.digest.is_none() || hit.info.digest == digest);
            if let Some(source) = Source::new(hit).filter(|_| same)
                && sources.len() < SOURCES_MAX
                && !sources.iter().any(|known| known.is(&source.nick, &source.file))
            {
                sources.push(source);
            }
        }
        let have = if fetch.have > size { 0 } else { fetch.have };
        (!sources.is_empty()).then(|| Download {
            into: fetch.into,
            size,
            digest,
            have,
            told: have,
            sources,
            phase: Phase::Waiting { for_server: true },
            step: 0,
            why: Failure::NoHolder,
            head: Head { resumed: have > 0, ..Head::default() },
        })
    }

    fn head_len(&self) -> u64 {
        Fingerprint::NAPSTER.len(self.size)
    }

    fn enter(&mut self, fetch: FetchId, phase: Phase, due: Duration, cx: Hands) {
        self.phase = phase;
        self.wait(fetch, due, cx);
    }

    /// The phase goes on, with another time-out.
    pub(super) fn wait(&mut self, fetch: FetchId, due: Duration, cx: Hands) {
        self.step = self.step.wrapping_add(1);
        cx.wake(due, Timer::StepDue(fetch, self.step));
    }

    /// The source whose connection this is.
    pub(super) fn source_on(&self, conn: ConnId) -> Option<usize> {
        self.sources.iter().position(|source| source.stage.conn() == Some(conn))
    }

    /// Where the next holder goes on: at the first missing byte, or a few bytes before it where the size that comes
    /// without an end mark could be misread (see [`is_unambiguous`]).
    pub(super) fn next_offset(&self) -> u64 {
        if self.head.unmixed && !self.head.is_right && self.have < self.head_len() {
            return 0;
        }
        unambiguous_offset(self.size, self.have)
    }

    /// The body of `source` begins at `offset`.
    pub(super) fn begins(&mut self, source: usize, offset: u64) {
        self.have = offset;
        if offset == 0 {
            self.head.resumed = false;
            for source in &mut self.sources {
                source.in_head = false;
            }
        }
        if offset < self.head_len() {
            self.sources[source].in_head = true;
        }
    }

    /// Bytes to tell the user of, if it is time to.
    pub(super) fn news(&mut self, done: bool) -> Option<u64> {
        let due = done || self.have.saturating_sub(self.told) >= self.size / PROGRESS_PARTS;
        due.then(|| {
            self.told = self.have;
            self.have
        })
    }
}

fn unambiguous_offset(size: u64, have: u64) -> u64 {
    (0..=have.min(size)).rev().find(|offset| is_unambiguous(size, *offset)).unwrap_or(0)
}

impl Peer {
    pub(super) fn fetch(&mut self, fetch: &Fetch, cx: Hands) {
        let id = fetch.fetch;
        if self.downloads.len() >= DOWNLOADS_MAX || self.downloads.contains_key(&id) {
            return cx.note(Note::Failed(id, Failure::Refused));
        }
        let Some(download) = Download::new(fetch) else {
            return cx.note(Note::Failed(id, Failure::NoHolder));
        };
        self.downloads.insert(id, Box::new(download));
        self.check_head(id, cx);
        self.round(id, cx);
    }

    /// Asks the best sources that are left; whole files need none.
    pub(super) fn round(&mut self, fetch: FetchId, cx: Hands) {
        let (server, is_over) = (self.server(), self.is_over());
        let Some(download) = self.downloads.get_mut(&fetch) else { return };
        if download.have >= download.size {
            return self.whole(fetch, cx);
        }
        let Some(server) = server else {
            if is_over {
                return self.fail(fetch, Failure::Offline, cx);
            }
            let patience = self.config.server_patience;
            return download.enter(fetch, Phase::Waiting { for_server: true }, patience, cx);
        };
        let selection = self.config.selection;
        let standings: Vec<Standing> = download.sources.iter().map(Source::standing).collect();
        let mut usable = selection.order(&standings, cx.rng());
        usable.retain(|&i| download.sources[i].attempts < self.config.attempts_max);
        let now = cx.now();
        let Some(soonest) = usable.iter().map(|&i| download.sources[i].not_before).min() else {
            let why = download.why;
            return self.fail(fetch, why, cx);
        };
        if soonest > now {
            return download.enter(fetch, Phase::Waiting { for_server: false }, soonest.since(now), cx);
        }
        usable.retain(|&i| download.sources[i].not_before <= now);
        for &i in usable.iter().take(selection.width()) {
            let source = &mut download.sources[i];
            source.stage = Stage::Asked;
            cx.send(server, Message::Get(source.named()));
        }
        download.enter(fetch, Phase::Round { ping_came: false }, self.config.step_timeout, cx);
    }

    /// Something has changed in a round: chooses a source as soon as all have answered, or asks others if all have
    /// failed.
    pub(super) fn decide(&mut self, fetch: FetchId, cx: Hands) {
        let Some(download) = self.downloads.get_mut(&fetch) else { return };
        let Phase::Round { ping_came } = download.phase else { return };
        let is_pending = download.sources.iter().any(|source| source.stage.is_pending());
        let can_choose = download.sources.iter().any(|source| source.stage.can_be_chosen());
        match (can_choose, is_pending) {
            (true, false) => self.choose(fetch, cx),
            (false, false) => self.round(fetch, cx),
            (true, true) if !ping_came => {
                download.enter(fetch, Phase::Round { ping_came: true }, self.config.ping_grace, cx);
            }
            (_, true) => {}
        }
    }

    /// Takes the quickest source of the round; the others are let go and keep their pings.
    fn choose(&mut self, fetch: FetchId, cx: Hands) {
        let (server, nick) = (self.server(), self.nick.clone());
        let Some(download) = self.downloads.get_mut(&fetch) else { return };
        let choosable = download.sources.iter().enumerate().filter(|(_, source)| source.stage.can_be_chosen());
        let Some((chosen, _)) = choosable.min_by_key(|(i, source)| (source.ping.unwrap_or(Duration::MAX), *i)) else {
            return;
        };
        let mut let_go = Vec::new();
        for (i, source) in download.sources.iter_mut().enumerate() {
            if i != chosen {
                let_go.extend(source.stage.conn());
                source.stage = Stage::Idle;
            }
        }
        let offset = download.next_offset();
        let source = &mut download.sources[chosen];
        match (source.stage, server, nick) {
            (Stage::Ready(conn), _, Some(nick)) => {
                let request = Request { nick, file: source.file.clone(), offset };
                cx.send(conn, Message::Request(Arc::new(request)));
                cx.resume_as(conn, Setup::Download { size: download.size, offset });
                source.stage = Stage::Sizing { conn, offset, pushed: false };
            }
            (_, Some(server), _) => {
                cx.send(server, Message::GetPush(source.named()));
                source.stage = Stage::Pushed;
            }
            // The server went in this very event; the time-out leads to the next round.
            _ => source.stage = Stage::Idle,
        }
        download.enter(fetch, Phase::Fetching(chosen), self.config.step_timeout, cx);
        for conn in let_go {
            self.hang_up(conn, cx);
        }
    }

    /// The source that fits, and its download.
    pub(super) fn find_source(
        &self,
        nick: &Token,
        file: &Quoted,
        fits: impl Fn(Stage) -> bool,
    ) -> Option<(FetchId, usize)> {
        self.downloads.iter().find_map(|(fetch, download)| {
            let is_it = |source: &Source| fits(source.stage) && source.is(nick, file);
            download.sources.iter().position(is_it).map(|at| (*fetch, at))
        })
    }

    /// A source has failed; the download goes on with others, or with the same one later.
    pub(super) fn source_failed(
        &mut self,
        (fetch, at): (FetchId, usize),
        why: Failure,
        verdict: Verdict,
        cx: Hands,
    ) {
        let attempts_max = self.config.attempts_max;
        let Some(download) = self.downloads.get_mut(&fetch) else { return };
        if weight(why) >= weight(download.why) {
            download.why = why;
        }
        let source = &mut download.sources[at];
        let stage = std::mem::replace(&mut source.stage, Stage::Idle);
        let retry = match verdict {
            Verdict::Never => {
                source.attempts = attempts_max;
                Duration::ZERO
            }
            Verdict::Busy => {
                source.busy = source.busy.saturating_add(1);
                if source.busy > self.config.queue_retries_max {
                    source.attempts = attempts_max;
                }
                self.config.queue_retry
            }
            Verdict::Later => {
                let progressed = matches!(stage, Stage::Receiving(r) if r.total >= super::PROGRESS_BYTES_MIN);
                source.attempts = if progressed { 1 } else { source.attempts.saturating_add(1) };
                self.config.retry * (1 << (source.attempts - 1).min(BACKOFF_DOUBLINGS_MAX))
            }
        };
        source.not_before = cx.now() + retry;
        let phase = download.phase;
        self.let_go(stage, cx);
        match phase {
            Phase::Round { .. } => self.decide(fetch, cx),
            Phase::Fetching(current) if current == at => self.round(fetch, cx),
            _ => {}
        }
    }

    /// Ends what a source was doing.
    fn let_go(&mut self, stage: Stage, cx: Hands) {
        if let Some(conn) = stage.conn() {
            self.hang_up(conn, cx);
        }
        if matches!(stage, Stage::Receiving(_)) {
            self.tell_server(Message::DownloadEnded, cx);
        }
    }

    pub(super) fn step_due(&mut self, fetch: FetchId, step: u32, cx: Hands) {
        let is_online = self.server().is_some();
        let Some(download) = self.downloads.get_mut(&fetch).filter(|download| download.step == step) else {
            return;
        };
        match download.phase {
            Phase::Waiting { for_server: true } if !is_online => self.fail(fetch, Failure::Offline, cx),
            Phase::Waiting { .. } => self.round(fetch, cx),
            Phase::Round { .. } if download.sources.iter().any(|source| source.stage.can_be_chosen()) => {
                self.choose(fetch, cx);
            }
            Phase::Round { .. } => {
                for at in 0..download.sources.len() {
                    let pending = |d: &Box<Download>| d.sources[at].stage.is_pending();
                    // Failing the last pending one starts the next round, whose sources have all their time.
                    let same = |d: &&Box<Download>| d.step == step && pending(d);
                    if self.downloads.get(&fetch).filter(same).is_some() {
                        self.source_failed((fetch, at), Failure::Timeout, Verdict::Later, cx);
                    }
                }
            }
            Phase::Fetching(at) => {
                if let Stage::Receiving(receiving) = download.sources[at].stage
                    && receiving.deadline > cx.now()
                {
                    let left = receiving.deadline.since(cx.now());
                    return download.wait(fetch, left, cx);
                }
                self.source_failed((fetch, at), Failure::Timeout, Verdict::Later, cx);
            }
            Phase::Verifying | Phase::Finishing => {}
        }
    }

    /// All bytes are there.
    pub(super) fn whole(&mut self, fetch: FetchId, cx: Hands) {
        let Some(download) = self.downloads.get_mut(&fetch) else { return };
        if download.digest.is_some() && !download.head.is_right {
            download.phase = Phase::Verifying;
        } else {
            download.phase = Phase::Finishing;
            cx.finish(download.into);
        }
    }

    /// Has the bytes that the digest covers verified as soon as they are there: a wrong file is not fetched to
    /// its end.
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
        if download.phase == Phase::Verifying {
            self.whole(fetch, cx);
        }
    }

    /// What has arrived is not what was promised: whoever alone sent the head is not asked again, and the download
    /// starts from the beginning. Where several sent it nobody is blamed, and from then on only one at a time
    /// may send it; where it was there before, neither. So each time but the first two a source drops out.
    pub(super) fn corrupt(&mut self, fetch: FetchId, cx: Hands) {
        let attempts_max = self.config.attempts_max;
        let Some(download) = self.downloads.get_mut(&fetch) else { return };
        let mut stages = Vec::new();
        for source in &mut download.sources {
            stages.push(std::mem::replace(&mut source.stage, Stage::Idle));
        }
        let senders = download.sources.iter().filter(|source| source.in_head).count();
        let blamed = senders == 1 && !download.head.resumed;
        download.head = Head { unmixed: download.head.unmixed || senders > 1, ..Head::default() };
        for source in &mut download.sources {
            if std::mem::take(&mut source.in_head) && blamed {
                source.attempts = attempts_max;
            }
        }
        download.why = Failure::Corrupt;
        download.have = 0;
        download.told = 0;
        cx.note(Note::Progress(fetch, 0));
        for stage in stages {
            self.let_go(stage, cx);
        }
        self.round(fetch, cx);
    }

    pub(super) fn finished(&mut self, file: FileId, fault: Option<StoreFault>, cx: Hands) {
        let finishing = |download: &Download| download.into == file && download.phase == Phase::Finishing;
        let found = self.downloads.iter().find(|(_, download)| finishing(download));
        let Some(fetch) = found.map(|(fetch, _)| *fetch) else { return };
        match fault {
            None => {
                self.downloads.remove(&fetch);
                cx.note(Note::Fetched(fetch));
            }
            Some(StoreFault::Corrupt) => self.corrupt(fetch, cx),
            Some(fault) => self.store_failed(fetch, fault, cx),
        }
    }

    pub(super) fn store_failed(&mut self, fetch: FetchId, fault: StoreFault, cx: Hands) {
        match fault {
            StoreFault::Full => self.fail(fetch, Failure::DiskFull, cx),
            StoreFault::Corrupt | StoreFault::Io | StoreFault::Missing => self.fail(fetch, Failure::Store, cx),
        }
    }

    /// Ends a download without its file.
    pub(super) fn fail(&mut self, fetch: FetchId, why: Failure, cx: Hands) {
        let Some(download) = self.downloads.remove(&fetch) else { return };
        for source in download.sources {
            self.let_go(source.stage, cx);
        }
        cx.note(Note::Failed(fetch, why));
    }

    /// The server is gone: sources that have not met us yet go back to idle, at no cost to them.
    pub(super) fn downloads_without_server(&mut self, cx: Hands) {
        let all: Vec<FetchId> = self.downloads.keys().copied().collect();
        for fetch in all {
            let Some(download) = self.downloads.get_mut(&fetch) else { continue };
            let mut current_lost = false;
            for (at, source) in download.sources.iter_mut().enumerate() {
                if source.stage.needs_server() {
                    source.stage = Stage::Idle;
                    current_lost |= download.phase == Phase::Fetching(at);
                }
            }
            match download.phase {
                Phase::Round { .. } => self.decide(fetch, cx),
                Phase::Fetching(_) if current_lost => self.round(fetch, cx),
                Phase::Waiting { .. } => self.round(fetch, cx),
                Phase::Fetching(_) | Phase::Verifying | Phase::Finishing => {}
            }
        }
    }

    /// The server has let us in: downloads that waited for it go on.
    pub(super) fn downloads_with_server(&mut self, cx: Hands) {
        let waiting = |(_, download): &(&FetchId, &Box<Download>)| {
            download.phase == Phase::Waiting { for_server: true }
        };
        let all: Vec<FetchId> = self.downloads.iter().filter(waiting).map(|(fetch, _)| *fetch).collect();
        for fetch in all {
            self.round(fetch, cx);
        }
    }
}

/// True if pings decide, so that even a firewalled holder needs one.
pub(super) fn pings_matter(selection: Selection, download: &Download) -> bool {
    matches!(selection, Selection::Ping { .. })
        && download.sources.iter().filter(|source| source.stage != Stage::Idle).count() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resume_avoids_offsets_whose_size_could_be_misread() {
        assert_eq!(unambiguous_offset(1234, 0), 0);
        assert_eq!(unambiguous_offset(1234, 500), 500);
        // 12 bytes left of 1234: "12" begins "1234".
        assert_eq!(unambiguous_offset(1234, 1222), 1221);
        assert_eq!(unambiguous_offset(1000, 1000), 1000);
        assert_eq!(unambiguous_offset(10, 9), 8);
    }
}
