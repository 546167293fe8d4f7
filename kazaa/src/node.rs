//! What a driver runs: somebody's node or the services behind one type.

use common::peer::{ConnId, Cx, Event};
use common::user::{FetchId, SearchId};

use crate::config::Config;
use crate::ordinary::Ordinary;
use crate::services::{Services, ServicesConfig};
use crate::wire::Message;

/// A node in one of its roles.
pub enum Node {
    /// Somebody's node: an ordinary one, which may become a supernode and cease to be one.
    Ordinary(Box<Ordinary>),
    /// User authentication and the supernode list.
    Services(Box<Services>),
}

/// What the timers of all roles mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timer {
    /// See to the parent: probe, choose, ping, come back.
    Join,
    /// Something is to be asked of the services.
    Login,
    /// See to the children and the other supernodes: pings, lists, election.
    Supernode,
    /// This connection should have got on by now: a hello, a caller, an upload, a link.
    ConnDue(ConnId),
    /// A search of the user's is over, or wants to go on.
    SearchDue(SearchId),
    /// A supernode's query of that number widens, or is over.
    QueryDue(u32),
    /// A download's step of this number is due.
    FetchDue(FetchId, u32),
    /// The services see who is gone.
    Services,
}

impl Node {
    /// Somebody's node.
    pub fn ordinary(config: Config) -> Node {
        Node::Ordinary(Box::new(Ordinary::new(config)))
    }

    /// The services.
    pub fn services(config: ServicesConfig) -> Node {
        Node::Services(Box::new(Services::new(config)))
    }
}

impl common::peer::Peer for Node {
    type Message = Message;
    type Timer = Timer;

    fn handle(&mut self, event: Event<Message, Timer>, cx: &mut Cx<'_, Self>) {
        match self {
            Node::Ordinary(node) => node.handle(event, cx),
            Node::Services(services) => services.handle(event, cx),
        }
    }

    #[inline]
    fn foresee(&self, conn: ConnId, _: &Message) {
        if let Node::Ordinary(node) = self {
            node.foresee(conn);
        }
    }
}

const _: () = <Node as common::peer::Peer>::SIZES_HOLD;
