//! The tables below the pictures: all measures, what faults did, how far the backends are apart, what the checkers say.

use std::collections::BTreeMap;

use super::markup::{Cell, Table, heading, paragraph};
use super::summary::{NONE, interval, ratio};
use super::view::{Value, View, backends, count, names, runs_by, words};
use crate::compare::{Agreement, Backend, apart, tolerances};
use crate::plot::Escaped;
use crate::report::number::Scale;
use crate::report::stored::{Asked, Check, Column, Estimate, Strike};
use crate::report::table::Remarks;

/// All measures: of one of the results its overlays side by side, of several each overlay's values side by side.
pub(super) fn measures(views: &[View<'_>]) -> String {
    let mut text = heading("measures", "All measures");
    for by in backends(views) {
        match views {
            [only] => text.push_str(&side_by_side(only, by)),
            several => {
                names(several).iter().for_each(|name| text.push_str(&run_by_run(several, name, by)));
            }
        }
    }
    text
}

fn find<'a>(column: &'a Column, key: &str) -> Option<&'a Estimate> {
    column.estimates.iter().find(|estimate| estimate.key == key)
}

/// What a row of measures is called, and the unit of its values.
fn titled<'a>(first: &Estimate, all: impl Iterator<Item = &'a Estimate>) -> (Cell, Scale) {
    let scale = Scale::of(first.unit, all.filter_map(|estimate| estimate.median).fold(0.0, f64::max));
    let title = match scale.name {
        "" => first.title.clone(),
        unit => format!("{} ({unit})", first.title),
    };
    (Cell::text(&title), scale)
}

fn value(estimate: &Estimate) -> Option<Value> {
    let (unit, interval_95) = (estimate.unit, estimate.interval_95);
    Some(Value { unit, middle: estimate.median?, interval_95 })
}

fn side_by_side(view: &View<'_>, by: Backend) -> String {
    let columns: Vec<&Column> =
        names(&[*view]).into_iter().filter_map(|name| view.column(name, by)).collect();
    let Some(first) = columns.first() else { return String::new() };
    let mut head = vec![Cell::text("")];
    head.extend(columns.iter().map(|column| Cell::overlay(&column.overlay).class("number")));
    let caption =
        format!("{}, {}: medians; small: their 95 % intervals.", words(by), count(runs_by(view.results, by)));
    let (mut table, mut group) = (Table::new(&caption, head), "");
    let mut remarks = Remarks::default();
    for estimate in &first.estimates {
        if estimate.group != group {
            group = &estimate.group;
            table.group(&Cell::text(group));
        }
        let row: Vec<Option<&Estimate>> = columns.iter().map(|column| find(column, &estimate.key)).collect();
        let (title, scale) = titled(estimate, row.iter().copied().flatten());
        let cells = row.into_iter().map(|estimate| match estimate.and_then(value) {
            Some(value) => Cell::with_note(&scale.number(value.middle), &interval(&value, &scale)),
            None => {
                let why = estimate.and_then(|estimate| estimate.why_none.as_deref());
                Cell::number(&why.map_or(NONE.to_owned(), |why| format!("{NONE} {}", remarks.sign(why))))
            }
        });
        let cells: Vec<Cell> = cells.collect();
        table.row(&title, cells);
    }
    let remarks = remarks.to_string();
    format!(
        "{}{}",
        table.done(),
        remarks.lines().filter(|line| !line.is_empty()).map(paragraph).collect::<String>()
    )
}

