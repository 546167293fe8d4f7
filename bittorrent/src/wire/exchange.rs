//! Peer exchange: who has come and gone, from peer to peer (BEP 11).

use std::net::SocketAddrV4;

use common::wire::WireError;

use super::compact;
use super::extended::parse_dict;
use crate::bencode::{Dict, Value, dict};

/// The most addresses of each list that are taken. The text allows 50, and more in the first message.
const TAKEN_MAX: usize = 200;

/// What is said of the peers whom somebody is connected to, since he last said so. Addresses of IPv6 are read over.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Exchange {
    /// Who has come, and what is known of him.
    pub added: Vec<(SocketAddrV4, PeerFlags)>,
    /// Who has gone.
    pub dropped: Vec<SocketAddrV4>,
}

/// What is known of a peer, bit by bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PeerFlags(pub u8);

impl PeerFlags {
    /// It prefers encrypted connections.
    pub const ENCRYPTION: PeerFlags = PeerFlags(0x01);
    /// It is a seed, or wants nothing.
    pub const SEED: PeerFlags = PeerFlags(0x02);
    /// It speaks uTP.
    pub const UTP: PeerFlags = PeerFlags(0x04);
    /// It speaks the protocol that opens firewalls (BEP 55).
    pub const HOLEPUNCH: PeerFlags = PeerFlags(0x08);
    /// It has been dialled, so that it can be.
    pub const REACHABLE: PeerFlags = PeerFlags(0x10);

    /// True if all bits of `other` are set here.
    pub fn has(self, other: PeerFlags) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits of both.
    #[must_use]
    pub fn and(self, other: PeerFlags) -> PeerFlags {
        PeerFlags(self.0 | other.0)
    }
}

impl Exchange {
    /// Reads one; at most 200 of each list are taken.
    ///
    /// # Errors
    /// What is no dictionary.
    pub fn parse(payload: &[u8]) -> Result<Exchange, WireError> {
        let (message, _) = parse_dict(payload, "peer exchange")?;
        let flags = bytes(&message, b"added.f").iter().map(|flags| PeerFlags(*flags));
        // Flags that are missing say nothing; those of an address that cannot be dialled go with it.
        let added = bytes(&message, b"added").as_chunks().0.iter().map(|bytes| compact::address(*bytes));
        let added = added.zip(flags.chain(std::iter::repeat(PeerFlags::default())));
        Ok(Exchange {
            added: added.filter(|(address, _)| address.port() != 0).take(TAKEN_MAX).collect(),
            dropped: compact::addresses(bytes(&message, b"dropped")).take(TAKEN_MAX).collect(),
        })
    }

    /// What goes on the wire behind the id.
    pub fn encode(&self) -> Vec<u8> {
        let flags: Vec<u8> = self.added.iter().map(|(_, flags)| flags.0).collect();
        dict()
            .put_bytes(b"added", compact::put_addresses(self.added.iter().map(|(address, _)| *address)))
            .put_bytes(b"added.f", flags)
            .put_bytes(b"dropped", compact::put_addresses(self.dropped.iter().copied()))
            .finish()
    }
}

fn bytes<'a>(message: &Dict<'a>, key: &[u8]) -> &'a [u8] {
    message.get(key).and_then(Value::as_bytes).unwrap_or_default()
}
