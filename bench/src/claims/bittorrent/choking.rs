//! Who is served, and what becomes of those who give nothing.

use std::sync::Arc;
use std::time::Duration;

use bittorrent::choker::{LeechChoking, SeedChoking};

use super::swarm::{Class, DSL, MIX_A, MIX_B, PIECE, Person, Plan, Swarm, after, crowd, jain, mean, mixed};
use crate::claims::finding::{Mark, Published, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;

/// B15.
pub(super) const WHOM: Claim = Claim {
    id: "B15",
    sentence: "Seeds serve those with the best rates, leechers those who serve them, and all others are choked.",
    said_by: "lecture (mainline 4 has seeds serve in turn instead)",
    setup: |size| {
        format!(
            "a flash crowd of {} people for {} pieces, one in ten of whom serves nobody; who is done stays for {} s. A fast plain origin and seeds give to everybody; and requests of those who serve nobody do not wait behind blocks on their own line, where those of others do, for a third of a second each",
            super::people(size),
            super::pieces(size),
            STAYS.as_secs()
        )
    },
    varied: "how leechers choose; how seeds do",
    seeds: super::FEW,
    trial: whom,
};

/// R7.
pub(super) const FAIRNESS: Claim = Claim {
    id: "R7",
    sentence: "With unequal lines tit for tat by rates does not stop unfairness: fast peers give several times what they get; byte for byte it is bounded.",
    said_by: "Bharambe, Herley and Padmanabhan 2006",
    setup: |size| {
        format!(
            "a flash crowd of {} people in three classes for {} pieces, told of {NAMED} others; a credit of 2 pieces to each is then {:.2} copies; matching by the tracker is not built",
            super::people(size),
            super::pieces(size),
            1.5 * f64::from(NAMED) * 2.0 / f64::from(super::pieces(size))
        )
    },
    varied: "the origin's line; tit for tat by rates, or byte for byte with a credit of 1 or 2 pieces",
    seeds: super::FEW,
    trial: fairness,
};

/// C6.
pub(super) const TOLERANT: Claim = Claim {
    id: "C6",
    sentence: "Tit for tat must enforce cooperation, and yet tolerate that one gives 100 kb/s and the other only 80.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "a flash crowd of {} people in four classes for {} pieces",
            super::people(size),
            super::pieces(size)
        )
    },
    varied: "by rates; byte for byte with a credit of 1, 2 or 8 pieces; at random",
    seeds: super::FEW,
    trial: tolerant,
};

const STAYS: Duration = Duration::from_secs(120);
/// Sets of 12 are among the paper's 7 to 60; in larger ones the credits of all together would be a copy of these short contents.
const NAMED: u32 = 8;

/// Knobs that a plan has, with another way to choose.
fn choosing(plan: Plan, leech_choking: LeechChoking, seed_choking: SeedChoking) -> Plan {
    plan.with(|knobs| (knobs.leech_choking, knobs.seed_choking) = (leech_choking, seed_choking))
}

fn whom(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let policies = [
        ("tit for tat, seeds fastest", LeechChoking::Reciprocation, SeedChoking::Fastest),
        ("tit for tat, seeds in turn", LeechChoking::Reciprocation, SeedChoking::Rotation),
        ("tit for tat, seeds at random", LeechChoking::Reciprocation, SeedChoking::Random),
        ("all at random", LeechChoking::Random, SeedChoking::Random),
    ];
    let mut gains = Vec::new();
    for (at, (name, leech, seed)) in policies.into_iter().enumerate() {
        let plan = choosing(Plan { smart: false, ..Plan::flash(super::pieces(trial.size)) }, leech, seed);
        let selfish = Arc::new(plan.clone().with(|knobs| knobs.unchoked_max = 0).knobs);
        let mut people = crowd(super::people(trial.size), DSL);
        for (number, person) in people.iter_mut().enumerate() {
            person.stays = Some(STAYS);
            person.knobs = (number % 10 == 5).then(|| Arc::clone(&selfish));
        }
        let swarm = after(plan, &people, trial.seed_of(1));
        let times = |rides: bool| {
            let members =
                swarm.members().iter().enumerate().filter(|(number, _)| (number % 10 == 5) == rides);
            mean(&members.filter_map(|(_, member)| member.took_s()).collect::<Vec<_>>())
        };
        readings.push(Reading::new(
            format!("mean time of those who give, {name}"),
            Unit::Seconds,
            times(false),
        ));
        let gain = times(true) / times(false);
        let reading =
            Reading::new(format!("time of those who do not, by those who give, {name}"), Unit::Ratio, gain);
        readings.push(if at == 3 { reading } else { reading.rule(Rule::at_least(1.2, Mark::Lecture)) });
        gains.push(gain);
        let given: Vec<f64> =
            (0..people.len()).filter(|at| at % 10 != 5).map(|at| swarm.copies_of(at)).collect();
        readings.push(Reading::new(format!("fairness of giving (Jain), {name}"), Unit::Ratio, jain(&given)));
    }
    readings.push(Reading::new(
        "time of those who do not by those who give, tit for tat with seeds fastest by all at random",
        Unit::Ratio,
        gains[0] / gains[3],
    ));
    readings
}

