//! Joining, with the services and without them.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use common::peer::Time;
use common::sim::Config;
use kazaa::config::{Knobs, Role};
use kazaa::node::Node;
use kazaa::services::{ServicesConfig, ServicesKnobs};
use rand_pcg::Pcg64;

use super::network::{Member, Network, file, fixed};
use crate::claims::draw::sample;
use crate::claims::finding::{Mark, Published, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::{Unit, quantile};
use crate::world::exponential;

/// K6.
pub(super) const REMOVED: Claim = Claim {
    id: "K6",
    sentence: "There is a dedicated server for logins and for the list of supernodes; without it those who have joined go on, and new ones need a list that they have kept.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "{SUPERNODES} supernodes, lifetimes exponential with a mean of {:.1} h (V2), each followed by another at another address; {} people join by the services before those are gone, {NEWCOMERS} at each age of the list after that",
            LIFE.as_secs_f64() / 3_600.0,
            people(size)
        )
    },
    varied: "whether the services are there; whether a newcomer has kept a list, and how old it is",
    seeds: crate::claims::HEAVY,
    trial: removed,
};

/// Half as many as KaZaA's lists had.
const SUPERNODES: u32 = 100;
const LIFE: Duration = Duration::from_secs(9_000);
const NEWCOMERS: u32 = 20;
/// How old the lists of newcomers are, in minutes.
const AGES_MIN: [u64; 4] = [5, 30, 104, 300];
/// How long a newcomer may try.
const PATIENCE: Duration = Duration::from_secs(300);

fn people(size: Size) -> u32 {
    size.pick(60, 100, 200)
}

/// Supernodes that come and go, at the end those who use them.
struct Scene {
    network: Network,
    services: SocketAddrV4,
    knobs: Arc<Knobs>,
    /// When the living supernodes go; the next to go is the last.
    deaths: Vec<(Time, u32)>,
    rng: Pcg64,
}

impl Scene {
    fn new(trial: &Trial) -> Scene {
        let mut network = Network::new(Config::seeded(trial.seed_of(1)));
        // So many links that no supernode is without one; what they cost is another claim's matter.
        let quiet = Duration::from_secs(600);
        let knobs = Arc::new(Knobs { links: 5, load_every: quiet, ..fixed() });
        let services = network.add_peer(Node::services(ServicesConfig {
            signing_seed: [1; 32],
            accounts: Vec::new(),
            started_s: 0,
            knobs: Arc::new(ServicesKnobs::default()),
        }));
        let services = network.address(services);
        let mut scene = Scene { network, services, knobs, deaths: Vec::new(), rng: trial.rng(2) };
        for _ in 0..SUPERNODES {
            scene.supernode(Arc::default());
            scene.network.run_for(Duration::from_millis(100));
        }
        scene.network.run_for(Duration::from_secs(60));
        scene
    }

    fn member(&self, role: Role, knows: Arc<[SocketAddrV4]>) -> Member {
        let services = Some(self.services);
        Member { role: Some(role), knows, services, ..Member::new(Arc::clone(&self.knobs)) }
    }

    fn supernode(&mut self, knows: Arc<[SocketAddrV4]>) {
        let node = self.network.add(&self.member(Role::Supernode, knows));
        let life = Duration::from_secs_f64(exponential(&mut self.rng, LIFE.as_secs_f64()));
        let death = (self.network.now() + life, node);
        let place = self.deaths.partition_point(|other| *other > death);
        self.deaths.insert(place, death);
    }

    /// Supernodes that live.
    fn living(&self) -> Vec<u32> {
        self.deaths.iter().map(|(_, node)| *node).collect()
    }

    /// Lets time pass, and supernodes go and come.
    fn run_until(&mut self, until: Time) {
        while let Some((at, node)) = self.deaths.pop_if(|(at, _)| *at <= until) {
            self.network.run_until(at);
            self.network.crash(node);
            let living = self.living();
            let known = sample(living.len() as u32, 20, &mut self.rng);
            let knows = known.into_iter().map(|at| self.network.address(living[at as usize])).collect();
            self.supernode(knows);
        }
        self.network.run_until(until);
    }

