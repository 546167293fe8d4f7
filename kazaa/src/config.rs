//! What a node is configured with: what is its own, and the knobs it shares with others.

use std::fmt;
use std::net::SocketAddrV4;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use common::transfer::{DownloadKnobs, QueueKnobs};

use crate::election::ElectionKind;
use crate::selection::SelectionKind;
use crate::ticket::VerifyingKey;
use crate::widening::WideningKind;

/// What is one node's own.
#[derive(Clone, Debug)]
pub struct Config {
    /// The user's name.
    pub user: Box<str>,
    /// The account with which it logs in; `None`: takes part as a guest.
    pub account: Option<Arc<Account>>,
    /// The services: login and the supernode list.
    pub services: Option<SocketAddrV4>,
    /// The key that the services must have; `None`: whichever those have that it meets first.
    pub services_key: Option<Arc<VerifyingKey>>,
    /// Supernodes that it knows from the start: the list that came with the program, and what it had kept.
    pub supernodes: Arc<[SocketAddrV4]>,
    /// Its line down and up, in kilobits per second, as it tells others.
    pub bandwidth_kbps: (u32, u32),
    /// Nobody can dial it.
    pub firewalled: bool,
    /// What is learnt of supernodes is told to be kept, in the format of [`crate::nodes`].
    pub keeps_supernodes: bool,
    /// Supernode or ordinary whatever the election says.
    pub force: Option<Role>,
    /// The wall clock at the node's start, seconds of the Unix epoch; zero in simulations.
    pub started_s: u64,
    /// What all nodes of a kind share; [`Arc::make_mut`] changes those of one.
    pub knobs: Arc<Knobs>,
}

/// What a user who has registered logs in with.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The password.
    pub password: Box<str>,
    /// The account is to be made first.
    pub registers: bool,
    /// The seed of the key that signs, from the system's secure random source in real use.
    pub signing_seed: [u8; 32],
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The secrets stay out of logs.
        f.debug_struct("Account").field("registers", &self.registers).finish_non_exhaustive()
    }
}

/// What a node is in the hierarchy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Indexes children, answers and widens queries.
    Supernode,
    /// Has a parent.
    Ordinary,
}

/// Numbers that experiments turn. Each says where its default comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Knobs {
    /// Supernodes that are tried at a join; one of those that answer becomes the parent. 5: the lecture, and what Liang et al. saw.
    pub probes: usize,
    /// Which of them. The one with the smallest round trip: the lecture.
    pub selection: SelectionKind,
    /// How long after the first answer to a probe the others may still come. 1 s: our choice; whoever is slower is not near.
    pub probe_patience: Duration,
    /// Parents at a time; 2 for redundancy. 1.
    pub parents: usize,
    /// Supernodes remembered, and told to others in one list. 200: KaZaA's lists had up to so many.
    pub supernodes_max: usize,
    /// How long after a round of vain dials the next one starts; it doubles up to 64 times as much. 5 s: our choice.
    pub retry: Duration,
    /// Who was dialled and has never answered is left alone for so long, who has answered before at most so long. 60 s: our choice;
    /// lists of lies must not make a node knock at a stranger's door.
    pub dial_pause: Duration,
    /// How often a parent, or a supernode's neighbour, is pinged. 120 s: giFT.
    pub ping_every: Duration,
    /// How long its answer may take. 20 s: giFT.
    pub pong_timeout: Duration,
    /// How long each step of a handshake may take. 15 s: giFT's connect time-out.
    pub step_timeout: Duration,
    /// Callers that have not said what they want, or have only begun a session or a link; more are hung up on. 1,024: our choice; a
    /// supernode is probed by many at once.
    pub callers_max: usize,
    /// So many of them from one address, but for one's own machine. 16: our choice, for those behind one address translator.
    pub callers_per_address_max: usize,

    /// Files that a parent is told of. 2,000: our choice, half of the messages that may wait on a connection; giFT tells 50, and
    /// KaZaA clipped as well.
    pub shared_max: usize,
    /// Searches at a time; more are refused. 16: our choice.
    pub searches_max: usize,
    /// Results asked for if the user has not said how many are enough. 200: KaZaA's `SearchResultsMax`.
    pub search_results: u16,
    /// How long a search may take in all. 60 s: our choice, a dozen steps of widening.
    pub search_timeout: Duration,

    /// Children of a supernode; one more is refused. 300: within the lecture's 200 to 500.
    pub children_max: usize,
    /// Files that a child may share. 2,000: as many as one of ours tells.
    pub files_per_child_max: usize,
    /// Queries of one child, or of one neighbour and its children, in a second. 10: our choice, more than a person asks.
    pub queries_per_s: u32,
    /// And at once. 50: our choice.
    pub queries_burst: u32,
    /// A child that says nothing for so long is gone. 300 s: our choice; twice its ping's interval, and a little.
    pub child_silence: Duration,
    /// How often children are sent a fresh list; sooner only if it has become twice as long. 2 h: KaZaA.
    pub lists_every: Duration,
    /// Users that are reported at least. 100,000: giFT leaves who reports fewer.
    pub reported_users_min: u32,
    /// Only those who have logged in are taken on; false: guests too.
    pub requires_ticket: bool,

    /// Links that a supernode makes to others. 30: within the 30 to 50 that are reported.
    pub links: usize,
    /// Links that it has at most, with those that others make. 50: the same.
    pub links_max: usize,
    /// Supernodes that are dialled at a time for a link. 8: our choice.
    pub link_dials_max: usize,
    /// How often a supernode sees to its links and its role. 10 s: our choice.
    pub upkeep_every: Duration,
    /// How often neighbours tell each other how full they are and whom they know. 60 s: our choice.
    pub load_every: Duration,

    /// How a query goes on that has found too little.
    pub widening: WideningKind,
    /// How many supernodes are asked at each widening of a query. 5: our choice.
    pub fan_out: usize,
    /// Matches after which a query is not widened further. 20: our choice, a screenful.
    pub enough: usize,
    /// Supernodes that one query may visit in all. 100: our choice.
    pub asked_max: usize,
    /// Supernodes that a query may pass through in the recursive mode. 3: our choice; with five at each step 155 at most.
    pub query_ttl: u8,
    /// How long the answers to one step are waited for. 5 s: our choice.
    pub answer_timeout: Duration,
    /// Results that one supernode gives. 200: KaZaA's `SearchResultsMax`.
    pub results_max: usize,
    /// Queries that wait for others' answers at one supernode; more end at once. 4,096: our choice.
    pub queries_max: usize,
    /// Supernodes that are dialled only to be asked or told something, at a time; and those that come for that. 64: our choice.
    pub visits_max: usize,

    /// Who may become a supernode.
    pub election: ElectionKind,
    /// The line up that a supernode needs, in kilobits per second. 128: our choice, more than any modem has.
    pub supernode_kbps_min: u32,
    /// How long a node has been there before it is a candidate. 10 min: our choice; more than most sessions last.
    pub supernode_uptime_min: Duration,
    /// Supernodes are needed if on average fewer places than so many percent are free. 10: our choice.
    pub places_free_percent_min: u8,
    /// A supernode with fewer children than so many is not needed. 3: our choice.
    pub children_few: usize,
    /// So long they may be few before it steps down. 30 min: our choice, a short session.
    pub steps_down_after: Duration,

    /// Limits and times of downloads.
    pub downloads: Arc<DownloadKnobs>,
    /// Slots for uploads, and the queue before them.
    pub uploads: Arc<QueueKnobs>,
    /// How long a downloader's connection may stand without a request. 20 s: giFT.
    pub request_timeout: Duration,
    /// How long an upload may go without progress. 60 s: what three that share a modem need; giFT gives 20 s to each read.
    pub data_timeout: Duration,
    /// Who has sent us more than it had from us waits less for a slot. True: KaZaA's participation level, as we see it.
    pub levels_uploads: bool,
    /// How often a supernode announces itself to the services, which forget it after three times that. 5 min: our choice.
    pub announce_every: Duration,
    /// How long after the services have failed they are tried again; it doubles up to 64 times as much. 10 s: our choice.
    pub services_retry: Duration,
    /// Files travel sealed between nodes of ours.
    pub seals_transfers: bool,
}

