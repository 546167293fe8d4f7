//! What happens to a peer: see the [contract](crate::peer).

use std::fmt;
use std::net::SocketAddrV4;

use crate::conn::ConnId;
use crate::peer::FileId;
use crate::seal::PublicKey;
use crate::store::StoreFault;
use crate::user::Command;

/// What happens to a peer.
#[derive(Debug)]
pub enum Event<M, T> {
    /// The node is up. The first event of every peer.
    Start,
    /// The user wants something.
    Command(Command),
    /// A connection is ready to carry messages.
    Opened {
        /// The connection; for a dialled one, what [`Cx::dial`](crate::peer::Cx::dial) returned.
        conn: ConnId,
        /// The far side's address; if it dialled us, with whatever port it dialled from, which is not where it
        /// listens (in the simulator it is: rely on neither).
        remote: SocketAddrV4,
        /// True if this node dialled.
        dialled: bool,
    },
    /// A message arrived.
    Message {
        /// The connection it came on.
        conn: ConnId,
        /// The message.
        message: M,
    },
    /// A datagram arrived.
    Datagram {
        /// Who has sent it, if that is true.
        from: SocketAddrV4,
        /// What it says.
        message: M,
    },
    /// The connection is sealed: the handshake is through. Comes before any sealed message.
    Sealed {
        /// The connection.
        conn: ConnId,
        /// The far side's static key, which it has proved to own.
        key: PublicKey,
    },
    /// Bytes of an awaited body arrived.
    Body {
        /// The connection it comes on.
        conn: ConnId,
        /// Bytes since the last such event, all of them already in the store.
        len: u32,
        /// Whether more follow.
        state: BodyState,
    },
    /// A body arrived that was [expected](crate::peer::Cx::expect).
    Arrived {
        /// The connection it came on.
        conn: ConnId,
        /// Which.
        body: Announced,
        /// What became of it.
        arrival: Arrival,
    },
    /// Bytes of a queued body have left: upload credit.
    Sent {
        /// The connection.
        conn: ConnId,
        /// Bytes since the last such event.
        len: u32,
    },
    /// The answer to [`Cx::verify`](crate::peer::Cx::verify).
    Verified {
        /// What was asked, in the peer's own numbering.
        check: u32,
        /// True if the span has that digest.
        ok: bool,
    },
    /// The answer to [`Cx::finish`](crate::peer::Cx::finish).
    Finished {
        /// The file.
        file: FileId,
        /// `None` if the file now stands complete under its final name.
        fault: Option<StoreFault>,
    },
    /// The answer to [`Cx::compute`](crate::peer::Cx::compute).
    Computed {
        /// What was asked, in the peer's own numbering.
        task: u32,
        /// What the work ended with; `None` if the driver has too much of it waiting already.
        result: Option<Box<[u8]>>,
    },
    /// A connection has ended without this peer's doing.
    Closed {
        /// The connection.
        conn: ConnId,
        /// Why.
        reason: CloseReason,
    },
    /// A timer is due.
    Timer(T),
}

/// A body, by what the message before it says of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Announced {
    /// Tells it from others that are expected on its connection, in the protocol's own way.
    pub key: u64,
    /// Its bytes, at most [`EXPECTED_BYTES_MAX`](crate::peer::EXPECTED_BYTES_MAX) if it is to be expected.
    pub len: u32,
}

/// What became of an expected body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// It is in the store.
    Stored,
    /// The peer had taken its place back before it could be stored; its bytes are gone.
    Unexpected,
    /// The store has refused it.
    Failed(StoreFault),
}

/// How far a body has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyState {
    /// More bytes follow.
    More,
    /// That was the last byte; messages flow again.
    Done,
    /// The store refused a write. The rest of the body is discarded as it comes, with no more events until
    /// messages flow again; most peers close the connection.
    Failed(StoreFault),
}

/// Why a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CloseReason {
    /// The far side closed in good order.
    Remote,
    /// The far side vanished in the middle.
    Reset,
    /// Nobody listens there, or a firewall refuses.
    Refused,
    /// Dialling, a handshake or an idle connection took too long.
    Timeout,
    /// The far side broke the protocol; the codec says how in the log.
    Protocol,
    /// The far side reads too slowly: the bounded queue towards it is full.
    Overflow,
    /// A limit on connections, in all or for one address, is reached.
    Limit,
    /// This node's store could not read what it promised to send.
    Store,
    /// The far side has shown no certificate that this node believes.
    Untrusted,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CloseReason::Remote => "closed by the other side",
            CloseReason::Reset => "connection lost",
            CloseReason::Refused => "connection refused",
            CloseReason::Timeout => "timed out",
            CloseReason::Protocol => "the other side broke the protocol",
            CloseReason::Overflow => "the other side reads too slowly",
            CloseReason::Limit => "connection limit reached",
            CloseReason::Store => "the file could not be read",
            CloseReason::Untrusted => "no certificate that can be trusted",
        })
    }
}
