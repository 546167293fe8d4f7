//! What a driver runs: a server, a peer or a redirector behind one type.

use std::net::SocketAddrV4;

use common::peer::{ConnId, Cx, Event};
use common::user::FetchId;

use crate::peer::{Peer, PeerConfig};
use crate::redirector::Redirector;
use crate::server::{Server, ServerConfig};
use crate::wire::Message;

/// A node in one of its roles.
pub enum Node {
    /// The index.
    Server(Box<Server>),
    /// A user's program.
    Peer(Box<Peer>),
    /// Tells where a server is.
    Redirector(Box<Redirector>),
}

/// What the timers of all roles mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timer {
    /// Server: tell everybody the statistics.
    Stats,
    /// Server: this connection should have logged in by now.
    LoginDue(ConnId),
    /// Peer: dial the server again.
    Reconnect,
    /// Peer: the next part of the list of shared files may go.
    ShareDue,
    /// Peer: the server should have let us in by now.
    WelcomeDue(ConnId),
    /// Peer: the question of this number should have been answered by now.
    AnswerDue(u32),
    /// Peer: a download's step of this number is due.
    StepDue(FetchId, u32),
    /// Peer: this upload, or a caller who has not said what he wants, should have moved by now.
    LinkDue(ConnId),
}

impl Node {
    /// A server.
    pub fn server(config: ServerConfig) -> Node {
        Node::Server(Box::new(Server::new(config)))
    }

    /// A peer.
    pub fn peer(config: PeerConfig) -> Node {
        Node::Peer(Box::new(Peer::new(config)))
    }

    /// A redirector to these servers.
    pub fn redirector(servers: Vec<SocketAddrV4>) -> Node {
        Node::Redirector(Box::new(Redirector::new(servers)))
    }
}

impl common::peer::Peer for Node {
    type Message = Message;
    type Timer = Timer;

    fn handle(&mut self, event: Event<Message, Timer>, cx: &mut Cx<'_, Self>) {
        match self {
            Node::Server(server) => server.handle(event, cx),
            Node::Peer(peer) => peer.handle(event, cx),
            Node::Redirector(redirector) => redirector.handle(&event, cx),
        }
    }
}

const _: () = <Node as common::peer::Peer>::SIZES_HOLD;
