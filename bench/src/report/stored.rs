//! What a folder of results has stored, read back: all that a page is drawn from.
//!
//! These are the forms of [`Comparison`](crate::compare::Comparison) and [`Report`](crate::claims::Report) as far as the page needs
//! them. The files may come from anywhere: names in them are mere text, and no number in them is trusted to be sensible.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Made;
use crate::claims::finding::{Mark, Rule, Verdict};
use crate::claims::{self, Size};
use crate::compare::{self, Agreement, Backend};
use crate::measure::{Curves, Unit};
use crate::replay::{self, Film};
use crate::sweep::{self, Sweep};

/// The longest file that is read, in bytes: some hundred times what the largest comparison writes.
const FILE_MAX: u64 = 256 << 20;

/// The most columns of results, and the most claims: more of them are no page.
const COLUMNS_MAX: usize = 256;
const CLAIMS_MAX: usize = 4_096;

/// Why a folder cannot be shown: one line.
#[derive(Debug, thiserror::Error)]
pub enum StoredFault {
    /// The file cannot be read.
    #[error("cannot read {path}: {why}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        why: String,
    },
    /// It is not what it should be.
    #[error("{path}: {why}")]
    Broken {
        /// Which.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// Another version of this program wrote it.
    #[error("{path}: its form is {found}, and this program reads {known}; run `{command}` again")]
    OtherForm {
        /// Which.
        path: String,
        /// Its form.
        found: u64,
        /// Ours.
        known: u32,
        /// What writes such a file.
        command: &'static str,
    },
    /// There is nothing in the folder.
    #[error(
        "{0}: neither results.json nor claims.json nor sweep.json is there; `compare`, `claims` and `sweep` write them"
    )]
    Nothing(String),
}

/// What a folder has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stored {
    /// `results.json`.
    pub(crate) results: Option<Results>,
    /// `claims.json`.
    pub(crate) claims: Option<Claims>,
    /// `replay.json`.
    pub(crate) replay: Option<Film>,
    /// `sweep.json`.
    pub(crate) sweep: Option<Sweep>,
}

impl Stored {
    /// Reads a folder.
    pub(crate) fn read(folder: &Path) -> Result<Stored, StoredFault> {
        let (of_results, of_claims) = (folder.join("results.json"), folder.join("claims.json"));
        let (of_replay, of_sweep) = (folder.join(replay::FILE), folder.join(sweep::FILE));
        let stored = Stored {
            results: load(&of_results, compare::FORMAT, "compare")?,
            claims: load(&of_claims, claims::FORMAT, "claims")?,
            replay: load(&of_replay, replay::FORMAT, "compare")?,
            sweep: load(&of_sweep, sweep::FORMAT, "sweep")?,
        };
        let faults = [
            (of_replay, stored.replay.as_ref().and_then(Film::fault)),
            (of_sweep, stored.sweep.as_ref().and_then(Sweep::fault)),
        ];
        if let Some((path, Some(why))) = faults.into_iter().find(|(_, fault)| fault.is_some()) {
            return Err(StoredFault::Broken { path: path.display().to_string(), why });
        }
        let columns = stored.results.as_ref().map_or(0, |results| results.columns.len());
        let tried = stored.claims.as_ref().map_or(0, |claims| claims.claims.len());
        for (path, count, most) in [(of_results, columns, COLUMNS_MAX), (of_claims, tried, CLAIMS_MAX)] {
            if count > most {
                let why = format!("it has {count} entries, and at most {most} are shown");
                return Err(StoredFault::Broken { path: path.display().to_string(), why });
            }
        }
        if !stored.is_of_runs() && stored.sweep.is_none() {
            return Err(StoredFault::Nothing(folder.display().to_string()));
        }
        Ok(stored)
    }

    /// True if there is something that can stand beside other such things.
    pub(crate) fn is_of_runs(&self) -> bool {
        self.results.is_some() || self.claims.is_some()
    }
}

/// What every form says before all else.
#[derive(Deserialize)]
struct Form {
    format: u64,
}

