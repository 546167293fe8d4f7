//! The client-server baseline.

use std::net::SocketAddrV4;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use common::net::NodeId;
use common::user::Holder;

use crate::mirror::{Client, Node, Server, ServerConfig};
use crate::overlay::{Cast, Overlay, PEER, Source};
use crate::scenario::{Rule, Scenario};
use crate::trace::Purpose;

/// Mirrors that have everything, and people who use them.
pub struct Mirror {
    /// Where the mirrors are.
    mirrors: Arc<[SocketAddrV4]>,
}

/// What a scenario may set.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// How many mirrors there are.
    mirrors: u32,
}

impl Default for Knobs {
    fn default() -> Self {
        Knobs { mirrors: 1 }
    }
}

impl Overlay for Mirror {
    type Peer = Node;
    type Knobs = Knobs;

    const NAME: &'static str = "mirror";
    const ABOUT: &'static str = "client-server: HTTP mirrors have everything, clients share nothing";
    /// The usual one beside 80.
    const PORT: u16 = 8080;
    const CONTENT_FROM: Source = Source::Servers;
    const HITS_NAME_HOLDERS: bool = false;

    fn rules(knobs: &Knobs) -> Vec<Rule> {
        vec![((1..=100).contains(&knobs.mirrors), "mirrors must be from 1 to 100")]
    }

    fn servers(_: &Scenario, knobs: &Knobs) -> u32 {
        knobs.mirrors
    }

    fn set_up(cast: &Cast<'_>, knobs: &Knobs) -> Self {
        Mirror { mirrors: (0..knobs.mirrors).map(|mirror| cast.address(NodeId(mirror))).collect() }
    }

    fn peer(&self, cast: &Cast<'_>, node: NodeId) -> Node {
        match cast.person(node) {
            None => Node::Server(Box::new(Server::new(ServerConfig::default()))),
            Some(person) => Node::Client(Box::new(Client::new(Arc::clone(&self.mirrors), person))),
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

    fn role(peer: &Node) -> &'static str {
        match peer {
            Node::Server(_) => "mirror",
            Node::Client(_) => PEER,
        }
    }
}
