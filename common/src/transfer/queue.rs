//! Upload slots, and the queue before them.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use crate::http::QueuePlace;
use crate::peer::Time;

/// Limits and times of uploads. Each says where its default comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueueKnobs {
    /// Uploads at a time. 4: gtk-gnutella.
    pub slots: usize,
    /// Of these, to one address. 1: gtk-gnutella.
    pub slots_per_address: usize,
    /// Places in the queue; who comes when all are taken is refused. 64: our choice.
    pub places_max: usize,
    /// How soon who waits may ask again. 10 s: our choice; gtk-gnutella says 45 s, made for downloads of hours.
    pub poll_min: Duration,
    /// When who has not asked again loses the place. 60 s: our choice; gtk-gnutella says 120 s.
    pub poll_max: Duration,
    /// How long a slot is kept between two requests of one connection. 10 s: our choice, many round trips.
    pub linger: Duration,
}

impl Default for QueueKnobs {
    fn default() -> Self {
        QueueKnobs {
            slots: 4,
            slots_per_address: 1,
            places_max: 64,
            poll_min: Duration::from_secs(10),
            poll_max: Duration::from_secs(60),
            linger: Duration::from_secs(10),
        }
    }
}

/// A slot that somebody has; never given out again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlotId(u64);

/// What to do with a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// Serve it; the slot is its connection's until [`UploadQueue::release`].
    Start(SlotId),
    /// 503, with this place.
    Wait(QueuePlace),
    /// 503, and come again after so long: the queue is full.
    Full(Duration),
}

/// Who may upload now, and who waits at which place: passive queueing in the manner of PARQ, gtk-gnutella's.
///
/// A requester goes by its address. Who waits stands in the order of priority, then of arrival, and must ask again
/// within `poll_max`; nobody is told by us. A slot belongs to a connection, so that several requests in turn on one
/// connection need no queueing in between.
///
/// | a requester is | event | becomes |
/// |---|---|---|
/// | unknown | a request | waiting, at the place of its priority |
/// | waiting | asks again, and as many slots are free as its place says, and its address has not its share | serving |
/// | waiting | asks again otherwise | waiting, with a fresh `poll_max` |
/// | waiting | `poll_max` without asking | unknown |
/// | serving | its body has left | lingering |
/// | lingering | asks again on the same connection | serving |
/// | lingering | `linger` is over | unknown |
/// | serving, lingering | the connection ends | unknown |
#[derive(Debug)]
pub struct UploadQueue {
    knobs: Arc<QueueKnobs>,
}

impl UploadQueue {
    /// With all slots free.
    pub fn new(knobs: Arc<QueueKnobs>) -> UploadQueue {
        UploadQueue { knobs }
    }

    /// Somebody asks for a file on a connection that has no slot. Larger priorities go first; equal ones in the order
    /// of arrival.
    pub fn request(&mut self, address: Ipv4Addr, priority: u32, now: Time) -> Admission {
        let _ = (address, priority, now);
        Admission::Full(self.knobs.poll_max)
    }

    /// The next request on a connection that had a slot: false if the slot has gone to somebody else in the meantime
    /// and the request must stand in line.
    pub fn renew(&mut self, slot: SlotId, now: Time) -> bool {
        let _ = (slot, now);
        false
    }

    /// The body has left; the connection may ask for more for as long as [`QueueKnobs::linger`].
    pub fn linger(&mut self, slot: SlotId, now: Time) {
        let _ = (slot, now);
    }

    /// The connection has ended, or is about to.
    pub fn release(&mut self, slot: SlotId) {
        let _ = slot;
    }

    /// Slots in use: serving or lingering.
    pub fn slots_taken(&self) -> usize {
        0
    }

    /// Requesters that wait.
    pub fn waiting(&self) -> usize {
        0
    }
}
