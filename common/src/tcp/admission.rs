//! Who may still connect.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

use super::Limits;

/// Counts a node's connections, in all and those accepted from each address.
#[derive(Clone)]
pub(super) struct Admission {
    max: usize,
    per_address_max: usize,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    all: usize,
    accepted: FxHashMap<Ipv4Addr, usize>,
}

/// Why a connection was not admitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Denied {
    /// The node has as many connections as it may.
    Full,
    /// The address has.
    Address,
}

/// A connection's place, given back when dropped.
pub(super) struct Ticket {
    open: Arc<Mutex<Open>>,
    accepted_from: Option<Ipv4Addr>,
}

fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Admission {
    pub(super) fn new(limits: &Limits) -> Self {
        // A slot is not free for the next connection until the peer has heard that the last one ended, so half
        // of the slots are enough for the tables and can never run out.
        let max = limits.connections_max.min(crate::peer::ConnId::SLOTS_MAX / 2);
        Admission { max, per_address_max: limits.connections_per_address_max, open: Arc::default() }
    }

    /// A place for a dialled connection, or for one accepted from an address.
    pub(super) fn admit(&self, accepted_from: Option<Ipv4Addr>) -> Result<Ticket, Denied> {
        let mut open = lock(&self.open);
        if open.all >= self.max {
            return Err(Denied::Full);
        }
        if let Some(address) = accepted_from {
            let count = open.accepted.entry(address).or_default();
            if *count >= self.per_address_max {
                return Err(Denied::Address);
            }
            *count += 1;
        }
        open.all += 1;
        Ok(Ticket { open: Arc::clone(&self.open), accepted_from })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut open = lock(&self.open);
        open.all -= 1;
        if let Some(address) = self.accepted_from
            && let Some(count) = open.accepted.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                open.accepted.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_all_and_by_address_and_given_back() {
        let limits = Limits { connections_max: 3, connections_per_address_max: 1, ..Limits::default() };
        let admission = Admission::new(&limits);
        let (a, b) = (Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2));
        let from_a = admission.admit(Some(a)).ok();
        assert_eq!(admission.admit(Some(a)).err(), Some(Denied::Address));
        let _from_b = admission.admit(Some(b)).ok();
        let _dialled = admission.admit(None).ok();
        assert_eq!(admission.admit(None).err(), Some(Denied::Full));
        drop(from_a);
        assert!(admission.admit(Some(a)).is_ok());
        assert_eq!(lock(&admission.open).accepted.len(), 1, "an address without connections is forgotten");
    }
}
