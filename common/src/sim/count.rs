//! What the simulator counts: causes, and the digest of the run.

use std::fmt;

use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

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
    reached: Vec<RoaringBitmap>,
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
            self.reached.push(RoaringBitmap::new());
        }
        Cause(cause)
    }

    #[inline]
    pub fn message(&mut self, cause: Cause, bytes: u32) {
        let cost = &mut self.costs[cause.0 as usize];
        cost.messages += 1;
        cost.bytes += u64::from(bytes);
    }

    pub fn body(&mut self, cause: Cause, bytes: u32) {
        self.costs[cause.0 as usize].body_bytes += u64::from(bytes);
    }

    /// Whether anybody wants to know where messages of this cause arrive. The background reaches everybody.
    #[inline]
    pub fn counts_reach(&self, cause: Cause) -> bool {
        self.count_reach && cause != Cause::BACKGROUND
    }

    pub fn reach(&mut self, cause: Cause, node: u32) {
        self.reached[cause.0 as usize].insert(node);
    }

    pub fn cost(&self, cause: Cause) -> CauseCost {
        let nodes_reached = self.reached.get(cause.0 as usize).map_or(0, RoaringBitmap::len);
        CauseCost { nodes_reached, ..self.costs[cause.0 as usize] }
    }
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
