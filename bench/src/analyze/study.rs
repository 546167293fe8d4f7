//! What is found in a log, beside what the lecture says of its own: numbers to compare with, and never thresholds.

use std::fmt::Write as _;

use serde::Serialize;

use super::lines::Read;
use crate::claims::finding::{Mark, Published};
use crate::claims::show::published;
use crate::measure::Unit;
use crate::plot::Plot;
use crate::report::number::Scale;
use crate::report::{Folder, FolderFault, spark, table};

/// What a log has shown.
#[derive(Clone, Debug, Serialize)]
pub struct Study {
    /// What was studied, in words.
    pub title: String,
    /// The torrent, in hexadecimal digits; none if the log does not say.
    pub torrent: Option<String>,
    /// What the file consisted of.
    pub read: Read,
    /// The figures, in groups.
    pub figures: Vec<Figure>,
    /// What happened over time, for the screen.
    #[serde(skip)]
    pub courses: Vec<Course>,
    /// Pictures, each with the name of its files.
    #[serde(skip)]
    pub plots: Vec<(&'static str, Plot)>,
}

/// A figure.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Figure {
    /// Its name in files.
    pub key: &'static str,
    /// Its name in the table.
    pub what: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// The heading it stands under.
    pub group: &'static str,
    /// The value; `None` if the log has nothing of it.
    pub value: Option<f64>,
    /// What the lecture says of the log of its study.
    pub lecture: Option<Published>,
}

/// A quantity over time.
#[derive(Clone, Debug)]
pub struct Course {
    /// Its name.
    pub what: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// Its values in equal parts of the time.
    pub values: Vec<f64>,
}

/// Figures as they are written down.
#[derive(Debug, Default)]
pub(super) struct Figures {
    group: &'static str,
    list: Vec<Figure>,
}

impl Figures {
    /// Further figures stand under this heading.
    pub(super) fn group(&mut self, name: &'static str) {
        self.group = name;
    }

    /// Adds one.
    pub(super) fn add(
        &mut self,
        key: &'static str,
        what: &'static str,
        unit: Unit,
        value: impl Into<Option<f64>>,
    ) -> &mut Figure {
        let value = value.into().filter(|value: &f64| value.is_finite());
        self.list.push(Figure { key, what, unit, group: self.group, value, lecture: None });
        self.list.last_mut().expect("it was just added")
    }

    /// Adds a number of things.
    pub(super) fn count(&mut self, key: &'static str, what: &'static str, count: u64) -> &mut Figure {
        self.add(key, what, Unit::Count, count as f64)
    }

    pub(super) fn done(self) -> Vec<Figure> {
        self.list
    }
}

impl Figure {
    /// The lecture has this number for it, with these words.
    pub(super) fn lecture(&mut self, value: f64, words: &'static str) {
        self.lecture = Some(Published::new(value, words, Mark::Lecture));
    }

    /// The lecture has this range for it.
    pub(super) fn lecture_range(&mut self, low: f64, high: f64, words: &'static str) {
        self.lecture = Some(Published::range(low, high, words, Mark::Lecture));
    }
}

impl Study {
    /// A figure by its name in files.
    pub fn figure(&self, key: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.key == key)?.value
    }

    /// The tables.
    pub fn render(&self, columns: usize) -> String {
        let mut text = format!("{}\n", self.title);
        // A String takes everything.
        let _ = writeln!(text, "{}", self.measures());
        if let Some(courses) = self.courses(columns) {
            let _ = writeln!(text, "\nOver time\n{courses}");
        }
        text
    }

    fn measures(&self) -> comfy_table::Table {
        let mut measures =
            table::new(["", "here", "L: what the lecture says of its own log"].map(str::to_owned).to_vec());
        let mut group = "";
        for figure in &self.figures {
            if figure.group != group {
                group = figure.group;
                measures.add_row([group.to_uppercase()]);
            }
            let value = figure
                .value
                .map_or_else(|| "-".to_owned(), |value| Scale::of(figure.unit, value).text(value));
            let said = figure.lecture.map(|said| published(&said, &Scale::of(figure.unit, said.value)));
            let (what, said) = (format!("  {}", figure.what), said.unwrap_or_default());
            measures.add_row([what.into(), table::right(value), table::right(said)]);
        }
        measures
    }

    fn courses(&self, columns: usize) -> Option<comfy_table::Table> {
        /// Of the columns beside the blocks, with the lines between them.
        const OTHERS_WIDTH: usize = 66;
        let width = columns.saturating_sub(OTHERS_WIDTH).clamp(10, 60);
        let mut courses = table::new(["", "", "mean", "most"].map(str::to_owned).to_vec());
        for Course { what, unit, values } in self.courses.iter().filter(|course| !course.values.is_empty()) {
            let parts = spark::means(values, width);
            let most = values.iter().copied().fold(0.0, f64::max);
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let scale = Scale::of(*unit, most);
            let blocks = spark::blocks(&parts, parts.iter().copied().fold(0.0, f64::max));
            courses.add_row([
                (*what).into(),
                blocks.into(),
                table::right(scale.text(mean)),
                table::right(scale.text(most)),
            ]);
        }
        courses.row_iter().next().is_some().then_some(courses)
    }

    /// `results.json`: without anything of the machine or the moment.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a study has string keys and no loops");
        text.push('\n');
        text
    }

    /// Writes `results.json`, and each plot as SVG with its data as CSV beside it.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write(&self, folder: &Folder) -> Result<(), FolderFault> {
        folder.write("results.json", self.to_json().as_bytes())?;
        self.plots.iter().try_for_each(|(name, plot)| {
            folder.write(&format!("{name}.svg"), plot.to_svg().as_bytes())?;
            folder.write(&format!("{name}.csv"), plot.to_csv().as_bytes())
        })
    }
}
