//! Query hits.

use std::borrow::Cow;
use std::net::SocketAddrV4;

use super::Sha1Urn;
use crate::guid::Guid;

/// A query hit, in the bytes it came in. Its results are read when somebody wants them: who only passes it on does not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueryHit {
    payload: Box<[u8]>,
}

/// One result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    /// The holder's number of the file.
    pub index: u32,
    /// Bytes.
    pub size: u32,
    /// The file's name.
    pub name: Cow<'a, str>,
    /// Its content, if told.
    pub urn: Option<Sha1Urn>,
}

/// What stands between the results and the servent's GUID. `None` where it is not said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Trailer {
    /// Four letters.
    pub vendor: [u8; 4],
    /// The holder is firewalled: push.
    pub push: Option<bool>,
    /// All its slots are taken.
    pub busy: Option<bool>,
    /// It has uploaded something.
    pub uploaded: Option<bool>,
    /// Its speed was measured.
    pub measured: Option<bool>,
}

/// Collects results into one query hit.
#[derive(Clone, Debug)]
pub struct HitBuilder {}

impl QueryHit {
    /// Bytes on the wire.
    #[expect(clippy::len_without_is_empty, reason = "a length on the wire, not of a collection")]
    pub fn len(&self) -> u32 {
        self.payload.len() as u32
    }

    /// How many results it announces.
    pub fn count(&self) -> u8 {
        todo!()
    }

    /// Where the holder listens.
    pub fn address(&self) -> SocketAddrV4 {
        todo!()
    }

    /// The holder's line in kilobits per second, as it claims.
    pub fn speed_kbps(&self) -> u32 {
        todo!()
    }

    /// The holder, for a push.
    pub fn servent(&self) -> Guid {
        todo!()
    }

    /// The results, front to back; ends early where the bytes make no sense.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        std::iter::empty()
    }

    /// The trailer, if there is one.
    pub fn trailer(&self) -> Option<Trailer> {
        todo!()
    }
}

impl HitBuilder {
    /// No results yet.
    pub fn new(address: SocketAddrV4, speed_kbps: u32, servent: Guid, trailer: Trailer) -> Self {
        let _ = (address, speed_kbps, servent, trailer);
        todo!()
    }

    /// Adds a result; false, and nothing is added, if the hit is full.
    pub fn push(&mut self, entry: &Entry<'_>) -> bool {
        let _ = entry;
        todo!()
    }

    /// The hit, or `None` without results.
    pub fn build(self) -> Option<QueryHit> {
        todo!()
    }
}
