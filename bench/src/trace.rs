//! What is known of a run from outside: what users did and were told, and what drivers counted.
//!
//! Measures and checkers see nothing else. All of it is plain data, so that the processes of a cluster can
//! send it to the one that judges.

use serde::{Deserialize, Serialize};

use common::metrics::{NodeLoad, Traffic};
use common::net::NodeId;
use common::peer::Time;
use common::user::{Failure, FetchId, SearchEnd, SearchId};

/// One thing that a user did or was told.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Record {
    /// When.
    pub at: Time,
    /// At which node.
    pub node: NodeId,
    /// What.
    pub what: What,
}

/// What a user did or was told.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum What {
    /// The node was started.
    Arrived,
    /// It is part of the overlay.
    Online,
    /// It has lost the overlay.
    Offline(String),
    /// The user asked.
    SearchStarted(SearchId),
    /// A result came: of a file of the catalog (or a stranger), at a holder (where the overlay names one).
    Found {
        /// Of which search.
        search: SearchId,
        /// The item, if the name and size are those of one.
        item: Option<u32>,
        /// Who is said to have it.
        holder: Option<NodeId>,
        /// How far away whoever answered is, where the overlay's wire says it.
        hops: Option<u8>,
    },
    /// No more results will come.
    SearchEnded(SearchId, SearchEnd),
    /// The search has not found what the user wanted to download.
    NotFound(FetchId),
    /// The user asked for a download from so many candidates.
    FetchStarted {
        /// Which one.
        fetch: FetchId,
        /// Candidates the peer was given.
        candidates: u32,
    },
    /// So many bytes are there.
    Progress(FetchId, u64),
    /// The download is complete, says the peer.
    Fetched(FetchId),
    /// The download has ended without its file.
    Failed(FetchId, Failure),
    /// An upload of so many bytes has ended.
    Uploaded(u64),
    /// The node was made to vanish.
    Crashed,
    /// The user said good-bye.
    Left,
}

/// What a message is for; each overlay says it of each of its kinds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Asking and answering.
    Search,
    /// Joining, telling what one shares, staying in touch.
    Upkeep,
    /// Arranging and framing downloads.
    Transfer,
}

/// What a driver counted of one kind of message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KindCount {
    /// The kind, as the protocol calls it.
    pub kind: String,
    /// What it is for.
    pub purpose: Purpose,
    /// How many, and their bytes.
    pub traffic: Traffic,
}

/// What the driver's ledger says of one destination of a download.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Delivered {
    /// Which download.
    pub fetch: FetchId,
    /// True if every byte of the original, and no other, stands in its place.
    pub intact: bool,
}

/// What a search has cost, counted by cause; only a simulator knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SearchCost {
    /// Messages and their bytes.
    pub traffic: Traffic,
    /// Nodes that heard of it.
    pub nodes_reached: u64,
}

/// What limits cut off: each should be zero in a healthy run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CutOff {
    /// Connections refused because of a limit.
    pub refused: u64,
    /// Connections ended because a bounded queue was full.
    pub overflows: u64,
    /// Connections ended because somebody broke the protocol.
    pub protocol_errors: u64,
}

impl std::ops::AddAssign for CutOff {
    fn add_assign(&mut self, other: CutOff) {
        self.refused += other.refused;
        self.overflows += other.overflows;
        self.protocol_errors += other.protocol_errors;
    }
}

/// A finished run.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Outcome {
    /// What users did and were told, in the order of time.
    pub records: Vec<Record>,
    /// What has crossed each node's line, servers first.
    pub loads: Vec<NodeLoad>,
    /// Messages by kind.
    pub kinds: Vec<KindCount>,
    /// The driver's own look at each destination; empty in a simulation, which moves no bytes.
    pub delivered: Vec<Delivered>,
    /// The cost of each search, by its number; empty where the driver cannot tell.
    pub search_costs: Vec<SearchCost>,
    /// What limits cut off.
    pub cut_off: CutOff,
    /// Nodes whose peer panicked, and processes that died, in words.
    pub casualties: Vec<String>,
    /// When the run ended.
    pub ended: Time,
    /// True if it was stopped by its limit.
    pub cut_short: bool,
    /// The hash over every event delivered, of a simulation.
    pub digest: Option<String>,
}
