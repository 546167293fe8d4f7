//! Content hashes.

mod kazaa;

use std::fmt;
use std::ops::Range;

pub use kazaa::{KzHasher, SAMPLE_BYTES, UuHasher, checksum};
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
    /// KaZaA's hash of some samples: MD5 of the first 307,200 bytes and a sparse CRC-32. What lies between them may be anything.
    UuHash,
    /// KaZaA's later hash: [`Algorithm::UuHash`], then the root of a tree of MD5 over all bytes.
    KzHash,
}

impl Algorithm {
    /// The digest of these bytes.
    pub fn of(self, bytes: &[u8]) -> Digest {
        let mut hasher = Hasher::new(self, bytes.len() as u64);
        hasher.update(bytes);
        hasher.finish()
    }

    /// Which bytes of a file of `size` bytes the value depends on, in order: all, but for [`Algorithm::UuHash`].
    pub fn parts(self, size: u64) -> impl Iterator<Item = Range<u64>> {
        let (whole, samples) = match self {
            Algorithm::Md5 | Algorithm::Sha1 | Algorithm::KzHash => (0..size, None),
            Algorithm::UuHash => (0..size.min(SAMPLE_BYTES), Some(kazaa::samples(size))),
        };
        std::iter::once(whole).chain(samples.into_iter().flatten())
    }
}

/// A hash value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Digest {
    /// 16 bytes.
    Md5([u8; 16]),
    /// 20 bytes.
    Sha1([u8; 20]),
    /// 20 bytes.
    UuHash([u8; 20]),
    /// 36 bytes, of which the first 20 are the file's [`Digest::UuHash`].
    KzHash(#[serde(with = "kazaa::halves")] [u8; 36]),
}

impl Digest {
    /// The function that gave this value.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Digest::Md5(_) => Algorithm::Md5,
            Digest::Sha1(_) => Algorithm::Sha1,
            Digest::UuHash(_) => Algorithm::UuHash,
            Digest::KzHash(_) => Algorithm::KzHash,
        }
    }

    /// The bytes of the value.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Digest::Md5(bytes) => bytes,
            Digest::Sha1(bytes) | Digest::UuHash(bytes) => bytes,
            Digest::KzHash(bytes) => bytes,
        }
    }

    /// The part that every KaZaA knows, of a hash of KaZaA's.
    pub fn uuhash(&self) -> Option<&[u8; 20]> {
        match self {
            Digest::UuHash(bytes) => Some(bytes),
            Digest::KzHash(bytes) => bytes.first_chunk(),
            Digest::Md5(_) | Digest::Sha1(_) => None,
        }
    }

    /// True if one content may have both: they are the same, or hashes of KaZaA's of which one tells more than the other.
    pub fn agrees(&self, other: &Digest) -> bool {
        match (self, other) {
            (Digest::UuHash(_), _) | (_, Digest::UuHash(_)) => {
                self.uuhash().is_some() && self.uuhash() == other.uuhash()
            }
            _ => self == other,
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
    /// UUHash.
    UuHash(UuHasher),
    /// UUHash and tree.
    KzHash(Box<KzHasher>),
}

impl Hasher {
    /// Starts a hash of `size` bytes in all. Only KaZaA's hashes depend on how many there will be.
    pub fn new(algorithm: Algorithm, size: u64) -> Self {
        match algorithm {
            Algorithm::Md5 => Hasher::Md5(Md5::new()),
            Algorithm::Sha1 => Hasher::Sha1(Sha1::new()),
            Algorithm::UuHash => Hasher::UuHash(UuHasher::new(size)),
            Algorithm::KzHash => Hasher::KzHash(Box::new(KzHasher::new(size))),
        }
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Md5(hasher) => hasher.update(bytes),
            Hasher::Sha1(hasher) => hasher.update(bytes),
            Hasher::UuHash(hasher) => hasher.update(bytes),
            Hasher::KzHash(hasher) => hasher.update(bytes),
        }
    }

    /// Goes on `len` bytes later, without those between. Only between the [parts](Algorithm::parts) that count.
    pub fn pass_over(&mut self, len: u64) {
        match self {
            Hasher::UuHash(hasher) => hasher.pass_over(len),
            Hasher::Md5(_) | Hasher::Sha1(_) | Hasher::KzHash(_) => {
                debug_assert_eq!(len, 0, "every byte counts");
            }
        }
    }

    /// The value over everything added.
    pub fn finish(self) -> Digest {
        match self {
            Hasher::Md5(hasher) => Digest::Md5(hasher.finalize().into()),
            Hasher::Sha1(hasher) => Digest::Sha1(hasher.finalize().into()),
            Hasher::UuHash(hasher) => Digest::UuHash(hasher.finish()),
            Hasher::KzHash(hasher) => Digest::KzHash(hasher.finish()),
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
    /// KaZaA's: UUHash and MD5 tree.
    pub const KAZAA: Fingerprint = Fingerprint { algorithm: Algorithm::KzHash, head: None };

    /// What of it can be told from parts of a file, however large that is: KaZaA's UUHash.
    pub fn of_samples(&self) -> Option<Fingerprint> {
        let is_kazaas = matches!(self.algorithm, Algorithm::UuHash | Algorithm::KzHash);
        is_kazaas.then_some(Fingerprint { algorithm: Algorithm::UuHash, ..*self })
    }

    /// How many bytes of a file of `size` bytes it covers.
    pub fn len(&self, size: u64) -> u64 {
        self.head.map_or(size, |head| head.min(size))
    }

    /// The digest of a file.
    pub fn of(&self, file: &dyn Storage) -> Result<Digest, StoreFault> {
        file.digest(0, self.len(file.size()), self.algorithm)
    }
}
