//! Queries.
//!
//! ```text
//! flags 2 | text NUL | [parts divided by 1c: urn:…, XML, GGEP last] [NUL]
//! ```

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddrV4;
use std::ops::BitOr;
use std::sync::OnceLock;

use super::Sha1Urn;
use super::descriptor::{address_bytes, address_of};
use super::extension::{self, Part};
use super::ggep::{self, GgepBuilder};
use crate::library;

/// Fewer bytes cannot be a query: the flags and an empty text.
pub(super) const QUERY_BYTES_MIN: u32 = 3;
/// Servents pass on queries of at most so many bytes (draft 0.6; gtk-gnutella); ours never have more.
pub const QUERY_BYTES_SAFE: usize = 256;
/// The most contents that one query is read to ask for.
const URNS_MAX: usize = 16;
/// Asks for hashes, and stands before one that is asked for.
const ASK_SHA1: &[u8] = b"urn:sha1:";
/// The extension of a walker.
const WALK: &[u8] = b"WALK";
const WALK_BYTES: usize = 11;
/// By COBS, so that servents that end a query at a zero byte pass it on too; one byte more for so short a run.
const WALK_COBS_BYTES: usize = WALK_BYTES + 1;
/// Magic, flags, id, length, data.
const WALK_BLOCK_BYTES: usize = 1 + 1 + WALK.len() + 1 + WALK_COBS_BYTES;
/// The most bytes of text in a query of ours, so that it stays within [`QUERY_BYTES_SAFE`] whatever else it says: flags,
/// NUL, a content and a walker.
pub const TEXT_BYTES_MAX: usize = QUERY_BYTES_SAFE - 2 - 1 - Sha1Urn::LEN - 1 - WALK_BLOCK_BYTES;

/// The two bytes that once were a minimum speed, read as big-endian (servents since 2002).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flags(pub u16);

impl Flags {
    /// Says that this is a flag word. Modern servents drop queries without it.
    pub const MARK: Flags = Flags(1 << 15);
    /// The asker is firewalled.
    pub const FIREWALLED: Flags = Flags(1 << 14);

    /// True if all of these are set. Without [`Flags::MARK`] the word is a speed, and nothing is set.
    pub fn contains(self, flags: Flags) -> bool {
        let wanted = flags.0 | Flags::MARK.0;
        self.0 & wanted == wanted
    }
}

impl BitOr for Flags {
    type Output = Flags;

    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

/// A query, in the bytes it came in. What they say is read once, when it is first asked for: of ten copies of a query
/// that come in, nine are dropped for their id alone.
#[derive(Clone)]
pub struct Query {
    payload: Box<[u8]>,
    said: OnceLock<Said>,
}

#[derive(Clone, Debug)]
struct Said {
    words: Box<[u64]>,
    urns: Box<[Sha1Urn]>,
    wants_urns: bool,
    walk: Option<Walk>,
}

/// Makes a query.
#[derive(Clone, Debug)]
pub struct QueryBuilder {
    flags: Flags,
    text: Box<str>,
    urn: Option<Sha1Urn>,
    walk: Option<Walk>,
}

/// The state of a random walker, in a GGEP extension of the query (our own: `WALK`, written by COBS):
/// `steps u16 | steps_max u16 | check_every u8 | IPv4 | port u16`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Walk {
    /// Nodes it has visited.
    pub steps: u16,
    /// Nodes it may visit.
    pub steps_max: u16,
    /// It asks the searcher whether to go on after each so many steps; zero: never.
    pub check_every: u8,
    /// Where the searcher can be asked; port 0 if nowhere.
    pub origin: SocketAddrV4,
}

impl Query {
    /// `None` if these bytes are too few to be one.
    pub(super) fn from_payload(payload: &[u8]) -> Option<Query> {
        let long_enough = payload.len() >= QUERY_BYTES_MIN as usize;
        long_enough.then(|| Query { payload: payload.into(), said: OnceLock::new() })
    }

    /// Bytes on the wire, without the header.
    #[expect(clippy::len_without_is_empty, reason = "a length on the wire, not of a collection")]
    pub fn len(&self) -> u32 {
        self.payload.len() as u32
    }

    /// The bytes on the wire, without the header.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The flag word.
    pub fn flags(&self) -> Flags {
        Flags(u16::from_be_bytes([self.payload[0], self.payload[1]]))
    }

