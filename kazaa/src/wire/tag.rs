//! Tags: what is known of a file beside its hash and size, as number, length and value.
//!
//! Numbers are [packed](super::packed), text has no end mark. 40 and more are never used: giFT-FastTrack takes a greater number
//! for a sign that the message is corrupt.

use bytes::BufMut;

use super::packed;
use super::text::text;
use serde::{Deserialize, Serialize};

/// The number of a tag; of a [`Term`](super::Term), the tag that it looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Field(pub u32);

impl Field {
    /// 00, of a term: any tag.
    pub const ANY: Field = Field(0x00);
    /// 02: text.
    pub const FILE_NAME: Field = Field(0x02);
    /// 03, of a term: 20 bytes.
    pub const HASH: Field = Field(0x03);
    /// 04: text.
    pub const TITLE: Field = Field(0x04);
    /// 05: number, in seconds.
    pub const DURATION: Field = Field(0x05);
    /// 06: text.
    pub const ARTIST: Field = Field(0x06);
    /// 08: text.
    pub const ALBUM: Field = Field(0x08);
    /// 0c: text.
    pub const KEYWORDS: Field = Field(0x0c);
    /// 0e: text.
    pub const CATEGORY: Field = Field(0x0e);
    /// 15: number, in kilobits per second.
    pub const BITRATE: Field = Field(0x15);
    /// 1a: text.
    pub const COMMENT: Field = Field(0x1a);
    /// 21, of a term: number, in bytes.
    pub const SIZE: Field = Field(0x21);
    /// 3b, ours: 16 bytes, the root of the tree in a kzhash. Nobody else told it to a supernode, and nobody is confused by a
    /// tag that they do not know.
    pub const TREE: Field = Field(0x3b);
}

/// What a tag says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Value<'a> {
    /// Two texts, with a blank between them if neither is empty.
    Text(&'a str, &'a str),
    Number(u32),
    Root(&'a [u8; 16]),
}

impl Value<'_> {
    fn len(&self) -> u32 {
        match *self {
            Value::Text(a, b) => {
                let blank = usize::from(!a.is_empty() && !b.is_empty());
                (a.len() + blank + b.len()) as u32
            }
            Value::Number(number) => packed::len(u64::from(number)),
            Value::Root(root) => root.len() as u32,
        }
    }
}

/// Bytes of a tag.
pub(super) fn len(field: Field, value: Value<'_>) -> u32 {
    let value_len = value.len();
    packed::len(u64::from(field.0)) + packed::len(u64::from(value_len)) + value_len
}

/// Writes a tag.
pub(super) fn put(field: Field, value: Value<'_>, dst: &mut impl BufMut) {
    packed::put(u64::from(field.0), dst);
    packed::put(u64::from(value.len()), dst);
    match value {
        Value::Text(a, b) => {
            dst.put_slice(a.as_bytes());
            if !a.is_empty() && !b.is_empty() {
                dst.put_u8(b' ');
            }
            dst.put_slice(b.as_bytes());
        }
        Value::Number(number) => packed::put(u64::from(number), dst),
        Value::Root(root) => dst.put_slice(root),
    }
}

/// Reads a tag's number and its value.
pub(super) fn take<'a>(src: &mut &'a [u8]) -> Option<(Field, &'a [u8])> {
    let field = Field(packed::take_u32(src)?);
    Some((field, packed::take_bytes(src)?))
}

/// The number that a value is; zero, which means unknown, if it is none.
pub(super) fn number(mut value: &[u8]) -> u32 {
    packed::take_u32(&mut value).unwrap_or_default()
}

/// Appends the text that a value is.
pub(super) fn append(value: &[u8], words: &mut String) {
    if !words.is_empty() {
        words.push(' ');
    }
    words.push_str(&text(value));
}
