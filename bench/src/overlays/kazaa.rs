//! KaZaA.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use common::digest::Fingerprint;
use common::net::NodeId;
use common::user::Holder;
use kazaa::config::{self, Config, Role};
use kazaa::election::ElectionKind;
use kazaa::node::Node;
use kazaa::selection::SelectionKind;
use kazaa::services::{ServicesConfig, ServicesKnobs};
use kazaa::widening::WideningKind;

use crate::overlay::{Cast, Overlay, PEER, Source};
use crate::scenario::{Rule, Scenario};
use crate::trace::Purpose;

/// Nodes of whom some become supernodes, which index the others and ask each other. The services, which keep the list of
/// supernodes, have no file and answer no search; they come first in a run. Everybody is a guest there.
pub struct Kazaa {
    /// Who has to be a supernode: those of the list that came with the program, or all if there is no election.
    named: Box<[NodeId]>,
    addresses: Arc<[SocketAddrV4]>,
    elects: bool,
    knobs: Arc<config::Knobs>,
}

/// What a scenario may set; the rest is as the crate has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// `"elected"`: the nodes see to it themselves, beginning with the one that the program's list names; a number: the people
    /// with the best lines are supernodes, and nobody else.
    supernodes: Supernodes,
    /// Who may become a supernode.
    election: Election,
    /// How long somebody has to have been there for that.
    uptime_min_s: f64,
    /// Children that a supernode takes on.
    children_max: u32,
    /// Supernodes that a newcomer probes.
    probes: u16,
    /// Which of them it joins.
    selection: Selection,
    /// Supernodes that somebody is the child of at a time.
    parents: u16,
    /// Links that a supernode makes to others.
    links: u16,
    /// How a search goes on that has found too little.
    widening: Widening,
    /// Supernodes that are asked at a time.
    fan_out: u8,
    /// Results after which no further ones are asked.
    enough: u32,
    /// Supernodes that one search may visit.
    asked_max: u32,
}

/// How many supernodes there are.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "toml::Value", into = "toml::Value")]
enum Supernodes {
    Elected,
    Exactly(u32),
}

/// The word for [`Supernodes::Elected`].
const ELECTED: &str = "elected";

impl TryFrom<toml::Value> for Supernodes {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        let count = value.as_integer().and_then(|count| u32::try_from(count).ok());
        match (value.as_str(), count) {
            (Some(ELECTED), _) => Ok(Supernodes::Elected),
            (None, Some(count)) => Ok(Supernodes::Exactly(count)),
            _ => Err(format!("expected \"{ELECTED}\" or a number")),
        }
    }
}

impl From<Supernodes> for toml::Value {
    fn from(supernodes: Supernodes) -> Self {
        match supernodes {
            Supernodes::Elected => ELECTED.into(),
            Supernodes::Exactly(count) => i64::from(count).into(),
        }
    }
}

/// The names of [`ElectionKind`]s.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Election {
    Both,
    Capacity,
    Uptime,
    Random,
}

/// The names of [`SelectionKind`]s.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Selection {
    SmallestRtt,
    Random,
    MostFree,
}

/// The names of [`WideningKind`]s.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Widening {
    Iterative,
    Recursive,
    Never,
}

impl Default for Knobs {
    fn default() -> Self {
        let config::Knobs { probes, parents, links, fan_out, enough, asked_max, .. } =
            config::Knobs::default();
        Knobs {
            supernodes: Supernodes::Elected,
            election: Election::Both,
            // Nobody in a run of half a minute has been there for the crate's ten.
            uptime_min_s: 0.0,
            // With the crate's three hundred a whole class would be one supernode's children.
            children_max: 15,
            probes: probes.try_into().unwrap_or(u16::MAX),
            selection: Selection::SmallestRtt,
            parents: parents.try_into().unwrap_or(u16::MAX),
            links: links.try_into().unwrap_or(u16::MAX),
            widening: Widening::Iterative,
            fan_out: fan_out.try_into().unwrap_or(u8::MAX),
            enough: enough.try_into().unwrap_or(u32::MAX),
            asked_max: asked_max.try_into().unwrap_or(u32::MAX),
        }
    }
}

/// The longest uptime that can be asked for, in seconds: a day.
const UPTIME_MAX_S: f64 = 86_400.0;
/// How soon a newcomer who has found no place tries again. In a run everybody may come at the same moment, as nobody does in
/// years of an overlay; and it lasts half a minute.
const RETRY: Duration = Duration::from_millis(250);
/// How often a supernode sees to its links and its lists, and tells others how full it is, for the same reason.
const UPKEEP: Duration = Duration::from_secs(1);

impl Knobs {
    fn of_nodes(&self) -> config::Knobs {
        let defaults = config::Knobs::default();
        config::Knobs {
            probes: self.probes.into(),
            parents: self.parents.into(),
            selection: match self.selection {
                Selection::SmallestRtt => SelectionKind::SmallestRtt,
                Selection::Random => SelectionKind::Random,
                Selection::MostFree => SelectionKind::MostFree,
            },
            election: match self.election {
                Election::Both => ElectionKind::Both,
                Election::Capacity => ElectionKind::Capacity,
                Election::Uptime => ElectionKind::Uptime,
                Election::Random => ElectionKind::Random,
            },
            supernode_uptime_min: Duration::from_secs_f64(self.uptime_min_s),
            children_max: self.children_max as usize,
            links: self.links.into(),
            links_max: defaults.links_max.max(usize::from(self.links) + 20),
            widening: match self.widening {
                Widening::Iterative => WideningKind::Iterative,
                Widening::Recursive => WideningKind::Recursive,
                Widening::Never => WideningKind::Never,
            },
            fan_out: self.fan_out.into(),
            enough: self.enough as usize,
            asked_max: self.asked_max as usize,
            retry: RETRY,
            upkeep_every: UPKEEP,
            load_every: UPKEEP,
            ..defaults
        }
    }
}

