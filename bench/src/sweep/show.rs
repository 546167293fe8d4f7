//! A sweep as people and programs read it: tables on the screen, `sweep.json`, `sweep.csv`.

use std::fmt::Write as _;

use comfy_table::Cell;

use super::{Estimate, FILE, Point, Sweep, shown};
use crate::report::number::Scale;
use crate::report::table::{new, right};
use crate::report::{Folder, FolderFault};

/// What is shown on the screen: the price of a search, what it finds, how soon; how long downloads take; who depends on whom.
const ON_SCREEN: [&str; 5] =
    ["search_messages", "recall_items", "search_first_s", "download_s", "busiest_control_share"];
/// The most rows of a table on the screen; all are in the CSV.
const ROWS_MAX: usize = 40;

/// `sweep.json`: without anything of the machine or the moment.
pub fn to_json(sweep: &Sweep) -> String {
    let mut text = serde_json::to_string_pretty(sweep).expect("a sweep has string keys and no loops");
    text.push('\n');
    text
}

/// Writes `sweep.json` and `sweep.csv`.
///
/// # Errors
/// If the folder takes no files.
pub fn write(sweep: &Sweep, folder: &Folder) -> Result<(), FolderFault> {
    folder.write(FILE, to_json(sweep).as_bytes())?;
    folder.csv("sweep.csv", |csv| {
        let keys = sweep.axes.iter().map(|axis| axis.key.as_str());
        csv.write_record(keys.chain(["overlay", "measure", "unit", "runs", "mean", "low_95", "high_95"]))?;
        for point in &sweep.points {
            let values: Vec<String> = point.values.iter().map(shown).collect();
            for estimate in &point.estimates {
                let (low, high) = estimate.interval_95.unzip();
                let place = (&values, &point.overlay, &estimate.key, estimate.unit);
                csv.serialize((place, estimate.runs, estimate.mean, low, high))?;
            }
        }
        Ok(())
    })
}

impl Point {
    /// A measure of it.
    pub(crate) fn estimate(&self, key: &str) -> Option<&Estimate> {
        self.estimates.iter().find(|estimate| estimate.key == key)
    }
}

impl Sweep {
    /// The overlays, in the order of the points.
    pub(crate) fn overlays(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for point in &self.points {
            if names.contains(&point.overlay.as_str()) {
                break;
            }
            names.push(&point.overlay);
        }
        names
    }

    /// The points with the same values, in their order: the overlays side by side.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[Point]> {
        self.points.chunks(self.overlays().len().max(1))
    }
}

/// A measure at each point: its mean and its interval. Rows beyond so many are left out.
pub(crate) struct Grid {
    /// The measure and its unit.
    pub(crate) title: String,
    /// Values of the keys, and a cell for each overlay.
    pub(crate) rows: Vec<(Vec<String>, Vec<String>)>,
    /// Rows that are left out.
    pub(crate) more: usize,
}

/// The grid of a measure; `None` if nothing has a value.
pub(crate) fn grid(sweep: &Sweep, key: &str, rows_max: usize) -> Option<Grid> {
    let estimates = || sweep.points.iter().filter_map(|point| point.estimate(key));
    let first = estimates().find(|estimate| estimate.mean.is_some())?;
    let largest = estimates().filter_map(|estimate| estimate.mean).fold(0.0, f64::max);
    let scale = Scale::of(first.unit, largest);
    let cell = |point: &Point| {
        let Some(estimate) = point.estimate(key) else { return String::new() };
        match (estimate.mean, estimate.interval_95) {
            (None, _) => "-".to_owned(),
            (Some(mean), None) => scale.number(mean),
            (Some(mean), Some((low, high))) if low == high => scale.number(mean),
            (Some(mean), Some((low, high))) => {
                format!("{} ({}\u{2013}{})", scale.number(mean), scale.number(low), scale.number(high))
            }
        }
    };
    let row = |points: &[Point]| {
        let values = points.first().map(|point| point.values.iter().map(shown).collect());
        (values.unwrap_or_default(), points.iter().map(cell).collect())
    };
    let all = sweep.rows().count();
    let title = match scale.name {
        "" => first.title.clone(),
        unit => format!("{} ({unit})", first.title),
    };
    Some(Grid {
        title,
        rows: sweep.rows().take(rows_max).map(row).collect(),
        more: all.saturating_sub(rows_max),
    })
}

/// The tables on the screen.
pub fn render(sweep: &Sweep) -> String {
    let mut text = String::new();
    let keys = || sweep.axes.iter().map(|axis| axis.key.clone());
    for grid in ON_SCREEN.iter().filter_map(|key| grid(sweep, key, ROWS_MAX)) {
        let mut table = new(keys().chain(sweep.overlays().into_iter().map(str::to_owned)).collect());
        for (values, cells) in grid.rows {
            table.add_row(
                values.into_iter().map(Cell::new).chain(cells.into_iter().map(right)).collect::<Vec<_>>(),
            );
        }
        // A String takes everything.
        let _ = writeln!(text, "{}, mean of {} runs (95 % interval)\n{table}", grid.title, sweep.repeats);
        if grid.more > 0 {
            let _ = writeln!(text, "and {} rows more in sweep.csv", grid.more);
        }
        text.push('\n');
    }
    text
}
