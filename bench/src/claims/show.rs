//! Claims as people and programs read them: tables, JSON, CSV.

use std::fmt::Write as _;

use comfy_table::{Cell, Color, ContentArrangement, Table};

use super::finding::{Finding, Mark, Published, Rule, Verdict};
use super::{Claim, Report, Tried};
use crate::measure::Unit;
use crate::report::number::Scale;
use crate::report::table::{bare, right};
use crate::report::{Folder, FolderFault, Look};

/// The widest line of running text.
const COLUMNS: usize = 110;
/// The narrowest screen on which a table can be read.
const COLUMNS_MIN: usize = 80;

/// One line for each claim.
pub fn list(claims: &[&Claim], look: Look) -> String {
    let mut table = sentences(["", "claim", "by"], look);
    for claim in claims {
        table.add_row([claim.id, claim.sentence, claim.said_by]);
    }
    let mut text = table.to_string();
    text.push('\n');
    text
}

/// A table in which sentences are broken where a line of running text would be.
fn sentences<const N: usize>(header: [&str; N], look: Look) -> Table {
    within(bare(header), look.columns.min(COLUMNS))
}

/// A table no wider than that: cells that are too long have several lines.
fn within(mut table: Table, columns: usize) -> Table {
    let columns = columns.clamp(COLUMNS_MIN, usize::from(u16::MAX)) as u16;
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
    table
}

/// Everything: each claim with its set-up and what was measured, and at the end all verdicts.
pub fn render(report: &Report, look: Look) -> String {
    let mut text = String::new();
    for tried in &report.claims {
        // A String takes everything.
        let _ = writeln!(text, "{}", block(tried, look));
    }
    let mut table = sentences(["", "verdict", "claim"], look);
    for tried in &report.claims {
        table.add_row([
            Cell::new(tried.id),
            verdict(tried.verdict, look.coloured),
            Cell::new(tried.sentence),
        ]);
    }
    let _ = writeln!(text, "{} size, first seed {}\n{table}", report.size.name(), report.seed);
    text
}

fn block(tried: &Tried, look: Look) -> String {
    let mut text = format!("{}  {}\n", tried.id, tried.verdict.name().to_uppercase());
    for (word, line) in [
        ("claim", format!("{} ({})", tried.sentence, tried.said_by)),
        ("set-up", format!("{}; {} seeds", tried.setup, tried.seeds)),
        ("varied", tried.varied.to_owned()),
    ] {
        wrap(&mut text, word, &line, look.columns.clamp(COLUMNS_MIN, COLUMNS));
    }
    let head = bare(["", "measured (95 % interval)", "theory", "published", "holds if", ""]);
    let mut table = within(head, look.columns);
    for finding in &tried.findings {
        let said = finding.published.map(|published| published.value);
        let scale = scale(finding.unit, [Some(finding.mean), finding.theory, said], finding.rule);
        let measured = measured(finding.mean, finding.interval_95, &scale);
        let mut row = vec![Cell::new(&finding.what), right(measured)];
        row.push(right(finding.theory.map_or_else(String::new, |value| scale.text(value))));
        row.push(right(finding.published.map_or_else(String::new, |value| published(&value, &scale))));
        row.push(right(finding.rule.map_or_else(String::new, |value| rule(&value, &scale))));
        row.push(finding.verdict.map_or_else(|| Cell::new(""), |value| verdict(value, look.coloured)));
        table.add_row(row);
    }
    let _ = writeln!(text, "{table}");
    text
}

