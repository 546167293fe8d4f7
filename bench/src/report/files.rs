//! `results.json`, the CSV files and the scenario that was run.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::compare::Comparison;
use crate::replay::{self, Film};
use crate::scenario::Scenario;

/// Why the files could not be written, or read again: one line that says where.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {path}: {why}")]
pub struct FolderFault {
    what: &'static str,
    path: String,
    why: String,
}

fn fault(path: &Path, why: &impl ToString) -> FolderFault {
    FolderFault { what: "write", path: path.display().to_string(), why: why.to_string() }
}

/// A folder for results that has been found to take files.
#[derive(Debug)]
pub struct Folder(PathBuf);

/// Columns of `searches.csv` after overlay, backend and seed, as [`SearchRow`](crate::measure::SearchRow) has them.
const SEARCH_COLUMNS: [&str; 18] = [
    "search",
    "person",
    "words",
    "started_s",
    "end",
    "took_s",
    "first_s",
    "last_s",
    "first_hops",
    "results",
    "items_found",
    "items_there",
    "copies_found",
    "copies_there",
    "stale",
    "messages",
    "bytes",
    "nodes_reached",
];
/// Columns of `downloads.csv` after overlay, backend and seed, as [`DownloadRow`](crate::measure::DownloadRow) has them.
const DOWNLOAD_COLUMNS: [&str; 10] =
    ["fetch", "person", "item", "size", "started_s", "candidates", "end", "took_s", "kbps", "bound_s"];

/// Columns of `throughput.csv` after overlay, backend and seed, as [`FlowRow`](crate::measure::FlowRow) has them.
const FLOW_COLUMNS: [&str; 6] =
    ["second", "seconds", "bytes_per_s", "bytes_per_s_each", "downloads", "downloaders"];

impl Folder {
    /// Makes the folder if need be and tries whether it takes files: that it does not is better found out before a minute's work than
    /// after. What is in it stays as it is until there are results.
    ///
    /// # Errors
    /// If it cannot be made or written to.
    pub fn open(path: &Path) -> Result<Folder, FolderFault> {
        const TRIED: &str = "tried.part";
        let folder = Folder::make(path)?;
        folder.write(TRIED, b"")?;
        folder.remove(TRIED)?;
        Ok(folder)
    }

    /// Puts in the scenario of the results.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn put_scenario(&self, scenario: &Scenario) -> Result<(), FolderFault> {
        self.write("scenario.toml", scenario.to_text().as_bytes())
    }

    /// Makes the folder if need be.
    pub(crate) fn make(path: &Path) -> Result<Folder, FolderFault> {
        std::fs::create_dir_all(path).map_err(|error| fault(path, &error))?;
        Ok(Folder(path.to_owned()))
    }

    /// A folder in it, made if need be.
    pub(crate) fn folder(&self, name: &str) -> Result<Folder, FolderFault> {
        Folder::make(&self.0.join(name))
    }

    /// Where a file of it is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Why a file of it could not be read.
    pub(crate) fn unreadable(&self, name: &str, why: &std::io::Error) -> FolderFault {
        FolderFault { what: "read", ..fault(&self.0.join(name), why) }
    }

    /// Removes a file, if it is there.
    pub(crate) fn remove(&self, name: &str) -> Result<(), FolderFault> {
        let path = self.0.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(fault(&path, &error)),
            _ => Ok(()),
        }
    }

    /// Writes everything. Each file appears whole or not at all.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn fill(&self, comparison: &Comparison) -> Result<(), FolderFault> {
        self.write("results.json", to_json(comparison).as_bytes())?;
        self.csv("summary.csv", |csv| summary(csv, comparison))?;
        self.csv("searches.csv", |csv| {
            csv.write_record(["overlay", "backend", "seed"].into_iter().chain(SEARCH_COLUMNS))?;
            each(comparison, |overlay, backend, run| {
                run.measured
                    .searches
                    .iter()
                    .try_for_each(|row| csv.serialize((overlay, backend, run.seed, row)))
            })
        })?;
        self.csv("throughput.csv", |csv| {
            csv.write_record(["overlay", "backend", "seed"].into_iter().chain(FLOW_COLUMNS))?;
            each(comparison, |overlay, backend, run| {
                run.measured.flow.iter().try_for_each(|row| csv.serialize((overlay, backend, run.seed, row)))
            })
        })?;
        self.csv("downloads.csv", |csv| {
            csv.write_record(["overlay", "backend", "seed"].into_iter().chain(DOWNLOAD_COLUMNS))?;
            each(comparison, |overlay, backend, run| {
                run.measured
                    .downloads
                    .iter()
                    .try_for_each(|row| csv.serialize((overlay, backend, run.seed, row)))
            })
        })
    }

    /// Writes the film of a replay, or removes an earlier one that does not belong to these results.
    ///
    /// # Errors
    /// If the file cannot be written, or removed.
    pub fn put_film(&self, film: Option<&Film>) -> Result<(), FolderFault> {
        match film {
            Some(film) => self.write(replay::FILE, film.to_json().as_bytes()),
            None => self.remove(replay::FILE),
        }
    }

    pub(crate) fn csv(
        &self,
        name: &str,
        rows: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> csv::Result<()>,
    ) -> Result<(), FolderFault> {
        let mut csv = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
        rows(&mut csv).map_err(|error| fault(&self.0.join(name), &error))?;
        let bytes = csv.into_inner().map_err(|error| fault(&self.0.join(name), error.error()))?;
        self.write(name, &bytes)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), FolderFault> {
        let path = self.0.join(name);
        let half = self.0.join(format!(".{name}.part"));
        let written = std::fs::File::create(&half).and_then(|mut file| file.write_all(bytes));
        written.and_then(|()| std::fs::rename(&half, &path)).map_err(|error| fault(&path, &error))
    }
}

fn each(
    comparison: &Comparison,
    mut rows: impl FnMut(&str, &str, &crate::compare::Run) -> csv::Result<()>,
) -> csv::Result<()> {
    for column in &comparison.columns {
        for run in &column.runs {
            rows(column.overlay, column.backend.name(), run)?;
        }
    }
    Ok(())
}

fn summary(csv: &mut csv::Writer<Vec<u8>>, comparison: &Comparison) -> csv::Result<()> {
    csv.write_record(["overlay", "backend", "measure", "unit", "runs", "median", "low_95", "high_95"])?;
    for column in &comparison.columns {
        for estimate in &column.estimates {
            let (low, high) = estimate.interval_95.unzip();
            let place = (column.overlay, column.backend.name(), estimate.key);
            csv.serialize((place, estimate.unit, estimate.runs, estimate.median, low, high))?;
        }
    }
    Ok(())
}

/// `results.json`: the comparison, without anything of the machine or the moment.
pub fn to_json(comparison: &Comparison) -> String {
    let mut text =
        serde_json::to_string_pretty(comparison).expect("a comparison has string keys and no loops");
    text.push('\n');
    text
}
