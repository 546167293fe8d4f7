//! The rarest piece.

use rand_pcg::Pcg32;

use super::random::any_of;
use super::{Availability, Picker};
use crate::bitfield::Bitfield;

/// The piece that fewest of the peer set have, of equals any: it is the one most likely to be lost, and the one that most
/// others will want to trade for (Cohen 2003, 2.4).
#[derive(Clone, Copy, Debug)]
pub struct RarestFirst;

impl Picker for RarestFirst {
    fn pick(&self, wanted: &Availability, theirs: &Bitfield, rng: &mut Pcg32) -> Option<u32> {
        wanted.levels().find_map(|level| any_of(level, theirs, rng))
    }
}
