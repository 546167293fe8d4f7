//! The real driver: one peer on sockets, files and the clock, by tokio.
//!
//! [`spawn`] starts a node. One task owns the peer and its timers; nothing else ever touches it. Each
//! connection has one task, in which a reader and a writer run side by side:
//!
//! ```text
//!            commands ─────┐                        ┌─ encoded control bytes, spans of files ─► writer ─► socket
//!                          ▼                        │
//!  listener ─ accepted ─► node task ── effects ─────┼─ orders (body, read on) ─► reader ◄─ socket
//!                          ▲  │                     │
//!   reader, writer ─ events┘  └─ digests, renames ──┴─► threads made for blocking
//! ```
//!
//! # Who waits for whom
//!
//! - The queue towards the node ([`Limits::node_queue_max`] events) is bounded and readers wait for room in
//!   it, so a busy node makes TCP push back on everyone who sends to it.
//! - The node never waits for a connection. Control bytes are encoded at once into the connection's own queue;
//!   one whose far side lets more than [`Limits::send_queue_bytes_max`] pile up ends with
//!   [`CloseReason::Overflow`](crate::peer::CloseReason::Overflow).
//! - Bodies are queued by reference: the writer reads the file when the socket takes bytes. Received bodies go
//!   from the read buffer into the file; while the file is slow the socket is not read.
//! - Sealed connections are sealed by their writer, as it gathers what it writes, and opened by their reader, before the
//!   codec: neither on the node's task. The reader takes the handshake's messages, the writer says ours, and
//!   what was queued behind waits in the queue.
//! - Under TLS ([`Tls`]) a connection's bytes pass one more stage between the socket and its reader and writer, in the same task.
//! - Datagrams wait for nobody: what there is no room for is dropped and counted. Their socket exists once the peer has sent one, or from
//!   the start if [`NodeConfig::datagrams`] says so.
//! - A remote costs at most its own connection: its decoder's buffer, its queues and its waits all have limits
//!   ([`Limits`]), and everything refused or cut off is counted in the [`Snapshot`].
//!
//! # How a node ends
//!
//! [`Handle::shutdown`] tells the peer to leave, lets queues drain for a bounded time and returns when the
//! last task has ended. [`Handle::kill`] is a crash: every socket is reset. A panic of the peer ends its node
//! the same way, and whoever holds the handle is told.

mod admission;
mod config;
mod connection;
mod datagram;
mod effects;
mod expected;
mod fd;
mod handle;
mod input;
mod line;
mod listener;
mod node;
mod outgoing;
mod pulse;
mod reader;
mod records;
mod snapshot;
mod socket;
mod spares;
mod timers;
mod tls;
mod writer;

pub use config::{Clock, Limits, NodeConfig, NoteSink, SharedStore, StartError};
pub use fd::raise_fd_limit;
pub use handle::{Crashed, Gone, Handle, spawn};
pub use snapshot::Snapshot;
pub use tls::{Tls, TlsError};

pub use crate::seal::Identity;
