//! Request targets: path and query, percent-encoding.

use std::borrow::Cow;

/// A request target, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target<'a> {
    /// The path, still encoded.
    pub path: &'a str,
    /// What follows the question mark, still encoded; empty without one.
    pub query: &'a str,
}

impl<'a> Target<'a> {
    /// Takes a target apart. Every string is one.
    pub fn parse(target: &'a str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Target { path, query }
    }

    /// The decoded value of the first `name=value` pair of the query.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then(|| percent_decode(&value.replace('+', " ")).into_owned())
        })
    }
}

/// Appends `text`, with every byte that a URI reserves or forbids as `%XX`.
pub fn percent_encode(text: &str, into: &mut String) {
    percent_encode_bytes(text.as_bytes(), into);
}

/// The same for bytes that are no text.
pub fn percent_encode_bytes(bytes: &[u8], into: &mut String) {
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            into.push(char::from(*byte));
        } else {
            push_escape(*byte, into);
        }
    }
}

/// A target of these bytes: spaces, control characters and whatever is not ASCII become escapes; everything else,
/// escapes among it, stays as it is.
pub(super) fn clean(target: &[u8]) -> String {
    let mut clean = String::with_capacity(target.len());
    for byte in target {
        if byte.is_ascii_graphic() {
            clean.push(char::from(*byte));
        } else {
            push_escape(*byte, &mut clean);
        }
    }
    clean
}

fn push_escape(byte: u8, into: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    into.push('%');
    into.push(HEX[usize::from(byte >> 4)] as char);
    into.push(HEX[usize::from(byte & 15)] as char);
}

/// Undoes [`percent_encode`]. What is not a valid escape stays as it is; what is not UTF-8 becomes U+FFFD.
pub fn percent_decode(text: &str) -> Cow<'_, str> {
    match percent_decode_bytes(text) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// Undoes [`percent_encode_bytes`]. What is not a valid escape stays as it is.
pub fn percent_decode_bytes(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('%') {
        return Cow::Borrowed(text.as_bytes());
    }
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).and_then(|b| (*b as char).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, _, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(out)
}
