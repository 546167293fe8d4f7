//! Messages inside the stream.
//!
//! | first byte | then |
//! |---|---|
//! | `50`, ping | nothing |
//! | `52`, pong | nothing |
//! | `4b`, message | type and length, two bytes each, then the payload |
//!
//! In which order the four bytes of type and length stand changes from message to message:
//!
//! | state mod 3 | bytes |
//! |---|---|
//! | 0 | type low, type high, length high, length low |
//! | 1 | type high, length high, type low, length low |
//! | 2 | type high, length low, length high, type low |
//!
//! Each direction's state starts at 51; after a message it is XORed with the complement of the sum of type and length.

use common::wire::WireError;

pub(super) const PING: u8 = 0x50;
pub(super) const PONG: u8 = 0x52;
pub(super) const MESSAGE: u8 = 0x4b;
/// Bytes before the payload.
pub(super) const HEADER_BYTES: usize = 5;

/// Where each of a direction's messages has which byte of its header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order(u32);

impl Order {
    /// Before the first message.
    pub(super) const START: Order = Order(0x51);

    /// Type and length of these four bytes.
    pub(super) fn read(self, bytes: [u8; 4]) -> (u16, u16) {
        let [a, b, c, d] = bytes;
        let (kind, len) = match self.0 % 3 {
            0 => ([b, a], [c, d]),
            1 => ([a, c], [b, d]),
            _ => ([a, d], [c, b]),
        };
        (u16::from_be_bytes(kind), u16::from_be_bytes(len))
    }

    /// The four bytes of type and length.
    pub(super) fn write(self, kind: u16, len: u16) -> [u8; 4] {
        let ([kind_high, kind_low], [len_high, len_low]) = (kind.to_be_bytes(), len.to_be_bytes());
        match self.0 % 3 {
            0 => [kind_low, kind_high, len_high, len_low],
            1 => [kind_high, len_high, kind_low, len_low],
            _ => [kind_high, len_low, len_high, kind_low],
        }
    }

    /// After a message of that type and length.
    pub(super) fn after(self, kind: u16, len: u16) -> Order {
        Order(self.0 ^ !(u32::from(kind) + u32::from(len)))
    }
}

/// The types of the messages that are understood here. All others are read over, among them 01 (between supernodes), 04 (dead),
/// 15 (UDP), 16, 17, 1e and 23 (unknown to anybody) and 1f (configuration, signed by KaZaA's makers).
pub(super) mod kind {
    pub const NODES: u16 = 0x00;
    pub const USER: u16 = 0x02;
    pub const UNSHARE: u16 = 0x05;
    pub const QUERY: u16 = 0x06;
    pub const REPLY: u16 = 0x07;
    pub const QUERY_END: u16 = 0x08;
    pub const STATS: u16 = 0x09;
    pub const PUSH: u16 = 0x0d;
    pub const NETWORK_NAME: u16 = 0x1d;
    pub const CONFIG: u16 = 0x1f;
    pub const SHARE: u16 = 0x22;
    pub const VERSION: u16 = 0x26;
    pub const OUTSIDE_ADDRESS: u16 = 0x2c;
    pub const TICKET: u16 = 0x60;
    pub const CHALLENGE: u16 = 0x61;
    pub const PROOF: u16 = 0x62;
}

/// The most bytes that a payload of this type may have. More is refused before a byte of it is kept: either the sender is
/// hostile, or sender and reader are out of step.
fn payload_bytes_max(kind: u16) -> u32 {
    match kind {
        // As much as the length can say: a supernode's two hundred results, and whatever KaZaA's makers signed.
        kind::REPLY | kind::CONFIG => u16::MAX as u32,
        // Sixteen tags of five hundred bytes.
        kind::SHARE | kind::UNSHARE => 8 * 1024,
        // KaZaA told of 200 supernodes, 1,600 bytes.
        kind::NODES | kind::QUERY | kind::STATS => 4 * 1024,
        kind::USER | kind::PUSH | kind::NETWORK_NAME | kind::TICKET => 1024,
        kind::QUERY_END | kind::VERSION | kind::OUTSIDE_ADDRESS | kind::CHALLENGE | kind::PROOF => 128,
        _ => 16 * 1024,
    }
}

/// The length of a payload of this type, if it may be so long.
pub(super) fn checked(kind: u16, len: u32) -> Result<u16, WireError> {
    let max = payload_bytes_max(kind);
    match u16::try_from(len) {
        Ok(short) if len <= max => Ok(short),
        _ => Err(WireError::TooLong { what: "payload", len: u64::from(len), max: u64::from(max) }),
    }
}
