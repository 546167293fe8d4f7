//! What the services give to those who have logged in, and what supernodes check without asking them.
//!
//! A [`Ticket`] says that a user owns a signing key until some time, signed by the services. It is shown in the clear, so whoever
//! shows one must prove the key in it:
//!
//! | where | what is signed with the ticket's key | a copy of it is worth |
//! |---|---|---|
//! | a session, [`Ticket::prove_session`] | the supernode's challenge, that supernode's address, the ticket | nothing: the challenge is drawn anew each time, and another supernode has another address |
//! | under a seal, [`Pass`] | the key with which that end of the seal authenticates itself | nothing without that key's secret |
//!
//! Ed25519 throughout. A signature costs about 20 microseconds and its check twice as much, so both happen once for a connection,
//! never for a message. All that is signed starts with what it is for: no signature can be taken for one of another kind.

use std::fmt;
use std::net::SocketAddrV4;
use std::str::FromStr;

use ed25519_dalek::{Signature, Signer as _};

use crate::wire::transfer::from_hex;
use serde::{Deserialize, Serialize};

use crate::wire::signature;

/// The longest user name, in bytes. 32: our choice; KaZaA's form took fewer.
pub const USER_BYTES_MAX: usize = 32;

const TICKET: &[u8] = b"p2p-testbed kazaa ticket 1\0";
const SESSION: &[u8] = b"p2p-testbed kazaa session 1\0";
const SEAL: &[u8] = b"p2p-testbed kazaa seal 1\0";

/// True if this can be a user's name: 1 to [`USER_BYTES_MAX`] visible ASCII characters.
pub fn is_user_name(name: &str) -> bool {
    (1..=USER_BYTES_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// An Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct VerifyingKey(pub [u8; 32]);

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for VerifyingKey {
    type Err = &'static str;

    fn from_str(hex: &str) -> Result<Self, Self::Err> {
        let key = from_hex(hex.as_bytes()).map(VerifyingKey);
        key.ok_or("a key is 64 hexadecimal digits")
    }
}

impl VerifyingKey {
    /// True if the owner of this key has signed these words. Keys and signatures of small order, which fit more than one
    /// text, never have.
    fn has_signed(&self, words: &[u8], signature: &[u8; 64]) -> bool {
        let key = ed25519_dalek::VerifyingKey::from_bytes(&self.0);
        key.is_ok_and(|key| key.verify_strict(words, &Signature::from_bytes(signature)).is_ok())
    }

    /// True if the owner of this key has said that the end of a seal with that key is theirs.
    pub fn owns_seal(&self, seal: &[u8; 32], proof: &[u8; 64]) -> bool {
        self.has_signed(&seal_words(seal), proof)
    }
}

/// The secret half of a [`VerifyingKey`].
pub struct Signer(ed25519_dalek::SigningKey);

impl Signer {
    /// The key that follows from a seed, which is the secret.
    pub fn from_seed(seed: &[u8; 32]) -> Signer {
        Signer(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The public half.
    pub fn key(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key().to_bytes())
    }

    /// Says that the end of a seal with that key is ours.
    pub fn own_seal(&self, seal: &[u8; 32]) -> Box<[u8; 64]> {
        self.sign(&seal_words(seal))
    }

    fn sign(&self, words: &[u8]) -> Box<[u8; 64]> {
        Box::new(self.0.sign(words).to_bytes())
    }
}

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ticket {
    /// Whose it is.
    pub user: Box<str>,
    /// The key that its owner signs with.
    pub key: VerifyingKey,
    /// Until when it holds, seconds of the Unix epoch.
    pub expires_s: u64,
    /// The services' signature over all that.
    #[serde(with = "signature")]
    pub signature: Box<[u8; 64]>,
}

/// Why somebody is not who they say they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TicketError {
    /// Its time is over.
    #[error("the ticket has expired")]
    Expired,
    /// The services have never signed that.
    #[error("the ticket is not from these services")]
    Forged,
    /// Whoever shows it does not own its key.
    #[error("the ticket is somebody else's")]
    Unproved,
}

impl Ticket {
    /// What the services give to a user who owns `key`.
    pub fn issue(services: &Signer, user: &str, key: VerifyingKey, expires_s: u64) -> Ticket {
        let signature = services.sign(&ticket_words(user, key, expires_s));
        Ticket { user: user.into(), key, expires_s, signature }
    }

    /// Whether the services with this key have issued it, and it still holds.
    ///
    /// # Errors
    /// Why not.
    pub fn verify(&self, services: &VerifyingKey, now_s: u64) -> Result<(), TicketError> {
        // What costs nothing first.
        if self.expires_s <= now_s {
            return Err(TicketError::Expired);
        }
        let is_theirs = is_user_name(&self.user) && services.has_signed(&self.words(), &self.signature);
        if is_theirs { Ok(()) } else { Err(TicketError::Forged) }
    }

    /// Proves to the supernode that listens at this address that its owner is at the other end of the session.
    pub fn prove_session(
        &self,
        owner: &Signer,
        challenge: &[u8; 16],
        supernode: SocketAddrV4,
    ) -> Box<[u8; 64]> {
        owner.sign(&self.session_words(challenge, supernode))
    }

    /// Whether that was proved to this supernode, of the ticket as it stands: a proof beside another user's ticket for the same
    /// key is none.
    ///
    /// # Errors
    /// [`TicketError::Unproved`].
    pub fn verify_session(
        &self,
        challenge: &[u8; 16],
        supernode: SocketAddrV4,
        proof: &[u8; 64],
    ) -> Result<(), TicketError> {
        let is_proved = self.key.has_signed(&self.session_words(challenge, supernode), proof);
        if is_proved { Ok(()) } else { Err(TicketError::Unproved) }
    }

    fn words(&self) -> Vec<u8> {
        ticket_words(&self.user, self.key, self.expires_s)
    }

    fn session_words(&self, challenge: &[u8; 16], supernode: SocketAddrV4) -> Vec<u8> {
        let mut words =
            [SESSION, challenge, &supernode.ip().octets(), &supernode.port().to_be_bytes()].concat();
        words.extend(self.words());
        words
    }
}

/// A ticket as it is shown under a seal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pass {
    /// Who it is.
    pub ticket: Ticket,
    /// The key of the end of the seal from which it comes, signed with the ticket's.
    #[serde(with = "signature")]
    pub proof: Box<[u8; 64]>,
}

impl Pass {
    /// For the owner of the ticket, whose end of the seal has that key.
    pub fn new(ticket: Ticket, owner: &Signer, seal: &[u8; 32]) -> Pass {
        Pass { ticket, proof: owner.own_seal(seal) }
    }

    /// Whether the ticket holds and belongs to the end of the seal that has this key.
    ///
    /// # Errors
    /// Why not.
    pub fn verify(&self, services: &VerifyingKey, now_s: u64, seal: &[u8; 32]) -> Result<(), TicketError> {
        self.ticket.verify(services, now_s)?;
        if self.ticket.key.owns_seal(seal, &self.proof) { Ok(()) } else { Err(TicketError::Unproved) }
    }
}

fn ticket_words(user: &str, key: VerifyingKey, expires_s: u64) -> Vec<u8> {
    // The name comes last: it alone has no length of its own.
    [TICKET, &key.0, &expires_s.to_be_bytes(), user.as_bytes()].concat()
}

fn seal_words(seal: &[u8; 32]) -> Vec<u8> {
    [SEAL, &seal[..]].concat()
}
