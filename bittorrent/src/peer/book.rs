//! Addresses of others in a torrent's swarm.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use common::peer::Time;

/// The most addresses that are kept. 3,000: libtorrent's peer list.
const ADDRESSES_MAX: usize = 3_000;
/// The most that are taken from peer exchange while trackers tell of others: a liar must not fill the book.
const FROM_PEERS_MAX: usize = ADDRESSES_MAX / 2;
/// Failures in a row after which an address is forgotten.
const FAILURES_MAX: u8 = 3;
/// The most addresses that are remembered as banned.
const BANNED_MAX: usize = 1_000;

/// Who has told of an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Told {
    /// The user, or a tracker.
    Trusted,
    /// Another peer (BEP 11), or the peer itself.
    ByPeer,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    told: Told,
    failures: u8,
    /// Not to be dialled before.
    not_before: Time,
    /// Connected, or being dialled.
    is_busy: bool,
}

/// Addresses to dial, in the order in which they became known.
#[derive(Debug, Default)]
pub(super) struct Book {
    entries: BTreeMap<SocketAddrV4, Entry>,
    /// All of `entries`, who is to be dialled first in front.
    row: VecDeque<SocketAddrV4>,
    from_peers: usize,
    banned: BTreeSet<SocketAddrV4>,
    banned_hosts: BTreeSet<Ipv4Addr>,
}

impl Book {
    /// Takes an address in, if there is room and nothing speaks against it.
    pub(super) fn add(&mut self, address: SocketAddrV4, told: Told) {
        let is_usable = address.port() != 0 && !address.ip().is_unspecified() && !address.ip().is_broadcast();
        if !is_usable || self.is_banned(address) {
            return;
        }
        if let Some(entry) = self.entries.get_mut(&address) {
            if told == Told::Trusted && entry.told == Told::ByPeer {
                entry.told = told;
                self.from_peers -= 1;
            }
            return;
        }
        let is_full =
            self.entries.len() >= ADDRESSES_MAX || told == Told::ByPeer && self.from_peers >= FROM_PEERS_MAX;
        if is_full {
            return;
        }
        self.from_peers += usize::from(told == Told::ByPeer);
        self.entries.insert(address, Entry { told, failures: 0, not_before: Time::ZERO, is_busy: false });
        self.row.push_back(address);
    }

    /// Whom to dial next; he counts as busy from here on.
    pub(super) fn next(&mut self, now: Time) -> Option<SocketAddrV4> {
        let entries = &mut self.entries;
        let is_due = |address: &SocketAddrV4| {
            entries.get(address).is_some_and(|entry| !entry.is_busy && entry.not_before <= now)
        };
        let at = self.row.iter().position(is_due)?;
        let address = self.row.remove(at)?;
        self.row.push_back(address);
        entries.get_mut(&address)?.is_busy = true;
        Some(address)
    }

    /// Somebody at this address is connected.
    pub(super) fn connected(&mut self, address: SocketAddrV4) {
        if let Some(entry) = self.entries.get_mut(&address) {
            entry.is_busy = true;
            entry.failures = 0;
        }
    }

    /// The connection with this address is over, or did not come about.
    pub(super) fn ended(&mut self, address: SocketAddrV4, was_connected: bool, now: Time, pause: Duration) {
        let Some(entry) = self.entries.get_mut(&address) else { return };
        entry.is_busy = false;
        entry.failures = if was_connected { 0 } else { entry.failures + 1 };
        entry.not_before = now + pause * u32::from(entry.failures).max(1);
        if entry.failures >= FAILURES_MAX {
            self.forget(address);
        }
    }

    /// The address is this node's own, or leads to somebody who is connected otherwise: it is not dialled again.
    pub(super) fn forget(&mut self, address: SocketAddrV4) {
        if let Some(entry) = self.entries.remove(&address) {
            self.from_peers -= usize::from(entry.told == Told::ByPeer);
            self.row.retain(|other| *other != address);
        }
    }

    /// Wrong bytes came from there. The whole host is shut out, unless it is this machine, on which everybody may run.
    pub(super) fn ban(&mut self, address: SocketAddrV4) {
        self.forget(address);
        if self.banned.len() + self.banned_hosts.len() >= BANNED_MAX {
            return;
        }
        if address.ip().is_loopback() {
            self.banned.insert(address);
        } else {
            self.banned_hosts.insert(*address.ip());
        }
    }

    /// True if nothing is to be had to do with this address.
    pub(super) fn is_banned(&self, address: SocketAddrV4) -> bool {
        self.banned.contains(&address) || self.banned_hosts.contains(address.ip())
    }

    /// How many addresses could be dialled, now or later.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: u8, port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, host), port)
    }

    #[test]
    fn an_address_is_dialled_once_at_a_time_and_rests_between() {
        let pause = Duration::from_secs(60);
        let mut book = Book::default();
        book.add(address(1, 1), Told::Trusted);
        book.add(address(2, 1), Told::Trusted);
        book.add(address(3, 0), Told::Trusted);
        assert_eq!(book.next(Time::ZERO), Some(address(1, 1)));
        assert_eq!(book.next(Time::ZERO), Some(address(2, 1)));
        assert_eq!(book.next(Time::ZERO), None);
        book.ended(address(1, 1), false, Time::ZERO, pause);
        assert_eq!(book.next(Time::ZERO), None);
        let mut now = Time::ZERO;
        for failures in 1..=2 {
            now = now + pause * failures;
            assert_eq!(book.next(now), Some(address(1, 1)));
            book.ended(address(1, 1), false, now, pause);
        }
        assert_eq!((book.len(), book.next(Time::MAX)), (1, None), "the third failure was the last");
    }

    #[test]
    fn who_is_banned_does_not_come_back_and_peers_cannot_fill_the_book() {
        let mut book = Book::default();
        book.ban(address(1, 1));
        book.add(address(1, 2), Told::Trusted);
        assert_eq!(book.len(), 0, "no port of a banned host");
        let local = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 5);
        book.ban(local);
        book.add(local, Told::Trusted);
        book.add(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 6), Told::Trusted);
        assert_eq!(book.len(), 1, "others on this machine are others");
        for port in 1..=10_000 {
            book.add(address(2, port), Told::ByPeer);
        }
        assert_eq!(book.len(), 1 + FROM_PEERS_MAX);
        for port in 1..=10_000 {
            book.add(address(3, port), Told::Trusted);
        }
        assert_eq!(book.len(), ADDRESSES_MAX);
    }
}
