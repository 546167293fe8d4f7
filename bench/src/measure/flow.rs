//! Content over time: how fast it arrives second by second, and how much of the senders' uplinks that takes.
//!
//! What arrives is read from the `Progress` that people are told; a checker compares it with what the drivers saw cross
//! the lines. The bytes between two notes are spread evenly over the time between them, since notes come as seldom as
//! each hundredth of a file and a second of a thin line is less than that. On real sockets what waits in buffers arrives
//! later than it left, so that one second may show a little more than the uplinks carry.

use std::collections::BTreeMap;

use serde::Serialize;

use common::peer::Time;
use common::user::FetchId;

use super::spans::Spans;
use super::{DownloadEnd, DownloadRow, Lives, Sheet, Unit, mean, moment};
use crate::overlay::Cast;
use crate::trace::{Outcome, What};

const GROUP: &str = "transfer";
/// The most rows of a run: a day has one for each second, and one of a longer run stands for several seconds.
const ROWS_MAX: u64 = 86_400;

/// What arrived in one second.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct FlowRow {
    /// The first second it stands for, from the start of the run.
    pub second: u64,
    /// For how many seconds it stands: more than one only in runs of more than a day.
    pub seconds: u64,
    /// Content bytes that arrived in a second, at all people together.
    pub bytes_per_s: f64,
    /// The same for each of those who were downloading; `None` while nobody was.
    pub bytes_per_s_each: Option<f64>,
    /// Downloads under way, on average over the time.
    pub downloads: f64,
    /// People with a download under way, on average over the time.
    pub downloaders: f64,
}

/// A row for each second of the run.
pub fn rows(outcome: &Outcome, downloads: &[DownloadRow], lives: &Lives, cast: &Cast<'_>) -> Vec<FlowRow> {
    let ended_s = outcome.ended.as_secs_f64();
    let seconds = (ended_s.ceil() as u64).div_ceil(ROWS_MAX).max(1);
    let count = (ended_s / seconds as f64).ceil() as u64;
    let mut rows: Vec<FlowRow> =
        (0..count).map(|row| FlowRow { second: row * seconds, seconds, ..FlowRow::default() }).collect();
    each_arrival(outcome, downloads, |from, to, bytes| {
        spread(seconds, from, to, &mut rows, |row, share| row.bytes_per_s += share * bytes);
    });
    let mut of_people: BTreeMap<usize, Vec<(f64, f64)>> = BTreeMap::new();
    for (person, (from, to)) in under_way(downloads, lives, cast, ended_s) {
        of_people.entry(person).or_default().push((from, to));
        spread(seconds, from, to, &mut rows, |row, share| row.downloads += share * (to - from));
    }
    for spans in of_people.into_values() {
        for (from, to) in Spans::union(spans).iter() {
            spread(seconds, from, to, &mut rows, |row, share| row.downloaders += share * (to - from));
        }
    }
    for row in &mut rows {
        // Until here: bytes, and seconds of downloading.
        row.bytes_per_s_each = (row.downloaders > 0.0).then(|| row.bytes_per_s / row.downloaders);
        for sum in [&mut row.bytes_per_s, &mut row.downloads, &mut row.downloaders] {
            *sum /= seconds as f64;
        }
    }
    rows
}

/// Calls `arrived` with each stretch of time between two notes of a download, and the bytes that arrived in it.
fn each_arrival(outcome: &Outcome, downloads: &[DownloadRow], mut arrived: impl FnMut(f64, f64, f64)) {
    let mut states: BTreeMap<FetchId, (f64, u64)> = BTreeMap::new();
    for record in &outcome.records {
        let at = record.at.as_secs_f64();
        let (fetch, have) = match record.what {
            What::FetchStarted { fetch, .. } => (fetch, Some(0)),
            What::Progress(fetch, have) => (fetch, Some(have)),
            What::Fetched(fetch) => (fetch, downloads.get(fetch.0 as usize).map(|row| row.size)),
            _ => continue,
        };
        let Some(have) = have else { continue };
        // Of a download that nobody has started, a checker has to say something.
        let (since, had) = states.insert(fetch, (at, have)).unwrap_or((at, 0));
        // Less than before: what was there has turned out to be worthless.
        arrived(since, at, have.saturating_sub(had) as f64);
    }
}

/// Calls `add` with each row that a stretch of time touches and the share of the stretch that lies in it; the shares sum to 1.
fn spread(seconds: u64, from: f64, to: f64, rows: &mut [FlowRow], mut add: impl FnMut(&mut FlowRow, f64)) {
    let Some(last) = rows.len().checked_sub(1) else { return };
    let row_of = |at: f64| ((at / seconds as f64) as usize).min(last);
    let (first, end) = (row_of(from), row_of(to));
    if first == end {
        return add(&mut rows[first], 1.0);
    }
    for (at, row) in rows.iter_mut().enumerate().take(end + 1).skip(first) {
        let starts = (at as u64 * seconds) as f64;
        // What is later than the last row belongs to it.
        let ends = if at == last { f64::INFINITY } else { starts + seconds as f64 };
        add(row, (to.min(ends) - from.max(starts)) / (to - from));
    }
}

