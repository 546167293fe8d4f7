//! Who becomes a supernode.

use std::sync::Arc;
use std::time::Duration;

use common::peer::Time;
use common::sim::Config;
use kazaa::config::{Knobs, Role};
use kazaa::election::ElectionKind;
use rand_pcg::Pcg64;

use super::network::{Member, Network, fixed};
use crate::claims::draw::Weighted;
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;
use crate::world::unit;

/// K2.
pub(super) const ELECTED: Claim = Claim {
    id: "K2",
    sentence: "Nodes with more bandwidth that are more available become supernodes.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "{} places, each with a line for good (20 % modems) and one user after the other, sessions by Weibull's law as measured in BitTorrent's swarms (V2): FlatOut k {}, scale {} min, Red Hat k {}, scale {} min; {CHILDREN_MAX} children at most, supernodes elected by the nodes themselves; {} h after {} h of settling",
            places(size),
            FLAT_OUT.shape,
            FLAT_OUT.scale_min,
            RED_HAT.shape,
            RED_HAT.scale_min,
            watched(size).as_secs() / 3_600,
            SETTLING.as_secs() / 3_600
        )
    },
    varied: "who may become one: by line and uptime (10 min, 60 min), by line alone, by lot; the law of the sessions",
    seeds: crate::claims::HEAVY,
    trial: elected,
};

/// Sessions by Weibull's law.
struct Sessions {
    name: &'static str,
    shape: f64,
    scale_min: f64,
}

const FLAT_OUT: Sessions = Sessions { name: "FlatOut", shape: 0.59, scale_min: 41.9 };
const RED_HAT: Sessions = Sessions { name: "Red Hat", shape: 0.34, scale_min: 21.3 };
/// Fewer than a supernode's three hundred, so that a few hundred people need many of them.
const CHILDREN_MAX: usize = 15;
/// Supernodes that are always there and take nobody on: the list that comes with the program.
const SHIPPED: u32 = 3;
const SETTLING: Duration = Duration::from_secs(2 * 3_600);
/// Lines up, in kilobits per second, and how common they are (set D of the measured mixes).
const LINES: [(u32, f64); 5] = [(56, 0.20), (128, 0.25), (400, 0.25), (3_000, 0.20), (100_000, 0.10)];
/// What a supernode needs; below it is overloaded.
const KBPS_MIN: u32 = 400;

fn places(size: Size) -> u32 {
    size.pick(200, 600, 2_000)
}

fn watched(size: Size) -> Duration {
    Duration::from_secs(size.pick(3, 8, 24) * 3_600)
}

impl Sessions {
    fn draw(&self, rng: &mut Pcg64) -> Duration {
        let min = self.scale_min * libm::pow(-libm::log(1.0 - unit(rng)), 1.0 / self.shape);
        Duration::from_secs_f64(min * 60.0)
    }

    /// The mean time that somebody still stays who has been there for so many minutes, by the mean session.
    fn gain(&self, min: f64) -> f64 {
        let lives = |at: f64| libm::exp(-libm::pow(at / self.scale_min, self.shape));
        // By steps that grow with the time, in the middle of each; beyond a thousand days there is nobody.
        let left = |from: f64| {
            let ends = (0..100_000).map(|step| from + libm::pow(1.0 + 1e-3, f64::from(step) / 5.0) - 1.0);
            let steps = ends.clone().zip(ends.skip(1)).take_while(|(start, _)| *start < from + 1.44e6);
            steps.map(|(start, end)| (end - start) * lives((start + end) / 2.0)).sum::<f64>() / lives(from)
        };
        left(min) / left(0.0)
    }
}

/// What a policy leads to.
#[derive(Default)]
struct Outcome {
    orphans: f64,
    child_hours: f64,
    supernode_hours: f64,
    /// Hours of children at supernodes whose line is too thin.
    overloaded_hours: f64,
}

struct Policy {
    name: &'static str,
    election: ElectionKind,
    uptime_min: u64,
}

const POLICIES: [Policy; 4] = [
    Policy { name: "line and uptime of 10 min", election: ElectionKind::Both, uptime_min: 10 },
    Policy { name: "line and uptime of 60 min", election: ElectionKind::Both, uptime_min: 60 },
    Policy { name: "line alone", election: ElectionKind::Capacity, uptime_min: 0 },
    Policy { name: "by lot", election: ElectionKind::Random, uptime_min: 0 },
];

/// A network whose users come and go.
struct Scene {
    network: Network,
    lines: Vec<u32>,
    outcome: Outcome,
}

impl Scene {
    fn children(&self, node: u32) -> f64 {
        let children = if self.network.is_supernode(node) { self.network.peer(node) } else { None };
        children.map_or(0.0, |peer| peer.children() as f64)
    }

