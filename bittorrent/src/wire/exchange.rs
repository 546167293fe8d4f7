//! Peer exchange (BEP 11).

use std::net::SocketAddrV4;

use super::compact;
use crate::bencode::{BencodeError, Value, Writer};

/// The most peers that are taken of one message, four times as many as it may have.
const TAKEN_MAX: usize = 200;

/// What is told of a peer beside its address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PeerFlags {
    /// It has all.
    pub is_seed: bool,
    /// Whoever tells of it has dialled it.
    pub is_reachable: bool,
}

impl PeerFlags {
    const SEED: u8 = 0x02;
    const REACHABLE: u8 = 0x10;

    fn of(byte: u8) -> Self {
        PeerFlags { is_seed: byte & Self::SEED != 0, is_reachable: byte & Self::REACHABLE != 0 }
    }

    fn byte(self) -> u8 {
        Self::SEED * u8::from(self.is_seed) + Self::REACHABLE * u8::from(self.is_reachable)
    }
}

/// With whom somebody is connected now, and is no longer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Exchange {
    /// Those who have come.
    pub added: Vec<(SocketAddrV4, PeerFlags)>,
    /// Those who have gone.
    pub dropped: Vec<SocketAddrV4>,
}

impl Exchange {
    /// Reads what follows the number of the extension. Peers of IPv6 are passed over.
    ///
    /// # Errors
    /// If it is not bencoded.
    pub fn parse(payload: &[u8]) -> Result<Self, BencodeError> {
        let value = Value::parse(payload)?;
        let bytes = |key: &[u8]| value.as_dict().and_then(|dict| dict.get(key)).and_then(Value::as_bytes);
        let flags = bytes(b"added.f").unwrap_or_default();
        let flags =
            flags.iter().map(|byte| PeerFlags::of(*byte)).chain(std::iter::repeat(PeerFlags::default()));
        let added = compact::peers(bytes(b"added").unwrap_or_default());
        let dropped = compact::peers(bytes(b"dropped").unwrap_or_default());
        Ok(Exchange {
            added: added.zip(flags).take(TAKEN_MAX).collect(),
            dropped: dropped.take(TAKEN_MAX).collect(),
        })
    }

    /// What follows the number of the extension.
    pub fn encode(&self) -> Vec<u8> {
        let flags: Vec<u8> = self.added.iter().map(|(_, flags)| flags.byte()).collect();
        let mut dict = Writer::default();
        dict.bytes(b"added", &compact::encode(self.added.iter().map(|(address, _)| *address)));
        dict.bytes(b"added.f", &flags);
        dict.bytes(b"dropped", &compact::encode(self.dropped.iter().copied()));
        dict.finish()
    }
}