/// Whose downloads were under way, from when to when.
fn under_way(
    downloads: &[DownloadRow],
    lives: &Lives,
    cast: &Cast<'_>,
    ended_s: f64,
) -> Vec<(usize, (f64, f64))> {
    let stretch = |row: &DownloadRow| {
        let started = row.started_s?;
        let gone = || lives.ended_after(cast.node(row.person), moment(started)).map(|at| at.as_secs_f64());
        let end = match row.end {
            DownloadEnd::Vanished => gone().unwrap_or(ended_s),
            _ => row.took_s.map_or(ended_s, |took| started + took),
        };
        (started < end).then_some((row.person, (started, end)))
    };
    downloads.iter().filter_map(stretch).collect()
}

/// What part of its uplink each sender of content used while downloads ran and it was there: bytes of content that left it
/// over those that its line allows. Senders whose lines have no limit are left out.
fn uplinks_used(cast: &Cast<'_>, outcome: &Outcome, downloads: &[DownloadRow], lives: &Lives) -> Vec<f64> {
    let ended_s = outcome.ended.as_secs_f64();
    let under_way = under_way(downloads, lives, cast, ended_s);
    let running = Spans::union(under_way.into_iter().map(|(_, stretch)| stretch));
    let used = |(node, load): (u32, &common::metrics::NodeLoad)| {
        let node = common::net::NodeId(node);
        let up_bps = cast.attachment(node).line.up_bps.filter(|_| load.body_sent > 0)?;
        let stretches =
            lives.stretches(node).map(|(from, to)| (from.as_secs_f64(), to.map(Time::as_secs_f64)));
        let seconds: f64 = stretches.map(|(from, to)| running.within(from, to.unwrap_or(ended_s))).sum();
        (seconds > 0.0).then(|| load.body_sent as f64 * 8.0 / (up_bps as f64 * seconds))
    };
    (0..).zip(&outcome.loads).filter_map(used).collect()
}

/// The measures of content over time.
pub fn summarise(
    sheet: &mut Sheet,
    cast: &Cast<'_>,
    outcome: &Outcome,
    downloads: &[DownloadRow],
    lives: &Lives,
    rows: &[FlowRow],
) {
    let used = uplinks_used(cast, outcome, downloads, lives);
    let peak = rows.iter().map(|row| row.bytes_per_s * 8.0 / 1000.0).reduce(f64::max);
    let mut put = |key, title, unit, value| sheet.put(GROUP, key, title, unit, value);
    put("peak_kbps", "throughput of all, peak", Unit::Kbps, peak.filter(|peak| *peak > 0.0));
    put("uplink_use", "uplink in use, mean of senders", Unit::Share, mean(used));
    if outcome.loads.iter().any(|load| load.body_sent > 0) {
        sheet.because("uplink_use", "the senders' lines have no limit");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn shares_of_a_stretch_are_positive_and_sum_to_one(
            rows in 1u64..200, seconds in 1u64..5, from in 0.0f64..300.0, takes in 0.0f64..300.0,
        ) {
            let mut rows: Vec<FlowRow> =
                (0..rows).map(|row| FlowRow { second: row * seconds, seconds, ..FlowRow::default() }).collect();
            let mut sum = 0.0;
            spread(seconds, from, from + takes, &mut rows, |_, share| {
                assert!(share >= 0.0);
                sum += share;
            });
            prop_assert!((sum - 1.0).abs() < 1e-9, "{}", sum);
        }
    }

    fn three(seconds: u64) -> Vec<FlowRow> {
        (0..3).map(|row| FlowRow { second: row * seconds, seconds, ..FlowRow::default() }).collect()
    }

    #[test]
    fn a_stretch_is_shared_among_the_rows_it_touches() {
        for (seconds, from, to, shares) in [
            (1, 0.25, 0.75, [1.0, 0.0, 0.0]),
            (1, 0.5, 2.5, [0.25, 0.5, 0.25]),
            (1, 1.0, 1.0, [0.0, 1.0, 0.0]),
            (10, 5.0, 15.0, [0.5, 0.5, 0.0]),
            // Clocks of other processes may be a little ahead of the end.
            (1, 2.0, 6.0, [0.0, 0.0, 1.0]),
            (1, 1.0, 5.0, [0.0, 0.25, 0.75]),
            (1, 7.0, 8.0, [0.0, 0.0, 1.0]),
        ] {
            let mut rows = three(seconds);
            spread(seconds, from, to, &mut rows, |row, share| row.downloads += share);
            let found: Vec<f64> = rows.iter().map(|row| row.downloads).collect();
            assert_eq!(found, shares, "{from} to {to}, {seconds} s each");
        }
        spread(1, 0.0, 1.0, &mut [], |_, _| panic!("there is no row"));
    }
}
