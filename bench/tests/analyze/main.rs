//! `analyze`: logs made by hand, with the figures that follow from them; logs of simulated swarms, against what the simulation
//! itself has counted; and logs that are none.

mod client;
mod command;
mod hostile;
mod simulated;
mod tracker;

use std::io::Cursor;

use bench::analyze::study::Study;
use bench::analyze::{client_log, tracker_log};

/// Holds figures against what they should be.
#[track_caller]
fn holds(study: &Study, expected: &[(&str, Option<f64>)]) {
    for (key, value) in expected {
        let figure = study.figures.iter().find(|figure| figure.key == *key);
        let found = figure.unwrap_or_else(|| panic!("there is no {key}")).value;
        let same = match (found, value) {
            (Some(found), Some(value)) => (found - value).abs() <= 1e-9 * value.abs().max(1.0),
            (found, value) => found.is_none() && value.is_none(),
        };
        assert!(same, "{key}: found {found:?}, expected {value:?}");
    }
}

/// The study of the torrent with most reports.
fn of_tracker(log: &str, options: &tracker_log::Options) -> Study {
    let (census, _) = tracker_log::census(Cursor::new(log)).unwrap();
    tracker_log::study(Cursor::new(log), &census.about(None).unwrap(), options).unwrap()
}

fn of_client(log: &str) -> Study {
    let (census, _) = client_log::census(Cursor::new(log)).unwrap();
    client_log::study(Cursor::new(log), &census.about().unwrap()).unwrap()
}
