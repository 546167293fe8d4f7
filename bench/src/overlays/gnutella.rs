//! Gnutella.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use common::digest::Fingerprint;
use common::net::NodeId;
use common::user::Holder;
use gnutella::guid::Guid;
use gnutella::host_cache::HostCacheConfig;
use gnutella::node::Node;
use gnutella::servent::{self, ServentConfig};
use gnutella::strategy::StrategyKind;

use crate::overlay::{Cast, Overlay, PEER, Source};
use crate::scenario::{Rule, Scenario};
use crate::trace::Purpose;

/// Servents alone, who ask each other. A newcomer has to hear of somebody: a web cache, which has no file and answers no
/// search, tells a few addresses. It comes first in a run, as the others' servers do.
pub struct Gnutella {
    strategy: StrategyKind,
    knobs: Arc<servent::Knobs>,
}

/// What a scenario may set; the rest is as the crate has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// Neighbours that each tries to have.
    degree: u16,
    /// TTL of searches and pings.
    ttl: u8,
    /// How searches go.
    strategy: Strategy,
    /// Pings are answered from a cache; false: passed on to everybody, as in 2000.
    pong_caching: bool,
    /// How long somebody waits for results.
    search_wait_s: f64,
}

/// The names of [`StrategyKind`]s.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Strategy {
    Flood,
    ExpandingRing,
    RandomWalk,
}

impl Default for Knobs {
    fn default() -> Self {
        let servent::Knobs { degree, ttl, pong_caching, .. } = servent::Knobs::default();
        Knobs {
            degree: degree.try_into().unwrap_or(u16::MAX),
            ttl,
            strategy: Strategy::Flood,
            pong_caching,
            // The crate waits for a world of modems; an answer from seven hops away takes half a second on the lines of
            // the scenarios.
            search_wait_s: 3.0,
        }
    }
}

/// The longest that somebody waits for results, in seconds.
const WAIT_MAX_S: f64 = 600.0;

impl Knobs {
    fn of_servents(&self) -> servent::Knobs {
        let defaults = servent::Knobs::default();
        servent::Knobs {
            degree: self.degree.into(),
            // Twice the target, as by default: who dials so many is dialled by as many.
            degree_max: 2 * usize::from(self.degree),
            ttl: self.ttl,
            ttl_max: defaults.ttl_max.max(self.ttl),
            pong_caching: self.pong_caching,
            search_wait: Duration::from_secs_f64(self.search_wait_s),
            retry: RETRY,
            ..defaults
        }
    }
}

impl Overlay for Gnutella {
    type Peer = Node;
    type Knobs = Knobs;

    const NAME: &'static str = "gnutella";
    const ABOUT: &'static str = "no server: searches flood the overlay; files go from peer to peer";
    const PORT: u16 = gnutella::wire::PORT;
    const CONTENT_FROM: Source = Source::Participants;
    const HITS_NAME_HOLDERS: bool = true;
    const MANY_SOURCES: bool = true;
    const FINGERPRINT: Option<Fingerprint> = Some(Fingerprint::GNUTELLA);

    fn rules(knobs: &Knobs) -> Vec<Rule> {
        vec![
            (knobs.degree >= 1, "degree must be at least 1"),
            ((1..=15).contains(&knobs.ttl), "ttl must be 1 to 15"),
            (
                knobs.search_wait_s > 0.0 && knobs.search_wait_s <= WAIT_MAX_S,
                "search_wait_s must be above 0 and at most 600",
            ),
        ]
    }

    fn servers(_: &Scenario, _: &Knobs) -> u32 {
        1
    }

    fn set_up(_: &Cast<'_>, knobs: &Knobs) -> Self {
        let strategy = match knobs.strategy {
            Strategy::Flood => StrategyKind::Flood,
            Strategy::ExpandingRing => StrategyKind::ExpandingRing,
            Strategy::RandomWalk => StrategyKind::RandomWalk,
        };
        Gnutella { strategy, knobs: Arc::new(knobs.of_servents()) }
    }

    fn peer(&self, cast: &Cast<'_>, node: NodeId) -> Node {
        if cast.person(node).is_none() {
            return Node::host_cache(HostCacheConfig::default());
        }
        let attachment = cast.attachment(node);
        let kbps = attachment.line.up_bps.map_or(u64::from(u32::MAX), |bps| bps / 1000);
        Node::servent(ServentConfig {
            host_caches: Box::new([(cast.address(NodeId(0)), CACHE_PATH.into())]),
            firewalled: attachment.firewalled,
            guid: Some(guid(node)),
            speed_kbps: u32::try_from(kbps).unwrap_or(u32::MAX),
            strategy: self.strategy,
            knobs: Arc::clone(&self.knobs),
            ..ServentConfig::default()
        })
    }

    fn holder(cast: &Cast<'_>, holder: &Holder) -> Option<NodeId> {
        // Those behind firewalls have no address to be known by.
        let [a, b, c, d, ..] = holder.guid;
        let node = NodeId(u32::from_be_bytes([a, b, c, d]));
        (holder.guid == guid(node).0 && cast.person(node).is_some()).then_some(node)
    }

    fn purpose(kind: &str) -> Purpose {
        match kind {
            "query" | "query hit" => Purpose::Search,
            "push" | "request" | "response" | "giv" => Purpose::Transfer,
            _ => Purpose::Upkeep,
        }
    }

    fn role(peer: &Node) -> &'static str {
        match peer {
            Node::HostCache(_) => "web cache",
            Node::Servent(_) => PEER,
        }
    }
}

/// How soon a newcomer whom the web cache knew nobody for asks again. In a run everybody may come at the same moment, as
/// nobody does in years of an overlay; and it lasts half a minute.
const RETRY: Duration = Duration::from_millis(250);

/// The script of the web cache.
const CACHE_PATH: &str = "/gcache";

/// The name of a servent, by which hits are known: its number.
fn guid(node: NodeId) -> Guid {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&node.0.to_be_bytes());
    bytes[8] = 0xff;
    Guid(bytes)
}
