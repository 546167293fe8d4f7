//! Which link a descriptor came by: what answers are led back with, and duplicates known by.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use common::peer::{ConnId, Time};
use rand::Rng;

use crate::guid::Guid;

/// What is remembered by id, bounded in number and age.
///
/// Two generations: what is new goes into the *current* one; when that is full, or as old as an id has to be remembered,
/// it becomes the *previous* one, and what the previous one held is forgotten at once. So an id lives for between one and
/// two lives, nothing ever looks through the table, and no entry is freed alone. An empty table owns no memory; a full one
/// of links takes 24 bytes an entry, 48 at worst, just after it has grown. The hash is keyed at random, so that nobody can
/// choose ids that collide.
#[derive(Debug)]
pub struct Recent<V> {
    current: HashMap<Guid, V, Key>,
    previous: HashMap<Guid, V, Key>,
    /// When the current generation began.
    since: Time,
    life: Duration,
    /// Entries of one generation.
    generation_max: usize,
}

/// Ids and the links they came by; see [`Recent`] for its bounds.
///
/// A link that has closed is not looked for: its [`ConnId`] is dead, and whoever follows the route finds that out.
///
/// ```
/// use std::time::Duration;
/// use common::peer::{ConnId, Time};
/// use gnutella::guid::Guid;
/// use gnutella::routing::RouteTable;
/// use rand::SeedableRng;
///
/// let mut rng = rand_pcg::Pcg32::seed_from_u64(1);
/// let mut routes = RouteTable::new(1_000, Duration::from_secs(600), &mut rng);
/// let (id, link) = (Guid::random(&mut rng), ConnId::new(3, 0));
/// assert!(routes.insert(id, link, Time::ZERO));
/// assert!(!routes.insert(id, ConnId::new(4, 0), Time::ZERO), "a duplicate, by another way");
/// assert_eq!(routes.get(&id, Time(1)), Some(link));
/// assert_eq!(routes.get(&id, Time::ZERO + Duration::from_secs(1_200)), None);
/// ```
#[derive(Debug, Default)]
pub struct RouteTable(Recent<ConnId>);

/// What an own descriptor is entered with: nothing is led back to it. No driver hands this id out: it would be the
/// millionth connection of a node, in the last generation of its slot.
const OWN: ConnId = ConnId::new(ConnId::SLOTS_MAX - 1, 4095);

impl<V> Default for Recent<V> {
    /// A table that forgets at once.
    fn default() -> Self {
        Recent {
            current: HashMap::default(),
            previous: HashMap::default(),
            since: Time::ZERO,
            life: Duration::ZERO,
            generation_max: 0,
        }
    }
}

impl RouteTable {
    /// An empty table of at most `routes_max` ids (at least two), which are remembered for `life` unless there are more.
    pub fn new(routes_max: usize, life: Duration, rng: &mut impl Rng) -> Self {
        RouteTable(Recent::new(routes_max, life, rng))
    }

    /// Remembers by which link an id came first. False if it is known already: a duplicate, which changes nothing.
    pub fn insert(&mut self, id: Guid, link: ConnId, now: Time) -> bool {
        self.0.insert(id, link, now)
    }

    /// Remembers an id of our own: it is a duplicate wherever it comes from, and nothing is led back.
    pub fn insert_own(&mut self, id: Guid, now: Time) {
        self.0.set(id, OWN, now);
    }

    /// Remembers the link an id came by last, in place of an earlier one.
    pub fn set(&mut self, id: Guid, link: ConnId, now: Time) {
        self.0.set(id, link, now);
    }

    /// The link an id came by. It may have closed since.
    pub fn get(&self, id: &Guid, now: Time) -> Option<ConnId> {
        self.0.get(id, now).filter(|link| *link != OWN)
    }

    /// True if an id is known, our own ones included.
    pub fn contains(&self, id: &Guid, now: Time) -> bool {
        self.0.get(id, now).is_some()
    }

    /// How many ids it holds, those that have expired but not yet been dropped included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        self.0.memory_bytes()
    }
}

impl<V: Copy> Recent<V> {
    /// An empty table of at most `max` ids (at least two), which are remembered for `life` unless there are more.
    pub fn new(max: usize, life: Duration, rng: &mut impl Rng) -> Self {
        let key = Key(rng.next_u64(), rng.next_u64());
        Recent {
            current: HashMap::with_hasher(key),
            previous: HashMap::with_hasher(key),
            since: Time::ZERO,
            life,
            generation_max: (max / 2).max(1),
        }
    }

    /// Enters an id with a value. False if it is known already, which changes nothing.
    pub fn insert(&mut self, id: Guid, value: V, now: Time) -> bool {
        self.turn_over(now);
        if self.previous.contains_key(&id) {
            return false;
        }
        match self.current.entry(id) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(value);
                true
            }
        }
    }

    /// Enters an id with a value, in place of an earlier one. Its life begins anew.
    pub fn set(&mut self, id: Guid, value: V, now: Time) {
        self.turn_over(now);
        self.current.insert(id, value);
    }

    /// What an id was entered with.
    pub fn get(&self, id: &Guid, now: Time) -> Option<V> {
        let age = now.since(self.since);
        let value = if age < self.life {
            self.current.get(id).or_else(|| self.previous.get(id))
        } else if age < self.life * 2 {
            self.current.get(id)
        } else {
            None
        };
        value.copied()
    }

    /// How many ids it holds, those that have expired but not yet been dropped included.
    pub fn len(&self) -> usize {
        self.current.len() + self.previous.len()
    }

    /// True if it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes on the heap, as the standard library's table lays them out: an entry and a control byte for each of 8/7 of
    /// its capacity.
    pub fn memory_bytes(&self) -> usize {
        let bytes = |capacity: usize| (capacity * 8).div_ceil(7) * (size_of::<(Guid, V)>() + 1);
        bytes(self.current.capacity()) + bytes(self.previous.capacity())
    }

    /// Starts a new generation if it is time or the current one is full.
    fn turn_over(&mut self, now: Time) {
        let age = now.since(self.since);
        if age < self.life && self.current.len() < self.generation_max {
            return;
        }
        let empty = HashMap::with_hasher(*self.current.hasher());
        let ended = std::mem::replace(&mut self.current, empty.clone());
        if age < self.life {
            (self.previous, self.since) = (ended, now);
        } else if age < self.life * 2 {
            // Late, because nothing came when it was time.
            (self.previous, self.since) = (ended, self.since + self.life);
        } else {
            (self.previous, self.since) = (empty, now);
        }
    }
}

/// A random key, and the hash function under it.
#[derive(Clone, Copy, Debug, Default)]
struct Key(u64, u64);

/// Folded multiplications, as wyhash has them, each under secret bits.
struct KeyedHasher {
    state: u64,
    key: u64,
}

impl BuildHasher for Key {
    type Hasher = KeyedHasher;

    fn build_hasher(&self) -> KeyedHasher {
        KeyedHasher { state: self.0, key: self.1 }
    }
}

impl Hasher for KeyedHasher {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(word ^ self.state) * u128::from(self.key | 1);
        self.state = (product >> 64) as u64 ^ product as u64;
    }

    /// The length of the id, always the same: nothing to mix in.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.state
    }
}
