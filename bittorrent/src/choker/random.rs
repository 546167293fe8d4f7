//! Anybody.

use common::peer::Time;
use rand::seq::SliceRandom as _;
use rand_pcg::Pcg32;

use super::{Choker, Standing, to_front};

/// Whoever wants something, by chance anew each time.
#[derive(Clone, Copy, Debug)]
pub struct AtRandom;

impl Choker for AtRandom {
    fn rank(&self, peers: &mut [Standing], _: Time, rng: &mut Pcg32) -> usize {
        let interested = to_front(peers, |peer| peer.is_interested);
        peers[..interested].shuffle(rng);
        interested
    }
}
