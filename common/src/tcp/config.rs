//! What a node is started with.

use std::io;
use std::net::SocketAddrV4;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use crate::net::{Attachment, NodeId};
use crate::peer::{FileId, Time};
use crate::seal::Identity;
use crate::store::{Storage, Store};
use crate::user::Note;

/// What a node is started with.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Its number in the run.
    pub node: NodeId,
    /// Where it listens; port 0 takes any free one. `None`: it only dials.
    pub listen: Option<SocketAddrV4>,
    /// Where datagrams reach it, from the start; port 0 takes any free one. `None`: its first datagram opens a socket, at the address
    /// and port that it listens on, or at another port if that one is taken.
    pub datagrams: Option<SocketAddrV4>,
    /// Its access line, and whether a firewall keeps others from dialling it.
    pub attachment: Attachment,
    /// What it lets others use up.
    pub limits: Limits,
    /// The run's seed; with the node's number it fixes the peer's random stream.
    pub seed: u64,
    /// The run's clock.
    pub clock: Clock,
    /// Who the node is on sealed connections: [`Identity::generate`], or one that was kept.
    pub identity: Identity,
}

/// The start of a run, shared by its nodes.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that shows zero now.
    pub fn start() -> Self {
        Clock { start: Instant::now() }
    }

    /// The time since the start.
    pub fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }

    /// The instant at which this clock shows `at`; a distant one if that is out of range.
    pub(super) fn instant(&self, at: Time) -> Instant {
        // Thirty years stand for "never": Instant has no maximum to name.
        const NEVER: Duration = Duration::from_secs(30 * 365 * 86_400);
        self.start + Duration::from_nanos(at.0).min(NEVER)
    }
}

/// What a node lets others use up. Everything beyond is refused and counted in the
/// [`Snapshot`](super::Snapshot).
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at a time, of both directions, those that still flush included. Default 12,000: a Napster
    /// server of 10,000 users, with room. A dial beyond it ends with `Closed { reason: Limit }`; an accepted
    /// connection is closed at once.
    pub connections_max: usize,
    /// Accepted connections at a time from one address. Default 256: several households behind one
    /// address translator, and not more than a fiftieth of the whole.
    pub connections_per_address_max: usize,
    /// Control bytes queued on one connection. Default 1 MiB, ten times OpenNap's `client_queue_length` of
    /// 102,400, since one answer here may be a whole browsed share.
    pub send_queue_bytes_max: usize,
    /// Control bytes queued on all connections together; a connection whose queue is longer than what is
    /// still free of it ends like one beyond its own limit, so short queues outlive long ones. Default 256
    /// MiB.
    pub send_queues_bytes_max: usize,
    /// Bodies queued on one connection. Default 1,024: BitTorrent clients ask for up to 500 blocks ahead.
    pub bodies_queued_max: usize,
    /// Bodies that a peer may expect on one connection at a time; the messages of more pause it.
    pub expected_max: usize,
    /// Bytes a decoder may hold without finding a message in them, and the most that one read takes. Default
    /// 256 KiB: four times the largest frame of the four protocols, and enough for bulk reads. A sealed connection
    /// has one record of at most 64 KiB beside it, and may exceed it by what one record holds.
    pub read_buffer_bytes_max: usize,
    /// How long a dialled connection may take to open. Default 10 s.
    pub dial_timeout: Duration,
    /// How long an accepted connection may take to say its first message, and how long it may take to seal a
    /// connection once the peer has said so. Default 30 s.
    pub handshake_timeout: Duration,
    /// How long nothing may come or go on a connection that awaits nothing. Default two hours, the time after
    /// which TCP itself would ask (RFC 1122, 4.2.3.6): users of 1999 sat connected and silent. Peers that
    /// want less set timers.
    pub idle_timeout: Duration,
    /// How long nothing may come while a body is awaited, or go while something waits to be sent. Default
    /// five minutes: a modem that serves ten downloads in turn is slow, not dead.
    pub stall_timeout: Duration,
    /// After the peer's own close: how long without progress the flush may take, and then how long the far
    /// side may take to close too. Default 5 s.
    pub linger_timeout: Duration,
    /// How long [`Handle::shutdown`](super::Handle::shutdown) waits for the peer's good-byes. Default 5 s.
    pub leave_timeout: Duration,
    /// How long a node that leaves waits for answers to the datagrams that it has sent, from the last of them on. Default 1 s:
    /// good-byes over UDP get no second try, and the farthest tracker is half a second away.
    pub datagram_linger: Duration,
    /// Connections the kernel may hold before they are accepted. Default 4,096, Linux' own limit; a
    /// burst beyond it waits a second for its next try.
    pub accept_backlog: u32,
    /// Events on their way to the node; readers wait beyond. Default 1,024.
    pub node_queue_max: usize,
    /// Commands on their way to the node; their senders wait beyond. Default 64.
    pub commands_queued_max: usize,
    /// Digests, renames and computations that wait or run. Default 4,096. One beyond is answered at once: not verified,
    /// not finished, not computed.
    pub checks_max: usize,
    /// Of those, how many run at a time. Default 2.
    pub checks_running_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections_max: 12_000,
            connections_per_address_max: 256,
            send_queue_bytes_max: 1 << 20,
            send_queues_bytes_max: 256 << 20,
            bodies_queued_max: 1_024,
            expected_max: 4_096,
            read_buffer_bytes_max: 256 * 1024,
            dial_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(2 * 3600),
            stall_timeout: Duration::from_secs(300),
            linger_timeout: Duration::from_secs(5),
            leave_timeout: Duration::from_secs(5),
            datagram_linger: Duration::from_secs(1),
            accept_backlog: 4_096,
            node_queue_max: 1_024,
            commands_queued_max: 64,
            checks_max: 4_096,
            checks_running_max: 2,
        }
    }
}

/// Hears what peers tell their users. It is called on the node's own task, in order, and must not block: a slow
/// listener puts a queue of its own behind it.
pub type NoteSink = Arc<dyn Fn(Time, NodeId, Note) + Send + Sync>;

/// A node's files, open to whoever gives it commands: add a file here, then name it in the command.
#[derive(Clone, Default)]
pub struct SharedStore(Arc<RwLock<Store>>);

impl SharedStore {
    /// Shares a store.
    pub fn new(store: Store) -> Self {
        SharedStore(Arc::new(RwLock::new(store)))
    }

    /// Adds a file.
    pub fn add(&self, file: Arc<dyn Storage>) -> FileId {
        self.0.write().unwrap_or_else(PoisonError::into_inner).add(file)
    }

    /// A file by its number.
    pub fn get(&self, file: FileId) -> Option<Arc<dyn Storage>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(file).cloned()
    }

    /// Forgets a file; transfers under way keep it until they end.
    pub fn remove(&self, file: FileId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(file);
    }
}

/// Why a node could not start: one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Someone listens there already.
    #[error("{0} is in use; stop the program that listens there or choose another port")]
    InUse(SocketAddrV4),
    /// The system forbids it.
    #[error("no permission to listen on {0}; choose a port from 1024 on")]
    Permission(SocketAddrV4),
    /// The address belongs to another machine.
    #[error("{0} is not an address of this machine; listen on 0.0.0.0 or on one that it has")]
    NotLocal(SocketAddrV4),
    /// Too many open files.
    #[error("cannot listen on {0}: too many open files; raise the limit (ulimit -n)")]
    Files(SocketAddrV4),
    /// Something else.
    #[error("cannot listen on {0}: {1}")]
    Other(SocketAddrV4, #[source] io::Error),
}
