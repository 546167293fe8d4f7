//! What happens when a supernode goes.

use std::sync::Arc;
use std::time::Duration;

use common::peer::Time;
use common::sim::Config;
use kazaa::config::{Knobs, Role};

use super::network::{Member, Network, file, fixed};
use crate::claims::finding::{Mark, Published, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;
use crate::world::exponential;

/// K10.
pub(super) const ORPHANS: Claim = Claim {
    id: "K10",
    sentence: "If a supernode goes, its children take another from its list.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "{SUPERNODES} supernodes with lifetimes of {:.1} h on average (V2), exponential, each back after {} min as another one, and {} children with {FILES} files each, for {} h; out of reach: no supernode that lives has the child's files in its index",
            LIFE.as_secs_f64() / 3_600.0,
            AWAY.as_secs() / 60,
            children(size),
            watched(size).as_secs() / 3_600
        )
    },
    varied: "whether connections are reset or fall silent; one parent or two",
    seeds: crate::claims::HEAVY,
    trial: orphans,
};

const SUPERNODES: u32 = 20;
const FILES: u32 = 20;
const LIFE: Duration = Duration::from_secs(9_000);
/// How long a supernode's place stays empty.
const AWAY: Duration = Duration::from_secs(600);
/// The time in which a child has told a new supernode all it shares.
const TELLING: Duration = Duration::from_secs(2);
/// Who is out of reach for longer has not found another in time.
const PATIENCE: Duration = Duration::from_secs(200);

fn children(size: Size) -> u32 {
    size.pick(120, 400, 1_000)
}

fn watched(size: Size) -> Duration {
    Duration::from_secs(size.pick(5, 24, 72) * 3_600)
}

/// What deaths of supernodes did to their children.
#[derive(Default)]
struct Toll {
    /// Children that lost a parent.
    orphans: f64,
    /// Children of whom no living supernode knew any more, the seconds that this lasted in all, and how many waited for too long.
    out_of_reach: f64,
    out_of_reach_s: f64,
    late: f64,
    /// Times that everybody was back, and the messages until shortly after to the supernode that most turned to.
    recoveries: f64,
    burst: f64,
}

/// Supernodes that come and go, and children who watch them.
struct Scene {
    network: Network,
    /// When each supernode goes, or comes back if it is away.
    turns: Vec<Time>,
    away: Vec<bool>,
    /// Children of whom no living supernode knows, and since when.
    lost: Vec<(u32, Time)>,
    /// Messages that had come to each supernode when the first of them was lost.
    received: Vec<u64>,
    toll: Toll,
}

impl Scene {
    fn is_known(&self, child: u32) -> bool {
        self.network.parents(child).into_iter().any(|parent| !self.away[parent as usize])
    }

    fn received(&self) -> Vec<u64> {
        (0..SUPERNODES).map(|node| self.network.load(node).received.messages).collect()
    }

    /// A supernode goes.
    fn dies(&mut self, node: u32, silent: bool) {
        let children = SUPERNODES..self.network.nodes();
        let orphans: Vec<u32> =
            children.filter(|child| self.network.parents(*child).contains(&node)).collect();
        self.toll.orphans += orphans.len() as f64;
        self.away[node as usize] = true;
        if self.lost.is_empty() {
            self.received = self.received();
        }
        let now = self.network.now();
        for child in orphans {
            if !self.is_known(child) && self.lost.iter().all(|(lost, _)| *lost != child) {
                self.toll.out_of_reach += 1.0;
                self.lost.push((child, now));
            }
        }
        if silent {
            self.network.silence(node, AWAY);
        } else {
            self.network.crash(node);
        }
    }

    /// Lets time pass, and looks at those who are lost so often.
    fn watch_until(&mut self, until: Time, every: Duration) {
        while !self.lost.is_empty() && self.network.now() < until {
            let before = self.network.now();
            self.network.run_until((before + every).min(until));
            let now = self.network.now();
            self.toll.out_of_reach_s += self.lost.len() as f64 * now.since(before).as_secs_f64();
            let lost = std::mem::take(&mut self.lost);
            let (back, lost): (Vec<_>, Vec<_>) =
                lost.into_iter().partition(|(child, _)| self.is_known(*child));
            self.lost = lost;
            let late = back.iter().filter(|(_, since)| now.since(*since) > PATIENCE);
            self.toll.late += late.count() as f64;
            if self.lost.is_empty() {
                // What they share comes behind them.
                self.network.run_until((now + TELLING).min(until));
                let told = self.received().into_iter().zip(&self.received).map(|(now, then)| now - then);
                self.toll.burst += told.max().unwrap_or(0) as f64;
                self.toll.recoveries += 1.0;
            }
        }
        self.network.run_until(until);
    }
}

