//! The page of a sweep: each measure that matters against what was varied.

use super::markup::{Cell, Table, colour, heading, paragraph};
use super::pictures::Picture;
use super::{IGNORED, document, figure, navigation, origin};
use crate::plot::{Axis, Escaped, Plot, Series, Span};
use crate::report::{Folder, FolderFault};
use crate::sweep::{Point, Sweep, grid, shown};

/// The measures of the page, in their order, and what is to be known of each.
const MEASURES: [(&str, &str); 14] = [
    ("search_messages", "Messages that a search causes, on all lines together."),
    ("search_bytes", "Their bytes."),
    (
        "searches_complete",
        "Searches that came to an end, be it with nothing found; the others were refused, timed out, or lost the overlay.",
    ),
    (
        "recall_items",
        "Different files in the results of a search, of those that somebody online had at that moment.",
    ),
    ("search_first_s", "From the question to the first result."),
    ("search_reach", "Nodes that heard of a search."),
    ("stale", "Results at somebody who had vanished."),
    ("fetched", "Downloads that were completed."),
    ("download_s", "From the start of a download to its end; of those that were completed."),
    (
        "over_bound",
        "From the first start to the last end of all downloads, over the least time in which these lines could carry as much.",
    ),
    ("server_share", "What servers and mirrors sent, of all content that anybody sent."),
    ("upkeep_bytes", "Joining, telling what one shares, staying in touch."),
    (
        "busiest_control_share",
        "Control traffic is all but the content itself; half is the most, since it counts where it is sent and where it arrives.",
    ),
    ("gini_control", "Zero: all carry the same; one: one node carries everything."),
];

/// Plots have one line for each overlay, so that further keys need plots of their own: for so many combinations at most.
const PANELS_MAX: usize = 9;
/// Rows of a table.
const ROWS_MAX: usize = 200;
/// From this ratio of the largest to the smallest value on, equal distances are equal ratios.
const LOG_FROM: f64 = 30.0;

/// Draws the page of a sweep and writes it with its pictures into a folder.
///
/// # Errors
/// If the folder takes no files.
pub(crate) fn draw_sweep(sweep: &Sweep, out: &Folder) -> Result<(), FolderFault> {
    let pictures = pictures(sweep);
    let plots = out.folder("plots")?;
    for Picture { name, plot, .. } in &pictures {
        plots.write(&format!("{name}.svg"), plot.to_svg().as_bytes())?;
        plots.write(&format!("{name}.csv"), plot.to_csv().as_bytes())?;
    }
    // Pictures of an earlier page that this one does not have.
    for (key, _) in MEASURES {
        let names = (0..=PANELS_MAX).map(|panel| picture_name(key, panel));
        for name in names.filter(|name| pictures.iter().all(|picture| picture.name != *name)) {
            plots.remove(&format!("{name}.svg"))?;
            plots.remove(&format!("{name}.csv"))?;
        }
    }
    out.write("index.html", page(sweep, &pictures).as_bytes())
}

fn page(sweep: &Sweep, pictures: &[Picture]) -> String {
    let keys: Vec<&str> = sweep.axes.iter().map(|axis| axis.key.as_str()).collect();
    let keys = keys.join(" and ");
    let mut body = heading("pictures", "Pictures");
    let panels = panels(sweep).len();
    if panels > PANELS_MAX {
        body.push_str(&paragraph(&format!(
            "There are pictures of the first {PANELS_MAX} of {panels} combinations of the other keys; sweep.csv has all of them."
        )));
    }
    body.push_str("<div class=\"plots\">\n");
    pictures.iter().for_each(|picture| body.push_str(&figure(picture)));
    body.push_str("</div>\n");
    body.push_str(&heading("measures", "Measures"));
    body.push_str(&paragraph(
        "Means over the runs, and in brackets their 95 % intervals. All measures are in sweep.csv.",
    ));
    MEASURES.iter().for_each(|(key, _)| body.push_str(&table(sweep, key)));
    body.push_str(&heading("made", "How this was made"));
    body.push_str("<dl>\n");
    body.push_str(&origin("the sweep", &sweep.made, sweep.seed));
    body.push_str("</dl>\n");
    body.push_str(&paragraph(IGNORED));
    let title = format!("{}, with other values of {keys}", sweep.scenario);
    let text = format!(
        "{} Simulated {} times at each point, first seed {}.",
        sweep.about, sweep.repeats, sweep.seed
    );
    let lead = format!("<p class=\"lead\">{}</p>\n", Escaped(text.trim()));
    document(&title, &format!("{lead}{}", navigation(&body, false)), &body)
}

/// A measure at each point.
fn table(sweep: &Sweep, key: &str) -> String {
    let Some(grid) = grid(sweep, key, ROWS_MAX) else { return String::new() };
    let keys = sweep.axes.iter().map(|axis| Cell::text(&axis.key));
    let head = keys.chain(sweep.overlays().into_iter().map(|name| Cell::overlay(name).class("number")));
    let more = if grid.more > 0 { format!("; {} rows more in sweep.csv", grid.more) } else { String::new() };
    let mut table = Table::new(&format!("{}{more}.", grid.title), head.collect());
    for (values, cells) in grid.rows {
        let (first, others) = values.split_first().map_or(("", &[][..]), |(first, others)| (first, others));
        let others = others.iter().map(|value| Cell::text(value));
        let cells = cells.iter().map(|cell| Cell::number(cell));
        table.row(&Cell::text(first), others.chain(cells).collect::<Vec<_>>());
    }
    table.done()
}

