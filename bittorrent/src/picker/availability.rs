//! How many of the peer set have each piece, kept sorted as it changes.

use std::sync::Arc;

use super::Tally;
use crate::bitfield::Bitfield;

/// The pieces that are still wanted, sorted by how many of the peer set have them, and everyone's count.
///
/// One vector holds the wanted pieces, the rarest first; of each count it is known where its stretch begins. One more or one
/// fewer moves a piece to the border of its stretch and the border over it, so each change costs O(1). Peers that have come as
/// seeds are counted in one number, since they make no piece rarer than another.
///
/// ```
/// use bittorrent::bitfield::Bitfield;
/// use bittorrent::picker::Availability;
///
/// let mut availability = Availability::new(&Bitfield::none(3));
/// availability.gained(2);
/// availability.gained(2);
/// availability.gained(0);
/// assert_eq!(availability.levels().map(<[u32]>::to_vec).collect::<Vec<_>>(), [[1], [0], [2]]);
/// availability.take(0);
/// assert_eq!(availability.wanted(), [1, 2]);
/// ```
#[derive(Clone, Debug)]
pub struct Availability {
    /// Wanted pieces, by count.
    order: Vec<u32>,
    /// Where each piece stands in `order`; [`NOWHERE`] if it is not wanted.
    place: Box<[u32]>,
    /// How many have each piece, seeds apart.
    counts: Box<[u32]>,
    /// `starts[n]` is where the pieces that n or more have begin. Never empty: the first is 0.
    starts: Vec<u32>,
    seeds: u32,
    /// The copies in the whole swarm, for experiments in which a peer knows them.
    tally: Option<Arc<Tally>>,
}

const NOWHERE: u32 = u32::MAX;

impl Availability {
    /// Nobody is there yet, and what is not in `have` is wanted.
    pub fn new(have: &Bitfield) -> Self {
        let pieces = have.pieces();
        let order: Vec<u32> = (0..pieces).filter(|piece| !have.has(*piece)).collect();
        let mut place = vec![NOWHERE; pieces as usize];
        for (at, piece) in order.iter().enumerate() {
            place[*piece as usize] = at as u32;
        }
        Availability {
            order,
            place: place.into(),
            counts: vec![0; pieces as usize].into(),
            starts: vec![0],
            seeds: 0,
            tally: None,
        }
    }

    /// From here on the whole swarm's copies are known.
    pub fn count_swarm(&mut self, tally: Arc<Tally>) {
        self.tally = Some(tally);
    }

    /// The whole swarm's copies of each piece, if they are known.
    pub fn tally(&self) -> Option<&Tally> {
        self.tally.as_deref()
    }

    /// The wanted pieces, the rarest first.
    pub fn wanted(&self) -> &[u32] {
        &self.order
    }

    /// True if this piece is wanted and not begun.
    pub fn is_wanted(&self, piece: u32) -> bool {
        self.place.get(piece as usize).is_some_and(|place| *place != NOWHERE)
    }

    /// The wanted pieces by how many have them, the rarest first; each stretch in no order that means anything.
    pub fn levels(&self) -> impl Iterator<Item = &[u32]> {
        let ends = self.starts[1..].iter().copied().chain(std::iter::once(self.order.len() as u32));
        let stretches = self.starts.iter().copied().zip(ends);
        stretches
            .filter(|(start, end)| start < end)
            .map(|(start, end)| &self.order[start as usize..end as usize])
    }

    /// How many of the peer set have a piece.
    pub fn count(&self, piece: u32) -> u32 {
        self.counts[piece as usize] + self.seeds
    }

    /// How many of the whole swarm have a piece; of the peer set, if that is all that is known.
    pub fn in_swarm(&self, piece: u32) -> u32 {
        self.tally.as_ref().map_or_else(|| self.count(piece), |tally| tally.copies(piece))
    }

    /// How many whole copies the peer set has: the count of its rarest piece. What makes a fraction of a next one is left out.
    pub fn copies(&self) -> u32 {
        self.seeds + self.counts.iter().copied().min().unwrap_or(0)
    }

    /// One more has this piece.
    pub fn gained(&mut self, piece: u32) {
        let count = self.counts[piece as usize];
        self.counts[piece as usize] = count + 1;
        if self.starts.len() as u32 <= count + 1 {
            self.starts.push(self.order.len() as u32);
        }
        if self.place[piece as usize] != NOWHERE {
            self.rise(piece, count);
        }
    }

    /// One fewer has this piece.
    pub fn lost(&mut self, piece: u32) {
        let count = self.counts[piece as usize];
        debug_assert!(count > 0, "nobody can lose what nobody has");
        self.counts[piece as usize] = count - 1;
        if self.place[piece as usize] != NOWHERE {
            // To the front of its stretch, and the stretch begins behind it.
            let start = self.start(count);
            self.swap(piece, start);
            self.starts[count as usize] = start + 1;
        }
    }

    /// A peer has come that has these.
    pub fn joined(&mut self, have: &Bitfield) {
        have.iter().for_each(|piece| self.gained(piece));
    }

    /// A peer has gone that had these.
    pub fn left(&mut self, have: &Bitfield) {
        have.iter().for_each(|piece| self.lost(piece));
    }

    /// A peer has come that has all.
    pub fn seed_joined(&mut self) {
        self.seeds += 1;
    }

    /// A peer has gone that had come with all.
    pub fn seed_left(&mut self) {
        self.seeds -= 1;
    }

    /// This piece is no longer to be chosen: it is being fetched. O(peer set).
    pub fn take(&mut self, piece: u32) {
        if self.place[piece as usize] == NOWHERE {
            return;
        }
        for count in self.counts[piece as usize]..self.starts.len() as u32 - 1 {
            self.rise(piece, count);
        }
        // It now stands in the last stretch; the borders that have moved over it hold for the others.
        let last = self.order.len() as u32 - 1;
        self.swap(piece, last);
        self.order.pop();
        self.place[piece as usize] = NOWHERE;
        for start in self.starts.iter_mut().skip(1) {
            *start = (*start).min(last);
        }
    }

    /// This piece is to be chosen again: what was fetched of it is lost. O(peer set).
    pub fn put_back(&mut self, piece: u32) {
        if self.place[piece as usize] != NOWHERE {
            return;
        }
        self.place[piece as usize] = self.order.len() as u32;
        self.order.push(piece);
        for count in (self.counts[piece as usize] + 1..self.starts.len() as u32).rev() {
            let start = self.start(count);
            self.swap(piece, start);
            self.starts[count as usize] = start + 1;
        }
    }

    /// Moves a piece from the stretch of `count` into that of one more.
    fn rise(&mut self, piece: u32, count: u32) {
        let last = self.start(count + 1) - 1;
        self.swap(piece, last);
        self.starts[count as usize + 1] = last;
    }

    fn start(&self, count: u32) -> u32 {
        self.starts[count as usize]
    }

    /// Has `piece` and whatever stands at `at` change places.
    fn swap(&mut self, piece: u32, at: u32) {
        let (from, other) = (self.place[piece as usize], self.order[at as usize]);
        self.order.swap(from as usize, at as usize);
        self.place[piece as usize] = at;
        self.place[other as usize] = from;
    }
}
