//! BitTorrent.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use bittorrent::choker::{LeechChoking, SeedChoking};
use bittorrent::config::{self, Config};
use bittorrent::metainfo::{Draft, FileEntry, Metainfo};
use bittorrent::node::Node;
use bittorrent::picker::{Census, PickerKind};
use bittorrent::site::{SiteConfig, SiteKnobs};
use bittorrent::tracker::{TrackerConfig, TrackerKnobs};
use common::digest::{Algorithm, Digest};
use common::net::NodeId;
use common::user::Holder;

use crate::overlay::{Cast, Overlay, PEER, Source};
use crate::scenario::{Rule, Scenario};
use crate::trace::Purpose;
use crate::world::World;

/// A swarm for each content. A tracker tells who is in it, and a web site, which has the torrents, is what is searched: BitTorrent has
/// no search of its own. Site and tracker come first in a run.
pub struct BitTorrent {
    /// A torrent of each item that anybody shares.
    torrents: Arc<[Arc<Metainfo>]>,
    handout: u16,
    /// What the picker that knows the whole swarm knows it from.
    census: Option<Arc<Census>>,
    knobs: Arc<config::Knobs>,
}

/// What a scenario may set; the rest is as the crate has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// Bytes of a piece, in KiB: a power of two.
    piece_kib: u32,
    /// Peers that the tracker tells of.
    handout: u16,
    /// Which piece is asked for next.
    #[serde(with = "by_name")]
    picker: PickerKind,
    /// Whom a leecher serves.
    #[serde(with = "by_name")]
    leech_choking: LeechChoking,
    /// Whom a seed serves.
    #[serde(with = "by_name")]
    seed_choking: SeedChoking,
    /// Peers served at a time, the optimistic one among them.
    unchoked_max: u16,
    /// How often it is decided who is served.
    rechoke_s: f64,
    /// How long the optimistic unchoke stays.
    optimistic_s: f64,
    /// Whether those who have all from the start show each peer one piece at a time.
    super_seed: bool,
}

/// Policies in scenario files.
mod by_name {
    use bittorrent::policies::Policy;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<P: Policy, S: Serializer>(policy: &P, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&policy.name().replace('-', "_"))
    }

    pub(super) fn deserialize<'de, P: Policy, D: Deserializer<'de>>(from: D) -> Result<P, D::Error> {
        let name = String::deserialize(from)?.replace('_', "-");
        P::named(&name).map_err(|why| D::Error::custom(why.replace('-', "_")))
    }
}

impl Default for Knobs {
    fn default() -> Self {
        let config::Knobs { unchoked_max, rechoke_every, optimistic_every, super_seed, .. } =
            config::Knobs::default();
        Knobs {
            // The lecture's chunks of 256 kB; of a song there are some dozen.
            piece_kib: 256,
            // The lecture's.
            handout: 40,
            picker: PickerKind::default(),
            leech_choking: LeechChoking::default(),
            seed_choking: SeedChoking::default(),
            unchoked_max: unchoked_max.try_into().unwrap_or(u16::MAX),
            rechoke_s: rechoke_every.as_secs_f64(),
            optimistic_s: optimistic_every.as_secs_f64(),
            super_seed,
        }
    }
}

/// Where the site is among the nodes: whoever takes a server away takes away what is searched.
const SITE: NodeId = NodeId(0);
/// Where the tracker is.
const TRACKER: NodeId = NodeId(1);
/// Pieces of credit in the byte-for-byte tit for tat.
const CREDIT_PIECES: u64 = 2;

/// How soon somebody with few others asks the tracker again. Whoever is behind a firewall and has a content hears in no other way of
/// those who want it; a run lasts half a minute, and not the half hours of a swarm.
const ANNOUNCE_FEW: Duration = Duration::from_secs(10);

/// How long a download may stand still before it is given up. A person waits for days; a run has to end.
const GIVE_UP: Duration = Duration::from_secs(60);

impl Knobs {
    fn of_peers(&self) -> config::Knobs {
        config::Knobs {
            picker: self.picker,
            leech_choking: match self.leech_choking {
                LeechChoking::TitForTat { .. } => {
                    LeechChoking::TitForTat { credit: CREDIT_PIECES * 1024 * u64::from(self.piece_kib) }
                }
                other => other,
            },
            seed_choking: self.seed_choking,
            unchoked_max: self.unchoked_max.into(),
            rechoke_every: Duration::from_secs_f64(self.rechoke_s),
            optimistic_every: Duration::from_secs_f64(self.optimistic_s),
            super_seed: self.super_seed,
            announce_few: ANNOUNCE_FEW,
            give_up: Some(GIVE_UP),
            ..config::Knobs::default()
        }
    }
}

impl Overlay for BitTorrent {
    type Peer = Node;
    type Knobs = Knobs;