/// The points of each combination of the keys but the first, in their order.
fn panels(sweep: &Sweep) -> Vec<(String, Vec<&Point>)> {
    let mut panels: Vec<(String, Vec<&Point>)> = Vec::new();
    for point in &sweep.points {
        let others = sweep.axes.iter().zip(&point.values).skip(1);
        let others: Vec<String> =
            others.map(|(axis, value)| format!("{} = {}", axis.key, shown(value))).collect();
        let name = others.join(", ");
        match panels.iter_mut().find(|(known, _)| *known == name) {
            Some((_, points)) => points.push(point),
            None => panels.push((name, vec![point])),
        }
    }
    panels
}

/// What the files of a picture are called: of the only panel zero, else of this one, counted from 1.
fn picture_name(key: &str, panel: usize) -> String {
    let name = key.replace('_', "-");
    if panel == 0 { name } else { format!("{name}-{panel}") }
}

fn pictures(sweep: &Sweep) -> Vec<Picture> {
    let panels = panels(sweep);
    let about = format!("Made by: {}", sweep.made.command);
    let mut pictures = Vec::new();
    for (key, words) in MEASURES {
        for (at, (note, points)) in panels.iter().take(PANELS_MAX).enumerate() {
            let Some(plot) = plot(sweep, key, note, points) else { continue };
            let name = picture_name(key, if panels.len() > 1 { at + 1 } else { 0 });
            pictures.push(Picture { name, plot: plot.about(about.clone()), words });
        }
    }
    pictures
}

/// A measure against the first key; `None` if nothing has a value.
fn plot(sweep: &Sweep, key: &str, note: &str, points: &[&Point]) -> Option<Plot> {
    let axis = &sweep.axes[0];
    let numbers: Vec<f64> = axis.values.iter().filter_map(number).collect();
    let is_numeric = numbers.len() == axis.values.len();
    let first = points.iter().filter_map(|point| point.estimate(key)).find(|one| one.mean.is_some())?;
    // Of all panels, so that they can be compared.
    let means = || sweep.points.iter().filter_map(|point| point.estimate(key)?.mean);
    let y = Axis::new(first.title.clone(), first.unit);
    // Where ratios count, an interval that reaches down to nothing is drawn to the half of the least mean.
    let (y, least) =
        if is_wide(means()) { (y.log(), means().fold(f64::MAX, f64::min) / 2.0) } else { (y, 0.0) };
    let x = if is_numeric {
        let x = Axis::new(axis.key.clone(), crate::measure::Unit::Count);
        if is_wide(numbers.iter().copied()) { x.log() } else { x }
    } else {
        Axis::categories(axis.key.clone(), axis.values.iter().map(shown))
    };
    let title = capitalised(&first.title);
    let runs = format!("mean of {} runs", sweep.repeats);
    let note = if note.is_empty() { runs } else { format!("{note}; {runs}") };
    let mut plot = Plot::new(title, x, y).note(note);
    for name in sweep.overlays() {
        let own = points.iter().filter(|point| point.overlay == name);
        let values = own.enumerate().filter_map(|(at, point)| {
            let estimate = point.estimate(key)?;
            let x = if is_numeric { number(&point.values[0])? } else { at as f64 };
            let interval = estimate.interval_95.map(|(low, high)| (low.max(least), high));
            Some((x, estimate.mean?, interval))
        });
        plot = plot.with(series(name, &values.collect::<Vec<_>>(), is_numeric));
    }
    Some(plot)
}

/// Where it is, the mean, and the interval.
type Value = (f64, f64, Option<(f64, f64)>);

fn series(name: &str, values: &[Value], is_numeric: bool) -> Series {
    let middle = if is_numeric { 0.0 } else { 0.5 };
    let spans = values.iter().filter_map(|(x, _, interval)| {
        let (low, high) = interval.filter(|(low, high)| is_numeric || low < high)?;
        Some(Span { x: x + middle, low, high })
    });
    let series = if is_numeric {
        Series::line(name, values.iter().map(|(x, mean, _)| (*x, *mean)))
    } else {
        let bar = |(from, value, _): &Value| crate::plot::Bar { from: *from, to: from + 1.0, value: *value };
        Series::bars(name, values.iter().map(bar))
    };
    series.band(spans).colour(colour(name))
}

fn number(value: &toml::Value) -> Option<f64> {
    value
        .as_float()
        .or_else(|| value.as_integer().map(|whole| whole as f64))
        .filter(|number| number.is_finite())
}

/// Whether all are above zero and the largest is many times the smallest.
fn is_wide(values: impl Iterator<Item = f64>) -> bool {
    let (low, high) =
        values.fold((f64::INFINITY, 0.0f64), |(low, high), value| (low.min(value), high.max(value)));
    low > 0.0 && high >= LOG_FROM * low && low.is_finite()
}

fn capitalised(title: &str) -> String {
    let mut letters = title.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
