//! The others: what each gave and took, over all its connections.

use std::collections::BTreeMap;

use bittorrent::wire::PeerId;

/// Others that are told apart. 1,000,000: some 100 MB.
const OTHERS_MAX: usize = 1_000_000;

/// What one of the others gave and took, bytes.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Other {
    /// Received from it.
    pub(super) gave: f64,
    /// Sent to it while this peer had not all yet.
    pub(super) took: f64,
    /// Of what it gave, what it gave while it had not all itself.
    pub(super) gave_as_leecher: f64,
}

/// All of them, in the order in which they were met.
#[derive(Debug, Default)]
pub(super) struct Others {
    list: Vec<Other>,
    by_id: BTreeMap<PeerId, u32>,
    /// Peers that were met when there was no room.
    pub(super) unlisted: u64,
}

impl Others {
    /// The number of whoever has this id; one without any is known by this connection alone.
    pub(super) fn number(&mut self, id: Option<PeerId>) -> Option<u32> {
        if let Some(number) = id.and_then(|id| self.by_id.get(&id)) {
            return Some(*number);
        }
        if self.list.len() >= OTHERS_MAX {
            self.unlisted += 1;
            return None;
        }
        let number = self.list.len() as u32;
        self.list.push(Other::default());
        id.map(|id| self.by_id.insert(id, number));
        Some(number)
    }

    pub(super) fn get_mut(&mut self, number: Option<u32>) -> Option<&mut Other> {
        self.list.get_mut(number? as usize)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Other> {
        self.list.iter()
    }
}
