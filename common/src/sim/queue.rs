//! The queue of coming events: ordered by time, and for one time by the order of insertion.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::peer::Time;

/// One coming event.
struct Entry<T> {
    at: Time,
    sequence: u64,
    value: T,
}

/// Coming events.
pub(super) struct Queue<T> {
    entries: BinaryHeap<Entry<T>>,
    sequence: u64,
}

impl<T> Queue<T> {
    pub fn new() -> Self {
        Queue { entries: BinaryHeap::new(), sequence: 0 }
    }

    /// Adds an event.
    pub fn push(&mut self, at: Time, value: T) {
        self.entries.push(Entry { at, sequence: self.sequence, value });
        self.sequence += 1;
    }

    /// The next event, if it is not later than `limit`.
    pub fn pop_until(&mut self, limit: Time) -> Option<(Time, T)> {
        if self.entries.peek()?.at > limit {
            return None;
        }
        self.entries.pop().map(|entry| (entry.at, entry.value))
    }

    /// How many events are to come.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
}

impl<T> Ord for Entry<T> {
    /// The heap's greatest is the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
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
