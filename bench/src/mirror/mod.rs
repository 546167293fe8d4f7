//! The client-server baseline: mirrors that hold everything, and clients that hold nothing others can have.
//!
//! It speaks plain HTTP/1.1 through the same contract as the overlays, so that every comparison has the line
//! in it that peer-to-peer is measured against. `curl http://ADDRESS/search?q=words` works on it too.

use common::peer::{ConnId, Cx, Event, Peer};
use common::user::{FetchId, SearchId};

mod client;
mod server;
mod shelf;
mod wire;

pub use client::Client;
pub use server::{Server, ServerConfig};
pub use wire::{LISTING_BYTES_MAX, Message, RESULTS_MAX, Side};

/// A mirror or someone who uses it.
#[derive(Debug)]
pub enum Node {
    /// A mirror.
    Server(Box<Server>),
    /// Someone who uses it.
    Client(Box<Client>),
}

/// What a client or a mirror waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timer {
    /// Dial the index again.
    Redial,
    /// A search has had its time.
    SearchDeadline(SearchId),
    /// A paused download goes on.
    Retry(FetchId),
    /// A download should have shown a sign of life since it had shown so many.
    Stall(FetchId, u32),
    /// More of a file should have left a mirror by this connection.
    Upload(ConnId),
}

impl Peer for Node {
    type Message = Message;
    type Timer = Timer;

    fn handle(&mut self, event: Event<Message, Timer>, cx: &mut Cx<'_, Self>) {
        match self {
            Node::Server(server) => server.handle(event, cx),
            Node::Client(client) => client.handle(event, cx),
        }
    }
}
