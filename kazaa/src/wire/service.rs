//! To and from the services. Never public either; ours, bincode under seal.

use std::fmt;
use std::net::Ipv4Addr;

use bytes::BytesMut;
use common::wire::WireError;
use serde::{Deserialize, Serialize};

use super::{NodeEntry, ours};
use crate::ticket::{Ticket, VerifyingKey};

/// The version of these messages, told in [`Service::Hello`].
pub const SERVICE_VERSION: u16 = 1;

/// A message with its length, which is computed once.
#[derive(Clone, PartialEq, Debug)]
pub struct ServiceFrame {
    /// The message.
    pub service: Service,
    len: u32,
}

/// What is said to and by the services. They speak first; then each message of the client's is answered by one of theirs, but for
/// `Retire`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Service {
    /// The services' first message, before anything secret is told them: who they are.
    Hello {
        /// [`SERVICE_VERSION`]; a client that knows another leaves.
        version: u16,
        /// The key that tickets are checked with.
        key: VerifyingKey,
        /// The key of their end of the seal, signed with that one.
        #[serde(with = "ours::signature")]
        proof: Box<[u8; 64]>,
        /// Where the client comes from, as they see it: of use to one that listens on every address of its machine.
        seen_at: Ipv4Addr,
    },
    /// Make an account and log in.
    Register(Credentials),
    /// Log in.
    Login(Credentials),
    /// The account is there and the password right: to be shown to supernodes.
    Welcome(Box<Ticket>),
    /// Why not.
    Refused(Refusal),
    /// Which supernodes are there?
    List,
    /// These: some, drawn at random.
    Supernodes(#[serde(deserialize_with = "ours::bounded::<_, _, { ours::NODES_MAX }>")] Box<[NodeEntry]>),
    /// I am a supernode, and still there. Answered with others that are.
    Announce(NodeEntry),
    /// I am a supernode no longer: whatever this end of a seal has announced.
    Retire,
}

/// Who logs in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The user's name.
    pub user: Box<str>,
    /// The password, which never leaves the seal.
    pub password: Box<str>,
    /// The key that signs in sessions; the ticket will say that it is this user's.
    pub key: VerifyingKey,
}

/// The longest password, in bytes; also so that nobody makes the services hash megabytes.
pub const PASSWORD_BYTES_MAX: usize = 128;

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Messages are written to logs, and passwords must not be.
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Why somebody was not let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Refusal {
    /// Somebody has that name already.
    Taken,
    /// No such user, or another password: which of both is not told.
    WrongPassword,
    /// A name or password that cannot be.
    Malformed,
    /// Too many attempts, accounts or supernodes, or too much else to do; the same may be asked again later.
    Busy,
    /// Where a supernode says it listens it does not, or not with the key of the seal in which it says so.
    Unreachable,
}

impl ServiceFrame {
    /// Computes the length.
    pub fn new(service: Service) -> ServiceFrame {
        let len = ours::frame_len(&service);
        ServiceFrame { service, len }
    }

    /// Bytes on the wire before sealing.
    pub fn wire_len(&self) -> u32 {
        self.len
    }

    pub(super) fn put(&self, dst: &mut BytesMut) -> Result<(), WireError> {
        ours::put(&self.service, self.len, ours::SERVICE_BYTES_MAX, dst)
    }

    pub(super) fn take(src: &mut BytesMut) -> Result<Option<ServiceFrame>, WireError> {
        let frame = ours::take(src, ours::SERVICE_BYTES_MAX)?;
        Ok(frame.map(|(service, len)| ServiceFrame { service, len }))
    }
}
