//! What is said on KaZaA's wires: the FastTrack session between an ordinary node and its supernode, HTTP for files, and
//! what our own nodes say to each other under seal.
//!
//! | part | file |
//! |---|---|
//! | hellos, ciphers, frames of a session | `hello.rs`, `cipher.rs`, `frame.rs`, together in `conversation.rs` |
//! | its messages | `session.rs`, `query.rs`, `reply.rs`, `share.rs` |
//! | what those are made of | `packed.rs`, `tag.rs`, `text.rs`, `media.rs` |
//! | supernode to supernode, sealed | `link.rs` |
//! | to and from the services, sealed | `service.rs`; both in the form of `ours.rs` |
//! | requests to go on under seal | `upgrade.rs` |
//! | `GIVE`, KaZaA's HTTP headers | `transfer.rs` |
//! | bytes to messages and back | `codec.rs` |
//!
//! Integers of a session are big-endian; what is ours is bincode behind one module, with limits.

mod cipher;
mod codec;
mod conversation;
mod frame;
mod hello;
mod link;
mod media;
mod ours;
mod packed;
mod query;
mod reply;
mod service;
mod session;
mod share;
mod tag;
mod text;
pub mod transfer;
pub mod upgrade;

use std::net::Ipv4Addr;
use std::sync::Arc;

use common::http;
use common::user::FileInfo;

pub use codec::Codec;
pub use hello::{Accept, Hello, SessionKey, mask};
pub use link::{LINK_VERSION, Link, LinkFrame};
pub use media::{Realm, content_type};
pub(crate) use ours::signature;
pub use ours::{LINK_BYTES_MAX, NODES_MAX, SERVICE_BYTES_MAX};
pub use query::{Comparison, Query, TERMS_MAX, Term, content_named};
pub use reply::{Hit, RESULTS_MAX, Reply};
pub use service::{Credentials, PASSWORD_BYTES_MAX, Refusal, SERVICE_VERSION, Service, ServiceFrame};
pub use session::{
    BANDWIDTH_UNLIMITED, NodeEntry, PushAsk, PushOrder, Stats, UserInfo, bandwidth_of_kbps, kbps_of_bandwidth,
};
pub use tag::Field;

/// The port that nodes listen on unless told otherwise.
pub const PORT: u16 = 1214;
/// The network's name, which both sides of a session must give.
pub const NETWORK: &str = "KaZaA";

/// All that goes over a connection.
#[derive(Clone, PartialEq, Debug)]
pub enum Message {
    /// A session's first bytes, from the ordinary node. Pauses.
    Hello(Hello),
    /// The supernode's answer. Pauses.
    Accept(Accept),
    /// The network's name, the first thing said under the ciphers, by both.
    Network(Arc<str>),
    /// Are you there?
    Ping,
    /// I am.
    Pong,
    /// 00: other supernodes.
    Nodes(Arc<[NodeEntry]>),
    /// 02: who the ordinary node is.
    User(Arc<UserInfo>),
    /// 22: one shared file, by its holder's number for it.
    Share(u32, Arc<FileInfo>),
    /// 05: shared no longer.
    Unshare(u32, Arc<FileInfo>),
    /// 06: who has something?
    Query(Arc<Query>),
    /// 07: these have, according to one supernode.
    Reply(Arc<Reply>),
    /// 08: no more results of the query of this number will come.
    QueryEnd(u16),
    /// 09: how large the network is.
    Stats(Arc<Stats>),
    /// 0d, to the supernode: have him dial me.
    PushAsk(Arc<PushAsk>),
    /// 0d, to the ordinary node: dial there, and say `GIVE`.
    PushOrder(PushOrder),
    /// 1d: the network's name once more.
    NetworkName(Arc<str>),
    /// 26: the sender's version.
    Version(u32),
    /// 2c: the address from which the ordinary node is seen.
    OutsideAddress(Ipv4Addr),
    /// 60, ours: a ticket of the services', to be proved.
    Ticket(Arc<crate::ticket::Ticket>),
    /// 61, ours: prove it with this.
    Challenge([u8; 16]),
    /// 62, ours: the challenge signed with the ticket's key.
    Proof(Box<[u8; 64]>),
    /// A type that nobody here knows, to be ignored.
    Unknown(u16, Arc<[u8]>),
    /// `GET`, `HEAD`, and requests to go on under seal. Pauses.
    Request(Box<http::Request>),
    /// The answer's head. Pauses.
    Response(Box<http::Response>),
    /// `GIVE`: the answer to a push, with its number. What follows is HTTP, with who wrote this line as the server. Pauses.
    Give(u32),
    /// Between supernodes, sealed.
    Link(Arc<LinkFrame>),
    /// To and from the services, sealed.
    Service(Arc<ServiceFrame>),
}

const _: () = assert!(size_of::<Message>() <= common::peer::MESSAGE_BYTES_MAX);

/// What is spoken on a connection, and on which side we are.
///
/// | setup | reads | then |
/// |---|---|---|
/// | `Accepted` | `Hello`, `Request` or `Give`, told apart by the first bytes | the peer says: `Session`, `Server`, `Client`, or a sealed one |
/// | `Dialled` | `Accept` | `Session` |
/// | `Session` | network name, then frames | the same |
/// | `Client` | `Response` | the same, or a sealed one after 101 |
/// | `Server` | `Request` | the same |
/// | `SealedClient`, `SealedServer` | as `Client`, `Server`, under seal | the same |
/// | `LinkDialler`, `LinkAcceptor` | `Link`, under seal | the same |
/// | `ServiceClient`, `ServiceServer` | `Service`, under seal | the same |
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Setup {
    /// Somebody dialled our port.
    #[default]
    Accepted,
    /// We dialled a supernode for a session: we write a hello and read an answer.
    Dialled,
    /// The ciphers are on.
    Session(SessionKey),
    /// We ask: requests out, responses in. To become sealed, too.
    Client,
    /// We serve: requests in, responses out. After a `GIVE` of ours, too.
    Server,
    /// As `Client`, under seal.
    SealedClient,
    /// As `Server`, under seal.
    SealedServer,
    /// A supernode that dialled another.
    LinkDialler,
    /// A supernode that was dialled by another.
    LinkAcceptor,
    /// A node that dialled the services.
    ServiceClient,
    /// The services.
    ServiceServer,
}
