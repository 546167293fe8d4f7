//! One source of a download, and what it is doing.
//!
//! | stage | waits for | then |
//! |---|---|---|
//! | idle | its turn: its time has come, an active place is free, and there is something to fetch | connecting |
//! | connecting | the overlay's dial or push | ready |
//! | ready | something to fetch | asked |
//! | asked | the response's head | a body: receiving; busy: queued, or idle if the connection is not kept; else gone |
//! | queued | its time: between `pollMin` and `pollMax`, or after `Retry-After` | asked |
//! | receiving | the body's bytes | whole: ready, or idle if the connection is not kept; taken over by a faster one: idle |
//! | gone | nothing | |
//!
//! From every stage but gone a failure leads back to idle, with a time before which it is not tried again, which doubles
//! each time; and to gone when it has failed too often without progress, has another file, refuses, breaks the protocol or
//! alone sent a wrong file. A kept connection that ends while nothing was asked on it is no failure.

use std::time::Duration;

use super::DownloadKnobs;
use super::feed::PROGRESS_BYTES_MIN;
use crate::peer::Time;

/// Doublings of the wait before a source is tried again.
const BACKOFF_DOUBLINGS_MAX: u8 = 6;

/// A source, as its download numbers it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SourceId(pub(super) u16);

impl SourceId {
    /// The number, from 0 without a gap in the order of adding: an index for tables beside the download.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Why a source's connection is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lost {
    /// It could not be reached.
    Unreachable,
    /// It closed, or the connection broke.
    Closed,
    /// It was silent for too long.
    Silent,
    /// It broke the protocol: it is not asked again.
    Protocol,
    /// There is no way to it: behind a firewall, and so are we, or nobody knows it any more. It is not tried again.
    NoWay,
}

/// See the module's table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    Idle,
    Connecting { since: Time, until: Time },
    Ready,
    Asked(Asked),
    Queued,
    Receiving(Receiving),
    Gone,
}

/// What a source is to bring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Work {
    /// The next byte that comes.
    pub(super) next: u64,
    /// Where its task ends: from there on somebody else brings the bytes, or has brought them.
    pub(super) end: u64,
    /// Where its body ends, which is later if somebody has taken over the rest of its task.
    pub(super) body_end: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Asked {
    pub(super) work: Work,
    pub(super) since: Time,
    pub(super) until: Time,
    /// The connection had been used before: if it ends now, it may have ended before the request came there.
    pub(super) reused: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Receiving {
    pub(super) work: Work,
    /// The connection goes on after the body.
    pub(super) keeps_alive: bool,
    /// Since when it is sending.
    pub(super) since: Time,
    /// Bytes since then.
    pub(super) bytes: u64,
    /// When the last of them came.
    pub(super) last: Time,
    /// Until then [`PROGRESS_BYTES_MIN`] more must have come.
    pub(super) until: Time,
    /// Bytes since the deadline was set.
    pub(super) moved: u64,
}

/// A source.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) stage: Stage,
    /// Idle or queued: not to be asked before.
    pub(super) not_before: Time,
    /// Failures without progress in between.
    pub(super) attempts: u8,
    /// How often it was asked in vain for a slot, without getting on in its queue.
    pub(super) busy: u8,
    /// The best place it has given us.
    pub(super) position: u32,
    /// Bytes per second of its bodies, zero if none has come yet.
    pub(super) rate: u64,
    /// Where its last body ended: it goes on from there if it can.
    pub(super) last_end: u64,
    /// Its connection has served a request.
    pub(super) reused: bool,
    /// The rest of its last task was taken over by a faster one: it does not do so with others' in turn.
    pub(super) was_slow: bool,
}

impl Source {
    pub(super) fn new() -> Source {
        Source {
            stage: Stage::Idle,
            not_before: Time::ZERO,
            attempts: 0,
            busy: 0,
            position: u32::MAX,
            rate: 0,
            last_end: 0,
            reused: false,
            was_slow: false,
        }
    }

    /// What it is to bring, if it has been asked.
    pub(super) fn work(&self) -> Option<Work> {
        match self.stage {
            Stage::Asked(asked) => Some(asked.work),
            Stage::Receiving(receiving) => Some(receiving.work),
            Stage::Idle | Stage::Connecting { .. } | Stage::Ready | Stage::Queued | Stage::Gone => None,
        }
    }

