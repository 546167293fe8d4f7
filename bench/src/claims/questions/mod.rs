//! The lecture's three open questions, answered with BitTorrent's own peers and tracker.
//!
//! | file | what about |
//! |---|---|
//! | `selection.rs` | would another selection of peers and pieces be better: Q1 |
//! | `at_once.rs` | would it be better if all arrived at once: Q2 |
//! | `symmetric.rs` | would it be better with symmetric lines: Q3 |
//!
//! A question is no claim: each is put as a sentence that can hold or not. Swarms are judged by what no swarm can beat, as in
//! [`swarm`](super::bittorrent::swarm), whose lines share ideally.

mod at_once;
mod selection;
mod symmetric;

use super::bittorrent::swarm::{Swarm, jain};
use super::finding::Reading;
use super::{Claim, Size};
use crate::measure::Unit;

/// Trials of a question, each of which is many swarms.
const FEW: fn(Size) -> u64 = |size| size.pick(4, 5, 8);

/// How well a swarm did.
#[derive(Clone, Copy)]
struct Score {
    /// The mean time, seconds; no number if somebody has not finished.
    mean_s: f64,
    /// The same by the least time in which a swarm could serve all.
    mean: f64,
    /// The time until the last had all by that.
    last: f64,
    /// Jain's index of the copies that members gave. Each got one, so that it is also that of their share ratios.
    fairness: f64,
    origin_copies: f64,
    uplinks: f64,
    downlinks: f64,
}

impl Score {
    fn of(swarm: &Swarm) -> Score {
        let outcome = swarm.outcome();
        let given: Vec<f64> = (0..swarm.members().len()).map(|at| swarm.copies_of(at)).collect();
        let mean_s = if outcome.finished() < 1.0 { f64::NAN } else { outcome.mean_s() };
        Score {
            mean_s,
            mean: mean_s / outcome.bound.least_s(),
            last: outcome.by_bound(),
            fairness: jain(&given),
            origin_copies: swarm.origin_copies(),
            uplinks: swarm.utilisation(),
            downlinks: swarm.downlinks_used(),
        }
    }

    /// All of it, of a swarm of that name.
    fn readings(&self, name: &str) -> Vec<Reading> {
        [
            ("mean time by the bound", Unit::Ratio, self.mean),
            ("last one done by the bound", Unit::Ratio, self.last),
            ("fairness of giving (Jain)", Unit::Ratio, self.fairness),
            ("copies sent by the origin", Unit::Ratio, self.origin_copies),
            ("use of uplinks", Unit::Share, self.uplinks),
            ("use of downlinks", Unit::Share, self.downlinks),
        ]
        .into_iter()
        .map(|(what, unit, value)| Reading::new(format!("{what}, {name}"), unit, value))
        .collect()
    }
}

/// The questions at the lecture's end.
pub(super) const CLAIMS: &[Claim] = &[selection::SELECTION, at_once::AT_ONCE, symmetric::SYMMETRIC];
