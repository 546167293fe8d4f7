//! Messages and their codecs.

use std::fmt;

use tokio_util::codec::{Decoder, Encoder};

use crate::peer::Announced;
use crate::seal::Seal;

/// The most bytes of a datagram that drivers send, or take for more than garbage. A protocol stays below the 1,472 that one Ethernet
/// frame carries over IPv4, or its datagrams travel in fragments; but foreign programs send longer ones, such as a tracker that names
/// a thousand peers.
pub const DATAGRAM_BYTES_MAX: usize = 8 * 1024;

/// A control message of one overlay.
///
/// The codec is the only place that knows bytes; the simulator moves messages by value and charges
/// [`Wire::wire_len`] for them, so that must be exactly what the codec writes (every overlay has a property
/// test that says so).
pub trait Wire: Sized + fmt::Debug + Send + 'static {
    /// What a codec must know of its connection: the protocol spoken and the side we are on. At most a few
    /// words; `Default` is what an accepted connection starts with.
    type Setup: Copy + Default + fmt::Debug + Send + 'static;

    /// Frames bytes. A driver makes two for each connection, one to read and one to write, from one setup.
    type Codec: Decoder<Item = Self, Error = WireError> + Encoder<Self, Error = WireError> + Send + 'static;

    /// The names of the message kinds, as the protocol's text has them; [`Wire::kind`] indexes it.
    const KINDS: &'static [&'static str];

    /// A codec for a connection.
    fn codec(setup: Self::Setup) -> Self::Codec;

    /// Bytes of this message on the wire, in O(1), without a body that follows it.
    fn wire_len(&self) -> u32;

    /// The index of this message's kind in [`Wire::KINDS`].
    fn kind(&self) -> u8;

    /// True if reading must stop after this message until the peer says how to go on: it announces a body, or
    /// what follows is spoken in another way.
    fn pauses(&self) -> bool {
        false
    }

    /// The body that follows this message, if a peer can know of it beforehand: see [`Cx::expect`](crate::peer::Cx::expect).
    /// Only of messages that pause.
    fn announces(&self) -> Option<Announced> {
        None
    }

    /// Whether a connection on which this is spoken is sealed, and which side of the handshake is ours. Asked when a peer says
    /// [`Cx::resume_as`](crate::peer::Cx::resume_as); see the [contract](crate::peer#sealing).
    fn seal(setup: Self::Setup) -> Option<Seal> {
        let _ = setup;
        None
    }

    /// How datagrams are read and written, by whoever sends them to whomever; `None` if the protocol has none. A driver takes a new
    /// codec for each datagram and hands it all of it; what the codec leaves over is nothing. See the
    /// [contract](crate::peer#datagrams).
    fn datagrams() -> Option<Self::Setup> {
        None
    }
}

/// Why bytes could not be a message. The connection they came on is closed for it.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// A length field beyond the limit; refused before anything is allocated.
    #[error("{what} of {len} bytes, at most {max} are allowed")]
    TooLong {
        /// What was to be so long.
        what: &'static str,
        /// The length announced.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// Bytes that no rule of the protocol allows here.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// The stream ended inside a message.
    #[error("the stream ended inside a message")]
    Truncated,
    /// The socket failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
