//! The pieces in order.

use rand_pcg::Pcg32;

use super::{Availability, Picker};
use crate::bitfield::Bitfield;

/// The first piece: what playing while downloading wants, and what ruins a swarm, since all have the same to offer.
#[derive(Clone, Copy, Debug)]
pub struct Sequential;

impl Picker for Sequential {
    fn pick(&self, wanted: &Availability, theirs: &Bitfield, _: &mut Pcg32) -> Option<u32> {
        wanted.wanted().iter().copied().filter(|piece| theirs.has(*piece)).min()
    }
}
