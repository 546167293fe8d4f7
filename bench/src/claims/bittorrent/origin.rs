//! What the origin's line and its stay are worth.

use super::swarm::{DSL, MIX_B, Person, Plan, Swarm, after, crowd, mixed};
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;

const BHARAMBE: &str = "Bharambe, Herley and Padmanabhan 2006";
/// The origin's line up, kilobits per second, by the paper's scripts.
fn lines_kbps(size: Size) -> &'static [u32] {
    size.pick(&[200, 400, 800, 1_000], &[200, 400, 600, 800, 1_000], &[200, 400, 600, 800, 1_000])
}

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
            "a flash crowd of {} people for 400 pieces of {} KiB; the origin leaves when it has sent one copy and some pieces more; all leave when done. Where somebody waited long for its turn, the piece that it alone was shown has sometimes not left by then, and nobody has all",
            super::people(size),
            super::piece_bytes(size) / 1_024
        )
    },
    varied: "the origin's line and how much it sends beyond one copy; homogeneous lines or three classes; smart or plain",
    seeds: super::FEW,
    trial: leaves,
};

/// Pieces beyond one copy that the origin sends before it leaves: 2 % of the 400 of the paper's scripts. Fewer would not even end those
/// that are on their way to five peers when the last one begins.
pub(super) const EXTRA_PIECES: u32 = 8;

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
    let mut smart_means = Vec::new();
    for &origin_kbps in lines_kbps(trial.size) {
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
                smart_means.push(outcome.mean_s());
            }
        }
        let what = format!("mean time, smart by plain, {origin_kbps} kbit/s");
        readings.push(
            Reading::new(what, Unit::Ratio, means[0] / means[1]).rule(Rule::at_most(1.0, Mark::Derived)),
        );
    }
    let last = smart_means.len() - 1;
    let knee = |from: usize, to: usize| smart_means[from] / smart_means[to];
    readings.push(
        Reading::new("mean time, smart, 200 by 400 kbit/s", Unit::Ratio, knee(0, 1))
            .rule(Rule::at_least(1.3, Mark::Derived)),
    );
    readings.push(
        Reading::new("mean time, smart, 400 by 800 kbit/s", Unit::Ratio, knee(1, last - 1))
            .rule(Rule::at_least(1.1, Mark::Derived)),
    );
    readings.push(
        Reading::new("mean time, smart, 800 by 1,000 kbit/s", Unit::Ratio, knee(last - 1, last))
            .rule(Rule::at_most(1.1, Mark::Derived)),
    );
    readings
}

/// The runs of R10: the origin's line, and whether there are three classes.
fn runs(size: Size) -> &'static [(u32, bool)] {
    size.pick(
        &[(400, false), (400, true)],
        &[(200, false), (400, false), (600, false), (400, true), (1_500, true)],
        &[(200, false), (400, false), (600, false), (400, true), (800, true), (1_500, true)],
    )
}

fn leaves(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let count = super::people(trial.size);
    let three = mixed(count, &MIX_B, &mut trial.rng(2));
    let whole = super::whole(trial.size);
    for &(origin_kbps, is_mixed) in runs(trial.size) {
        let people = if is_mixed { three.clone() } else { crowd(count, DSL) };
        let lines = if is_mixed { "three classes" } else { "equal lines" };
        for extra in [EXTRA_PIECES, whole.pieces] {
            for smart in [true, false] {
                let copies_max = Some(1.0 + f64::from(extra) / f64::from(whole.pieces));
                let plan = Plan { origin_kbps, smart, copies_max, ..whole.clone() };
                let finished = after(plan, &people, trial.seed_of(1)).outcome().finished();
                let name = super::origin_name(smart);
                let what = format!("finished, {origin_kbps} kbit/s, {lines}, {extra} pieces more, {name}");
                let reading = Reading::new(what, Unit::Share, finished);
                let rule = match smart {
                    true => Rule::exactly(1.0, Mark::Derived),
                    false => Rule::at_most(0.999, Mark::Derived),
                };
                readings.push(if extra == EXTRA_PIECES { reading.rule(rule) } else { reading });
            }
        }
    }
    readings
}
