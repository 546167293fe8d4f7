//! The client-server baseline.

use std::sync::Arc;

use common::net::NodeId;
use common::user::Holder;

use crate::mirror::{Client, Node, Server, ServerConfig};
use crate::overlay::{Cast, Overlay, Source};
use crate::scenario::Scenario;
use crate::trace::Purpose;

/// Mirrors that have everything, and people who use them.
pub struct Mirror;

impl Overlay for Mirror {
    type Peer = Node;

    const NAME: &'static str = "mirror";
    const ABOUT: &'static str = "client-server: HTTP mirrors have everything, clients share nothing";
    const CONTENT_FROM: Source = Source::Servers;
    const HITS_NAME_HOLDERS: bool = false;

    fn servers(scenario: &Scenario) -> u32 {
        scenario.mirrors
    }

    fn peer(cast: &Cast<'_>, node: NodeId) -> Node {
        match cast.person(node) {
            None => Node::Server(Box::new(Server::new(ServerConfig::default()))),
            Some(person) => {
                let mirrors: Arc<[_]> =
                    (0..cast.servers).map(|server| cast.address(NodeId(server))).collect();
                Node::Client(Box::new(Client::new(mirrors, person)))
            }
        }
    }

    fn holder(cast: &Cast<'_>, holder: &Holder) -> Option<NodeId> {
        holder.address.and_then(|address| cast.at(address))
    }

    fn purpose(kind: &str) -> Purpose {
        match kind {
            "search" | "listing" => Purpose::Search,
            _ => Purpose::Transfer,
        }
    }
}
