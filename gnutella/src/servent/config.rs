//! The servent's knobs.

use std::net::SocketAddrV4;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use common::transfer::{DownloadKnobs, QueueKnobs};

use crate::guid::Guid;
use crate::strategy::StrategyKind;

/// How one servent is set up: what its user decides.
#[derive(Clone, Debug)]
pub struct ServentConfig {
    /// Servents to link with first, whatever else is known, and again when such a link is lost.
    pub connect: Box<[SocketAddrV4]>,
    /// Web caches: where they listen, and the path of the script.
    pub host_caches: Box<[(SocketAddrV4, Box<str>)]>,
    /// Cannot be dialled: hits say so, and files are brought to those who push.
    pub firewalled: bool,
    /// This servent's name in hits and pushes, which users keep from one run to the next. `None`: drawn at the start.
    pub guid: Option<Guid>,
    /// The line as it is claimed in hits, in kilobits per second.
    pub speed_kbps: u32,
    /// How this servent's own searches go.
    pub strategy: StrategyKind,
    /// Time-outs and limits, shared by all servents that have the same; [`Arc::make_mut`] changes those of one.
    pub knobs: Arc<Knobs>,
}

/// Time-outs, limits and manners. Each knob says where its default comes from.
#[derive(Clone, Debug)]
pub struct Knobs {
    /// Name and version in handshakes and HTTP.
    pub client: String,
    /// Neighbours a servent tries to have; it dials until it has them. 7: the lecture's number; about 6.8 were measured
    /// in 2001.
    pub degree: usize,
    /// Neighbours it accepts at most; callers beyond are refused with `X-Try`. 16: a little more than twice the target,
    /// since who dials seven is dialled by as many; and what gtk-gnutella as a leaf asks of those it links with.
    pub degree_max: usize,
    /// False: the overlay is a fixed graph, as experiments want it; only `connect` is dialled and everybody is accepted.
    pub keeps_degree: bool,
    /// Neighbours that are dialled at a time, at most. 4: our choice; with more, those who join at the same time end with far
    /// more neighbours than they need.
    pub dials_max: usize,
    /// Handshakes and links that callers from one address may have at a time; more are refused. So many more may be there
    /// that have not yet said what they want. 8: our choice, so that those behind one address translator can meet
    /// (gtk-gnutella bans for two links a minute). One's own machine, by its loopback addresses, may have all.
    pub links_per_address_max: usize,
    /// Whoever hangs up on a greeting of 0.6 is dialled again with 0.4. False: servents of 0.4 died out by 2003, and to
    /// dial twice is abuse to those that came after.
    pub dials_old: bool,
    /// How long after a failure the same address is dialled again, and the overlay sought again by who knows nobody; it
    /// doubles up to 64 times as much. 5 s: our choice.
    pub retry: Duration,
    /// Addresses of other servents remembered. 200: our choice (16 bytes for each); gtk-gnutella keeps 10,000.
    pub hosts_max: usize,
    /// How often a web cache is told that this servent is there. 1 h: GWebCache asks for it.
    pub tell_every: Duration,
    /// Neighbours that flood, repeat themselves or break rules are cut off; false: they are borne, for experiments.
    pub cuts_misbehaving: bool,
    /// TTL of this servent's own descriptors. 7: the default of 0.4.
    pub ttl: u8,
    /// TTL and hops of what is passed on are trimmed to this sum. 10: the lecture's and draft 0.6's limit.
    pub ttl_max: u8,
    /// A broadcast whose TTL and hops exceed this is dropped. 15: draft 0.6.
    pub ttl_hard_max: u8,
    /// Pings are answered out of a cache; false: each ping is passed on to everybody, as 0.4 did.
    pub pong_caching: bool,
    /// How often each neighbour is pinged. `None`: never, for experiments.
    pub ping_every: Option<Duration>,
    /// Pings sent to each neighbour at a time. 1; more make an odd client that storms.
    pub pings_at_once: usize,
    /// Turns of pings without a sign of life after which a link is cut. 6: gtk-gnutella.
    pub unanswered_max: u8,
    /// Pongs kept of each neighbour, and given out for each ping. 10: draft 0.6.
    pub pongs_kept: usize,
    /// How old a pong may be that is given out. 60 s: three turns of pings.
    pub pong_life: Duration,
    /// False: an odd client that passes on what it has seen before.
    pub drops_duplicates: bool,
    /// The share of the claimed line, 0 to 1, that descriptors passed on for others may take; what is beyond it is dropped,
    /// pings first; one neighbour alone gets half of it. `None`: no limit, for experiments that count what a flood would
    /// cost; a servent that a user starts has one.
    pub broadcast_share: Option<f64>,
    /// Ids remembered, of each kind. 57,344: two generations that fill a hash table of 32,768 places each; an hour of 16
    /// queries a second.
    pub routes_max: usize,
    /// How long an id is remembered at least, unless the table is full. 10 min: gtk-gnutella keeps an hour, with room for
    /// a million.
    pub route_life: Duration,
    /// How long each step of a handshake or a transfer may take before its first byte.
    pub step_timeout: Duration,
    /// How long a running transfer may go without progress.
    pub data_timeout: Duration,
    /// Limits and times of downloads.
    pub downloads: Arc<DownloadKnobs>,
    /// Slots for uploads, and the queue before them.
    pub uploads: Arc<QueueKnobs>,
    /// Callers that have not said what they want; more are hung up on.
    pub callers_max: usize,
    /// Results in one answer to one query.
    pub results_max: usize,
    /// How long a search collects results once its strategy has nothing more to send.
    pub search_wait: Duration,
    /// Searches at a time; more are refused. 16: our choice.
    pub searches_max: usize,
    /// Results told to the user of one search, who wanted all. 10,000: our choice; what a hostile neighbour makes up counts
    /// too.
    pub search_results_max: usize,
    /// Results after which a strategy goes no further if the user has not said how many are enough. 100: as many as
    /// Napster's servers gave.
    pub search_enough: usize,
    /// TTL of an expanding ring's first flood. 1: Lv et al. 2002, 4.1.
    pub ring_ttl: u8,
    /// By how much that of each further one is larger, up to `ttl`. 2: the same.
    pub ring_step: u8,
    /// How long the hits of one are waited for, for each link of its TTL. 1 s: our choice; a link there and back, with
    /// queues on modems' lines.
    pub ring_wait: Duration,
    /// Walkers of a search. 32: Lv et al. 2002, 4.2.
    pub walkers: usize,
    /// Servents that one of them may visit. 250: from further away no hit finds back, whose TTL is a byte (Lv et al. let
    /// them go 1,024 steps).
    pub walk_steps_max: u16,
    /// After so many steps it asks the searcher whether to go on; zero: never. 4: the same.
    pub walk_check_every: u8,
    /// Questions of walkers that a servent asks at a time; a walker that comes when there are more ends. 64: our choice.
    pub checks_max: usize,
}

