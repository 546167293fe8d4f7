//! The piece that is rarest in the whole swarm.

use rand::RngExt as _;
use rand_pcg::Pcg32;

use super::{Availability, Picker};
use crate::bitfield::Bitfield;

/// The piece of which the whole swarm has fewest copies, of equals any: what rarest first would do if a peer saw more than its peer
/// set. It is for experiments alone, since it asks an oracle ([`Census`](super::Census)); without one it knows no more than
/// the peer set, and is rarest first. O(pieces wanted).
#[derive(Clone, Copy, Debug)]
pub struct GlobalRarest;

impl Picker for GlobalRarest {
    fn pick(&self, wanted: &Availability, theirs: &Bitfield, rng: &mut Pcg32) -> Option<u32> {
        let pieces = wanted.wanted();
        if pieces.is_empty() {
            return None;
        }
        // The first of equals is taken; so the place to look from is drawn.
        let (before, from) = pieces.split_at(rng.random_range(0..pieces.len()));
        let possible = from.iter().chain(before).copied().filter(|piece| theirs.has(*piece));
        possible.min_by_key(|piece| wanted.in_swarm(*piece))
    }
}
