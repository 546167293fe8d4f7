//! A download of one file from many sources at once; `source.rs` has the stages of each, `assign.rs` who brings what.
//!
//! | phase | waits for | then |
//! |---|---|---|
//! | fetching | bytes | all there: verifying, or finishing without a digest; no source left: over |
//! | verifying | the driver's word on the digest | right: finishing; wrong: fetching again (see below), or over after `rounds_max` times |
//! | finishing | the store | over |
//! | over | nothing | |
//!
//! # When the digest is wrong
//!
//! A digest over the whole file does not say which of its bytes are wrong. If one source has sent them all it is to blame
//! and is not asked again. If several have, nobody is blamed, but from then on the download is *sole*: only bytes of one
//! source count, at first of the one that has sent most, whose bytes are kept. The next verdict is then certain. So each
//! time but the first a source drops out, and one honest source is enough. Bytes that were there before the download
//! began, or that two sources have sent, are blamed on nobody and are fetched anew.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::answer::{Answer, Busy, Offered};
use super::feed::PROGRESS_BYTES_MIN;
use super::origin::Origin;
use super::source::{Asked, Lost, Receiving, Source, SourceId, Stage};
use super::{DownloadKnobs, weight};
use crate::digest::Digest;
use crate::peer::{BodyState, Time};
use crate::store::{Ranges, StoreFault};
use crate::user::Failure;

/// Progress is told after each 128th part of a file: finer than a progress bar shows.
const PROGRESS_PARTS: u64 = 128;
/// The shortest wait before a busy source is asked again, whatever it says.
const QUEUE_RETRY_MIN: Duration = Duration::from_secs(1);
/// Doublings of the time that a source names, while its queue does not move.
const QUEUE_DOUBLINGS_MAX: u8 = 6;
/// The furthest place in a queue at which getting on is progress: so it cannot go on for ever.
const POSITION_MAX: u32 = 1000;

/// What a download wants done; see [`Download::poll`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Reach this source, by a dial or a push; then [`Download::connected`] or [`Download::lost`].
    Connect(SourceId),
    /// Ask this source, whose connection stands, for a range (`Range: bytes=offset-(offset+len-1)`); then
    /// [`Download::answered`] or [`Download::lost`].
    Ask {
        /// Whom.
        source: SourceId,
        /// The first byte.
        offset: u64,
        /// How many.
        len: u64,
    },
    /// Close this source's connection, or give up reaching it: nothing more is expected of it. No `lost` follows.
    HangUp(SourceId),
    /// Tell the user how many bytes are there.
    Progress(u64),
    /// All bytes are there: compare the whole file with this digest; then [`Download::verified`].
    Verify(Digest),
    /// The file is complete: `cx.finish`; then [`Download::finished`].
    Finish,
    /// Poll again at this time, if nothing else happens before. An earlier timer may be forgotten or may fire; both do
    /// no harm.
    Wake(Time),
    /// The file stands under its final name. The last action.
    Done,
    /// The download has ended without its file. The last action.
    Failed(Failure),
}

/// How to go on after a response's head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// Receive so many bytes into the file from `offset` on (`cx.receive` with a place), and tell of each event by
    /// [`Download::received`].
    Receive {
        /// Where the first byte goes.
        offset: u64,
        /// How many come.
        len: u64,
    },
    /// Read so many bytes over (`cx.receive` without a place), and tell nobody.
    Discard(u64),
    /// Close the connection; nothing more is expected of it.
    HangUp,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Fetching,
    Verifying,
    Finishing,
    Over,
}

/// A download of one file, in ranges, from many sources at once, without I/O.
///
/// `K` is what the overlay knows of a source: address, index, whatever it takes to ask it. Two sources are the same if
/// their keys are equal.
///
/// # How to drive it
///
/// Tell it what has happened (`add_source`, `connected`, `answered`, `received`, `lost`, `verified`, `finished`), then
/// call [`Download::poll`] until it returns `None` and do what each [`Action`] says. Polling too often does no harm.
#[derive(Debug)]
pub struct Download<K> {
    keys: Vec<K>,
    pub(super) sources: Vec<Source>,
    pub(super) size: u64,
    digest: Option<Digest>,
    /// What is there.
    pub(super) have: Ranges,
    origin: Origin,
    pub(super) knobs: Arc<DownloadKnobs>,
    phase: Phase,
    /// Bytes of several sources were wrong once: only this one's count.
    pub(super) sole: Option<usize>,
    /// How often the digest was wrong.
    rounds: u8,
    /// The weightiest reason for which a source has failed.
    why: Failure,
    /// What is to be done before anything else.
    urgent: VecDeque<Action>,
    /// The bytes that the user has been told of.
    told: u64,
    /// When the next poll was asked for.
    alarm: Option<Time>,
    /// Something has happened since the last poll that asks for a decision.
    is_changed: bool,
}

