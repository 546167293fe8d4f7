//! Which piece is asked for.

use std::time::Duration;

use bittorrent::picker::PickerKind;

use super::swarm::{DSL, LIMIT, Plan, Swarm, after, crowd, mean, median, poisson, settled};
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;

/// B11.
pub(super) const RANDOM: Claim = Claim {
    id: "B11",
    sentence: "To choose pieces at random ensures diversity.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "a flash crowd of {} people for {} pieces, an origin of 1,000 kbit/s that is not smart",
            super::people(size),
            super::pieces(size)
        )
    },
    varied: "the picker: random, in order, the rarest of the peer set, the rarest of the whole swarm (by an oracle)",
    seeds: super::FEW,
    trial: random,
};

/// B12.
pub(super) const RAREST: Claim = Claim {
    id: "B12",
    sentence: "Rarest first maximises the smallest number of copies of any piece.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "a flash crowd of {} people for {} pieces, a plain origin; all stay; copies of each piece in the whole swarm, each 10 s. Peers of a weak origin finish what they have begun whatever the picker, and begin few pieces at a time, so that, we think, it has little to choose",
            super::people(size),
            super::pieces(size)
        )
    },
    varied: "the picker: rarest first or random; the origin's line",
    seeds: super::FEW,
    trial: rarest,
};

/// B13.
pub(super) const NEWCOMERS: Claim = Claim {
    id: "B13",
    sentence: "Newcomers choose at random, to have a first piece soon.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "people come by Poisson's law to a swarm of about {} for {PIECES} pieces, of whom each has a random part at the beginning. A first piece comes mostly from one peer, at its rate, whichever piece it is",
            newcomers_present(size)
        )
    },
    varied: "how many pieces are chosen at random (mainline: 4)",
    seeds: super::FEW,
    trial: newcomers,
};

/// R3.
pub(super) const POLICY: Claim = Claim {
    id: "R3",
    sentence: "Random choice loses clearly to rarest first with a weak origin, and little with a strong one.",
    said_by: "Bharambe, Herley and Padmanabhan 2006 (from memory; a run of their own program showed the opposite order)",
    setup: |size| {
        format!(
            "a flash crowd of {} people for {} pieces, smart origin",
            super::people(size),
            super::pieces(size)
        )
    },
    varied: "picker, origin's line, how many the tracker names; both gaps are told, and nothing is judged",
    seeds: super::FEW,
    trial: policy,
};

fn random(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let people = crowd(super::people(trial.size), DSL);
    let kinds = [
        ("random", PickerKind::Random),
        ("in order", PickerKind::Sequential),
        ("rarest first", PickerKind::RarestFirst),
        ("rarest of all", PickerKind::GlobalRarest),
    ];
    let mut means = Vec::new();
    for (name, picker) in kinds {
        let plan = Plan { origin_kbps: 1_000, smart: false, ..Plan::flash(super::pieces(trial.size)) };
        let swarm = after(plan.with(|knobs| knobs.picker = picker), &people, trial.seed_of(1));
        let outcome = swarm.outcome();
        means.push(outcome.mean_s());
        readings.push(Reading::new(format!("mean time, {name}"), Unit::Seconds, outcome.mean_s()));
        let what = format!("last one done by the bound, {name}");
        readings.push(Reading::new(what, Unit::Ratio, outcome.by_bound()));
        readings.push(Reading::new(format!("use of uplinks, {name}"), Unit::Share, swarm.utilisation()));
        readings.push(Reading::new(format!("finished, {name}"), Unit::Share, outcome.finished()));
    }
    readings.push(
        Reading::new("mean time, in order by random", Unit::Ratio, means[1] / means[0])
            .rule(Rule::at_least(1.1, Mark::Lecture)),
    );
    for (at, name) in [(2, "random by rarest first"), (3, "random by rarest of all")] {
        readings.push(Reading::new(format!("mean time, {name}"), Unit::Ratio, means[0] / means[at]));
    }
    readings
}

/// The smallest number of copies and the mean, each ten seconds until all have all.
fn copies(trial: &Trial, picker: PickerKind, origin_kbps: u32) -> Vec<(f64, f64)> {
    let mut copies = Vec::new();
    let plan = Plan { origin_kbps, smart: false, ..Plan::flash(super::pieces(trial.size)) };
    let mut swarm = Swarm::new(plan.with(|knobs| knobs.picker = picker), trial.seed_of(1));
    let mut people = crowd(super::people(trial.size), DSL);
    people.iter_mut().for_each(|person| person.stays = None);
    swarm.run(&people, LIMIT, Duration::from_secs(10), &mut |swarm| {
        let tally = swarm.tally();
        let mean = f64::from(tally.iter().sum::<u32>()) / f64::from(swarm.plan().pieces);
        copies.push((f64::from(tally.iter().min().unwrap_or(0)), mean));
    });
    copies
}

