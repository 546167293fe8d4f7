//! Whom a peer knows: those it was told of, and those who were told of it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::swarm::{DSL, Member, Plan, Swarm, after, crowd, mean, poisson, settled};
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::graph::{Graph, UNREACHABLE};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;

/// B4.
pub(super) const HANDOUT: Claim = Claim {
    id: "B4",
    sentence: "The tracker names some forty peers at random, and that is enough to make one swarm of all.",
    said_by: "lecture",
    setup: |size| format!("{} people, a minute after the last of them has come", graph_people(size)),
    varied: "how many the tracker names (mainline's default: 50)",
    seeds: super::FEW,
    trial: handout,
};

/// R4.
pub(super) const DEGREE: Claim = Claim {
    id: "R4",
    sentence: "Small peer sets are enough to use the uplinks.",
    said_by: "Bharambe, Herley and Padmanabhan 2006",
    setup: |size| {
        format!(
            "a flash crowd of {} people for 400 pieces of {} KiB, smart origin",
            super::people(size),
            super::piece_bytes(size) / 1_024
        )
    },
    varied: "how many the tracker names; sets are half as large again",
    seeds: super::FEW,
    trial: degree,
};

/// B6.
pub(super) const GENERATIONS: Claim = Claim {
    id: "B6",
    sentence: "Since later peers are told of earlier ones, peer sets mix old and new, and pieces pass between generations.",
    said_by: "lecture",
    setup: steady_setup,
    varied: "nothing; sets that are all of one age would have a correlation of 1",
    seeds: super::FEW,
    trial: generations,
};

/// B7.
pub(super) const CONTACTED: Claim = Claim {
    id: "B7",
    sentence: "A peer speaks with those it was told of and with those who were told of it, and with nobody else.",
    said_by: "lecture",
    setup: steady_setup,
    varied: "how much of its time a peer has behind it",
    seeds: super::FEW,
    trial: contacted,
};

fn graph_people(size: Size) -> u32 {
    size.pick(100, 300, 1_000)
}

/// The swarm's links as a graph, the origin apart.
fn graph(swarm: &Swarm) -> Graph {
    let links = swarm.present().flat_map(|at| {
        let links = swarm.view(at).into_iter().flat_map(|view| view.links());
        links.filter_map(move |link| Some((at as u32, swarm.member_at(link.remote())? as u32)))
    });
    let edges: BTreeSet<(u32, u32)> = links.map(|(a, b)| (a.min(b), a.max(b))).collect();
    Graph::new(swarm.members().len() as u32, edges)
}

fn handout(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let people = graph_people(trial.size);
    for handout in [2, 5, 10, 20, 40, 80] {
        let mut swarm = Swarm::new(Plan { handout, ..Plan::flash(1_000) }, trial.seed_of(1));
        let minute = Duration::from_millis(u64::from(people) * 10) + Duration::from_secs(60);
        swarm.run(&crowd(people, DSL), minute, minute, &mut |_| {});
        let graph = graph(&swarm);
        let giant = graph.giant().len() as f64 / f64::from(people);
        let distances: Vec<u32> = (0..people.min(50)).flat_map(|from| graph.distances(from)).collect();
        let reached = distances.iter().copied().filter(|distance| *distance != UNREACHABLE);
        let name = format!("told of {handout}");
        let in_one = Reading::new(format!("in one swarm, {name}"), Unit::Share, giant);
        let holds = Rule::exactly(1.0, Mark::Lecture);
        readings.push(if handout == 40 { in_one.rule(holds) } else { in_one });
        let degree = 2.0 * graph.edges().len() as f64 / f64::from(people);
        readings.push(Reading::new(format!("others in a set, {name}"), Unit::Count, degree));
        let far = f64::from(reached.max().unwrap_or(0));
        readings.push(Reading::new(format!("hops to the farthest, {name}"), Unit::Count, far));
    }
    readings
}

fn degree(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let mut uses = Vec::new();
    for handout in [5, 13, 27, 40] {
        let plan = Plan { handout, ..super::whole(trial.size) };
        let swarm = after(plan, &crowd(super::people(trial.size), DSL), trial.seed_of(1));
        uses.push(swarm.utilisation());
        let what = format!("use of uplinks, told of {handout}");
        readings.push(Reading::new(what, Unit::Share, swarm.utilisation()));
        let what = format!("last one done by the bound, told of {handout}");
        readings.push(Reading::new(what, Unit::Ratio, swarm.outcome().by_bound()));
    }
    readings.push(
        Reading::new("use of uplinks, told of 5 by told of 40", Unit::Ratio, uses[0] / uses[3])
            .rule(Rule::at_least(0.9, Mark::Derived)),
    );
    readings
}

/// Peers that the tracker names in the steady swarm, of which there are several times as many.
const NAMED: u32 = 12;
/// Pieces of its content.
const PIECES: u32 = 64;
/// An origin that does not count much.
const ORIGIN_KBPS: u32 = 800;
/// A content's way up one line, seconds: about as long as anybody stays.
const STAY_S: f64 = PIECES as f64 * 262_144.0 * 8.0 / 400e3;
/// Lifetimes after which nobody of the beginning is left.
const WARM_UP: f64 = 1.5;
const SAMPLE: Duration = Duration::from_secs(10);

fn present(size: Size) -> u32 {
    size.pick(60, 100, 300)
}

fn lifetimes(size: Size) -> f64 {
    size.pick(4.0, 5.0, 8.0)
}

