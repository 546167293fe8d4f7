//! The smaller descriptors.
//!
//! ```text
//! pong    port u16 | IPv4 | files u32 | kilobytes u32 | [GGEP]
//! push    servent 16 | index u32 | IPv4 | port u16 | [GGEP]
//! bye     code u16 | text NUL
//! vendor  vendor 4 | id u16 | version u16 | data
//! ```

use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::BufMut;

use super::extension;
use crate::guid::Guid;

/// A payload, or part of one, that is kept as it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Raw(pub Box<[u8]>);

impl Raw {
    /// Bytes on the wire.
    #[expect(clippy::len_without_is_empty, reason = "a length on the wire, not of a collection")]
    pub fn len(&self) -> u32 {
        self.0.len() as u32
    }

    /// `None` for no bytes at all.
    pub(super) fn some(bytes: &[u8]) -> Option<Raw> {
        (!bytes.is_empty()).then(|| Raw(bytes.into()))
    }
}

/// Somebody who accepts links, and what is shared there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pong {
    /// Where it listens.
    pub address: SocketAddrV4,
    /// Files shared.
    pub files: u32,
    /// Kilobytes shared; newer servents mark an ultrapeer by a power of two, so nothing to rely on.
    pub kilobytes: u32,
    /// A GGEP block, or whatever else follows; never empty.
    pub extension: Option<Raw>,
}

/// Why somebody leaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bye {
    /// 200s: it goes in good order; 400s: it minds what came; 500s: something broke there. The constants are those that we
    /// say.
    pub code: u16,
    /// For human eyes.
    pub text: Box<str>,
}

/// A request to dial out with a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Push {
    /// Whom it is for.
    pub servent: Guid,
    /// That servent's number of the file.
    pub index: u32,
    /// Where to dial.
    pub address: SocketAddrV4,
    /// A GGEP block, or whatever else follows; never empty.
    pub extension: Option<Raw>,
}

/// A vendor's own message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vendor {
    /// True for type 31, which is meant for this link only, false for 32, which is passed on.
    pub standard: bool,
    /// Four letters, such as `GTKG`.
    pub vendor: [u8; 4],
    /// The vendor's number of the message.
    pub id: u16,
    /// Its version.
    pub version: u16,
    /// Whatever it says.
    pub data: Box<[u8]>,
}

/// Bytes of a pong without extension.
pub(super) const PONG_BYTES: u32 = 14;
/// Bytes of a push without extension.
pub(super) const PUSH_BYTES: u32 = 26;
/// Bytes of a bye without text. The zero after the text may be missing.
pub(super) const BYE_BYTES: u32 = 2;
/// Bytes of a vendor's message without data.
pub(super) const VENDOR_BYTES: u32 = 8;

impl Pong {
    /// Bytes on the wire.
    #[expect(clippy::len_without_is_empty, reason = "a length on the wire, not of a collection")]
    pub fn len(&self) -> u32 {
        PONG_BYTES + self.extension.as_ref().map_or(0, Raw::len)
    }

    pub(super) fn take(payload: &[u8]) -> Option<Pong> {
        let (port, rest) = payload.split_first_chunk()?;
        let (ip, rest) = rest.split_first_chunk::<4>()?;
        let (files, rest) = rest.split_first_chunk()?;
        let (kilobytes, rest) = rest.split_first_chunk()?;
        Some(Pong {
            address: SocketAddrV4::new(Ipv4Addr::from(*ip), u16::from_le_bytes(*port)),
            files: u32::from_le_bytes(*files),
            kilobytes: u32::from_le_bytes(*kilobytes),
            extension: Raw::some(rest),
        })
    }

    pub(super) fn put(&self, dst: &mut impl BufMut) {
        dst.put_u16_le(self.address.port());
        dst.put_slice(&self.address.ip().octets());
        dst.put_u32_le(self.files);
        dst.put_u32_le(self.kilobytes);
        put_extension(self.extension.as_ref(), dst);
    }
}