/// Reads a file of this form; `None` if it is not there.
fn load<T: DeserializeOwned>(
    path: &Path,
    known: u32,
    command: &'static str,
) -> Result<Option<T>, StoredFault> {
    let shown = || path.display().to_string();
    let unreadable =
        |error: std::io::Error| StoredFault::Unreadable { path: shown(), why: error.to_string() };
    let broken = |why: String| StoredFault::Broken { path: shown(), why };
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map_err(unreadable)?,
    };
    let mut text = Vec::new();
    file.take(FILE_MAX + 1).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > FILE_MAX {
        return Err(broken(format!("it is longer than {} MiB", FILE_MAX >> 20)));
    }
    let Form { format: found } = serde_json::from_slice(&text)
        .map_err(|error| broken(format!("no such file of `{command}`: {error}")))?;
    if found != u64::from(known) {
        return Err(StoredFault::OtherForm { path: shown(), found, known, command });
    }
    serde_json::from_slice(&text).map(Some).map_err(|error| broken(error.to_string()))
}

/// `results.json`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Results {
    pub(crate) made: Made,
    pub(crate) scenario: String,
    pub(crate) about: String,
    pub(crate) seed: u64,
    pub(crate) peers: u32,
    /// What is set otherwise than in the scenario of that name.
    #[serde(default)]
    pub(crate) changed: Vec<String>,
    pub(crate) columns: Vec<Column>,
    pub(crate) twins: Vec<Twin>,
    pub(crate) losses: Vec<Loss>,
    #[serde(default)]
    pub(crate) sizes: Vec<Smaller>,
}

/// An overlay among fewer people.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Smaller {
    pub(crate) overlay: String,
    pub(crate) peers: u32,
    pub(crate) estimates: Vec<Estimate>,
}

/// An overlay under one backend.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Column {
    pub(crate) overlay: String,
    pub(crate) about: String,
    pub(crate) backend: Backend,
    pub(crate) estimates: Vec<Estimate>,
    pub(crate) runs: Vec<Run>,
}

/// A measure over all runs.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Estimate {
    pub(crate) key: String,
    pub(crate) title: String,
    pub(crate) group: String,
    pub(crate) unit: Unit,
    pub(crate) median: Option<f64>,
    pub(crate) interval_95: Option<(f64, f64)>,
    #[serde(default)]
    pub(crate) why_none: Option<String>,
}

/// One run.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) digest: Option<String>,
    pub(crate) strikes: Vec<Strike>,
    pub(crate) curves: Curves,
    pub(crate) checks: Vec<Check>,
}

/// What a checker has said of a run.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) exercised: u64,
    pub(crate) undecided: u64,
    pub(crate) failed: u64,
}

/// What a fault did.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Strike {
    pub(crate) fault: String,
    pub(crate) victims: Vec<String>,
    pub(crate) before: Asked,
    pub(crate) after: Asked,
    pub(crate) under_way: u32,
    pub(crate) completed: u32,
}

/// Searches of a part of a run.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Asked {
    pub(crate) asked: u32,
    pub(crate) answered: u32,
    pub(crate) unanswered: BTreeMap<String, u32>,
}

/// An overlay without its busiest node.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Loss {
    pub(crate) overlay: String,
    pub(crate) runs: Vec<LossRun>,
}

/// One run of it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct LossRun {
    pub(crate) strike: Option<Strike>,
    pub(crate) checks: Vec<Check>,
}

/// An overlay's first run, over real sockets and in simulation.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Twin {
    pub(crate) overlay: String,
    pub(crate) backend: Backend,
    pub(crate) seed: u64,
    pub(crate) rows: Vec<TwinRow>,
}

/// One value, both ways.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TwinRow {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) real: f64,
    pub(crate) simulated: f64,
    pub(crate) agreement: Agreement,
}

/// `claims.json`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Claims {
    pub(crate) made: Made,
    pub(crate) seed: u64,
    pub(crate) size: Size,
    pub(crate) claims: Vec<Tried>,
}

/// A claim that has been tried.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Tried {
    pub(crate) id: String,
    pub(crate) sentence: String,
    pub(crate) said_by: String,
    pub(crate) setup: String,
    pub(crate) varied: String,
    pub(crate) seeds: u64,
    pub(crate) findings: Vec<Finding>,
    pub(crate) verdict: Verdict,
}

/// One quantity over all trials.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Finding {
    pub(crate) what: String,
    pub(crate) unit: Unit,
    pub(crate) mean: Option<f64>,
    pub(crate) interval_95: Option<(Option<f64>, Option<f64>)>,
    pub(crate) theory: Option<f64>,
    pub(crate) published: Option<Published>,
    pub(crate) rule: Option<Rule>,
    pub(crate) verdict: Option<Verdict>,
}

/// A number that somebody published.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Published {
    pub(crate) value: f64,
    pub(crate) to: Option<f64>,
    pub(crate) by: String,
    pub(crate) mark: Mark,
}
