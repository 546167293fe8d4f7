//! `urn:sha1:`: content named by its hash (HUGE 0.94).

use std::fmt;
use std::str::FromStr;

use common::digest::Digest;

/// Five bits each, without 0, 1, 8 and 9, which eyes mistake for letters (RFC 4648, 6).
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Characters of 20 bytes in base32: no padding is needed.
const BASE32_LEN: usize = 32;
/// What stands before the hash.
const SHA1: &str = "urn:sha1:";
/// The SHA-1 and, after a dot, a Tiger tree hash; what stands before them.
const BITPRINT: &str = "urn:bitprint:";

/// The SHA-1 of a whole file. Written as `urn:sha1:` and 32 characters of base32 in upper case; read in any case, and
/// from a `urn:bitprint:` too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Sha1Urn(pub [u8; 20]);

impl Sha1Urn {
    /// Bytes as text.
    pub const LEN: usize = SHA1.len() + BASE32_LEN;

    /// Reads the 32 characters after the prefix.
    pub fn from_base32(text: &[u8]) -> Option<Sha1Urn> {
        if text.len() != BASE32_LEN {
            return None;
        }
        let mut bytes = [0; 20];
        // Eight characters are five bytes.
        for (chars, five) in text.chunks_exact(8).zip(bytes.chunks_exact_mut(5)) {
            let mut bits = 0;
            for c in chars {
                bits = bits << 5 | digit(*c)?;
            }
            five.copy_from_slice(&bits.to_be_bytes()[3..]);
        }
        Some(Sha1Urn(bytes))
    }

    /// Reads a whole `urn:sha1:…` or `urn:bitprint:…`.
    pub fn from_bytes(text: &[u8]) -> Option<Sha1Urn> {
        match after_prefix(text, SHA1) {
            Some(hash) => Sha1Urn::from_base32(hash),
            None => {
                let hash = after_prefix(text, BITPRINT)?;
                let (sha1, rest) = hash.split_at_checked(BASE32_LEN)?;
                if rest.first() == Some(&b'.') { Sha1Urn::from_base32(sha1) } else { None }
            }
        }
    }

    /// The 32 characters after the prefix.
    pub fn to_base32(self) -> [u8; BASE32_LEN] {
        let mut text = [0; BASE32_LEN];
        for (five, chars) in self.0.chunks_exact(5).zip(text.chunks_exact_mut(8)) {
            let bits = five.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte));
            for (nth, c) in chars.iter_mut().enumerate() {
                *c = BASE32[(bits >> (35 - 5 * nth)) as usize & 31];
            }
        }
        text
    }

    /// Appends the whole name.
    pub(super) fn write(self, into: &mut Vec<u8>) {
        into.extend_from_slice(SHA1.as_bytes());
        into.extend_from_slice(&self.to_base32());
    }
}

/// What follows a prefix, which is read in any case.
fn after_prefix<'a>(text: &'a [u8], prefix: &str) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix.as_bytes()).then_some(rest)
}

fn digit(c: u8) -> Option<u64> {
    match c {
        b'A'..=b'Z' => Some(u64::from(c - b'A')),
        b'a'..=b'z' => Some(u64::from(c - b'a')),
        b'2'..=b'7' => Some(u64::from(c - b'2') + 26),
        _ => None,
    }
}

impl fmt::Display for Sha1Urn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SHA1)?;
        self.to_base32().iter().try_for_each(|c| fmt::Write::write_char(f, char::from(*c)))
    }
}

/// Text that names no content by SHA-1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not urn:sha1: followed by 32 characters of base32")]
pub struct NoSha1Urn;

impl FromStr for Sha1Urn {
    type Err = NoSha1Urn;

    fn from_str(text: &str) -> Result<Self, NoSha1Urn> {
        Sha1Urn::from_bytes(text.as_bytes()).ok_or(NoSha1Urn)
    }
}

impl From<Sha1Urn> for Digest {
    fn from(urn: Sha1Urn) -> Digest {
        Digest::Sha1(urn.0)
    }
}
