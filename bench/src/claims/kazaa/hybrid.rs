//! The cross between Napster and Gnutella, on the same people, files and searches.

use std::time::Duration;

use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Size, Trial, whole};
use crate::measure::Unit;
use crate::scenario::{Arrivals, Fault, Scenario, Whom};
use crate::trace::Purpose;

/// K1.
pub(super) const CROSS: Claim = Claim {
    id: "K1",
    sentence: "It is a cross between Napster and Gnutella.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "the same {} people, files and searches on all three, no downloads; Gnutella with TTL {}, which does not reach everybody, as TTL 7 did not among a million; clusters of at most {CHILDREN} and x = {ENOUGH}; a place between is 0 at Napster's value, 1 at Gnutella's",
            people(size),
            ttl(size)
        )
    },
    varied: "the overlay; the busiest node is there, or gone",
    seeds: crate::claims::HEAVY,
    trial: cross,
};

const CHILDREN: i64 = 25;
const ENOUGH: i64 = 20;
/// When the busiest node goes, and for how long searches after that count: as long as children need to notice and find another.
const STRUCK: Duration = Duration::from_secs(40);
const AFTER_S: f64 = 15.0;
/// Who is so little beyond one of the two, in terms of their distance, is where it is.
const BETWEEN: f64 = 0.05;
/// The three, in the order of the readings.
const NAMES: [&str; 3] = ["napster", "kazaa", "gnutella"];

fn people(size: Size) -> u32 {
    size.pick(150, 400, 2_000)
}

/// Hops that a search of Gnutella's goes.
fn ttl(size: Size) -> i64 {
    size.pick(2, 3, 4)
}

fn scenario(trial: &Trial, is_struck: bool) -> Scenario {
    let mut scenario =
        Scenario { seed: trial.seed_of(1) >> 1, peers: people(trial.size), ..Scenario::default() };
    scenario.duration_limit_s = 120.0;
    scenario.lines.firewalled = 0.0;
    scenario.catalog.titles = 4 * scenario.peers;
    scenario.catalog.artists = scenario.peers;
    scenario.arrivals = Arrivals::Uniform { over_s: 5.0 };
    (scenario.searches.per_peer, scenario.searches.downloads_per_peer) = (5, 0);
    (scenario.searches.pause_s, scenario.searches.settle_s) = (8.0, 10.0);
    let knobs = [
        ("gnutella", toml::Table::from_iter([("ttl".to_owned(), ttl(trial.size).into())])),
        (
            "kazaa",
            toml::Table::from_iter([
                ("children_max".to_owned(), CHILDREN.into()),
                ("enough".to_owned(), ENOUGH.into()),
            ]),
        ),
    ];
    scenario.overlay.extend(knobs.map(|(name, knobs)| (name.to_owned(), knobs)));
    if is_struck {
        scenario.faults.push(Fault::crash(Whom::Busiest, STRUCK));
    }
    scenario
}

/// What is compared of one overlay.
struct Place {
    /// Messages that carry a question, for each search.
    questions: f64,
    /// Results found of those there are, at most [`ENOUGH`] of each search.
    recall: f64,
    /// The busiest node's share of all control traffic.
    busiest: f64,
    /// Of the searches soon after the busiest node has gone that find something while it is there, those that still do.
    survives: f64,
}

fn place(overlay: &str, trial: &Trial) -> Place {
    let [whole, struck] = [false, true].map(|is_struck| whole::run(overlay, &scenario(trial, is_struck)).run);
    // Each overlay calls its question by a name of its own.
    let questions: u64 = whole
        .kinds
        .iter()
        .filter(|kind| kind.purpose == Purpose::Search)
        .filter(|kind| matches!(kind.kind.as_str(), "search" | "query" | "link query"))
        .map(|kind| kind.traffic.messages)
        .sum();
    let searches = &whole.measured.searches;
    let enough = |copies: u32| f64::from(copies.min(ENOUGH as u32));
    let there: f64 = searches.iter().map(|search| enough(search.copies_there)).sum();
    let found: f64 = searches.iter().map(|search| enough(search.copies_found.unwrap_or(0))).sum();
    let soon = STRUCK.as_secs_f64()..STRUCK.as_secs_f64() + AFTER_S;
    // The same searches with the busiest node there, so that nobody is held to what they would not have found anyway.
    let pairs = searches.iter().zip(&struck.measured.searches);
    let (mut with, mut without) = (0u32, 0u32);
    for (whole, struck) in pairs.filter(|(whole, _)| soon.contains(&whole.started_s)) {
        with += u32::from(whole.items_found > 0);
        without += u32::from(whole.items_found > 0 && struck.items_found > 0);
    }
    Place {
        questions: questions as f64 / searches.len() as f64,
        recall: found / there,
        busiest: whole.measured.sheet.get("busiest_control_share").unwrap_or(f64::NAN),
        survives: f64::from(without) / f64::from(with),
    }
}

fn cross(trial: &Trial) -> Vec<Reading> {
    let places = NAMES.map(|name| place(name, trial));
    type Of = fn(&Place) -> f64;
    let quantities: [(&str, Unit, Of); 4] = [
        ("messages that carry a question, for each search", Unit::Count, |place| libm::log(place.questions)),
        ("results found, of 20 or of those there are", Unit::Share, |place| place.recall),
        ("the busiest node's share of control traffic", Unit::Share, |place| place.busiest),
        ("searches that still find something soon after its death", Unit::Share, |place| place.survives),
    ];
    let mut readings = Vec::new();
    for (at, (what, unit, of)) in quantities.iter().enumerate() {
        for (name, place) in NAMES.iter().zip(&places) {
            let value = if at == 0 { place.questions } else { of(place) };
            readings.push(Reading::new(format!("{name}: {what}"), *unit, value));
        }
        let [napster, kazaa, gnutella] = [0, 1, 2].map(|at| of(&places[at]));
        let between = (kazaa - napster) / (gnutella - napster);
        readings.push(
            Reading::new(format!("place between: {what}"), Unit::Ratio, between).rule(Rule::within(
                -BETWEEN,
                1.0 + BETWEEN,
                Mark::Lecture,
            )),
        );
    }
    readings
}