impl Overlay for Kazaa {
    type Peer = Node;
    type Knobs = Knobs;

    const NAME: &'static str = "kazaa";
    const ABOUT: &'static str = "some nodes index the others and ask each other; files go from peer to peer";
    const PORT: u16 = kazaa::wire::PORT;
    const CONTENT_FROM: Source = Source::Participants;
    const HITS_NAME_HOLDERS: bool = true;
    const MANY_SOURCES: bool = true;
    const FINGERPRINT: Option<Fingerprint> = Some(Fingerprint::KAZAA);

    fn rules(knobs: &Knobs) -> Vec<Rule> {
        vec![
            (knobs.supernodes != Supernodes::Exactly(0), "supernodes must be at least 1"),
            (
                (0.0..=UPTIME_MAX_S).contains(&knobs.uptime_min_s),
                "uptime_min_s must be at least 0 and at most 86400",
            ),
            ((1..=100_000).contains(&knobs.children_max), "children_max must be from 1 to 100000"),
            ((1..=100).contains(&knobs.probes), "probes must be from 1 to 100"),
            ((1..=10).contains(&knobs.parents), "parents must be from 1 to 10"),
            ((1..=1_000).contains(&knobs.links), "links must be from 1 to 1000"),
            (knobs.fan_out >= 1, "fan_out must be at least 1"),
            (knobs.enough >= 1, "enough must be at least 1"),
        ]
    }

    fn servers(_: &Scenario, _: &Knobs) -> u32 {
        1
    }

    fn set_up(cast: &Cast<'_>, knobs: &Knobs) -> Self {
        let of_nodes = knobs.of_nodes();
        let named = match knobs.supernodes {
            Supernodes::Elected => first_able(cast, of_nodes.supernode_kbps_min).into_iter().collect(),
            Supernodes::Exactly(count) => best(cast, count as usize),
        };
        Kazaa {
            addresses: named.iter().map(|node| cast.address(*node)).collect(),
            named,
            elects: knobs.supernodes == Supernodes::Elected,
            knobs: Arc::new(of_nodes),
        }
    }

    fn peer(&self, cast: &Cast<'_>, node: NodeId) -> Node {
        let Some(person) = cast.person(node) else {
            return Node::services(ServicesConfig {
                signing_seed: [0; 32],
                accounts: Vec::new(),
                started_s: 0,
                knobs: Arc::new(ServicesKnobs { announce_every: UPKEEP * 10, ..ServicesKnobs::default() }),
            });
        };
        let attachment = cast.attachment(node);
        let kbps =
            |bps: Option<u64>| bps.map_or(u32::MAX, |bps| u32::try_from(bps / 1_000).unwrap_or(u32::MAX));
        let force = match (self.named.contains(&node), self.elects) {
            (true, _) => Some(Role::Supernode),
            (false, false) => Some(Role::Ordinary),
            (false, true) => None,
        };
        Node::ordinary(Config {
            user: format!("{USER}{person}").into(),
            services: Some(cast.address(NodeId(0))),
            supernodes: Arc::clone(&self.addresses),
            bandwidth_kbps: (kbps(attachment.line.down_bps), kbps(attachment.line.up_bps)),
            firewalled: attachment.firewalled,
            force,
            knobs: Arc::clone(&self.knobs),
            ..Config::default()
        })
    }

    fn holder(cast: &Cast<'_>, holder: &Holder) -> Option<NodeId> {
        // Those behind firewalls have no address to be known by.
        let person: usize = holder.nick.strip_prefix(USER)?.parse().ok()?;
        (person < cast.world.people.len()).then(|| cast.node(person))
    }

    fn purpose(kind: &str) -> Purpose {
        match kind {
            "query" | "reply" | "query end" | "link query" | "link reply" | "link query end" => {
                Purpose::Search
            }
            "push" | "push order" | "link push" | "request" | "response" | "give" => Purpose::Transfer,
            _ => Purpose::Upkeep,
        }
    }

    fn role(peer: &Node) -> &'static str {
        match peer {
            Node::Services(_) => "services",
            Node::Ordinary(node) if node.is_supernode() => "supernode",
            Node::Ordinary(_) => PEER,
        }
    }
}

/// What users are called, before their number.
const USER: &str = "person";

/// Who can be dialled, as they come.
fn able<'a>(cast: &'a Cast<'_>) -> impl Iterator<Item = (NodeId, u64)> + 'a {
    let people = (0..cast.world.people.len()).map(|person| cast.node(person));
    people.filter_map(|node| {
        let attachment = cast.attachment(node);
        (!attachment.firewalled).then(|| (node, attachment.line.up_bps.unwrap_or(u64::MAX)))
    })
}

/// The first of those who come that could be elected; if there is none, the first who can be dialled.
fn first_able(cast: &Cast<'_>, kbps_min: u32) -> Option<NodeId> {
    let has_line = |(_, up_bps): &(NodeId, u64)| *up_bps >= u64::from(kbps_min) * 1_000;
    able(cast).find(has_line).or_else(|| able(cast).next()).map(|(node, _)| node)
}

/// So many of those with the best lines; of equals those who come first.
fn best(cast: &Cast<'_>, count: usize) -> Box<[NodeId]> {
    let mut able: Vec<(NodeId, u64)> = able(cast).collect();
    able.sort_by_key(|(node, up_bps)| (std::cmp::Reverse(*up_bps), *node));
    able.into_iter().take(count).map(|(node, _)| node).collect()
}
