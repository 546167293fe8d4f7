//! All swarms, and the bounds on them.
//!
//! A peer is known by its swarm and where it listens. What strangers can make the tracker remember is bounded in four ways: swarms, peers
//! of a swarm, peers in all, and entries made from one address. Beyond a bound nobody new is taken in, and nobody who is in is put out.
//!
//! A swarm that everyone has left is forgotten, unless somebody's download was completed in it: that count is kept as long as there is
//! room for other swarms. A closed tracker forgets none.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use common::peer::Time;

use super::config::TrackerKnobs;
use super::peers::{Peer, Peers};
use super::swarm::{Among, Swarm};
use crate::wire::{Announce, AnnounceEvent, InfoHash};

/// Why a report is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("this tracker knows as many swarms as it can")]
    TooManySwarms,
    #[error("this swarm is full")]
    SwarmFull,
    #[error("this tracker is full")]
    Full,
    #[error("too many peers of your address")]
    AddressFull,
}

/// What the tracker knows.
#[derive(Debug, Default)]
pub(super) struct Swarms {
    /// There are no swarms but those from the start, and they stay.
    is_closed: bool,
    peers: Peers,
    /// Peers by swarm and address. Keyed by what strangers choose, so hashed with a random key; nobody sees its order.
    numbers: HashMap<(u32, SocketAddrV4), u32>,
    table: Vec<Swarm>,
    free: Vec<u32>,
    by_hash: BTreeMap<InfoHash, u32>,
    /// How many entries each address has made.
    told_by: BTreeMap<Ipv4Addr, u32>,
    /// Swarms that everyone has left, the first to be forgotten first.
    empty: BTreeMap<u64, u32>,
    empties: u64,
}

impl Swarms {
    /// Those that are to be there from the start.
    pub(super) fn known(allowed: Option<&BTreeSet<InfoHash>>) -> Self {
        let mut swarms = Swarms { is_closed: allowed.is_some(), ..Swarms::default() };
        for info_hash in allowed.into_iter().flatten() {
            swarms.add_swarm(*info_hash);
        }
        swarms
    }

    /// True if this swarm may be.
    pub(super) fn allows(&self, info_hash: &InfoHash) -> bool {
        !self.is_closed || self.by_hash.contains_key(info_hash)
    }

    pub(super) fn len(&self) -> usize {
        self.by_hash.len()
    }

    pub(super) fn peers(&self) -> usize {
        self.peers.len()
    }

