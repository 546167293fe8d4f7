//! Who is in one swarm, in an order from which some can be drawn at random.

use rand::{Rng, RngExt as _};

use super::peers::Peers;
use crate::wire::{InfoHash, PeerId, ScrapeEntry};

/// A swarm. Leechers and seeds are apart, so that a seed can be told of leechers alone at no more cost.
#[derive(Debug)]
pub(super) struct Swarm {
    pub(super) info_hash: InfoHash,
    leechers: Vec<u32>,
    seeds: Vec<u32>,
    /// Reports that a download is complete.
    pub(super) downloaded: u64,
    /// Bytes that its peers say they have sent to each other.
    pub(super) uploaded: u64,
    /// Its number among the swarms without peers, if it is one.
    pub(super) empty_since: Option<u64>,
}

/// Of whom somebody is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Among {
    Leechers,
    Seeds,
    All,
}

impl Swarm {
    pub(super) fn new(info_hash: InfoHash) -> Self {
        let (leechers, seeds) = (Vec::new(), Vec::new());
        Swarm { info_hash, leechers, seeds, downloaded: 0, uploaded: 0, empty_since: None }
    }

    pub(super) fn len(&self) -> usize {
        self.leechers.len() + self.seeds.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The figures that are told.
    pub(super) fn figures(&self) -> ScrapeEntry {
        let told = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        ScrapeEntry {
            complete: told(self.seeds.len()),
            downloaded: u32::try_from(self.downloaded).unwrap_or(u32::MAX),
            incomplete: told(self.leechers.len()),
        }
    }

    /// A peer comes, among the leechers or the seeds as it says of itself.
    pub(super) fn enter(&mut self, number: u32, peers: &mut Peers) {
        let side = self.side(peers.get(number).is_seed());
        peers.get_mut(number).place = side.len() as u32;
        side.push(number);
    }

    /// A peer that says so of itself goes.
    pub(super) fn leave(&mut self, number: u32, peers: &mut Peers) {
        let (place, is_seed) = (peers.get(number).place, peers.get(number).is_seed());
        let side = self.side(is_seed);
        side.swap_remove(place as usize);
        if let Some(moved) = side.get(place as usize) {
            peers.get_mut(*moved).place = place;
        }
    }

    /// Some others than the asker, of these sides, drawn so that all have the same chance, and none twice: the first steps of Fisher and
    /// Yates' shuffle, on the two sides as if they were one.
    pub(super) fn draw(
        &mut self,
        count: usize,
        asker: (u32, PeerId),
        among: Among,
        peers: &mut Peers,
        rng: &mut impl Rng,
    ) -> Vec<u32> {
        let leechers_in_all = if among == Among::Seeds { 0 } else { self.leechers.len() };
        let in_all = leechers_in_all + if among == Among::Leechers { 0 } else { self.seeds.len() };
        let mut drawn = Vec::with_capacity(count.min(in_all));
        let (mut leechers, mut seeds) = (0, 0);
        while drawn.len() < count && leechers + seeds < in_all {
            let nth = rng.random_range(0..in_all - leechers - seeds);
            let leechers_left = leechers_in_all - leechers;
            let (side, at, nth) = if nth < leechers_left {
                (&mut self.leechers, &mut leechers, nth)
            } else {
                (&mut self.seeds, &mut seeds, nth - leechers_left)
            };
            side.swap(*at, *at + nth);
            peers.get_mut(side[*at + nth]).place = (*at + nth) as u32;
            peers.get_mut(side[*at]).place = *at as u32;
            let number = side[*at];
            *at += 1;
            // A peer that has moved may be in the swarm twice, until its old address expires.
            if number != asker.0 && peers.get(number).id != asker.1 {
                drawn.push(number);
            }
        }
        drawn
    }

    fn side(&mut self, is_seed: bool) -> &mut Vec<u32> {
        if is_seed { &mut self.seeds } else { &mut self.leechers }
    }
}