fn steady_setup(size: Size) -> String {
    format!(
        "people come by Poisson's law, about {} are there at a time, and leave when they have all {PIECES} pieces; told of {NAMED} others each, and asking again when two fewer are left; no peer exchange; {} lifetimes",
        present(size),
        lifetimes(size)
    )
}

/// Runs the steady swarm and has it looked at when it is warm.
fn steady(trial: &Trial, look: &mut dyn FnMut(&Swarm)) -> Swarm {
    let mut rng = trial.rng(2);
    let plan = Plan { handout: NAMED, origin_kbps: ORIGIN_KBPS, ..Plan::flash(PIECES) };
    let mut swarm = Swarm::new(plan, trial.seed_of(1));
    let lasting = Duration::from_secs_f64(STAY_S * lifetimes(trial.size));
    let count = present(trial.size);
    let mut people = settled(count, PIECES, DSL, &mut rng);
    people.extend(poisson(f64::from(count) / STAY_S, lasting, DSL, &mut rng));
    swarm.run(&people, lasting, SAMPLE, &mut |swarm| {
        if swarm.now_s() > WARM_UP * STAY_S {
            look(swarm);
        }
    });
    swarm
}

fn age_s(swarm: &Swarm, member: &Member) -> f64 {
    swarm.now().since(member.joined).as_secs_f64()
}

fn generations(trial: &Trial) -> Vec<Reading> {
    let mut ages: Vec<(f64, f64)> = Vec::new();
    let (mut from_younger, mut from_all) = (0.0, 0.0);
    let mut last_seen: std::collections::BTreeMap<(usize, usize), u64> = Default::default();
    steady(trial, &mut |swarm| {
        for at in swarm.present() {
            let Some(view) = swarm.view(at) else { continue };
            let me = &swarm.members()[at];
            for link in view.links() {
                let Some(other) = swarm.member_at(link.remote()) else { continue };
                let them = &swarm.members()[other];
                ages.push((age_s(swarm, me), age_s(swarm, them)));
                let before = last_seen.insert((at, other), link.received()).unwrap_or(0);
                let came = link.received().saturating_sub(before) as f64;
                from_all += came;
                from_younger += if them.joined > me.joined { came } else { 0.0 };
            }
        }
    });
    vec![
        Reading::new("correlation of the ages of neighbours", Unit::Ratio, correlation(&ages))
            .theory(0.0)
            .rule(Rule::within(-0.2, 0.2, Mark::Derived)),
        Reading::new("bytes that come from those who came later", Unit::Share, from_younger / from_all)
            .rule(Rule::at_least(0.2, Mark::Derived)),
    ]
}

/// Pearson's coefficient.
fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let (xs, ys): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let (x, y) = (mean(&xs), mean(&ys));
    let sum = |of: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>();
    let both = sum(&|pair| (pair.0 - x) * (pair.1 - y));
    let (one, other) = (sum(&|pair| (pair.0 - x).powi(2)), sum(&|pair| (pair.1 - y).powi(2)));
    both / (one * other).sqrt()
}

/// What was seen of one member's links in the course of its life.
#[derive(Default, Clone)]
struct Life {
    /// When each sample was taken, how many links came in, and how many there were.
    samples: Vec<(f64, f64, f64)>,
    /// Who has come in so far.
    callers: BTreeSet<usize>,
}

fn contacted(trial: &Trial) -> Vec<Reading> {
    let mut lives: Vec<Life> = Vec::new();
    let swarm = steady(trial, &mut |swarm| {
        lives.resize(swarm.members().len(), Life::default());
        for at in swarm.present() {
            let Some(view) = swarm.view(at) else { continue };
            let others = || view.links().filter_map(|link| Some((swarm.member_at(link.remote())?, link)));
            let callers = others().filter(|(_, link)| !link.is_dialled()).map(|(other, _)| other);
            let callers: Vec<usize> = callers.collect();
            let sample = (swarm.now_s(), callers.len() as f64, others().count() as f64);
            lives[at].samples.push(sample);
            lives[at].callers.extend(callers);
        }
    });
    let (mut young, mut old, mut calls) = ((0.0, 0.0), (0.0, 0.0), Vec::new());
    for (life, member) in lives.iter().zip(swarm.members()) {
        // Those whose whole life was watched.
        let joined_s = member.joined.as_secs_f64() - 1.0;
        let Some(took_s) = member.took_s().filter(|_| joined_s > WARM_UP * STAY_S) else { continue };
        calls.push(life.callers.len() as f64);
        for (at_s, callers, links) in &life.samples {
            let part = match (at_s - joined_s) / took_s {
                age if age < 0.25 => &mut young,
                age if age >= 0.75 => &mut old,
                _ => continue,
            };
            *part = (part.0 + callers, part.1 + links);
        }
    }
    vec![
        Reading::new(
            "callers in a life, by how many the tracker names",
            Unit::Ratio,
            mean(&calls) / f64::from(NAMED),
        )
        .theory(1.0)
        .rule(Rule::within(0.8, 1.2, Mark::Derived)),
        Reading::new("callers in the set, first quarter of a life", Unit::Share, young.0 / young.1)
            .theory(0.125)
            .rule(Rule::at_most(0.35, Mark::Derived)),
        Reading::new("callers in the set, last quarter of a life", Unit::Share, old.0 / old.1)
            .theory(0.875)
            .rule(Rule::at_least(0.65, Mark::Derived)),
    ]
}