/// Copies that the members have given at the most, that a class has on average, and the use of uplinks.
fn given(trial: &Trial, people: &[Person], plan: Plan) -> (f64, Swarm) {
    let swarm = after(plan, people, trial.seed_of(1));
    let most = (0..people.len()).map(|at| swarm.copies_of(at)).fold(0.0, f64::max);
    (most, swarm)
}

/// Copies that those of a class have given, on average.
fn of_class(swarm: &Swarm, class: Class) -> f64 {
    let of = swarm.members().iter().enumerate().filter(|(_, member)| member.class == class);
    mean(&of.map(|(at, _)| swarm.copies_of(at)).collect::<Vec<_>>())
}

fn byte_for_byte(pieces: u64) -> LeechChoking {
    LeechChoking::TitForTat { credit: pieces * u64::from(PIECE) }
}

fn origins(size: Size) -> &'static [u32] {
    size.pick(&[800], &[800, 6_000], &[400, 800, 1_500, 6_000])
}

fn fairness(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let people = mixed(super::people(trial.size), &MIX_B, &mut trial.rng(2));
    for &origin_kbps in origins(trial.size) {
        let policies = [
            ("by rates", LeechChoking::Reciprocation),
            ("byte for byte, credit 1", byte_for_byte(1)),
            ("byte for byte, credit 2", byte_for_byte(2)),
        ];
        let mut by_rates = 0.0;
        for (at, (name, leech)) in policies.into_iter().enumerate() {
            let plan = Plan { origin_kbps, handout: NAMED, ..Plan::flash(super::pieces(trial.size)) };
            let (most, swarm) = given(trial, &people, choosing(plan, leech, SeedChoking::Fastest));
            let name = format!("origin of {origin_kbps} kbit/s, {name}");
            let reading = Reading::new(format!("copies given at the most, {name}"), Unit::Ratio, most);
            readings.push(match at {
                0 => reading
                    .published(Published::new(6.0, "Bharambe et al. 2006, more than", Mark::Memory))
                    .rule(Rule::at_least(3.0, Mark::Derived)),
                _ => reading.rule(Rule::at_most(1.5, Mark::Derived)),
            });
            let slow = of_class(&swarm, MIX_B[2].0);
            readings.push(Reading::new(format!("copies given by the slow, {name}"), Unit::Ratio, slow));
            let time = swarm.outcome().mean_s();
            readings.push(Reading::new(format!("mean time, {name}"), Unit::Seconds, time));
            if at == 0 {
                by_rates = swarm.utilisation();
            } else {
                let what = format!("use of uplinks lost, {name}");
                readings.push(
                    Reading::new(what, Unit::Share, by_rates - swarm.utilisation())
                        .rule(Rule::at_most(0.1, Mark::Derived)),
                );
            }
        }
    }
    readings
}

fn tolerant(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let people = mixed(super::people(trial.size), &MIX_A, &mut trial.rng(2));
    let policies = [
        ("by rates", LeechChoking::Reciprocation),
        ("byte for byte, credit 1", byte_for_byte(1)),
        ("byte for byte, credit 2", byte_for_byte(2)),
        ("byte for byte, credit 8", byte_for_byte(8)),
        ("at random", LeechChoking::Random),
    ];
    let (mut times, mut given_most) = (Vec::new(), Vec::new());
    for (name, leech) in policies {
        let plan = Plan { origin_kbps: 1_000, handout: NAMED, ..Plan::flash(super::pieces(trial.size)) };
        let (most, swarm) = given(trial, &people, choosing(plan, leech, SeedChoking::Fastest));
        times.push(swarm.outcome().mean_s());
        given_most.push(most);
        readings.push(Reading::new(format!("mean time, {name}"), Unit::Seconds, swarm.outcome().mean_s()));
        readings.push(Reading::new(format!("use of uplinks, {name}"), Unit::Share, swarm.utilisation()));
        readings.push(Reading::new(format!("copies given at the most, {name}"), Unit::Ratio, most));
    }
    let enforced = given_most[4] / given_most[0];
    readings.push(
        Reading::new("copies given at the most, at random by those by rates", Unit::Ratio, enforced)
            .rule(Rule::at_least(1.1, Mark::Lecture)),
    );
    readings.push(
        Reading::new("mean time, byte for byte with credit 1 by rates", Unit::Ratio, times[1] / times[0])
            .rule(Rule::at_least(1.1, Mark::Lecture)),
    );
    readings
}