fn rarest(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    for origin_kbps in [400, 6_000] {
        let rarest = copies(trial, PickerKind::RarestFirst, origin_kbps);
        let random = copies(trial, PickerKind::Random, origin_kbps);
        let both: Vec<_> = rarest.iter().zip(&random).collect();
        let better = both.iter().filter(|(rarest, random)| rarest.0 >= random.0).count();
        let name = format!("origin of {origin_kbps} kbit/s");
        let what = format!("of the time rarest first has no fewer, {name}");
        readings.push(
            Reading::new(what, Unit::Share, better as f64 / both.len() as f64)
                .rule(Rule::at_least(0.95, Mark::Derived)),
        );
        // The origin counts as one; with two one copy is in the swarm.
        let first_s = |copies: &[(f64, f64)]| {
            10.0 * copies.iter().position(|(least, _)| *least >= 2.0).map_or(f64::NAN, |at| (at + 1) as f64)
        };
        let firsts = (first_s(&rarest), first_s(&random));
        let what = format!("until a whole copy is in the swarm, rarest first, {name}");
        readings.push(Reading::new(what, Unit::Seconds, firsts.0));
        let what = format!("until a whole copy is in the swarm, random by rarest first, {name}");
        let reading = Reading::new(what, Unit::Ratio, firsts.1 / firsts.0);
        let is_weak = origin_kbps == 400;
        readings.push(if is_weak { reading.rule(Rule::at_least(1.1, Mark::Derived)) } else { reading });
        for (name, copies) in [("rarest first", &rarest), ("random", &random)] {
            let of: (Vec<f64>, Vec<f64>) = copies.iter().copied().unzip();
            let what = format!("copies of the rarest piece, {name}, origin of {origin_kbps} kbit/s");
            readings.push(Reading::new(what, Unit::Count, mean(&of.0)));
            let what = format!("copies of a piece, {name}, origin of {origin_kbps} kbit/s");
            readings.push(Reading::new(what, Unit::Count, mean(&of.1)));
        }
    }
    readings
}

/// Pieces of the content that newcomers come to.
const PIECES: u32 = 64;

fn newcomers_present(size: Size) -> u32 {
    size.pick(40, 100, 300)
}

fn newcomers(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let present = newcomers_present(trial.size);
    let stay_s = f64::from(PIECES) * 262_144.0 * 8.0 / 400e3;
    let mut firsts = Vec::new();
    for random_first in [0, 1, 4] {
        let mut rng = trial.rng(2);
        let mut people = settled(present, PIECES, DSL, &mut rng);
        let lasting = Duration::from_secs_f64(2.0 * stay_s);
        people.extend(poisson(f64::from(present) / stay_s, lasting, DSL, &mut rng));
        let plan = Plan { origin_kbps: 400, ..Plan::flash(PIECES) };
        let plan = plan.with(|knobs| knobs.random_first = random_first);
        let mut swarm = Swarm::new(plan, trial.seed_of(1));
        swarm.run(&people, lasting, lasting, &mut |_| {});
        // Of 64 pieces each is told of.
        let first = swarm.members().iter().skip(present as usize).filter_map(|member| {
            let (at, _) = member.progress.iter().find(|(_, bytes)| *bytes > 0)?;
            Some(at.since(member.joined).as_secs_f64())
        });
        let first: Vec<f64> = first.collect();
        let what = format!("median time to the first piece, {random_first} at random");
        readings.push(Reading::new(what, Unit::Seconds, median(&first)));
        let what = format!("mean time to the first piece, {random_first} at random");
        readings.push(Reading::new(what, Unit::Seconds, mean(&first)));
        firsts.push(mean(&first));
    }
    readings.push(
        Reading::new("mean time to the first piece, 4 at random by none", Unit::Ratio, firsts[2] / firsts[0])
            .rule(Rule::at_most(0.95, Mark::Lecture)),
    );
    readings
}

fn policy(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let people = crowd(super::people(trial.size), DSL);
    for origin_kbps in [400, 6_000] {
        for handout in trial.size.pick(&[5, 10][..], &[3, 5, 10], &[3, 5, 10]).iter().copied() {
            let mean_s = |picker| {
                let plan = Plan { origin_kbps, handout, ..Plan::flash(super::pieces(trial.size)) };
                after(plan.with(|knobs| knobs.picker = picker), &people, trial.seed_of(1)).outcome().mean_s()
            };
            let (rarest, random) = (mean_s(PickerKind::RarestFirst), mean_s(PickerKind::Random));
            let what = format!("mean time, random by rarest first, {origin_kbps} kbit/s, told of {handout}");
            readings.push(Reading::new(what, Unit::Ratio, random / rarest));
        }
    }
    readings
}
