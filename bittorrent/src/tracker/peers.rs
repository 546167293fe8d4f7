//! Peers of all swarms, in the order in which they were last heard of.

use std::net::{Ipv4Addr, SocketAddrV4};

use common::peer::Time;

use crate::wire::PeerId;

/// No peer.
const NONE: u32 = u32::MAX;

/// Somebody in a swarm.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// Where it listens.
    pub(super) address: SocketAddrV4,
    /// Its name in this run of its program.
    pub(super) id: PeerId,
    /// The swarm it is in.
    pub(super) swarm: u32,
    /// The address it reported from.
    pub(super) teller: Ipv4Addr,
    pub(super) uploaded: u64,
    pub(super) downloaded: u64,
    pub(super) left: u64,
    /// When it was last heard of.
    pub(super) seen: Time,
    /// Where in its swarm it stands.
    pub(super) place: u32,
    /// Who was heard of just before, and who just after.
    before: u32,
    after: u32,
}

impl Peer {
    /// Somebody who is about to be added.
    pub(super) fn new(address: SocketAddrV4, id: PeerId, swarm: u32, teller: Ipv4Addr) -> Self {
        let (uploaded, downloaded, left) = (0, 0, 0);
        let (seen, place, before, after) = (Time::ZERO, 0, NONE, NONE);
        Peer { address, id, swarm, teller, uploaded, downloaded, left, seen, place, before, after }
    }

    /// It has all.
    pub(super) fn is_seed(&self) -> bool {
        self.left == 0
    }
}

/// A table by numbers that are used again, strung on a list by age: to be heard of, to be added and to be forgotten cost the same however
/// many there are.
#[derive(Debug)]
pub(super) struct Peers {
    table: Vec<Peer>,
    free: Vec<u32>,
    oldest: u32,
    newest: u32,
}

impl Default for Peers {
    fn default() -> Self {
        Peers { table: Vec::new(), free: Vec::new(), oldest: NONE, newest: NONE }
    }
}

impl Peers {
    pub(super) fn len(&self) -> usize {
        self.table.len() - self.free.len()
    }

    /// A peer by a number that was given out and not taken back.
    pub(super) fn get(&self, number: u32) -> &Peer {
        &self.table[number as usize]
    }

    pub(super) fn get_mut(&mut self, number: u32) -> &mut Peer {
        &mut self.table[number as usize]
    }

    /// Adds somebody who is heard of now; the number is below [`NONE`] since the table is bounded.
    pub(super) fn add(&mut self, peer: Peer, now: Time) -> u32 {
        let number = match self.free.pop() {
            Some(number) => {
                self.table[number as usize] = peer;
                number
            }
            None => {
                self.table.push(peer);
                self.table.len() as u32 - 1
            }
        };
        self.append(number, now);
        number
    }

    /// It is heard of now.
    pub(super) fn touch(&mut self, number: u32, now: Time) {
        self.unlink(number);
        self.append(number, now);
    }

    /// Takes a number back.
    pub(super) fn remove(&mut self, number: u32) {
        self.unlink(number);
        self.free.push(number);
    }

    /// Who has been silent for the longest, and since when.
    pub(super) fn oldest(&self) -> Option<(u32, Time)> {
        (self.oldest != NONE).then(|| (self.oldest, self.get(self.oldest).seen))
    }

    fn append(&mut self, number: u32, now: Time) {
        let before = std::mem::replace(&mut self.newest, number);
        match before {
            NONE => self.oldest = number,
            before => self.get_mut(before).after = number,
        }
        let peer = self.get_mut(number);
        (peer.seen, peer.before, peer.after) = (now, before, NONE);
    }

    fn unlink(&mut self, number: u32) {
        let Peer { before, after, .. } = *self.get(number);
        match before {
            NONE => self.oldest = after,
            before => self.get_mut(before).after = after,
        }
        match after {
            NONE => self.newest = before,
            after => self.get_mut(after).before = before,
        }
    }
}
