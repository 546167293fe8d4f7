//! The supernodes that are there.
//!
//! | event | what becomes of the entry |
//! |---|---|
//! | a supernode announces an address that was never listed, or was by another key | the address is dialled: listed if the announcer's key answers there |
//! | the key that an address is listed with announces it again | fresh |
//! | a key retires | what it had announced is gone |
//! | three announcements are missed | gone |
//!
//! So nobody lists, keeps or removes an address but who answers at it: a list cannot be poisoned with others' addresses.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use common::peer::{PublicKey, Time};
use rand::{Rng, seq::index};

use crate::wire::NodeEntry;

/// Announcements that may be missed.
const MISSED_MAX: u32 = 3;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct List {
    /// By address.
    listed: Vec<Listed>,
}

#[derive(Debug)]
struct Listed {
    address: SocketAddrV4,
    free_percent: u8,
    seen: Time,
    /// Of the seal in which it was announced, and of the one that answered there.
    owner: PublicKey,
}

impl List {
    /// The owner of an address says that it is still there; false if it is not listed with that owner.
    pub(super) fn refresh(&mut self, entry: NodeEntry, owner: PublicKey, now: Time) -> bool {
        let Ok(at) = self.find(entry.address) else { return false };
        let listed = &mut self.listed[at];
        let is_owner = listed.owner == owner;
        if is_owner {
            (listed.free_percent, listed.seen) = (entry.free_percent.min(100), now);
        }
        is_owner
    }

    /// Whether an address that is not listed could be.
    pub(super) fn has_room(&self, address: SocketAddrV4, max: usize, per_address_max: usize) -> bool {
        if self.find(address).is_ok() {
            return true;
        }
        let of_host = self.of_host(*address.ip());
        self.listed.len() < max && (address.ip().is_loopback() || of_host < per_address_max)
    }

    /// Lists what was announced by the owner and answered with its key, in place of what another key had announced there.
    pub(super) fn insert(&mut self, entry: NodeEntry, owner: PublicKey, now: Time) {
        let (address, free_percent) = (entry.address, entry.free_percent.min(100));
        let listed = Listed { address, free_percent, seen: now, owner };
        match self.find(address) {
            Ok(at) => self.listed[at] = listed,
            Err(at) => self.listed.insert(at, listed),
        }
    }

    /// Removes all that this key has announced.
    pub(super) fn retire(&mut self, owner: PublicKey) {
        self.listed.retain(|listed| listed.owner != owner);
    }

    /// Removes those who have missed too many announcements.
    pub(super) fn sweep(&mut self, now: Time, announce_every: Duration) {
        self.listed.retain(|listed| now.since(listed.seen) <= announce_every * MISSED_MAX);
    }

    /// Up to `count`, drawn at random; not the one at `apart`, who asks.
    pub(super) fn sample(
        &self,
        count: usize,
        apart: Option<SocketAddrV4>,
        now: Time,
        rng: &mut impl Rng,
    ) -> Box<[NodeEntry]> {
        let apart = apart.and_then(|address| self.find(address).ok());
        let others = self.listed.len() - usize::from(apart.is_some());
        let drawn = index::sample(rng, others, count.min(others)).into_iter();
        drawn
            .map(|at| self.listed[at + usize::from(apart.is_some_and(|apart| apart <= at))].told(now))
            .collect()
    }

    pub(super) fn len(&self) -> usize {
        self.listed.len()
    }

    /// Entries of one address, which stand together.
    fn of_host(&self, ip: Ipv4Addr) -> usize {
        let from = self.listed.partition_point(|listed| *listed.address.ip() < ip);
        self.listed[from..].iter().take_while(|listed| *listed.address.ip() == ip).count()
    }

    fn find(&self, address: SocketAddrV4) -> Result<usize, usize> {
        self.listed.binary_search_by_key(&address, |listed| listed.address)
    }
}

impl Listed {
    fn told(&self, now: Time) -> NodeEntry {
        let age_min = u8::try_from(now.since(self.seen).as_secs() / 60).unwrap_or(u8::MAX);
        NodeEntry { address: self.address, age_min, free_percent: self.free_percent }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_pcg::Pcg32;

    use super::*;

    fn entry(number: u32) -> NodeEntry {
        let address = SocketAddrV4::new(Ipv4Addr::from_bits(0x0a00_0000 + number), 1214);
        NodeEntry { address, age_min: 0, free_percent: 50 }
    }

    fn key(number: u8) -> PublicKey {
        PublicKey([number; 32])
    }

    #[test]
    fn a_sample_is_random_without_the_asker_or_anybody_twice() {
        let mut rng = Pcg32::seed_from_u64(3);
        let mut list = List::default();
        for number in 0..500 {
            list.insert(entry(number), key(1), Time::ZERO);
        }
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..50 {
            let sample = list.sample(200, Some(entry(7).address), Time::ZERO, &mut rng);
            let distinct: std::collections::BTreeSet<_> = sample.iter().map(|entry| entry.address).collect();
            assert_eq!((sample.len(), distinct.len()), (200, 200));
            seen.extend(distinct);
        }
        assert!(seen.len() == 499 && !seen.contains(&entry(7).address), "{} are ever told", seen.len());
        assert_eq!(list.sample(1_000, Some(entry(500).address), Time::ZERO, &mut rng).len(), 500);
    }

    #[test]
    fn only_the_owner_refreshes_and_retires() {
        let mut list = List::default();
        list.insert(entry(1), key(1), Time::ZERO);
        list.insert(entry(2), key(2), Time::ZERO);
        let later = Time::ZERO + Duration::from_secs(100);
        assert!(!list.refresh(entry(1), key(2), later) && list.refresh(entry(1), key(1), later));
        list.retire(key(3));
        list.sweep(later, Duration::from_secs(30));
        assert_eq!(list.len(), 1, "the one that was not refreshed is gone");
        list.retire(key(1));
        assert_eq!(list.len(), 0);
    }

    #[test]
    fn one_address_has_few_places_and_one_s_own_machine_all() {
        let mut list = List::default();
        let at = |ip: [u8; 4], port| SocketAddrV4::new(ip.into(), port);
        for port in 1..=3 {
            for ip in [[10, 0, 0, 1], [127, 0, 0, 1]] {
                list.insert(NodeEntry { address: at(ip, port), ..entry(0) }, key(1), Time::ZERO);
            }
        }
        assert!(!list.has_room(at([10, 0, 0, 1], 4), 100, 3) && list.has_room(at([10, 0, 0, 2], 4), 100, 3));
        assert!(list.has_room(at([10, 0, 0, 1], 3), 100, 3), "it has its place");
        assert!(list.has_room(at([127, 0, 0, 1], 4), 100, 3));
        assert!(!list.has_room(at([127, 0, 0, 1], 4), 6, 3), "in all there is a limit to them too");
    }
}