impl Default for Config {
    fn default() -> Self {
        static KNOBS: LazyLock<Arc<Knobs>> = LazyLock::new(Arc::default);
        static NOBODY: LazyLock<Arc<[SocketAddrV4]>> = LazyLock::new(Arc::default);
        Config {
            user: "somebody".into(),
            account: None,
            services: None,
            services_key: None,
            supernodes: Arc::clone(&NOBODY),
            bandwidth_kbps: (1_500, 384),
            firewalled: false,
            keeps_supernodes: false,
            force: None,
            started_s: 0,
            knobs: Arc::clone(&KNOBS),
        }
    }
}

impl Default for Knobs {
    fn default() -> Self {
        Knobs {
            probes: 5,
            selection: SelectionKind::default(),
            probe_patience: Duration::from_secs(1),
            parents: 1,
            supernodes_max: 200,
            retry: Duration::from_secs(5),
            dial_pause: crate::book::DIAL_PAUSE,
            ping_every: Duration::from_secs(120),
            pong_timeout: Duration::from_secs(20),
            step_timeout: Duration::from_secs(15),
            callers_max: 1_024,
            callers_per_address_max: 16,
            shared_max: 2_000,
            searches_max: 16,
            search_results: 200,
            search_timeout: Duration::from_secs(60),
            children_max: 300,
            files_per_child_max: 2_000,
            queries_per_s: 10,
            queries_burst: 50,
            child_silence: Duration::from_secs(300),
            lists_every: Duration::from_secs(7_200),
            reported_users_min: 100_000,
            requires_ticket: false,
            links: 30,
            links_max: 50,
            link_dials_max: 8,
            upkeep_every: Duration::from_secs(10),
            load_every: Duration::from_secs(60),
            widening: WideningKind::default(),
            fan_out: 5,
            enough: 20,
            asked_max: 100,
            query_ttl: 3,
            answer_timeout: Duration::from_secs(5),
            results_max: 200,
            queries_max: 4_096,
            visits_max: 64,
            election: ElectionKind::default(),
            supernode_kbps_min: 128,
            supernode_uptime_min: Duration::from_secs(600),
            places_free_percent_min: 10,
            children_few: 3,
            steps_down_after: Duration::from_secs(1_800),
            // An answer within 15 s, and after a 503 five minutes: giFT's and KaZaA's times.
            downloads: Arc::new(DownloadKnobs {
                answer_timeout: Duration::from_secs(15),
                queue_retry: Duration::from_secs(300),
                ..DownloadKnobs::default()
            }),
            // A place is kept for a little longer than KaZaA told its downloaders to wait.
            uploads: Arc::new(QueueKnobs { poll_max: Duration::from_secs(300), ..QueueKnobs::default() }),
            request_timeout: Duration::from_secs(20),
            data_timeout: Duration::from_secs(60),
            levels_uploads: true,
            announce_every: Duration::from_secs(300),
            services_retry: Duration::from_secs(10),
            seals_transfers: true,
        }
    }
}