impl Bye {
    /// It goes, in good order.
    pub const EXIT: u16 = 200;
    /// A message was too large.
    pub const TOO_BIG: u16 = 400;
    /// Too many messages came twice.
    pub const DUPLICATES: u16 = 401;
    /// Hops and TTL together are too many.
    pub const TOO_FAR: u16 = 403;
    /// A ping was not answered.
    pub const UNANSWERED: u16 = 406;
    /// What comes in is no longer understood.
    pub const OUT_OF_SYNC: u16 = 501;

    /// Bytes on the wire.
    #[expect(clippy::len_without_is_empty, reason = "a length on the wire, not of a collection")]
    pub fn len(&self) -> u32 {
        BYE_BYTES + self.text.len() as u32 + 1
    }

    pub(super) fn take(payload: &[u8]) -> Option<Bye> {
        let (code, rest) = payload.split_first_chunk()?;
        let text = extension::text(extension::until_nul(rest).0).into();
        Some(Bye { code: u16::from_le_bytes(*code), text })
    }

    /// A zero in the text ends it early for who reads it.
    pub(super) fn put(&self, dst: &mut impl BufMut) {
        dst.put_u16_le(self.code);
        dst.put_slice(self.text.as_bytes());
        dst.put_u8(0);
    }
}

impl Push {
    /// Bytes on the wire.
    #[expect(clippy::len_without_is_empty, reason = "a length on the wire, not of a collection")]
    pub fn len(&self) -> u32 {
        PUSH_BYTES + self.extension.as_ref().map_or(0, Raw::len)
    }

    pub(super) fn take(payload: &[u8]) -> Option<Push> {
        let (servent, rest) = payload.split_first_chunk()?;
        let (index, rest) = rest.split_first_chunk()?;
        let (address, rest) = rest.split_first_chunk()?;
        Some(Push {
            servent: Guid(*servent),
            index: u32::from_le_bytes(*index),
            address: address_of(*address),
            extension: Raw::some(rest),
        })
    }

    pub(super) fn put(&self, dst: &mut impl BufMut) {
        dst.put_slice(&self.servent.0);
        dst.put_u32_le(self.index);
        dst.put_slice(&address_bytes(self.address));
        put_extension(self.extension.as_ref(), dst);
    }
}

impl Vendor {
    /// Bytes on the wire.
    #[expect(clippy::len_without_is_empty, reason = "a length on the wire, not of a collection")]
    pub fn len(&self) -> u32 {
        VENDOR_BYTES + self.data.len() as u32
    }

    pub(super) fn take(standard: bool, payload: &[u8]) -> Option<Vendor> {
        let (vendor, rest) = payload.split_first_chunk()?;
        let (id, rest) = rest.split_first_chunk()?;
        let (version, data) = rest.split_first_chunk()?;
        let (id, version) = (u16::from_le_bytes(*id), u16::from_le_bytes(*version));
        Some(Vendor { standard, vendor: *vendor, id, version, data: data.into() })
    }

    pub(super) fn put(&self, dst: &mut impl BufMut) {
        dst.put_slice(&self.vendor);
        dst.put_u16_le(self.id);
        dst.put_u16_le(self.version);
        dst.put_slice(&self.data);
    }
}

fn put_extension(extension: Option<&Raw>, dst: &mut impl BufMut) {
    if let Some(raw) = extension {
        dst.put_slice(&raw.0);
    }
}

/// `IPv4 | port u16`.
pub(super) fn address_bytes(address: SocketAddrV4) -> [u8; 6] {
    let ([a, b, c, d], [low, high]) = (address.ip().octets(), address.port().to_le_bytes());
    [a, b, c, d, low, high]
}

/// Undoes [`address_bytes`].
pub(super) fn address_of([a, b, c, d, low, high]: [u8; 6]) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_le_bytes([low, high]))
}
