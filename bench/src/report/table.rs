//! The tables on the screen.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment, Color, ContentArrangement, Table, presets};

use super::number::Scale;
use super::spark;
use crate::compare::{Agreement, Column, Comparison, Estimate, apart, tolerances};
use crate::measure::{Asked, FlowRow, Strike, Unit};

/// How the tables should look.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Colours, or none.
    pub coloured: bool,
    /// Characters in a line of the screen: intervals are shown beside the medians where they fit.
    pub columns: usize,
}

/// All tables.
pub fn render(comparison: &Comparison, look: Look) -> String {
    let Look { coloured, columns } = look;
    let mut text = String::new();
    let mut section = |title: &str, table: &dyn std::fmt::Display| {
        // A String takes everything.
        let _ = writeln!(text, "{title}\n{table}\n");
    };
    let Comparison { scenario, peers, seed, .. } = comparison;
    let parts = parts(comparison, columns);
    let of_part = |title: String, part: &[&Column]| match part.first() {
        Some(column) if parts.len() > 1 => format!("{title} ({})", column.backend.name()),
        _ => title,
    };
    for part in &parts {
        let title = format!("{scenario}: {peers} peers, first seed {seed}");
        section(&of_part(title, part), &measures(comparison, part, columns));
    }
    if let Some((end_s, table)) = flows(comparison, columns) {
        let title = format!("Content that arrives, 0 to {end_s} s, all on one scale (the first run of each)");
        section(&title, &table);
    }
    if let Some(table) = strikes(comparison) {
        section("What the faults did", &table);
    }
    if !comparison.twins.is_empty() {
        let title = format!("The same run over real sockets and in simulation. {}", tolerances());
        section(&title, &twins(comparison, coloured));
    }
    for part in &parts {
        let title = "What must be true of every run: times it was exercised".to_owned();
        section(&of_part(title, part), &checks(part, coloured));
    }
    let digests = digests(comparison);
    if digests.row_iter().next().is_some() {
        section("Digests: equal ones mean that every event was the same", &digests);
    }
    text
}

pub(crate) fn new(header: Vec<String>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    let align = |(column, title): (usize, String)| {
        let cell = Cell::new(title);
        if column == 0 { cell } else { cell.set_alignment(CellAlignment::Right) }
    };
    table.set_header(header.into_iter().enumerate().map(align).collect::<Vec<_>>());
    table
}

/// A table of results whose lines are as long as they have to be.
pub(crate) fn bare<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    table
}

pub(crate) fn right(text: impl ToString) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// All columns in one table; where that is wider than the screen, a table for each backend, and of that as many columns at a time as fit.
fn parts(comparison: &Comparison, columns: usize) -> Vec<Vec<&Column>> {
    let all: Vec<&Column> = comparison.columns.iter().collect();
    if width(&measures_with(comparison, &all, false).0.to_string()) <= columns {
        return vec![all];
    }
    let mut parts: Vec<Vec<&Column>> = Vec::new();
    for column in all {
        match parts.iter_mut().find(|part| part[0].backend == column.backend) {
            Some(part) => part.push(column),
            None => parts.push(vec![column]),
        }
    }
    let fits = |part: &[&Column]| width(&measures_with(comparison, part, false).0.to_string()) <= columns;
    let evenly = |part: &Vec<&Column>| {
        let most = (1..=part.len()).rev().find(|count| fits(&part[..*count])).unwrap_or(1);
        part.len().div_ceil(part.len().div_ceil(most))
    };
    parts.iter().flat_map(|part| part.chunks(evenly(part)).map(<[&Column]>::to_vec)).collect()
}

