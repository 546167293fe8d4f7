//! Identifiers of descriptors and of servents.

use std::fmt::{self, Write as _};

use rand::Rng;

/// Sixteen opaque bytes: a descriptor's id, or a servent's name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Guid(pub [u8; 16]);

impl Guid {
    /// A new one: random, but for byte 8 = `ff` and byte 15 = `00`, which mark what a servent of 0.6 made (draft 0.6,
    /// 2.2.1). Nobody may require the marks of others.
    pub fn random(rng: &mut impl Rng) -> Guid {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        bytes[8] = 0xff;
        bytes[15] = 0;
        Guid(bytes)
    }

    /// Reads 32 hexadecimal digits of any case.
    pub fn from_hex(digits: &[u8]) -> Option<Guid> {
        let digit = |c: u8| char::from(c).to_digit(16);
        let mut bytes = [0; 16];
        if digits.len() != 32 {
            return None;
        }
        for (pair, byte) in digits.chunks_exact(2).zip(&mut bytes) {
            *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
        }
        Some(Guid(bytes))
    }

    /// 32 lower-case hexadecimal digits.
    pub fn to_hex(self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0; 32];
        for (byte, pair) in self.0.iter().zip(digits.chunks_exact_mut(2)) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        digits
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Guid {
    /// 32 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_hex().iter().try_for_each(|digit| f.write_char(char::from(*digit)))
    }
}
