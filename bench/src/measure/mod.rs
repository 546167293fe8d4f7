//! What a run was like, in numbers: from notes and the drivers' counters only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use common::net::NodeId;
use common::peer::Time;
use common::user::{Failure, FetchId, SearchEnd};

use crate::overlay::{Cast, Source};
use crate::trace::{Outcome, What};

mod bound;
mod curve;
mod flow;
mod load;
mod search;
mod spans;
mod strike;
mod transfer;

pub use bound::{Bound, Term, of_download, of_run};
pub use curve::{Course, Curves, STEPS_MAX, Spread};
pub use flow::FlowRow;
pub use strike::{Asked, Strike};

/// In what a value is counted; tables and tolerances follow from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// A part of a whole, 0 to 1.
    Share,
    /// One quantity in terms of another.
    Ratio,
    /// Kilobits per second.
    Kbps,
}

/// One line of the table.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Measure {
    /// Its name in files.
    pub key: &'static str,
    /// Its name in the table.
    pub title: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// The heading it stands under.
    pub group: &'static str,
    /// The value; `None` where there is nothing to measure.
    pub value: Option<f64>,
    /// Why there is none, where that is not plain from the other measures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_none: Option<&'static str>,
}

/// All measures of a run, in the order of the table.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Sheet(pub Vec<Measure>);

impl Sheet {
    /// The value of a measure.
    pub fn get(&self, key: &str) -> Option<f64> {
        self.0.iter().find(|measure| measure.key == key)?.value
    }

    fn put(
        &mut self,
        group: &'static str,
        key: &'static str,
        title: &'static str,
        unit: Unit,
        value: Option<f64>,
    ) {
        // What is not a number has nothing to say; JSON has no word for it either.
        let value = value.filter(|value| value.is_finite());
        self.0.push(Measure { key, title, unit, group, value, why_none: None });
    }

    /// Says why a measure has no value, if it has none.
    fn because(&mut self, key: &str, why: &'static str) {
        let measure = self.0.iter_mut().find(|measure| measure.key == key && measure.value.is_none());
        if let Some(measure) = measure {
            measure.why_none = Some(why);
        }
    }
}

/// How one search went.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct SearchRow {
    /// Its number.
    pub search: u32,
    /// Who asked.
    pub person: usize,
    /// The words.
    pub words: String,
    /// When, in seconds.
    pub started_s: f64,
    /// How it ended.
    pub end: Option<SearchEnd>,
    /// Seconds to the end.
    pub took_s: Option<f64>,
    /// Seconds to the first result.
    pub first_s: Option<f64>,
    /// Seconds to the last result.
    pub last_s: Option<f64>,
    /// Hops between the user and whoever gave the first result, where the overlay's wire says it.
    pub first_hops: Option<u8>,
    /// Results.
    pub results: u32,
    /// Different items among them.
    pub items_found: u32,
    /// Items that could be found.
    pub items_there: u32,
    /// Copies found, where the overlay says who has them.
    pub copies_found: Option<u32>,
    /// Copies that could be found.
    pub copies_there: u32,
    /// Results at somebody who had vanished.
    pub stale: u32,
    /// Messages it caused, where the driver can tell.
    pub messages: Option<u64>,
    /// Their bytes.
    pub bytes: Option<u64>,
    /// Nodes that heard of it.
    pub nodes_reached: Option<u64>,
}

/// How one download went.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct DownloadRow {
    /// Its number.
    pub fetch: u32,
    /// Who wanted it.
    pub person: usize,
    /// What.
    pub item: u32,
    /// Its bytes.
    pub size: u64,
    /// When it began, in seconds; `None` if the search found nobody who has it.
    pub started_s: Option<f64>,
    /// Candidates the peer was given.
    pub candidates: u32,
    /// How it ended.
    pub end: DownloadEnd,
    /// Seconds from start to end.
    pub took_s: Option<f64>,
    /// Kilobits per second over that time.
    pub kbps: Option<f64>,
    /// Seconds it must take at least.
    pub bound_s: f64,
}

/// How a download ended. In files it is one word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DownloadEnd {
    /// Its time never came: the user's node vanished, or the run was over.
    NotStarted,
    /// The search did not find it.
    NotFound,
    /// Complete.
    Fetched,
    /// The peer gave up.
    Failed(Failure),
    /// The user's node vanished.
    Vanished,
    /// The run was over before.
    Unfinished,
}

impl Serialize for DownloadEnd {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            DownloadEnd::NotStarted => serializer.serialize_str("not started"),
            DownloadEnd::NotFound => serializer.serialize_str("not found"),
            DownloadEnd::Fetched => serializer.serialize_str("fetched"),
            DownloadEnd::Failed(failure) => serializer.collect_str(&format_args!("failed: {failure}")),
            DownloadEnd::Vanished => serializer.serialize_str("vanished"),
            DownloadEnd::Unfinished => serializer.serialize_str("unfinished"),
        }
    }
}

