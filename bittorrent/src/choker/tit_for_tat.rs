//! Byte for byte.

use common::peer::Time;
use rand_pcg::Pcg32;

use super::{Choker, Standing, by_most, to_front};

/// Byte for byte: who has had no more than he gave, and a credit, is served, those first who have given most beyond what they had
/// (Bharambe, Herley & Padmanabhan 2006, *pairwise block-level tit for tat*). Whoever has used up the
/// credit is not served by chance either: the credit is what newcomers begin with.
#[derive(Clone, Copy, Debug)]
pub struct TitForTat {
    /// Bytes that somebody may have had more than he gave.
    pub credit: u64,
}

impl Choker for TitForTat {
    fn rank(&self, peers: &mut [Standing], _: Time, _: &mut Pcg32) -> usize {
        let deserving = to_front(peers, |peer| peer.is_interested && self.may_serve(peer));
        by_most(&mut peers[..deserving], |peer| peer.received as f64 - peer.sent as f64);
        deserving
    }

    fn may_serve(&self, peer: &Standing) -> bool {
        peer.sent <= peer.received.saturating_add(self.credit)
    }
}
