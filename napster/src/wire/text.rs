//! Text as it stands on the wire: bytes, in three shapes, and the reversible way from bytes to our own strings.
//!
//! Napster never said which character set its names are in; a Windows client of 1999 sent its code page. A
//! name must come back byte for byte in a download request, so messages keep bytes. The rest of the program
//! wants `str` with `/` between path components; [`to_name`] and [`from_name`] translate without loss:
//!
//! | on the wire | in a [`FileInfo`](common::user::FileInfo) |
//! |---|---|
//! | `\` and `/` | swapped, so that a Windows path reads as one of ours |
//! | a byte ≥ 0x80 that is not UTF-8 | the scalar U+10FF00 + byte |
//! | UTF-8 of one of those scalars | escaped byte by byte in the same way |
//! | one leading `\` and no other separator | nothing: real servers do not index a bare name, so we add it |
//! | no separator at all | a leading U+10FF00, so that none is added on the way back |

use std::fmt;
use std::sync::Arc;

/// Escaped bytes are the scalars `ESCAPE + byte`; `ESCAPE` itself marks a name without any separator.
const ESCAPE: u32 = 0x10_FF00;

/// White space as servers split it, and the NUL that ends a text for servers written in C: some clients send it.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0)
}

macro_rules! shape {
    ($(#[$doc:meta])* $name:ident, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<[u8]>);

        impl $name {
            /// The bytes in this shape, or `None` if they cannot have it.
            pub fn new(bytes: &[u8]) -> Option<Self> {
                let valid: fn(&[u8]) -> bool = $valid;
                valid(bytes).then(|| $name(bytes.into()))
            }

            /// The bytes as they stand on the wire.
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            /// The text with the escapes of [`to_text`].
            pub fn text(&self) -> String {
                to_text(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", String::from_utf8_lossy(&self.0))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&String::from_utf8_lossy(&self.0))
            }
        }
    };
}

shape!(
    /// All of a message's data, or the rest of it: any bytes.
    Line,
    |_| true
);
shape!(
    /// A field between quotes. No escape exists, so it holds no `"`.
    Quoted,
    |bytes| !bytes.contains(&b'"')
);
shape!(
    /// A field without quotes, such as a nick: not empty, no white space (a NUL counts), no `"`.
    Token,
    |bytes| !bytes.is_empty() && !bytes.iter().any(|b| is_space(*b) || *b == b'"')
);

impl From<&str> for Line {
    fn from(text: &str) -> Line {
        Line(text.as_bytes().into())
    }
}

impl From<String> for Line {
    fn from(text: String) -> Line {
        Line(text.into_bytes().into())
    }
}

impl Line {
    /// The bytes without white space around them, for data that is one field without quotes.
    pub fn trimmed(&self) -> &[u8] {
        let end = self.0.iter().rposition(|byte| !is_space(*byte)).map_or(0, |last| last + 1);
        let start = self.0[..end].iter().position(|byte| !is_space(*byte)).unwrap_or(end);
        &self.0[start..end]
    }
}

impl Quoted {
    /// Text as a field: a `"` becomes `'`, since it cannot be sent.
    pub fn lossy(text: &str) -> Quoted {
        Quoted(from_text(text).into_iter().map(|b| if b == b'"' { b'\'' } else { b }).collect())
    }

    /// A file's name for the wire; `None` if it cannot be sent: it holds a `"` or a control character (which
    /// would break the lines of a direct browse).
    pub fn from_name(name: &str) -> Option<Quoted> {
        let bytes = from_name(name);
        if bytes.iter().any(u8::is_ascii_control) { None } else { Quoted::new(&bytes) }
    }

    /// The file name as the rest of the program knows it.
    pub fn name(&self) -> String {
        to_name(&self.0)
    }
}

impl Token {
    /// Text as a field, `None` if it cannot be one.
    pub fn from_text(text: &str) -> Option<Token> {
        Token::new(&from_text(text))
    }

    /// The token in lower case: nicks compare without case.
    pub fn folded(&self) -> Token {
        Token(self.0.to_ascii_lowercase().into())
    }
}

fn escaped(byte: u8) -> char {
    char::from_u32(ESCAPE + u32::from(byte)).expect("the escapes are the last 256 scalars, none a surrogate")
}

fn unescaped(c: char) -> Option<u8> {
    (c as u32).checked_sub(ESCAPE).and_then(|byte| u8::try_from(byte).ok())
}

/// Bytes as a string, reversibly: what is not UTF-8 is escaped.
pub fn to_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match unescaped(c) {
                None => text.push(c),
                Some(_) => text.extend(c.encode_utf8(&mut [0; 4]).bytes().map(escaped)),
            }
        }
        text.extend(chunk.invalid().iter().copied().map(escaped));
    }
    text
}

/// The inverse of [`to_text`].
pub fn from_text(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match unescaped(c) {
            Some(0) => {}
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

fn swapped(c: char) -> char {
    match c {
        '/' => '\\',
        '\\' => '/',
        other => other,
    }
}

/// A file name on the wire, as the rest of the program knows it; see the module's table.
pub fn to_name(bytes: &[u8]) -> String {
    let separators = bytes.iter().filter(|b| matches!(b, b'/' | b'\\')).count();
    let (mark, bytes) = match (separators, bytes) {
        (0, _) => (Some(escaped(0)), bytes),
        (1, [b'\\', rest @ ..]) => (None, rest),
        _ => (None, bytes),
    };
    mark.into_iter().chain(to_text(bytes).chars().map(swapped)).collect()
}

/// The inverse of [`to_name`].
pub fn from_name(name: &str) -> Vec<u8> {
    let bare = name.starts_with(escaped(0));
    let mut bytes = from_text(&name.chars().map(swapped).collect::<String>());
    if !bare && !bytes.iter().any(|b| matches!(b, b'/' | b'\\')) {
        bytes.insert(0, b'\\');
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_read_as_ours_and_go_back_as_theirs() {
        for (wire, name) in [
            (&b"Artist\\Title.mp3"[..], "Artist/Title.mp3"),
            (b"C:\\Music\\x.mp3", "C:/Music/x.mp3"),
            (b"\\song.mp3", "song.mp3"),
            (b"song.mp3", "\u{10ff00}song.mp3"),
            (b"/dir/sub\\one.mp3", "\\dir\\sub/one.mp3"),
            (b"a\\caf\xe9", "a/caf\u{10ffe9}"),
        ] {
            assert_eq!(to_name(wire), name);
            assert_eq!(from_name(name), wire);
        }
    }

    proptest! {
        #[test]
        fn every_name_comes_back_byte_for_byte(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(&from_name(&to_name(&bytes)), &bytes);
            prop_assert_eq!(from_text(&to_text(&bytes)), bytes);
        }

        #[test]
        fn escapes_that_arrive_as_utf8_come_back_too(text in "[a/\\\\\u{10ff00}-\u{10ffff}é]{0,12}") {
            prop_assert_eq!(from_name(&to_name(text.as_bytes())), text.as_bytes());
        }

        #[test]
        fn names_of_ours_come_back(name in "[a-zé ]{1,8}(/[a-z.é]{1,8}){0,3}") {
            prop_assert_eq!(to_name(&from_name(&name)), name);
        }
    }
}