/// Of its longest line, in characters.
fn width(table: &str) -> usize {
    table.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

fn heads(part: &[&Column]) -> Vec<String> {
    let runs = |runs: usize| if runs == 1 { "1 run".to_owned() } else { format!("{runs} runs") };
    let head = |column: &Column| {
        format!("{} {}\n{}", column.overlay, column.backend.name(), runs(column.runs.len()))
    };
    part.iter().copied().map(head).collect()
}

/// The measures: with intervals where there are some and the screen is wide enough, else medians alone.
fn measures(comparison: &Comparison, part: &[&Column], columns: usize) -> String {
    let has_interval = part.iter().any(|c| c.estimates.iter().any(|e| e.interval_95.is_some()));
    if has_interval {
        let (table, remarks) = measures_with(comparison, part, true);
        if width(&table.to_string()) <= columns {
            return format!("{table}{remarks}");
        }
    }
    let (table, remarks) = measures_with(comparison, part, false);
    format!("{table}{remarks}")
}

/// A part of the columns; the units are those of all, so that parts can be held against each other.
fn measures_with(comparison: &Comparison, part: &[&Column], intervals: bool) -> (Table, Remarks<'static>) {
    let title = if intervals { "median (95 % interval)" } else { "median" };
    let mut table = new([title.to_owned()].into_iter().chain(heads(part)).collect());
    let mut remarks = Remarks::default();
    let Some(first) = comparison.columns.first() else { return (table, remarks) };
    let mut group = "";
    for (at, estimate) in first.estimates.iter().enumerate() {
        if estimate.group != group {
            group = estimate.group;
            table.add_row([group.to_uppercase()]);
        }
        let all = comparison.columns.iter().map(|column| &column.estimates[at]);
        let largest = all.filter_map(|estimate| estimate.median).fold(0.0, f64::max);
        let scale = Scale::of(estimate.unit, largest);
        let label = match scale.name {
            "" => format!("  {}", estimate.title),
            unit => format!("  {} ({unit})", estimate.title),
        };
        let mut row = vec![Cell::new(label)];
        row.extend(part.iter().map(|column| &column.estimates[at]).map(|estimate| {
            let none = || estimate.why_none.map_or("-".to_owned(), |why| format!("- {}", remarks.sign(why)));
            right(estimate_text(estimate, &scale, intervals).unwrap_or_else(none))
        }));
        table.add_row(row);
    }
    (table, remarks)
}

/// Why values are missing, each once, to stand under a table.
#[derive(Default)]
pub(crate) struct Remarks<'a>(Vec<&'a str>);

impl<'a> Remarks<'a> {
    /// What stands at the place of the missing value.
    pub(crate) fn sign(&mut self, why: &'a str) -> String {
        let known = self.0.iter().position(|known| *known == why);
        let number = known.unwrap_or_else(|| {
            self.0.push(why);
            self.0.len() - 1
        });
        format!("[{}]", number + 1)
    }
}

impl std::fmt::Display for Remarks<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (1..).zip(&self.0).try_for_each(|(number, why)| write!(f, "\n[{number}] {why}"))
    }
}

/// Throughput over time, of the first run of each column; also until when. `None` if nothing ever arrived.
fn flows(comparison: &Comparison, columns: usize) -> Option<(u64, Table)> {
    /// Of the columns beside the blocks, with the lines between them.
    const OTHERS_WIDTH: usize = 52;
    let flow = |column: &Column| column.runs.first().map(|run| run.measured.flow.clone()).unwrap_or_default();
    let flows: Vec<Vec<FlowRow>> = comparison.columns.iter().map(flow).collect();
    let is_busy = |row: &&FlowRow| row.bytes_per_s > 0.0;
    let end_s = flows.iter().flatten().filter(is_busy).map(|row| row.second + row.seconds).max()?;
    let width = columns.saturating_sub(OTHERS_WIDTH).clamp(10, 60);
    let parts: Vec<Vec<f64>> = flows.iter().map(|rows| spark::parts(rows, end_s, width)).collect();
    let top = parts.iter().flatten().copied().fold(0.0, f64::max);
    let kbps = |bytes_per_s: f64| bytes_per_s * 8.0 / 1000.0;
    let peaks: Vec<f64> =
        flows.iter().map(|rows| kbps(rows.iter().map(|row| row.bytes_per_s).fold(0.0, f64::max))).collect();
    let scale = Scale::of(Unit::Kbps, peaks.iter().copied().fold(0.0, f64::max));
    let head = |what: &str| format!("{what}\n({})", scale.name);
    let mut table =
        new(vec![String::new(), "over time".to_owned(), head("best second"), head("mean while\nbusy")]);
    for ((column, rows), (parts, peak)) in comparison.columns.iter().zip(&flows).zip(parts.iter().zip(&peaks))
    {
        let (running, bytes) = rows
            .iter()
            .filter(|row| row.downloads > 0.0)
            .fold((0, 0.0), |(s, b), row| (s + row.seconds, b + row.bytes_per_s * row.seconds as f64));
        table.add_row([
            Cell::new(format!("{} {}", column.overlay, column.backend.name())),
            Cell::new(spark::blocks(parts, top)),
            right(scale.number(*peak)),
            right(if running > 0 { scale.number(kbps(bytes) / running as f64) } else { "-".to_owned() }),
        ]);
    }
    Some((end_s, table))
}

fn estimate_text(estimate: &Estimate, scale: &Scale, intervals: bool) -> Option<String> {
    let median = estimate.median?;
    let text = scale.number(median);
    Some(match estimate.interval_95 {
        Some((low, high)) if intervals && low != high => {
            format!("{text} ({}-{})", scale.number(low), scale.number(high))
        }
        _ => text,
    })
}