    /// Adds up a time in which nobody came or went.
    fn count(&mut self, time: Duration) {
        let hours = time.as_secs_f64() / 3_600.0;
        for node in SHIPPED..self.network.nodes() {
            if self.network.is_supernode(node) {
                let children = self.children(node);
                self.outcome.supernode_hours += hours;
                self.outcome.child_hours += hours * children;
                if self.lines[(node - SHIPPED) as usize] < KBPS_MIN {
                    self.outcome.overloaded_hours += hours * children;
                }
            }
        }
    }
}

fn outcome(trial: &Trial, sessions: &Sessions, policy: &Policy) -> Outcome {
    let knobs = Knobs {
        children_max: CHILDREN_MAX,
        election: policy.election,
        supernode_kbps_min: KBPS_MIN,
        supernode_uptime_min: Duration::from_secs(policy.uptime_min * 60),
        ..fixed()
    };
    let knobs = Arc::new(knobs);
    let full = Arc::new(Knobs { children_max: 0, ..(*knobs).clone() });
    let mut network = Network::new(Config { count_reach: false, ..Config::seeded(trial.seed_of(1)) });
    let shipped: Arc<[_]> = (0..SHIPPED).map(|node| network.address(node)).collect();
    for _ in 0..SHIPPED {
        let knows = Arc::clone(&shipped);
        network.add(&Member { role: Some(Role::Supernode), knows, ..Member::new(Arc::clone(&full)) });
    }
    let mut rng = trial.rng(2);
    let mix = Weighted::new(LINES.iter().map(|(_, share)| *share));
    let lines: Vec<u32> = (0..places(trial.size)).map(|_| LINES[mix.draw(&mut rng)].0).collect();
    let member = |at: u32| {
        let up_kbps = lines[(at - SHIPPED) as usize];
        Member { up_kbps, knows: Arc::clone(&shipped), ..Member::new(Arc::clone(&knobs)) }
    };
    let last = SHIPPED + places(trial.size);
    let mut deaths: Vec<(Time, u32)> = Vec::new();
    for node in SHIPPED..last {
        network.run_for(Duration::from_millis(200));
        network.add(&member(node));
        deaths.push((network.now() + sessions.draw(&mut rng), node));
    }
    // The next to go is the last of the list.
    deaths.sort_by_key(|(at, node)| std::cmp::Reverse((*at, *node)));
    let from = network.now() + SETTLING;
    let end = from + watched(trial.size);
    let mut scene = Scene { network, lines: lines.clone(), outcome: Outcome::default() };
    while let Some((at, node)) = deaths.pop().filter(|(at, _)| *at < end) {
        // A death falls into the time that is counted, or before.
        let before = scene.network.now().max(from);
        scene.network.run_until(at);
        if at > from {
            scene.count(at.since(before));
            scene.outcome.orphans += scene.children(node);
        }
        scene.network.replace(node, &member(node), Duration::from_secs(1));
        scene.network.crash(node);
        let next = (at + Duration::from_secs(1) + sessions.draw(&mut rng), node);
        let place = deaths.partition_point(|other| *other > next);
        deaths.insert(place, next);
    }
    scene.outcome
}

fn elected(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    for sessions in [FLAT_OUT, RED_HAT] {
        let mut rates = Vec::new();
        for policy in &POLICIES {
            let outcome = outcome(trial, &sessions, policy);
            let rate = outcome.orphans / outcome.child_hours;
            rates.push(rate);
            let name = format!("{}, {}", sessions.name, policy.name);
            let supernodes = outcome.supernode_hours / (watched(trial.size).as_secs_f64() / 3_600.0);
            readings.push(Reading::new(format!("{name}: supernodes"), Unit::Count, supernodes));
            readings.push(Reading::new(
                format!("{name}: a child loses its supernode, times an hour"),
                Unit::Count,
                rate,
            ));
            let overloaded = outcome.overloaded_hours / outcome.child_hours;
            let reading = Reading::new(
                format!("{name}: children at supernodes with a thin line"),
                Unit::Share,
                overloaded,
            );
            let rule =
                matches!(policy.election, ElectionKind::Both).then_some(Rule::at_most(0.01, Mark::Derived));
            readings.push(Reading { rule, ..reading });
        }
        let what = format!(
            "{}, mean time left after 60 min by the mean session: the most that waiting can gain",
            sessions.name
        );
        readings.push(Reading::new(what, Unit::Ratio, sessions.gain(60.0)));
        let by = |at: usize| rates[3] / rates[at];
        let what = format!("{}, losses by lot by losses with line and uptime of 10 min", sessions.name);
        readings.push(Reading::new(what, Unit::Ratio, by(0)));
        let what = format!("{}, losses by lot by losses with line and uptime of 60 min", sessions.name);
        readings.push(Reading::new(what, Unit::Ratio, by(1)).rule(Rule::at_least(3.0, Mark::Derived)));
    }
    readings
}
