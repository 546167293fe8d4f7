//! Whether it matters that all arrive at once.

use std::time::Duration;

use rand::RngExt as _;

use super::Score;
use crate::claims::bittorrent::swarm::{DSL, LIMIT, PIECE, Person, Plan, Swarm};
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;
use crate::world::exponential;

/// Q2.
pub(super) const AT_ONCE: Claim = Claim {
    id: "Q2",
    sentence: "If all arrive at once, each waits hardly longer than if they come one by one, and the last is done long before.",
    said_by: "lecture (as an open question)",
    setup: |size| {
        format!(
            "{} people with equal lines for {} pieces, smart origin of {ORIGIN_KBPS} kbit/s; all leave when done. A content's time is how long it takes up one line. Even the best schedule needs a turn of one piece for each doubling of those who have one, so that theory has the last done by the bound at 1 + log2 N / pieces: small contents feel the start. Of those who come one by one fewer share the origin at a time, and it sends more copies",
            people(size),
            pieces(size)
        )
    },
    varied: "how people come; how many pieces the content has",
    seeds: super::FEW,
    trial: at_once,
};

/// 2.5 of the peers' lines.
const ORIGIN_KBPS: u32 = 1_000;
/// The pieces of an update of 2 MiB, as virus scanners get.
const UPDATE: u32 = 8;

fn people(size: Size) -> u32 {
    size.pick(40, 150, 1_000)
}

fn pieces(size: Size) -> u32 {
    size.pick(64, 128, 400)
}

/// How people come.
#[derive(Clone, Copy, PartialEq)]
enum Arrivals {
    Once,
    /// Evenly, in so many seconds.
    Seconds(f64),
    /// Evenly, in so many of the content's times.
    Contents(f64),
    /// Each at any moment of so many of the content's times: by Poisson's law, but just so many.
    Poisson(f64),
    /// Ever more rarely, with the content's time as the scale.
    Fading,
}

impl Arrivals {
    const ALL: [(&str, Arrivals); 5] = [
        ("at once", Arrivals::Once),
        ("in 10 s", Arrivals::Seconds(10.0)),
        ("in 0.3 of the content's time", Arrivals::Contents(0.3)),
        ("one by one in three of the content's times", Arrivals::Poisson(3.0)),
        ("ever more rarely", Arrivals::Fading),
    ];

    fn people(self, trial: &Trial, pieces: u32) -> Vec<Person> {
        let mut rng = trial.rng(2);
        let people = people(trial.size);
        let content_s = f64::from(pieces) * piece_s();
        let mut at_s = |number: u32| {
            let evenly = f64::from(number) / f64::from(people);
            match self {
                Arrivals::Once => 0.0,
                Arrivals::Seconds(all_s) => evenly * all_s,
                Arrivals::Contents(times) => evenly * times * content_s,
                Arrivals::Poisson(times) => rng.random_range(0.0..times) * content_s,
                Arrivals::Fading => exponential(&mut rng, content_s),
            }
        };
        let mut times: Vec<Duration> =
            (0..people).map(|number| Duration::from_secs_f64(at_s(number))).collect();
        times.sort();
        times.into_iter().map(|at| Person::new(at, DSL)).collect()
    }
}

/// Seconds that a piece takes up one line.
fn piece_s() -> f64 {
    f64::from(PIECE) * 8.0 / (f64::from(DSL.up_kbps) * 1e3)
}

/// Turns of one piece until everybody can have one.
fn doublings(people: u32) -> u32 {
    people.ilog2()
}

/// What the members had given by then, seconds and bytes.
type Given = Vec<(f64, f64)>;

fn swarm(trial: &Trial, arrivals: Arrivals, pieces: u32) -> (Swarm, Given) {
    let plan = Plan { origin_kbps: ORIGIN_KBPS, ..Plan::flash(pieces) };
    let mut swarm = Swarm::new(plan, trial.seed_of(1));
    let mut given = vec![(0.0, 0.0)];
    let every = Duration::from_secs_f64(piece_s());
    swarm.run(&arrivals.people(trial, pieces), LIMIT, every, &mut |swarm| {
        let bytes = (0..swarm.members().len()).map(|at| swarm.load(at).body_sent).sum::<u64>();
        given.push((swarm.now_s(), bytes as f64));
    });
    (swarm, given)
}

/// The use of all uplinks from one look to another.
fn used(given: &[(f64, f64)], people: u32) -> f64 {
    let (Some(first), Some(last)) = (given.first(), given.last()) else { return f64::NAN };
    let could = f64::from(people) * f64::from(DSL.up_kbps) * 125.0 * (last.0 - first.0);
    (last.1 - first.1) / could
}

/// Uplinks before everybody can have a piece by the best schedule, and from then to half of the least time.
fn start(trial: &Trial, swarm: &Swarm, given: &[(f64, f64)]) -> Vec<Reading> {
    let turns = doublings(people(trial.size)) as usize;
    let half_s = swarm.outcome().bound.least_s() / 2.0;
    let half = given.partition_point(|(now_s, _)| *now_s <= half_s).min(given.len());
    let early = used(&given[..=turns], people(trial.size));
    let late = used(&given[turns.min(half - 1)..half], people(trial.size));
    vec![
        Reading::new("use of uplinks, at once, in the first log2 N turns of a piece", Unit::Share, early),
        Reading::new("use of uplinks, at once, from then to half of the least time", Unit::Share, late),
    ]
}

fn at_once(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    for (content, pieces) in [("", pieces(trial.size)), ("an update, ", UPDATE)] {
        let mut scores = Vec::new();
        let mut lasts = Vec::new();
        for (name, arrivals) in Arrivals::ALL {
            let (swarm, given) = swarm(trial, arrivals, pieces);
            let score = Score::of(&swarm);
            readings.extend(score.readings(&format!("{content}{name}")));
            let last_s = swarm.outcome().last_s;
            let what = format!("until the last is done, {content}{name}");
            readings.push(Reading::new(what, Unit::Seconds, last_s));
            if arrivals == Arrivals::Once && pieces > UPDATE {
                readings.extend(start(trial, &swarm, &given));
            }
            scores.push(score);
            lasts.push(last_s);
        }
        let is_update = pieces == UPDATE;
        let rule = |reading: Reading, rule| if is_update { reading } else { reading.rule(rule) };
        let least = 1.0 + f64::from(doublings(people(trial.size))) / f64::from(pieces);
        let what = format!("last one done by the best schedule, {content}at once");
        readings.push(rule(
            Reading::new(what, Unit::Ratio, scores[0].last / least).theory(1.0),
            Rule::at_most(1.15, Mark::Derived),
        ));
        let what = format!("mean time, {content}at once by one by one");
        readings.push(rule(
            Reading::new(what, Unit::Ratio, scores[0].mean_s / scores[3].mean_s),
            Rule::at_most(1.15, Mark::Derived),
        ));
        let what = format!("until the last is done, {content}at once by one by one");
        readings.push(rule(
            Reading::new(what, Unit::Ratio, lasts[0] / lasts[3]),
            Rule::at_most(0.5, Mark::Derived),
        ));
    }
    readings
}
