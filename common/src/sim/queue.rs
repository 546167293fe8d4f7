//! The queue of coming events: ordered by time, and for one time by the order of insertion.
//!
//! A hierarchical timing wheel:
//!
//! - Level 0 has 4,096 slots of 65 µs each, 268 ms in all, so that most messages are filed once; level 1 has 256 slots of
//!   268 ms, level 2 of 69 s, and so on until every `u64` has its slot. An event lies on the level of the highest digit in
//!   which its time differs from the wheel's position.
//! - When the position enters a slot of a higher level, the slot is dealt out to the levels below; when it enters a
//!   slot of level 0, the slot is sorted and becomes part of the *run*, from which events are popped.
//! - What is pushed into the time of the run itself goes to a small heap beside it.
//!
//! A slot is a chain of blocks of 16 events, out of one table for all slots: what comes to a slot is written to one place
//! after the other and read in the same way, a slot that was once busy keeps no memory, and the block that was emptied
//! last, which the processor still has at hand, is filled first.
//!
//! Order for equal times needs no sequence number in the wheel: a slot is dealt out before anything can be pushed directly
//! to where its events go, so a slot's events always stand in the order of insertion, and are sorted by time and place in
//! the slot. What the heap holds was pushed after everything in the run.
//!
//! Push and pop cost O(1) for any density of events; nothing is allocated once the tables have grown to the busiest
//! moment. The bound on the number of events is that of `u32`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::place::{Place, Vacant};
use crate::peer::Time;

/// A slot of level 0 is 2^16 ns = 65 µs long: short enough that few events share one even in a busy run, long enough that
/// a quiet run does not walk over many empty ones.
const SLOT_BITS: u32 = 16;
/// Slots of level 0, as a power of two.
const LOW_BITS: u32 = 12;
/// Slots of each level above, as a power of two.
const DIGIT_BITS: u32 = 8;
/// Levels that 64 bits of time need.
const LEVELS: usize = 1 + (u64::BITS - SLOT_BITS - LOW_BITS).div_ceil(DIGIT_BITS) as usize;

/// Events of a block, a power of two: long enough that a new one is seldom needed, short enough that the half that a
/// slot leaves empty is small.
const BLOCK: u32 = 16;

/// A run takes further slots until it has so many events,
const RUN_WANTED: usize = 32;
/// but none that begin so many slots (4 ms) after its first.
const RUN_SLOTS_MAX: u64 = 64;

/// The place of an event that has been found to be the next, and can be taken once.
#[derive(Clone, Copy)]
pub(super) struct Entry(u32);

/// A chain of blocks, all of them full but the last.
#[derive(Clone, Copy)]
struct Slot {
    first: u32,
    /// Where the next event goes; at the end of a block (a multiple of its length) a new one is needed first.
    end: u32,
}

struct Level {
    slots: Box<[Slot]>,
    /// Which slots hold something, and which words of that are not zero.
    occupied: Box<[u64]>,
    summary: u64,
}

/// The events of all slots.
struct Blocks<T> {
    /// Empty in what of a block is not in use.
    places: Vec<Place<T>>,
    /// For each block the one after it in its slot.
    following: Vec<u32>,
    vacant: Vec<u32>,
}

/// Coming events.
pub(super) struct Queue<T> {
    blocks: Blocks<T>,
    levels: [Level; LEVELS],
    /// The last slot of level 0 that the run was taken from; nothing in the wheel is in this or an earlier one.
    position: u64,
    run: Run,
    near: Near,
    len: usize,
}

/// The events of the slots up to the position.
struct Run {
    /// When the first of these slots begins.
    start: u64,
    /// In order: nanoseconds after the start in the upper half, the place in the lower.
    keys: Vec<u64>,
    /// Of them, how many are in order; all, once the run is made.
    sorted: usize,
    /// Of them, how many have been popped.
    next: usize,
    /// The blocks that the events are in.
    blocks: Vec<u32>,
}

