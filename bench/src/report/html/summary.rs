//! The table at the top of the page, and what follows from it: which system to use for what.

use super::markup::{Cell, Table, overlay, paragraph};
use super::view::{ANSWERED, Better, COMPLETED, Value, View, count, names, runs_by, words};
use crate::measure::Unit;
use crate::plot::Escaped;
use crate::report::number::Scale;

/// What stands where there is nothing.
pub(super) const NONE: &str = "\u{2013}";

/// What is said where nothing broke.
const UNTRIED: &str = "What breaks when the busiest node dies was not tried everywhere: it is in simulations that are not too large, and with \
                       --kill busiest@10s.";

/// A row of the table.
struct Line {
    key: &'static str,
    title: &'static str,
    better: Better,
}

const fn less(key: &'static str, title: &'static str) -> Line {
    Line { key, title, better: Better::Less }
}

const fn more(key: &'static str, title: &'static str) -> Line {
    Line { key, title, better: Better::More }
}

/// What a search costs and finds, how long a download takes, what breaks, and how far all of it is from what is possible.
const LINES: [Line; 12] = [
    less("search_bytes", "A search costs, traffic"),
    less("search_messages", "A search costs, messages"),
    more("recall_items", "A search finds, of all files there"),
    less("search_first_s", "First result after, median"),
    less("download_s", "A download takes, median"),
    less("download_p95_s", "A download takes, 95 of 100 less than"),
    more("fetched", "Downloads completed"),
    less("server_share", "Content that comes from servers"),
    less("busiest_control_share", "Control traffic at the busiest node"),
    more(ANSWERED, "Questions answered after"),
    more(COMPLETED, "Downloads under way completed after"),
    less("over_bound", "Time all downloads took / least possible"),
];

/// What somebody who chooses a system asks.
const QUESTIONS: [Line; 8] = [
    less("search_bytes", "Cheap searches"),
    more("recall_items", "Finding most of what is there"),
    less("search_first_s", "A first result soon"),
    less("download_s", "Fast downloads"),
    less("server_share", "No content to send for servers"),
    less("gini_control", "Work spread evenly over all nodes"),
    more(ANSWERED, "Searches still answered after"),
    more(COMPLETED, "Downloads still completed after"),
];

/// An overlay and its value.
type Ranked<'a> = (&'a str, Value);

/// The values of all overlays in results, the best first.
fn ranked<'a>(view: &View<'_>, names: &[&'a str], line: &Line) -> Vec<Ranked<'a>> {
    let Some(by) = view.by else { return Vec::new() };
    let mut ranked: Vec<Ranked<'_>> =
        names.iter().filter_map(|name| Some((*name, view.value(name, by, line.key)?))).collect();
    ranked.sort_by(|a, b| line.better.order(&a.1, &b.1));
    ranked
}

/// How many of the values cannot be told from the best.
fn alike(ranked: &[Ranked<'_>]) -> usize {
    let Some((_, best)) = ranked.first() else { return 0 };
    ranked.iter().take_while(|(_, value)| value.is_like(best)).count()
}

/// The first, those between, and the last: whoever cannot be told from the best is first, and of the others whoever cannot be told
/// from the worst is last.
fn places<'r, 'a>(ranked: &'r [Ranked<'a>]) -> [&'r [Ranked<'a>]; 3] {
    let (first, rest) = ranked.split_at(alike(ranked));
    let like_worst =
        |(_, worst): &Ranked<'_>| rest.iter().rev().take_while(|(_, value)| value.is_like(worst)).count();
    let (between, last) = rest.split_at(rest.len() - rest.last().map_or(0, like_worst));
    [first, between, last]
}

/// The unit for some values.
fn scale_of<'v>(values: impl Iterator<Item = &'v Value>) -> Scale {
    let (unit, largest) =
        values.fold((Unit::Count, 0.0), |(_, most), value| (value.unit, value.middle.max(most)));
    Scale::of(unit, largest)
}

/// A value with its interval, if that is any wider.
pub(super) fn interval(value: &Value, scale: &Scale) -> String {
    match value.interval_95 {
        Some((low, high)) if scale.number(low) != scale.number(high) => {
            format!("{} to {}", scale.number(low), scale.number(high))
        }
        _ => String::new(),
    }
}

