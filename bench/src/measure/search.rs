//! Searches: what they cost, how fast and how complete the answers are.

use std::collections::BTreeSet;

use common::metrics::Traffic;
use common::net::NodeId;
use common::user::SearchEnd;

use super::{Lives, SearchRow, Sheet, Unit, mean, quantile};
use crate::overlay::{Cast, Source};
use crate::trace::{Outcome, Purpose, What};

const GROUP: &str = "search";

/// A row for each search of the workload that was started.
pub fn rows(
    cast: &Cast<'_>,
    source: Source,
    names_holders: bool,
    outcome: &Outcome,
    lives: &Lives,
) -> Vec<SearchRow> {
    let planned = &cast.world.workload.searches;
    let mut rows: Vec<Option<SearchRow>> = vec![None; planned.len()];
    let mut truths: Vec<Truth> = Vec::new();
    truths.resize_with(planned.len(), Truth::default);
    let mut seen: Vec<Truth> = Vec::new();
    seen.resize_with(planned.len(), Truth::default);
    for record in &outcome.records {
        match &record.what {
            What::SearchStarted(search) => {
                let at = search.0 as usize;
                let truth = truth(cast, source, lives, at, record.at);
                rows[at] = Some(SearchRow {
                    search: search.0,
                    person: planned[at].person,
                    words: planned[at].query.words.clone(),
                    started_s: record.at.as_secs_f64(),
                    items_there: truth.items.len() as u32,
                    copies_there: truth.copies.len() as u32,
                    copies_found: names_holders.then_some(0),
                    messages: outcome.search_costs.get(at).map(|cost| cost.traffic.messages),
                    bytes: outcome.search_costs.get(at).map(|cost| cost.traffic.bytes),
                    nodes_reached: outcome.search_costs.get(at).map(|cost| cost.nodes_reached),
                    ..SearchRow::default()
                });
                truths[at] = truth;
            }
            What::Found { search, item, holder, hops } => {
                let at = search.0 as usize;
                let Some(Some(row)) = rows.get_mut(at) else { continue };
                let after = record.at.as_secs_f64() - row.started_s;
                if row.first_s.is_none() {
                    (row.first_s, row.first_hops) = (Some(after), *hops);
                }
                row.last_s = Some(after);
                row.results += 1;
                row.stale += u32::from(holder.is_some_and(|holder| lives.has_ended(holder, record.at)));
                if let Some(item) = item.filter(|item| truths[at].items.contains(item)) {
                    row.items_found += u32::from(seen[at].items.insert(item));
                    if let (Some(found), Some(holder)) = (&mut row.copies_found, *holder) {
                        let copy = (item, holder);
                        let new = truths[at].copies.contains(&copy) && seen[at].copies.insert(copy);
                        *found += u32::from(new);
                    }
                }
            }
            What::SearchEnded(search, end) => {
                if let Some(Some(row)) = rows.get_mut(search.0 as usize)
                    && row.end.is_none()
                {
                    row.end = Some(*end);
                    row.took_s = Some(record.at.as_secs_f64() - row.started_s);
                }
            }
            _ => {}
        }
    }
    rows.into_iter().flatten().collect()
}

/// What a perfect search would find.
#[derive(Debug, Default)]
struct Truth {
    items: BTreeSet<u32>,
    copies: BTreeSet<(u32, NodeId)>,
}

/// What matches and is offered, at the moment of asking, by somebody else who is part of the overlay.
fn truth(cast: &Cast<'_>, source: Source, lives: &Lives, search: usize, at: common::peer::Time) -> Truth {
    let planned = &cast.world.workload.searches[search];
    let mut truth = Truth::default();
    for item in planned.matches.iter().copied() {
        let holders: Vec<NodeId> = match source {
            Source::Servers => (0..cast.servers).map(NodeId).collect(),
            Source::Participants => {
                let others = cast.world.holders(item).iter().filter(|person| **person != planned.person);
                others.map(|person| cast.node(*person)).collect()
            }
        };
        for node in holders.into_iter().filter(|node| lives.is_online(*node, at)) {
            truth.items.insert(item);
            truth.copies.insert((item, node));
        }
    }
    truth
}

/// The measures over all searches.
pub fn summarise(sheet: &mut Sheet, outcome: &Outcome, rows: &[SearchRow], names_holders: bool) {
    let count = rows.len() as f64;
    let complete: Vec<&SearchRow> = rows.iter().filter(|row| row.end == Some(SearchEnd::Complete)).collect();
    let traffic = of_purpose(outcome, Purpose::Search);
    let per_search = |total: u64| (count > 0.0).then(|| total as f64 / count);
    let first: Vec<f64> = rows.iter().filter_map(|row| row.first_s).collect();
    let last: Vec<f64> = rows.iter().filter_map(|row| row.last_s).collect();
    let results: u64 = rows.iter().map(|row| u64::from(row.results)).sum();
    let stale: u64 = rows.iter().map(|row| u64::from(row.stale)).sum();
    let reached = mean(rows.iter().filter_map(|row| row.nodes_reached).map(|nodes| nodes as f64));
    let share = |found: u32, there: u32| (there > 0).then(|| f64::from(found) / f64::from(there));
    let recall = mean(rows.iter().filter_map(|row| share(row.items_found, row.items_there)));
    let copies = mean(rows.iter().filter_map(|row| share(row.copies_found?, row.copies_there)));
    let hops = mean(rows.iter().filter_map(|row| row.first_hops).map(f64::from));
    let mut put = |key, title, unit, value| sheet.put(GROUP, key, title, unit, value);
    put("searches", "searches", Unit::Count, Some(count));
    put("searches_complete", "answered", Unit::Share, per_search(complete.len() as u64));
    put("search_messages", "messages per search", Unit::Count, per_search(traffic.messages));
    put("search_bytes", "traffic per search", Unit::Bytes, per_search(traffic.bytes));
    put("search_reach", "nodes that hear of a search", Unit::Count, reached);
    put("search_first_s", "time to first result, median", Unit::Seconds, quantile(&first, 0.5));
    put("search_first_p95_s", "time to first result, p95", Unit::Seconds, quantile(&first, 0.95));
    put("search_hops", "hops to first result, mean", Unit::Count, hops);
    put("search_last_s", "time to last result, median", Unit::Seconds, quantile(&last, 0.5));
    put("search_results", "results per search", Unit::Count, per_search(results));
    put("recall_items", "recall: files found of all", Unit::Share, recall);
    put("recall_copies", "recall: copies found of all", Unit::Share, copies);
    put("stale", "stale results", Unit::Share, (results > 0).then(|| stale as f64 / results as f64));
    if results > 0 {
        sheet.because("search_hops", "the overlay's messages do not say how far an answer came");
    }
    if outcome.search_costs.is_empty() {
        sheet.because("search_reach", "on real sockets nobody sees to which search a message belongs");
    }
    if !names_holders {
        sheet.because("recall_copies", "results do not say who has a copy");
    }
}

/// What the messages of one purpose add up to.
pub fn of_purpose(outcome: &Outcome, purpose: Purpose) -> Traffic {
    outcome.kinds.iter().filter(|kind| kind.purpose == purpose).fold(Traffic::default(), |mut sum, kind| {
        sum += kind.traffic;
        sum
    })
}
