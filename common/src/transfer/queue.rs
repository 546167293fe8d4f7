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
    /// How soon who stands first is told to ask again (sooner is not punished); who stands n-th, after n times as long, up to half of `poll_max`. 1 s: our
    /// choice; gtk-gnutella says 45 s, made for downloads of hours, and a slot would mostly be idle until somebody asks.
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
            poll_min: Duration::from_secs(1),
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
/// | waiting | asks again, its address has not its share of slots, and there is a free one for it and for each before it | serving |
/// | waiting | asks again otherwise | waiting, with a fresh `poll_max` |
/// | waiting | `poll_max` without asking, or has got the file elsewhere ([`UploadQueue::leave`]) | unknown |
/// | serving | its body has left | lingering |
/// | lingering | asks again on the same connection | serving |
/// | lingering | `linger` is over | unknown |
/// | serving, lingering | the connection ends | unknown |
#[derive(Debug)]
pub struct UploadQueue {
    knobs: Arc<QueueKnobs>,
    slots: Vec<Slot>,
    /// In the order in which they will be served.
    places: Vec<Place>,
    slots_given: u64,
}

#[derive(Debug)]
struct Slot {
    id: SlotId,
    address: Ipv4Addr,
    /// Lingering until then; serving if `None`.
    until: Option<Time>,
}

#[derive(Debug)]
struct Place {
    address: Ipv4Addr,
    priority: u32,
    until: Time,
}

impl UploadQueue {
    /// With all slots free.
    pub fn new(knobs: Arc<QueueKnobs>) -> UploadQueue {
        UploadQueue { knobs, slots: Vec::new(), places: Vec::new(), slots_given: 0 }
    }

    /// Somebody asks for a file on a connection that has no slot. Larger priorities go first; equal ones in the order
    /// of arrival. One who waits keeps the priority it came with.
    pub fn request(&mut self, address: Ipv4Addr, priority: u32, now: Time) -> Admission {
        self.expire(now);
        let known = self.places.iter().position(|place| place.address == address);
        let at = known.unwrap_or_else(|| self.places.partition_point(|place| place.priority >= priority));
        // Who has a slot already and waits for a second does not hold up those behind.
        let ahead = self.places[..at].iter().filter(|place| self.may_have_more(place.address)).count();
        if self.may_have_more(address) && ahead < self.knobs.slots.saturating_sub(self.slots.len()) {
            if known.is_some() {
                self.places.remove(at);
            }
            return Admission::Start(self.occupy(address));
        }
        let until = now + self.knobs.poll_max;
        if known.is_some() {
            self.places[at].until = until;
        } else if self.places.len() < self.knobs.places_max {
            self.places.insert(at, Place { address, priority, until });
        } else {
            return Admission::Full(self.knobs.poll_max);
        }
        Admission::Wait(QueuePlace {
            position: count(at + 1),
            length: Some(count(self.places.len())),
            limit: Some(count(self.knobs.slots)),
            poll_min_s: seconds((self.knobs.poll_min * count(at + 1)).min(self.knobs.poll_max / 2)),
            poll_max_s: seconds(self.knobs.poll_max),
        })
    }

    /// The next request on a connection that had a slot: false if it has lingered for too long and the request must stand
    /// in line.
    pub fn renew(&mut self, slot: SlotId, now: Time) -> bool {
        self.expire(now);
        self.slot(slot).map(|slot| slot.until = None).is_some()
    }

    /// The body has left; the connection may ask for more for as long as [`QueueKnobs::linger`].
    pub fn linger(&mut self, slot: SlotId, now: Time) {
        let until = now + self.knobs.linger;
        if let Some(slot) = self.slot(slot) {
            slot.until = Some(until);
        }
    }

    /// The connection has ended, or is about to.
    pub fn release(&mut self, slot: SlotId) {
        self.slots.retain(|taken| taken.id != slot);
    }

    /// Somebody no longer waits. A place that is kept for nobody holds up all behind it.
    pub fn leave(&mut self, address: Ipv4Addr) {
        self.places.retain(|place| place.address != address);
    }

    /// Slots in use: serving or lingering.
    pub fn slots_taken(&self) -> usize {
        self.slots.len()
    }

    /// Requesters that wait.
    pub fn waiting(&self) -> usize {
        self.places.len()
    }

    fn may_have_more(&self, address: Ipv4Addr) -> bool {
        let its_slots = self.slots.iter().filter(|slot| slot.address == address).count();
        its_slots < self.knobs.slots_per_address
    }

    fn slot(&mut self, id: SlotId) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.id == id)
    }

    fn occupy(&mut self, address: Ipv4Addr) -> SlotId {
        self.slots_given += 1;
        let id = SlotId(self.slots_given);
        self.slots.push(Slot { id, address, until: None });
        id
    }

    /// Forgets who has not asked again in time.
    fn expire(&mut self, now: Time) {
        self.slots.retain(|slot| slot.until.is_none_or(|until| now <= until));
        self.places.retain(|place| now <= place.until);
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Whole seconds, rounded up: who asks at the time told is not too early.
fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs() + u64::from(time.subsec_nanos() > 0)).unwrap_or(u32::MAX)
}
