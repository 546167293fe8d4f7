//! Any piece.

use rand::RngExt as _;
use rand_pcg::Pcg32;

use super::{Availability, Picker};
use crate::bitfield::Bitfield;

/// Any piece will do: what a newcomer does for its first few, to have something to trade soon; and, the lecture notes,
/// diversity enough in itself.
#[derive(Clone, Copy, Debug)]
pub struct Random;

impl Picker for Random {
    fn pick(&self, wanted: &Availability, theirs: &Bitfield, rng: &mut Pcg32) -> Option<u32> {
        any_of(wanted.wanted(), theirs, rng)
    }
}

/// One of these pieces that is in `theirs`. Looks from a random place on, which favours those behind a gap a little and costs
/// no more than to look at each once.
pub(super) fn any_of(pieces: &[u32], theirs: &Bitfield, rng: &mut Pcg32) -> Option<u32> {
    if pieces.is_empty() {
        return None;
    }
    let (before, from) = pieces.split_at(rng.random_range(0..pieces.len()));
    from.iter().chain(before).copied().find(|piece| theirs.has(*piece))
}
