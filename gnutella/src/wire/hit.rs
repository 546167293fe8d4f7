//! Query hits.
//!
//! ```text
//! count u8 | port u16 | IPv4 | speed u32 | result * | [trailer] | servent 16
//! result:  index u32 | size u32 | name NUL | [parts divided by 1c] NUL
//! trailer: vendor 4 | length of the open data u8 | open data | private data
//! ```

use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::BufMut;

use super::Sha1Urn;
use super::extension;
use crate::guid::Guid;

/// What stands before the results.
const HEAD_BYTES: usize = 11;
const SERVENT_BYTES: usize = 16;
/// Fewer bytes cannot be a hit.
pub(super) const HIT_BYTES_MIN: u32 = (HEAD_BYTES + SERVENT_BYTES) as u32;
/// The most bytes of a hit of ours: servents pass on larger ones, but not all of them (gtk-gnutella: 16 KiB are safe).
pub const HIT_BYTES_MAX: usize = 16 * 1024;
/// The most results of a hit; its count is a byte.
pub const RESULTS_MAX: u8 = 255;
/// Our vendor code.
pub const VENDOR: [u8; 4] = *b"P2PT";

/// The flag bits of a trailer's open data. Each says in one byte whether it means anything, and in the other what; the
/// push flag has the two exchanged.
const PUSH: u8 = 1;
const BUSY: u8 = 1 << 2;
const UPLOADED: u8 = 1 << 3;
const MEASURED: u8 = 1 << 4;
/// Our open data: the two bytes of flags.
const OPEN_BYTES: u8 = 2;
const TRAILER_BYTES: usize = 4 + 1 + OPEN_BYTES as usize;

/// A query hit, in the bytes it came in. Its results are read when somebody wants them: who only passes it on does not.
#[derive(Clone, PartialEq, Eq)]
pub struct QueryHit {
    payload: Box<[u8]>,
}

/// One result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    /// The holder's number of the file.
    pub index: u32,
    /// Bytes; `u32::MAX` is that or more.
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
pub struct HitBuilder {
    /// As far as it goes; the count is in the first byte.
    payload: Vec<u8>,
    servent: Guid,
    trailer: Trailer,
}

/// The results of a hit that have not been looked at.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    left: u8,
    rest: &'a [u8],
}

impl QueryHit {
    /// `None` if these bytes are too few to be one.
    pub(super) fn from_payload(payload: &[u8]) -> Option<QueryHit> {
        (payload.len() >= HIT_BYTES_MIN as usize).then(|| QueryHit { payload: payload.into() })
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

    /// How many results it announces.
    pub fn count(&self) -> u8 {
        self.payload[0]
    }

    /// Where the holder listens.
    pub fn address(&self) -> SocketAddrV4 {
        let [_, low, high, a, b, c, d, ..] = *self.head();
        SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_le_bytes([low, high]))
    }

    /// The holder's line in kilobits per second, as it claims.
    pub fn speed_kbps(&self) -> u32 {
        let [.., a, b, c, d] = *self.head();
        u32::from_le_bytes([a, b, c, d])
    }

    /// The holder, for a push.
    pub fn servent(&self) -> Guid {
        Guid(*self.payload.last_chunk().expect("a hit has its least bytes"))
    }

    /// The results, front to back; ends early where the bytes make no sense.
    pub fn entries(&self) -> Entries<'_> {
        let end = self.payload.len() - SERVENT_BYTES;
        Entries { left: self.count(), rest: &self.payload[HEAD_BYTES..end] }
    }

    /// The trailer, if there is one.
    pub fn trailer(&self) -> Option<Trailer> {
        let mut entries = self.entries();
        entries.by_ref().for_each(drop);
        // Bytes left because a result made no sense are not a trailer.
        if entries.left == 0 { Trailer::take(entries.rest) } else { None }
    }

    fn head(&self) -> &[u8; HEAD_BYTES] {
        self.payload.first_chunk().expect("a hit has its least bytes")
    }
}

