//! KaZaA's hashes.
//!
//! | hash | over |
//! |---|---|
//! | UUHash, 20 bytes | MD5 of the first 307,200 bytes, then a CRC-32 of samples further on, XORed with the size |
//! | kzhash, 36 bytes | UUHash, then the root of a binary tree whose leaves are the MD5 of 32,768 bytes each |
//! | checksum, 14 bits | CRC-16 of the UUHash; names files in the oldest requests |
//!
//! A UUHash costs less than a megabyte of most files, which is why KaZaA's clients could compute it for whole folders, and why
//! poisoned files could bear the hash of good ones: nothing between the samples is protected.

use std::ops::Range;

use md5::{Digest as _, Md5};

/// Bytes of the head and of every sample.
pub const SAMPLE_BYTES: u64 = 307_200;
/// Where the first sample after the head starts; each further one at twice the offset.
const FIRST_SAMPLE: u64 = 1 << 20;
const LEAF_BYTES: usize = 32_768;
/// Levels of the tallest tree: one of 2^64 bytes has 2^49 leaves.
const LEVELS_MAX: usize = 50;

/// The samples of a file of `size` bytes: those at doubling offsets that lie well before its end, and its end. They do not
/// overlap, nor does one the head.
pub(super) fn samples(size: u64) -> impl Iterator<Item = Range<u64>> {
    let offsets = (0..u64::BITS - FIRST_SAMPLE.ilog2()).map(|k| FIRST_SAMPLE << k);
    let fits = move |offset: &u64| offset.checked_add(2 * SAMPLE_BYTES).is_some_and(|end| end <= size);
    let doubling = offsets.take_while(fits).map(|offset| offset..offset + SAMPLE_BYTES);
    let end = (size > SAMPLE_BYTES).then(|| size - SAMPLE_BYTES.min(size - SAMPLE_BYTES)..size);
    doubling.chain(end)
}

/// A UUHash in the making.
#[derive(Clone)]
pub struct UuHasher {
    head: Md5,
    crc: crc32fast::Hasher,
    /// Where the next byte stands.
    at: u64,
    size: u64,
    /// The sample that comes next, or in which `at` is.
    sample: Option<Range<u64>>,
}

impl UuHasher {
    /// Starts a hash of a file of `size` bytes.
    pub fn new(size: u64) -> UuHasher {
        let (head, crc) = (Md5::new(), crc32fast::Hasher::new());
        UuHasher { head, crc, at: 0, size, sample: samples(size).next() }
    }

    /// Adds the bytes that come next.
    pub fn update(&mut self, mut bytes: &[u8]) {
        if let Some(left) = SAMPLE_BYTES.checked_sub(self.at) {
            let (head, rest) = bytes.split_at(bytes.len().min(left as usize));
            self.head.update(head);
            self.at += head.len() as u64;
            bytes = rest;
        }
        while let Some(sample) = self.sample.clone() {
            let before = bytes.len().min(sample.start.saturating_sub(self.at) as usize);
            let taken = &bytes[before..];
            let taken = &taken[..taken.len().min((sample.end - self.at.max(sample.start)) as usize)];
            self.crc.update(taken);
            bytes = &bytes[before + taken.len()..];
            self.at += (before + taken.len()) as u64;
            if self.at < sample.end {
                return;
            }
            self.next_sample();
        }
        self.at += bytes.len() as u64;
    }

    /// Goes on `len` bytes later. Those between must not be part of a sample.
    pub fn pass_over(&mut self, len: u64) {
        self.at += len;
    }

    fn next_sample(&mut self) {
        self.sample = samples(self.size).find(|sample| self.at < sample.end);
    }

    /// The value over everything added.
    pub fn finish(self) -> [u8; 20] {
        // The usual CRC-32 is inverted in the end, and this one is not.
        let sparse = !self.crc.finalize() ^ self.size as u32;
        let mut value = [0; 20];
        value[..16].copy_from_slice(&self.head.finalize());
        value[16..].copy_from_slice(&sparse.to_le_bytes());
        value
    }
}