fn run_by_run(views: &[View<'_>], name: &str, by: Backend) -> String {
    let columns: Vec<(&str, &Column)> =
        views.iter().filter_map(|view| Some((view.label, view.column(name, by)?))).collect();
    let Some((first_label, first)) = columns.first() else { return String::new() };
    let mut head = vec![Cell::overlay(name)];
    head.extend(columns.iter().map(|(label, _)| Cell::number(label)));
    let others = columns.iter().skip(1);
    head.extend(others.map(|(label, _)| Cell::number(&format!("{label} / {first_label}"))));
    let (mut table, mut group) = (Table::new(&format!("{name}, {}.", words(by)), head), "");
    for estimate in &first.estimates {
        if estimate.group != group {
            group = &estimate.group;
            table.group(&Cell::text(group));
        }
        let row: Vec<Option<&Estimate>> =
            columns.iter().map(|(_, column)| find(column, &estimate.key)).collect();
        let (title, scale) = titled(estimate, row.iter().copied().flatten());
        let values: Vec<Option<Value>> = row.into_iter().map(|estimate| estimate.and_then(value)).collect();
        let shown = values.iter().map(|value| match value {
            Some(value) => Cell::with_note(&scale.number(value.middle), &interval(value, &scale)),
            None => Cell::number(NONE),
        });
        let ratios = values.iter().skip(1).map(|value| ratio(value.as_ref(), values[0].as_ref()));
        table.row(&title, shown.chain(ratios).collect::<Vec<_>>());
    }
    table.done()
}

/// What each fault hit and what still worked after it.
pub(super) fn faults(views: &[View<'_>]) -> String {
    let head = [
        "",
        "vanished",
        "answered of those asked before",
        "answered of those asked after",
        "downloads then under way",
    ];
    let mut text = String::new();
    for view in views {
        let caption = format!("{} Over all runs.", view.label);
        let mut table = Table::new(caption.trim(), head.map(Cell::text).to_vec());
        if !view.results.losses.is_empty() {
            table.group(&Cell::text(
                "the busiest node, lost in simulation when half of the questions had been asked",
            ));
        }
        for loss in &view.results.losses {
            let strikes: Vec<&Strike> = loss.runs.iter().filter_map(|run| run.strike.as_ref()).collect();
            strike(&mut table, &Cell::overlay(&loss.overlay), &strikes);
        }
        let count = |column: &Column| column.runs.iter().map(|run| run.strikes.len()).max().unwrap_or(0);
        for number in 0..view.results.columns.iter().map(count).max().unwrap_or(0) {
            let all = view.results.columns.iter().map(|column| {
                let strikes = column.runs.iter().filter_map(|run| run.strikes.get(number));
                (column, strikes.collect::<Vec<&Strike>>())
            });
            let all: Vec<(&Column, Vec<&Strike>)> = all.collect();
            if let Some(first) = all.iter().find_map(|(_, strikes)| strikes.first()) {
                table.group(&Cell::text(&first.fault));
            }
            for (column, strikes) in &all {
                let title = Cell::overlay(&column.overlay);
                let title = Cell::markup(format!("{} {}", title.inner(), words(column.backend)));
                strike(&mut table, &title, strikes);
            }
        }
        text.push_str(&table.done());
    }
    if text.is_empty() { text } else { format!("{}{text}", heading("faults", "What the faults did")) }
}

fn strike(table: &mut Table, title: &Cell, strikes: &[&Strike]) {
    if strikes.is_empty() {
        return;
    }
    let sum = |of: fn(&Strike) -> u32| strikes.iter().map(|strike| u64::from(of(strike))).sum::<u64>();
    let mut victims: BTreeMap<&str, u64> = BTreeMap::new();
    strikes
        .iter()
        .flat_map(|strike| &strike.victims)
        .for_each(|victim| *victims.entry(victim).or_default() += 1);
    let gone = match victims.len() {
        0 => "nobody".to_owned(),
        1..=6 => victims.iter().map(|(name, times)| times_of(name, *times)).collect::<Vec<_>>().join(", "),
        _ => format!("{} nodes", victims.values().sum::<u64>()),
    };
    let downloads = format!("{} of {} completed", sum(|s| s.completed), sum(|s| s.under_way));
    let cells = [
        Cell::text(&gone),
        Cell::text(&asked(strikes.iter().map(|strike| &strike.before))),
        Cell::text(&asked(strikes.iter().map(|strike| &strike.after))),
        Cell::text(&downloads),
    ];
    table.row(title, cells);
}

fn times_of(name: &str, times: u64) -> String {
    if times == 1 { name.to_owned() } else { format!("{name} ({times} times)") }
}

/// How many were answered, and why the others were not.
fn asked<'a>(parts: impl Iterator<Item = &'a Asked>) -> String {
    let (mut all, mut answered, mut why) = (0u64, 0u64, BTreeMap::<&str, u64>::new());
    for part in parts {
        all += u64::from(part.asked);
        answered += u64::from(part.answered);
        part.unanswered.iter().for_each(|(word, count)| *why.entry(word).or_default() += u64::from(*count));
    }
    let others = why.iter().map(|(word, count)| format!("; {count} {word}"));
    format!("{answered} of {all}{}", others.collect::<String>())
}

/// Where real sockets and the simulation agree, and where not.
pub(super) fn twins(views: &[View<'_>]) -> String {
    let mut text = String::new();
    for view in views {
        for twin in &view.results.twins {
            let differ = twin.rows.iter().filter(|row| row.agreement == Agreement::Differs).count();
            let caption = format!(
                "{} {}, {} and simulation, seed {}: {differ} of {} values differ by more than that.",
                view.label,
                twin.overlay,
                words(twin.backend),
                twin.seed,
                twin.rows.len()
            );
            let head = vec![
                Cell::overlay(&twin.overlay),
                Cell::number("real"),
                Cell::number("simulated"),
                Cell::number("apart"),
                Cell::text(""),
            ];
            let mut table = Table::new(caption.trim(), head);
            for row in &twin.rows {
                let scale = Scale::of(row.unit, row.real.max(row.simulated));
                let verdict = match row.agreement {
                    Agreement::Same => Cell::text("same"),
                    Agreement::Close => Cell::text("close"),
                    Agreement::Differs => Cell::text("differs").class("open"),
                };
                let cells = [
                    Cell::number(&scale.text(row.real)),
                    Cell::number(&scale.text(row.simulated)),
                    Cell::number(&apart(row.real, row.simulated)),
                    verdict,
                ];
                table.row(&Cell::text(&row.name), cells);
            }
            text.push_str(&table.done());
        }
    }
    if text.is_empty() {
        return text;
    }
    format!(
        "{}{}{text}",
        heading("twins", "The same run over real sockets and in simulation"),
        paragraph(&tolerances())
    )
}

/// What must be true of every run: how often each checker had something to judge, and what it said.
pub(super) fn checks(views: &[View<'_>]) -> String {
    let mut text = heading("checks", "What must be true of every run");
    text.push_str(&paragraph("How often each outside check had something to judge, over all runs."));
    for view in views {
        let columns = &view.results.columns;
        let mut head = vec![Cell::text("")];
        head.extend(columns.iter().map(|column| {
            let name = Cell::overlay(&column.overlay);
            Cell::markup(format!("{}<small>{}</small>", name.inner(), Escaped(words(column.backend))))
        }));
        let lost = view.results.losses.iter().flat_map(|loss| &loss.runs).flat_map(|run| &run.checks);
        let lost: Vec<&Check> = lost.collect();
        if !lost.is_empty() {
            head.push(Cell::text("all, without their busiest nodes"));
        }
        let mut table = Table::new(view.label, head);
        for check in
            columns.first().and_then(|column| column.runs.first()).into_iter().flat_map(|run| &run.checks)
        {
            let is_this = |other: &&Check| other.name == check.name;
            let of =
                |column: &Column| verdict(column.runs.iter().flat_map(|run| &run.checks).filter(is_this));
            let mut cells: Vec<Cell> = columns.iter().map(of).collect();
            if !lost.is_empty() {
                cells.push(verdict(lost.iter().copied().filter(is_this)));
            }
            table.row(&Cell::text(&check.name), cells);
        }
        text.push_str(&table.done());
        text.push_str(&digests(view));
    }
    text
}

fn verdict<'a>(checks: impl Iterator<Item = &'a Check>) -> Cell {
    let (mut exercised, mut undecided, mut failed) = (0u64, 0u64, 0u64);
    for check in checks {
        exercised = exercised.saturating_add(check.exercised);
        undecided = undecided.saturating_add(check.undecided);
        failed = failed.saturating_add(check.failed);
    }
    let mut text = if exercised == 0 { "never".to_owned() } else { exercised.to_string() };
    if undecided > 0 {
        text = format!("{text}, {undecided} open");
    }
    if failed > 0 {
        Cell::text(&format!("{text}, {failed} failed")).class("fails")
    } else {
        Cell::text(&text)
    }
}

fn digests(view: &View<'_>) -> String {
    let head = ["", "seed", "digest"].map(Cell::text).to_vec();
    let caption = format!("{} Digests: equal ones mean that every event was the same.", view.label);
    let mut table = Table::new(caption.trim(), head);
    for column in &view.results.columns {
        for run in &column.runs {
            if let Some(digest) = &run.digest {
                let digest = Cell::markup(format!("<code>{}</code>", Escaped(digest)));
                table.row(&Cell::overlay(&column.overlay), [Cell::number(&run.seed.to_string()), digest]);
            }
        }
    }
    table.done()
}