    pub(super) fn work_mut(&mut self) -> Option<&mut Work> {
        match &mut self.stage {
            Stage::Asked(asked) => Some(&mut asked.work),
            Stage::Receiving(receiving) => Some(&mut receiving.work),
            Stage::Idle | Stage::Connecting { .. } | Stage::Ready | Stage::Queued | Stage::Gone => None,
        }
    }

    /// Where it will go on if it is left to: at the end of what it is bringing, or has brought on this connection.
    pub(super) fn goes_on_at(&self) -> Option<u64> {
        match self.stage {
            Stage::Asked(_) | Stage::Receiving(_) => self.work().map(|work| work.end),
            Stage::Ready | Stage::Queued => Some(self.last_end),
            Stage::Idle | Stage::Connecting { .. } | Stage::Gone => None,
        }
    }

    /// It has a connection, or one may come.
    pub(super) fn is_busy(&self) -> bool {
        !matches!(self.stage, Stage::Idle | Stage::Gone)
    }

    /// It takes one of the active places.
    pub(super) fn is_active(&self) -> bool {
        self.is_busy() && self.stage != Stage::Queued
    }

    /// It could be asked at once.
    pub(super) fn can_be_asked(&self, now: Time) -> bool {
        self.stage == Stage::Ready || self.stage == Stage::Queued && self.not_before <= now
    }

    /// When something must have happened.
    pub(super) fn deadline(&self) -> Option<Time> {
        match self.stage {
            Stage::Connecting { until, .. } => Some(until),
            Stage::Asked(asked) => Some(asked.until),
            Stage::Receiving(receiving) => Some(receiving.until),
            Stage::Idle | Stage::Ready | Stage::Queued | Stage::Gone => None,
        }
    }

    /// How much to ask of it at once.
    pub(super) fn request_len(&self, knobs: &DownloadKnobs) -> u64 {
        let len = scale(self.rate, knobs.request_time);
        len.clamp(knobs.request_bytes_min, knobs.request_bytes_max.max(knobs.request_bytes_min))
    }

    /// Bytes per second of what it is sending; `None` if it is too early to tell, zero if nothing comes.
    pub(super) fn pace(&self, now: Time, patience: Duration) -> Option<u64> {
        let (since, bytes, last) = match self.stage {
            // A first byte takes longer than the next ones.
            Stage::Asked(asked) => return (now.since(asked.since) > 4 * patience).then_some(0),
            Stage::Receiving(receiving) => (receiving.since, receiving.bytes, receiving.last),
            Stage::Idle | Stage::Connecting { .. } | Stage::Ready | Stage::Queued | Stage::Gone => {
                return None;
            }
        };
        if now.since(last) > patience {
            return Some(0);
        }
        (now.since(since) >= patience).then(|| per_second(bytes, now.since(since)))
    }

    /// A body has come so far and no further; what it tells of the source is remembered.
    pub(super) fn body_ended(&mut self, receiving: &Receiving, now: Time) {
        self.last_end = receiving.work.next;
        if receiving.bytes > 0 {
            let pace = per_second(receiving.bytes, now.since(receiving.since)).max(1);
            self.rate = if self.rate == 0 { pace } else { self.rate.midpoint(pace) };
        }
        if receiving.bytes >= PROGRESS_BYTES_MIN {
            (self.attempts, self.busy, self.position) = (0, 0, u32::MAX);
        }
    }

    /// It has failed: sets when it may be tried again; false if it is not to be.
    pub(super) fn may_retry(&mut self, now: Time, knobs: &DownloadKnobs) -> bool {
        self.attempts = self.attempts.saturating_add(1);
        let doublings = (self.attempts - 1).min(BACKOFF_DOUBLINGS_MAX);
        self.not_before = now + knobs.retry * (1 << doublings);
        self.attempts < knobs.attempts_max
    }
}

/// Bytes per second.
fn per_second(bytes: u64, time: Duration) -> u64 {
    let nanos = time.as_nanos().max(1);
    u64::try_from(u128::from(bytes) * 1_000_000_000 / nanos).unwrap_or(u64::MAX)
}

/// Bytes in `time` at this rate.
fn scale(rate: u64, time: Duration) -> u64 {
    u64::try_from(u128::from(rate) * time.as_nanos() / 1_000_000_000).unwrap_or(u64::MAX)
}
