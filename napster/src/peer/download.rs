//! How downloads move on, from round to round; `fetch.rs` has the tables of their states.

use std::sync::Arc;
use std::time::Duration;

use common::peer::{FileId, Span};
use common::store::StoreFault;
use common::transfer::{PROGRESS_BYTES_MIN, weight};
use common::user::{Failure, Fetch, FetchId, Note};

use super::fetch::{BACKOFF_DOUBLINGS_MAX, Download, Head, Phase, Source, Stage, Verdict};
use super::{DOWNLOADS_MAX, Hands, Peer};
use crate::selection::Standing;
use crate::wire::{Message, Quoted, Request, Setup, Token};

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
        let selection = self.me.selection;
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
        let choosable =
            download.sources.iter().enumerate().filter(|(_, source)| source.stage.can_be_chosen());
        let Some((chosen, _)) =
            choosable.min_by_key(|(i, source)| (source.ping.unwrap_or(Duration::MAX), *i))
        else {
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
                let progressed = matches!(stage, Stage::Receiving(r) if r.total >= PROGRESS_BYTES_MIN);
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
                let pending: Vec<usize> = download.pending().collect();
                // Failing the last of them starts the next round.
                for at in pending {
                    self.source_failed((fetch, at), Failure::Timeout, Verdict::Later, cx);
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
        let len = download.checked_len();
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
        match ok {
            false if download.try_next_head() => return self.check_head(fetch, cx),
            false => return self.corrupt(fetch, cx),
            true => {}
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
            StoreFault::Corrupt | StoreFault::Io | StoreFault::Missing => {
                self.fail(fetch, Failure::Store, cx);
            }
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
        let waits = |download: &Download| download.phase == Phase::Waiting { for_server: true };
        let waiting = self.downloads.iter().filter(|(_, download)| waits(download));
        let all: Vec<FetchId> = waiting.map(|(fetch, _)| *fetch).collect();
        for fetch in all {
            self.round(fetch, cx);
        }
    }
}