fn toll(trial: &Trial, silent: bool, parents: usize) -> Toll {
    let mut network = Network::new(Config::seeded(trial.seed_of(1)));
    let all: Arc<[_]> = (0..SUPERNODES).map(|node| network.address(node)).collect();
    let knobs = Arc::new(Knobs { parents, ..fixed() });
    let member =
        |role| Member { role: Some(role), knows: Arc::clone(&all), ..Member::new(Arc::clone(&knobs)) };
    (0..SUPERNODES).for_each(|_| _ = network.add(&member(Role::Supernode)));
    network.run_for(Duration::from_secs(60));
    let last = SUPERNODES + children(trial.size);
    (SUPERNODES..last).for_each(|_| _ = network.add(&member(Role::Ordinary)));
    network.run_for(Duration::from_secs(1));
    for child in SUPERNODES..last {
        network.share(child, (0..FILES).map(|at| file(&format!("song {at} of number{child}.mp3"))));
    }
    network.run_for(Duration::from_secs(120));
    let mut rng = trial.rng(2);
    let mut lasting = || Duration::from_secs_f64(exponential(&mut rng, LIFE.as_secs_f64()));
    let end = network.now() + watched(trial.size);
    let turns = (0..SUPERNODES).map(|_| network.now() + lasting()).collect();
    let away = vec![false; SUPERNODES as usize];
    let mut scene =
        Scene { network, turns, away, lost: Vec::new(), received: Vec::new(), toll: Toll::default() };
    // A reset is felt within a round trip, silence at the next ping.
    let every = if silent { Duration::from_secs(1) } else { Duration::from_millis(50) };
    loop {
        let turn = |node: &u32| scene.turns[*node as usize];
        let node = (0..SUPERNODES).min_by_key(turn).expect("there are supernodes");
        let at = scene.turns[node as usize];
        if at >= end {
            break;
        }
        scene.watch_until(at, every);
        if scene.away[node as usize] {
            scene.away[node as usize] = false;
            scene.network.replace(node, &member(Role::Supernode), Duration::ZERO);
            scene.turns[node as usize] = at + lasting();
        } else {
            scene.dies(node, silent);
            scene.turns[node as usize] = at + AWAY;
        }
    }
    scene.watch_until(end, every);
    let too_long = scene.lost.iter().filter(|(_, since)| end.since(*since) > PATIENCE);
    scene.toll.late += too_long.count() as f64;
    scene.toll
}

fn orphans(trial: &Trial) -> Vec<Reading> {
    let child_days = f64::from(children(trial.size)) * watched(trial.size).as_secs_f64() / 86_400.0;
    let mut readings = Vec::new();
    let mut out_of_reach = Vec::new();
    for (silent, parents) in [(false, 1), (false, 2), (true, 1), (true, 2)] {
        let toll = toll(trial, silent, parents);
        let name = match (silent, parents) {
            (false, 1) => "reset",
            (false, _) => "reset, two parents",
            (true, 1) => "silent",
            (true, _) => "silent, two parents",
        };
        let put = |what: &str, unit, value| Reading::new(format!("{name}: {what}"), unit, value);
        let expected = parents as f64 * 86_400.0 / LIFE.as_secs_f64();
        readings.push(
            put("parents lost by a child in a day", Unit::Count, toll.orphans / child_days).theory(expected),
        );
        let each = toll.out_of_reach_s / toll.out_of_reach.max(1.0);
        readings.push(put("out of reach, each time", Unit::Seconds, each));
        let in_a_day = toll.out_of_reach_s / child_days;
        readings.push(put("out of reach, by a child in a day", Unit::Seconds, in_a_day));
        out_of_reach.push(in_a_day);
        let found = 1.0 - toll.late / toll.out_of_reach.max(1.0);
        let what = format!("of those out of reach found another within {} s", PATIENCE.as_secs());
        readings.push(put(&what, Unit::Share, found).rule(Rule::at_least(0.99, Mark::Lecture)));
        let burst = toll.burst / toll.recoveries.max(1.0);
        readings.push(put("messages to the supernode that most turned to, each time", Unit::Count, burst));
    }
    readings[0].published = Some(Published::new(
        24.0 * 3_600.0 / LIFE.as_secs_f64(),
        "Liang, Kumar and Ross 2004",
        Mark::Secondary,
    ));
    for (at, name) in [(0, "reset"), (2, "silent")] {
        let ratio = out_of_reach[at + 1] / out_of_reach[at];
        readings.push(
            Reading::new(format!("{name}: out of reach with two parents by with one"), Unit::Ratio, ratio)
                .rule(Rule::at_most(0.1, Mark::Derived)),
        );
    }
    readings
}
