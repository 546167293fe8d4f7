//! `urn:sha1:`: content named by its hash (HUGE 0.94).

/// The SHA-1 of a whole file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Sha1Urn(pub [u8; 20]);
