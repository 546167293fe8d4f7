//! What no run can beat.
//!
//! For one file of F bits from an origin of uplink u_s to N peers of uplinks u_i and downlinks d_i, distribution takes at
//! least T_min = max{F/u_s, F/d_min, N·F/(u_s + Σ u_i)}. Here many files go from many holders to many people, each
//! of whom wants some of them, so each term is generalised to what stays true of it:
//!
//! - **holders' uplinks** (F/u_s): of every file somebody gets, one copy must leave those who had it at the
//!   start, through all their uplinks together;
//! - **a downlink** (F/d_min): everything a person gets must come down that person's line;
//! - **all uplinks** (N·F/(u_s + Σ u_i)): everything anybody gets must leave through the uplinks of all who can send
//!   anything: in a client-server system the servers, else those who share and those who fetch.
//!
//! All transfers of a run lie between the first start and the last end, so that time cannot be below the largest term.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use common::net::NodeId;

use super::{DownloadEnd, DownloadRow};
use crate::overlay::{Cast, Source};

/// A lower bound.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bound {
    /// No less than so many seconds.
    pub seconds: f64,
    /// Because of this.
    pub term: Term,
}

/// Which line is the limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// The uplinks of those who had a file at the start.
    HoldersUplinks,
    /// Somebody's downlink.
    Downlink,
    /// The uplinks of all who can send.
    AllUplinks,
}

impl std::fmt::Display for Term {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Term::HoldersUplinks => "the uplinks of a file's first holders",
            Term::Downlink => "the slowest downlink",
            Term::AllUplinks => "all uplinks together",
        })
    }
}

/// Seconds that so many bytes take over lines of that many bits per second together; none over an unlimited line.
fn seconds(bytes: u64, bps: Option<u64>) -> f64 {
    match bps {
        Some(0) => f64::INFINITY,
        Some(bps) => bytes as f64 * 8.0 / bps as f64,
        None => 0.0,
    }
}

/// The uplinks of some nodes together; `None` if one is unlimited.
fn uplinks(cast: &Cast<'_>, nodes: impl IntoIterator<Item = NodeId>) -> Option<u64> {
    nodes.into_iter().try_fold(0u64, |sum, node| Some(sum + cast.attachment(node).line.up_bps?))
}

/// Those who have an item at the start.
fn first_holders(cast: &Cast<'_>, source: Source, item: u32) -> Vec<NodeId> {
    match source {
        Source::Servers => (0..cast.servers).map(NodeId).collect(),
        Source::Participants => cast.world.holders(item).iter().map(|person| cast.node(*person)).collect(),
    }
}

/// The least time of one download: over the receiver's downlink, and over the uplinks of all who could ever have the file.
pub fn of_download(cast: &Cast<'_>, source: Source, person: usize, item: u32) -> f64 {
    let size = cast.world.items[item as usize].size;
    let down = cast.attachment(cast.node(person)).line.down_bps;
    let mut sources: BTreeSet<NodeId> = first_holders(cast, source, item).into_iter().collect();
    if source == Source::Participants {
        sources.extend(cast.world.workload.wanted_by(item).iter().map(|person| cast.node(*person)));
        sources.remove(&cast.node(person));
    }
    seconds(size, down).max(seconds(size, uplinks(cast, sources)))
}

/// The least time from the first start to the last end of the downloads that were completed; `None` without any.
pub fn of_run(cast: &Cast<'_>, source: Source, downloads: &[DownloadRow]) -> Option<Bound> {
    let fetched: Vec<&DownloadRow> = downloads.iter().filter(|row| row.end == DownloadEnd::Fetched).collect();
    if fetched.is_empty() {
        return None;
    }
    let mut got: BTreeMap<usize, u64> = BTreeMap::new();
    let mut items: BTreeMap<u32, u64> = BTreeMap::new();
    for row in &fetched {
        *got.entry(row.person).or_default() += row.size;
        items.insert(row.item, row.size);
    }
    let senders: BTreeSet<NodeId> = match source {
        Source::Servers => (0..cast.servers).map(NodeId).collect(),
        Source::Participants => {
            let sharers = items.keys().flat_map(|item| first_holders(cast, source, *item));
            sharers.chain(got.keys().map(|person| cast.node(*person))).collect()
        }
    };
    let largest = |times: &mut dyn Iterator<Item = f64>| times.fold(0.0, f64::max);
    let of_items = &mut items
        .iter()
        .map(|(item, size)| seconds(*size, uplinks(cast, first_holders(cast, source, *item))));
    let of_people = &mut got
        .iter()
        .map(|(person, size)| seconds(*size, cast.attachment(cast.node(*person)).line.down_bps));
    let total = got.values().sum();
    let terms = [
        Bound { seconds: largest(of_items), term: Term::HoldersUplinks },
        Bound { seconds: largest(of_people), term: Term::Downlink },
        Bound { seconds: seconds(total, uplinks(cast, senders)), term: Term::AllUplinks },
    ];
    terms.into_iter().max_by(|a, b| a.seconds.total_cmp(&b.seconds))
}
