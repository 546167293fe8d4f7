//! Text of programs that know no encoding.

use std::borrow::Cow;

/// UTF-8, or Latin-1 if it is not that.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    }
}

/// The bytes of a text, control characters as blanks: some of those stand between fields.
pub(super) fn plain(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().map(|byte| if byte.is_ascii_control() { b' ' } else { byte })
}