impl<K: PartialEq> Download<K> {
    /// A download of `size` bytes of which `have` are there already. With a digest the whole file is compared with it
    /// before it counts as complete. What is there is of another file if it reaches beyond `size`, and does not count.
    pub fn new(size: u64, digest: Option<Digest>, have: Ranges, knobs: Arc<DownloadKnobs>) -> Self {
        let have = if have.end() > size { Ranges::default() } else { have };
        Download {
            keys: Vec::new(),
            sources: Vec::new(),
            size,
            digest,
            told: have.bytes(),
            have,
            origin: Origin::default(),
            knobs,
            phase: Phase::Fetching,
            sole: None,
            rounds: 0,
            why: Failure::NoHolder,
            urgent: VecDeque::new(),
            alarm: None,
            is_changed: true,
        }
    }

    /// One more source; best guess first. `None` if it is known already, or if there are too many. A download without a
    /// usable source fails at the next poll.
    pub fn add_source(&mut self, key: K) -> Option<SourceId> {
        if self.keys.len() >= self.knobs.sources_max || self.keys.contains(&key) {
            return None;
        }
        let id = SourceId(u16::try_from(self.keys.len()).ok()?);
        self.keys.push(key);
        self.sources.push(Source::new());
        self.is_changed = true;
        Some(id)
    }
}

impl<K> Download<K> {
    /// What the overlay knows of a source.
    pub fn key(&self, source: SourceId) -> &K {
        &self.keys[source.index()]
    }

    /// All sources, in the order of adding.
    pub fn sources(&self) -> impl Iterator<Item = (SourceId, &K)> {
        self.keys.iter().enumerate().map(|(at, key)| (id(at), key))
    }

    /// What has arrived.
    pub fn have(&self) -> &Ranges {
        &self.have
    }

    /// The size of the file in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What to do next; `None` if nothing until something happens. Its actions are ordered: do each before polling for
    /// the next.
    pub fn poll(&mut self, now: Time) -> Option<Action> {
        if self.alarm.is_some_and(|at| at <= now) {
            self.alarm = None;
            self.is_changed = true;
        }
        if self.is_changed && self.phase == Phase::Fetching {
            self.expire(now);
        }
        if let Some(action) = self.urgent.pop_front() {
            return Some(action);
        }
        if self.phase != Phase::Fetching {
            return None;
        }
        if let Some(bytes) = self.news() {
            return Some(Action::Progress(bytes));
        }
        if !self.is_changed {
            return None;
        }
        self.decide(now).or_else(|| {
            self.is_changed = false;
            self.next_alarm(now)
        })
    }

    /// A connection to this source stands: ours, or one it dialled after a push. False if it is not wanted (any more):
    /// close it.
    pub fn connected(&mut self, source: SourceId) -> bool {
        let at = source.index();
        let is_wanted = self.phase == Phase::Fetching && self.may_be_used(at);
        let source = &mut self.sources[at];
        if !is_wanted || !matches!(source.stage, Stage::Idle | Stage::Connecting { .. }) {
            return false;
        }
        source.stage = Stage::Ready;
        source.reused = false;
        self.is_changed = true;
        true
    }

    /// The source has answered an [`Action::Ask`]; see [`Answer::of`].
    pub fn answered(&mut self, source: SourceId, answer: &Answer, now: Time) -> Taken {
        let at = source.index();
        let Stage::Asked(asked) = self.sources[at].stage else { return Taken::HangUp };
        self.is_changed = true;
        match answer {
            Answer::Body(offered) => self.offered(at, asked, *offered, now),
            Answer::Busy(busy) => self.busy(at, *busy, now),
            Answer::Unsatisfiable | Answer::Refused | Answer::Broken => {
                self.drop_source(at, Failure::Refused);
                Taken::HangUp
            }
        }
    }