    /// All swarms in the order of their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Swarm> {
        self.by_hash.values().map(|swarm| &self.table[*swarm as usize])
    }

    pub(super) fn get(&self, info_hash: &InfoHash) -> Option<&Swarm> {
        self.by_hash.get(info_hash).map(|swarm| &self.table[*swarm as usize])
    }

    /// The peer of that number.
    pub(super) fn peer(&self, number: u32) -> &Peer {
        self.peers.get(number)
    }

    /// A peer reports; its number, unless it has left.
    ///
    /// # Errors
    /// If there is no room for it.
    pub(super) fn report(
        &mut self,
        announce: &Announce,
        address: SocketAddrV4,
        teller: Ipv4Addr,
        knobs: &TrackerKnobs,
        now: Time,
    ) -> Result<Option<u32>, Refusal> {
        let swarm = self.by_hash.get(&announce.info_hash).copied();
        let number = swarm.and_then(|swarm| self.numbers.get(&(swarm, address)).copied());
        if announce.event == AnnounceEvent::Stopped {
            // The last word of a run of a program that has started again meanwhile says nothing of the new one.
            if let Some(number) = number.filter(|number| self.peers.get(*number).id == announce.peer_id) {
                self.count_traffic(number, announce);
                self.remove(number);
            }
            return Ok(None);
        }
        let number = match number {
            Some(number) => {
                self.update(number, announce, now);
                number
            }
            None => self.add(swarm, announce, address, teller, knobs, now)?,
        };
        Ok(Some(number))
    }

    /// Somebody new.
    fn add(
        &mut self,
        swarm: Option<u32>,
        announce: &Announce,
        address: SocketAddrV4,
        teller: Ipv4Addr,
        knobs: &TrackerKnobs,
        now: Time,
    ) -> Result<u32, Refusal> {
        let made = self.told_by.get(&teller).copied().unwrap_or_default();
        if made >= knobs.address_peers_max && !teller.is_loopback() {
            return Err(Refusal::AddressFull);
        }
        if self.peers.len() >= knobs.peers_max {
            return Err(Refusal::Full);
        }
        let swarm = match swarm {
            Some(swarm) if self.table[swarm as usize].len() >= knobs.swarm_peers_max => {
                return Err(Refusal::SwarmFull);
            }
            Some(swarm) => swarm,
            None => self.make_swarm(announce.info_hash, knobs.swarms_max)?,
        };
        self.told_by.insert(teller, made.saturating_add(1));
        let mut peer = Peer::new(address, announce.peer_id, swarm, teller);
        (peer.uploaded, peer.downloaded, peer.left) = (announce.uploaded, announce.downloaded, announce.left);
        let number = self.peers.add(peer, now);
        self.numbers.insert((swarm, address), number);
        let entry = &mut self.table[swarm as usize];
        entry.enter(number, &mut self.peers);
        entry.downloaded += u64::from(announce.event == AnnounceEvent::Completed);
        if let Some(empty) = entry.empty_since.take() {
            self.empty.remove(&empty);
        }
        Ok(number)
    }

    /// Somebody known.
    fn update(&mut self, number: u32, announce: &Announce, now: Time) {
        self.peers.touch(number, now);
        self.count_traffic(number, announce);
        let peer = self.peers.get(number);
        let (was_seed, is_seed) = (peer.is_seed(), announce.left == 0);
        let swarm = &mut self.table[peer.swarm as usize];
        if was_seed != is_seed {
            swarm.leave(number, &mut self.peers);
            self.peers.get_mut(number).left = announce.left;
            swarm.enter(number, &mut self.peers);
            swarm.downloaded += u64::from(is_seed);
        }
        let peer = self.peers.get_mut(number);
        peer.left = announce.left;
        peer.id = announce.peer_id;
    }

    /// What a peer says that it has sent since its last report counts for its swarm.
    fn count_traffic(&mut self, number: u32, announce: &Announce) {
        let peer = self.peers.get_mut(number);
        // Another run of the program counts from zero.
        let before = if peer.id == announce.peer_id { peer.uploaded } else { 0 };
        let swarm = &mut self.table[peer.swarm as usize];
        swarm.uploaded = swarm.uploaded.saturating_add(announce.uploaded.saturating_sub(before));
        (peer.uploaded, peer.downloaded) = (announce.uploaded, announce.downloaded);
    }

    /// Some other peers of an asker's swarm.
    pub(super) fn draw(
        &mut self,
        asker: u32,
        count: usize,
        begins: bool,
        knobs: &TrackerKnobs,
        rng: &mut impl rand::Rng,
    ) -> Vec<u32> {
        let Peer { swarm, id, .. } = *self.peers.get(asker);
        let of_all = knobs.seeds_for_seeds || !self.peers.get(asker).is_seed();
        let among = if of_all { Among::All } else { Among::Leechers };
        let swarm = &mut self.table[swarm as usize];
        let mut told = swarm.draw(count, (asker, id), among, &mut self.peers, rng);
        if begins && !of_all {
            let seeds = (count - told.len()).min(knobs.seeds_for_beginners);
            told.extend(swarm.draw(seeds, (asker, id), Among::Seeds, &mut self.peers, rng));
        }
        told
    }

    /// Forgets who has been silent for so long; when the next one will have been.
    pub(super) fn expire(&mut self, silence_max: Duration, now: Time) -> Option<Time> {
        while let Some((number, seen)) = self.peers.oldest() {
            let due = seen + silence_max;
            if due > now {
                return Some(due);
            }
            self.remove(number);
        }
        None
    }

    fn remove(&mut self, number: u32) {
        let Peer { swarm, address, teller, .. } = *self.peers.get(number);
        self.numbers.remove(&(swarm, address));
        if let Some(made) = self.told_by.get_mut(&teller) {
            *made -= 1;
            if *made == 0 {
                self.told_by.remove(&teller);
            }
        }
        let entry = &mut self.table[swarm as usize];
        entry.leave(number, &mut self.peers);
        self.peers.remove(number);
        if entry.is_empty() && !self.is_closed {
            if entry.downloaded == 0 {
                return self.remove_swarm(swarm);
            }
            entry.empty_since = Some(self.empties);
            self.empty.insert(self.empties, swarm);
            self.empties += 1;
        }
    }

    /// A swarm that is new, in the place of one that everyone has left if there is no other.
    fn make_swarm(&mut self, info_hash: InfoHash, swarms_max: usize) -> Result<u32, Refusal> {
        if self.len() >= swarms_max {
            let (_, swarm) = self.empty.pop_first().ok_or(Refusal::TooManySwarms)?;
            self.remove_swarm(swarm);
        }
        Ok(self.add_swarm(info_hash))
    }

    fn add_swarm(&mut self, info_hash: InfoHash) -> u32 {
        let swarm = Swarm::new(info_hash);
        let number = match self.free.pop() {
            Some(number) => {
                self.table[number as usize] = swarm;
                number
            }
            None => {
                self.table.push(swarm);
                self.table.len() as u32 - 1
            }
        };
        self.by_hash.insert(info_hash, number);
        number
    }

    fn remove_swarm(&mut self, number: u32) {
        let info_hash = self.table[number as usize].info_hash;
        self.by_hash.remove(&info_hash);
        // Its memory goes with it.
        self.table[number as usize] = Swarm::new(info_hash);
        self.free.push(number);
    }
}
