//! Those from whom most comes.

use common::peer::Time;
use rand_pcg::Pcg32;

use super::{Choker, Standing, by_most, to_front};

/// The slowest that is reciprocated, bytes per second: below 1,000 somebody is as good as silent (mainline 3).
const RATE_MIN_BPS: f64 = 1_000.0;

/// A leecher's *tit for tat*: those from whom most comes are served, whatever they take. Who snubs us is not (BEP 3, mainline 3).
#[derive(Clone, Copy, Debug)]
pub struct Reciprocation;

impl Choker for Reciprocation {
    fn rank(&self, peers: &mut [Standing], _: Time, _: &mut Pcg32) -> usize {
        let deserving = to_front(peers, |peer| !peer.is_snubbing && peer.down_bps >= RATE_MIN_BPS);
        by_most(&mut peers[..deserving], |peer| peer.down_bps);
        deserving
    }
}
