//! Sealed connections: who speaks first, which key the far side has, and what sealing costs on the wire.
//!
//! A connection is sealed by the Noise protocol `Noise_XX_25519_AESGCM_SHA256` (revision 34 of its specification): each side
//! learns the other's static key and a proof that it owns it, and who only listens learns neither. What follows
//! travels in records. Sealing is a capability of the drivers, like bodies: peers ask for it by
//! [`Wire::seal`](crate::wire::Wire::seal) and hear of it by [`Event::Sealed`](crate::peer::Event::Sealed). What it promises, and
//! what not, stands in the [contract](crate::peer#sealing).
//!
//! On the wire, each handshake message and each record is a length in two bytes, most significant first, and so many
//! bytes:
//!
//! ```text
//! dialler                                  acceptor
//!    │ ── e ──────────────────── 34 bytes ──► │
//!    │ ◄── e, ee, s, es ──────── 98 bytes ─── │
//!    │ ── s, se ──────────────── 66 bytes ──► │
//!    │ ◄══ records: 2 + n + 16 bytes each ══► │
//!    │ ── the empty record: good-bye ───────► │
//! ```
//!
//! The three messages carry no payload of ours; the prologue, which both sides must have the same, is [`PROLOGUE`]. A record
//! holds 1 to [`RECORD_BYTES_MAX`] bytes of the stream and ends with the cipher's tag of 16; records are numbered by
//! the cipher, so that none can be left out, repeated or moved. The empty record says that nothing follows: a stream
//! that ends without it has been cut.
//!
//! | file | what is there |
//! |---|---|
//! | `mod.rs` | the words of the contract, sizes on the wire |
//! | `noise.rs` | the handshake and the records, without I/O |

mod noise;

use std::fmt;
use std::net::SocketAddrV4;

use serde::{Deserialize, Serialize};

use crate::net::scatter;
pub use noise::{Handshake, Identity, Opener, Progress, SealError, Sealer, Through};

/// Which side of a sealed connection's handshake a node takes. The two sides must differ; who has opened the
/// connection need not be the one who speaks first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seal {
    /// It speaks first.
    Dialler,
    /// It answers.
    Acceptor,
}

/// A node's static public key (Curve25519), by which others know it again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// The key of a simulated node: a fixed function of the run's seed and the node's number, which is in its address. Nothing
    /// is encrypted there, and no secret belongs to it.
    pub fn simulated(seed: u64, node: SocketAddrV4) -> PublicKey {
        let mut key = [0; 32];
        let mut word = scatter(seed ^ scatter(u64::from(node.ip().to_bits())));
        for part in key.chunks_exact_mut(8) {
            word = scatter(word);
            part.copy_from_slice(&word.to_be_bytes());
        }
        PublicKey(key)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What both sides of a handshake must have in common beside the protocol: a dialect of ours, and its version.
pub const PROLOGUE: &[u8] = b"four ways to share a file, sealed connection, version 1";

/// The length in front of a handshake message or record.
pub const LENGTH_BYTES: usize = 2;
/// The cipher's tag, at the end of a record.
pub const TAG_BYTES: usize = 16;
/// What a record costs beside what it holds.
pub const RECORD_OVERHEAD_BYTES: usize = LENGTH_BYTES + TAG_BYTES;
/// The most bytes of the stream in one record: what remains of Noise's own limit of 65,535. Larger records were the
/// faster ones on the bulk path, up to this size.
pub const RECORD_BYTES_MAX: usize = 65_535 - TAG_BYTES;

/// Bytes of the handshake's three messages on the wire, in their order, lengths included: of the patterns `e`;
/// `e, ee, s, es`; and `s, se`, with 32 bytes for a key and a tag for each encrypted part and for the (empty) payload.
pub const HANDSHAKE_BYTES: [u32; 3] = [2 + 32, 2 + 32 + 48 + 16, 2 + 48 + 16];

/// What it costs to seal `len` bytes that leave together, beside the bytes themselves: lengths and tags. Drivers charge it for
/// each write (of the real one, which gathers what waits) or for each message and chunk (of the simulated one).
pub const fn sealing_bytes(len: usize) -> usize {
    len.div_ceil(RECORD_BYTES_MAX) * RECORD_OVERHEAD_BYTES
}
