//! The line that the origin needs.

use std::time::Duration;

use super::lone::{LoneServer, Offer};
use crate::claims::bittorrent::swarm::{DSL, Person, Plan, Swarm, crowd};
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;
use crate::mirror::ServerConfig;

/// M5.
pub(super) const COST: Claim = Claim {
    id: "M5",
    sentence: "Servers that are to serve everybody in time cost more: they need a wider line than an origin whose swarm helps it.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "a flash crowd of {} people for {} pieces, lines of 1,500/400; looked for is the slowest line up of the origin, to {:.0} %, with which {:.0} % of them are done within a deadline, each counted from its coming. The server serves all at a time; the origin of a swarm has a place for each {PLACE_KBPS} kbit/s of its line, at least five. A content's time is how long it takes up one peer's line: until then the peers' lines cannot carry all copies by themselves",
            people(size),
            pieces(size),
            (steps(size).0 - 1.0) * 100.0,
            IN_TIME * 100.0
        )
    },
    varied: "the deadline; server or swarm, with a smart or a plain origin",
    seeds: |size| size.pick(3, 4, 5),
    trial: cost,
};

/// How many must be done in time.
const IN_TIME: f64 = 0.95;
/// A place for each so many kilobits per second: more than one peer takes would leave some unused.
const PLACE_KBPS: u32 = 1_000;

/// Deadlines, in the content's time.
fn deadlines(size: Size) -> &'static [f64] {
    size.pick(&[0.8, 1.25], &[0.8, 1.25, 2.0], &[0.6, 0.8, 1.0, 1.25, 1.5, 2.0])
}

/// From one line that is tried to the next; and the widest that is, in such steps from the least that could do: thirty times as much.
fn steps(size: Size) -> (f64, u32) {
    size.pick((1.2, 19), (1.1, 36), (1.05, 70))
}

fn people(size: Size) -> u32 {
    size.pick(30, 100, 400)
}

fn pieces(size: Size) -> u32 {
    size.pick(64, 128, 400)
}

/// Somebody's deadline is an end of patience too: who is late no longer counts, and is no longer served.
fn impatient(people: u32, deadline: Duration) -> Vec<Person> {
    crowd(people, DSL).into_iter().map(|person| Person { patience: Some(deadline), ..person }).collect()
}

/// The share that a server alone serves in time.
fn by_server(trial: &Trial, people: &[Person], deadline: Duration, up_kbps: u32) -> f64 {
    let usual = ServerConfig::default();
    let config = ServerConfig { slots: people.len(), ..usual };
    let offer = Offer { bytes: Plan::flash(pieces(trial.size)).bytes(), up_kbps, config };
    let mut server = LoneServer::new(offer, trial.seed_of(2));
    server.run(people, 2 * deadline, deadline, &mut |_| {});
    server.times_s().len() as f64 / people.len() as f64
}

/// The share that a swarm serves in time whose origin has such a line and is smart or not.
fn by_swarm(trial: &Trial, people: &[Person], deadline: Duration, origin: (u32, bool)) -> f64 {
    let (origin_kbps, smart) = origin;
    let origin_places = Some((origin_kbps.div_ceil(PLACE_KBPS) as usize).max(5));
    let plan = Plan { origin_kbps, origin_places, smart, ..Plan::flash(pieces(trial.size)) };
    let mut swarm = Swarm::new(plan, trial.seed_of(1));
    swarm.run_all(people, 2 * deadline);
    swarm.outcome().finished()
}

/// The slowest line with which enough are served in time, kilobits per second, if more line never serves fewer. No number if not even the widest does.
fn least_kbps(size: Size, from_kbps: f64, in_time: impl Fn(u32) -> f64) -> f64 {
    let (grain, last) = steps(size);
    let line = |step: u32| (from_kbps * libm::pow(grain, f64::from(step))).ceil() as u32;
    let steps: Vec<u32> = (0..=last).collect();
    let first = steps.partition_point(|step| in_time(line(*step)) < IN_TIME);
    steps.get(first).map_or(f64::NAN, |step| f64::from(line(*step)))
}

fn cost(trial: &Trial) -> Vec<Reading> {
    let count = people(trial.size);
    let content_s = super::content_s(pieces(trial.size));
    let up_kbps = f64::from(DSL.up_kbps);
    let mut readings = Vec::new();
    for times in deadlines(trial.size) {
        let deadline = Duration::from_secs_f64(times * content_s);
        let people = impatient(count, deadline);
        // What must leave the origin by the deadline: the copies of all who must be done, or those that the peers' lines cannot carry,
        // and one.
        let one_kbps = up_kbps / times;
        let all_kbps = IN_TIME * f64::from(count) * one_kbps;
        let rest_kbps = (all_kbps - f64::from(count) * up_kbps).max(one_kbps);
        let server = least_kbps(trial.size, all_kbps, |kbps| by_server(trial, &people, deadline, kbps));
        let within = format!("within {times} of the content's time");
        let what = format!("line of a server alone, {within}");
        readings.push(Reading::new(what, Unit::Kbps, server).theory(all_kbps));
        let origins = [("smart", true), ("plain", false)].map(|(name, smart)| {
            let in_time = |kbps| by_swarm(trial, &people, deadline, (kbps, smart));
            let kbps = least_kbps(trial.size, rest_kbps, in_time);
            let what = format!("line of a swarm's {name} origin, {within}");
            readings.push(Reading::new(what, Unit::Kbps, kbps).theory(rest_kbps));
            kbps
        });
        // Whoever has to pay for the line takes the origin that needs less of it; NaN is not the lesser.
        let origin = origins[0].min(origins[1]);
        let ratio =
            Reading::new(format!("server by the cheaper origin, {within}"), Unit::Ratio, server / origin);
        readings.push(ratio.theory(all_kbps / rest_kbps).rule(Rule::at_least(1.0, Mark::Lecture)));
    }
    readings
}
