//! Gnutella.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use common::net::NodeId;
use common::user::Holder;
use gnutella::guid::Guid;
use gnutella::host_cache::HostCacheConfig;
use gnutella::node::Node;
use gnutella::servent::{Knobs, ServentConfig};

use crate::overlay::{Cast, Overlay, Source};
use crate::scenario::Scenario;
use crate::trace::Purpose;

/// Servents alone, who ask each other. A newcomer has to hear of somebody: a web cache, which has no file and answers no
/// search, tells a few addresses. It comes first in a run, as the others' servers do.
pub struct Gnutella;

/// The script of the web cache.
const CACHE_PATH: &str = "/gcache";

/// The name of a servent, by which hits are known: its number.
fn guid(node: NodeId) -> Guid {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&node.0.to_be_bytes());
    bytes[8] = 0xff;
    Guid(bytes)
}

/// How long somebody waits for results. The defaults wait for a world of modems; an answer from seven hops away takes half
/// a second on the lines of the scenarios.
const SEARCH_WAIT: Duration = Duration::from_secs(3);

impl Overlay for Gnutella {
    type Peer = Node;

    const NAME: &'static str = "gnutella";
    const ABOUT: &'static str = "no server: searches flood the overlay; files go from peer to peer";
    const CONTENT_FROM: Source = Source::Participants;
    const HITS_NAME_HOLDERS: bool = true;

    fn servers(_: &Scenario) -> u32 {
        1
    }

    fn peer(cast: &Cast<'_>, node: NodeId) -> Node {
        static KNOBS: LazyLock<Arc<Knobs>> =
            LazyLock::new(|| Arc::new(Knobs { search_wait: SEARCH_WAIT, ..Knobs::default() }));
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
            knobs: Arc::clone(&KNOBS),
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
}
