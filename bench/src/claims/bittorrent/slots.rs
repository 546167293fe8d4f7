//! How many are served at a time, and how often it is decided who.

use std::collections::BTreeMap;
use std::time::Duration;

use super::swarm::{DSL, LIMIT, MIX_A, Plan, Swarm, after, crowd, mean, mixed, poisson, settled};
use crate::claims::finding::{Mark, Published, Reading, Rule};
use crate::claims::{Claim, Trial};
use crate::measure::Unit;

/// B14.
pub(super) const PARALLEL: Claim = Claim {
    id: "B14",
    sentence: "To serve too many at a time is inefficient; four or five are right.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "a flash crowd of {} people for {} pieces, plain origin of 1,000 kbit/s; lines share ideally, a connection costs nothing of itself: what is left is that pieces take longer to be whole",
            super::people(size),
            super::pieces(size)
        )
    },
    varied: "how many are served at a time",
    seeds: super::FEW,
    trial: parallel,
};

/// R5.
pub(super) const UPLOADS: Claim = Claim {
    id: "R5",
    sentence: "Five uploads at a time are fine; twenty hurt with a weak origin that is not smart.",
    said_by: "Bharambe, Herley and Padmanabhan 2006",
    setup: |size| {
        format!("a flash crowd of {} people for {} pieces", super::people(size), super::pieces(size))
    },
    varied: "uploads at a time; the origin's line; smart or plain",
    seeds: super::FEW,
    trial: uploads,
};

/// B16.
pub(super) const ROUNDS: Claim = Claim {
    id: "B16",
    sentence: "Whom to serve is decided every ten seconds: long enough for TCP to find its rate, short enough to find better peers.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "a flash crowd of {} people with four classes of lines for {} pieces; the simulator has no slow start, so only the second half can be seen",
            super::people(size),
            super::pieces(size)
        )
    },
    varied: "how often it is decided; the optimistic place changes every third time",
    seeds: super::FEW,
    trial: rounds,
};

/// B17.
pub(super) const OPTIMISTIC: Claim = Claim {
    id: "B17",
    sentence: "A random peer is served for thirty seconds in turn, newcomers first: so they soon have something to give.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "people come by Poisson's law to a swarm of about {} for {PIECES} pieces, for as long as one content takes up one line. A place that is free when somebody becomes interested is given at once here, so that few wait for the optimistic one",
            super::people(size) * 2 / 3
        )
    },
    varied: "how long the optimistic place stays; how much newcomers are favoured in its choice",
    seeds: super::FEW,
    trial: optimistic,
};

fn parallel(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let people = crowd(super::people(trial.size), DSL);
    let mut means = BTreeMap::new();
    for unchoked_max in [1, 2, 4, 5, 10, 20] {
        let plan = Plan { origin_kbps: 1_000, smart: false, ..Plan::flash(super::pieces(trial.size)) };
        let plan = plan.with(|knobs| knobs.unchoked_max = unchoked_max);
        let swarm = after(plan, &people, trial.seed_of(1));
        let outcome = swarm.outcome();
        readings.push(Reading::new(
            format!("mean time, {unchoked_max} served"),
            Unit::Seconds,
            outcome.mean_s(),
        ));
        let what = format!("use of uplinks, {unchoked_max} served");
        readings.push(Reading::new(what, Unit::Share, swarm.utilisation()));
        means.insert(unchoked_max, outcome.mean_s());
    }
    readings.push(
        Reading::new("mean time, 20 served by 5", Unit::Ratio, means[&20] / means[&5])
            .rule(Rule::at_least(1.05, Mark::Lecture)),
    );
    let least = means.values().copied().fold(f64::INFINITY, f64::min);
    readings.push(
        Reading::new("mean time, 5 served by the best number", Unit::Ratio, means[&5] / least)
            .rule(Rule::at_most(1.1, Mark::Lecture)),
    );
    readings
}

fn uploads(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let people = crowd(super::people(trial.size), DSL);
    for (origin_kbps, smart) in [(400, true), (400, false), (1_500, true), (1_500, false)] {
        let used = |unchoked_max| {
            let plan = Plan { origin_kbps, smart, ..Plan::flash(super::pieces(trial.size)) };
            let plan = plan.with(|knobs| knobs.unchoked_max = unchoked_max);
            after(plan, &people, trial.seed_of(1)).utilisation()
        };
        let (five, twenty) = (used(5), used(20));
        let name = format!("{origin_kbps} kbit/s, {}", super::origin_name(smart));
        readings.push(Reading::new(format!("use of uplinks with 5, {name}"), Unit::Share, five));
        let lost = Reading::new(format!("lost with 20 by 5, {name}"), Unit::Share, five - twenty);
        let is_weak = origin_kbps == 400 && !smart;
        readings.push(if is_weak { lost.rule(Rule::at_least(0.05, Mark::Derived)) } else { lost });
    }
    readings
}

/// How long those who are served stay served, seconds, as seen each ten.
fn stability(unchokes: &[Vec<(usize, usize)>]) -> f64 {
    let kept = unchokes.windows(2).map(|two| {
        let stayed = two[0].iter().filter(|pair| two[1].binary_search(pair).is_ok()).count();
        (stayed as f64, two[0].len() as f64)
    });
    let (stayed, all) = kept.fold((0.0, 0.0), |sum, kept| (sum.0 + kept.0, sum.1 + kept.1));
    stayed / all
}

