//! Content hashes.

use std::fmt;

use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use sha1::Sha1;

use crate::store::{Storage, StoreFault};

/// A hash function of one of the protocols.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Algorithm {
    /// Napster's checksum (over the head of the file).
    Md5,
    /// Gnutella's `urn:sha1` and BitTorrent's pieces.
    Sha1,
}

/// A hash value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Digest {
    /// 16 bytes.
    Md5([u8; 16]),
    /// 20 bytes.
    Sha1([u8; 20]),
}

impl Digest {
    /// The function that gave this value.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Digest::Md5(_) => Algorithm::Md5,
            Digest::Sha1(_) => Algorithm::Sha1,
        }
    }

    /// The bytes of the value.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Digest::Md5(bytes) => bytes,
            Digest::Sha1(bytes) => bytes,
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {self}", self.algorithm())
    }
}

/// A hash in the making.
#[derive(Clone)]
pub enum Hasher {
    /// MD5.
    Md5(Md5),
    /// SHA-1.
    Sha1(Sha1),
}

impl Hasher {
    /// Starts a hash.
    pub fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Md5 => Hasher::Md5(Md5::new()),
            Algorithm::Sha1 => Hasher::Sha1(Sha1::new()),
        }
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Md5(hasher) => hasher.update(bytes),
            Hasher::Sha1(hasher) => hasher.update(bytes),
        }
    }

    /// The value over everything added.
    pub fn finish(self) -> Digest {
        match self {
            Hasher::Md5(hasher) => Digest::Md5(hasher.finalize().into()),
            Hasher::Sha1(hasher) => Digest::Sha1(hasher.finalize().into()),
        }
    }
}

/// Which digest an overlay puts beside a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The hash function.
    pub algorithm: Algorithm,
    /// Over so many bytes from the start; `None` is over all.
    pub head: Option<u64>,
}

impl Fingerprint {
    /// Napster's: MD5 of the first 299,008 bytes, as the official client took it of files without an ID3v2 tag.
    pub const NAPSTER: Fingerprint = Fingerprint { algorithm: Algorithm::Md5, head: Some(299_008) };
    /// Gnutella's `urn:sha1`: SHA-1 of the whole file.
    pub const GNUTELLA: Fingerprint = Fingerprint { algorithm: Algorithm::Sha1, head: None };

    /// How many bytes of a file of `size` bytes it covers.
    pub fn len(&self, size: u64) -> u64 {
        self.head.map_or(size, |head| head.min(size))
    }

    /// The digest of a file.
    pub fn of(&self, file: &dyn Storage) -> Result<Digest, StoreFault> {
        file.digest(0, self.len(file.size()), self.algorithm)
    }
}
