//! Downloads: how long they take, how fast content flows, and from whom.

use common::metrics::gini;
use common::user::FetchId;

use super::bound::{Bound, of_download};
use super::{DownloadEnd, DownloadRow, Lives, Sheet, Unit, moment, planned_row, quantile};
use crate::overlay::{Cast, Source};
use crate::trace::{Outcome, What};

const GROUP: &str = "transfer";

/// A row for each download of the workload.
pub fn rows(cast: &Cast<'_>, source: Source, outcome: &Outcome, lives: &Lives) -> Vec<DownloadRow> {
    let plan = cast.world.workload.downloads.iter().zip(0..);
    let mut rows: Vec<DownloadRow> = plan
        .map(|(planned, fetch)| {
            planned_row(cast, FetchId(fetch), of_download(cast, source, planned.person, planned.item))
        })
        .collect();
    for record in &outcome.records {
        let (fetch, end) = match record.what {
            What::FetchStarted { fetch, candidates } => {
                if let Some(row) = rows.get_mut(fetch.0 as usize) {
                    row.started_s = Some(record.at.as_secs_f64());
                    row.candidates = candidates;
                    row.end = DownloadEnd::Unfinished;
                }
                continue;
            }
            What::NotFound(fetch) => (fetch, DownloadEnd::NotFound),
            What::Fetched(fetch) => (fetch, DownloadEnd::Fetched),
            What::Failed(fetch, failure) => (fetch, DownloadEnd::Failed(failure)),
            _ => continue,
        };
        let Some(row) = rows.get_mut(fetch.0 as usize) else { continue };
        row.end = end;
        row.took_s = row.started_s.map(|started| record.at.as_secs_f64() - started);
        let seconds = row.took_s.filter(|seconds| end == DownloadEnd::Fetched && *seconds > 0.0);
        row.kbps = seconds.map(|seconds| row.size as f64 * 8.0 / 1000.0 / seconds);
    }
    for row in rows.iter_mut().filter(|row| row.end == DownloadEnd::Unfinished) {
        let started = moment(row.started_s.unwrap_or(0.0));
        if lives.ended_after(cast.node(row.person), started).is_some() {
            row.end = DownloadEnd::Vanished;
        }
    }
    rows
}

/// The measures over all downloads.
pub fn summarise(
    sheet: &mut Sheet,
    cast: &Cast<'_>,
    source: Source,
    outcome: &Outcome,
    rows: &[DownloadRow],
    bound: Option<Bound>,
) {
    let count =
        |wanted: fn(&DownloadEnd) -> bool| Some(rows.iter().filter(|row| wanted(&row.end)).count() as f64);
    let fetched: Vec<&DownloadRow> = rows.iter().filter(|row| row.end == DownloadEnd::Fetched).collect();
    let took: Vec<f64> = fetched.iter().filter_map(|row| row.took_s).collect();
    let kbps: Vec<f64> = fetched.iter().filter_map(|row| row.kbps).collect();
    let span = span_s(&fetched);
    let bytes: u64 = fetched.iter().map(|row| row.size).sum();
    let rate = span.map(|span| bytes as f64 * 8.0 / 1000.0 / span);
    let servers = (cast.servers as usize).min(outcome.loads.len());
    let sent =
        |loads: &[common::metrics::NodeLoad]| loads.iter().map(|load| load.body_sent).sum::<u64>() as f64;
    let (by_servers, by_all) = (sent(&outcome.loads[..servers]), sent(&outcome.loads));
    let uploads: Vec<u64> = outcome.loads[servers..].iter().map(|load| load.body_sent).collect();
    let ratios: Vec<f64> = (outcome.loads[servers..].iter())
        .filter(|load| load.body_received > 0)
        .map(|load| load.body_sent as f64 / load.body_received as f64)
        .collect();
    let mut put = |key, title, unit, value| sheet.put(GROUP, key, title, unit, value);
    put("downloads", "downloads wanted", Unit::Count, Some(rows.len() as f64));
    put("fetched", "completed", Unit::Count, Some(fetched.len() as f64));
    put("failed", "failed", Unit::Count, count(|end| matches!(end, DownloadEnd::Failed(_))));
    put("not_found", "not found by the search", Unit::Count, count(|end| *end == DownloadEnd::NotFound));
    put("unfinished", "not finished by the end", Unit::Count, count(|end| *end == DownloadEnd::Unfinished));
    put("download_s", "completion time, median", Unit::Seconds, quantile(&took, 0.5));
    put("download_p95_s", "completion time, p95", Unit::Seconds, quantile(&took, 0.95));
    put("download_last_s", "completion time, longest", Unit::Seconds, quantile(&took, 1.0));
    put("peer_kbps", "throughput, median download", Unit::Kbps, quantile(&kbps, 0.5));
    put("total_kbps", "throughput of all, mean", Unit::Kbps, rate);
    put(
        "server_share",
        "servers' share of content bytes",
        Unit::Share,
        (by_all > 0.0).then(|| by_servers / by_all),
    );
    put("share_ratio", "share ratio (sent/received), median", Unit::Ratio, quantile(&ratios, 0.5));
    put(
        "gini_uploads",
        "Gini of people's uploads",
        Unit::Ratio,
        (source == Source::Participants).then(|| gini(&uploads)),
    );
    put("bound_s", "least time for what was completed", Unit::Seconds, bound.map(|bound| bound.seconds));
    put("achieved_s", "time taken, first to last", Unit::Seconds, span);
    let over = span.zip(bound).map(|(span, bound)| span / bound.seconds);
    put("over_bound", "time taken / least time", Unit::Ratio, over);
    if source == Source::Servers {
        sheet.because("gini_uploads", "people upload nothing here");
    }
}

/// Seconds from the first start to the last end.
pub fn span_s(rows: &[&DownloadRow]) -> Option<f64> {
    let first = rows.iter().filter_map(|row| row.started_s).fold(f64::INFINITY, f64::min);
    let last = rows.iter().filter_map(|row| Some(row.started_s? + row.took_s?)).fold(0.0, f64::max);
    (last > first).then_some(last - first)
}
