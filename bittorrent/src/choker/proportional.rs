//! Each as he gives.

use common::peer::Time;
use rand::RngExt as _;
use rand_pcg::Pcg32;

use super::{Choker, Standing, to_front};

/// Proportional share in time: places are drawn by lot, and a lot weighs as much as comes from its owner (after Levin et al. 2008,
/// who divide the uplink itself; where all who are served share it alike, the time of being served is what can be divided).
#[derive(Clone, Copy, Debug)]
pub struct Proportional;

impl Choker for Proportional {
    fn rank(&self, peers: &mut [Standing], _: Time, rng: &mut Pcg32) -> usize {
        let deserving =
            to_front(peers, |peer| peer.is_interested && !peer.is_snubbing && peer.down_bps > 0.0);
        for at in 0..deserving {
            let left = &peers[at..deserving];
            let all: f64 = left.iter().map(|peer| peer.down_bps).sum();
            let mut drawn = rng.random_range(0.0..1.0) * all;
            let winner = left.iter().position(|peer| {
                drawn -= peer.down_bps;
                drawn < 0.0
            });
            peers.swap(at, at + winner.unwrap_or(0));
        }
        deserving
    }
}
