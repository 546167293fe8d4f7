//! Flooding: everybody within reach is asked at once.

use rand::Rng;

use super::{Round, SoFar, Strategy};

/// One query to all neighbours.
pub(super) struct Flood {
    /// How far.
    pub(super) ttl: u8,
}

impl Strategy for Flood {
    fn round(&mut self, so_far: &SoFar<'_>, _: &mut dyn Rng) -> Option<Round> {
        Some(Round { to: so_far.neighbours.to_vec(), ttl: self.ttl, new_id: true, walk: None, again: None })
    }
}