impl fmt::Debug for QueryHit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueryHit({:?})", self.payload.escape_ascii().to_string())
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        if self.left == 0 {
            return None;
        }
        let (index, rest) = self.rest.split_first_chunk()?;
        let (size, rest) = rest.split_first_chunk()?;
        let nul = |bytes: &[u8]| bytes.iter().position(|byte| *byte == 0);
        let name_end = nul(rest)?;
        let (name, rest) = (&rest[..name_end], &rest[name_end + 1..]);
        let parts_end = nul(rest)?;
        let urn = extension::parts(&rest[..parts_end]).flat_map(extension::sha1s_of).next();
        self.rest = &rest[parts_end + 1..];
        self.left -= 1;
        let (index, size) = (u32::from_le_bytes(*index), u32::from_le_bytes(*size));
        Some(Entry { index, size, name: extension::text(name), urn })
    }
}

impl Trailer {
    /// Nothing said but who made the servent: us.
    pub const OURS: Trailer =
        Trailer { vendor: VENDOR, push: None, busy: None, uploaded: None, measured: None };

    fn take(bytes: &[u8]) -> Option<Trailer> {
        let (vendor, rest) = bytes.split_first_chunk()?;
        let mut trailer = Trailer { vendor: *vendor, ..Trailer::default() };
        let Some((open_len, rest)) = rest.split_first() else { return Some(trailer) };
        let open = &rest[..rest.len().min(usize::from(*open_len))];
        if let [first, second, ..] = *open {
            let flag = |enabler: u8, value: u8, bit: u8| (enabler & bit != 0).then_some(value & bit != 0);
            trailer.push = flag(second, first, PUSH);
            trailer.busy = flag(first, second, BUSY);
            trailer.uploaded = flag(first, second, UPLOADED);
            trailer.measured = flag(first, second, MEASURED);
        }
        Some(trailer)
    }

    fn put(&self, dst: &mut Vec<u8>) {
        let (mut first, mut second) = (0, 0);
        let flag = |said: Option<bool>, enabler: &mut u8, value: &mut u8, bit: u8| {
            *enabler |= if said.is_some() { bit } else { 0 };
            *value |= if said == Some(true) { bit } else { 0 };
        };
        flag(self.push, &mut second, &mut first, PUSH);
        flag(self.busy, &mut first, &mut second, BUSY);
        flag(self.uploaded, &mut first, &mut second, UPLOADED);
        flag(self.measured, &mut first, &mut second, MEASURED);
        dst.extend_from_slice(&self.vendor);
        dst.extend_from_slice(&[OPEN_BYTES, first, second]);
    }
}

impl HitBuilder {
    /// No results yet.
    pub fn new(address: SocketAddrV4, speed_kbps: u32, servent: Guid, trailer: Trailer) -> Self {
        let mut payload = Vec::with_capacity(256);
        payload.put_u8(0);
        payload.put_u16_le(address.port());
        payload.put_slice(&address.ip().octets());
        payload.put_u32_le(speed_kbps);
        HitBuilder { payload, servent, trailer }
    }

    /// Adds a result; false, and nothing is added, if the hit is full: [`RESULTS_MAX`], [`HIT_BYTES_MAX`]. A zero byte in
    /// the name becomes a blank.
    pub fn push(&mut self, entry: &Entry<'_>) -> bool {
        let urn_len = if entry.urn.is_some() { Sha1Urn::LEN } else { 0 };
        let len = 4 + 4 + entry.name.len() + 1 + urn_len + 1;
        let full = self.payload[0] == RESULTS_MAX
            || self.payload.len() + len + TRAILER_BYTES + SERVENT_BYTES > HIT_BYTES_MAX;
        if full {
            return false;
        }
        self.payload[0] += 1;
        self.payload.put_u32_le(entry.index);
        self.payload.put_u32_le(entry.size);
        self.payload.extend(entry.name.bytes().map(|byte| if byte == 0 { b' ' } else { byte }));
        self.payload.push(0);
        if let Some(urn) = entry.urn {
            urn.write(&mut self.payload);
        }
        self.payload.push(0);
        true
    }

    /// The hit, or `None` without results.
    pub fn build(mut self) -> Option<QueryHit> {
        if self.payload[0] == 0 {
            return None;
        }
        self.trailer.put(&mut self.payload);
        self.payload.put_slice(&self.servent.0);
        Some(QueryHit { payload: self.payload.into() })
    }
}
