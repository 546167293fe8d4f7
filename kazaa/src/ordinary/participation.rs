//! The participation level of those we deal with, as we have seen it ourselves.
//!
//! KaZaA computed a level from what a user had sent and received, 100 times the one over the other, kept it at the user's
//! own client, and let it be told by that client in `X-Kazaa-XferUid`. So clients came that always told the best. That
//! line is read over here; what counts is what an address has sent to us and had from us.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;

/// The level of one of whom nothing is known, and the one with which KaZaA's users began. 100: as much sent as received.
const LEVEL_NEW: u32 = 100;
/// The best level. 1,000: KaZaA's.
const LEVEL_MAX: u32 = 1000;
/// Bytes that nobody is asked to return. 1 MiB: our choice, so that the first range makes nobody a debtor.
const FREE_BYTES: u64 = 1 << 20;
/// Addresses remembered; the one that was met first is forgotten first. 256: our choice.
const ADDRESSES_MAX: usize = 256;

/// Bytes from and to others, by address.
#[derive(Debug, Default)]
pub(super) struct Participation {
    bytes: BTreeMap<Ipv4Addr, Dealt>,
    /// In the order in which they were met.
    met: VecDeque<Ipv4Addr>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Dealt {
    from: u64,
    to: u64,
}

impl Participation {
    /// Somebody has sent us bytes of a file.
    pub(super) fn had_from(&mut self, address: Ipv4Addr, len: u32) {
        let dealt = self.dealt(address);
        dealt.from = dealt.from.saturating_add(len.into());
    }

    /// Somebody has had bytes of a file from us.
    pub(super) fn sent_to(&mut self, address: Ipv4Addr, len: u32) {
        let dealt = self.dealt(address);
        dealt.to = dealt.to.saturating_add(len.into());
    }

    /// How much somebody takes part, from 0 to [`LEVEL_MAX`].
    pub(super) fn level(&self, address: Ipv4Addr) -> u32 {
        let Some(dealt) = self.bytes.get(&address) else { return LEVEL_NEW };
        let given = u128::from(dealt.from) + u128::from(FREE_BYTES);
        let taken = u128::from(dealt.to) + u128::from(FREE_BYTES);
        u32::try_from(given * u128::from(LEVEL_NEW) / taken).unwrap_or(LEVEL_MAX).min(LEVEL_MAX)
    }

    fn dealt(&mut self, address: Ipv4Addr) -> &mut Dealt {
        if !self.bytes.contains_key(&address) {
            if self.met.len() >= ADDRESSES_MAX
                && let Some(first) = self.met.pop_front()
            {
                self.bytes.remove(&first);
            }
            self.met.push_back(address);
        }
        self.bytes.entry(address).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gives_rises_and_who_takes_falls() {
        let (giver, taker, stranger) =
            (Ipv4Addr::new(1, 1, 1, 1), Ipv4Addr::new(2, 2, 2, 2), Ipv4Addr::new(3, 3, 3, 3));
        let mut levels = Participation::default();
        levels.had_from(giver, 9 << 20);
        levels.sent_to(taker, 9 << 20);
        assert_eq!((levels.level(giver), levels.level(taker), levels.level(stranger)), (1000, 10, 100));
        levels.had_from(taker, 9 << 20);
        assert_eq!(levels.level(taker), 100, "what was given back counts");
        for _ in 0..10_000 {
            levels.had_from(giver, u32::MAX);
        }
        assert_eq!(levels.level(giver), LEVEL_MAX);
    }

    #[test]
    fn so_many_are_remembered_and_no_more() {
        let mut levels = Participation::default();
        for host in 0..=ADDRESSES_MAX as u32 {
            levels.sent_to(Ipv4Addr::from_bits(host), 100 << 20);
        }
        assert_eq!((levels.bytes.len(), levels.met.len()), (ADDRESSES_MAX, ADDRESSES_MAX));
        assert_eq!(levels.level(Ipv4Addr::from_bits(0)), LEVEL_NEW);
        assert!(levels.level(Ipv4Addr::from_bits(1)) < LEVEL_NEW);
    }
}