/// What each fault hit and what worked before and after, over all runs of a column; `None` without faults.
fn strikes(comparison: &Comparison) -> Option<Table> {
    let header = [
        "",
        "vanished",
        "answered of those\nasked before",
        "answered of those\nasked after",
        "downloads then\nunder way",
    ];
    let mut table = new(header.map(str::to_owned).to_vec());
    let of = |column: &Column| column.runs.iter().map(|run| run.measured.strikes.len()).max().unwrap_or(0);
    let count = comparison.columns.iter().map(of).max().unwrap_or(0);
    for number in 0..count {
        let mut title = None;
        for column in &comparison.columns {
            let strikes: Vec<&Strike> =
                column.runs.iter().filter_map(|run| run.measured.strikes.get(number)).collect();
            let Some(first) = strikes.first() else { continue };
            if title.replace(&first.fault).is_none() {
                table.add_row([&first.fault]);
            }
            let sum = |of: fn(&Strike) -> u32| strikes.iter().map(|strike| of(strike)).sum::<u32>();
            table.add_row([
                Cell::new(format!("  {} {}", column.overlay, column.backend.name())),
                right(format!("{}\nat {:.2} s", victims(&strikes), first.at_s)),
                right(answered(strikes.iter().map(|strike| &strike.before))),
                right(answered(strikes.iter().map(|strike| &strike.after))),
                right(format!("{} of {}\ncompleted", sum(|s| s.completed), sum(|s| s.under_way))),
            ]);
        }
    }
    (count > 0).then_some(table)
}

fn victims(strikes: &[&Strike]) -> String {
    let names: BTreeSet<&str> =
        strikes.iter().flat_map(|strike| &strike.victims).map(String::as_str).collect();
    match names.len() {
        0 => "nobody".to_owned(),
        1 | 2 => names.into_iter().collect::<Vec<_>>().join(", "),
        _ => {
            let total: usize = strikes.iter().map(|strike| strike.victims.len()).sum();
            format!("{} nodes", total.div_ceil(strikes.len()))
        }
    }
}

/// How many were answered, and why the others were not.
fn answered<'a>(parts: impl Iterator<Item = &'a Asked>) -> String {
    let mut all = Asked::default();
    for part in parts {
        all.asked += part.asked;
        all.answered += part.answered;
        for (why, count) in &part.unanswered {
            *all.unanswered.entry(why).or_default() += count;
        }
    }
    let mut text = format!("{} of {}", all.answered, all.asked);
    for (why, count) in all.unanswered {
        // A String takes everything.
        let _ = write!(text, "\n{count} {why}");
    }
    text
}

fn paint(cell: Cell, coloured: bool, color: Color) -> Cell {
    if coloured { cell.fg(color) } else { cell }
}

fn twins(comparison: &Comparison, coloured: bool) -> Table {
    let header = ["", "real", "simulated", "apart", ""].map(str::to_owned);
    let mut table = new(header.to_vec());
    for twin in &comparison.twins {
        table
            .add_row([format!("{} {} seed {}", twin.overlay, twin.backend.name(), twin.seed).to_uppercase()]);
        for row in &twin.rows {
            let scale = Scale::of(row.unit, row.real.max(row.simulated));
            let (words, color) = match row.agreement {
                Agreement::Same => ("same", Color::Green),
                Agreement::Close => ("close", Color::Green),
                Agreement::Differs => ("differs", Color::Yellow),
            };
            table.add_row([
                Cell::new(format!("  {}", row.name)),
                right(scale.text(row.real)),
                right(scale.text(row.simulated)),
                right(apart(row.real, row.simulated)),
                paint(Cell::new(words), coloured, color),
            ]);
        }
    }
    table
}

fn checks(part: &[&Column], coloured: bool) -> Table {
    let mut table = new([String::new()].into_iter().chain(heads(part)).collect());
    let checks = part.first().and_then(|column| column.runs.first()).map(|run| &run.checks);
    for (at, verdict) in checks.into_iter().flatten().enumerate() {
        let mut row = vec![Cell::new(verdict.name)];
        for column in part {
            let verdicts = || column.runs.iter().map(|run| &run.checks[at]);
            let exercised: u64 = verdicts().map(|verdict| verdict.exercised).sum();
            let undecided: u64 = verdicts().map(|verdict| verdict.undecided).sum();
            let failed: u64 = verdicts().map(|verdict| verdict.failed).sum();
            let mut text = match exercised {
                0 => "never".to_owned(),
                times => times.to_string(),
            };
            if undecided > 0 {
                text = format!("{text}, {undecided} open");
            }
            row.push(match failed {
                0 => right(text),
                failed => paint(right(format!("{text}, {failed} FAILED")), coloured, Color::Red),
            });
        }
        table.add_row(row);
    }
    table
}

fn digests(comparison: &Comparison) -> Table {
    let mut table = new(["", "seed", "digest"].map(str::to_owned).to_vec());
    for column in &comparison.columns {
        for run in &column.runs {
            if let Some(digest) = &run.digest {
                table.add_row([Cell::new(column.overlay), right(run.seed), right(digest)]);
            }
        }
    }
    table
}
