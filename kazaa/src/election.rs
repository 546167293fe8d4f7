//! Who becomes a supernode, and who ceases to be one.
//!
//! Nobody is asked and nobody votes: a node that behaves as a supernode is believed. So the election is each node's own
//! decision, from what it knows of itself and what it hears of others.
//!
//! | what a node meets | how much a supernode is needed |
//! |---|---|
//! | nobody knows of any supernode | it is the first one: at once |
//! | none of those it knows can be reached | who cannot reach others would not be reached by them: not at all |
//! | the same, and yet the services can: it is the supernodes that are gone | by lot among those who are left alone with it, from the second vain round on |
//! | every supernode it knows refuses it | by lot, so that of a crowd that is refused together only a few rise: [`chance`] |
//! | its supernode's lists say that few places are left | by lot, at each ping of its supernode |
//!
//! Who may rise is the policy ([`Election`]): nobody behind a firewall, and by default who has both the bandwidth and the uptime.
//! A supernode that has hardly had a child for long, or whose links have all failed while it knows of others, steps down.

use std::time::Duration;

use crate::config::Knobs;

/// What a node knows of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Its line up, in kilobits per second.
    pub up_kbps: u32,
    /// How long it has been running.
    pub uptime: Duration,
    /// A number that it has drawn at its start.
    pub lot: u32,
}

/// Who may become a supernode.
pub trait Election {
    /// True if it may.
    fn may_rise(&self, candidate: &Candidate, knobs: &Knobs) -> bool;
}

/// The policies that come with the crate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ElectionKind {
    /// Who has the bandwidth.
    Capacity,
    /// Who has been there for long: the past predicts the rest.
    Uptime,
    /// Who has both: the lecture's.
    #[default]
    Both,
    /// One in [`RANDOM_ONE_OF`], whoever it is.
    Random,
    /// Nobody: only those that are forced.
    Nobody,
}

/// How many nodes there are for each that may rise by lot. 10: our choice, so that with 300 children each there are always more
/// than are needed.
pub const RANDOM_ONE_OF: u32 = 10;

struct Capacity;
struct Uptime;
struct Both;
struct Random;
struct Nobody;

impl ElectionKind {
    /// The policy.
    pub fn start(self) -> &'static dyn Election {
        match self {
            ElectionKind::Capacity => &Capacity,
            ElectionKind::Uptime => &Uptime,
            ElectionKind::Both => &Both,
            ElectionKind::Random => &Random,
            ElectionKind::Nobody => &Nobody,
        }
    }
}

impl Election for Capacity {
    fn may_rise(&self, candidate: &Candidate, knobs: &Knobs) -> bool {
        candidate.up_kbps >= knobs.supernode_kbps_min
    }
}

impl Election for Uptime {
    fn may_rise(&self, candidate: &Candidate, knobs: &Knobs) -> bool {
        candidate.uptime >= knobs.supernode_uptime_min
    }
}

impl Election for Both {
    fn may_rise(&self, candidate: &Candidate, knobs: &Knobs) -> bool {
        Capacity.may_rise(candidate, knobs) && Uptime.may_rise(candidate, knobs)
    }
}

impl Election for Random {
    fn may_rise(&self, candidate: &Candidate, _: &Knobs) -> bool {
        candidate.lot.is_multiple_of(RANDOM_ONE_OF)
    }
}

impl Election for Nobody {
    fn may_rise(&self, _: &Candidate, _: &Knobs) -> bool {
        false
    }
}

/// How probable it is, in a million, that one of a crowd rises in its `round`th vain round: so that two of it do in the first, and a few
/// that are left soon after. Of those that find no room the crowd is as many as one supernode has room for, so that of a crowd of any size
/// about twice as many rise as would have room for it.
pub fn chance(round: u32, crowd: u32) -> u32 {
    let first = (2_000_000 / crowd.max(1)).clamp(1, 1_000_000);
    first.saturating_mul(1 << round.min(20)).min(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_policy_lets_its_own_rise() {
        let knobs = Knobs {
            supernode_kbps_min: 128,
            supernode_uptime_min: Duration::from_secs(600),
            ..Knobs::default()
        };
        let cases = [(33, 60), (128, 60), (33, 600), (128, 600)];
        let of = |kind: ElectionKind| {
            cases.map(|(up_kbps, uptime_s)| {
                let candidate = Candidate { up_kbps, uptime: Duration::from_secs(uptime_s), lot: 3 };
                kind.start().may_rise(&candidate, &knobs)
            })
        };
        assert_eq!(of(ElectionKind::Capacity), [false, true, false, true]);
        assert_eq!(of(ElectionKind::Uptime), [false, false, true, true]);
        assert_eq!(of(ElectionKind::Both), [false, false, false, true]);
        assert_eq!(of(ElectionKind::Nobody), [false; 4]);
        let lucky = |lot: &u32| {
            let candidate = Candidate { up_kbps: 0, uptime: Duration::ZERO, lot: *lot };
            ElectionKind::Random.start().may_rise(&candidate, &knobs)
        };
        assert_eq!((0..1_000).filter(lucky).count(), 100);
    }

    #[test]
    fn the_chance_grows_to_certainty() {
        let chances: Vec<u32> = (0..9).map(|round| chance(round, 200)).collect();
        assert_eq!(
            chances,
            [10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 640_000, 1_000_000, 1_000_000]
        );
        assert_eq!([chance(0, 0), chance(0, 1), chance(0, 3)], [1_000_000, 1_000_000, 666_666]);
    }
}
