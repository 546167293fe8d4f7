//! Queries.

use std::borrow::Cow;
use std::net::SocketAddrV4;

use super::Sha1Urn;

/// The two bytes that once were a minimum speed, read as big-endian (servents since 2002).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flags(pub u16);

impl Flags {
    /// Says that this is a flag word. Modern servents drop queries without it.
    pub const MARK: Flags = Flags(1 << 15);
    /// The asker is firewalled.
    pub const FIREWALLED: Flags = Flags(1 << 14);
}

/// A query, in the bytes it came in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Query {
    payload: Box<[u8]>,
}

/// Makes a query.
#[derive(Clone, Debug)]
pub struct QueryBuilder {}

/// The state of a random walker, in a GGEP extension of the query (our own: `WALK`).
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
    /// Bytes on the wire.
    #[expect(clippy::len_without_is_empty, reason = "a length on the wire, not of a collection")]
    pub fn len(&self) -> u32 {
        self.payload.len() as u32
    }

    /// The flag word.
    pub fn flags(&self) -> Flags {
        todo!()
    }

    /// The words as typed: UTF-8, or Latin-1 if it is not that.
    pub fn text(&self) -> Cow<'_, str> {
        todo!()
    }

    /// The hashes of the words that a file's name must have; see [`crate::library::word_hash`].
    pub fn words(&self) -> &[u64] {
        todo!()
    }

    /// Contents asked for by hash.
    pub fn urns(&self) -> &[Sha1Urn] {
        todo!()
    }

    /// True if the asker wants to be told hashes.
    pub fn wants_urns(&self) -> bool {
        todo!()
    }

    /// Set if this query walks instead of being flooded.
    pub fn walk(&self) -> Option<Walk> {
        todo!()
    }

    /// The same query with another state of its walk.
    #[must_use]
    pub fn walked(&self, walk: Walk) -> Query {
        let _ = walk;
        todo!()
    }
}

impl QueryBuilder {
    /// A query for words, marked, asking for hashes.
    pub fn words(text: &str) -> Self {
        let _ = text;
        todo!()
    }

    /// A query for a content.
    pub fn urn(urn: Sha1Urn) -> Self {
        let _ = urn;
        todo!()
    }

    /// With more flags.
    #[must_use]
    pub fn flags(self, flags: Flags) -> Self {
        let _ = flags;
        todo!()
    }

    /// To be walked.
    #[must_use]
    pub fn walk(self, walk: Walk) -> Self {
        let _ = walk;
        todo!()
    }

    /// The query.
    pub fn build(self) -> Query {
        todo!()
    }
}