fn rounds(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let people = mixed(super::people(trial.size), &MIX_A, &mut trial.rng(2));
    let (mut means, mut uses) = (BTreeMap::new(), BTreeMap::new());
    for every_s in [1, 10, 30, 120] {
        let plan = Plan::flash(super::pieces(trial.size));
        let every = Duration::from_secs(every_s);
        let plan = plan.with(|knobs| (knobs.rechoke_every, knobs.optimistic_every) = (every, 3 * every));
        let mut swarm = Swarm::new(plan, trial.seed_of(1));
        let mut unchokes = Vec::new();
        swarm.run(&people, LIMIT, Duration::from_secs(10), &mut |swarm| {
            let served = swarm.present().flat_map(|at| {
                let links = swarm.view(at).into_iter().flat_map(|view| view.links());
                let served = links.filter(|link| !link.is_choked() && link.is_interested());
                served.filter_map(move |link| Some((at, swarm.member_at(link.remote())?)))
            });
            let mut served: Vec<(usize, usize)> = served.collect();
            served.sort_unstable();
            unchokes.push(served);
        });
        let mean_s = swarm.outcome().mean_s();
        means.insert(every_s, mean_s);
        readings.push(Reading::new(format!("mean time, every {every_s} s"), Unit::Seconds, mean_s));
        let what = format!("use of uplinks, every {every_s} s");
        uses.insert(every_s, swarm.utilisation());
        readings.push(Reading::new(what, Unit::Share, swarm.utilisation()));
        let what = format!("of those served, still so 10 s later, every {every_s} s");
        readings.push(Reading::new(what, Unit::Share, stability(&unchokes)));
    }
    let least = means.values().copied().fold(f64::INFINITY, f64::min);
    readings.push(
        Reading::new("mean time, every 10 s by the best", Unit::Ratio, means[&10] / least)
            .rule(Rule::at_most(1.1, Mark::Lecture)),
    );
    readings.push(
        Reading::new("use of uplinks, every 120 s by every 10 s", Unit::Ratio, uses[&120] / uses[&10])
            .rule(Rule::at_most(0.95, Mark::Lecture)),
    );
    readings
}

/// Pieces of the content that newcomers come to.
const PIECES: u32 = 64;

/// Seconds from coming to being served by anybody, on average.
fn first_unchoke_s(trial: &Trial, optimistic_s: u64, newcomer_weight: u32) -> f64 {
    let present = super::people(trial.size) * 2 / 3;
    let stay_s = f64::from(PIECES) * 262_144.0 * 8.0 / 400e3;
    let mut rng = trial.rng(2);
    let lasting = Duration::from_secs_f64(stay_s);
    let mut people = settled(present, PIECES, DSL, &mut rng);
    people.extend(poisson(f64::from(present) / stay_s, lasting, DSL, &mut rng));
    let plan = Plan { origin_kbps: 400, ..Plan::flash(PIECES) };
    let plan = plan.with(|knobs| {
        knobs.optimistic_every = Duration::from_secs(optimistic_s);
        knobs.newcomer_weight = newcomer_weight;
    });
    let mut swarm = Swarm::new(plan, trial.seed_of(1));
    let mut firsts: BTreeMap<usize, f64> = BTreeMap::new();
    swarm.run(&people, lasting, Duration::from_secs(1), &mut |swarm| {
        for at in swarm.present().filter(|at| *at >= present as usize) {
            let Some(view) = swarm.view(at) else { continue };
            if !firsts.contains_key(&at) && view.links().any(|link| !link.chokes_us() && link.interests_us())
            {
                firsts.insert(at, swarm.now().since(swarm.members()[at].joined).as_secs_f64());
            }
        }
    });
    mean(&firsts.into_values().collect::<Vec<_>>())
}

fn optimistic(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let mut favoured = BTreeMap::new();
    for every_s in [30, 90] {
        for weight in [1, 3] {
            let first_s = first_unchoke_s(trial, every_s, weight);
            let what = format!("time until somebody serves a newcomer, every {every_s} s, weight {weight}");
            let reading = Reading::new(what, Unit::Seconds, first_s);
            let expected = match (every_s, weight) {
                (30, 1) => Some(30.0),
                (30, _) => Some(10.0),
                _ => None,
            };
            let published =
                expected.map(|s| Published::new(s, "one turn, divided by the weight", Mark::Derived));
            readings.push(Reading { published, ..reading });
            favoured.insert((every_s, weight), first_s);
        }
    }
    readings.push(
        Reading::new(
            "that time, weight 3 by 1, every 30 s",
            Unit::Ratio,
            favoured[&(30, 3)] / favoured[&(30, 1)],
        )
        .rule(Rule::at_most(0.95, Mark::Lecture)),
    );
    readings.push(
        Reading::new(
            "that time, every 90 s by every 30 s",
            Unit::Ratio,
            favoured[&(90, 3)] / favoured[&(30, 3)],
        )
        .rule(Rule::at_least(1.05, Mark::Lecture)),
    );
    readings
}
