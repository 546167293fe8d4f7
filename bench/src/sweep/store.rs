//! Runs that are finished, each in a small file: a sweep that was stopped goes on where it was.
//!
//! A file is named by a digest of all that decides a run: the overlay, the scenario with that overlay's knobs and no other's, the seed, what
//! is in the folder that is shared, if one is, and the sources of the program. So a run is made once though another overlay's knob is varied, and never taken for one of a program that
//! has changed since.

use std::fs::File;
use std::io::{ErrorKind, Read as _};

use common::digest::Algorithm;
use serde::{Deserialize, Serialize};

use crate::compare::{Run, failures};
use crate::measure::Unit;
use crate::report::{Folder, FolderFault};
use crate::scenario::Scenario;

/// The version of the form of these files.
const FORMAT: u32 = 1;
/// The longest file that is read, in bytes: a hundred times what one has.
const FILE_MAX: u64 = 1 << 20;
/// A digest of the sources that this program was built from.
const SOURCES: &str = env!("BENCH_SOURCES");

/// A finished run, as far as a sweep needs it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    format: u32,
    pub(super) overlay: String,
    pub(super) seed: u64,
    /// The hash over every event.
    pub(super) digest: Option<String>,
    pub(super) cut_short: bool,
    /// What a checker found wrong, in words.
    pub(super) failures: Vec<String>,
    pub(super) measures: Vec<Measure>,
}

/// A measure of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Measure {
    pub(super) key: String,
    pub(super) title: String,
    pub(super) group: String,
    pub(super) unit: Unit,
    pub(super) value: Option<f64>,
}

/// What the file of a run is called.
pub(super) fn name(overlay: &str, scenario: &Scenario, files: &str) -> String {
    let mut decides = scenario.clone();
    decides.overlay.retain(|name, _| name == overlay);
    // What it is called and by what it is usually run decides nothing; the seed may be one that TOML cannot say.
    (decides.name, decides.about, decides.seed) = ("sweep".to_owned(), String::new(), 0);
    (decides.backends, decides.repeats) = (Vec::new(), None);
    let text = format!("{FORMAT}\n{SOURCES}\n{overlay}\n{files}\n{}\n{}", scenario.seed, decides.to_text());
    let digest = Algorithm::Sha1.of(text.as_bytes());
    digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).chain([".json".to_owned()]).collect()
}

/// Stores a run.
pub(super) fn write(folder: &Folder, name: &str, overlay: &str, run: &Run) -> Result<(), FolderFault> {
    let mut words = Vec::new();
    failures(&format!("{overlay}, seed {}", run.seed), &run.checks, &mut words);
    let measure = |measure: &crate::measure::Measure| Measure {
        key: measure.key.to_owned(),
        title: measure.title.to_owned(),
        group: measure.group.to_owned(),
        unit: measure.unit,
        value: measure.value,
    };
    let stored = Stored {
        format: FORMAT,
        overlay: overlay.to_owned(),
        seed: run.seed,
        digest: run.digest.clone(),
        cut_short: run.cut_short,
        failures: words,
        measures: run.measured.sheet.0.iter().map(measure).collect(),
    };
    let text = serde_json::to_vec(&stored).expect("a run has string keys and no loops");
    folder.write(name, &text)
}

/// A stored run; `None` if it is not there, or is not what it should be and has to be made again.
pub(super) fn read(folder: &Folder, name: &str) -> Result<Option<Stored>, FolderFault> {
    let mut bytes = Vec::new();
    let read = File::open(folder.path(name)).and_then(|file| file.take(FILE_MAX).read_to_end(&mut bytes));
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|error| folder.unreadable(name, &error))?,
    };
    let stored: Option<Stored> = serde_json::from_slice(&bytes).ok();
    Ok(stored.filter(|stored| stored.format == FORMAT))
}
