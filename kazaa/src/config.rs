//! What a node is configured with: what is its own, and the knobs it shares with others.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use common::transfer::{DownloadKnobs, QueueKnobs};

use crate::ticket::VerifyingKey;

/// What is one node's own.
#[derive(Clone, Debug)]
pub struct Config {
    /// The user's name.
    pub user: Box<str>,
    /// Logs in with this password before it joins; `None`: takes part as a guest.
    pub password: Option<Box<str>>,
    /// Makes the account first.
    pub registers: bool,
    /// The services: login and the supernode list.
    pub services: Option<SocketAddrV4>,
    /// The key that the services must have; `None`: whichever those have that it meets first.
    pub services_key: Option<VerifyingKey>,
    /// Supernodes that it knows from the start: the list that came with the program, and what it had kept.
    pub supernodes: Arc<[SocketAddrV4]>,
    /// Its line down and up, in kilobits per second, as it tells others.
    pub bandwidth_kbps: (u32, u32),
    /// Nobody can dial it.
    pub firewalled: bool,
    /// Supernode or ordinary whatever the election says.
    pub force: Option<Role>,
    /// The seed of the key that signs, from the system's secure random source in real use.
    pub signing_seed: [u8; 32],
    /// The wall clock at the node's start, seconds of the Unix epoch; zero in simulations.
    pub started_s: u64,
    /// What all nodes of a kind share.
    pub knobs: Arc<Knobs>,
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
    /// Supernodes that are tried at a join; the one with the smallest round trip becomes the parent. 5: the lecture, and
    /// what Liang et al. saw.
    pub probes: usize,
    /// Parents at a time; 2 for redundancy. 1.
    pub parents: usize,
    /// Supernodes remembered. 200: a list of KaZaA's had up to so many.
    pub supernodes_max: usize,
    /// Children of a supernode; one more is refused. 300: within the lecture's 200 to 500.
    pub children_max: usize,
    /// Links of a supernode to others. 30: within the 30 to 50 that are reported.
    pub links: usize,
    /// How many supernodes are asked at each widening of a query. 5: our choice.
    pub fan_out: usize,
    /// Matches after which a query is not widened further. 20: our choice, a screenful.
    pub enough: usize,
    /// Supernodes that one query may visit in all. 100: our choice.
    pub asked_max: usize,
    /// Time-outs of downloads.
    pub downloads: Arc<DownloadKnobs>,
    /// Slots for uploads, and the queue before them.
    pub uploads: Arc<QueueKnobs>,
    /// How often a supernode announces itself to the services, which forget it after three times that. 5 min: our choice.
    pub announce_every: Duration,
    /// How long after the services have failed it is tried again; it doubles up to 64 times as much. 10 s: our choice.
    pub services_retry: Duration,
    /// How long each step of a handshake may take. 15 s: giFT's connect time-out.
    pub step_timeout: Duration,
    /// Files travel sealed between nodes of ours.
    pub seals_transfers: bool,
}
