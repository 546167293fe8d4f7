//! Bodies whose places a peer has named before they came, and the reader's stock of those that have come.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use rustc_hash::FxHashMap;

use crate::peer::{Announced, Arrival};
use crate::store::Storage;

/// Where an expected body goes.
pub(super) struct Expectation {
    pub(super) len: u32,
    pub(super) storage: Arc<dyn Storage>,
    pub(super) offset: u64,
}

/// What one connection's peer expects. The node's task names and revokes, the reader looks and stores.
#[derive(Default)]
pub(super) struct Expected {
    bodies: Mutex<FxHashMap<u64, Expectation>>,
    /// Held while expected bodies are stored: whoever has revoked one knows that it is not written any more.
    storing: Mutex<()>,
}

impl Expected {
    /// Adds one, unless there are so many.
    pub(super) fn add(&self, key: u64, expectation: Expectation, max: usize) -> bool {
        let mut bodies = self.bodies();
        if bodies.len() >= max {
            return false;
        }
        bodies.insert(key, expectation);
        true
    }

    /// True if this body is expected.
    pub(super) fn has(&self, body: Announced) -> bool {
        self.bodies().get(&body.key).is_some_and(|expectation| expectation.len == body.len)
    }

    /// Takes one back.
    pub(super) fn revoke(&self, key: u64) {
        let revoked = self.bodies().remove(&key);
        if revoked.is_none() {
            drop(self.storing());
        }
    }

    /// Takes all back.
    pub(super) fn revoke_all(&self) {
        self.bodies().clear();
        drop(self.storing());
    }

    fn bodies(&self) -> MutexGuard<'_, FxHashMap<u64, Expectation>> {
        // Nothing panics while it is held.
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn storing(&self) -> MutexGuard<'_, ()> {
        self.storing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An expected body that has come.
pub(super) struct Come {
    pub(super) body: Announced,
    /// Bytes of the message that announced it.
    pub(super) head: u32,
    pub(super) bytes: Bytes,
}

/// What the node is told of one.
pub(super) struct Told {
    pub(super) body: Announced,
    pub(super) head: u32,
    pub(super) arrival: Arrival,
}

/// Stores bodies, those that lie side by side in one go, and says what became of each.
pub(super) fn store(expected: &Expected, come: &mut Vec<Come>) -> Vec<Told> {
    let _storing = expected.storing();
    let places: Vec<Option<Expectation>> = {
        let mut bodies = expected.bodies();
        come.iter().map(|come| bodies.remove(&come.body.key)).collect()
    };
    let mut told: Vec<Told> = Vec::with_capacity(come.len());
    while told.len() < come.len() {
        let from = told.len();
        let Some(first) = &places[from] else {
            told.push(Told { body: come[from].body, head: come[from].head, arrival: Arrival::Unexpected });
            continue;
        };
        let mut end = first.offset.saturating_add(u64::from(first.len));
        let beside = places[from + 1..].iter().take_while(|next| {
            let follows = next.as_ref().filter(|next| {
                next.offset == end
                    && std::ptr::addr_eq(Arc::as_ptr(&next.storage), Arc::as_ptr(&first.storage))
            });
            end = end.saturating_add(follows.map_or(0, |next| u64::from(next.len)));
            follows.is_some()
        });
        let run = &come[from..=from + beside.count()];
        let parts: Vec<Bytes> = run.iter().map(|come| come.bytes.clone()).collect();
        let stored = first.storage.write_parts_at(first.offset, &parts);
        let arrival = stored.map_or_else(Arrival::Failed, |()| Arrival::Stored);
        told.extend(run.iter().map(|come| Told { body: come.body, head: come.head, arrival }));
    }
    come.clear();
    told
}
