//! What the services give to those who have logged in, and what supernodes check without asking them.
//!
//! A ticket says that a user owns a signing key until some time, signed by the services. Who shows one in a session proves
//! the key by signing a challenge; between supernodes the seal's key is signed instead.

/// An Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct VerifyingKey(pub [u8; 32]);

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ticket {
    /// Whose it is.
    pub user: Box<str>,
    /// The key that its owner signs with.
    pub key: VerifyingKey,
    /// Until when it holds, seconds of the Unix epoch.
    pub expires_s: u64,
    /// The services' signature over all that.
    pub signature: Box<[u8; 64]>,
}