    /// Bytes of a body have arrived, and are in the store unless `state` says otherwise.
    pub fn received(&mut self, source: SourceId, len: u32, state: BodyState, now: Time) {
        let at = source.index();
        let Stage::Receiving(mut receiving) = self.sources[at].stage else { return };
        match state {
            // A checking store knows the content; whoever sent other bytes has another file.
            BodyState::Failed(StoreFault::Corrupt) => {
                self.hang_up(at);
                return self.drop_source(at, Failure::Corrupt);
            }
            BodyState::Failed(fault) => return self.fail(of_store(fault)),
            BodyState::More | BodyState::Done => {}
        }
        let len = u64::from(len).min(receiving.work.body_end - receiving.work.next);
        let start = receiving.work.next;
        receiving.work.next += len;
        if !self.arrived(start, receiving.work.next, source) {
            return self.fail(Failure::Store);
        }
        receiving.bytes += len;
        receiving.moved += len;
        receiving.last = now;
        if receiving.moved >= PROGRESS_BYTES_MIN {
            receiving.moved = 0;
            receiving.until = now + self.knobs.data_timeout;
        }
        self.sources[at].stage = Stage::Receiving(receiving);
        if state == BodyState::Done {
            self.body_ended(at, receiving, now);
        } else if receiving.work.next >= receiving.work.end && receiving.work.next < receiving.work.body_end {
            self.task_ended(at, receiving, now);
        }
    }

    /// This source's connection has ended by itself, or did not come about.
    pub fn lost(&mut self, source: SourceId, why: Lost, now: Time) {
        let at = source.index();
        self.is_changed = true;
        let (failure, is_final) = match (self.sources[at].stage, why) {
            (Stage::Gone, _) => return,
            (_, Lost::NoWay) => (Failure::NoHolder, true),
            (_, Lost::Protocol) => (Failure::Refused, true),
            (Stage::Idle, _) => return,
            // Nobody waits for anything on it.
            (Stage::Ready | Stage::Queued, _) => return self.sources[at].stage = Stage::Idle,
            (Stage::Asked(Asked { reused: true, .. }), Lost::Closed) => {
                return self.sources[at].stage = Stage::Idle;
            }
            (_, Lost::Silent) => (Failure::Timeout, false),
            (Stage::Asked(_), _) => (Failure::Refused, false),
            (Stage::Connecting { .. } | Stage::Receiving(_), _) => (Failure::NoHolder, false),
        };
        self.source_failed(at, failure, is_final, now);
    }

    /// The answer to [`Action::Verify`].
    pub fn verified(&mut self, ok: bool) {
        match (self.phase, ok) {
            (Phase::Verifying, true) => self.finish(),
            (Phase::Verifying, false) => self.start_again(),
            (Phase::Fetching | Phase::Finishing | Phase::Over, _) => {}
        }
    }

    /// The answer to [`Action::Finish`].
    pub fn finished(&mut self, fault: Option<StoreFault>) {
        if self.phase != Phase::Finishing {
            return;
        }
        match fault {
            None => {
                self.phase = Phase::Over;
                self.urgent.push_back(Action::Done);
            }
            Some(StoreFault::Corrupt) => self.start_again(),
            Some(fault) => self.fail(of_store(fault)),
        }
    }

    /// Ends the download: the user cancels it, or the node leaves. Connections are hung up, then it has failed.
    pub fn fail(&mut self, why: Failure) {
        if self.phase != Phase::Over {
            self.hang_up_all();
            self.phase = Phase::Over;
            self.urgent.push_back(Action::Failed(why));
        }
    }

    /// False for a source that is given up, or whose bytes would not count.
    pub(super) fn may_be_used(&self, at: usize) -> bool {
        self.sources[at].stage != Stage::Gone && self.sole.is_none_or(|sole| sole == at)
    }

    /// Notes bytes that are in the store; false if they make more separate ranges than can be noted.
    fn arrived(&mut self, start: u64, end: u64, source: SourceId) -> bool {
        let before = self.have.bytes();
        if self.have.insert(start, end).is_err() {
            return false;
        }
        if self.have.bytes() - before == end - start {
            self.origin.assign(start, end, source);
        } else {
            // Somebody has sent them, too, and nobody knows whose bytes were written last.
            self.origin.forget(start, end);
        }
        true
    }

    /// Fails all that have had their time.
    fn expire(&mut self, now: Time) {
        for at in 0..self.sources.len() {
            if self.sources[at].deadline().is_some_and(|deadline| deadline <= now) {
                self.urgent.push_back(Action::HangUp(id(at)));
                self.source_failed(at, Failure::Timeout, false, now);
            }
        }
    }

