//! Networks at a small part of the size that they had.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::page::{checked, named, parsed, text};
use bench::claims::finding::Reading;
use bench::scale::meter::{Meter, Stage};
use bench::scale::{Asked, NETWORKS, Network};
use common::testing::process::Program;

const BENCH: Program = Program(env!("CARGO_BIN_EXE_bench"));

fn network(name: &str) -> &'static Network {
    NETWORKS.into_iter().find(|network| network.name == name).unwrap()
}

fn part(fraction: f64, lasting_s: f64) -> Asked {
    Asked { fraction, seed: 1, lasting: Duration::from_secs_f64(lasting_s), logs: false }
}

/// What there was to read, and the stages.
fn run(name: &str, asked: &Asked) -> (Vec<Reading>, Vec<Stage>) {
    let (stop, mut told) = (AtomicBool::new(false), 0);
    let mut saved = |stages: &[Stage]| {
        told += 1;
        assert_eq!(stages.len(), told, "each stage is told once");
    };
    let mut meter = Meter::new(false, &stop, &mut saved);
    let readings = (network(name).run)(asked, &mut meter);
    (readings, meter.over().0)
}

fn value(readings: &[Reading], what: &str) -> f64 {
    let all: Vec<&str> = readings.iter().map(|reading| reading.what.as_str()).collect();
    readings.iter().find(|reading| reading.what == what).unwrap_or_else(|| panic!("{what} in {all:?}")).value
}

/// Every search ends, and most find something.
fn searches_end(readings: &[Reading], found: f64) {
    assert!(value(readings, "searches") > 0.0);
    assert_eq!(value(readings, "searches that have ended"), 1.0);
    assert_eq!(value(readings, "searches by somebody cut off"), 0.0);
    assert!(value(readings, "searches that found something") >= found, "{readings:?}");
}

#[test]
fn napster_answers_all_and_carries_no_content() {
    let (readings, stages) = run("napster", &part(0.0005, 60.0));
    searches_end(&readings, 0.5);
    assert_eq!(value(&readings, "users online"), 750.0);
    assert_eq!(value(&readings, "content bytes through servers"), 0.0);
    // A question, its end, and the results.
    let results = value(&readings, "results of a search");
    assert!((value(&readings, "messages of a search") - results - 2.0).abs() < 1e-9, "{readings:?}");
    assert!(value(&readings, "users who left, others in their place") > 0.0);
    assert_eq!(
        stages.iter().map(|stage| stage.name).collect::<Vec<_>>(),
        ["joining", "searching", "last answers"]
    );
}

#[test]
fn gnutella_floods_reach_all_for_as_many_messages_as_there_are_ways() {
    let (readings, _) = run("gnutella", &part(0.01, 4.0));
    searches_end(&readings, 0.3);
    // Seven hops reach everybody whose part hangs together; results come back beside the floods.
    assert!(value(&readings, "of all servents reached by a search") > 0.98);
    let messages = readings.iter().find(|reading| reading.what.starts_with("messages of a search")).unwrap();
    let ratio = messages.value / messages.theory.unwrap();
    assert!((0.9..1.2).contains(&ratio), "{ratio}");
}

#[test]
fn kazaa_s_children_survive_the_death_of_supernodes() {
    let (readings, _) = run("kazaa", &part(0.001, 1_800.0));
    let dead = value(&readings, "supernodes that died");
    assert_eq!(value(&readings, "children with a supernode"), 1.0);
    assert!(dead >= 1.0 && value(&readings, "children with a supernode, at the end") > 0.95, "{readings:?}");
    assert!(value(&readings, "searches that have ended") > 0.99);
}

#[test]
fn people_come_and_go_in_the_torrent_of_redhat_9() {
    let asked = part(0.0005, 86_400.0);
    let (readings, stages) = run("bittorrent", &asked);
    let came = value(&readings, "people who came");
    // One in two thousand of those of the first day.
    assert!((10.0..40.0).contains(&came));
    assert!(value(&readings, "there at the end") < came && value(&readings, "had all in one session") > 0.0);
    assert!(value(&readings, "copies in all") >= came * value(&readings, "had all in one session"));
    // The same once more, and not the same from another seed.
    assert_eq!(run("bittorrent", &asked).0, readings);
    let other = run("bittorrent", &Asked { seed: 2, ..asked });
    assert_ne!(other.1[0].events, stages[0].events);
}

