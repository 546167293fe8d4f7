//! The smaller descriptors.

use std::net::SocketAddrV4;

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
    /// A GGEP block.
    pub extension: Option<Raw>,
}

/// Why somebody leaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bye {
    /// See the constants.
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
    /// A GGEP block.
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

impl Pong {
    /// Bytes on the wire.
    #[expect(clippy::len_without_is_empty, reason = "a length on the wire, not of a collection")]
    pub fn len(&self) -> u32 {
        todo!()
    }
}

impl Bye {
    /// Bytes on the wire.
    #[expect(clippy::len_without_is_empty, reason = "a length on the wire, not of a collection")]
    pub fn len(&self) -> u32 {
        todo!()
    }
}

impl Push {
    /// Bytes on the wire.
    #[expect(clippy::len_without_is_empty, reason = "a length on the wire, not of a collection")]
    pub fn len(&self) -> u32 {
        todo!()
    }
}

impl Vendor {
    /// Bytes on the wire.
    #[expect(clippy::len_without_is_empty, reason = "a length on the wire, not of a collection")]
    pub fn len(&self) -> u32 {
        todo!()
    }
}
