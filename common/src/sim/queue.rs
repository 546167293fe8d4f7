//! The queue of coming events: ordered by time, and for one time by the order of insertion.
//!
//! A hierarchical timing wheel of short keys, with the events themselves in a slab:
//!
//! - Level 0 has 256 slots of 65 µs each, level 1 has 256 of 17 ms, level 2 of 4 s, and so on until every `u64` has its
//!   slot. An event lies on the level of the highest digit (eight bits) in which its time differs from the wheel's position.
//! - When the position enters a slot of a higher level, the slot is dealt out to the levels below; when it enters a
//!   slot of level 0, the slot is sorted and becomes part of the *run*, from which events are popped.
//! - What is pushed into the time of the run itself goes to a small heap beside it.
//!
//! Order for equal times needs no sequence number in the wheel: a slot is dealt out before anything can be pushed directly
//! to where its keys go, so a slot's keys always stand in the order of insertion, and the sort is stable. What the heap
//! holds was pushed after everything in the run.
//!
//! Push and pop cost O(1) for any density of events; nothing is allocated once the buffers have grown to the busiest
//! moment. The bound on the number of events is that of `u32`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::node::prefetch;
use crate::peer::Time;

/// A slot of level 0 is 2^16 ns = 65 µs long: short enough that few events share one even in a busy run, long enough that
/// a quiet run does not walk over many empty ones.
const SLOT_BITS: u32 = 16;
/// Slots of a level, as a power of two.
const DIGIT_BITS: u32 = 8;
const SLOTS: usize = 1 << DIGIT_BITS;
/// Levels that 64 bits of time need.
const LEVELS: usize = (u64::BITS - SLOT_BITS).div_ceil(DIGIT_BITS) as usize;

/// A run takes further slots until it has so many events,
const RUN_WANTED: usize = 64;
/// but none that begin so many slots (1 ms) after its first.
const RUN_SLOTS_MAX: u64 = 16;

/// An event's time and place in the slab.
#[derive(Clone, Copy)]
struct Key {
    at: u64,
    entry: u32,
}

/// The place of an event that has been found to be the next, and can be taken once.
#[derive(Clone, Copy)]
pub(super) struct Entry(u32);

struct Level {
    slots: Vec<Vec<Key>>,
    /// Which slots hold something.
    occupied: [u64; SLOTS / 64],
    /// Buffers of slots that have been dealt out.
    spare: Vec<Vec<Key>>,
}

/// Coming events.
pub(super) struct Queue<T> {
    entries: Vec<Option<T>>,
    vacant: Vec<u32>,
    levels: Vec<Level>,
    /// The last slot of level 0 that the run was taken from; nothing in the wheel is in this or an earlier one.
    position: u64,
    /// The events of the slots up to there, in order, from `next` on.
    run: Vec<Key>,
    next: usize,
    /// Events up to there that were pushed after the run had been made: time, sequence, entry.
    near: BinaryHeap<Reverse<(u64, u64, u32)>>,
    near_sequence: u64,
}

impl<T> Queue<T> {
    pub fn new() -> Self {
        let level = || Level {
            slots: (0..SLOTS).map(|_| Vec::new()).collect(),
            occupied: [0; SLOTS / 64],
            spare: Vec::new(),
        };
        Queue {
            entries: Vec::new(),
            vacant: Vec::new(),
            levels: (0..LEVELS).map(|_| level()).collect(),
            position: 0,
            run: Vec::new(),
            next: 0,
            near: BinaryHeap::new(),
            near_sequence: 0,
        }
    }

    /// Adds an event, which must not be earlier than the last one popped.
    #[inline(always)]
    pub fn push(&mut self, at: Time, value: T) {
        let entry = match self.vacant.pop() {
            Some(entry) => {
                self.entries[entry as usize] = Some(value);
                entry
            }
            None => {
                let entry = u32::try_from(self.entries.len()).expect("fewer than 2^32 events are to come");
                self.entries.push(Some(value));
                entry
            }
        };
        let slot = at.0 >> SLOT_BITS;
        if slot > self.position {
            self.file(Key { at: at.0, entry });
        } else {
            self.near.push(Reverse((at.0, self.near_sequence, entry)));
            self.near_sequence += 1;
        }
    }

    /// The time and place of the next event, if it is not later than `limit`. The event is out of the order with that,
    /// and must be taken with [`Queue::take`]: looking at it first spares the caller to move what it does not know yet.
    #[inline(always)]
    pub fn next_until(&mut self, limit: Time) -> Option<(Time, Entry)> {
        if self.next == self.run.len() && self.near.is_empty() && !self.next_run(limit) {
            return None;
        }
        let in_run = self.run.get(self.next).copied();
        let key = match (in_run, self.near.peek()) {
            (Some(key), None) => key,
            (Some(key), Some(Reverse((at, ..)))) if key.at <= *at => key,
            (_, Some(&Reverse((at, _, entry)))) => Key { at, entry },
            (None, None) => return None,
        };
        if key.at > limit.0 {
            return None;
        }
        if in_run.is_some_and(|first| first.entry == key.entry) {
            self.next += 1;
        } else {
            self.near.pop();
        }
        Some((Time(key.at), Entry(key.entry)))
    }

    /// An event that waits to be taken.
    #[inline(always)]
    pub fn look(&self, entry: Entry) -> Option<&T> {
        self.entries[entry.0 as usize].as_ref()
    }

    /// Takes an event out.
    #[inline(always)]
    pub fn take(&mut self, entry: Entry) -> T {
        self.vacant.push(entry.0);
        self.entries[entry.0 as usize].take().expect("an entry is there until it is taken")
    }

