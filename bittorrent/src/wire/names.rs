//! Hashes and ids as texts.

use std::fmt;
use std::str::FromStr;

use super::{InfoHash, PeerId};

/// A text that is no info hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an info hash: it has 40 hexadecimal or 32 base-32 digits")]
pub struct NotAHash;

impl fmt::Display for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for InfoHash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        let (digit_bits, value): (u32, fn(u8) -> Option<u8>) = match text.len() {
            40 => (4, |digit| char::from(digit).to_digit(16).map(|value| value as u8)),
            32 => (5, |digit| match digit.to_ascii_uppercase() {
                letter @ b'A'..=b'Z' => Some(letter - b'A'),
                number @ b'2'..=b'7' => Some(number - b'2' + 26),
                _ => None,
            }),
            _ => return Err(NotAHash),
        };
        let mut hash = [0u8; 20];
        let (mut gathered, mut bits, mut at) = (0u32, 0, 0);
        for digit in text.bytes() {
            gathered = gathered << digit_bits | u32::from(value(digit).ok_or(NotAHash)?);
            bits += digit_bits;
            if bits >= 8 {
                bits -= 8;
                hash[at] = (gathered >> bits) as u8;
                at += 1;
            }
        }
        Ok(InfoHash(hash))
    }
}

/// As it stands if that can be read, else in hexadecimal.
impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(&self.0)
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            Some(text) => f.write_str(text),
            None => self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
