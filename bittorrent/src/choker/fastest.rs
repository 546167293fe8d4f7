//! Those who take most.

use common::peer::Time;
use rand_pcg::Pcg32;

use super::{Choker, Standing, by_most, to_front};

/// Those who take most: the content is spread fastest if it goes to those with the best lines. The lecture's seed, and mainline
/// 3's. Somebody can be measured only while being served, so who is not yet has the optimistic place alone.
#[derive(Clone, Copy, Debug)]
pub struct Fastest;

impl Choker for Fastest {
    fn rank(&self, peers: &mut [Standing], _: Time, _: &mut Pcg32) -> usize {
        let measured = to_front(peers, |peer| peer.is_interested && peer.up_bps > 0.0);
        by_most(&mut peers[..measured], |peer| peer.up_bps);
        measured
    }
}