/// Events up to the position that were pushed after the run had been made.
struct Near {
    /// Time, sequence, place.
    order: BinaryHeap<Reverse<(u64, u64, u32)>>,
    sequence: u64,
    /// Places of their own, in blocks that they keep.
    vacant: Vec<u32>,
}

impl<T> Queue<T> {
    /// What one event takes.
    pub const ENTRY_BYTES: usize = size_of::<Place<T>>();

    pub fn new() -> Self {
        Queue {
            blocks: Blocks { places: Vec::new(), following: Vec::new(), vacant: Vec::new() },
            levels: std::array::from_fn(|level| Level::new(if level == 0 { LOW_BITS } else { DIGIT_BITS })),
            position: 0,
            run: Run { start: 0, keys: Vec::new(), sorted: 0, next: 0, blocks: Vec::new() },
            near: Near { order: BinaryHeap::new(), sequence: 0, vacant: Vec::new() },
            len: 0,
        }
    }

    /// The place for a further event, which must not be earlier than the last one popped. It must be filled at once: what
    /// is put together right where it is to lie need not be moved there.
    #[inline(always)]
    pub fn place(&mut self, at: Time) -> Vacant<'_, T> {
        self.len += 1;
        // The very last nanosecond, after five hundred years, is not told from the one before.
        let at = at.0.min(Place::<T>::LAST);
        if at >> SLOT_BITS > self.position { self.file(at) } else { self.near.place(at, &mut self.blocks) }
    }

    /// The time and place of the next event, if it is not later than `limit`. The event is out of the order with that,
    /// and must be taken with [`Queue::take`] at once: looking at it first spares the caller to move what it does not know
    /// yet.
    #[inline(always)]
    pub fn next_until(&mut self, limit: Time) -> Option<(Time, Entry)> {
        match self.run.first() {
            Some((at, entry)) if self.near.order.is_empty() => (at <= limit).then(|| {
                self.run.next += 1;
                (at, entry)
            }),
            _ => self.next_of_both(limit),
        }
    }

    /// [`Queue::next_until`] where the run has ended, or not everything is in it.
    #[inline(never)]
    fn next_of_both(&mut self, limit: Time) -> Option<(Time, Entry)> {
        if self.run.first().is_none() && self.near.order.is_empty() && !self.next_run(limit) {
            return None;
        }
        let first = self.run.first();
        let near = self.near.order.peek().map(|Reverse((at, _, place))| (Time(*at), Entry(*place)));
        let from_run = first.is_some_and(|(at, _)| near.is_none_or(|(near, _)| at <= near));
        let next = if from_run { first } else { near };
        next.filter(|(at, _)| *at <= limit).inspect(|(_, entry)| {
            if from_run {
                self.run.next += 1;
            } else {
                self.near.order.pop();
                self.near.vacant.push(entry.0);
            }
        })
    }

    /// An event that waits to be taken.
    #[inline(always)]
    pub fn look(&self, entry: Entry) -> Option<&T> {
        self.blocks.places[entry.0 as usize].get()
    }

    /// Takes an event out.
    #[inline(always)]
    pub fn take(&mut self, entry: Entry) -> T {
        self.len -= 1;
        self.blocks.places[entry.0 as usize].take()
    }

    /// The event that is `distance` after the next one, unless others get pushed before it: a hint.
    #[inline(always)]
    pub fn ahead(&self, distance: usize) -> Option<&T> {
        let key = self.run.keys.get(self.run.next + distance)?;
        self.look(Entry(*key as u32))
    }

    /// How many events are to come.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The place for an event later than the position, in its slot.
    #[inline(always)]
    fn file(&mut self, at: u64) -> Vacant<'_, T> {
        let slot = at >> SLOT_BITS;
        let differs = slot ^ self.position;
        let (level, digit) = if differs >> LOW_BITS == 0 {
            (0, slot as usize % (1 << LOW_BITS))
        } else {
            let above = (u64::BITS - 1 - differs.leading_zeros() - LOW_BITS) / DIGIT_BITS;
            let digit = slot >> (LOW_BITS + above * DIGIT_BITS);
            (1 + above as usize, digit as usize % (1 << DIGIT_BITS))
        };
        let level = &mut self.levels[level];
        if level.slots[digit].end.is_multiple_of(BLOCK) {
            level.lengthen(digit, &mut self.blocks);
        }
        let slot = &mut level.slots[digit];
        let place = &mut self.blocks.places[slot.end as usize];
        slot.end += 1;
        place.vacant(at)
    }

    /// Makes the coming slots the run, unless the first that holds anything begins after `limit`. One slot of a busy
    /// run, several of a quiet one: with a few events known in advance, their memory can be fetched in advance.
    fn next_run(&mut self, limit: Time) -> bool {
        self.run.keys.clear();
        (self.run.sorted, self.run.next) = (0, 0);
        self.blocks.vacant.append(&mut self.run.blocks);
        let mut limit = limit.0 >> SLOT_BITS;
        while self.run.keys.len() < RUN_WANTED {
            // The lowest level that has anything has the earliest: the levels above differ from the position in a
            // higher digit.
            let found = (0..LEVELS).find_map(|level| Some((level, self.levels[level].first()?)));
            let Some((level, digit)) = found else { break };
            let (shift, bits) = match level as u32 {
                0 => (0, LOW_BITS),
                level => (LOW_BITS + (level - 1) * DIGIT_BITS, DIGIT_BITS),
            };
            let above = self.position.checked_shr(shift + bits).unwrap_or(0);
            let start = (above << bits | digit as u64) << shift;
            if start > limit {
                break;
            }
            self.position = start;
            let slot = self.levels[level].clear(digit);
            if level == 0 {
                if self.run.keys.is_empty() {
                    self.run.start = start << SLOT_BITS;
                }
                self.run.add(slot, &self.blocks);
                limit = limit.min(start.saturating_add(RUN_SLOTS_MAX));
            } else {
                self.deal_out(slot);
            }
        }
        self.run.sort();
        !self.run.keys.is_empty()
    }

    /// Files the events of a slot on the levels below.
    #[inline(never)]
    fn deal_out(&mut self, slot: Slot) {
        let mut next = Some(slot.first);
        while let Some(block) = next {
            for place in slot.places(block) {
                let place = &mut self.blocks.places[place];
                let (at, value) = (place.at(), place.take());
                self.file(at).put(value);
            }
            next = slot.after(block, &self.blocks.following);
            self.blocks.vacant.push(block);
        }
    }
}

