//! What comes of a source: its connection stands, it answers, its bytes come, or it fails.
//!
//! Each is told by the overlay and moves the source on in the table of `source.rs`; what to do next, the next
//! [`Download::poll`] says.

use std::time::Duration;

use super::answer::{Answer, Busy, Offered};
use super::download::{Action, Download, Phase, id, of_store};
use super::feed::PROGRESS_BYTES_MIN;
use super::source::{Asked, Lost, Receiving, SourceId, Stage};
use super::weight;
use crate::peer::{BodyState, Time};
use crate::store::StoreFault;
use crate::user::Failure;

/// The shortest wait before a busy source is asked again, whatever it says.
const QUEUE_RETRY_MIN: Duration = Duration::from_secs(1);
/// Doublings of the time that a source names, while its queue does not move.
const QUEUE_DOUBLINGS_MAX: u8 = 6;
/// The furthest place in a queue at which getting on is progress: so it cannot go on for ever.
const POSITION_MAX: u32 = 1000;

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

impl<K> Download<K> {
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

    /// Fails all that have had their time.
    pub(super) fn expire(&mut self, now: Time) {
        for at in 0..self.sources.len() {
            if self.sources[at].deadline().is_some_and(|deadline| deadline <= now) {
                self.urgent.push_back(Action::HangUp(id(at)));
                self.source_failed(at, Failure::Timeout, false, now);
            }
        }
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
        self.sources[at].stage = Stage::Idle;
        self.is_changed = true;
    }

    /// A source is not asked again: what it failed by last is what the user may be told.
    pub(super) fn drop_source(&mut self, at: usize, why: Failure) {
        self.why = weightier(self.why, why);
        self.sources[at].stage = Stage::Gone;
        self.is_changed = true;
    }
}

fn weightier(before: Failure, why: Failure) -> Failure {
    if weight(why) >= weight(before) { why } else { before }
}