    /// Bytes to tell the user of, if it is time to.
    fn news(&mut self) -> Option<u64> {
        let have = self.have.bytes();
        let is_due = have < self.told
            || have - self.told >= (self.size / PROGRESS_PARTS).max(1)
            || have == self.size && self.told < have;
        is_due.then(|| {
            self.told = have;
            have
        })
    }

    fn decide(&mut self, now: Time) -> Option<Action> {
        if self.have.bytes() == self.size {
            self.hang_up_all();
            match self.digest {
                Some(digest) => {
                    self.phase = Phase::Verifying;
                    self.urgent.push_back(Action::Verify(digest));
                }
                None => self.finish(),
            }
            return self.urgent.pop_front();
        }
        if self.sole.is_some_and(|sole| !self.may_be_used(sole)) {
            self.choose_sole();
        }
        if !(0..self.sources.len()).any(|at| self.may_be_used(at)) {
            self.fail(self.why);
            return self.urgent.pop_front();
        }
        for at in 0..self.sources.len() {
            if self.sources[at].can_be_asked(now)
                && self.may_be_used(at)
                && let Some(task) = self.task_for(at, now)
            {
                self.give(at, task, now);
                return Some(Action::Ask { source: id(at), offset: task.start, len: task.end - task.start });
            }
        }
        let at = self.next_to_connect(now)?;
        self.sources[at].stage = Stage::Connecting { since: now, until: now + self.knobs.connect_timeout };
        Some(Action::Connect(id(at)))
    }

    /// When to look again even if nothing happens; `None` if that has been asked for already.
    fn next_alarm(&mut self, now: Time) -> Option<Action> {
        let waits = |source: &Source| {
            let waits = matches!(source.stage, Stage::Idle | Stage::Queued) && source.not_before > now;
            waits.then_some(source.not_before)
        };
        let usable = self.sources.iter().enumerate().filter(|(at, _)| self.may_be_used(*at));
        let due = usable.filter_map(|(_, source)| source.deadline().or_else(|| waits(source))).min();
        // Somebody could take over a task as soon as it is clear that another is slow, or do what another that does not
        // come was to do.
        let is_about =
            |source: &Source| source.can_be_asked(now) || matches!(source.stage, Stage::Connecting { .. });
        let look = self.sources.iter().any(is_about).then(|| now + self.knobs.steal_time_min);
        let at = due.into_iter().chain(look).min()?;
        if self.alarm.is_some_and(|alarm| alarm <= at) {
            return None;
        }
        self.alarm = Some(at);
        Some(Action::Wake(at))
    }

    /// A source has a body for us.
    fn offered(&mut self, at: usize, asked: Asked, offered: Offered, now: Time) -> Taken {
        let mut work = asked.work;
        let is_ours = offered.total.is_none_or(|total| total == self.size);
        let end = offered.offset.checked_add(offered.len).filter(|end| *end <= self.size);
        let (Some(end), true) = (end, is_ours && offered.len > 0) else {
            // Another file than was promised.
            self.drop_source(at, Failure::NoHolder);
            return Taken::HangUp;
        };
        if offered.offset != work.next {
            // It knows no ranges, or will not give this one.
            self.drop_source(at, Failure::Refused);
            return Taken::HangUp;
        }
        work.body_end = end;
        work.end = work.end.min(end);
        if work.end <= work.next {
            // Somebody else has taken over the whole task in the meantime.
            self.sources[at].stage = Stage::Idle;
            self.sources[at].was_slow = true;
            return Taken::HangUp;
        }
        let keeps_alive = offered.keeps_alive;
        let until = now + self.knobs.data_timeout;
        let receiving = Receiving { work, keeps_alive, since: now, bytes: 0, last: now, until, moved: 0 };
        self.sources[at].stage = Stage::Receiving(receiving);
        Taken::Receive { offset: offered.offset, len: offered.len }
    }

