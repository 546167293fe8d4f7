//! The first lines on a link.

use common::http::Headers;

/// What the handshake speaks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Version {
    /// `GNUTELLA CONNECT/0.4`: two lines, then descriptors.
    V04,
    /// Three steps with headers.
    V06,
}

/// The dialler's first lines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Greeting {
    /// A higher one than 0.6 reads as 0.6.
    pub version: Version,
    /// None in 0.4.
    pub headers: Headers,
}

/// The acceptor's answer, or the dialler's confirmation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// `GNUTELLA OK`, or lines with headers.
    pub version: Version,
    /// 200 is yes, whatever else no.
    pub status: u16,
    /// For human eyes.
    pub reason: Box<str>,
    /// None in 0.4.
    pub headers: Headers,
}

impl Greeting {
    /// Bytes on the wire.
    pub fn wire_len(&self) -> u32 {
        todo!()
    }
}

impl Answer {
    /// Bytes on the wire.
    pub fn wire_len(&self) -> u32 {
        todo!()
    }
}
