//! What is said around files, beside plain HTTP.

use bytes::BufMut;
use common::http::Response;
use common::wire::WireError;

use super::extension;
use super::handshake::{self, Decimal};
use crate::guid::Guid;

/// The most bytes of a page's text. A web cache tells some twenty addresses.
pub const PAGE_BYTES_MAX: usize = 64 * 1024;

/// `GIV <index>:<servent>/<name>`, the answer to a push.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Giv {
    /// The file's number; not to be relied on.
    pub index: u32,
    /// Who dials.
    pub servent: Guid,
    /// The file's name, or any word: gtk-gnutella writes `file`.
    pub name: Box<str>,
}

/// An answer with its text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// The head; its `Content-Length` is that of `text`.
    pub head: Response,
    /// The text.
    pub text: Box<str>,
}

impl Giv {
    /// Bytes on the wire.
    pub fn wire_len(&self) -> u32 {
        ("GIV ".len() + Decimal(self.index).len() + 1 + 32 + 1 + self.name.len() + "\n\n".len()) as u32
    }

    pub(super) fn put(&self, dst: &mut impl BufMut) {
        dst.put_slice(b"GIV ");
        Decimal(self.index).put(dst);
        dst.put_slice(b":");
        dst.put_slice(&self.servent.to_hex());
        dst.put_slice(b"/");
        handshake::put_line_part(&self.name, dst);
        dst.put_slice(b"\n\n");
    }

    /// Reads the whole of it, the empty line included.
    pub(super) fn parse(head: &[u8]) -> Result<Giv, WireError> {
        let parsed = || {
            let line = head.strip_prefix(b"GIV ")?.trim_ascii_end();
            let colon = line.iter().position(|byte| *byte == b':')?;
            let index = Decimal::parse(line[..colon].trim_ascii())?.0;
            let (servent, name) = line[colon + 1..].split_at_checked(32)?;
            let name = extension::text(name.strip_prefix(b"/")?);
            Some(Giv { index, servent: Guid::from_hex(servent)?, name: name.into() })
        };
        parsed().ok_or(WireError::Malformed("GIV"))
    }
}

impl Page {
    /// A page of this text, which has less than [`PAGE_BYTES_MAX`] bytes.
    pub fn new(status: u16, text: &str) -> Page {
        let head =
            Response::new(status).with("Content-Type", "text/plain").with("Content-Length", text.len());
        Page { head, text: text.into() }
    }

    /// Bytes on the wire.
    pub fn wire_len(&self) -> u32 {
        self.head.encoded_len() + self.text.len() as u32
    }
}