/// Everything measured of a run.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Measured {
    /// The table's column.
    pub sheet: Sheet,
    /// Search by search.
    #[serde(skip)]
    pub searches: Vec<SearchRow>,
    /// Download by download.
    #[serde(skip)]
    pub downloads: Vec<DownloadRow>,
    /// Second by second.
    #[serde(skip)]
    pub flow: Vec<FlowRow>,
    /// Which line was the limit of the whole run's transfers.
    pub bound_by: Option<Term>,
    /// What the scenario's faults hit.
    pub strikes: Vec<Strike>,
    /// Its course and its distributions.
    pub curves: Curves,
}

/// Measures a run of an overlay whose content comes from `source`.
pub fn measure(cast: &Cast<'_>, source: Source, names_holders: bool, outcome: &Outcome) -> Measured {
    let lives = Lives::of(outcome);
    let searches = search::rows(cast, source, names_holders, outcome, &lives);
    let downloads = transfer::rows(cast, source, outcome, &lives);
    let bound = of_run(cast, source, &downloads);
    let flow = flow::rows(outcome, &downloads, &lives, cast);
    let mut sheet = Sheet::default();
    search::summarise(&mut sheet, outcome, &searches, names_holders);
    load::summarise(&mut sheet, cast, outcome);
    transfer::summarise(&mut sheet, cast, source, outcome, &downloads, bound);
    flow::summarise(&mut sheet, cast, outcome, &downloads, &lives, &flow);
    let strikes = strike::strikes(cast, outcome, &lives, &searches, &downloads);
    let curves = Curves::of(&outcome.loads, &searches, &downloads, &flow);
    Measured { sheet, searches, downloads, flow, bound_by: bound.map(|bound| bound.term), strikes, curves }
}

/// When each node was part of the overlay.
#[derive(Debug, Default)]
pub struct Lives(BTreeMap<NodeId, Life>);

#[derive(Debug, Default)]
struct Life {
    /// Changes in the order of time: true when it came online.
    online: Vec<(Time, bool)>,
    /// Likewise: true when it was started, false when it vanished or left.
    there: Vec<(Time, bool)>,
}

/// What the last change until a moment made of it.
fn state(changes: &[(Time, bool)], at: Time) -> Option<bool> {
    changes.iter().rev().find(|(when, _)| *when <= at).map(|(_, state)| *state)
}

impl Lives {
    /// Reads them from the records.
    pub fn of(outcome: &Outcome) -> Self {
        let mut lives: BTreeMap<NodeId, Life> = BTreeMap::new();
        for record in &outcome.records {
            let life = lives.entry(record.node).or_default();
            match record.what {
                What::Arrived => life.there.push((record.at, true)),
                What::Online => life.online.push((record.at, true)),
                What::Offline(_) => life.online.push((record.at, false)),
                What::Crashed | What::Left => {
                    life.there.push((record.at, false));
                    // Whoever comes back is not part of the overlay at once.
                    life.online.push((record.at, false));
                }
                _ => {}
            }
        }
        Lives(lives)
    }

    /// True if the node is part of the overlay at that time.
    pub fn is_online(&self, node: NodeId, at: Time) -> bool {
        let Some(life) = self.0.get(&node) else { return false };
        state(&life.online, at) == Some(true) && !self.has_ended(node, at)
    }

    /// True if the node has vanished or left by then, and not come back.
    pub fn has_ended(&self, node: NodeId, at: Time) -> bool {
        self.0.get(&node).is_some_and(|life| state(&life.there, at) == Some(false))
    }

    /// When the node first vanished or left after that time.
    pub fn ended_after(&self, node: NodeId, from: Time) -> Option<Time> {
        let ends = self.0.get(&node)?.there.iter().filter(|(_, is_there)| !is_there);
        ends.map(|(at, _)| *at).find(|at| *at >= from)
    }

    /// From when to when the node was there; the last stretch may have no end.
    pub fn stretches(&self, node: NodeId) -> impl Iterator<Item = (Time, Option<Time>)> {
        let starts =
            self.0.get(&node).into_iter().flat_map(|life| &life.there).filter(|(_, is_there)| *is_there);
        starts.map(move |(start, _)| (*start, self.ended_after(node, *start)))
    }
}

/// The moment so many seconds after the start.
fn moment(seconds: f64) -> Time {
    Time::ZERO + std::time::Duration::from_secs_f64(seconds.max(0.0))
}

/// The value below which a share `q` of the values lies (nearest rank); `None` without values.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.into_iter().fold((0.0, 0u64), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}

/// The row of a download that has not begun.
fn planned_row(cast: &Cast<'_>, fetch: FetchId, bound_s: f64) -> DownloadRow {
    let planned = &cast.world.workload.downloads[fetch.0 as usize];
    DownloadRow {
        fetch: fetch.0,
        person: planned.person,
        item: planned.item,
        size: cast.world.items[planned.item as usize].size,
        started_s: None,
        candidates: 0,
        end: DownloadEnd::NotStarted,
        took_s: None,
        kbps: None,
        bound_s,
    }
}
