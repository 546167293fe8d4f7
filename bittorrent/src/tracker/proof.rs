//! Connection ids: who shows one gets what is sent to his address, and so has not invented it.
//!
//! | bits | what |
//! |---|---|
//! | 63 | 1, see [`CONNECTION_BIT`] |
//! | 62 to 55 | the second in which it was given, modulo 256 |
//! | 54 to 0 | of SHA-1 over the tracker's secret, that second, and the address and port it was given to |
//!
//! So the tracker remembers none of those that it has given, however many ask for one. What is hashed is always as long and fits one block,
//! and 55 bits of the result are shown: nobody can make the id of another address or another second from those that he has seen, and
//! guessing takes 2^54 datagrams on average, of which each set counts for two minutes.

use std::net::SocketAddrV4;

use common::peer::Time;
use sha1::{Digest as _, Sha1};

use super::config::Secret;
use crate::wire::udp::CONNECTION_BIT;

/// How long an id is honoured (BEP 15).
const HONOURED_S: u64 = 120;
const SECOND_SHIFT: u32 = 55;
const SECONDS: u64 = 256;
const HASH_MASK: u64 = (1 << SECOND_SHIFT) - 1;

/// Gives connection ids, and knows them again.
#[derive(Debug)]
pub(super) struct Proofs {
    secret: Secret,
}

impl Proofs {
    pub(super) fn new(secret: Secret) -> Self {
        Proofs { secret }
    }

    /// An id for whoever is at that address.
    pub(super) fn give(&self, to: SocketAddrV4, now: Time) -> u64 {
        self.of(to, second(now))
    }

    /// True if `id` was given to that address in the last two minutes.
    pub(super) fn honours(&self, id: u64, from: SocketAddrV4, now: Time) -> bool {
        let now_s = second(now);
        let age = now_s.wrapping_sub(id >> SECOND_SHIFT) % SECONDS;
        age <= HONOURED_S && now_s.checked_sub(age).is_some_and(|given| id == self.of(from, given))
    }

    fn of(&self, address: SocketAddrV4, second: u64) -> u64 {
        let mut hash = Sha1::new();
        hash.update(self.secret.0);
        hash.update(second.to_be_bytes());
        hash.update(address.ip().octets());
        hash.update(address.port().to_be_bytes());
        let digest: [u8; 20] = hash.finalize().into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        let bits = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        CONNECTION_BIT | ((second % SECONDS) << SECOND_SHIFT) | (bits & HASH_MASK)
    }
}

fn second(at: Time) -> u64 {
    at.since(Time::ZERO).as_secs()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(ms: u64) -> Time {
        Time::ZERO + Duration::from_millis(ms)
    }

    fn address(text: &str) -> SocketAddrV4 {
        text.parse().expect("an address")
    }

    #[test]
    fn an_id_is_honoured_for_two_minutes_where_it_was_given_and_nowhere_else() {
        let proofs = Proofs::new(Secret([7; 32]));
        let asker = address("10.0.0.1:2000");
        for given in [0, 999, 1_000, 254_000, 255_000, 256_000, 3_600_500, 1 << 40] {
            let id = proofs.give(asker, at(given));
            assert_ne!(id & CONNECTION_BIT, 0);
            for later in [0, 1, 60_000, 119_999] {
                assert!(proofs.honours(id, asker, at(given + later)), "{given} + {later}");
            }
            for later in [121_000, 150_000, 255_000, 256_000, 257_000, 512_000, 86_400_000] {
                assert!(!proofs.honours(id, asker, at(given + later)), "{given} + {later}");
            }
            assert!(given < 1_000 || !proofs.honours(id, asker, at(given - 1_000)), "it is of the future");
            for other in ["10.0.0.1:2001", "10.0.0.2:2000"] {
                assert!(!proofs.honours(id, address(other), at(given)), "{other}");
            }
            assert!(!Proofs::new(Secret([8; 32])).honours(id, asker, at(given)), "of another run");
        }
    }

    #[test]
    fn no_bit_of_an_id_can_be_changed() {
        let proofs = Proofs::new(Secret([7; 32]));
        let asker = address("10.0.0.1:2000");
        let id = proofs.give(asker, at(500_000));
        for bit in 0..64 {
            assert!(!proofs.honours(id ^ (1 << bit), asker, at(500_000)), "bit {bit}");
        }
        for guess in [0, 1, u64::MAX, CONNECTION_BIT] {
            assert!(!proofs.honours(guess, asker, at(0)), "{guess}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert!(!format!("{:?}", Proofs::new(Secret([7; 32]))).contains('7'));
    }
}
