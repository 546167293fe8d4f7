//! Bytes that were written a moment ago: a piece that has just come whole is hashed where it is, and need not be read back.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::digest::{Algorithm, Digest, Hasher};

/// Bytes kept at most: some pieces of each of some peers. What goes beyond is read back when it is hashed.
const BYTES_MAX: usize = 8 * 1024 * 1024;

/// Parts of a stream of files, none of which overlaps another.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// By offset.
    parts: BTreeMap<u64, Bytes>,
    /// Their offsets, the oldest in front; some that are gone among them.
    order: VecDeque<u64>,
    bytes: usize,
}

impl Recent {
    /// A part was written.
    pub(super) fn add(&mut self, offset: u64, part: &Bytes) {
        self.forget(offset, part.len() as u64);
        self.bytes += part.len();
        self.parts.insert(offset, part.clone());
        if self.order.len() >= 2 * self.parts.len() + 64 {
            self.order.retain(|offset| self.parts.contains_key(offset));
        }
        self.order.push_back(offset);
        while self.bytes > BYTES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.remove(oldest);
        }
    }

    /// Something else is there now.
    pub(super) fn forget(&mut self, offset: u64, len: u64) {
        let end = offset.saturating_add(len);
        let before = self.parts.range(..offset).next_back();
        let reaches_in = before.filter(|(start, part)| **start + part.len() as u64 > offset);
        let inside = self.parts.range(offset..end);
        let gone: Vec<u64> = reaches_in.into_iter().chain(inside).map(|(start, _)| *start).collect();
        gone.into_iter().for_each(|start| self.remove(start));
        if self.parts.is_empty() {
            self.order.clear();
        }
    }

    fn remove(&mut self, offset: u64) {
        if let Some(part) = self.parts.remove(&offset) {
            self.bytes -= part.len();
        }
    }

    /// Takes the parts that make up a range, if they are all there.
    pub(super) fn take(&mut self, offset: u64, len: u64) -> Option<Vec<Bytes>> {
        let end = offset.checked_add(len)?;
        let (mut at, mut parts) = (offset, Vec::new());
        for (start, part) in self.parts.range(offset..end) {
            if *start != at {
                break;
            }
            at += part.len() as u64;
            parts.push(part.clone());
        }
        // Nobody asks for it twice.
        self.forget(offset, len);
        (at == end).then_some(parts)
    }
}

/// The digest of these bytes, if it is one of all bytes.
pub(super) fn digest(parts: &[Bytes], len: u64, algorithm: Algorithm) -> Option<Digest> {
    if !algorithm.parts(len).eq(std::iter::once(0..len)) {
        return None;
    }
    let mut hasher = Hasher::new(algorithm, len);
    parts.iter().for_each(|part| hasher.update(part));
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(bytes: &[u8]) -> Bytes {
        Bytes::copy_from_slice(bytes)
    }

    #[test]
    fn a_range_is_taken_if_all_of_it_is_there_and_only_once() {
        let mut recent = Recent::default();
        recent.add(4, &part(b"efg"));
        recent.add(0, &part(b"abcd"));
        assert_eq!(recent.take(0, 8), None, "one byte is missing");
        recent.add(4, &part(b"efg"));
        recent.add(0, &part(b"abcd"));
        assert_eq!(recent.take(0, 7).unwrap().concat(), b"abcdefg");
        assert_eq!(recent.take(0, 7), None);
        recent.add(0, &part(b"abcd"));
        assert_eq!(recent.take(1, 3), None, "half a part is none");
    }

    #[test]
    fn what_is_written_over_is_forgotten() {
        let mut recent = Recent::default();
        recent.add(0, &part(b"abcd"));
        recent.add(4, &part(b"efgh"));
        recent.forget(3, 2);
        assert_eq!((recent.parts.len(), recent.bytes, recent.order.len()), (0, 0, 0));
        recent.add(0, &part(b"abcd"));
        recent.add(0, &part(b"ABCD"));
        assert_eq!(recent.take(0, 4).unwrap().concat(), b"ABCD");
    }

    #[test]
    fn it_is_bounded() {
        let mut recent = Recent::default();
        let block = part(&[7; 16 * 1024]);
        for n in 0..10_000 {
            recent.add(n * 16 * 1024, &block);
            assert!(recent.bytes <= BYTES_MAX && recent.order.len() <= 2 * BYTES_MAX / block.len());
        }
        assert!(recent.take(9_999 * 16 * 1024, 16 * 1024).is_some());
        assert_eq!(recent.take(0, 16 * 1024), None);
        // Taken as it comes, what has gone is not kept in the order for ever.
        let mut recent = Recent::default();
        recent.add(1 << 40, &block);
        for n in 0..10_000 {
            recent.add(n * 16 * 1024, &block);
            recent.take(n * 16 * 1024, 16 * 1024).unwrap();
        }
        assert!(recent.order.len() < 2_000, "{}", recent.order.len());
    }
}