impl Slot {
    const EMPTY: Slot = Slot { first: 0, end: 0 };

    /// Where its events are in one of its blocks.
    fn places(self, block: u32) -> Range<usize> {
        let start = block * BLOCK;
        start as usize..(start + BLOCK).min(if self.is_last(block) { self.end } else { u32::MAX }) as usize
    }

    /// The block after one of its blocks.
    fn after(self, block: u32, following: &[u32]) -> Option<u32> {
        (!self.is_last(block)).then(|| following[block as usize])
    }

    fn is_last(self, block: u32) -> bool {
        (self.end - 1) / BLOCK == block
    }
}

impl Level {
    fn new(bits: u32) -> Level {
        let slots = 1 << bits;
        Level { slots: vec![Slot::EMPTY; slots].into(), occupied: vec![0; slots / 64].into(), summary: 0 }
    }

    /// The first slot that holds anything. None before the position's own does.
    fn first(&self) -> Option<usize> {
        let word = self.occupied.get(self.summary.trailing_zeros() as usize)?;
        Some((self.summary.trailing_zeros() * 64 + word.trailing_zeros()) as usize)
    }

    /// Gives a slot its first block, or its next.
    #[inline(never)]
    fn lengthen<T>(&mut self, digit: usize, blocks: &mut Blocks<T>) {
        let block = blocks.obtain();
        let slot = &mut self.slots[digit];
        if slot.end == 0 {
            slot.first = block;
            self.occupied[digit / 64] |= 1 << (digit % 64);
            self.summary |= 1 << (digit / 64);
        } else {
            blocks.following[(slot.end - 1) as usize / BLOCK as usize] = block;
        }
        slot.end = block * BLOCK;
    }

