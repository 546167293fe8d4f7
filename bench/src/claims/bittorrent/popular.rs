//! What the lecture sums up: good for what is popular, bad if nobody stays.

use std::time::Duration;

use super::fluid::{growth, origin_pieces_s};
use super::origin::EXTRA_PIECES;
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
            "a flash crowd for {} pieces on lines of 1,500/400, told of 40 others; origin of {ORIGIN_KBPS} kbit/s; all leave when done. The server beside it has the same line and sends everybody all. The bound is the largest of what the origin's line, a line down and all lines up need at least. Where all leave when done the last ones have few to trade with, and of few pieces there is little to trade: below stands how near it comes if nobody leaves, and with 400 pieces",
            super::pieces(size)
        )
    },
    varied: "how many want it, from two on; whether the origin shows each peer one piece at a time (smart)",
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
            "people come by Poisson's law, {:.1} in the time in which a content of {} pieces goes up a line of 400 kbit/s, for {} such times; smart origin of {ORIGIN_KBPS} kbit/s. Who stays, stays for half of that time on average, exponential. Below, the swarm of R23, in which all but one piece is everywhere",
            PER_CONTENT,
            pieces(size),
            contents(size)
        )
    },
    varied: "whether those who are done stay; whether the origin does, or leaves when it has sent one copy and some pieces more, as in R10",
    seeds: crate::claims::HEAVY,
    trial: stays,
};

/// 2.5 of the peers' lines.
const ORIGIN_KBPS: u32 = 1_000;

fn sizes(size: Size) -> &'static [u32] {
    size.pick(&[2, 5, 20, 60], &[2, 5, 20, 60, 300], &[2, 5, 20, 60, 300, 1_000, 4_000, 10_000])
}

/// A flash crowd, all of it, and how long a server with the origin's line would take for everybody, in seconds.
fn flash(trial: &Trial, people: &[Person], plan: Plan) -> (Swarm, f64) {
    let swarm = after(Plan { origin_kbps: ORIGIN_KBPS, ..plan }, people, trial.seed_of(1));
    let content_bits = 8.0 * swarm.plan().bytes() as f64;
    let by_line = |copies: f64, kbps: u32| copies * content_bits / (f64::from(kbps) * 1e3);
    let server_s = by_line(people.len() as f64, ORIGIN_KBPS).max(by_line(1.0, DSL.down_kbps));
    (swarm, server_s)
}

fn popular(trial: &Trial) -> Vec<Reading> {
    let sizes = sizes(trial.size);
    let last = sizes.len() - 1;
    let few_pieces = Plan::flash(super::pieces(trial.size));
    let mut readings = Vec::new();
    for smart in [true, false] {
        let plan = Plan { smart, ..few_pieces.clone() };
        let origin = super::origin_name(smart);
        let put = |what: &str, value| Reading::new(format!("{what}, {origin} origin"), Unit::Ratio, value);
        let (mut bounds, mut gains) = (Vec::new(), Vec::new());
        for &people in sizes {
            let (swarm, server_s) = flash(trial, &crowd(people, DSL), plan.clone());
            let outcome = swarm.outcome();
            let least_s = outcome.bound.least_s();
            let gain = server_s / outcome.last_s;
            readings.extend([
                put(&format!("last one done by the bound, {people} people"), outcome.by_bound()).theory(1.0),
                put(&format!("mean time by the bound, {people} people"), outcome.mean_s() / least_s),
                put(&format!("a server's time by the swarm's, {people} people"), gain)
                    .theory(server_s / least_s),
            ]);
            bounds.push(outcome.by_bound());
            gains.push(gain);
        }
        readings.extend([
            put("last one done by the bound, the largest swarm", bounds[last])
                .rule(Rule::at_most(1.15, Mark::Derived)),
            put("the same, the smallest swarm by the largest", bounds[0] / bounds[last])
                .rule(Rule::at_least(1.0, Mark::Derived)),
            put("gain on a server, the largest swarm by the smallest", gains[last] / gains[0])
                .rule(Rule::at_least(2.0, Mark::Derived)),
        ]);
    }
    let stay = |person: Person| Person { stays: None, ..person };
    let staying: Vec<Person> = crowd(sizes[last], DSL).into_iter().map(stay).collect();
    for (pieces, plan) in [("", few_pieces), (" of 400 pieces", super::whole(trial.size))] {
        let (swarm, _) = flash(trial, &staying, plan);
        let what =
            format!("last one done by the bound{pieces}, the largest swarm, smart origin, nobody leaves");
        readings.push(Reading::new(what, Unit::Ratio, swarm.outcome().by_bound()));
    }
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
    let copies_max = origin_leaves.then_some(1.0 + f64::from(EXTRA_PIECES) / f64::from(pieces));
    let plan = Plan { origin_kbps: ORIGIN_KBPS, copies_max, ..Plan::flash(pieces) };
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
            "finished, origin leaves, stay less leave at once",
            Unit::Share,
            kept_alone.0 - left_alone.0,
        )
        .rule(Rule::at_least(0.1, Mark::Derived)),
        Reading::new(
            "who lack the one rare piece become more by, in a second, leave at once",
            Unit::Count,
            leave,
        )
        .theory(given),
        Reading::new("the same, stay for two pieces' time", Unit::Count, stay),
        Reading::new("the same, leave at once less stay", Unit::Count, leave - stay)
            .rule(Rule::at_least(0.0, Mark::Derived)),
    ]);
    readings
}
