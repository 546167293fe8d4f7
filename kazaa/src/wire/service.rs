//! To and from the services. Never public either; ours, bincode under seal.

use super::NodeEntry;
use crate::ticket::{Ticket, VerifyingKey};

/// The version of these messages, told in every request.
pub const SERVICE_VERSION: u16 = 1;

/// A message with its length, which is computed once.
#[derive(Clone, PartialEq, Debug)]
pub struct ServiceFrame {
    /// The message.
    pub service: Service,
    len: u32,
}

/// What is said to and by the services.
#[derive(Clone, PartialEq, Debug)]
pub enum Service {
    /// Make an account and log in.
    Register {
        /// [`SERVICE_VERSION`].
        version: u16,
        /// The user's name.
        user: Box<str>,
        /// The password, which never leaves the seal.
        password: Box<str>,
        /// What the ticket is to say: the key that signs in sessions.
        key: VerifyingKey,
    },
    /// Log in; as above.
    Login {
        /// [`SERVICE_VERSION`].
        version: u16,
        /// The user's name.
        user: Box<str>,
        /// The password.
        password: Box<str>,
        /// As above.
        key: VerifyingKey,
    },
    /// The account is there and the password right.
    Welcome {
        /// To be shown to supernodes.
        ticket: Box<Ticket>,
        /// What tickets are checked with.
        services: VerifyingKey,
    },
    /// Why not.
    Refused(Refusal),
    /// Which supernodes are there?
    List,
    /// These.
    Supernodes(Box<[NodeEntry]>),
    /// I am a supernode, and still there.
    Announce {
        /// Where it listens, how full it is.
        entry: NodeEntry,
    },
    /// I am a supernode no longer.
    Retire,
}

/// Why somebody was not let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Somebody has that name already.
    Taken,
    /// No such user, or another password: which of both is not told.
    WrongPassword,
    /// A name or password that cannot be.
    Malformed,
    /// Too many attempts, or too many accounts.
    Busy,
    /// Another version of these messages.
    Version,
}

impl ServiceFrame {
    /// Computes the length.
    pub fn new(service: Service) -> ServiceFrame {
        ServiceFrame { service, len: 0 }
    }

    /// Bytes on the wire before sealing.
    pub fn wire_len(&self) -> u32 {
        self.len
    }
}