/// A kzhash in the making.
#[derive(Clone)]
pub struct KzHasher {
    uuhash: UuHasher,
    tree: Tree,
}

impl KzHasher {
    /// Starts a hash of a file of `size` bytes.
    pub fn new(size: u64) -> KzHasher {
        KzHasher { uuhash: UuHasher::new(size), tree: Tree::default() }
    }

    /// Adds the bytes that come next.
    pub fn update(&mut self, bytes: &[u8]) {
        self.uuhash.update(bytes);
        self.tree.update(bytes);
    }

    /// The value over everything added.
    pub fn finish(self) -> [u8; 36] {
        let mut value = [0; 36];
        value[..20].copy_from_slice(&self.uuhash.finish());
        value[20..].copy_from_slice(&self.tree.finish());
        value
    }
}

type Node = [u8; 16];

/// A tree of hashes in the making. Of the nodes done only those are kept that still wait for their right neighbour: at most one
/// on each level.
#[derive(Clone)]
struct Tree {
    leaf: Md5,
    leaf_len: usize,
    leaves: u64,
    waiting: [Option<Node>; LEVELS_MAX],
}

impl Default for Tree {
    fn default() -> Self {
        Tree { leaf: Md5::new(), leaf_len: 0, leaves: 0, waiting: [None; LEVELS_MAX] }
    }
}

impl Tree {
    fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (part, rest) = bytes.split_at(bytes.len().min(LEAF_BYTES - self.leaf_len));
            self.leaf.update(part);
            self.leaf_len += part.len();
            if self.leaf_len == LEAF_BYTES {
                self.close_leaf();
            }
            bytes = rest;
        }
    }

    fn close_leaf(&mut self) {
        let mut node = Node::from(self.leaf.finalize_reset());
        self.leaf_len = 0;
        self.leaves += 1;
        for level in &mut self.waiting {
            match level.take() {
                Some(left) => node = parent(&[left, node]),
                None => {
                    *level = Some(node);
                    return;
                }
            }
        }
    }

    fn finish(mut self) -> Node {
        if self.leaf_len > 0 {
            self.close_leaf();
        }
        if self.leaves == 0 {
            return self.leaf.finalize().into();
        }
        // A tree of one leaf is hashed once more, as a lone child is.
        let height = self.leaves.next_power_of_two().ilog2().max(1) as usize;
        // What came up from the level below, where its neighbours ended.
        let mut last = None;
        for level in &mut self.waiting[..height] {
            last = match (level.take(), last) {
                (Some(left), Some(right)) => Some(parent(&[left, right])),
                (Some(lone), None) | (None, Some(lone)) => Some(parent(&[lone])),
                (None, None) => None,
            };
        }
        last.or(self.waiting[height]).expect("a tree with leaves has a root")
    }
}

fn parent(children: &[Node]) -> Node {
    Md5::digest(children.as_flattened()).into()
}

/// The checksum of a UUHash, 14 bits: its number in the oldest requests, and the one under which holders registered it.
pub fn checksum(uuhash: &[u8; 20]) -> u16 {
    const POLYNOMIAL: u16 = 0x1021;
    let crc = uuhash.iter().fold(0, |crc: u16, byte| {
        let crc = crc ^ (u16::from(*byte) << 8);
        (0..8).fold(crc, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ POLYNOMIAL })
    });
    crc & 0x3fff
}

/// Serde knows no arrays of 36 elements.
pub(super) mod halves {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub fn serialize<S: Serializer>(value: &[u8; 36], serializer: S) -> Result<S::Ok, S::Error> {
        let uuhash: [u8; 20] = std::array::from_fn(|at| value[at]);
        let root: [u8; 16] = std::array::from_fn(|at| value[20 + at]);
        (uuhash, root).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 36], D::Error> {
        let (uuhash, root) = <([u8; 20], [u8; 16])>::deserialize(deserializer)?;
        let mut value = [0; 36];
        value[..20].copy_from_slice(&uuhash);
        value[20..].copy_from_slice(&root);
        Ok(value)
    }
}