    /// The words as typed: UTF-8, or Latin-1 if it is not that.
    pub fn text(&self) -> Cow<'_, str> {
        extension::text(extension::until_nul(&self.payload[2..]).0)
    }

    /// The hashes of the words that a file's name must have; see [`crate::library::word_hash`].
    pub fn words(&self) -> &[u64] {
        &self.said().words
    }

    /// Contents asked for by hash: `urn:sha1:` and `urn:bitprint:` behind the text, `H` and `u` in a GGEP block.
    pub fn urns(&self) -> &[Sha1Urn] {
        &self.said().urns
    }

    /// True if the asker wants to be told hashes.
    pub fn wants_urns(&self) -> bool {
        self.said().wants_urns
    }

    /// Set if this query walks instead of being flooded.
    pub fn walk(&self) -> Option<Walk> {
        self.said().walk
    }

    /// The same query with another state of its walk; every other byte stays as it is. A query that did not walk gets
    /// the extension, which then is all there is of GGEP, so this is for our own queries.
    #[must_use]
    pub fn walked(&self, walk: Walk) -> Query {
        let mut payload = self.payload.to_vec();
        match self.walk_at() {
            Some(at) => {
                payload[at..at + WALK_COBS_BYTES].copy_from_slice(&ggep::cobs_encoded(&walk.to_bytes()));
            }
            None => {
                if !self.payload[2..].contains(&0) {
                    payload.push(0);
                }
                payload.push(extension::SEPARATOR);
                payload.extend_from_slice(&walk.block());
            }
        }
        let said = Said { walk: Some(walk), ..self.said().clone() };
        Query { payload: payload.into(), said: OnceLock::from(said) }
    }

    fn said(&self) -> &Said {
        self.said.get_or_init(|| {
            let mut said = Said {
                words: library::query_words(&self.text()).into(),
                urns: Box::default(),
                wants_urns: false,
                walk: self.walk_at().and_then(|at| Walk::from_cobs(&self.payload[at..at + WALK_COBS_BYTES])),
            };
            said.urns = self.parts().flat_map(extension::sha1s_of).take(URNS_MAX).collect();
            said.wants_urns = self.parts().any(extension::is_of_hashes);
            said
        })
    }

    /// What follows the text.
    fn extensions(&self) -> &[u8] {
        extension::until_nul(&self.payload[2..]).1
    }

    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        extension::parts(self.extensions())
    }

    /// Where the walker's data stands.
    fn walk_at(&self) -> Option<usize> {
        let start = self.payload.len() - self.extensions().len();
        self.parts().find_map(|part| match part {
            Part::Ggep(at, block) => Some(start + at + block.cobs_at(WALK, WALK_COBS_BYTES)?),
            Part::Urn(_) => None,
        })
    }
}

impl PartialEq for Query {
    fn eq(&self, other: &Query) -> bool {
        self.payload == other.payload
    }
}

impl Eq for Query {}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Query({:?})", self.payload.escape_ascii().to_string())
    }
}

impl QueryBuilder {
    /// A query for words, marked, asking for hashes. The text is cut to [`TEXT_BYTES_MAX`]; a zero byte in it becomes a
    /// blank.
    pub fn words(text: &str) -> Self {
        let text = extension::cut(text, TEXT_BYTES_MAX).replace('\0', " ").into();
        QueryBuilder { flags: Flags::MARK, text, urn: None, walk: None }
    }

    /// A query for a content.
    pub fn urn(urn: Sha1Urn) -> Self {
        QueryBuilder { urn: Some(urn), ..QueryBuilder::words("") }
    }

    /// With more flags.
    #[must_use]
    pub fn flags(self, flags: Flags) -> Self {
        QueryBuilder { flags: self.flags | flags, ..self }
    }

    /// To be walked.
    #[must_use]
    pub fn walk(self, walk: Walk) -> Self {
        QueryBuilder { walk: Some(walk), ..self }
    }

    /// The query.
    pub fn build(self) -> Query {
        let mut payload = Vec::with_capacity(QUERY_BYTES_SAFE);
        payload.extend_from_slice(&self.flags.0.to_be_bytes());
        payload.extend_from_slice(self.text.as_bytes());
        payload.push(0);
        match self.urn {
            Some(urn) => urn.write(&mut payload),
            None => payload.extend_from_slice(ASK_SHA1),
        }
        if let Some(walk) = self.walk {
            payload.push(extension::SEPARATOR);
            payload.extend_from_slice(&walk.block());
        }
        Query { payload: payload.into(), said: OnceLock::new() }
    }
}

impl Walk {
    fn to_bytes(self) -> [u8; WALK_BYTES] {
        let [ip0, ip1, ip2, ip3, port0, port1] = address_bytes(self.origin);
        let ([s0, s1], [m0, m1]) = (self.steps.to_le_bytes(), self.steps_max.to_le_bytes());
        [s0, s1, m0, m1, self.check_every, ip0, ip1, ip2, ip3, port0, port1]
    }

    fn from_cobs(data: &[u8]) -> Option<Walk> {
        let data = ggep::cobs_decoded(data)?;
        let [s0, s1, m0, m1, check_every, address @ ..] = data.as_slice() else { return None };
        Some(Walk {
            steps: u16::from_le_bytes([*s0, *s1]),
            steps_max: u16::from_le_bytes([*m0, *m1]),
            check_every: *check_every,
            origin: address_of(address.try_into().ok()?),
        })
    }

    /// A GGEP block with nothing else.
    fn block(self) -> Vec<u8> {
        GgepBuilder::new(true).with_cobs(WALK, &self.to_bytes()).build()
    }
}
