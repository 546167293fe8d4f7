//! A download of one file from many sources at once; `source.rs` has the stages of each, `assign.rs` who brings what,
//! `outcome.rs` what moves a source on, `verdict.rs` who is to blame for a wrong file.
//!
//! | phase | waits for | then |
//! |---|---|---|
//! | fetching | bytes | all there: verifying, or finishing without a digest; no source left: over |
//! | verifying | the driver's word on the digest | right: finishing; wrong: fetching again (see `verdict.rs`), or over after `rounds_max` times |
//! | finishing | the store | over |
//! | over | nothing | |

use std::collections::VecDeque;
use std::sync::Arc;

use super::DownloadKnobs;
use super::origin::Origin;
use super::source::{Source, SourceId, Stage};
use crate::digest::Digest;
use crate::peer::Time;
use crate::store::{Ranges, StoreFault};
use crate::user::Failure;

/// Progress is told after each 128th part of a file: finer than a progress bar shows.
const PROGRESS_PARTS: u64 = 128;

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

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
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
    pub(super) origin: Origin,
    pub(super) knobs: Arc<DownloadKnobs>,
    pub(super) phase: Phase,
    /// Bytes of several sources were wrong once: only this one's count.
    pub(super) sole: Option<usize>,
    /// How often the digest was wrong.
    pub(super) rounds: u8,
    /// The weightiest reason for which a source was given up.
    pub(super) why: Failure,
    /// What is to be done before anything else.
    pub(super) urgent: VecDeque<Action>,
    /// The bytes that the user has been told of.
    told: u64,
    /// When the next poll was asked for.
    alarm: Option<Time>,
    /// Something has happened since the last poll that asks for a decision.
    pub(super) is_changed: bool,
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

    /// Closes the connection of a source, if it has one.
    pub(super) fn hang_up(&mut self, at: usize) {
        if self.sources[at].is_busy() {
            self.urgent.push_back(Action::HangUp(id(at)));
            self.sources[at].stage = Stage::Idle;
        }
    }

    pub(super) fn hang_up_all(&mut self) {
        for at in 0..self.sources.len() {
            self.hang_up(at);
        }
    }
}

pub(super) fn id(at: usize) -> SourceId {
    SourceId(u16::try_from(at).expect("sources are numbered by 16 bits when they are added"))
}

pub(super) fn of_store(fault: StoreFault) -> Failure {
    match fault {
        StoreFault::Full => Failure::DiskFull,
        StoreFault::Corrupt => Failure::Corrupt,
        StoreFault::Io | StoreFault::Missing => Failure::Store,
    }
}
