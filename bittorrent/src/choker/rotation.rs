//! Everybody in turn.

use std::time::Duration;

use common::peer::Time;
use rand_pcg::Pcg32;

use super::{Choker, Standing, to_front};

/// Those who want something in turn: who is being served goes on until its turn is over, then who has waited longest. The seed of
/// mainline 4 and of libtorrent (*round robin*): nobody gets more by taking faster.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// How long a turn is.
    pub turn: Duration,
}

impl Choker for Rotation {
    fn rank(&self, peers: &mut [Standing], now: Time, _: &mut Pcg32) -> usize {
        let interested = to_front(peers, |peer| peer.is_interested);
        let in_turn = |peer: &Standing| peer.is_unchoked && now.since(peer.changed) < self.turn;
        // Those whose turn is over come last, since they have been choked for no time at all.
        peers[..interested].sort_by_key(|peer| match (in_turn(peer), peer.is_unchoked) {
            (true, _) => (0, peer.changed),
            (false, false) => (1, peer.changed),
            (false, true) => (2, peer.changed),
        });
        interested
    }
}
