//! The rarest piece of those that are played next.

use rand::RngExt as _;
use rand_pcg::Pcg32;

use super::{Availability, Picker};
use crate::bitfield::Bitfield;

/// The rarest of so many pieces from the first wanted one on, of equals any: playing while downloading wants these first, and their
/// order is left open for the sake of diversity. A peer that has none of them is asked for the rarest it has, rather than for nothing:
/// what comes early is in nobody's way. O(pieces wanted).
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Pieces that it is long.
    pub pieces: u32,
}

impl Picker for Window {
    fn pick(&self, wanted: &Availability, theirs: &Bitfield, rng: &mut Pcg32) -> Option<u32> {
        let pieces = wanted.wanted();
        let end = pieces.iter().min()?.saturating_add(self.pieces);
        // The first of equals is taken; so the place to look from is drawn.
        let (before, from) = pieces.split_at(rng.random_range(0..pieces.len()));
        let possible = from.iter().chain(before).copied().filter(|piece| theirs.has(*piece));
        possible.min_by_key(|piece| (*piece >= end, wanted.count(*piece)))
    }
}