    /// Takes a slot's events out.
    fn clear(&mut self, digit: usize) -> Slot {
        let word = &mut self.occupied[digit / 64];
        *word &= !(1 << (digit % 64));
        if *word == 0 {
            self.summary &= !(1 << (digit / 64));
        }
        std::mem::replace(&mut self.slots[digit], Slot::EMPTY)
    }
}

impl<T> Blocks<T> {
    /// A block that nothing is in.
    fn obtain(&mut self) -> u32 {
        self.vacant.pop().unwrap_or_else(|| {
            let block = u32::try_from(self.following.len()).unwrap_or(u32::MAX);
            assert!(block < u32::MAX / BLOCK, "fewer than 2^32 events are to come");
            self.following.push(0);
            self.places.extend((0..BLOCK).map(|_| Place::empty()));
            block
        })
    }
}

impl Run {
    /// Adds the events of a slot, all of them later than what is there.
    fn add<T>(&mut self, slot: Slot, blocks: &Blocks<T>) {
        if slot.is_last(slot.first) {
            // Places in one block are in the order of insertion.
            let range = slot.places(slot.first);
            let keys = blocks.places[range.clone()].iter().zip(range.start as u64..);
            self.keys.extend(keys.map(|(place, number)| (place.at() - self.start) << 32 | number));
            self.blocks.push(slot.first);
        } else {
            self.sort();
            self.add_chain(slot, blocks);
            self.sorted = self.keys.len();
        }
    }

    /// Puts in order what is not yet.
    fn sort(&mut self) {
        self.keys[self.sorted..].sort_unstable();
        self.sorted = self.keys.len();
    }

    /// Adds the events of a slot with many.
    fn add_chain<T>(&mut self, slot: Slot, blocks: &Blocks<T>) {
        let (first_key, first_block) = (self.keys.len(), self.blocks.len());
        let mut next = Some(slot.first);
        while let Some(block) = next {
            let first = (self.blocks.len() - first_block) as u64 * u64::from(BLOCK);
            let keys = blocks.places[slot.places(block)].iter().zip(first..);
            self.keys.extend(keys.map(|(place, number)| (place.at() - self.start) << 32 | number));
            self.blocks.push(block);
            next = slot.after(block, &blocks.following);
        }
        // In order by the number among the slot's events, then with the place in the blocks instead.
        let (keys, blocks) = (&mut self.keys[first_key..], &self.blocks[first_block..]);
        keys.sort_unstable();
        for key in keys {
            let number = *key as u32;
            let place = blocks[(number / BLOCK) as usize] * BLOCK + number % BLOCK;
            *key = *key >> 32 << 32 | u64::from(place);
        }
    }

    /// The time and place of the next.
    #[inline(always)]
    fn first(&self) -> Option<(Time, Entry)> {
        let key = self.keys.get(self.next)?;
        Some((Time(self.start + (key >> 32)), Entry(*key as u32)))
    }
}

impl Near {
    #[inline(never)]
    fn place<'a, T>(&mut self, at: u64, blocks: &'a mut Blocks<T>) -> Vacant<'a, T> {
        let place = self.vacant.pop().unwrap_or_else(|| {
            let start = blocks.obtain() * BLOCK;
            self.vacant.extend((start + 1..start + BLOCK).rev());
            start
        });
        self.order.push(Reverse((at, self.sequence, place)));
        self.sequence += 1;
        blocks.places[place as usize].vacant(at)
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
                        let at = now.saturating_add(after).min(Place::<u64>::LAST);
                        queue.place(Time(at)).put(model.sequence);
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
            queue.place(Time(5_000_000_000)).put(n);
        }
        for n in 0..1_000_000 {
            assert_eq!(queue.pop_until(Time::MAX), Some((Time(5_000_000_000), n)));
        }
        assert_eq!(queue.pop_until(Time::MAX), None);
    }
}
