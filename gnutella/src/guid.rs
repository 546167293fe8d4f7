//! Identifiers of descriptors and of servents.

use std::fmt;

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
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Guid {
    /// 32 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