    const NAME: &'static str = "bittorrent";
    const ABOUT: &'static str =
        "who wants the same trades pieces of it; a tracker tells who they are, a web site is searched";
    /// The first of those that clients took.
    const PORT: u16 = 6881;
    const CONTENT_FROM: Source = Source::Participants;
    const HITS_NAME_HOLDERS: bool = false;
    const MANY_SOURCES: bool = true;

    fn rules(knobs: &Knobs) -> Vec<Rule> {
        vec![
            (
                knobs.piece_kib.is_power_of_two() && (16..=16_384).contains(&knobs.piece_kib),
                "piece_kib must be a power of two from 16 to 16384",
            ),
            ((1..=200).contains(&knobs.handout), "handout must be from 1 to 200"),
            ((1..=100).contains(&knobs.unchoked_max), "unchoked_max must be from 1 to 100"),
            ((1.0..=3_600.0).contains(&knobs.rechoke_s), "rechoke_s must be at least 1 and at most 3600"),
            (
                (1.0..=3_600.0).contains(&knobs.optimistic_s),
                "optimistic_s must be at least 1 and at most 3600",
            ),
        ]
    }

    fn servers(_: &Scenario, _: &Knobs) -> u32 {
        2
    }

    fn set_up(cast: &Cast<'_>, knobs: &Knobs) -> Self {
        let tracker = format!("http://{}/announce", cast.address(TRACKER));
        let torrent = |item: u32| Arc::new(torrent(cast.world, item, knobs.piece_kib * 1024, &tracker));
        let torrents: Arc<[_]> = cast.world.shared_by_all().into_iter().map(torrent).collect();
        let counted = torrents.iter().map(|torrent| (torrent.info_hash, torrent.info.piece_count()));
        let census = (knobs.picker == PickerKind::GlobalRarest).then(|| Arc::new(Census::new(counted)));
        BitTorrent { torrents, handout: knobs.handout, census, knobs: Arc::new(knobs.of_peers()) }
    }

    fn peer(&self, cast: &Cast<'_>, node: NodeId) -> Node {
        match node {
            TRACKER => {
                let knobs = TrackerKnobs {
                    handout: self.handout.into(),
                    handout_max: self.handout.into(),
                    interval_min: ANNOUNCE_FEW,
                    ..TrackerKnobs::default()
                };
                Node::tracker(TrackerConfig { knobs: Arc::new(knobs), ..TrackerConfig::default() })
            }
            SITE => {
                let torrents = self.torrents.iter().map(|torrent| Arc::clone(torrent).into()).collect();
                // A run has no page to be looked at: figures would only be asked for to be thrown away.
                let knobs = SiteKnobs { scrapes_max: 0, ..SiteKnobs::default() };
                Node::site(SiteConfig { torrents, knobs: Arc::new(knobs), ..SiteConfig::default() })
            }
            _ => Node::peer(Config {
                torrents: Arc::clone(&self.torrents),
                site: Some(cast.address(SITE)),
                census: self.census.clone(),
                knobs: Arc::clone(&self.knobs),
                ..Config::default()
            }),
        }
    }

    fn holder(_: &Cast<'_>, _: &Holder) -> Option<NodeId> {
        // A result is a torrent, and says nothing of who has the content.
        None
    }

    fn purpose(kind: &str) -> Purpose {
        match kind {
            "search" | "listing" => Purpose::Search,
            "ask" | "answer" | "keep-alive" | "port" => Purpose::Upkeep,
            _ => Purpose::Transfer,
        }
    }

    fn role(peer: &Node) -> &'static str {
        match peer {
            Node::Tracker(_) => "tracker",
            Node::Site(_) => "web site",
            Node::Peer(_) => PEER,
        }
    }
}

/// The torrent of an item, as whoever had it first would have made it.
fn torrent(world: &World, item: u32, piece_length: u32, tracker: &str) -> Metainfo {
    let info = &world.items[item as usize];
    let content = world.content(item);
    let piece = |start: u64| {
        let len = u64::from(piece_length).min(info.size - start);
        match content.digest(start, len, Algorithm::Sha1) {
            Ok(Digest::Sha1(hash)) => hash,
            // A file that cannot be read has no piece that could ever be right.
            _ => [0; 20],
        }
    };
    let (name, path) = match info.name.split_once('/') {
        Some((folder, rest)) => (folder, rest.split('/').map(Into::into).collect()),
        None => (&*info.name, Box::default()),
    };
    let draft = Draft {
        name: name.into(),
        piece_length,
        pieces: (0..info.size).step_by(piece_length as usize).map(piece).collect(),
        files: vec![FileEntry { path, length: info.size }],
        trackers: vec![vec![tracker.into()]],
        ..Draft::default()
    };
    Metainfo::new(draft).expect("items have names, and bytes")
}
