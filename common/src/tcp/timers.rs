//! A peer's timers, earliest first.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::peer::Time;

/// The most timers one peer may have set. Peers keep a few for each connection; one with a million has lost
/// count, and that is a bug of ours, not of a remote.
const TIMERS_MAX: usize = 1 << 20;

/// A peer's timers, earliest first, those of one moment in the order they were set.
pub(super) struct Timers<T> {
    heap: BinaryHeap<Entry<T>>,
    set: u64,
}

struct Entry<T> {
    at: Time,
    sequence: u64,
    timer: T,
}

impl<T> Timers<T> {
    pub(super) fn new() -> Self {
        Timers { heap: BinaryHeap::new(), set: 0 }
    }

    /// Adds a timer.
    ///
    /// # Panics
    /// Beyond [`TIMERS_MAX`].
    pub(super) fn set(&mut self, at: Time, timer: T) {
        assert!(self.heap.len() < TIMERS_MAX, "a peer has set {TIMERS_MAX} timers");
        self.heap.push(Entry { at, sequence: self.set, timer });
        self.set += 1;
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Time> {
        self.heap.peek().map(|entry| entry.at)
    }

    /// Takes one that is due at `now`.
    pub(super) fn due(&mut self, now: Time) -> Option<T> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|entry| entry.timer)
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap gives its greatest first, so the earliest must compare as the greatest.
        (other.at, other.sequence).cmp(&(self.at, self.sequence))
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Entry<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_in_time_order_and_then_in_the_order_they_were_set() {
        let mut timers = Timers::new();
        for (at, name) in [(20, 'c'), (10, 'a'), (20, 'd'), (10, 'b'), (30, 'e')] {
            timers.set(Time(at), name);
        }
        assert_eq!(timers.due(Time(9)), None);
        let due: String = std::iter::from_fn(|| timers.due(Time(20))).collect();
        assert_eq!((due.as_str(), timers.next()), ("abcd", Some(Time(30))));
    }
}
