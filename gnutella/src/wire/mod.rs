//! What servents say to each other: the handshake, the descriptors, and HTTP for files.
//!
//! | part | file |
//! |---|---|
//! | a link's first lines | `handshake.rs` |
//! | the 23-byte header and the payloads of ping, pong, query, query hit, push and bye | `descriptor.rs`, `query.rs`, `hit.rs` |
//! | extensions inside them: GGEP; HUGE's `urn:sha1:` | `extension.rs`, `ggep.rs`, `urn.rs` |
//! | downloads, `GIV`, web caches | `transfer.rs` |
//! | bytes to messages and back | `codec.rs` |
//!
//! Everything is little-endian, except addresses, whose four bytes stand in the order in which they are written.
//! A payload that is passed on is never written anew: query, hit and push keep the bytes they came in, because a servent
//! must hand on extensions that it does not know (draft 0.6, 2.3).

mod codec;
mod descriptor;
mod extension;
mod ggep;
mod handshake;
mod hit;
mod query;
mod transfer;
mod urn;

use std::sync::Arc;

use common::http;
use common::wire::Wire;

pub use codec::Codec;
pub use descriptor::{Bye, Pong, Push, Raw, Vendor};
pub use ggep::{Extension, Ggep, GgepBuilder};
pub use handshake::{Answer, Greeting, Version, joined};
pub use hit::{Entries, Entry, HIT_BYTES_MAX, HitBuilder, QueryHit, RESULTS_MAX, Trailer, VENDOR};
pub use query::{Flags, QUERY_BYTES_SAFE, Query, QueryBuilder, TEXT_BYTES_MAX, Walk};
pub use transfer::{Giv, PAGE_BYTES_MAX, Page};
pub use urn::{NoSha1Urn, Sha1Urn};

use crate::guid::Guid;

/// Bytes of a descriptor's header.
pub const HEADER_BYTES: u32 = 23;
/// The port that servents listen on unless told otherwise.
pub const PORT: u16 = 6346;

/// What stands before every payload, but for its type and length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// The descriptor's id; an answer bears the one of its question.
    pub guid: Guid,
    /// How many more links it may cross.
    pub ttl: u8,
    /// How many it has crossed.
    pub hops: u8,
}

/// All that goes over a connection.
#[derive(Clone, PartialEq, Debug)]
pub enum Message {
    /// `GNUTELLA CONNECT/…`: the dialler's first lines. Pauses.
    Connect(Box<Greeting>),
    /// `GNUTELLA/0.6 200 OK`, or a refusal: the acceptor's lines, and the dialler's last ones. Pauses.
    Answer(Box<Answer>),
    /// Who is there?
    Ping(Header, Option<Arc<Raw>>),
    /// I am.
    Pong(Header, Arc<Pong>),
    /// I am about to leave.
    Bye(Header, Arc<Bye>),
    /// Part of a query routing table. Read over: this servent routes by flooding.
    Qrp(Header, Arc<Raw>),
    /// A vendor's own message, of type 31 or 32.
    Vendor(Header, Arc<Vendor>),
    /// Dial that address and offer this file.
    Push(Header, Arc<Push>),
    /// Who has something that is called so?
    Query(Header, Arc<Query>),
    /// I have.
    Hit(Header, Arc<QueryHit>),
    /// A type nobody here knows, to be ignored.
    Unknown(Header, u8, Arc<Raw>),
    /// `GET` or `HEAD` of a file, of a web cache, or a walker's check. Pauses.
    Request(Box<http::Request>),
    /// The answer's head. Pauses.
    Response(Box<http::Response>),
    /// `GIV`: the file that a push asked for. What follows is HTTP, with who wrote this line as the server. Pauses.
    Giv(Box<Giv>),
    /// A whole small answer with its text: a web cache's.
    Page(Box<Page>),
}

const _: () = assert!(size_of::<Message>() <= common::peer::MESSAGE_BYTES_MAX);

