//! The first 68 bytes in each direction (BEP 3).

use bytes::{Buf, BufMut, BytesMut};
use common::wire::WireError;

use super::{InfoHash, PeerId};

/// What every handshake begins with: the length of the protocol's name, and the name.
pub(super) const PROTOCOL: &[u8; 20] = b"\x13BitTorrent protocol";

/// Who speaks, of what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handshake {
    /// What extensions the speaker knows.
    pub reserved: Reserved,
    /// The torrent.
    pub info_hash: InfoHash,
    /// The speaker.
    pub peer_id: PeerId,
}

/// Eight bytes of flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reserved(pub [u8; 8]);

impl Reserved {
    const EXTENDED: (usize, u8) = (5, 0x10);
    const DHT: (usize, u8) = (7, 0x01);
    const FAST: (usize, u8) = (7, 0x04);

    /// Those of this program: the extension protocol, and the fast extension if it is wanted.
    pub fn ours(fast: bool) -> Self {
        let mut flags = Reserved::default();
        flags.set(Self::EXTENDED);
        if fast {
            flags.set(Self::FAST);
        }
        flags
    }

    /// The extension protocol (BEP 10).
    pub fn extended(self) -> bool {
        self.has(Self::EXTENDED)
    }

    /// The distributed hash table (BEP 5).
    pub fn dht(self) -> bool {
        self.has(Self::DHT)
    }

    /// The fast extension (BEP 6).
    pub fn fast(self) -> bool {
        self.has(Self::FAST)
    }

    fn has(self, (byte, bit): (usize, u8)) -> bool {
        self.0[byte] & bit != 0
    }

    fn set(&mut self, (byte, bit): (usize, u8)) {
        self.0[byte] |= bit;
    }
}

impl Handshake {
    /// Bytes on the wire.
    pub const BYTES: usize = 68;

    pub(super) fn take(src: &mut BytesMut) -> Result<Option<Handshake>, WireError> {
        // Somebody who speaks something else is found out at the first byte that differs, not after 68.
        let known = src.len().min(PROTOCOL.len());
        if src[..known] != PROTOCOL[..known] {
            return Err(WireError::Malformed("handshake: another protocol"));
        }
        if src.len() < Self::BYTES {
            return Ok(None);
        }
        src.advance(PROTOCOL.len());
        let (mut reserved, mut info_hash, mut peer_id) = ([0; 8], [0; 20], [0; 20]);
        src.copy_to_slice(&mut reserved);
        src.copy_to_slice(&mut info_hash);
        src.copy_to_slice(&mut peer_id);
        let (reserved, info_hash, peer_id) = (Reserved(reserved), InfoHash(info_hash), PeerId(peer_id));
        Ok(Some(Handshake { reserved, info_hash, peer_id }))
    }

    pub(super) fn put(&self, dst: &mut BytesMut) {
        dst.put_slice(PROTOCOL);
        dst.put_slice(&self.reserved.0);
        dst.put_slice(&self.info_hash.0);
        dst.put_slice(&self.peer_id.0);
    }
}
