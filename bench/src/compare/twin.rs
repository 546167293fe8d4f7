//! The same run twice, over real sockets and in simulation: where they agree and where not.
//!
//! Counts of searches are the same, message by message, where nothing makes them depend on a moment; but who becomes whose neighbour, and
//! which of two copies of a message comes first, may be a matter of milliseconds. Times may differ: the simulator knows no slow start, no
//! scheduler and no disk.

use serde::{Deserialize, Serialize};

use super::{Backend, Column, Run};
use crate::measure::Unit;
use crate::report::number::Scale;
use crate::trace::Purpose;

/// How far counts may lie apart and still be called close, as a part of the simulated one.
const COUNT_TOLERANCE: f64 = 0.05;
/// How far times may lie apart, as a part of the simulated one,
const TIME_TOLERANCE: f64 = 0.15;
/// plus so many seconds, for what a scheduler may do to the shortest ones.
const TIME_TOLERANCE_S: f64 = 0.05;
/// How far shares may lie apart.
const SHARE_TOLERANCE: f64 = 0.02;
/// The measures that are compared, beside the counts of messages.
const MEASURES: [&str; 11] = [
    "searches",
    "search_results",
    "recall_items",
    "search_first_s",
    "search_first_p95_s",
    "search_last_s",
    "fetched",
    "download_s",
    "download_p95_s",
    "total_kbps",
    "busiest_control_share",
];

/// Whether two values are as equal as they should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// Equal.
    Same,
    /// Within the tolerance.
    Close,
    /// Neither.
    Differs,
}

/// One value, both ways.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct TwinRow {
    /// What.
    pub name: String,
    /// Its unit.
    pub unit: Unit,
    /// Over real sockets.
    pub real: f64,
    /// In simulation.
    pub simulated: f64,
    /// How well they agree.
    pub agreement: Agreement,
}

/// An overlay's first run, both ways.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Twin {
    /// Which overlay.
    pub overlay: &'static str,
    /// By which kind of real sockets.
    pub backend: Backend,
    /// The seed of both.
    pub seed: u64,
    /// Value by value.
    pub rows: Vec<TwinRow>,
}

/// What the three degrees of agreement mean, in a sentence.
pub(crate) fn tolerances() -> String {
    let percent = |share: f64| Scale::of(Unit::Share, share).text(share);
    format!(
        "Close are counts up to {} apart, times up to {} and {TIME_TOLERANCE_S} s, and shares up to {}; only what is equal is the same.",
        percent(COUNT_TOLERANCE),
        percent(TIME_TOLERANCE),
        Scale::of(Unit::Ratio, SHARE_TOLERANCE).text(SHARE_TOLERANCE),
    )
}

/// How far a real value lies from the simulated one, as a part of that.
pub(crate) fn apart(real: f64, simulated: f64) -> String {
    let percent = if simulated == 0.0 { 0.0 } else { (real / simulated - 1.0) * 100.0 };
    // What is rounded to nothing has no sign.
    let percent = (percent * 10.0).round() / 10.0;
    if percent == 0.0 { "0.0 %".to_owned() } else { format!("{percent:+.1} %") }
}

/// Each run over real sockets beside the simulation of the same.
pub(super) fn twins(columns: &[Column]) -> Vec<Twin> {
    let mut twins = Vec::new();
    for real in columns.iter().filter(|column| column.backend != Backend::Sim) {
        let sim =
            columns.iter().find(|column| column.backend == Backend::Sim && column.overlay == real.overlay);
        if let (Some(a), Some(b)) = (real.runs.first(), sim.and_then(|sim| sim.runs.first())) {
            let rows = rows(a, b);
            twins.push(Twin { overlay: real.overlay, backend: real.backend, seed: a.seed, rows });
        }
    }
    twins
}

fn rows(real: &Run, simulated: &Run) -> Vec<TwinRow> {
    let kinds = real.kinds.iter().zip(&simulated.kinds);
    let of_search =
        kinds.filter(|(a, b)| a.purpose == Purpose::Search && a.traffic.messages + b.traffic.messages > 0);
    let mut rows: Vec<TwinRow> = of_search
        .map(|(a, b)| {
            let (real, simulated) = (a.traffic.messages as f64, b.traffic.messages as f64);
            row(format!("messages: {}", a.kind), Unit::Count, real, simulated)
        })
        .collect();
    for key in MEASURES {
        let find = |run: &Run| run.measured.sheet.0.iter().find(|measure| measure.key == key).cloned();
        if let (Some(a), Some(b)) = (find(real), find(simulated))
            && let (Some(real), Some(simulated)) = (a.value, b.value)
        {
            rows.push(row(a.title.to_owned(), a.unit, real, simulated));
        }
    }
    rows
}

fn row(name: String, unit: Unit, real: f64, simulated: f64) -> TwinRow {
    let apart = (real - simulated).abs();
    let tolerance = match unit {
        Unit::Count | Unit::Bytes => simulated * COUNT_TOLERANCE,
        Unit::Share | Unit::Ratio => SHARE_TOLERANCE,
        Unit::Seconds => simulated * TIME_TOLERANCE + TIME_TOLERANCE_S,
        Unit::Kbps => simulated * TIME_TOLERANCE,
    };
    let agreement = match () {
        () if apart == 0.0 => Agreement::Same,
        () if apart <= tolerance => Agreement::Close,
        () => Agreement::Differs,
    };
    TwinRow { name, unit, real, simulated, agreement }
}
