//! Who sent what.

use crate::store::Ranges;

use super::SourceId;

/// The bytes of a download by the source that sent them last. Bytes that were there before are nobody's.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    /// Sorted and disjoint.
    spans: Vec<Sent>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Sent {
    start: u64,
    end: u64,
    by: SourceId,
}

impl Origin {
    /// The bytes from `start` up to and without `end` came from `by`, whoever sent them before.
    pub(super) fn assign(&mut self, start: u64, end: u64, by: SourceId) {
        self.replace(start, end, Some(by));
    }

    /// Nobody knows who sent the bytes from `start` up to and without `end`.
    pub(super) fn forget(&mut self, start: u64, end: u64) {
        self.replace(start, end, None);
    }

    fn replace(&mut self, start: u64, end: u64, by: Option<SourceId>) {
        if start >= end {
            return;
        }
        let first = self.spans.partition_point(|sent| sent.end <= start);
        let after = self.spans.partition_point(|sent| sent.start < end);
        // A body mostly goes on where its last piece ended.
        if first == after
            && let Some(before) = first.checked_sub(1).and_then(|at| self.spans.get_mut(at))
            && before.end == start
            && Some(before.by) == by
        {
            before.end = end;
            return;
        }
        let covered = &self.spans[first..after];
        let left = covered.first().map(|sent| Sent { end: start, ..*sent });
        let right = covered.last().map(|sent| Sent { start: end, ..*sent });
        let new = by.map(|by| Sent { start, end, by });
        let pieces = [left, new, right].into_iter().flatten();
        self.spans.splice(first..after, pieces.filter(|sent| sent.start < sent.end));
    }

    /// Forgets all bytes but those of `source`, and returns these.
    pub(super) fn keep_only(&mut self, source: SourceId) -> Ranges {
        self.spans.retain(|sent| sent.by == source);
        let mut kept = Ranges::default();
        for sent in &self.spans {
            // Sorted, so each but the first is appended; more than fit are fetched again.
            let _ = kept.insert(sent.start, sent.end);
        }
        kept
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.spans.clear();
    }

    /// Bytes by this source.
    pub(super) fn bytes_of(&self, source: SourceId) -> u64 {
        self.spans.iter().filter(|sent| sent.by == source).map(|sent| sent.end - sent.start).sum()
    }

    /// The source that has sent all of the first `size` bytes, if there is one.
    pub(super) fn only_sender(&self, size: u64) -> Option<SourceId> {
        let sender = self.spans.first()?.by;
        (self.bytes_of(sender) == size).then_some(sender)
    }

    /// True if nobody has sent anything.
    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_byte_belongs_to_who_sent_it_last(
            sent in prop::collection::vec((0u64..40, 0u64..20, prop::option::of(0u16..3)), 0..30),
        ) {
            let (mut origin, mut model) = (Origin::default(), [None; 60]);
            for (start, len, by) in sent {
                match by {
                    Some(by) => origin.assign(start, start + len, SourceId(by)),
                    None => origin.forget(start, start + len),
                }
                model[start as usize..(start + len) as usize].fill(by);
            }
            prop_assert!(origin.spans.windows(2).all(|pair| pair[0].end <= pair[1].start));
            prop_assert_eq!(origin.is_empty(), model == [None; 60]);
            let only = (model[0].is_some() && model.iter().all(|by| *by == model[0])).then(|| model[0].map(SourceId));
            prop_assert_eq!(origin.only_sender(60), only.flatten());
            for by in 0..3 {
                let of = model.iter().filter(|of| **of == Some(by)).count() as u64;
                prop_assert_eq!(origin.bytes_of(SourceId(by)), of);
            }
            let kept = origin.keep_only(SourceId(1));
            for (at, by) in (0u64..).zip(model) {
                prop_assert_eq!(kept.contains(at, at + 1), by == Some(1));
            }
        }
    }
}