    /// All slots of a source are taken.
    fn busy(&mut self, at: usize, busy: Busy, now: Time) -> Taken {
        self.why = weightier(self.why, Failure::Refused);
        let source = &mut self.sources[at];
        let position = busy.place.map_or(u32::MAX, |place| place.position.min(POSITION_MAX));
        source.busy = if position < source.position { 1 } else { source.busy.saturating_add(1) };
        source.position = source.position.min(position);
        if source.busy > self.knobs.queue_retries_max {
            self.drop_source(at, Failure::Refused);
            return Taken::HangUp;
        }
        // At first as soon as we may, then half as often each time, up to half the time in which the place is kept.
        let doublings = u32::from(source.busy.saturating_sub(1).min(QUEUE_DOUBLINGS_MAX));
        let of_place = busy.place.map(|place| {
            let (min, max) = (u64::from(place.poll_min_s), u64::from(place.poll_max_s));
            Duration::from_millis(((min * 1000) << doublings).min((min + max) * 500))
        });
        let wait = of_place.or(busy.retry_after).unwrap_or(self.knobs.queue_retry);
        let longest = self.knobs.queue_retry_max.max(QUEUE_RETRY_MIN);
        source.not_before = now + wait.clamp(QUEUE_RETRY_MIN, longest);
        if busy.keeps_alive {
            source.stage = Stage::Queued;
            Taken::Discard(busy.page_len)
        } else {
            source.stage = Stage::Idle;
            Taken::HangUp
        }
    }

    /// The last byte of a body has come.
    fn body_ended(&mut self, at: usize, receiving: Receiving, now: Time) {
        self.sources[at].body_ended(&receiving, now);
        self.is_changed = true;
        if receiving.keeps_alive {
            self.sources[at].stage = Stage::Ready;
        } else {
            self.hang_up(at);
        }
    }

    /// A source has brought its part, of a body that is longer.
    fn task_ended(&mut self, at: usize, mut receiving: Receiving, now: Time) {
        if let Some(end) = self.extended_end(receiving.work) {
            receiving.work.end = end;
            self.sources[at].stage = Stage::Receiving(receiving);
            return;
        }
        self.sources[at].body_ended(&receiving, now);
        self.sources[at].was_slow = true;
        self.is_changed = true;
        self.hang_up(at);
    }

    fn source_failed(&mut self, at: usize, why: Failure, is_final: bool, now: Time) {
        if let Stage::Receiving(receiving) = self.sources[at].stage {
            self.sources[at].body_ended(&receiving, now);
        }
        let may_retry = self.sources[at].may_retry(now, &self.knobs);
        if is_final || !may_retry {
            return self.drop_source(at, why);
        }
        self.why = weightier(self.why, why);
        self.sources[at].stage = Stage::Idle;
        self.is_changed = true;
    }

    /// A source is not asked again.
    fn drop_source(&mut self, at: usize, why: Failure) {
        self.why = weightier(self.why, why);
        self.sources[at].stage = Stage::Gone;
        self.is_changed = true;
    }

    /// Closes the connection of a source, if it has one.
    fn hang_up(&mut self, at: usize) {
        if self.sources[at].is_busy() {
            self.urgent.push_back(Action::HangUp(id(at)));
            self.sources[at].stage = Stage::Idle;
        }
    }

    fn hang_up_all(&mut self) {
        for at in 0..self.sources.len() {
            self.hang_up(at);
        }
    }

    fn finish(&mut self) {
        self.phase = Phase::Finishing;
        self.urgent.push_back(Action::Finish);
    }

    /// What has arrived is not what was promised; see the module's words on it.
    fn start_again(&mut self) {
        self.why = Failure::Corrupt;
        self.rounds = self.rounds.saturating_add(1);
        if self.rounds > self.knobs.rounds_max {
            return self.fail(Failure::Corrupt);
        }
        self.phase = Phase::Fetching;
        self.is_changed = true;
        if self.origin.is_empty() {
            self.have = Ranges::default();
        } else if let Some(guilty) = self.origin.only_sender(self.size) {
            self.drop_source(guilty.index(), Failure::Corrupt);
            self.origin.clear();
            self.have = Ranges::default();
        } else {
            self.choose_sole();
        }
    }

    /// From now on only the bytes of one source count.
    fn choose_sole(&mut self) {
        self.sole = None;
        let usable = (0..self.sources.len()).filter(|at| self.may_be_used(*at));
        let best = usable.max_by_key(|at| (self.origin.bytes_of(id(*at)), std::cmp::Reverse(*at)));
        let Some(best) = best else { return };
        self.sole = Some(best);
        self.have = self.origin.keep_only(id(best));
    }
}

fn id(at: usize) -> SourceId {
    SourceId(u16::try_from(at).expect("sources are numbered by 16 bits when they are added"))
}

fn weightier(before: Failure, why: Failure) -> Failure {
    if weight(why) >= weight(before) { why } else { before }
}

fn of_store(fault: StoreFault) -> Failure {
    match fault {
        StoreFault::Full => Failure::DiskFull,
        StoreFault::Corrupt => Failure::Corrupt,
        StoreFault::Io | StoreFault::Missing => Failure::Store,
    }
}
