//! Who is in one torrent's swarm, as the tracker knows it.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use common::peer::Time;
use rand::seq::index;
use rand_pcg::Pcg32;

use crate::wire::{Announce, AnnounceEvent, PeerId, ScrapeEntry};

/// Somebody in the swarm.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) address: SocketAddrV4,
    pub(super) id: PeerId,
    pub(super) is_seed: bool,
    seen: Time,
}

/// One torrent's swarm. Everything but [`Swarm::expire`] is O(1), and O(handout) where others are handed out.
#[derive(Debug, Default)]
pub(super) struct Swarm {
    members: Vec<Member>,
    places: HashMap<SocketAddrV4, usize>,
    /// How many of each host there are.
    hosts: HashMap<Ipv4Addr, u32>,
    seeds: u32,
    completed: u32,
}

impl Swarm {
    /// Takes in what somebody reports; false if he is new and there are too many of his host already.
    pub(super) fn report(
        &mut self,
        address: SocketAddrV4,
        announce: &Announce,
        per_host_max: u32,
        now: Time,
    ) -> bool {
        if announce.event == AnnounceEvent::Stopped {
            self.remove(address);
            return true;
        }
        let member = Member { address, id: announce.peer_id, is_seed: announce.left == 0, seen: now };
        let was_seed = match self.places.get(&address) {
            Some(&place) => std::mem::replace(&mut self.members[place], member).is_seed,
            None => {
                let count = self.hosts.entry(*address.ip()).or_default();
                // On this machine, or behind one translator of addresses, everybody may be.
                if *count >= per_host_max && !address.ip().is_loopback() {
                    return false;
                }
                *count += 1;
                self.places.insert(address, self.members.len());
                self.members.push(member);
                false
            }
        };
        self.seeds = self.seeds - u32::from(was_seed) + u32::from(member.is_seed);
        self.completed += u32::from(announce.event == AnnounceEvent::Completed && !was_seed);
        true
    }

    fn remove(&mut self, address: SocketAddrV4) {
        let Some(place) = self.places.remove(&address) else { return };
        let gone = self.members.swap_remove(place);
        if let Some(moved) = self.members.get(place) {
            self.places.insert(moved.address, place);
        }
        self.seeds -= u32::from(gone.is_seed);
        if let Some(count) = self.hosts.get_mut(address.ip()) {
            *count -= 1;
            if *count == 0 {
                self.hosts.remove(address.ip());
            }
        }
    }

    /// So many others, or fewer if there are not as many, each as likely as any other. A seed is told of no seeds.
    pub(super) fn handout(
        &self,
        asker: SocketAddrV4,
        is_seed: bool,
        want: usize,
        rng: &mut Pcg32,
    ) -> Vec<Member> {
        let most = want.saturating_add(1).min(self.members.len());
        let drawn = index::sample(rng, self.members.len(), most);
        let others = drawn.into_iter().map(|place| self.members[place]);
        others.filter(|other| other.address != asker && !(is_seed && other.is_seed)).take(want).collect()
    }

    /// Forgets those who have been silent for so long.
    pub(super) fn expire(&mut self, now: Time, silence: Duration) {
        let silent = |member: &&Member| now.since(member.seen) > silence;
        let gone: Vec<SocketAddrV4> =
            self.members.iter().filter(silent).map(|member| member.address).collect();
        gone.into_iter().for_each(|address| self.remove(address));
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn figures(&self) -> ScrapeEntry {
        let incomplete = self.members.len() as u32 - self.seeds;
        ScrapeEntry { complete: self.seeds, downloaded: self.completed, incomplete }
    }
}