    /// People come; returns who they are, and how many have a supernode in the end and after how many seconds each of those.
    fn join(&mut self, count: u32, knows: &Arc<[SocketAddrV4]>) -> (Vec<u32>, Vec<f64>) {
        let member = self.member(Role::Ordinary, Arc::clone(knows));
        let nodes: Vec<u32> = (0..count).map(|_| self.network.add(&member)).collect();
        let (began, mut took) = (self.network.now(), Vec::new());
        let mut waiting = nodes.clone();
        while !waiting.is_empty() && self.network.now() < began + PATIENCE {
            self.run_until(self.network.now() + Duration::from_millis(50));
            let before = waiting.len();
            waiting.retain(|node| self.network.parents(*node).is_empty());
            let now_s = self.network.now().since(began).as_secs_f64();
            took.extend(std::iter::repeat_n(now_s, before - waiting.len()));
        }
        (nodes, took)
    }
}

fn removed(trial: &Trial) -> Vec<Reading> {
    let mut scene = Scene::new(trial);
    let people = people(trial.size);
    let (joined, took) = scene.join(people, &Arc::default());
    let share = |took: &[f64], of: u32| took.len() as f64 / f64::from(of);
    let mut readings = vec![
        Reading::new(
            "with the services: newcomers without a list who join",
            Unit::Share,
            share(&took, people),
        )
        .rule(Rule::at_least(0.99, Mark::Lecture)),
    ];
    let holder = joined[0];
    scene.network.share(holder, [file("a sought song.mp3")]);
    scene.network.run_for(Duration::from_secs(5));
    let found = |scene: &mut Scene| {
        let searchers = &joined[1..];
        let found = searchers.iter().filter(|node| {
            let searched = scene.network.search(**node, "sought song");
            !searched.results.is_empty()
        });
        found.count() as f64 / searchers.len() as f64
    };
    let before = found(&mut scene);
    let services = scene.network.at(scene.services).expect("the services are a node");
    scene.network.crash(services);
    let gone = scene.network.now();
    let kept: Vec<u32> = scene.living();
    let list: Arc<[SocketAddrV4]> = kept.iter().map(|node| scene.network.address(*node)).collect();
    let lives: Vec<f64> = scene.deaths.iter().map(|(at, _)| at.since(gone).as_secs_f64()).collect();
    let after = found(&mut scene);
    readings.push(
        Reading::new("without: those who have joined find what they found", Unit::Ratio, after / before)
            .rule(Rule::at_least(0.99, Mark::Lecture)),
    );
    let (_, took) = scene.join(NEWCOMERS, &Arc::default());
    readings.push(
        Reading::new("without: newcomers without a list who join", Unit::Share, share(&took, NEWCOMERS))
            .rule(Rule::exactly(0.0, Mark::Lecture)),
    );
    for age_min in AGES_MIN {
        let age = Duration::from_secs(60 * age_min);
        scene.run_until(scene.network.now().max(gone + age));
        let dead = kept.iter().filter(|node| !scene.network.is_up(**node)).count();
        let (_, took) = scene.join(NEWCOMERS, &list);
        let name = format!("without, a list kept for {age_min} min");
        let age_s = scene.network.now().since(gone).as_secs_f64();
        let theory = 1.0 - libm::exp(-age_s / LIFE.as_secs_f64());
        readings.push(
            Reading::new(
                format!("{name}: entries that are dead"),
                Unit::Share,
                dead as f64 / kept.len() as f64,
            )
            .theory(theory),
        );
        let rule = (age_min <= 104).then_some(Rule::at_least(0.99, Mark::Lecture));
        let reading =
            Reading::new(format!("{name}: newcomers who join"), Unit::Share, share(&took, NEWCOMERS));
        readings.push(Reading { rule, ..reading });
        let median = quantile(&took, 0.5).unwrap_or(f64::NAN);
        readings.push(Reading::new(format!("{name}: time to join, median"), Unit::Seconds, median));
    }
    let half = quantile(&lives, 0.5).expect("there are supernodes");
    let published =
        Published::new(std::f64::consts::LN_2 * LIFE.as_secs_f64(), "the mean lifetime", Mark::Derived);
    readings.push(
        Reading::new("time until half of a list is dead", Unit::Seconds, half)
            .published(published)
            .rule(Rule::near(published, 0.15 * published.value)),
    );
    readings
}
