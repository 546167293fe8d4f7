//! Results as people and programs read them.

use std::fmt::Write as _;

use comfy_table::Cell;
use serde::Serialize;

use super::Outcome;
use super::meter::Stage;
use super::yardstick::bare_rate;
use crate::claims::finding::{Published, Reading};
use crate::measure::Unit;
use crate::report::Made;
use crate::report::number::{Scale, grouped};
use crate::report::table::{bare, right};

/// What a file of results has.
#[derive(Serialize)]
pub(super) struct Stored<'a> {
    /// The version of the form of these files: 1.
    pub(super) format: u32,
    pub(super) made: &'a Made,
    #[serde(flatten)]
    pub(super) outcome: &'a Outcome,
    pub(super) figures: Vec<Figure<'a>>,
}

/// A figure of it.
#[derive(Serialize)]
pub(super) struct Figure<'a> {
    what: &'a str,
    unit: Unit,
    /// None where there was nothing to measure.
    value: Option<f64>,
    theory: Option<f64>,
    published: Option<Published>,
}

impl<'a> From<&'a Reading> for Figure<'a> {
    fn from(reading: &'a Reading) -> Self {
        Figure {
            what: &reading.what,
            unit: reading.unit,
            value: Some(reading.value).filter(|value| value.is_finite()),
            theory: reading.theory,
            published: reading.published,
        }
    }
}

/// One network: what took how long, and what it was like beside what was published.
pub(super) fn render(outcome: &Outcome) -> String {
    let mut text = format!("{}  {}\n", outcome.network.to_uppercase(), outcome.about);
    if outcome.stopped {
        text.push_str("STOPPED before its end: the figures are of what there was until then\n");
    }
    let mut table = bare(["", "virtual time", "took", "events", "events/s", "nodes", "memory", "a node"]);
    for stage in &outcome.stages {
        table.add_row(row(stage));
    }
    // A String takes everything.
    let _ = writeln!(text, "{table}");
    if let Some(peak) = outcome.peak_bytes {
        let _ = writeln!(text, "most memory at a time: {}", shown(Unit::Bytes, peak as f64));
    }
    let mut table = bare(["", "measured", "theory", "published, of the whole"]);
    for reading in &outcome.readings {
        let published = reading.published.map_or_else(String::new, |published| {
            let to = published.to.map_or_else(String::new, |to| format!(" to {}", shown(reading.unit, to)));
            format!(
                "{}{to} ({}, {})",
                shown(reading.unit, published.value),
                published.by,
                published.mark.name()
            )
        });
        let theory = reading.theory.map_or_else(String::new, |theory| shown(reading.unit, theory));
        let measured =
            if reading.value.is_finite() { shown(reading.unit, reading.value) } else { "-".into() };
        table.add_row([Cell::new(&reading.what), right(measured), right(theory), Cell::new(published)]);
    }
    let _ = writeln!(text, "{table}");
    text
}

/// What grows with the part of a network that is run, and how many deliveries a bare loop that only floods makes in a second among as
/// many nodes.
pub(super) fn growth<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> String {
    let mut table =
        bare(["", "fraction", "nodes", "events", "events/s", "bare loop", "took", "most memory", "a node"]);
    for outcome in outcomes {
        let (events, took_s, nodes) = (outcome.events(), outcome.took_s(), outcome.nodes());
        let memory =
            |bytes: Option<f64>| bytes.map_or_else(|| "-".to_owned(), |bytes| shown(Unit::Bytes, bytes));
        let peak = outcome.peak_bytes.map(|bytes| bytes as f64);
        let rate = events as f64 / took_s;
        let beside = bare_rate(nodes)
            .map_or_else(|| "-".to_owned(), |bare| format!("{:.1} M ({:.2})", bare / 1e6, rate / bare));
        table.add_row([
            Cell::new(outcome.network),
            right(outcome.fraction),
            right(grouped(&nodes.to_string())),
            right(grouped(&events.to_string())),
            right(format!("{:.2} M", rate / 1e6)),
            right(beside),
            right(shown(Unit::Seconds, took_s)),
            right(memory(peak)),
            right(memory(peak.map(|bytes| bytes / nodes.max(1) as f64))),
        ]);
    }
    format!("{table}\n")
}

fn row(stage: &Stage) -> Vec<Cell> {
    vec![
        Cell::new(stage.name),
        right(shown(Unit::Seconds, stage.virtual_s)),
        right(shown(Unit::Seconds, stage.took_s)),
        right(grouped(&stage.events.to_string())),
        right(format!("{:.2} M", stage.events_per_s() / 1e6)),
        right(grouped(&stage.nodes.to_string())),
        right(memory(stage.memory_bytes.map(|bytes| bytes as f64))),
        right(memory(stage.bytes_per_node())),
    ]
}

fn memory(bytes: Option<f64>) -> String {
    bytes.map_or_else(|| "-".to_owned(), |bytes| shown(Unit::Bytes, bytes))
}

fn shown(unit: Unit, value: f64) -> String {
    Scale::of(unit, value.abs()).text(value)
}
