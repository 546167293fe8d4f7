//! What the scenario's faults hit, and what of the overlay worked before and after.

use std::collections::BTreeMap;

use serde::Serialize;

use common::user::SearchEnd;

use super::{DownloadEnd, DownloadRow, Lives, SearchRow, moment};
use crate::overlay::Cast;
use crate::trace::{Outcome, Record, What};

/// How much too early a node may seem to vanish, in seconds: each process of a cluster has a clock of its own, started by an
/// order that takes a moment to arrive.
const CLOCKS_APART_S: f64 = 0.25;

/// All faults of one moment.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Strike {
    /// As the scenario says them.
    pub fault: String,
    /// Who vanished.
    pub victims: Vec<String>,
    /// When the first of them did; the planned moment if nobody did. Seconds.
    pub at_s: f64,
    /// Searches asked before.
    pub before: Asked,
    /// Searches asked after.
    pub after: Asked,
    /// Downloads that were under way.
    pub under_way: u32,
    /// Those of them that were completed all the same.
    pub completed: u32,
}

/// Searches of a part of a run.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Asked {
    /// How many.
    pub asked: u32,
    /// Those that were answered.
    pub answered: u32,
    /// Why others were not, in a word.
    pub unanswered: BTreeMap<&'static str, u32>,
}

/// A strike for each moment for which the scenario plans faults and which came.
pub fn strikes(
    cast: &Cast<'_>,
    outcome: &Outcome,
    lives: &Lives,
    searches: &[SearchRow],
    downloads: &[DownloadRow],
) -> Vec<Strike> {
    let mut planned: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for fault in &cast.world.scenario.faults {
        planned.entry(fault.at).or_default().push(fault.to_string());
    }
    let moments: Vec<f64> = planned.keys().map(std::time::Duration::as_secs_f64).collect();
    let strike = |(number, faults): (usize, Vec<String>)| {
        let until = moments.get(number + 1).copied().unwrap_or(f64::INFINITY);
        let hit = |record: &&Record| {
            let at = record.at.as_secs_f64() + CLOCKS_APART_S;
            record.what == What::Crashed && moments[number] <= at && at < until
        };
        let victims: Vec<&Record> = outcome.records.iter().filter(hit).collect();
        let at_s = victims.first().map_or(moments[number], |record| record.at.as_secs_f64());
        let part =
            |after: bool| asked(cast, lives, searches.iter().filter(|row| (row.started_s >= at_s) == after));
        let is_open = |row: &&DownloadRow| {
            let ended = row.started_s.zip(row.took_s).map_or(f64::INFINITY, |(from, took)| from + took);
            row.started_s.is_some_and(|started| started < at_s) && ended > at_s
        };
        let open: Vec<&DownloadRow> = downloads.iter().filter(is_open).collect();
        Strike {
            fault: faults.join(", "),
            victims: victims.iter().map(|record| cast.title(record.node)).collect(),
            at_s,
            before: part(false),
            after: part(true),
            under_way: open.len() as u32,
            completed: open.iter().filter(|row| row.end == DownloadEnd::Fetched).count() as u32,
        }
    };
    let came = |(number, _): &(usize, Vec<String>)| moments[*number] <= outcome.ended.as_secs_f64();
    planned.into_values().enumerate().filter(came).map(strike).collect()
}

fn asked<'a>(cast: &Cast<'_>, lives: &Lives, rows: impl Iterator<Item = &'a SearchRow>) -> Asked {
    let mut asked = Asked::default();
    for row in rows {
        asked.asked += 1;
        let why = match row.end {
            Some(SearchEnd::Complete) => {
                asked.answered += 1;
                continue;
            }
            Some(SearchEnd::Refused) => "refused",
            Some(SearchEnd::Offline) => "unreachable",
            Some(SearchEnd::Timeout) => "timed out",
            None if lives.ended_after(cast.node(row.person), moment(row.started_s)).is_some() => {
                "by askers who had gone"
            }
            None => "open",
        };
        *asked.unanswered.entry(why).or_default() += 1;
    }
    asked
}
