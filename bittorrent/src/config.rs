//! What a peer is configured with, and the knobs.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use crate::choker::{LeechChoking, SeedChoking};
use crate::metainfo::Metainfo;
use crate::picker::PickerKind;

/// A peer's own configuration.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Torrents that it knows: what it is told to share or to fetch is looked up here by name and size. Others it has from the site.
    pub torrents: Arc<[Arc<Metainfo>]>,
    /// Where hosts of trackers are that are named by words, by `host:port`, with the scheme's own port where the URL has none: names are for whoever configures
    /// the peer to look up.
    pub hosts: Arc<BTreeMap<Box<str>, SocketAddrV4>>,
    /// Peers to try beside those that trackers name.
    pub peers: Vec<SocketAddrV4>,
    /// The web site that is searched; without one nothing is found.
    pub site: Option<SocketAddrV4>,
    /// A client log is told, line by line (see [`crate::log::client`]): this is the wall clock at the start, seconds of the Unix
    /// epoch, or zero in simulations. `None`: nothing is told.
    pub log_since_s: Option<u64>,
    /// The knobs, shared by all peers of a run.
    pub knobs: Arc<Knobs>,
}

/// What can be turned, with the defaults of the clients of the time.
#[derive(Clone, Debug)]
pub struct Knobs {
    /// How pieces are chosen.
    pub picker: PickerKind,
    /// Pieces chosen at random before the rarest come first. 4: mainline 4's `rarest_first_cutoff`.
    pub random_first: u32,
    /// How a leecher chooses whom it serves.
    pub leech_choking: LeechChoking,
    /// How a seed does.
    pub seed_choking: SeedChoking,
    /// Peers served at a time, the optimistic one included. 5: four by rate and one more, the lecture's four to five.
    pub unchoked_max: usize,
    /// How often it is decided anew. 10 s (BEP 3).
    pub rechoke_every: Duration,
    /// How long the optimistic unchoke stays. 30 s (BEP 3).
    pub optimistic_every: Duration,
    /// By how much newcomers are favoured in its choice. 3 (BEP 3).
    pub newcomer_weight: u32,
    /// A peer that has sent nothing for so long is snubbing us. 30 s: mainline 3 (Cohen's paper says a minute).
    pub snub_after: Duration,
    /// The window over which rates are measured. 20 s: mainline 3.
    pub rate_window: Duration,
    /// Requests on their way to one peer at least. 5: mainline 3.
    pub requests_min: u32,
    /// ... and at most. 500: libtorrent's `max_out_request_queue`.
    pub requests_max: u32,
    /// Requests on their way are worth so much time at the present rate. 3 s: libtorrent's `request_queue_time`.
    pub request_time: Duration,
    /// Requests of one peer that wait to be served at most. 2,000: what libtorrent accepts.
    pub requests_queued_max: usize,
    /// Connections that it dials up to. 40: mainline 4's `max_initiate`.
    pub initiate_max: usize,
    /// The size of the peer set, both directions together. 80: mainline 4's `max_allow_in`.
    pub peers_max: usize,
    /// Below so many peers the tracker is asked again after `announce_few`. 20: mainline's `min_peers`.
    pub peers_min: usize,
    /// How soon, if there are fewer. 300 s: mainline.
    pub announce_few: Duration,
    /// How long a UDP tracker may take to answer before it is asked again; each further try waits twice as long. 15 s (BEP 15).
    pub udp_retry: Duration,
    /// How often it is asked before the next tracker has its turn. 2, which takes 45 s: BEP 15's 9 take two hours, and libtorrent gives it
    /// 30 s. A torrent's only tracker is asked on all the same, after rests that grow.
    pub udp_tries: u32,
    /// How many peers the tracker is asked for. 50: mainline's `numwant`.
    pub numwant: u32,
    /// A connection that is silent for so long is told that it is alive. 120 s (BEP 3).
    pub keepalive_every: Duration,
    /// ... and closed if the other side says nothing for so long. 300 s: mainline.
    pub idle_max: Duration,
    /// How long a handshake may take. 10 s: libtorrent.
    pub handshake_timeout: Duration,
    /// How long the first block asked for may take before it is asked of others. 60 s: libtorrent's `request_timeout`.
    pub request_timeout: Duration,
    /// How soon an address that could not be reached is tried again. 60 s: libtorrent's `min_reconnect_time`.
    pub reconnect_after: Duration,
    /// How long a download may stand still, with nobody who sends anything, before it has failed. `None`: for ever, as users of
    /// clients expect, since a seed may come back.
    pub give_up: Option<Duration>,
    /// Super-seeding: a seed shows each piece to one peer at a time.
    pub super_seed: bool,
    /// The fast extension (BEP 6) is offered.
    pub fast: bool,
    /// Pieces that a choked newcomer may have. 5: libtorrent's `allowed_fast_set_size`.
    pub allowed_fast: u32,
    /// Peer exchange (BEP 11) is offered.
    pub exchange: bool,
    /// How often peers are told to others. 60 s (BEP 11).
    pub exchange_every: Duration,
    /// Bytes per second sent at most, over all torrents; `None` is as many as the line takes.
    pub upload_max: Option<u64>,
    /// Bytes per second asked for at most.
    pub download_max: Option<u64>,
}

impl Default for Knobs {
    fn default() -> Self {
        Knobs {
            picker: PickerKind::RarestFirst,
            random_first: 4,
            leech_choking: LeechChoking::Reciprocation,
            seed_choking: SeedChoking::Fastest,
            unchoked_max: 5,
            rechoke_every: Duration::from_secs(10),
            optimistic_every: Duration::from_secs(30),
            newcomer_weight: 3,
            snub_after: Duration::from_secs(30),
            rate_window: Duration::from_secs(20),
            requests_min: 5,
            requests_max: 500,
            request_time: Duration::from_secs(3),
            requests_queued_max: 2_000,
            initiate_max: 40,
            peers_max: 80,
            peers_min: 20,
            announce_few: Duration::from_secs(300),
            udp_retry: Duration::from_secs(15),
            udp_tries: 2,
            numwant: 50,
            keepalive_every: Duration::from_secs(120),
            idle_max: Duration::from_secs(300),
            handshake_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(60),
            reconnect_after: Duration::from_secs(60),
            give_up: None,
            super_seed: false,
            fast: true,
            allowed_fast: 5,
            exchange: true,
            exchange_every: Duration::from_secs(60),
            upload_max: None,
            download_max: None,
        }
    }
}
