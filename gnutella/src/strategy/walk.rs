//! Random walks: walkers that ask one servent at a time (Lv et al. 2002, 4.2).

use rand::Rng;
use rand::seq::SliceRandom as _;

use super::{Round, SoFar, Strategy, Walkers};
use crate::servent::Knobs;

/// Sends all walkers out at once.
pub(super) struct RandomWalk {
    walkers: usize,
    limits: Walkers,
}

impl RandomWalk {
    pub(super) fn new(knobs: &Knobs) -> Self {
        let limits = Walkers { steps_max: knobs.walk_steps_max, check_every: knobs.walk_check_every };
        RandomWalk { walkers: knobs.walkers, limits }
    }
}

impl Strategy for RandomWalk {
    fn round(&mut self, so_far: &SoFar<'_>, rng: &mut dyn Rng) -> Option<Round> {
        let mut neighbours = so_far.neighbours.to_vec();
        neighbours.shuffle(rng);
        let to = neighbours.into_iter().cycle().take(self.walkers).collect();
        // With TTL 1, a servent that knows nothing of walkers answers and does not flood.
        Some(Round { to, ttl: 1, new_id: true, walk: Some(self.limits), again: None })
    }
}
