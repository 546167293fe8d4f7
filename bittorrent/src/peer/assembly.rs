//! The pieces that are being put together, block by block.

use std::collections::{BTreeMap, VecDeque};

use common::peer::ConnId;

use crate::bitfield::Bitfield;
use crate::wire::{BLOCK_BYTES, Block};

/// The most that one block is asked of at a time, at the very end. More would send it as often for nothing.
const ASKED_MAX: u8 = 3;

/// Where a block of a piece stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Missing,
    /// Its bytes are on their way into the store, from one peer: another's copy must not be written over them.
    Coming,
    There,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    stage: Stage,
    /// Of so many peers it is asked, not counting the one from whom it comes.
    asked: u8,
}

impl Slot {
    fn is_free(self) -> bool {
        self.stage == Stage::Missing && self.asked == 0
    }
}

/// A piece that is begun.
#[derive(Debug)]
struct Partial {
    len: u32,
    slots: Box<[Slot]>,
    /// Slots that nobody is asked for.
    free: u32,
    /// Slots that are not there.
    missing: u32,
    /// Before it no slot is free.
    cursor: u32,
    /// Stands in the row of those with free slots.
    is_open: bool,
    /// Only this peer may send it, because it is to be seen whether it sends wrong bytes.
    sole: Option<ConnId>,
    /// Who has sent of it, each once.
    from: Vec<ConnId>,
}

impl Partial {
    fn block(&self, piece: u32, slot: usize) -> Block {
        let begin = slot as u32 * BLOCK_BYTES;
        Block { piece, begin, len: (self.len - begin).min(BLOCK_BYTES) }
    }

    fn is_for(&self, conn: ConnId, on_parole: bool) -> bool {
        match self.sole {
            Some(sole) => sole == conn,
            None => !on_parole,
        }
    }
}

/// All pieces that are begun and not yet verified.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    partials: BTreeMap<u32, Partial>,
    /// Those with free slots, the first begun in front; some that have none any more among them.
    open: VecDeque<u32>,
}

/// Who asks, as the choice of a block needs it.
#[derive(Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) conn: ConnId,
    /// What it has.
    pub(super) theirs: &'a Bitfield,
    /// It may send whole pieces only.
    pub(super) on_parole: bool,
    /// It chokes us, and may be asked for these only (BEP 6).
    pub(super) only: Option<&'a [u32]>,
}

impl Asker<'_> {
    pub(super) fn may_send(&self, piece: u32) -> bool {
        self.theirs.has(piece) && self.only.is_none_or(|only| only.contains(&piece))
    }
}

impl Assembly {
    /// Begins a piece of so many bytes.
    pub(super) fn begin(&mut self, piece: u32, len: u32, sole: Option<ConnId>) {
        let count = len.div_ceil(BLOCK_BYTES);
        let slots = vec![Slot { stage: Stage::Missing, asked: 0 }; count as usize].into();
        let partial = Partial {
            len,
            slots,
            free: count,
            missing: count,
            cursor: 0,
            is_open: true,
            sole,
            from: Vec::new(),
        };
        self.partials.insert(piece, partial);
        self.open.push_back(piece);
    }

    /// The next block of a begun piece to ask somebody for; it counts as asked from here on.
    pub(super) fn next_free(&mut self, asker: Asker<'_>) -> Option<Block> {
        let mut at = 0;
        while let Some(&piece) = self.open.get(at) {
            let Some(partial) = self.partials.get_mut(&piece).filter(|partial| partial.free > 0) else {
                self.open.remove(at);
                if let Some(partial) = self.partials.get_mut(&piece) {
                    partial.is_open = false;
                }
                continue;
            };
            if !partial.is_for(asker.conn, asker.on_parole) || !asker.may_send(piece) {
                at += 1;
                continue;
            }
            let from = partial.cursor as usize;
            let slot = from + partial.slots[from..].iter().position(|slot| slot.is_free())?;
            partial.cursor = slot as u32 + 1;
            partial.free -= 1;
            partial.slots[slot].asked = 1;
            return Some(partial.block(piece, slot));
        }
        None
    }

    /// A piece that others have begun and nobody goes on with, for somebody who may send whole pieces only: begun anew, for him alone.
    /// Without this two who are watched could not end what they have begun together, and nobody else might have it.
    pub(super) fn begin_anew(&mut self, asker: Asker<'_>) -> Option<Block> {
        let rests = |partial: &Partial| {
            let is_still = |slot: &Slot| slot.stage != Stage::Coming && slot.asked == 0;
            partial.sole.is_none() && partial.missing > 0 && partial.slots.iter().all(is_still)
        };
        let mut partials = self.partials.iter();
        let (&piece, partial) =
            partials.find(|(piece, partial)| rests(partial) && asker.may_send(**piece))?;
        let len = partial.len;
        self.open.retain(|other| *other != piece);
        self.begin(piece, len, Some(asker.conn));
        self.next_free(asker)
    }