    /// Has the memory of an event fetched that is `distance` after the next one.
    #[inline]
    pub fn prefetch(&self, distance: usize) {
        if let Some(key) = self.run.get(self.next + distance) {
            prefetch(&self.entries[key.entry as usize], 1);
        }
    }

    /// The event that is `distance` after the next one, unless others get pushed before it: a hint.
    #[inline]
    pub fn ahead(&self, distance: usize) -> Option<&T> {
        self.entries[self.run.get(self.next + distance)?.entry as usize].as_ref()
    }

    /// How many events are to come.
    pub fn len(&self) -> usize {
        self.entries.len() - self.vacant.len()
    }

    /// Puts a key, not earlier than the position, into its slot.
    #[inline]
    fn file(&mut self, key: Key) {
        let slot = key.at >> SLOT_BITS;
        let level = (u64::BITS - 1 - (slot ^ self.position | 1).leading_zeros()) / DIGIT_BITS;
        let digit = (slot >> (level * DIGIT_BITS)) as usize % SLOTS;
        let level = &mut self.levels[level as usize];
        let bit = 1 << (digit % 64);
        if level.occupied[digit / 64] & bit == 0 {
            level.occupied[digit / 64] |= bit;
            if level.slots[digit].capacity() == 0
                && let Some(spare) = level.spare.pop()
            {
                level.slots[digit] = spare;
            }
        }
        level.slots[digit].push(key);
    }

    /// Makes the coming slots the run, unless the first that holds anything begins after `limit`. One slot of a busy
    /// run, several of a quiet one: with a few events known in advance, their memory can be fetched in advance.
    fn next_run(&mut self, limit: Time) -> bool {
        self.run.clear();
        self.next = 0;
        let mut limit = limit.0 >> SLOT_BITS;
        while self.run.len() < RUN_WANTED {
            // The lowest level that has anything has the earliest: the levels above differ from the position in a
            // higher digit.
            let found = (0..LEVELS).find_map(|level| Some((level, self.levels[level].first()?)));
            let Some((level, digit)) = found else { break };
            let shift = level as u32 * DIGIT_BITS;
            let above = self.position.checked_shr(shift + DIGIT_BITS).unwrap_or(0);
            let start = (above << DIGIT_BITS | digit as u64) << shift;
            if start > limit {
                break;
            }
            self.position = start;
            self.levels[level].occupied[digit / 64] &= !(1 << (digit % 64));
            let mut keys = std::mem::take(&mut self.levels[level].slots[digit]);
            if level == 0 {
                keys.sort_by_key(|key| key.at);
                self.run.append(&mut keys);
                limit = limit.min(start.saturating_add(RUN_SLOTS_MAX));
            } else {
                keys.drain(..).for_each(|key| self.file(key));
            }
            self.levels[level].spare.push(keys);
        }
        !self.run.is_empty()
    }
}

impl Level {
    /// The first slot that holds anything. None before the position's own does.
    fn first(&self) -> Option<usize> {
        let word = self.occupied.iter().position(|word| *word != 0)?;
        Some(word * 64 + self.occupied[word].trailing_zeros() as usize)
    }
}

#[cfg(test)]
impl<T> Queue<T> {
    /// The next event, if it is not later than `limit`.
    fn pop_until(&mut self, limit: Time) -> Option<(Time, T)> {
        self.next_until(limit).map(|(at, entry)| (at, self.take(entry)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The queue's contract, done slowly.
    #[derive(Default)]
    struct Model {
        heap: BinaryHeap<Reverse<(u64, u64)>>,
        sequence: u64,
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// Push at so much after the last time popped.
        Push(u64),
        /// Pop up to so many, none later than so much after the last time popped.
        Pop(u8, u64),
    }

    fn delays() -> impl Strategy<Value = u64> {
        prop_oneof![
            Just(0),
            0u64..4,
            0u64..1 << 16,
            0u64..1 << 24,
            0u64..1 << 34,
            0u64..1 << 50,
            Just(u64::MAX),
            (0u32..64).prop_map(|bit| 1 << bit),
        ]
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => delays().prop_map(Step::Push),
            1 => (0u8..20, delays()).prop_map(|(count, limit)| Step::Pop(count, limit)),
        ];
        prop::collection::vec(step, 1..400)
    }

    proptest! {
        #[test]
        fn it_pops_what_a_heap_with_sequence_numbers_pops(steps in steps()) {
            let (mut queue, mut model, mut now) = (Queue::new(), Model::default(), 0u64);
            for step in steps.into_iter().chain([Step::Pop(255, u64::MAX), Step::Pop(255, u64::MAX)]) {
                match step {
                    Step::Push(after) => {
                        let at = now.saturating_add(after);
                        queue.push(Time(at), model.sequence);
                        model.heap.push(Reverse((at, model.sequence)));
                        model.sequence += 1;
                    }
                    Step::Pop(count, limit) => for _ in 0..count {
                        let limit = now.saturating_add(limit);
                        let due = model.heap.peek().is_some_and(|Reverse((at, _))| *at <= limit);
                        let expected = if due { model.heap.pop().map(|Reverse((at, n))| (Time(at), n)) } else { None };
                        prop_assert_eq!(queue.pop_until(Time(limit)), expected);
                        if let Some((at, _)) = expected {
                            now = at.0;
                        }
                    },
                }
                prop_assert_eq!(queue.len(), model.heap.len());
            }
        }
    }

    #[test]
    fn a_million_events_at_one_moment_stay_in_order() {
        let mut queue = Queue::new();
        for n in 0..1_000_000 {
            queue.push(Time(5_000_000_000), n);
        }
        for n in 0..1_000_000 {
            assert_eq!(queue.pop_until(Time::MAX), Some((Time(5_000_000_000), n)));
        }
        assert_eq!(queue.pop_until(Time::MAX), None);
    }
}
