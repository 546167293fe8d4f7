//! What the node's task is told by its listener, connections and helpers.

use std::net::SocketAddrV4;

use tokio::net::TcpStream;

use super::admission::Ticket;
use super::expected::Told;
use crate::peer::{BodyState, CloseReason, ConnId, FileId, PublicKey};
use crate::store::StoreFault;

/// One entry of the node's queue.
pub(super) enum Input<M> {
    /// The listener has accepted someone.
    Accepted { stream: TcpStream, remote: SocketAddrV4, ticket: Ticket },
    /// A connection is ready.
    Opened { conn: ConnId, remote: SocketAddrV4, dialled: bool },
    /// A message arrived.
    Message { conn: ConnId, message: M },
    /// A datagram arrived.
    Datagram { from: SocketAddrV4, message: M },
    /// A connection is sealed.
    Sealed { conn: ConnId, key: PublicKey },
    /// Part of a body arrived and is stored.
    Body { conn: ConnId, len: u32, state: BodyState },
    /// Expected bodies arrived.
    Arrived { conn: ConnId, bodies: Vec<Told> },
    /// Part of a body has left.
    Sent { conn: ConnId, len: u32 },
    /// A connection has ended; its task says so once, and only if the node has not ended it before.
    Closed { conn: ConnId, reason: CloseReason },
    /// A range was compared with its digest.
    Verified { check: u32, ok: bool },
    /// Some work is done; nothing came of it if it panicked.
    Computed { task: u32, result: Option<Box<[u8]>> },
    /// A file was finished.
    Finished { file: FileId, fault: Option<StoreFault> },
}
