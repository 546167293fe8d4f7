//! Supernode to supernode. The historical messages were never public; these are ours, bincode under seal.

use std::net::SocketAddrV4;

use bytes::BytesMut;
use common::wire::WireError;
use serde::{Deserialize, Serialize};

use super::{NodeEntry, PushAsk, Query, Reply, ours};
use crate::ticket::Pass;

/// The version of these messages, told in [`Link::Hello`].
pub const LINK_VERSION: u16 = 1;

/// A message with its length, which is computed once.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkFrame {
    /// The message.
    pub link: Link,
    len: u32,
}

/// What supernodes say to each other.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Link {
    /// Both sides' first message.
    Hello {
        /// [`LINK_VERSION`].
        version: u16,
        /// Where it listens.
        address: SocketAddrV4,
        /// Who it is, if it has logged in.
        pass: Option<Box<Pass>>,
        /// How many children it has.
        children: u32,
        /// Percent of its places that are free.
        free_percent: u8,
        /// It only comes to ask or to bring something, and takes no place among the neighbours.
        visit: bool,
    },
    /// No room; try these.
    Refused(#[serde(deserialize_with = "ours::bounded::<_, _, { ours::NODES_MAX }>")] Box<[NodeEntry]>),
    /// Other supernodes, and how full the sender is now.
    Nodes {
        /// Those that it knows.
        #[serde(deserialize_with = "ours::bounded::<_, _, { ours::NODES_MAX }>")]
        nodes: Box<[NodeEntry]>,
        /// How many children it has.
        children: u32,
        /// How many files they share.
        files: u32,
        /// Percent of its places that are free.
        free_percent: u8,
    },
    /// What do your children have?
    Query {
        /// The asker's number for it on this link.
        id: u32,
        /// How many more supernodes it may pass through: 0 in the lecture's mode, where the first supernode widens by itself.
        ttl: u8,
        /// How many are asked at each step of the recursive mode.
        fan_out: u8,
        /// The supernode whose child asked, and that one's number for the query: by these a query is known that has come by
        /// another way.
        origin: (SocketAddrV4, u32),
        /// The query.
        query: Query,
    },
    /// Results of the query of that number.
    Reply {
        /// The asker's number for it.
        id: u32,
        /// What was found, by one supernode.
        reply: Reply,
    },
    /// No more results come.
    QueryEnd {
        /// The asker's number for it.
        id: u32,
        /// How many supernodes have looked.
        asked: u32,
    },
    /// For a child of yours.
    Push(PushAsk),
    /// Are you there?
    Ping,
    /// I am.
    Pong,
}

impl LinkFrame {
    /// Computes the length.
    pub fn new(link: Link) -> LinkFrame {
        let len = ours::frame_len(&link);
        LinkFrame { link, len }
    }

    /// Bytes on the wire before sealing.
    pub fn wire_len(&self) -> u32 {
        self.len
    }

    pub(super) fn put(&self, dst: &mut BytesMut) -> Result<(), WireError> {
        ours::put(&self.link, self.len, ours::LINK_BYTES_MAX, dst)
    }

    pub(super) fn take(src: &mut BytesMut) -> Result<Option<LinkFrame>, WireError> {
        let frame = ours::take(src, ours::LINK_BYTES_MAX)?;
        Ok(frame.map(|(link, len)| LinkFrame { link, len }))
    }
}
