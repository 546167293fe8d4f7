//! Sets of byte ranges: what of a file has arrived.

use super::StoreFault;

/// The most separate ranges a set holds: a 2 GB file in 16 KiB blocks that arrive in the worst order.
pub const RANGES_MAX: usize = 65_536;

/// A set of bytes as sorted, disjoint, non-touching ranges.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ranges {
    /// Start and end (exclusive) of each.
    spans: Vec<(u64, u64)>,
}

impl Ranges {
    /// The first `len` bytes.
    pub fn from_start(len: u64) -> Ranges {
        Ranges { spans: Vec::from_iter((len > 0).then_some((0, len))) }
    }

    /// Adds the bytes from `start` up to and without `end`. Refuses with [`StoreFault::Full`] if that would make
    /// more than [`RANGES_MAX`] separate ranges.
    pub fn insert(&mut self, start: u64, end: u64) -> Result<(), StoreFault> {
        if start >= end {
            return Ok(());
        }
        // Content mostly arrives in order, so the last range is mostly the one that grows.
        if let Some(last) = self.spans.last_mut()
            && last.0 <= start
            && start <= last.1
        {
            last.1 = last.1.max(end);
            return Ok(());
        }
        let first = self.spans.partition_point(|span| span.1 < start);
        let after = self.spans.partition_point(|span| span.0 <= end);
        if first == after {
            if self.spans.len() >= RANGES_MAX {
                return Err(StoreFault::Full);
            }
            self.spans.insert(first, (start, end));
        } else {
            let merged = (self.spans[first].0.min(start), self.spans[after - 1].1.max(end));
            self.spans[first] = merged;
            self.spans.drain(first + 1..after);
        }
        Ok(())
    }

    /// Takes the bytes from `start` up to and without `end` out. A range cut in two counts as one more, even past
    /// the limit: forgetting must not fail.
    pub fn remove(&mut self, start: u64, end: u64) {
        if start >= end {
            return;
        }
        let first = self.spans.partition_point(|span| span.1 <= start);
        let after = self.spans.partition_point(|span| span.0 < end);
        if first >= after {
            return;
        }
        let left = (self.spans[first].0, start);
        let right = (end, self.spans[after - 1].1);
        let kept = [left, right].into_iter().filter(|span| span.0 < span.1);
        self.spans.splice(first..after, kept);
    }

    /// True if every byte from `start` up to and without `end` is in.
    pub fn contains(&self, start: u64, end: u64) -> bool {
        if start >= end {
            return true;
        }
        let after = self.spans.partition_point(|span| span.0 <= start);
        after > 0 && end <= self.spans[after - 1].1
    }

    /// How many bytes from the start are in without a gap.
    pub fn prefix(&self) -> u64 {
        self.spans.first().filter(|span| span.0 == 0).map_or(0, |span| span.1)
    }

    /// The end of the furthest range.
    pub fn end(&self) -> u64 {
        self.spans.last().map_or(0, |span| span.1)
    }

    /// How many bytes are in.
    pub fn bytes(&self) -> u64 {
        self.spans.iter().map(|span| span.1 - span.0).sum()
    }

    /// True if no byte is in.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// What is missing of the first `size` bytes, as (start, end), sorted.
    pub fn gaps(&self, size: u64) -> impl Iterator<Item = (u64, u64)> {
        let starts = std::iter::once(0).chain(self.spans.iter().map(|span| span.1));
        let ends = self.spans.iter().map(|span| span.0).chain(std::iter::once(size));
        starts.zip(ends).map(move |(start, end)| (start, end.min(size))).filter(|(start, end)| start < end)
    }

    /// The ranges as (start, end), sorted.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.spans.iter().copied()
    }
}
