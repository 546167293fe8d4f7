//! What a tracker is configured with.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::wire::InfoHash;

/// A tracker's own configuration.
#[derive(Clone, Debug, Default)]
pub struct TrackerConfig {
    /// The wall clock at the start, seconds of the Unix epoch; zero in simulations.
    pub started_s: u64,
    /// The only torrents whose peers may meet here; `None` is an open tracker, where any may.
    pub allowed: Option<BTreeSet<InfoHash>>,
    /// What connection ids for datagrams are made with. Random, and no other tracker's, where strangers can ask; in simulations any will
    /// do.
    pub secret: Secret,
    /// Limits and times.
    pub knobs: Arc<TrackerKnobs>,
}

/// Bytes that nobody but the tracker may know.
#[derive(Clone, Default)]
pub struct Secret(pub [u8; 32]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Limits and times. Each says where its default comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrackerKnobs {
    /// How often peers are to report. 30 min: mainline's `reannounce_interval`, and the lecture's. Whoever is silent for twice that
    /// long is taken for gone.
    pub interval: Duration,
    /// How soon they may, if they want more peers. 5 min: below that libtorrent does not go either.
    pub interval_min: Duration,
    /// Peers told to one that does not say how many it wants. 40: the lecture's; mainline's `response_size` is 50.
    pub handout: u32,
    /// Peers told at most. 200: what libtorrent asks for.
    pub handout_max: u32,
    /// Seeds are told of other seeds, with whom they have nothing to trade. No: BitTornado's tracker, which comes of mainline's;
    /// opentracker does tell them.
    pub seeds_for_seeds: bool,
    /// A seed that begins is told of so many others nevertheless: one that has nothing but a magnet link knows no length, and some (aria2)
    /// say then that nothing is left. None: as in the time of BitTornado; the program's tracker has 5.
    pub seeds_for_beginners: usize,
    /// Swarms at a time. 100,000: our choice (some 200 bytes for each).
    pub swarms_max: usize,
    /// Peers of one swarm. 100,000: twenty times the largest crowd of the RedHat 9 torrent.
    pub swarm_peers_max: usize,
    /// Peers in all swarms together. 1,000,000: our choice (some 200 bytes for each).
    pub peers_max: usize,
    /// Entries, in all swarms together, that were made from one address; one's own machine, by its loopback addresses, may make any
    /// number. 1,000: our choice, for those behind one address translator.
    pub address_peers_max: u32,
    /// With more swarms than that nobody is told of all of them at once; who asks has to name them. 1,000: our choice.
    pub scrape_all_max: usize,
    /// Each report is told as a line for the tracker log; see [`crate::log::tracker`].
    pub log: bool,
    /// Connections at a time; more are hung up on. 10,000: our choice.
    pub callers_max: usize,
    /// How long a connection may be silent. 20 s: our choice; a report is one packet.
    pub step_timeout: Duration,
}

impl Default for TrackerKnobs {
    fn default() -> Self {
        TrackerKnobs {
            interval: Duration::from_secs(1_800),
            interval_min: Duration::from_secs(300),
            handout: 40,
            handout_max: 200,
            seeds_for_seeds: false,
            seeds_for_beginners: 0,
            swarms_max: 100_000,
            swarm_peers_max: 100_000,
            peers_max: 1_000_000,
            address_peers_max: 1_000,
            scrape_all_max: 1_000,
            log: false,
            callers_max: 10_000,
            step_timeout: Duration::from_secs(20),
        }
    }
}
