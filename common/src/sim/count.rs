//! What the simulator counts: causes, and the digest of the run.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::metrics::Traffic;

/// Why something happens: each command has a cause of its own, and whatever an event leads to (messages, bodies, timers,
/// dials) inherits the event's cause. Zero is the background: the start of nodes and what follows from it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Cause(pub u32);

impl Cause {
    /// What no command caused.
    pub const BACKGROUND: Cause = Cause(0);
}

/// What a cause has cost so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CauseCost {
    /// Messages sent.
    pub messages: u64,
    /// Their bytes on the wire, bodies apart.
    pub bytes: u64,
    /// Body bytes sent.
    pub body_bytes: u64,
    /// Different nodes that a message of this cause was delivered to.
    pub nodes_reached: u64,
}

/// The costs of all causes.
pub(super) struct Causes {
    costs: Vec<CauseCost>,
    reached: Vec<Reach>,
    count_reach: bool,
}

impl Causes {
    pub fn new(count_reach: bool) -> Self {
        let mut causes = Causes { costs: Vec::new(), reached: Vec::new(), count_reach };
        causes.fresh();
        causes
    }

    /// A cause that nothing has yet.
    pub fn fresh(&mut self) -> Cause {
        let cause = u32::try_from(self.costs.len()).expect("a run has fewer than 2^32 commands");
        self.costs.push(CauseCost::default());
        if self.count_reach {
            self.reached.push(Reach::default());
        }
        Cause(cause)
    }

    #[inline]
    pub fn messages(&mut self, cause: Cause, sent: Traffic) {
        let cost = &mut self.costs[cause.0 as usize];
        cost.messages += sent.messages;
        cost.bytes += sent.bytes;
    }

    pub fn body(&mut self, cause: Cause, bytes: u32) {
        self.costs[cause.0 as usize].body_bytes += u64::from(bytes);
    }

    /// Whether anybody wants to know where messages of this cause arrive. The background reaches everybody.
    #[inline]
    pub fn counts_reach(&self, cause: Cause) -> bool {
        self.count_reach && cause != Cause::BACKGROUND
    }

    #[inline]
    pub fn reach(&mut self, cause: Cause, node: u32, nodes: usize) {
        self.reached[cause.0 as usize].insert(node, nodes);
    }

    pub fn cost(&self, cause: Cause) -> CauseCost {
        let nodes_reached = self.reached.get(cause.0 as usize).map_or(0, |reach| u64::from(reach.len));
        CauseCost { nodes_reached, ..self.costs[cause.0 as usize] }
    }
}

/// The set of nodes that a cause has reached: a small hash table, then a bitmap once that takes less memory. (A
/// compressed bitmap would take less still, and four times as long for each message of a flood.)
#[derive(Default)]
struct Reach {
    len: u32,
    form: Form,
}

#[derive(Default)]
enum Form {
    #[default]
    Empty,
    /// Open addressing, linear probing, at most half full; a power of two of entries, each a node's number + 1 or 0.
    Table(Box<[u32]>),
    Bitmap(Box<[u64]>),
}

impl Reach {
    /// Adds one of `nodes` nodes.
    #[inline]
    fn insert(&mut self, node: u32, nodes: usize) {
        if let Form::Bitmap(words) = &mut self.form
            && let Some(word) = words.get_mut(node as usize / 64)
        {
            let bit = 1 << (node % 64);
            self.len += u32::from(*word & bit == 0);
            *word |= bit;
        } else {
            self.insert_slowly(node, nodes);
        }
    }

    #[inline(never)]
    fn insert_slowly(&mut self, node: u32, nodes: usize) {
        match &mut self.form {
            Form::Empty => self.form = Form::Table(vec![0; 8].into()),
            // Nodes were added after the bitmap had been made.
            Form::Bitmap(words) => {
                let mut longer = std::mem::take(words).into_vec();
                longer.resize(nodes.div_ceil(64), 0);
                *words = longer.into();
                return self.insert(node, nodes);
            }
            Form::Table(table) if 2 * (self.len as usize + 1) > table.len() => self.grow(nodes),
            Form::Table(_) => {}
        }
        match &mut self.form {
            Form::Table(table) => self.len += u32::from(put(table, node)),
            _ => self.insert(node, nodes),
        }
    }

    fn grow(&mut self, nodes: usize) {
        let Form::Table(old) = std::mem::take(&mut self.form) else { unreachable!("only tables grow") };
        let members = old.iter().filter(|entry| **entry != 0).map(|entry| entry - 1);
        let (doubled, words) = (2 * old.len(), nodes.div_ceil(64));
        if doubled * size_of::<u32>() < words * size_of::<u64>() {
            let mut table = vec![0; doubled].into_boxed_slice();
            for node in members {
                put(&mut table, node);
            }
            self.form = Form::Table(table);
        } else {
            let mut bitmap = vec![0; words].into_boxed_slice();
            members.for_each(|node| bitmap[node as usize / 64] |= 1 << (node % 64));
            self.form = Form::Bitmap(bitmap);
        }
    }
}

/// Puts a node into a table that has room; false if it was there.
fn put(table: &mut [u32], node: u32) -> bool {
    let mask = table.len() - 1;
    let mut at = scatter(u64::from(node)) as usize & mask;
    while table[at] != 0 {
        if table[at] == node + 1 {
            return false;
        }
        at = (at + 1) & mask;
    }
    table[at] = node + 1;
    true
}

/// A hash over every event delivered so far: when, to whom, on which connection, what kind and how long. Two runs with
/// equal digests went the same way. It depends on the configuration, the commands and the peers alone, so it is the
/// same on every machine. Not cryptographic.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RunDigest([u64; 2]);

impl RunDigest {
    pub(super) fn new(seed: u64) -> Self {
        RunDigest([seed, 0x9e37_79b9_7f4a_7c15])
    }

    /// Mixes three words in: two multiplications, each on its own lane, which cross by the rotation.
    #[inline]
    pub(super) fn mix(&mut self, time: u64, place: u64, what: u64) {
        let [a, b] = self.0;
        let x = (a ^ time).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let y = (b ^ place ^ what.rotate_left(17)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.0 = [x.rotate_left(29) ^ y, y.rotate_left(31).wrapping_add(x)];
    }
}

impl fmt::Display for RunDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.0[0], self.0[1])
    }
}

impl fmt::Debug for RunDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Spreads a number over 64 bits (the finaliser of splitmix64): seeds of streams and delays of pairs.
pub(super) fn scatter(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn reach_counts_what_a_set_counts(
            nodes in 1u32..20_000,
            draws in prop::collection::vec(any::<u32>(), 0..2000),
        ) {
            let (mut reach, mut set) = (Reach::default(), BTreeSet::new());
            for (step, draw) in draws.iter().enumerate() {
                // The network grows meanwhile.
                let nodes = nodes + step as u32;
                reach.insert(draw % nodes, nodes as usize);
                set.insert(draw % nodes);
                prop_assert_eq!(reach.len as usize, set.len());
            }
        }
    }
}
