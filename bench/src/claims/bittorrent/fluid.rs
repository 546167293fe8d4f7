//! Swarms that go on for ever: what becomes of them.

use std::time::Duration;

use super::swarm::{Class, DSL, Has, PIECE, Person, Plan, Swarm, mean, poisson, settled};
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;
use crate::world::exponential;

/// R22.
pub(super) const STEADY: Claim = Claim {
    id: "R22",
    sentence: "How long a download takes does not depend on how many come: uplinks, and how long those stay who are done, decide it.",
    said_by: "Qiu and Srikant 2004",
    setup: |size| {
        format!(
            "people come by Poisson's law and stay for {SEEDING_S} s on average when done, exponential; {PIECES} pieces; origin of {ORIGIN_KBPS} kbit/s, which theory counts in; {} lifetimes",
            lifetimes(size)
        )
    },
    varied: "how many come in a second",
    seeds: super::FEW,
    trial: steady,
};

/// R23.
pub(super) const MISSING: Claim = Claim {
    id: "R23",
    sentence: "If all leave at once, and more come than the origin can give one piece, then those who lack just that piece become ever more; if they stay for as long as a piece takes to give, they do not.",
    said_by: "Hajek and Zhu 2010",
    setup: |size| {
        format!(
            "{} people lack one piece of {FEW_PIECES}, which only the origin has; plain origin of {DSL_UP} kbit/s, that is {:.2} pieces in a second; people come by Poisson's law with nothing; {} s",
            club(size),
            origin_pieces_s(),
            watched_s(size)
        )
    },
    varied: "how many come, by what the origin gives; how long people stay who are done",
    seeds: super::FEW,
    trial: missing,
};

const PIECES: u32 = 64;
const ORIGIN_KBPS: u32 = 400;
const DSL_UP: u32 = DSL.up_kbps;
const SEEDING_S: f64 = 100.0;

fn lifetimes(size: Size) -> f64 {
    size.pick(4.5, 8.0, 12.0)
}

/// Seconds that a content takes up one line.
fn upload_s(pieces: u32) -> f64 {
    f64::from(pieces) * f64::from(PIECE) * 8.0 / (f64::from(DSL.up_kbps) * 1e3)
}

/// The download time of theory, seconds, if so many come in a second: what leechers, seeds and origin send is what those who come need,
/// and uplinks are used fully (η = 1). No line down is the limit.
fn theory_s(per_s: f64) -> f64 {
    let origin = f64::from(ORIGIN_KBPS) / f64::from(DSL.up_kbps) / (upload_s(PIECES) * per_s);
    let least = upload_s(PIECES) * f64::from(DSL.up_kbps) / f64::from(DSL.down_kbps);
    (upload_s(PIECES) * (1.0 - origin) - SEEDING_S).max(least)
}

fn steady(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let rates: &[f64] = trial.size.pick(&[0.06, 0.24], &[0.1, 0.2, 0.4], &[0.1, 0.2, 0.4, 1.6]);
    let mut means = Vec::new();
    for &per_s in rates {
        let mut rng = trial.rng(2);
        let life_s = theory_s(per_s);
        let lasting_s = lifetimes(trial.size) * life_s;
        let mut people = settled((per_s * life_s) as u32, PIECES, DSL, &mut rng);
        people.extend(poisson(per_s, Duration::from_secs_f64(lasting_s), DSL, &mut rng));
        for person in &mut people {
            person.stays = Some(Duration::from_secs_f64(exponential(&mut rng, SEEDING_S)));
        }
        let plan = Plan { origin_kbps: ORIGIN_KBPS, ..Plan::flash(PIECES) };
        let mut swarm = Swarm::new(plan, trial.seed_of(1));
        let lasting = Duration::from_secs_f64(lasting_s);
        swarm.run(&people, lasting, lasting, &mut |_| {});
        // Those who came when it had settled, and had time enough to finish.
        let watched = 1.5 * life_s..lasting_s - 2.0 * life_s;
        let members =
            swarm.members().iter().filter(|member| watched.contains(&(member.joined.as_secs_f64() - 1.0)));
        let times: Vec<f64> = members.filter_map(super::swarm::Member::took_s).collect();
        means.push(mean(&times));
        readings.push(
            Reading::new(format!("download time, {per_s} come in a second"), Unit::Seconds, mean(&times))
                .theory(life_s),
        );
        readings.push(
            Reading::new(format!("download time by theory, {per_s}"), Unit::Ratio, mean(&times) / life_s)
                .rule(Rule::within(0.9, 1.1 / 0.9, Mark::Derived)),
        );
    }
    let last = means.len() - 1;
    readings.push(
        Reading::new("download time, most come by few come", Unit::Ratio, means[last] / means[0])
            .rule(Rule::within(0.9, 1.1, Mark::Derived)),
    );
    readings
}

