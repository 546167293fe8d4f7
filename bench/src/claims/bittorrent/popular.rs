//! What the lecture sums up: good for what is popular, bad if nobody stays.

use std::time::Duration;

use super::fluid::{growth, origin_pieces_s};
use super::swarm::{DSL, LIMIT, PIECE, Person, Plan, Swarm, after, crowd, poisson};
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;
use crate::world::exponential;

/// S1.
pub(super) const POPULAR: Claim = Claim {
    id: "S1",
    sentence: "It is efficient for very popular content: the more want it, the more a swarm gains on a server, and a large one is near the best that is possible.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "a flash crowd for {} pieces on lines of 1,500/400, told of 40 others; smart origin of {ORIGIN_KBPS} kbit/s; all leave when done. The server beside it has the same line and sends everybody all. The bound is the largest of what the origin's line, a line down and all lines up need at least",
            super::pieces(size)
        )
    },
    varied: "how many want it, from two on",
    seeds: super::FEW,
    trial: popular,
};

/// S2.
pub(super) const STAYS: Claim = Claim {
    id: "S2",
    sentence: "It suffers if clients leave as soon as they are done.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "people come by Poisson's law, {:.1} in the time in which a content of {} pieces goes up a line of 400 kbit/s, for {} such times; plain origin of {ORIGIN_KBPS} kbit/s. Who stays, stays for half of that time on average, exponential. Below, the swarm of R23, in which all but one piece is everywhere",
            PER_CONTENT,
            pieces(size),
            contents(size)
        )
    },
    varied: "whether those who are done stay; whether the origin does, or leaves after 1.02 copies",
    seeds: super::FEW,
    trial: stays,
};

/// 2.5 of the peers' lines.
const ORIGIN_KBPS: u32 = 1_000;

fn sizes(size: Size) -> &'static [u32] {
    size.pick(
        &[2, 5, 10, 25, 100],
        &[2, 5, 10, 25, 100, 400],
        &[2, 5, 10, 25, 100, 400, 1_000, 4_000, 10_000],
    )
}

fn popular(trial: &Trial) -> Vec<Reading> {
    let sizes = sizes(trial.size);
    let mut readings = Vec::new();
    let (mut bounds, mut gains) = (Vec::new(), Vec::new());
    for &people in sizes {
        let plan = Plan { origin_kbps: ORIGIN_KBPS, ..Plan::flash(super::pieces(trial.size)) };
        let swarm = after(plan, &crowd(people, DSL), trial.seed_of(1));
        let outcome = swarm.outcome();
        let content_bits = 8.0 * swarm.plan().bytes() as f64;
        let server_s = f64::from(people) * content_bits / (f64::from(ORIGIN_KBPS) * 1e3);
        let server_s = server_s.max(content_bits / (f64::from(DSL.down_kbps) * 1e3));
        let gain = server_s / outcome.last_s;
        readings.extend([
            Reading::new(
                format!("last one done by the bound, {people} people"),
                Unit::Ratio,
                outcome.by_bound(),
            )
            .theory(1.0),
            Reading::new(format!("a server's time by the swarm's, {people} people"), Unit::Ratio, gain)
                .theory(server_s / outcome.bound.least_s()),
        ]);
        bounds.push(outcome.by_bound());
        gains.push(gain);
    }
    let last = sizes.len() - 1;
    readings.extend([
        Reading::new("last one done by the bound, the largest swarm", Unit::Ratio, bounds[last])
            .rule(Rule::at_most(1.15, Mark::Derived)),
        Reading::new("the same, the smallest swarm by the largest", Unit::Ratio, bounds[0] / bounds[last])
            .rule(Rule::at_least(1.0, Mark::Derived)),
        Reading::new(
            "gain on a server, the largest swarm by the smallest",
            Unit::Ratio,
            gains[last] / gains[0],
        )
        .rule(Rule::at_least(2.0, Mark::Derived)),
    ]);
    readings
}

/// How many come while a content goes up one line.
const PER_CONTENT: f64 = 8.0;
/// How long those stay who stay, in that time.
const STAY: f64 = 0.5;

fn pieces(size: Size) -> u32 {
    size.pick(32, 64, 400)
}

/// How many such times people come for.
fn contents(size: Size) -> u32 {
    size.pick(6, 8, 12)
}

/// The share that finishes, and the mean time of those.
fn visited(trial: &Trial, has_stays: bool, origin_leaves: bool) -> (f64, f64) {
    let mut rng = trial.rng(2);
    let pieces = pieces(trial.size);
    let content_s = f64::from(pieces) * f64::from(PIECE) * 8.0 / (f64::from(DSL.up_kbps) * 1e3);
    let lasting = Duration::from_secs_f64(content_s * f64::from(contents(trial.size)));
    let mut people: Vec<Person> = poisson(PER_CONTENT / content_s, lasting, DSL, &mut rng);
    for person in &mut people {
        let stays_s = exponential(&mut rng, STAY * content_s);
        person.stays = Some(Duration::from_secs_f64(if has_stays { stays_s } else { 0.0 }));
    }
    let copies_max = origin_leaves.then_some(1.02);
    let plan = Plan { origin_kbps: ORIGIN_KBPS, smart: false, copies_max, ..Plan::flash(pieces) };
    let mut swarm = Swarm::new(plan, trial.seed_of(1));
    swarm.run_all(&people, LIMIT);
    let outcome = swarm.outcome();
    (outcome.finished(), outcome.mean_s())
}

fn stays(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let mut of = |has_stays: bool, origin_leaves: bool| {
        let (finished, mean_s) = visited(trial, has_stays, origin_leaves);
        let who = if has_stays { "stay a while" } else { "leave at once" };
        let origin = if origin_leaves { "origin leaves" } else { "origin stays" };
        readings.extend([
            Reading::new(format!("finished, {origin}, those who are done {who}"), Unit::Share, finished),
            Reading::new(format!("mean time, {origin}, those who are done {who}"), Unit::Seconds, mean_s),
        ]);
        (finished, mean_s)
    };
    let [kept, left] = [true, false].map(|has_stays| of(has_stays, false));
    let [kept_alone, left_alone] = [true, false].map(|has_stays| of(has_stays, true));
    let given = origin_pieces_s();
    let [leave, stay] = [0.0, 2.0 / given].map(|stays_s| growth(trial, 2.0 * given, stays_s).measured);
    readings.extend([
        Reading::new("mean time, origin stays, leave at once by stay", Unit::Ratio, left.1 / kept.1)
            .rule(Rule::at_least(1.1, Mark::Derived)),
        Reading::new(
            "finished, origin leaves, leave at once by stay",
            Unit::Ratio,
            left_alone.0 / kept_alone.0,
        )
        .rule(Rule::at_most(0.9, Mark::Derived)),
        Reading::new(
            "who lack the one rare piece become more by, in a second, leave at once",
            Unit::Count,
            leave,
        )
        .theory(given)
        .rule(Rule::at_least(0.0, Mark::Derived)),
        Reading::new("the same, stay for two pieces' time", Unit::Count, stay)
            .rule(Rule::at_most(0.0, Mark::Derived)),
    ]);
    readings
}
