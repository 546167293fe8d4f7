//! Napster.

use common::net::NodeId;
use common::user::Holder;
use napster::node::Node;
use napster::peer::PeerConfig;
use napster::server::ServerConfig;

use crate::overlay::{Cast, Overlay, Source};
use crate::scenario::Scenario;
use crate::trace::Purpose;

/// One index server, and peers who exchange files among themselves.
pub struct Napster;

impl Overlay for Napster {
    type Peer = Node;

    const NAME: &'static str = "napster";
    const ABOUT: &'static str = "one server knows who has what; files go from peer to peer";
    const CONTENT_FROM: Source = Source::Participants;
    const HITS_NAME_HOLDERS: bool = true;

    fn servers(_: &Scenario) -> u32 {
        1
    }

    fn peer(cast: &Cast<'_>, node: NodeId) -> Node {
        let Some(person) = cast.person(node) else {
            // A class may be larger than one of the historical servers was; nobody floods here.
            let users_max = (cast.world.people.len()).max(ServerConfig::default().users_max);
            return Node::server(ServerConfig { users_max, flood: None, ..ServerConfig::default() });
        };
        let attachment = cast.attachment(node);
        Node::peer(PeerConfig {
            server: cast.address(NodeId(0)),
            nick: nick(person),
            speed: attachment.line.up_bps.map_or(0, link_class),
            firewalled: attachment.firewalled,
            ..PeerConfig::default()
        })
    }

    fn holder(cast: &Cast<'_>, holder: &Holder) -> Option<NodeId> {
        let person: usize = holder.nick.strip_prefix(NICK)?.parse().ok()?;
        (person < cast.world.people.len()).then(|| cast.node(person))
    }

    fn purpose(kind: &str) -> Purpose {
        match kind {
            "search" | "search hit" | "search end" => Purpose::Search,
            "get" | "offer" | "get error" | "get by push" | "push" | "upload ask" | "upload accept"
            | "upload refuse" | "queue limit" | "queue limited" | "data port error" | "ping" | "pong"
            | "download begun" | "download ended" | "upload begun" | "upload ended" | "hello" | "request"
            | "delivery" | "size" | "offset" | "refusal" | "resume search" | "resume hit" | "resume end" => {
                Purpose::Transfer
            }
            _ => Purpose::Upkeep,
        }
    }
}

const NICK: &str = "person";

fn nick(person: usize) -> String {
    format!("{NICK}{person}")
}

/// The protocol's classes of link speed: the largest kilobits per second of each, from class 1 on.
fn link_class(bps: u64) -> u32 {
    const KBPS: [u64; 9] = [14, 28, 33, 56, 64, 128, 1_000, 4_000, 20_000];
    1 + KBPS.iter().filter(|kbps| **kbps * 1_000 < bps).count() as u32
}
