//! Which holder of a file is asked first.
//!
//! Napster's server ranks nothing: choosing among the answers is the client's business. The official clients
//! pinged the hosts of the hits and showed the quickest first; others let the user pick, which comes to chance
//! or to the link that the holder claims. All three are here, so that they can be compared.

use std::time::Duration;

use rand::Rng;
use rand::seq::SliceRandom as _;
use serde::{Deserialize, Serialize};

/// How a download chooses among the holders of its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Selection {
    /// Ping some at a time and take the quickest: what the official clients did. A reachable holder's ping is the time
    /// from dialling its data port to its `1`; a firewalled one is pinged through the server (751, 752).
    Ping {
        /// How many are pinged at a time; zero counts as one.
        probes: u8,
    },
    /// Any of them.
    Random,
    /// The one that claims the fastest link (the `speed` field of the hit).
    ClaimedSpeed,
    /// The first of those given, the user's own choice.
    First,
}

impl Default for Selection {
    /// Pings to five: our choice, since the official clients pinged every hit by ICMP and a ping here costs its
    /// holder a connection.
    fn default() -> Self {
        Selection::Ping { probes: 5 }
    }
}

/// What is known of a candidate when the next ones to ask are chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// How often it has failed.
    pub attempts: u8,
    /// Its ping, once measured.
    pub ping: Option<Duration>,
    /// The link it claims, 0 to 10.
    pub speed: u32,
}

impl Selection {
    /// How many candidates are asked at a time.
    pub fn width(self) -> usize {
        match self {
            Selection::Ping { probes } => usize::from(probes).max(1),
            Selection::Random | Selection::ClaimedSpeed | Selection::First => 1,
        }
    }

    /// The numbers of the candidates, the one to ask first in front. Those that have failed least go first,
    /// whatever the policy; what it leaves undecided is drawn by lot, so that load spreads.
    pub fn order(self, standings: &[Standing], rng: &mut impl Rng) -> Vec<usize> {
        let mut order: Vec<usize> = (0..standings.len()).collect();
        order.shuffle(rng);
        order.sort_by_key(|&i| {
            let Standing { attempts, ping, speed } = standings[i];
            let merit = match self {
                Selection::Ping { .. } => ping.map_or(u64::MAX, |ping| ping.as_nanos() as u64),
                Selection::Random => 0,
                Selection::First => i as u64,
                Selection::ClaimedSpeed => u64::MAX - u64::from(speed),
            };
            (attempts, merit)
        });
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_pcg::Pcg32;

    fn order(selection: Selection, standings: &[Standing]) -> Vec<usize> {
        selection.order(standings, &mut Pcg32::seed_from_u64(3))
    }

    #[test]
    fn each_policy_puts_its_favourite_first_and_failures_last() {
        let of = |attempts, ping_ms: u64, speed| Standing {
            attempts,
            ping: (ping_ms > 0).then(|| Duration::from_millis(ping_ms)),
            speed,
        };
        let standings = [of(0, 80, 10), of(1, 5, 10), of(0, 20, 3), of(0, 0, 7)];
        assert_eq!(order(Selection::Ping { probes: 3 }, &standings), [2, 0, 3, 1]);
        assert_eq!(order(Selection::ClaimedSpeed, &standings), [0, 3, 2, 1]);
        assert_eq!(order(Selection::First, &standings), [0, 2, 3, 1]);
        assert_eq!(order(Selection::Random, &standings)[3], 1);
    }

    #[test]
    fn equals_are_drawn_by_lot_and_the_same_lot_gives_the_same_order() {
        let standings = [Standing::default(); 8];
        let mut rng = Pcg32::seed_from_u64(1);
        let firsts: Vec<usize> =
            (0..100).map(|_| Selection::Random.order(&standings, &mut rng)[0]).collect();
        assert!((0..8).all(|i| firsts.contains(&i)), "{firsts:?}");
        assert_eq!(order(Selection::Random, &standings), order(Selection::Random, &standings));
    }
}