/// Pieces of the content of which one is missing: few, so that whoever comes soon lacks just that one.
const FEW_PIECES: u32 = 8;

fn club(size: Size) -> u32 {
    size.pick(60, 100, 300)
}

fn watched_s(size: Size) -> u32 {
    size.pick(400, 800, 1_600)
}

/// Pieces that the origin gives in a second.
pub(super) fn origin_pieces_s() -> f64 {
    f64::from(DSL_UP) * 1e3 / (8.0 * f64::from(PIECE))
}

/// How many more there are in a second, and how many came.
pub(super) struct Growth {
    pub measured: f64,
    came: f64,
}

/// By how many in a second the club of those who lack one piece grows, if so many come and stay so long when they are done.
pub(super) fn growth(trial: &Trial, per_s: f64, stays_s: f64) -> Growth {
    let mut rng = trial.rng(2);
    let lasting_s = f64::from(watched_s(trial.size));
    let class = Class { up_kbps: DSL_UP, ..DSL };
    let mut people: Vec<Person> = (0..club(trial.size))
        .map(|_| Person { has: Has::AllButOne, ..Person::new(Duration::ZERO, class) })
        .collect();
    people.extend(poisson(per_s, Duration::from_secs_f64(lasting_s), class, &mut rng));
    for person in &mut people {
        person.stays = Some(Duration::from_secs_f64(stays_s));
    }
    let plan = Plan { origin_kbps: DSL_UP, smart: false, ..Plan::flash(FEW_PIECES) };
    let mut swarm = Swarm::new(plan, trial.seed_of(1));
    // Those who have come are not as many as they are on average.
    let came = (people.len() as f64 - f64::from(club(trial.size))) / lasting_s;
    let mut sizes = vec![(0.0, f64::from(club(trial.size)))];
    let lasting = Duration::from_secs_f64(lasting_s);
    swarm.run(&people, lasting, Duration::from_secs(5), &mut |swarm| {
        sizes.push((swarm.now_s(), swarm.leeching() as f64));
    });
    // Until hardly anybody is left.
    let until = sizes.iter().position(|(_, size)| *size < 5.0).map_or(sizes.len(), |at| at + 1);
    Growth { measured: slope(&sizes[..until]), came }
}

/// The slope of the line with the least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let (xs, ys): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
    let (x, y) = (mean(&xs), mean(&ys));
    let both: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    both / xs.iter().map(|at| (at - x) * (at - x)).sum::<f64>()
}

fn missing(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let given = origin_pieces_s();
    for times in [2.0, 3.0] {
        let growth = growth(trial, times * given, 0.0);
        let by_theory = growth.measured / (growth.came - given);
        readings.push(
            Reading::new(
                format!("growth by what comes less what is given, {times} times as many come"),
                Unit::Ratio,
                by_theory,
            )
            .theory(1.0)
            .rule(Rule::within(0.75, 1.25, Mark::Derived)),
        );
    }
    let few = growth(trial, 0.5 * given, 0.0).measured;
    readings.push(
        Reading::new("growth in a second, half as many come", Unit::Count, few)
            .rule(Rule::at_most(0.0, Mark::Derived)),
    );
    let stay = growth(trial, 2.0 * given, 2.0 / given).measured;
    let what = "growth in a second, twice as many come, and stay for two pieces' time";
    readings.push(Reading::new(what, Unit::Count, stay).rule(Rule::at_most(0.0, Mark::Derived)));
    readings
}