/// What is spoken on a connection, and on which side we are.
///
/// | setup | reads | then, unless resumed as something else |
/// |---|---|---|
/// | `Accepted` | `Connect` | `Answered`; a 0.4 greeting is followed by descriptors |
/// | | `Request` | `Server` |
/// | | `Giv` | `Client` |
/// | `Dialled` | `Answer` | `Descriptors` |
/// | `Answered` | `Answer`, the dialler's last | `Descriptors` |
/// | `Descriptors` | descriptors | the same |
/// | `Client` | `Response` | the same |
/// | `Server`, `CacheServer` | `Request` | the same |
/// | `CacheClient` | `Page` | the same |
///
/// What is written depends on no setup.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Setup {
    /// Somebody dialled our port: a greeting, a request or `GIV`, told apart by the first bytes.
    #[default]
    Accepted,
    /// We dialled somebody's port to become neighbours: we write a greeting and read an answer.
    Dialled,
    /// We answered a 0.6 greeting with yes: its sender's last step.
    Answered,
    /// The handshake is over: descriptors both ways.
    Descriptors,
    /// We ask for files: requests out, responses in.
    Client,
    /// We serve files: requests in, responses out. After a `GIV` of ours, too.
    Server,
    /// We ask a web cache: one request out, one page in.
    CacheClient,
    /// We are a web cache: requests in, pages out.
    CacheServer,
}

impl Message {
    /// The header, if this is a descriptor.
    pub fn header(&self) -> Option<&Header> {
        match self {
            Message::Ping(header, _)
            | Message::Pong(header, _)
            | Message::Bye(header, _)
            | Message::Qrp(header, _)
            | Message::Vendor(header, _)
            | Message::Push(header, _)
            | Message::Query(header, _)
            | Message::Hit(header, _)
            | Message::Unknown(header, ..) => Some(header),
            _ => None,
        }
    }
}

impl Wire for Message {
    type Setup = Setup;
    type Codec = Codec;

    const KINDS: &'static [&'static str] = &[
        "connect",
        "answer",
        "ping",
        "pong",
        "bye",
        "query routing",
        "vendor",
        "push",
        "query",
        "query hit",
        "unknown",
        "request",
        "response",
        "giv",
        "page",
    ];

    fn codec(setup: Setup) -> Codec {
        Codec::new(setup)
    }

    fn wire_len(&self) -> u32 {
        match self {
            Message::Connect(greeting) => greeting.wire_len(),
            Message::Answer(answer) => answer.wire_len(),
            Message::Ping(_, payload) => HEADER_BYTES + payload.as_ref().map_or(0, |raw| raw.len()),
            Message::Pong(_, pong) => HEADER_BYTES + pong.len(),
            Message::Bye(_, bye) => HEADER_BYTES + bye.len(),
            Message::Qrp(_, raw) | Message::Unknown(_, _, raw) => HEADER_BYTES + raw.len(),
            Message::Vendor(_, vendor) => HEADER_BYTES + vendor.len(),
            Message::Push(_, push) => HEADER_BYTES + push.len(),
            Message::Query(_, query) => HEADER_BYTES + query.len(),
            Message::Hit(_, hit) => HEADER_BYTES + hit.len(),
            Message::Request(request) => request.encoded_len(),
            Message::Response(response) => response.encoded_len(),
            Message::Giv(giv) => giv.wire_len(),
            Message::Page(page) => page.wire_len(),
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Message::Connect(_) => 0,
            Message::Answer(_) => 1,
            Message::Ping(..) => 2,
            Message::Pong(..) => 3,
            Message::Bye(..) => 4,
            Message::Qrp(..) => 5,
            Message::Vendor(..) => 6,
            Message::Push(..) => 7,
            Message::Query(..) => 8,
            Message::Hit(..) => 9,
            Message::Unknown(..) => 10,
            Message::Request(_) => 11,
            Message::Response(_) => 12,
            Message::Giv(_) => 13,
            Message::Page(_) => 14,
        }
    }

    fn pauses(&self) -> bool {
        matches!(
            self,
            Message::Connect(_)
                | Message::Answer(_)
                | Message::Request(_)
                | Message::Response(_)
                | Message::Giv(_)
        )
    }
}