    /// At the very end: a block that others are asked for already, but not whoever asks; it counts as asked once more.
    pub(super) fn next_duplicate(
        &mut self,
        asker: Asker<'_>,
        is_asked: impl Fn(Block) -> bool,
    ) -> Option<Block> {
        let mut best: Option<(u8, u32, usize)> = None;
        for (&piece, partial) in &self.partials {
            if partial.missing == 0 || !partial.is_for(asker.conn, asker.on_parole) || !asker.may_send(piece)
            {
                continue;
            }
            for (at, slot) in partial.slots.iter().enumerate() {
                let is_better = best.is_none_or(|(asked, ..)| slot.asked < asked);
                if slot.stage == Stage::Missing
                    && slot.asked < ASKED_MAX
                    && is_better
                    && !is_asked(partial.block(piece, at))
                {
                    best = Some((slot.asked, piece, at));
                }
            }
        }
        let (_, piece, at) = best?;
        let partial = self.partials.get_mut(&piece)?;
        if partial.slots[at].asked == 0 {
            partial.free -= 1;
        }
        partial.slots[at].asked += 1;
        Some(partial.block(piece, at))
    }

    /// One of those asked for this block is so no longer.
    pub(super) fn unask(&mut self, block: Block) {
        let Some((slot, _)) = self.slot(block) else { return };
        slot.asked = slot.asked.saturating_sub(1);
        if slot.is_free() {
            self.freed(block);
        }
    }

    /// The bytes of this block are about to come from somebody who was asked for it: whether they are wanted. The asking is over
    /// with it, if it `counted` until now.
    pub(super) fn coming(&mut self, block: Block, counted: bool) -> bool {
        let Some((slot, free)) = self.slot(block) else { return false };
        let was_free = slot.is_free();
        if counted {
            slot.asked = slot.asked.saturating_sub(1);
        }
        if slot.stage != Stage::Missing {
            return false;
        }
        slot.stage = Stage::Coming;
        if was_free {
            *free -= 1;
        }
        true
    }

    /// They have stopped coming in the middle.
    pub(super) fn broken_off(&mut self, block: Block) {
        let Some((slot, _)) = self.slot(block) else { return };
        slot.stage = Stage::Missing;
        if slot.is_free() {
            self.freed(block);
        }
    }

    /// They are there. What others are still asked for it, and whether the piece is whole now.
    pub(super) fn arrived(&mut self, block: Block, from: ConnId) -> Arrived {
        let Some((slot, _)) = self.slot(block) else { return Arrived::default() };
        slot.stage = Stage::There;
        let is_asked_elsewhere = slot.asked > 0;
        let Some(partial) = self.partials.get_mut(&block.piece) else { return Arrived::default() };
        partial.missing -= 1;
        if !partial.from.contains(&from) {
            partial.from.push(from);
        }
        Arrived { is_asked_elsewhere, is_whole: partial.missing == 0 }
    }

    /// The piece is verified, or to be fetched anew: who has sent of it.
    pub(super) fn end(&mut self, piece: u32) -> Vec<ConnId> {
        self.partials.remove(&piece).map_or_else(Vec::new, |partial| partial.from)
    }

    /// Somebody is gone: what only he might have sent, others may.
    pub(super) fn gone(&mut self, conn: ConnId) {
        for partial in self.partials.values_mut() {
            if partial.sole == Some(conn) {
                partial.sole = None;
            }
        }
    }

    /// The slot of a block that was asked for, and its piece's count of free ones.
    fn slot(&mut self, block: Block) -> Option<(&mut Slot, &mut u32)> {
        let partial = self.partials.get_mut(&block.piece)?;
        let slot = partial.slots.get_mut((block.begin / BLOCK_BYTES) as usize)?;
        Some((slot, &mut partial.free))
    }

    /// A block has become free: its piece is to be finished before others are begun.
    fn freed(&mut self, block: Block) {
        let Some(partial) = self.partials.get_mut(&block.piece) else { return };
        partial.free += 1;
        partial.cursor = partial.cursor.min(block.begin / BLOCK_BYTES);
        if !partial.is_open {
            partial.is_open = true;
            self.open.push_front(block.piece);
        }
    }
}

/// What the arrival of a block means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Arrived {
    /// Others are to be told that it is no longer wanted.
    pub(super) is_asked_elsewhere: bool,
    /// All of its piece is there.
    pub(super) is_whole: bool,
}

#[cfg(test)]
mod tests {
    use common::peer::ConnIds;

    use super::*;

    #[test]
    fn what_two_have_begun_one_who_is_watched_begins_anew() {
        let mut conns = ConnIds::default();
        let theirs = Bitfield::all(1);
        let free = Asker { conn: conns.open(), theirs: &theirs, on_parole: false, only: None };
        let watched = Asker { conn: conns.open(), on_parole: true, ..free };
        let mut assembly = Assembly::default();
        assembly.begin(0, 2 * BLOCK_BYTES, None);
        let first = assembly.next_free(free).unwrap();
        assert_eq!(assembly.next_free(watched), None, "others have begun it");
        assert_eq!(assembly.begin_anew(watched), None, "and go on with it");
        assert!(assembly.coming(first, true));
        assert_eq!(assembly.begin_anew(watched), None);
        assert!(!assembly.arrived(first, free.conn).is_whole);
        assert_eq!(assembly.begin_anew(watched), Some(first));
        assert_eq!(assembly.next_free(free), None, "it is his alone now");
        let second = assembly.next_free(watched).unwrap();
        for (block, is_whole) in [(first, false), (second, true)] {
            assert!(assembly.coming(block, true));
            assert_eq!(assembly.arrived(block, watched.conn).is_whole, is_whole);
        }
        assert_eq!(assembly.end(0), [watched.conn]);
    }
}
