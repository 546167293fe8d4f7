//! Names of 20 bytes, as people read them.

use std::fmt;
use std::str::FromStr;

use super::{InfoHash, PeerId};

/// Text that is no name of 20 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a name of 20 bytes: 40 hexadecimal digits are expected")]
pub struct NameError;

impl fmt::Display for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InfoHash({self})")
    }
}

impl FromStr for InfoHash {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        from_hex(text).map(InfoHash).ok_or(NameError)
    }
}

/// As text where all of it is printable, else as hexadecimal digits.
impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(&self.0) {
            Ok(text) if text.bytes().all(|byte| byte.is_ascii_graphic()) => f.write_str(text),
            _ => hex(&self.0, f),
        }
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({self})")
    }
}

/// Both forms of its `Display` are taken.
impl FromStr for PeerId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let printable = || {
            let bytes: [u8; 20] = text.as_bytes().try_into().ok()?;
            bytes.iter().all(u8::is_ascii_graphic).then_some(bytes)
        };
        from_hex(text).or_else(printable).map(PeerId).ok_or(NameError)
    }
}

fn hex(bytes: &[u8; 20], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

fn from_hex(text: &str) -> Option<[u8; 20]> {
    if text.len() != 40 {
        return None;
    }
    let mut bytes = [0; 20];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some(bytes)
}
