//! Keeps a driver's queue filled with one body.

use std::time::Duration;

use crate::peer::{Span, Time};

/// What is handed to the driver at a time.
pub const SPAN_BYTES: u64 = 256 * 1024;
/// What the driver holds of one body at most, so that an upload can be ended in the middle: the window that TCP grows
/// to.
pub const QUEUED_BYTES_MAX: u64 = 1024 * 1024;
/// Fewer bytes than this in one time-out are no progress: a hostile drip keeps no slot. 1 KiB, a twentieth of what the
/// slowest modem of Napster's time (14.4k) moves in a minute even if it serves three.
pub const PROGRESS_BYTES_MIN: u64 = 1024;

/// One body on its way out: what of it the driver has, what has left, and until when more must have left.
///
/// ```
/// use std::time::Duration;
/// use common::peer::{FileId, Span, Time};
/// use common::transfer::Feed;
///
/// let span = Span { file: FileId(0), offset: 10, len: 2_000_000 };
/// let mut feed = Feed::new(span, Time::ZERO, Duration::from_secs(60));
/// // On start, and after each `Event::Sent`: hand on what fits.
/// let handed: u64 = std::iter::from_fn(|| feed.next_span()).map(|span| span.len).sum();
/// assert_eq!(handed, 1024 * 1024);
/// feed.sent(handed as u32, Time::ZERO);
/// assert_eq!(feed.next_span().map(|span| span.offset), Some(10 + handed));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Feed {
    /// What the driver has not been handed yet.
    rest: Span,
    /// Bytes handed to the driver that have not left.
    queued: u64,
    /// Bytes that have left.
    sent: u64,
    /// Bytes since the deadline was set.
    moved: u64,
    deadline: Time,
    patience: Duration,
}

impl Feed {
    /// A body of which nothing has left yet; [`PROGRESS_BYTES_MIN`] bytes must leave in each `patience`.
    pub fn new(span: Span, now: Time, patience: Duration) -> Feed {
        Feed { rest: span, queued: 0, sent: 0, moved: 0, deadline: now + patience, patience }
    }

    /// What to hand to the driver next, `None` if it has enough or everything.
    pub fn next_span(&mut self) -> Option<Span> {
        let room = QUEUED_BYTES_MAX.saturating_sub(self.queued);
        let len = self.rest.len.min(SPAN_BYTES);
        if len == 0 || room < len {
            return None;
        }
        let span = Span { len, ..self.rest };
        self.rest.offset += len;
        self.rest.len -= len;
        self.queued += len;
        Some(span)
    }

    /// Bytes of it have left: `Event::Sent`.
    pub fn sent(&mut self, len: u32, now: Time) {
        let len = u64::from(len).min(self.queued);
        self.queued -= len;
        self.sent += len;
        self.moved += len;
        if self.moved >= PROGRESS_BYTES_MIN {
            self.moved = 0;
            self.deadline = now + self.patience;
        }
    }

    /// True if everything has left.
    pub fn is_done(&self) -> bool {
        self.rest.len == 0 && self.queued == 0
    }

    /// Bytes that have left.
    pub fn bytes_sent(&self) -> u64 {
        self.sent
    }

    /// When the far side will have been too slow, unless more leaves before.
    pub fn deadline(&self) -> Time {
        self.deadline
    }
}
