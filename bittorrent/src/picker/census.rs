//! How many copies of each piece a whole swarm has: what nobody in it can know.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::bitfield::Bitfield;
use crate::wire::InfoHash;

/// The true count of each piece, by torrent: an oracle for experiments.
///
/// Nothing of it goes over the wire. All peers of a simulated swarm are handed the same census by their configuration and enter in
/// it what they have when they come, each piece that they verify, and what they take away when they leave. Whoever crashes stays in
/// it: an experiment in which peers crash must take them out itself. Peers in processes of their own share none, and know then
/// only of themselves.
#[derive(Debug, Default)]
pub struct Census(BTreeMap<InfoHash, Arc<Tally>>);

/// The copies of each piece of one torrent in its whole swarm.
///
/// The counters are atomic because a configuration may be shared between threads; a simulation has one, and repeats.
#[derive(Debug)]
pub struct Tally(Box<[AtomicU32]>);

impl Census {
    /// Of these torrents, by name and number of pieces; whoever shares others is not counted.
    pub fn new(torrents: impl IntoIterator<Item = (InfoHash, u32)>) -> Census {
        let tally = |pieces| Arc::new(Tally((0..pieces).map(|_| AtomicU32::new(0)).collect()));
        Census(torrents.into_iter().map(|(info_hash, pieces)| (info_hash, tally(pieces))).collect())
    }

    /// The counts of one torrent.
    pub fn of(&self, info_hash: InfoHash) -> Option<Arc<Tally>> {
        self.0.get(&info_hash).cloned()
    }
}

impl Tally {
    /// How many have a piece.
    pub fn copies(&self, piece: u32) -> u32 {
        self.0.get(piece as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// The count of each piece, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().map(|count| count.load(Ordering::Relaxed))
    }

    /// One more has this piece.
    pub fn gained(&self, piece: u32) {
        if let Some(count) = self.0.get(piece as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Somebody comes who has these.
    pub fn joined(&self, have: &Bitfield) {
        have.iter().for_each(|piece| self.gained(piece));
    }

    /// Somebody goes who has these.
    pub fn left(&self, have: &Bitfield) {
        for count in have.iter().filter_map(|piece| self.0.get(piece as usize)) {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