/// The table: overlays side by side; of several results each has a row, and all but the first their ratio to it.
pub(super) fn table(views: &[View<'_>]) -> String {
    let names = names(views);
    let mut head = vec![Cell::text("")];
    head.extend(names.iter().map(|name| Cell::overlay(name).class("number")));
    let mut table = Table::new(&caption(views), head);
    for line in &LINES {
        let rows: Vec<Vec<Ranked<'_>>> = views.iter().map(|view| ranked(view, &names, line)).collect();
        if rows.iter().all(Vec::is_empty) {
            continue;
        }
        let scale = scale_of(rows.iter().flatten().map(|(_, value)| value));
        let title = title(line, views, &scale);
        if let [only] = &rows[..] {
            table.row(&Cell::text(&title), cells(&names, only, &scale));
            continue;
        }
        table.group(&Cell::text(&title));
        for (view, row) in views.iter().zip(&rows) {
            table.row(&Cell::text(view.label), cells(&names, row, &scale));
        }
        for (view, row) in views.iter().zip(&rows).skip(1) {
            let ratios = names.iter().map(|name| ratio(value(row, name), value(&rows[0], name)));
            table.row(&Cell::text(&format!("{} / {}", view.label, views[0].label)), ratios);
        }
    }
    let untried =
        if views.iter().any(|view| view.lost().is_none()) { paragraph(UNTRIED) } else { String::new() };
    format!("<div class=\"summary\">{}</div>\n{untried}", table.done())
}

fn caption(views: &[View<'_>]) -> String {
    let of = |view: &View<'_>| {
        let by = view.by.map_or("nothing was run", words);
        let label = if view.label.is_empty() { String::new() } else { format!("{}: ", view.label) };
        let runs = view.by.map_or(0, |by| runs_by(view.results, by));
        format!("{label}{by}, {} of each", count(runs))
    };
    let all: Vec<String> = views.iter().map(of).collect();
    format!(
        "Measured by {}. A value is the median, and after a loss the mean; small: its 95 % interval, where there are enough runs \
         for one and it is any wider. Bold: the best, and what cannot be told from it.",
        all.join("; ")
    )
}

fn title(line: &Line, views: &[View<'_>], scale: &Scale) -> String {
    let mut title = line.title.to_owned();
    if [ANSWERED, COMPLETED].contains(&line.key) {
        title = format!("{title} {}", lost(views));
    }
    if scale.name.is_empty() { title } else { format!("{title} ({})", scale.name) }
}

/// What was lost in these results, in a few words.
fn lost(views: &[View<'_>]) -> String {
    let mut lost: Vec<String> = views.iter().filter_map(View::lost).collect();
    lost.dedup();
    lost.join(", ")
}

fn value<'v>(row: &'v [Ranked<'_>], name: &str) -> Option<&'v Value> {
    row.iter().find(|(overlay, _)| *overlay == name).map(|(_, value)| value)
}

fn cells(names: &[&str], row: &[Ranked<'_>], scale: &Scale) -> Vec<Cell> {
    let best = alike(row);
    // What is the same everywhere is nobody's merit.
    let tells = best < row.len();
    let cell = |name: &&str| {
        let Some(place) = row.iter().position(|(overlay, _)| overlay == name) else {
            return Cell::number(NONE);
        };
        let value = &row[place].1;
        let cell = Cell::with_note(&scale.number(value.middle), &interval(value, scale));
        if tells && place < best { cell.class("best") } else { cell }
    };
    names.iter().map(cell).collect()
}

/// One value in terms of another.
pub(super) fn ratio(value: Option<&Value>, first: Option<&Value>) -> Cell {
    let ratio = value.zip(first).filter(|(_, first)| first.middle != 0.0);
    let text = ratio.map_or(NONE.to_owned(), |(value, first)| {
        format!("\u{d7} {}", Scale::of(Unit::Ratio, 0.0).number(value.middle / first.middle))
    });
    Cell::number(&text)
}

/// Which system to use for what, as these results have it.
pub(super) fn advice(views: &[View<'_>]) -> String {
    let names = names(views);
    let head = ["If you want", "first", "next", "last"].map(Cell::text).to_vec();
    let mut answers = Table::new("Who comes first in what, and who last.", head);
    let mut merits = vec![Merits::default(); names.len()];
    for line in &QUESTIONS {
        let mut title = line.title.to_owned();
        if [ANSWERED, COMPLETED].contains(&line.key) {
            title = format!("{title} {}", lost(views));
        }
        let question = title.to_lowercase();
        let rows = views.iter().map(|view| (view.label, ranked(view, &names, line)));
        let rows: Vec<(&str, Vec<Ranked<'_>>)> = rows.filter(|(_, ranked)| !ranked.is_empty()).collect();
        if views.len() > 1 && !rows.is_empty() {
            answers.group(&Cell::text(&title));
        }
        for (label, ranked) in &rows {
            answers.row(&Cell::text(if label.is_empty() { &title } else { label }), answer(ranked));
            let noted = names.iter().zip(&mut merits);
            noted.for_each(|(name, merits)| merits.note(name, ranked, &question, label));
        }
    }
    let rule = "All of this follows by rule from the figures of this scenario, and may be different in another one. Two \
                values count as alike if their 95 % intervals overlap or, where there are none, if they are less than a \
                tenth apart.";
    format!("{}{}{}", choices(views, &names, &merits), answers.done(), paragraph(rule))
}

/// What an overlay is good for, and what not.
#[derive(Clone, Debug, Default)]
struct Merits {
    first_in: Places,
    last_in: Places,
}

/// Questions, each with the results in which an overlay has that place.
#[derive(Clone, Debug, Default)]
struct Places(Vec<(String, Vec<String>)>);

impl Merits {
    /// Takes note of an overlay's place in the answers to a question, if these tell the overlays apart.
    fn note(&mut self, name: &str, ranked: &[Ranked<'_>], question: &str, label: &str) {
        let [first, _, last] = places(ranked);
        if last.is_empty() {
            return;
        }
        if value(first, name).is_some() {
            self.first_in.add(question, label);
        }
        if value(last, name).is_some() {
            self.last_in.add(question, label);
        }
    }
}

impl Places {
    fn add(&mut self, question: &str, label: &str) {
        match self.0.last_mut().filter(|(known, _)| known == question) {
            Some((_, labels)) => labels.push(label.to_owned()),
            None => self.0.push((question.to_owned(), vec![label.to_owned()])),
        }
    }
}

impl std::fmt::Display for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let each = |(question, labels): &(String, Vec<String>)| match labels.join(", ") {
            labels if labels.is_empty() => question.clone(),
            labels => format!("{question} ({labels})"),
        };
        let all: Vec<String> = self.0.iter().map(each).collect();
        if all.is_empty() { f.write_str(NONE) } else { f.write_str(&all.join("; ")) }
    }
}

fn choices(views: &[View<'_>], names: &[&str], merits: &[Merits]) -> String {
    let caption =
        "What speaks for each system and what against it, of the questions below that tell them apart.";
    let head = ["", "first, or alike, in", "last, or alike, in"];
    let mut table = Table::new(caption, head.map(Cell::text).to_vec());
    for (name, Merits { first_in, last_in }) in names.iter().zip(merits) {
        let column = views.iter().flat_map(|view| &view.results.columns).find(|one| one.overlay == *name);
        let about = Cell::with_note("", column.map_or("", |column| &column.about));
        let title = Cell::markup(format!("{}{}", overlay(name), about.inner()));
        table.row(&title, [first_in, last_in].map(|places| Cell::text(&places.to_string())));
    }
    table.done()
}

/// The overlays that come first, the next one and the last one, with their values.
fn answer(ranked: &[Ranked<'_>]) -> [Cell; 3] {
    let scale = scale_of(ranked.iter().map(|(_, value)| value));
    let some = |list: &[Ranked<'_>]| {
        let each =
            |(name, value): &Ranked<'_>| format!("{} {}", overlay(name), Escaped(&scale.text(value.middle)));
        let text = list.iter().map(each).collect::<Vec<_>>().join("<br/>");
        Cell::markup(if text.is_empty() { NONE.to_owned() } else { text })
    };
    let [first, between, last] = places(ranked);
    [some(first), some(&between[..between.len().min(1)]), some(last)]
}

#[cfg(test)]
mod tests {
    use super::*;

    type Given = (&'static str, f64, Option<(f64, f64)>);

    fn ranked(values: &[Given]) -> Vec<Ranked<'static>> {
        let value = |(name, middle, interval_95): &Given| {
            (*name, Value { unit: Unit::Seconds, middle: *middle, interval_95: *interval_95 })
        };
        values.iter().map(value).collect()
    }

    /// Who comes first, next and last, by their names.
    fn shown(ranked: &[Ranked<'_>]) -> [String; 3] {
        let names = |cell: Cell| {
            let there = ranked.iter().filter(|(name, _)| cell.inner().contains(&format!(">{name}<")));
            there.map(|(name, _)| *name).collect::<String>()
        };
        answer(ranked).map(names)
    }

    #[test]
    fn intervals_that_overlap_share_a_place_and_single_runs_do_if_they_are_near() {
        let some = |low, high| Some((low, high));
        let clear = [("a", 1.0, some(0.9, 1.1)), ("b", 1.05, some(1.0, 1.2)), ("c", 3.0, some(2.0, 4.0))];
        let rest = [("d", 5.0, some(4.5, 6.0)), ("e", 6.0, some(5.5, 7.0))];
        let all = ranked(&[&clear[..], &rest[..]].concat());
        assert_eq!(shown(&all), ["ab", "c", "de"]);
        assert_eq!(shown(&all[..3]), ["ab", "", "c"]);
        assert_eq!(shown(&all[..2]), ["ab", "", ""]);
        let single = ranked(&[("a", 1.0, None), ("b", 1.09, None), ("c", 1.2, None), ("d", 9.0, None)]);
        assert_eq!(shown(&single), ["ab", "c", "d"]);
        assert_eq!(shown(&ranked(&[("a", 0.0, None), ("b", 0.0, None)])), ["ab", "", ""]);
    }

    #[test]
    fn merits_tell_overlays_apart_or_are_none() {
        let all = ranked(&[("a", 1.0, None), ("b", 2.0, None), ("c", 2.1, None)]);
        let mut merits = Merits::default();
        merits.note("a", &all, "speed", "A");
        merits.note("a", &all, "speed", "B");
        merits.note("c", &all, "thrift", "");
        // All are alike: nobody comes first.
        merits.note("a", &all[..1], "beauty", "A");
        assert_eq!(merits.first_in.to_string(), "speed (A, B)");
        assert_eq!(merits.last_in.to_string(), "thrift");
        assert_eq!(Places::default().to_string(), NONE);
    }
}
