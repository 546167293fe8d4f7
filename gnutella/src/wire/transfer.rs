//! What is said around files, beside plain HTTP.

use common::http::Response;

use crate::guid::Guid;

/// `GIV <index>:<servent>/<name>`, the answer to a push.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Giv {
    /// The file's number; not to be relied on.
    pub index: u32,
    /// Who dials.
    pub servent: Guid,
    /// The file's name, or any word.
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
        todo!()
    }
}

impl Page {
    /// Bytes on the wire.
    pub fn wire_len(&self) -> u32 {
        todo!()
    }
}
