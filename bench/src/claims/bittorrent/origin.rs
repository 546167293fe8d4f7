//! What the origin's line and its stay are worth.

use super::swarm::{DSL, MIX_B, Person, Plan, Swarm, after, crowd, mixed};
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;

const BHARAMBE: &str = "Bharambe, Herley and Padmanabhan 2006";
/// The origin's line up, kilobits per second, by the paper's scripts.
const LINES_KBPS: [u32; 5] = [200, 400, 600, 800, 1_000];

/// R2.
pub(super) const LINE: Claim = Claim {
    id: "R2",
    sentence: "With an origin slower than one peer the swarm is slow, with one twice as fast it is good; a smart origin never does worse.",
    said_by: BHARAMBE,
    setup: |size| {
        format!("a flash crowd of {} people for {} pieces", super::people(size), super::pieces(size))
    },
    varied: "the origin's line, 200 to 1,000 kbit/s (the peers' is 400); smart or plain",
    seeds: super::FEW,
    trial: line,
};

/// R10.
pub(super) const LEAVES: Claim = Claim {
    id: "R10",
    sentence: "If the origin leaves after little more than one copy, all finish with a smart origin, and with a plain one some never do.",
    said_by: BHARAMBE,
    setup: |size| {
        format!(
            "a flash crowd of {} people for {} pieces; the origin leaves when it has sent one copy and {EXTRA_PIECES} pieces; all leave when done",
            super::people(size),
            super::pieces(size)
        )
    },
    varied: "the origin's line; homogeneous lines or three classes; smart or plain",
    seeds: super::FEW,
    trial: leaves,
};

/// Pieces beyond one copy that the origin sends before it leaves: 2 % of the 400 of the paper's scripts. Fewer would not even end those
/// that are on their way to five peers when the last one begins.
const EXTRA_PIECES: u32 = 8;

/// What the peers' uplinks can be used for at the most: all copies but the one that must come from the origin, in the least time.
fn ceiling(swarm: &Swarm, people: &[Person]) -> f64 {
    let bits = swarm.plan().bytes() as f64 * 8.0;
    let up: f64 = people.iter().map(|person| f64::from(person.class.up_kbps) * 1e3).sum();
    let traded = (people.len() as f64 - 1.0) * bits;
    (traded / (up * swarm.outcome().bound.least_s())).min(1.0)
}

fn line(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let people = crowd(super::people(trial.size), DSL);
    let mut by_bound = Vec::new();
    for origin_kbps in LINES_KBPS {
        let mut means = Vec::new();
        for smart in [true, false] {
            let plan = Plan { origin_kbps, smart, ..Plan::flash(super::pieces(trial.size)) };
            let swarm = after(plan, &people, trial.seed_of(1));
            let outcome = swarm.outcome();
            let name = format!("{origin_kbps} kbit/s, {}", super::origin_name(smart));
            let used = Reading::new(format!("use of uplinks, {name}"), Unit::Share, swarm.utilisation());
            readings.push(used.theory(ceiling(&swarm, &people)));
            let bound = outcome.by_bound();
            readings.push(Reading::new(format!("last one done by the bound, {name}"), Unit::Ratio, bound));
            means.push(outcome.mean_s());
            if smart {
                by_bound.push(outcome.mean_s());
            }
        }
        let what = format!("mean time, smart by plain, {origin_kbps} kbit/s");
        readings.push(
            Reading::new(what, Unit::Ratio, means[0] / means[1]).rule(Rule::at_most(1.0, Mark::Derived)),
        );
    }
    let knee = |from: usize, to: usize| by_bound[from] / by_bound[to];
    readings.push(
        Reading::new("mean time, smart, 200 by 400 kbit/s", Unit::Ratio, knee(0, 1))
            .rule(Rule::at_least(1.3, Mark::Derived)),
    );
    readings.push(
        Reading::new("mean time, smart, 800 by 1,000 kbit/s", Unit::Ratio, knee(3, 4))
            .rule(Rule::at_most(1.1, Mark::Derived)),
    );
    readings
}

/// The runs of R10: the origin's line, and whether there are three classes.
fn runs(size: Size) -> &'static [(u32, bool)] {
    size.pick(
        &[(200, false), (400, false), (400, true)],
        &[(200, false), (400, false), (600, false), (400, true), (1_500, true)],
        &[(200, false), (400, false), (600, false), (400, true), (800, true), (1_500, true)],
    )
}

fn leaves(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let count = super::people(trial.size);
    let three = mixed(count, &MIX_B, &mut trial.rng(2));
    let mut least_plain: f64 = 1.0;
    let copies = 1.0 + f64::from(EXTRA_PIECES) / f64::from(super::pieces(trial.size));
    for &(origin_kbps, is_mixed) in runs(trial.size) {
        let people = if is_mixed { three.clone() } else { crowd(count, DSL) };
        for smart in [true, false] {
            let plan = Plan {
                origin_kbps,
                smart,
                copies_max: Some(copies),
                ..Plan::flash(super::pieces(trial.size))
            };
            let swarm = after(plan, &people, trial.seed_of(1));
            let finished = swarm.outcome().finished();
            let lines = if is_mixed { "three classes" } else { "equal lines" };
            let what = format!("finished, {origin_kbps} kbit/s, {lines}, {}", super::origin_name(smart));
            let reading = Reading::new(what, Unit::Share, finished);
            if !smart {
                least_plain = least_plain.min(finished);
            }
            readings.push(if smart { reading.rule(Rule::exactly(1.0, Mark::Derived)) } else { reading });
        }
    }
    readings.push(
        Reading::new("finished in the worst run with a plain origin", Unit::Share, least_plain)
            .rule(Rule::at_most(0.999, Mark::Derived)),
    );
    readings
}