/// Adds a paragraph with a word before it, its lines no longer than a screen.
fn wrap(text: &mut String, word: &str, paragraph: &str, columns: usize) {
    let mut line = format!("  {word:7}");
    for word in paragraph.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > columns {
            let _ = writeln!(text, "{line}");
            line = " ".repeat(9);
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(text, "{line}");
}

fn verdict(verdict: Verdict, coloured: bool) -> Cell {
    let cell = Cell::new(verdict.name());
    match verdict {
        _ if !coloured => cell,
        Verdict::Holds => cell.fg(Color::Green),
        Verdict::Inconclusive => cell.fg(Color::Yellow),
        Verdict::DoesNotHold => cell.fg(Color::Red),
    }
}

/// The unit in which a value, what it is compared with and its rule are shown.
pub(crate) fn scale(unit: Unit, values: [Option<f64>; 3], rule: Option<Rule>) -> Scale {
    let bounds = rule.map(|rule| [rule.low, rule.high]).into_iter().flatten();
    let values = values.into_iter().chain(bounds).flatten();
    Scale::of(unit, values.filter(|value| value.is_finite()).fold(0.0, f64::max))
}

/// A mean with its interval.
pub(crate) fn measured(mean: f64, interval_95: Option<(f64, f64)>, scale: &Scale) -> String {
    match interval_95 {
        Some((low, high)) if low != high => {
            format!("{} ({} to {})", scale.text(mean), scale.number(low), scale.number(high))
        }
        _ => scale.text(mean),
    }
}

/// A number that somebody published, with its mark and whose it is.
pub(crate) fn published(published: &Published, scale: &Scale) -> String {
    let Published { value, to, by, mark } = *published;
    said((value, to), mark, by, scale)
}

/// A number or a range that somebody has said, with a mark and whose it is.
pub(crate) fn said((value, to): (f64, Option<f64>), mark: Mark, by: &str, scale: &Scale) -> String {
    let value = match to {
        Some(high) => format!("{} to {}", scale.number(value), scale.text(high)),
        None => scale.text(value),
    };
    format!("{value} {}: {by}", mark.name())
}

/// What must be true of a value.
pub(crate) fn rule(rule: &Rule, scale: &Scale) -> String {
    let mark = rule.mark.name();
    match (rule.low, rule.high) {
        (Some(low), Some(high)) if low == high => format!("{} {mark}", scale.text(low)),
        (Some(low), Some(high)) => format!("{} to {} {mark}", scale.number(low), scale.text(high)),
        (Some(low), None) => format!("≥ {} {mark}", scale.text(low)),
        (None, Some(high)) => format!("≤ {} {mark}", scale.text(high)),
        (None, None) => mark.to_owned(),
    }
}

/// The report as JSON, without anything of the machine or the moment.
pub fn to_json(report: &Report) -> String {
    let mut text = serde_json::to_string_pretty(report).expect("a report has string keys and no loops");
    text.push('\n');
    text
}

/// Writes `claims.json` and `claims.csv`.
///
/// # Errors
/// If they cannot be written.
pub fn write(report: &Report, folder: &Folder) -> Result<(), FolderFault> {
    folder.write("claims.json", to_json(report).as_bytes())?;
    folder.csv("claims.csv", |csv| {
        csv.write_record([
            "claim",
            "what",
            "unit",
            "trials",
            "mean",
            "low_95",
            "high_95",
            "theory",
            "published",
            "published_to",
            "mark",
            "by",
            "rule_low",
            "rule_high",
            "verdict",
        ])?;
        for tried in &report.claims {
            for finding in &tried.findings {
                csv.serialize(row(tried.id, finding))?;
            }
        }
        Ok(())
    })
}

fn row<'a>(id: &'a str, finding: &'a Finding) -> impl serde::Serialize + use<'a> {
    let (low, high) = finding.interval_95.unzip();
    let published = finding.published;
    let place = (id, finding.what.as_str(), finding.unit, finding.values.len());
    let values = (finding.mean, low, high, finding.theory);
    let beside = (
        published.map(|p| p.value),
        published.and_then(|p| p.to),
        published.map(|p| p.mark),
        published.map(|p| p.by),
    );
    let rule = finding.rule.map(|rule| (rule.low, rule.high)).unwrap_or_default();
    (place, values, beside, rule, finding.verdict.map(Verdict::name))
}