impl Default for ServentConfig {
    fn default() -> Self {
        static KNOBS: LazyLock<Arc<Knobs>> = LazyLock::new(Arc::default);
        ServentConfig {
            connect: Box::default(),
            host_caches: Box::default(),
            firewalled: false,
            guid: None,
            speed_kbps: 1000,
            strategy: StrategyKind::default(),
            knobs: Arc::clone(&KNOBS),
        }
    }
}

impl Default for Knobs {
    fn default() -> Self {
        Knobs {
            client: concat!("p2p-testbed/", env!("CARGO_PKG_VERSION")).to_owned(),
            degree: 7,
            degree_max: 16,
            keeps_degree: true,
            dials_max: 4,
            links_per_address_max: 8,
            dials_old: false,
            retry: Duration::from_secs(5),
            hosts_max: 200,
            tell_every: Duration::from_secs(3600),
            cuts_misbehaving: true,
            ttl: 7,
            ttl_max: 10,
            ttl_hard_max: 15,
            pong_caching: true,
            ping_every: Some(Duration::from_secs(20)),
            pings_at_once: 1,
            unanswered_max: 6,
            pongs_kept: 10,
            pong_life: Duration::from_secs(60),
            drops_duplicates: true,
            broadcast_share: None,
            routes_max: 57_344,
            route_life: Duration::from_secs(600),
            step_timeout: Duration::from_secs(20),
            data_timeout: Duration::from_secs(60),
            downloads: Arc::default(),
            uploads: Arc::default(),
            callers_max: 64,
            results_max: 64,
            search_wait: Duration::from_secs(10),
            searches_max: 16,
            search_results_max: 10_000,
            search_enough: 100,
            ring_ttl: 1,
            ring_step: 2,
            ring_wait: Duration::from_secs(1),
            walkers: 32,
            walk_steps_max: 250,
            walk_check_every: 4,
            checks_max: 64,
        }
    }
}
