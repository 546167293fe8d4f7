//! The reply (message 07): the results of one supernode.
//!
//! ```text
//! supernode's address, id, count
//! per result: holder's address, line, user 01 network 00 or 02 alone, then the file as in a share
//! ```
//!
//! `02` stands for the names of the result before it that has the same address.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::sync::Arc;

use bytes::{Buf, BufMut};
use common::user::FileInfo;
use serde::{Deserialize, Serialize};

use super::text::text;
use super::{NETWORK, ours, packed, packed::ADDRESS_BYTES, session, share};

/// The most results of a reply of ours: KaZaA's supernodes were configured to give 200 in all.
pub const RESULTS_MAX: usize = 200;
/// A reply of ours is no longer than this by far: it must fit a message of the session, whose lengths have 16 bits, and one
/// between supernodes, which is written in another way.
const REPLY_BYTES_SAFE: u32 = 60_000;
const HEAD_BYTES: u32 = ADDRESS_BYTES + 2 + 2;
/// Ends a user's name.
const USER_END: u8 = 0x01;
/// Stands for names that were told.
const SAME_USER: u8 = 0x02;
/// Ends a network's name.
const NETWORK_END: u8 = 0x00;
/// A result has no fewer bytes: address, line, the mark for a known name, hash, number, size, no tags.
const HIT_BYTES_MIN: usize = 6 + 1 + 1 + 20 + 3;

/// What one supernode knows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "Parts")]
pub struct Reply {
    /// The supernode whose children these are.
    pub supernode: SocketAddrV4,
    /// The searcher's number for the query.
    pub id: u16,
    /// The results. Fixed once the length is known.
    pub hits: Box<[Hit]>,
    #[serde(skip)]
    len: u32,
}

/// One holder of one file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hit {
    /// Where the holder can be dialled.
    pub address: SocketAddrV4,
    /// Its line, as in [`UserInfo`](super::UserInfo).
    pub bandwidth: u8,
    /// The holder's name.
    pub user: Arc<str>,
    /// The holder's number for the file.
    pub file: u32,
    /// The file.
    #[serde(with = "ours::file")]
    pub info: Arc<FileInfo>,
}

/// A reply without its length.
#[derive(Deserialize)]
struct Parts {
    supernode: SocketAddrV4,
    id: u16,
    #[serde(deserialize_with = "ours::bounded::<_, _, { RESULTS_MAX }>")]
    hits: Box<[Hit]>,
}

impl From<Parts> for Reply {
    fn from(Parts { supernode, id, hits }: Parts) -> Reply {
        Reply::new(supernode, id, hits)
    }
}

impl Reply {
    /// A reply with these results, which must fit one message: [`Reply::divided`] sees to it.
    pub fn new(supernode: SocketAddrV4, id: u16, hits: impl Into<Box<[Hit]>>) -> Reply {
        let hits = hits.into();
        let lens = hits.iter().zip(repeats(&hits)).map(|(hit, repeats)| hit.len(repeats));
        let len = HEAD_BYTES + lens.sum::<u32>();
        Reply { supernode, id, hits, len }
    }

    /// As many replies as it takes for these results; none for none.
    pub fn divided(supernode: SocketAddrV4, id: u16, hits: impl IntoIterator<Item = Hit>) -> Vec<Reply> {
        let (mut replies, mut now, mut now_len) = (Vec::new(), Vec::new(), 0);
        for hit in hits {
            let len = hit.len(false);
            if now.len() == RESULTS_MAX || now_len + len > REPLY_BYTES_SAFE && !now.is_empty() {
                replies.push(Reply::new(supernode, id, std::mem::take(&mut now)));
                now_len = 0;
            }
            now_len += len;
            now.push(hit);
        }
        if !now.is_empty() {
            replies.push(Reply::new(supernode, id, now));
        }
        replies
    }

    /// The same for another searcher, who has another number for the query.
    #[must_use]
    pub fn with_id(mut self, id: u16) -> Reply {
        self.id = id;
        self
    }

    pub(super) fn len(&self) -> u32 {
        self.len
    }

    pub(super) fn put(&self, dst: &mut impl BufMut) {
        packed::put_address(self.supernode, dst);
        dst.put_u16(self.id);
        dst.put_u16(self.hits.len() as u16);
        self.hits.iter().zip(repeats(&self.hits)).for_each(|(hit, repeats)| hit.put(repeats, dst));
    }

    /// Reads results up to the first that makes no sense: KaZaA's supernodes were known to send bytes too many or too few
    /// amid good ones. Results without a name are left out, as giFT-FastTrack does.
    pub(super) fn take(mut src: &[u8]) -> Option<Reply> {
        let supernode = packed::take_address(&mut src)?;
        let (id, count) = (src.try_get_u16().ok()?, usize::from(src.try_get_u16().ok()?));
        let mut users = BTreeMap::new();
        let mut hits = Vec::with_capacity(count.min(src.len() / HIT_BYTES_MIN));
        for _ in 0..count {
            let Some(hit) = Hit::take(&mut src, &mut users) else { break };
            if !hit.info.name.is_empty() {
                hits.push(hit);
            }
        }
        Some(Reply::new(supernode, id, hits))
    }
}

/// Whether each result's user is told by [`SAME_USER`]: whether the last one before it at the same address has that name.
fn repeats(hits: &[Hit]) -> impl Iterator<Item = bool> {
    let mut users = BTreeMap::new();
    hits.iter().map(move |hit| users.insert(hit.address, &hit.user) == Some(&hit.user))
}

impl Hit {
    fn len(&self, repeats: bool) -> u32 {
        let names = if repeats { 1 } else { self.user.len() as u32 + 1 + NETWORK.len() as u32 + 1 };
        ADDRESS_BYTES + 1 + names + share::len(self.file, &self.info)
    }

    fn put(&self, repeats: bool, dst: &mut impl BufMut) {
        packed::put_address(self.address, dst);
        dst.put_u8(self.bandwidth);
        if repeats {
            dst.put_u8(SAME_USER);
        } else {
            session::put_name(&self.user, dst);
            dst.put_u8(USER_END);
            dst.put_slice(NETWORK.as_bytes());
            dst.put_u8(NETWORK_END);
        }
        share::put(self.file, &self.info, dst);
    }

    /// Reads a result; `users` are those before it, by address.
    fn take(src: &mut &[u8], users: &mut BTreeMap<SocketAddrV4, Arc<str>>) -> Option<Hit> {
        let address = packed::take_address(src)?;
        let bandwidth = src.try_get_u8().ok()?;
        let user = if src.first() == Some(&SAME_USER) {
            src.split_off_first();
            users.get(&address).cloned().unwrap_or_default()
        } else {
            let user = Arc::from(text(take_until(USER_END, src)?));
            take_until(NETWORK_END, src)?;
            users.insert(address, Arc::clone(&user));
            user
        };
        let (file, info) = share::take(src)?;
        Some(Hit { address, bandwidth, user, file, info: Arc::new(info) })
    }
}

/// The bytes up to a mark, which is passed over.
fn take_until<'a>(mark: u8, src: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = src.iter().position(|byte| *byte == mark)?;
    let bytes = src.split_off(..end)?;
    src.split_off_first()?;
    Some(bytes)
}
