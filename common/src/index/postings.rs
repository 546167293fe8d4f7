//! Sets of record numbers, one for each word: most words have a handful, a few have most of all.

use roaring::{MultiOps, RoaringBitmap};

/// How many numbers fit into the set itself.
const FEW_MAX: usize = 3;
/// A sorted list becomes a bitmap beyond this length: until there, moving its end on a removal is one short copy.
const LIST_MAX: usize = 1024;
/// A bitmap becomes a list again below this length; the gap to [`LIST_MAX`] keeps one word from flapping.
const BITS_MIN: usize = LIST_MAX / 2;

/// The records that hold a word.
pub(super) enum Postings {
    /// The first `len` of `ids`, sorted.
    Few { len: u8, ids: [u32; FEW_MAX] },
    /// Sorted.
    List(Vec<u32>),
    /// Boxed, so that the many short sets stay short.
    Bits(Box<RoaringBitmap>),
}

const _: () = assert!(size_of::<Postings>() <= 24);

impl Default for Postings {
    fn default() -> Self {
        Postings::Few { len: 0, ids: [0; FEW_MAX] }
    }
}

impl Postings {
    /// How many records.
    pub(super) fn len(&self) -> usize {
        match self {
            Postings::Few { len, .. } => usize::from(*len),
            Postings::List(list) => list.len(),
            Postings::Bits(bits) => bits.len() as usize,
        }
    }

    /// Adds a record, mostly the newest of all. Adding one that is there changes nothing.
    pub(super) fn insert(&mut self, id: u32) {
        match self {
            Postings::Few { len, ids } => {
                let taken = usize::from(*len);
                let Err(at) = ids[..taken].binary_search(&id) else { return };
                if taken < FEW_MAX {
                    ids.copy_within(at..taken, at + 1);
                    ids[at] = id;
                    *len += 1;
                } else {
                    let mut list = Vec::with_capacity(2 * FEW_MAX);
                    list.extend_from_slice(ids);
                    list.insert(at, id);
                    *self = Postings::List(list);
                }
            }
            Postings::List(list) => {
                let newest = list.last().is_none_or(|last| *last < id);
                let at = if newest { Err(list.len()) } else { list.binary_search(&id) };
                let Err(at) = at else { return };
                if list.len() == list.capacity() {
                    // Half as much again instead of twice: there are hundreds of thousands of lists.
                    list.reserve_exact(list.len() / 2 + 1);
                }
                list.insert(at, id);
                if list.len() > LIST_MAX {
                    *self = Postings::bits(list);
                }
            }
            Postings::Bits(bits) => {
                bits.insert(id);
            }
        }
    }

    /// Takes a record out, if it is there.
    pub(super) fn remove(&mut self, id: u32) {
        match self {
            Postings::Few { len, ids } => {
                let taken = usize::from(*len);
                if let Ok(at) = ids[..taken].binary_search(&id) {
                    ids.copy_within(at + 1..taken, at);
                    *len -= 1;
                }
            }
            Postings::List(list) => {
                if let Ok(at) = list.binary_search(&id) {
                    list.remove(at);
                }
                if list.len() <= FEW_MAX {
                    let mut ids = [0; FEW_MAX];
                    ids[..list.len()].copy_from_slice(list);
                    *self = Postings::Few { len: list.len() as u8, ids };
                } else if list.len() < list.capacity() / 4 {
                    list.shrink_to(list.len() * 2);
                }
            }
            Postings::Bits(bits) => {
                bits.remove(id);
                if (bits.len() as usize) < BITS_MIN {
                    *self = Postings::List(bits.iter().collect());
                }
            }
        }
    }

    /// Gives every record its new number; `renumber` keeps the order.
    pub(super) fn renumber(&mut self, renumber: impl Fn(u32) -> u32) {
        match self {
            Postings::Few { len, ids } => {
                ids[..usize::from(*len)].iter_mut().for_each(|id| *id = renumber(*id));
            }
            Postings::List(list) => list.iter_mut().for_each(|id| *id = renumber(*id)),
            Postings::Bits(bits) => **bits = bits.iter().map(renumber).collect(),
        }
    }

