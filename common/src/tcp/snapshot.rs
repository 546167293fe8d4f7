//! What a node has counted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::metrics::{ByKind, NodeLoad, Sealing};

/// What a node has counted so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Snapshot {
    /// What has crossed its line: messages when sent and when delivered to the peer, bodies when they have
    /// left and when the peer is told of them.
    pub load: NodeLoad,
    /// What sealing has cost beside that.
    pub sealing: Sealing,
    /// Messages sent, by kind.
    pub by_kind: ByKind,
    /// Connections the peer knows of now, those being dialled included.
    pub connections: u64,
    /// Connections accepted since the start.
    pub accepted: u64,
    /// Connections dialled since the start.
    pub dialled: u64,
    /// Accepted and dialled connections refused because of
    /// [`Limits::connections_max`](super::Limits::connections_max).
    pub refused_full: u64,
    /// Accepted connections refused because of their address' share.
    pub refused_address: u64,
    /// Failures of accepting itself (too many open files); each costs a short pause.
    pub accept_errors: u64,
    /// Connections ended because the queue towards the far side was full.
    pub overflows: u64,
    /// Connections ended because the far side broke the protocol.
    pub protocol_errors: u64,
    /// Connections ended by a time-out, dials included.
    pub timeouts: u64,
    /// Datagrams that were no message, or that a firewall held back.
    pub datagrams_refused: u64,
    /// Datagrams that there was no room for: in the system, on the line, or in the node's queue.
    pub datagrams_dropped: u64,
    /// Digests, renames and computations refused because too many were waiting.
    pub checks_refused: u64,
    /// The peer or the driver under it has panicked; the node is gone.
    pub crashed: bool,
}

/// The counters, written by the node and its listener, read by whoever holds the handle.
#[derive(Clone, Debug)]
pub(super) struct Counters(Arc<Mutex<Snapshot>>);

impl Counters {
    pub(super) fn new(kinds: usize) -> Self {
        Counters(Arc::new(Mutex::new(Snapshot { by_kind: ByKind::new(kinds), ..Snapshot::default() })))
    }

    /// The counters, to change them.
    pub(super) fn lock(&self) -> MutexGuard<'_, Snapshot> {
        // Counters stay true to what was counted even if a peer panicked while they were held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
