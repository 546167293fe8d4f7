//! What drivers count. Peers never count their own traffic; whoever judges a run reads it here.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Messages and their bytes on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Traffic {
    /// How many.
    pub messages: u64,
    /// Their encoded bytes, bodies apart.
    pub bytes: u64,
}

impl Traffic {
    /// Counts one message.
    pub fn add(&mut self, bytes: u32) {
        self.messages += 1;
        self.bytes += u64::from(bytes);
    }
}

impl std::ops::AddAssign for Traffic {
    fn add_assign(&mut self, other: Traffic) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

/// What has crossed one node's line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct NodeLoad {
    /// Messages delivered to the peer.
    pub received: Traffic,
    /// Messages the peer sent.
    pub sent: Traffic,
    /// Body bytes delivered.
    pub body_received: u64,
    /// Body bytes sent.
    pub body_sent: u64,
}

impl NodeLoad {
    /// Control bytes in both directions: what an overlay costs this node.
    pub fn control_bytes(&self) -> u64 {
        self.received.bytes + self.sent.bytes
    }
}

impl std::ops::AddAssign for NodeLoad {
    fn add_assign(&mut self, other: NodeLoad) {
        self.received += other.received;
        self.sent += other.sent;
        self.body_received += other.body_received;
        self.body_sent += other.body_sent;
    }
}

/// Bytes that sealed connections took beside what they carried: handshakes, and the lengths and tags of records.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Sealing {
    /// In what the node sent.
    pub sent: u64,
    /// In what it received.
    pub received: u64,
}

impl std::ops::AddAssign for Sealing {
    fn add_assign(&mut self, other: Sealing) {
        self.sent += other.sent;
        self.received += other.received;
    }
}

/// Traffic by message kind, indexed like [`Wire::KINDS`](crate::wire::Wire::KINDS); counted when a message is sent.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ByKind(Vec<Traffic>);

impl ByKind {
    /// Counters for so many kinds.
    pub fn new(kinds: usize) -> Self {
        ByKind(vec![Traffic::default(); kinds])
    }

    /// Counts one message.
    pub fn add(&mut self, kind: u8, bytes: u32) {
        self.0[usize::from(kind)].add(bytes);
    }

    /// The counters of one kind.
    pub fn kind(&self, kind: u8) -> Traffic {
        self.0[usize::from(kind)]
    }

    /// The counters, in the order of the kinds.
    pub fn iter(&self) -> impl Iterator<Item = Traffic> {
        self.0.iter().copied()
    }

    /// All kinds together.
    pub fn total(&self) -> Traffic {
        self.iter().fold(Traffic::default(), |mut sum, traffic| {
            sum += traffic;
            sum
        })
    }

    /// Adds the counts of another run or node.
    pub fn merge(&mut self, other: &ByKind) {
        self.0.resize(self.0.len().max(other.0.len()), Traffic::default());
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += *theirs;
        }
    }
}

/// How unevenly a load is spread: 0 when all carry the same, towards 1 when one carries all. NaN-free: an
/// empty or all-zero load is even.
pub fn gini(loads: &[u64]) -> f64 {
    let total: u128 = loads.iter().map(|load| u128::from(*load)).sum();
    if total == 0 {
        return 0.0;
    }
    let mut sorted = loads.to_vec();
    sorted.sort_unstable();
    let n = sorted.len() as f64;
    let weighted: f64 =
        sorted.iter().enumerate().map(|(rank, load)| (rank as f64 + 1.0) * *load as f64).sum();
    2.0 * weighted / (n * total as f64) - (n + 1.0) / n
}

/// The share of the whole that the busiest carries, 0 to 1.
pub fn top_share(loads: &[u64]) -> f64 {
    let total: u128 = loads.iter().map(|load| u128::from(*load)).sum();
    let top = loads.iter().copied().max().unwrap_or(0);
    if total == 0 { 0.0 } else { top as f64 / total as f64 }
}

const DAY_US: u64 = 24 * 3600 * 1_000_000;

/// A distribution of times, in microseconds, three significant digits, up to a day.
#[derive(Clone, Debug)]
pub struct Times(Histogram<u64>);

impl Default for Times {
    fn default() -> Self {
        Times(Histogram::new(3).expect("three significant digits are within the histogram's range"))
    }
}

impl Times {
    /// Adds one time.
    pub fn add(&mut self, time: std::time::Duration) {
        // The histogram grows with the longest time; a day is beyond any wait that a run lets happen.
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).min(DAY_US);
        self.0.record(micros).expect("the histogram resizes itself up to a day");
    }

    /// The time below which a share `q` (0 to 1) of all lies, in seconds; `None` without any.
    pub fn quantile_s(&self, q: f64) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.value_at_quantile(q) as f64 / 1e6)
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gini_knows_the_two_extremes() {
        assert!(gini(&[5; 100]).abs() < 1e-9);
        let mut one = vec![0; 100];
        one[7] = 42;
        assert!((gini(&one) - 0.99).abs() < 1e-9);
        assert_eq!((gini(&[]), top_share(&[]), top_share(&one)), (0.0, 0.0, 1.0));
    }

    #[test]
    fn quantiles_are_true_to_three_digits_however_far_apart() {
        let mut times = Times::default();
        assert_eq!(times.quantile_s(0.5), None);
        for ms in [1, 20, 20, 20, 90_000] {
            times.add(std::time::Duration::from_millis(ms));
        }
        assert!((times.quantile_s(0.5).unwrap() / 0.020 - 1.0).abs() < 1e-3);
        assert!((times.quantile_s(1.0).unwrap() / 90.0 - 1.0).abs() < 1e-3);
        assert_eq!(times.count(), 5);
    }
}