    /// The records, newest first.
    pub(super) fn newest_first(&self) -> NewestFirst<'_> {
        match self {
            Postings::Few { len, ids } => NewestFirst::Slice(ids[..usize::from(*len)].iter()),
            Postings::List(list) => NewestFirst::Slice(list.iter()),
            Postings::Bits(bits) => NewestFirst::Bits(bits.iter()),
        }
    }

    /// A question "is it there" for records asked newest first.
    pub(super) fn probe(&self) -> Probe<'_> {
        match self {
            Postings::Few { len, ids } => Probe::Slice(&ids[..usize::from(*len)]),
            Postings::List(list) => Probe::Slice(list),
            Postings::Bits(bits) => Probe::Bits(bits),
        }
    }

    /// The bitmap, if it is one.
    pub(super) fn as_bits(&self) -> Option<&RoaringBitmap> {
        match self {
            Postings::Bits(bits) => Some(bits),
            _ => None,
        }
    }

    /// Bytes on the heap, about.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Postings::Few { .. } => 0,
            Postings::List(list) => list.capacity() * size_of::<u32>(),
            Postings::Bits(bits) => size_of::<RoaringBitmap>() + bits.serialized_size(),
        }
    }

    fn bits(sorted: &[u32]) -> Postings {
        Postings::Bits(Box::new(sorted.iter().copied().collect()))
    }
}

/// The records below `before` that are in all of `all`.
pub(super) fn intersect(all: &[&RoaringBitmap], before: u32) -> RoaringBitmap {
    let mut bits = all.iter().copied().intersection();
    bits.remove_range(before..);
    bits
}

/// Iterates over a set from its newest record down.
pub(super) enum NewestFirst<'a> {
    Slice(std::slice::Iter<'a, u32>),
    Bits(roaring::bitmap::Iter<'a>),
}

impl Iterator for NewestFirst<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        match self {
            NewestFirst::Slice(ids) => ids.next_back().copied(),
            NewestFirst::Bits(bits) => bits.next_back(),
        }
    }
}

/// Membership in a set for falling numbers: in a list it gallops from where the last question ended.
pub(super) enum Probe<'a> {
    /// What may still hold an answer.
    Slice(&'a [u32]),
    Bits(&'a RoaringBitmap),
}

impl Probe<'_> {
    /// True if `id` is in the set. `id` must not be larger than the one asked before.
    pub(super) fn contains(&mut self, id: u32) -> bool {
        match self {
            Probe::Bits(bits) => bits.contains(id),
            Probe::Slice(ids) => {
                let mut step = 1;
                while step <= ids.len() && ids[ids.len() - step] > id {
                    step *= 2;
                }
                // All from the last step that was still too large on are too large.
                let (low, high) = (ids.len().saturating_sub(step), ids.len() - step / 2);
                let end = low + ids[low..high].partition_point(|other| *other <= id);
                *ids = &ids[..end];
                ids.last() == Some(&id)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    #[test]
    fn a_set_grows_through_all_its_forms_and_back() {
        let mut postings = Postings::default();
        (0..3000).for_each(|id| postings.insert(id * 2));
        assert!(postings.as_bits().is_some());
        (0..2990).for_each(|id| postings.remove(id * 2));
        assert!(matches!(postings, Postings::List(_)));
        assert_eq!(
            postings.newest_first().collect::<Vec<_>>(),
            (2990..3000).rev().map(|id| id * 2).collect::<Vec<_>>()
        );
        (2990..2998).for_each(|id| postings.remove(id * 2));
        assert!(matches!(postings, Postings::Few { len: 2, .. }));
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

        #[test]
        fn it_is_a_set(ops in prop::collection::vec((any::<bool>(), 0u32..3000), 0..4000), asked in prop::collection::vec(0u32..3000, 50)) {
            let (mut postings, mut model) = (Postings::default(), BTreeSet::new());
            for (add, id) in ops {
                if add {
                    postings.insert(id);
                    model.insert(id);
                } else {
                    postings.remove(id);
                    model.remove(&id);
                }
            }
            prop_assert_eq!(postings.len(), model.len());
            prop_assert!(postings.newest_first().eq(model.iter().rev().copied()));
            let mut asked = asked;
            asked.sort_unstable_by(|a, b| b.cmp(a));
            let mut probe = postings.probe();
            for id in asked {
                prop_assert_eq!(probe.contains(id), model.contains(&id), "{}", id);
            }
            let dense: Vec<u32> = model.iter().copied().collect();
            postings.renumber(|id| dense.binary_search(&id).unwrap() as u32);
            prop_assert!(postings.newest_first().eq((0..dense.len() as u32).rev()));
        }
    }
}
