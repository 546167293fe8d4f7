//! Which of several supernodes a node joins.
//!
//! KaZaA's nodes opened sessions to five supernodes of their list and kept the one that was quickest to answer. What else they
//! might have gone by is beside it, to be compared. A new policy is one more kind here and its rule in [`SelectionKind::start`].

use std::time::Duration;

use rand::{Rng, RngExt as _};

/// A supernode that has answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Probed {
    /// From hello to answer.
    pub rtt: Duration,
    /// Percent of its places that were free, as others tell; `None` if nobody did.
    pub free_percent: Option<u8>,
}

/// Chooses among those that have answered.
pub trait Selection {
    /// The place in the list of the one to join; the list is not empty.
    fn choose(&self, answered: &[Probed], rng: &mut dyn Rng) -> usize;
}

/// The policies that come with the crate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SelectionKind {
    /// The smallest round trip: the lecture's, and KaZaA's.
    #[default]
    SmallestRtt,
    /// Any of them.
    Random,
    /// The emptiest, and of equals the nearest.
    MostFree,
}

struct SmallestRtt;
struct Random;
struct MostFree;

impl SelectionKind {
    /// The policy.
    pub fn start(self) -> &'static dyn Selection {
        match self {
            SelectionKind::SmallestRtt => &SmallestRtt,
            SelectionKind::Random => &Random,
            SelectionKind::MostFree => &MostFree,
        }
    }
}

impl Selection for SmallestRtt {
    fn choose(&self, answered: &[Probed], _: &mut dyn Rng) -> usize {
        best_by(answered, |probed| probed.rtt)
    }
}

impl Selection for Random {
    fn choose(&self, answered: &[Probed], rng: &mut dyn Rng) -> usize {
        rng.random_range(0..answered.len().max(1))
    }
}

impl Selection for MostFree {
    fn choose(&self, answered: &[Probed], _: &mut dyn Rng) -> usize {
        best_by(answered, |probed| (100u8.saturating_sub(probed.free_percent.unwrap_or(0)), probed.rtt))
    }
}

fn best_by<K: Ord>(answered: &[Probed], key: impl Fn(&Probed) -> K) -> usize {
    (0..answered.len()).min_by_key(|at| key(&answered[*at])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_pcg::Pcg32;

    use super::*;

    #[test]
    fn each_policy_has_its_favourite() {
        let of = |ms, free_percent| Probed { rtt: Duration::from_millis(ms), free_percent };
        let answered = [of(80, Some(90)), of(20, None), of(30, Some(5)), of(70, Some(90))];
        let mut rng = Pcg32::seed_from_u64(1);
        assert_eq!(SelectionKind::SmallestRtt.start().choose(&answered, &mut rng), 1);
        assert_eq!(SelectionKind::MostFree.start().choose(&answered, &mut rng), 3);
        let drawn: Vec<usize> =
            (0..100).map(|_| SelectionKind::Random.start().choose(&answered, &mut rng)).collect();
        assert!((0..4).all(|at| drawn.contains(&at)), "{drawn:?}");
    }
}
