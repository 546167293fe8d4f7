//! When a connection last moved a byte, and what it waits for.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Limits;

/// When a connection last moved a byte, and what it waits for. Its reader and writer write it, its watchdog
/// reads it; all three live in one task, so no order between the fields has to be enforced.
pub(super) struct Pulse {
    start: Instant,
    /// When the reader began to take a handshake's messages.
    sealing_us: AtomicU64,
    moved_us: AtomicU64,
    reading: AtomicU8,
    writing: AtomicBool,
    waiting_for_line: AtomicBool,
}

/// What a connection's reader waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Reading {
    /// The first message of an accepted connection.
    Handshake,
    /// A handshake's next message, on a connection that is being sealed.
    Sealing,
    /// A message.
    Messages,
    /// More of a body.
    Body,
    /// Its own node: the far side is not to blame for the silence.
    Node,
}

impl Pulse {
    pub(super) fn new(reading: Reading) -> Self {
        Pulse {
            start: Instant::now(),
            sealing_us: AtomicU64::new(0),
            moved_us: AtomicU64::new(0),
            reading: AtomicU8::new(reading as u8),
            writing: AtomicBool::new(false),
            waiting_for_line: AtomicBool::new(false),
        }
    }

    /// A byte has moved.
    pub(super) fn beat(&self) {
        self.moved_us.store(self.now_us(), Ordering::Relaxed);
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The reader now takes a handshake's messages; all of them have to come in time, not each.
    pub(super) fn seals(&self) {
        self.sealing_us.store(self.now_us(), Ordering::Relaxed);
        self.reads(Reading::Sealing);
    }

    /// The reader now waits for this.
    pub(super) fn reads(&self, reading: Reading) {
        if self.reading.swap(reading as u8, Ordering::Relaxed) != reading as u8 {
            self.beat();
        }
    }

    /// The writer now has something that the far side should take, or has not.
    pub(super) fn writes(&self, writing: bool) {
        if self.writing.swap(writing, Ordering::Relaxed) != writing {
            self.beat();
        }
    }

    /// The writer now waits for its turn on the node's own line, or has had it.
    pub(super) fn waits_for_line(&self, waiting: bool) {
        self.waiting_for_line.store(waiting, Ordering::Relaxed);
        self.beat();
    }

    fn moved(&self) -> Instant {
        self.start + Duration::from_micros(self.moved_us.load(Ordering::Relaxed))
    }

    /// Until when the present silence is allowed; `None` while only the own node can end it.
    fn deadline(&self, limits: &Limits) -> Option<Instant> {
        if self.waiting_for_line.load(Ordering::Relaxed) {
            return None;
        }
        let reading = self.reading.load(Ordering::Relaxed);
        if reading == Reading::Sealing as u8 {
            let began = Duration::from_micros(self.sealing_us.load(Ordering::Relaxed));
            return Some(self.start + began + limits.handshake_timeout);
        }
        if self.writing.load(Ordering::Relaxed) {
            return Some(self.moved() + limits.stall_timeout);
        }
        match reading {
            reading if reading == Reading::Handshake as u8 => Some(self.start + limits.handshake_timeout),
            reading if reading == Reading::Messages as u8 => Some(self.moved() + limits.idle_timeout),
            reading if reading == Reading::Body as u8 => Some(self.moved() + limits.stall_timeout),
            _ => None,
        }
    }

    /// Returns when the far side has been silent for longer than `limits` allow.
    pub(super) async fn stops(&self, limits: &Limits) {
        // What is waited for changes without a word to this watchdog; it looks again at least this often.
        let glance = limits.idle_timeout.min(limits.stall_timeout).min(limits.handshake_timeout);
        loop {
            let now = Instant::now();
            let deadline = self.deadline(limits);
            if deadline.is_some_and(|deadline| deadline <= now) {
                return;
            }
            let glance_at = now + glance;
            sleep_until(deadline.map_or(glance_at, |deadline| deadline.min(glance_at))).await;
        }
    }

    /// Returns when no byte has moved for `quiet`, our own line being free.
    pub(super) async fn quiet_for(&self, quiet: Duration) {
        self.beat();
        loop {
            if self.waiting_for_line.load(Ordering::Relaxed) {
                self.beat();
            }
            let deadline = self.moved() + quiet;
            if deadline <= Instant::now() {
                return;
            }
            sleep_until(deadline).await;
        }
    }
}
