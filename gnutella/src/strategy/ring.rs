//! Expanding ring: floods that reach further and further, until there are enough results (Lv et al. 2002, 4.1).

use std::time::Duration;

use rand::Rng;

use super::{Round, SoFar, Strategy};
use crate::servent::Knobs;

/// Where the next flood ends.
pub(super) struct ExpandingRing {
    ttl: u8,
    step: u8,
    ttl_max: u8,
    wait: Duration,
}

impl ExpandingRing {
    pub(super) fn new(knobs: &Knobs) -> Self {
        let (step, wait) = (knobs.ring_step.max(1), knobs.ring_wait);
        ExpandingRing { ttl: knobs.ring_ttl.clamp(1, knobs.ttl.max(1)), step, ttl_max: knobs.ttl, wait }
    }
}

impl Strategy for ExpandingRing {
    fn round(&mut self, so_far: &SoFar<'_>, _: &mut dyn Rng) -> Option<Round> {
        let ttl = self.ttl;
        self.ttl = ttl.saturating_add(self.step).min(self.ttl_max);
        // The further it goes, the longer its hits take.
        let again = (ttl < self.ttl_max).then(|| self.wait * u32::from(ttl));
        Some(Round { to: so_far.neighbours.to_vec(), ttl, new_id: true, walk: None, again })
    }
}
