//! What a driver runs: a servent or a web cache behind one type.

use common::peer::{ConnId, Cx, Event};
use common::user::{FetchId, SearchId};

use crate::host_cache::{HostCache, HostCacheConfig};
use crate::servent::{Servent, ServentConfig};
use crate::wire::Message;

/// A node in one of its roles.
pub enum Node {
    /// Client and server in one: the only kind of node the overlay itself has.
    Servent(Box<Servent>),
    /// A web server that tells newcomers some addresses.
    HostCache(Box<HostCache>),
}

/// What the timers of all roles mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timer {
    /// See to the number of neighbours.
    Upkeep,
    /// Ping, and look who has fallen silent.
    Ping,
    /// This connection should have got on by now: a handshake, a caller, a web cache, a check, an upload.
    LinkDue(ConnId),
    /// A search's strategy wants to go on, or the search is over.
    SearchDue(SearchId),
    /// A download's step of this number is due.
    FetchDue(FetchId, u32),
}

impl Node {
    /// A servent.
    pub fn servent(config: ServentConfig) -> Node {
        Node::Servent(Box::new(Servent::new(config)))
    }

    /// A web cache.
    pub fn host_cache(config: HostCacheConfig) -> Node {
        Node::HostCache(Box::new(HostCache::new(config)))
    }
}

impl common::peer::Peer for Node {
    type Message = Message;
    type Timer = Timer;

    fn handle(&mut self, event: Event<Message, Timer>, cx: &mut Cx<'_, Self>) {
        match self {
            Node::Servent(servent) => servent.handle(event, cx),
            Node::HostCache(cache) => cache.handle(event, cx),
        }
    }

    #[inline]
    fn foresee(&self, conn: ConnId, _: &Message) {
        if let Node::Servent(servent) = self {
            servent.foresee(conn);
        }
    }
}

const _: () = <Node as common::peer::Peer>::SIZES_HOLD;
