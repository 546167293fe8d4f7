//! Which of several holders is asked first.
//!
//! The lecture says that a Napster peer "takes the best answer", and that it finds it by pinging. Round-trip time
//! says little about a line's rate, though, and what users claim about their lines is often wrong; so the choice
//! is a knob.
//!
//! A hit (201) carries the owner's address but no port, so a data port cannot be probed before the owner has been
//! asked for the file (203, 607, 608, 204), which would take upload slots from every holder but one. Pings go
//! through the server instead (751, 752), where every client can be reached, firewalled or not; the way to the
//! server is common to all candidates.

use std::time::Duration;

use rand::Rng;
use rand::seq::SliceRandom as _;
use serde::{Deserialize, Serialize};

/// How holders are ordered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Selection {
    /// The shortest ping first; who does not answer comes last. What official clients did.
    #[default]
    Ping,
    /// By chance.
    Random,
    /// The fastest claimed line first.
    Speed,
    /// As the command gave them: the server's order, newest first.
    First,
}

/// What the choice may look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Its place in the command.
    pub index: usize,
    /// The line it claims.
    pub speed: u32,
    /// Its ping, if it answered.
    pub ping: Option<Duration>,
}

impl Selection {
    /// Best first. Equals keep their order.
    pub fn order(self, candidates: &mut [Candidate], rng: &mut impl Rng) {
        match self {
            Selection::Ping => candidates.sort_by_key(|candidate| candidate.ping.unwrap_or(Duration::MAX)),
            Selection::Random => candidates.shuffle(rng),
            Selection::Speed => candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.speed)),
            Selection::First => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    fn order(selection: Selection) -> Vec<usize> {
        let ms = |ms| Some(Duration::from_millis(ms));
        let of = |index, speed, ping| Candidate { index, speed, ping };
        let mut candidates = [of(0, 3, None), of(1, 9, ms(80)), of(2, 9, ms(20)), of(3, 4, ms(80))];
        selection.order(&mut candidates, &mut rand_pcg::Pcg32::seed_from_u64(1));
        candidates.iter().map(|candidate| candidate.index).collect()
    }

    #[test]
    fn every_policy_has_its_order() {
        assert_eq!(order(Selection::Ping), [2, 1, 3, 0]);
        assert_eq!(order(Selection::Speed), [1, 2, 3, 0]);
        assert_eq!(order(Selection::First), [0, 1, 2, 3]);
        let mut random = order(Selection::Random);
        random.sort_unstable();
        assert_eq!(random, [0, 1, 2, 3]);
    }
}
