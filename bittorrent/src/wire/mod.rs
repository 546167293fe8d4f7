//! What travels: the peer wire, and HTTP towards tracker and site.
//!
//! | part | file |
//! |---|---|
//! | bytes to messages and back | `codec.rs` |
//! | the handshake | `handshake.rs` |
//! | messages between peers | `frame.rs` |
//! | requests and answers of HTTP | `ask.rs` |
//! | the extension protocol: its own handshake, metadata, peer exchange | `extended.rs`, `metadata.rs`, `exchange.rs` |
//! | announces and scrapes over HTTP: query strings and answers | `announce.rs`, `scrape.rs`, `query.rs` |
//! | the same in datagrams | `udp.rs` |
//! | info hashes and peer ids as people read them | `names.rs` |
//!
//! All integers are big-endian (BEP 3).

mod announce;
mod ask;
mod codec;
mod compact;
mod exchange;
mod extended;
mod frame;
mod handshake;
mod metadata;
mod names;
mod query;
mod scrape;
pub mod udp;

use std::sync::Arc;

use bytes::Bytes;
use common::http;
use common::peer::Announced;

pub use announce::{Announce, AnnounceError, AnnounceEvent, AnnounceReply};
pub use ask::ask;
pub use codec::{Codec, LISTING_TYPE, TORRENT_TYPE};
pub use exchange::{Exchange, PeerFlags};
pub use extended::{EXTENDED_HANDSHAKE, ExtendedHandshake};
pub use handshake::{Handshake, Reserved};
pub use metadata::{METADATA_PIECE_BYTES, MetadataMessage};
pub use names::NameError;
pub use scrape::{SCRAPE_MAX, Scrape, ScrapeEntry, ScrapeReply};

/// Bytes of a block: what is asked for at a time, but for a torrent's last one. 16 KiB everywhere; mainline 4 closes at more.
pub const BLOCK_BYTES: u32 = 16 * 1024;
/// The longest request that is answered, and the longest block that is read: mainline 3 and its descendants ignore longer
/// ones.
pub const REQUEST_BYTES_MAX: u32 = 128 * 1024;
/// The most pieces of a torrent: 2^21, a bitfield of 256 KiB. A metainfo of 30 MiB, the most that libtorrent takes, has room for
/// three quarters of that.
pub const PIECES_MAX: u32 = 1 << 21;
/// The longest message of the extension protocol, its ids included.
pub const EXTENDED_BYTES_MAX: usize = 1 << 20;
/// The longest body of an HTTP answer that is taken as a message: a `.torrent`, which has the same limit.
pub const ANSWER_BYTES_MAX: usize = 32 << 20;

/// A torrent's name on the wire: SHA-1 over the exact bytes of its `info`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InfoHash(pub [u8; 20]);

/// A peer's name on the wire, chosen anew by each run of a program (BEP 20).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub [u8; 20]);

/// A range of a piece that is asked for, sent, given up or refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Block {
    /// Which piece.
    pub piece: u32,
    /// The first byte within it.
    pub begin: u32,
    /// How many bytes.
    pub len: u32,
}

impl Block {
    /// As the message names it that it follows.
    pub fn announced(self) -> Announced {
        Announced { key: u64::from(self.piece) << 32 | u64::from(self.begin), len: self.len }
    }

    /// The block that is so named.
    pub fn of(body: Announced) -> Block {
        Block { piece: (body.key >> 32) as u32, begin: body.key as u32, len: body.len }
    }
}

/// An HTTP answer with its body, which here is always short: bencoded, a `.torrent`, or a page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Status and lines. `Content-Length` is the codec's business, but in an answer to `HEAD`, which gives the length of what it does not
    /// send.
    pub head: http::Response,
    /// At most [`ANSWER_BYTES_MAX`].
    pub body: Bytes,
}

/// Everything that one node says to another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// The first message in both directions.
    Handshake(Box<Handshake>),
    /// Nothing; so that the connection does not look dead.
    KeepAlive,
    /// You are not served (any more).
    Choke,
    /// You are served.
    Unchoke,
    /// You have something I want.
    Interested,
    /// You have nothing I want.
    NotInterested,
    /// I have one more piece.
    Have(u32),
    /// I have these; see [`Bitfield`](crate::bitfield::Bitfield) for the layout.
    Bitfield(Arc<[u8]>),
    /// Send me this.
    Request(Block),
    /// This follows, as a body of its length.
    Piece(Block),
    /// I no longer want this.
    Cancel(Block),
    /// My node of the distributed hash table listens there (BEP 5).
    Port(u16),
    /// You might want to ask for this piece (BEP 6).
    Suggest(u32),
    /// I have all (BEP 6).
    HaveAll,
    /// I have nothing (BEP 6).
    HaveNone,
    /// You will not get this (BEP 6).
    Reject(Block),
    /// You may ask for this piece even while choked (BEP 6).
    AllowedFast(u32),
    /// Something of the extension protocol (BEP 10): to whom of it, and what.
    Extended {
        /// 0 for its handshake, else as the receiver has numbered it.
        id: u8,
        /// What follows the number, at most [`EXTENDED_BYTES_MAX`].
        payload: Arc<[u8]>,
    },
    /// A message of a number that is not known here, passed over by the codec.
    Unknown(u8),
    /// A request to a tracker or a site.
    Ask(Arc<http::Request>),
    /// Its answer.
    Answer(Arc<Answer>),
    /// What is said to a tracker and by it in datagrams (BEP 15).
    Udp(Box<udp::Packet>),
}

/// What is spoken on a connection, and from which side.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Setup {
    /// Somebody dialled us; the first byte says whether it is a peer's handshake or an HTTP request.
    #[default]
    Accepted,
    /// We dialled a peer.
    Peer,
    /// We dialled a tracker or a site: requests go out, answers come.
    Http,
    /// No connection: a datagram, to or from anybody.
    Datagram,
}
