//! The first 68 bytes in both directions.

use super::{InfoHash, PeerId};

/// The first byte, which is the length of the name that follows.
pub(super) const FIRST_BYTE: u8 = NAME.len() as u8;
const NAME: &[u8; 19] = b"BitTorrent protocol";

/// What both sides say first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handshake {
    /// What a client can do beside the protocol.
    pub reserved: Reserved,
    /// Which torrent this is about.
    pub info_hash: InfoHash,
    /// Who speaks.
    pub peer_id: PeerId,
}

/// Eight bytes of which bits say what a client can do. Bits that are not known here mean nothing, whatever they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reserved(pub [u8; 8]);

impl Handshake {
    /// Bytes on the wire.
    pub const BYTES: usize = 68;

    /// The bytes.
    pub fn encode(&self) -> [u8; Handshake::BYTES] {
        let mut bytes = [0; Handshake::BYTES];
        bytes[0] = FIRST_BYTE;
        bytes[1..20].copy_from_slice(NAME);
        bytes[20..28].copy_from_slice(&self.reserved.0);
        bytes[28..48].copy_from_slice(&self.info_hash.0);
        bytes[48..].copy_from_slice(&self.peer_id.0);
        bytes
    }

    /// Reads them; `None` if they are of another protocol.
    pub fn decode(bytes: &[u8; Handshake::BYTES]) -> Option<Handshake> {
        let (name, rest) = bytes.split_first_chunk::<20>()?;
        let (reserved, rest) = rest.split_first_chunk()?;
        let (info_hash, rest) = rest.split_first_chunk()?;
        let (peer_id, _) = rest.split_first_chunk()?;
        (name[0] == FIRST_BYTE && name[1..] == *NAME).then_some(Handshake {
            reserved: Reserved(*reserved),
            info_hash: InfoHash(*info_hash),
            peer_id: PeerId(*peer_id),
        })
    }
}

impl Reserved {
    /// The extension protocol (BEP 10).
    const EXTENDED: (usize, u8) = (5, 0x10);
    /// The distributed hash table (BEP 5).
    const DHT: (usize, u8) = (7, 0x01);
    /// The fast extension (BEP 6).
    const FAST: (usize, u8) = (7, 0x04);

    /// What this client says: the extension protocol, and the fast extension if it is asked for.
    pub fn ours(fast: bool) -> Reserved {
        let mut reserved = Reserved::default();
        reserved.set(Reserved::EXTENDED);
        if fast {
            reserved.set(Reserved::FAST);
        }
        reserved
    }

    /// The extension protocol is spoken.
    pub fn extended(self) -> bool {
        self.has(Reserved::EXTENDED)
    }

    /// The fast extension is spoken, if both sides say so.
    pub fn fast(self) -> bool {
        self.has(Reserved::FAST)
    }

    /// A node of the distributed hash table is there.
    pub fn dht(self) -> bool {
        self.has(Reserved::DHT)
    }

    fn has(self, (byte, bit): (usize, u8)) -> bool {
        self.0[byte] & bit != 0
    }

    fn set(&mut self, (byte, bit): (usize, u8)) {
        self.0[byte] |= bit;
    }
}