#[test]
fn a_torrent_is_the_same_logged_or_not_and_its_tracker_s_log_can_be_studied() {
    let asked = part(0.0005, 43_200.0);
    assert_eq!(run("bittorrent", &asked).0, run("bittorrent", &Asked { logs: true, ..asked }).0);
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().to_str().unwrap();
    let scale = [
        "scale",
        "bittorrent",
        "--fraction",
        "0.0005",
        "--days",
        "0.5",
        "--logs",
        "--json",
        "-q",
        "--out",
        out,
    ];
    let output = BENCH.run(&scale);
    let stored: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let came = &stored["figures"][0];
    assert_eq!(came["what"], "people who came");
    let log = dir.path().join("scale-bittorrent-0.0005-tracker.log");
    let studied = BENCH.run(&["analyze", "tracker-log", log.to_str().unwrap(), "--out", out]);
    assert!(studied.status.success(), "{studied:?}");
    let figures = std::fs::read_to_string(dir.path().join("results.json")).unwrap();
    let figures: serde_json::Value = serde_json::from_str(&figures).unwrap();
    let clients = figures["figures"].as_array().unwrap().iter().find(|one| one["key"] == "clients").unwrap();
    // The origin is one of them, and who left before a word to the tracker is none.
    let clients = clients["value"].as_f64().unwrap();
    assert!((1.0..=came["value"].as_f64().unwrap() + 1.0).contains(&clients) && clients > 3.0, "{clients}");
}

#[test]
fn a_run_that_is_to_stop_ends_with_what_there_is() {
    let (stop, mut seen) = (AtomicBool::new(false), Vec::new());
    let mut saved = |stages: &[Stage]| {
        stop.store(true, Ordering::Relaxed);
        seen = stages.iter().map(|stage| (stage.name, stage.virtual_s)).collect();
    };
    let mut meter = Meter::new(false, &stop, &mut saved);
    let readings = (network("gnutella").run)(&part(0.002, 10.0), &mut meter);
    assert!(meter.is_stopped());
    drop(meter);
    assert!(seen[0].1 > 0.0 && seen[1..].iter().all(|(_, virtual_s)| *virtual_s == 0.0), "{seen:?}");
    assert_eq!(value(&readings, "searches"), 0.0);
}

#[test]
fn mistakes_are_one_line_each_and_results_are_stored() {
    for (arguments, words) in [
        (
            &["scale", "kademlia"][..],
            "no network is called \"kademlia\"; there are napster, gnutella, kazaa, bittorrent, and all",
        ),
        (&["scale", "napster", "--fraction", "0"], "--fraction 0: it is above 0 and up to 1"),
        (&["scale", "napster", "--fraction", "1.5"], "--fraction 1.5: it is above 0 and up to 1"),
        (&["scale", "bittorrent", "--days", "200"], "--days 200: it is above 0 and up to 146"),
        (&["scale", "gnutella", "--lasting", "0"], "--lasting 0: it is above 0"),
    ] {
        let told = BENCH.mistake(arguments);
        assert!(told.contains(words), "{told}");
    }
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().to_str().unwrap();
    let output =
        BENCH.run(&["scale", "gnutella", "--fraction", "0.001,0.002", "--report", "--quiet", "--out", out]);
    assert!(output.status.success());
    let done = String::from_utf8(output.stdout).unwrap();
    assert!(
        done.contains("GNUTELLA") && done.contains("messages of a search") && done.contains("most memory"),
        "{done}"
    );
    let stored = std::fs::read_to_string(dir.path().join("scale-gnutella-0.002.json")).unwrap();
    let stored: serde_json::Value = serde_json::from_str(&stored).unwrap();
    assert_eq!(stored["stages"].as_array().unwrap().len(), 4);
    assert_eq!(stored["stopped"], false);
    // The page has all of both, and a plot of each cost.
    let page = std::fs::read_to_string(dir.path().join("scale.html")).unwrap();
    checked(&page, dir.path());
    let document = parsed(&page);
    assert_eq!(named(&document, "figure").count(), 3);
    let cells: Vec<String> = named(&document, "th").map(text).collect();
    let what = stored["figures"].as_array().unwrap().iter().map(|figure| figure["what"].as_str().unwrap());
    for what in what {
        assert_eq!(cells.iter().filter(|cell| *cell == what).count(), 2, "{what}");
    }
}
