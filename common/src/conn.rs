//! Connection ids, and tables by them.

use std::fmt;

use crate::prefetch::prefetch;

/// A connection, as its node names it: a dense slot and a generation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(u32);

impl ConnId {
    const SLOT_BITS: u32 = 20;
    /// The most connections one node can have at a time.
    pub const SLOTS_MAX: usize = 1 << Self::SLOT_BITS;

    /// For drivers: the id of `slot` in its `generation` (of which 12 bits are kept).
    pub const fn new(slot: usize, generation: u32) -> ConnId {
        assert!(slot < Self::SLOTS_MAX);
        ConnId((generation << Self::SLOT_BITS) | slot as u32)
    }

    /// The dense part: small, reused after the connection is gone.
    pub const fn slot(self) -> usize {
        (self.0 & ((1 << Self::SLOT_BITS) - 1)) as usize
    }

    /// How often the slot had been used before, modulo 4,096.
    pub const fn generation(self) -> u32 {
        self.0 >> Self::SLOT_BITS
    }
}

impl fmt::Debug for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conn {}.{}", self.slot(), self.generation())
    }
}

/// For drivers: hands out a node's connection ids. A freed slot is used again with its next generation.
#[derive(Debug, Default)]
pub struct ConnIds {
    generations: Vec<u16>,
    free: Vec<u32>,
}

impl ConnIds {
    /// The id of a new connection: the slot freed last, else a new one.
    ///
    /// # Panics
    /// If a million connections are open: drivers limit them far below.
    pub fn open(&mut self) -> ConnId {
        if let Some(slot) = self.free.pop() {
            return ConnId::new(slot as usize, u32::from(self.generations[slot as usize]));
        }
        let slot = self.generations.len();
        self.generations.push(0);
        ConnId::new(slot, 0)
    }

    /// Takes the id back. A stale id changes nothing; says whether it was live.
    pub fn close(&mut self, conn: ConnId) -> bool {
        let live = self.is_live(conn);
        if live {
            let generation = &mut self.generations[conn.slot()];
            *generation = (*generation + 1) % 4096;
            self.free.push(conn.slot() as u32);
        }
        live
    }

    /// True if the slot is still in the id's generation. (Callers never ask for a free slot's current
    /// generation: an id of it has not been handed out.)
    pub fn is_live(&self, conn: ConnId) -> bool {
        self.generations.get(conn.slot()).is_some_and(|g| u32::from(*g) == conn.generation())
    }
}

/// A peer's own table of its connections: a vector indexed by slot that recognises stale ids.
#[derive(Debug)]
pub struct Slots<T> {
    entries: Vec<Option<(ConnId, T)>>,
    len: usize,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Slots { entries: Vec::new(), len: 0 }
    }
}

impl<T> Slots<T> {
    /// Puts in the state of a connection, in place of whatever its slot held.
    pub fn insert(&mut self, conn: ConnId, value: T) {
        if self.entries.len() <= conn.slot() {
            self.entries.resize_with(conn.slot() + 1, || None);
        }
        if self.entries[conn.slot()].replace((conn, value)).is_none() {
            self.len += 1;
        }
    }

    /// The state of a connection.
    pub fn get(&self, conn: ConnId) -> Option<&T> {
        match self.entries.get(conn.slot()) {
            Some(Some((id, value))) if *id == conn => Some(value),
            _ => None,
        }
    }

    /// The state of a connection.
    pub fn get_mut(&mut self, conn: ConnId) -> Option<&mut T> {
        match self.entries.get_mut(conn.slot()) {
            Some(Some((id, value))) if *id == conn => Some(value),
            _ => None,
        }
    }

    /// Has the processor fetch the state of a connection, for use some hundred nanoseconds later; see
    /// [`Peer::foresee`](crate::peer::Peer::foresee).
    #[inline]
    pub fn foresee(&self, conn: ConnId) {
        if let Some(entry) = self.entries.get(conn.slot()) {
            prefetch(entry, 1);
        }
    }

    /// Takes the state of a connection out.
    pub fn remove(&mut self, conn: ConnId) -> Option<T> {
        let entry = self.entries.get_mut(conn.slot())?;
        if entry.as_ref().is_none_or(|(id, _)| *id != conn) {
            return None;
        }
        self.len -= 1;
        entry.take().map(|(_, value)| value)
    }

    /// All connections, in slot order.
    pub fn iter(&self) -> impl Iterator<Item = (ConnId, &T)> {
        self.entries.iter().flatten().map(|(id, value)| (*id, value))
    }

    /// All connections, in slot order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (ConnId, &mut T)> {
        self.entries.iter_mut().flatten().map(|(id, value)| (*id, value))
    }

    /// Gives back the memory of the places behind the last connection.
    pub fn shrink(&mut self) {
        let used = self.entries.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        self.entries.truncate(used);
        self.entries.shrink_to_fit();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_slot_refuses_the_stale_id() {
        let mut ids = ConnIds::default();
        let first = ids.open();
        let mut slots = Slots::default();
        slots.insert(first, "first");
        assert!(ids.close(first));
        assert!(!ids.close(first));
        let second = ids.open();
        assert_eq!(second.slot(), first.slot());
        slots.insert(second, "second");
        assert_eq!((slots.get(first), slots.get(second), slots.len()), (None, Some(&"second"), 1));
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.remove(second), Some("second"));
        assert!(slots.is_empty());
    }
}
