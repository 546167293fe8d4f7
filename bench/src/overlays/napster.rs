//! Napster.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use common::net::NodeId;
use common::user::Holder;
use napster::node::Node;
use napster::peer::{self, PeerConfig};
use napster::selection::Selection;
use napster::server::ServerConfig;

use crate::overlay::{Cast, Overlay, PEER, Source};
use crate::scenario::{Rule, Scenario};
use crate::trace::Purpose;

/// One index server, and peers who exchange files among themselves.
pub struct Napster {
    selection: Selection,
    knobs: Arc<peer::Knobs>,
}

/// What a scenario may set; the rest is as the crate has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// Which holder of a file is asked first.
    selection: Policy,
    /// How many holders are pinged at a time, where pings decide.
    probes: u8,
    /// Uploads of one peer at a time; whoever comes then is told to wait.
    upload_slots: u16,
}

/// The names of [`Selection`]s.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Policy {
    Ping,
    Random,
    ClaimedSpeed,
    First,
}

impl Default for Knobs {
    fn default() -> Self {
        let slots = PeerConfig::default().knobs.upload_slots;
        let (selection, probes) = match Selection::default() {
            Selection::Ping { probes } => (Policy::Ping, probes),
            Selection::Random => (Policy::Random, 1),
            Selection::ClaimedSpeed => (Policy::ClaimedSpeed, 1),
            Selection::First => (Policy::First, 1),
        };
        Knobs { selection, probes, upload_slots: slots.try_into().unwrap_or(u16::MAX) }
    }
}

impl Knobs {
    fn selection(&self) -> Selection {
        match self.selection {
            Policy::Ping => Selection::Ping { probes: self.probes },
            Policy::Random => Selection::Random,
            Policy::ClaimedSpeed => Selection::ClaimedSpeed,
            Policy::First => Selection::First,
        }
    }
}

impl Overlay for Napster {
    type Peer = Node;
    type Knobs = Knobs;

    const NAME: &'static str = "napster";
    const ABOUT: &'static str = "one server knows who has what; files go from peer to peer";
    /// What clients listened at.
    const PORT: u16 = 6699;
    const CONTENT_FROM: Source = Source::Participants;
    const HITS_NAME_HOLDERS: bool = true;

    fn rules(knobs: &Knobs) -> Vec<Rule> {
        vec![
            (knobs.probes >= 1, "probes must be at least 1"),
            (knobs.upload_slots >= 1, "upload_slots must be at least 1"),
        ]
    }

    fn servers(_: &Scenario, _: &Knobs) -> u32 {
        1
    }

    fn set_up(_: &Cast<'_>, knobs: &Knobs) -> Self {
        let upload_slots = knobs.upload_slots.into();
        let of_peers = peer::Knobs { upload_slots, ..peer::Knobs::default() };
        Napster { selection: knobs.selection(), knobs: Arc::new(of_peers) }
    }

    fn peer(&self, cast: &Cast<'_>, node: NodeId) -> Node {
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
            selection: self.selection,
            knobs: Arc::clone(&self.knobs),
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

    fn role(peer: &Node) -> &'static str {
        match peer {
            Node::Server(_) => "server",
            _ => PEER,
        }
    }
}

const NICK: &str = "person";

fn nick(person: usize) -> String {
    format!("{NICK}{person}")
}

/// The protocol's classes of link speed: the largest kilobits per second of each, from class 1 on.
pub(crate) fn link_class(bps: u64) -> u32 {
    const KBPS: [u64; 9] = [14, 28, 33, 56, 64, 128, 1_000, 4_000, 20_000];
    1 + KBPS.iter().filter(|kbps| **kbps * 1_000 < bps).count() as u32
}
