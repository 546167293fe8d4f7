//! Whether other peers or pieces should be chosen.

use std::time::Duration;

use bittorrent::choker::{LeechChoking, SeedChoking};
use bittorrent::picker::PickerKind;

use super::Score;
use crate::claims::bittorrent::swarm::{DSL, LIMIT, MIX_A, PIECE, Person, Plan, Swarm, crowd, median, mixed};
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;
use crate::world::exponential;

/// Q1.
pub(super) const SELECTION: Claim = Claim {
    id: "Q1",
    sentence: "Another selection of peers and pieces would be better, by more than 5 % of the mean time on two of three workloads.",
    said_by: "lecture (as an open question)",
    setup: |size| {
        format!(
            "{} people for {} pieces, told of {} others, and an origin of {} kbit/s. Three workloads: equal lines, all come at once and leave when done; the same with four classes of lines; four classes who come ever more rarely and stay for a third of a content's time, as for RedHat 9. The best selection is found on one swarm of each workload and judged on another, or chance would choose it. Coded pieces, of which any is as good as any other, are not built: they cannot beat the bound either. What peers choose is judged once more apart, where the origin shows all it has",
            people(size),
            pieces(size),
            handout(size),
            origin_kbps(size)
        )
    },
    varied: "which pieces are asked for; whom leechers and seeds serve; whether the origin shows each peer one piece at a time; all combinations but in the quick size, where one of them is varied at a time",
    seeds: super::FEW,
    trial: selection,
};

const PICKERS: [(&str, PickerKind); 4] = [
    ("rarest first", PickerKind::RarestFirst),
    ("random", PickerKind::Random),
    ("rarest of all", PickerKind::GlobalRarest),
    ("in order", PickerKind::Sequential),
];

const CHOKINGS: [(&str, LeechChoking, SeedChoking); 6] = [
    ("tit for tat", LeechChoking::Reciprocation, SeedChoking::Fastest),
    ("at random", LeechChoking::Random, SeedChoking::Random),
    ("proportional", LeechChoking::Proportional, SeedChoking::Fastest),
    ("byte for byte", LeechChoking::TitForTat { credit: 2 * PIECE as u64 }, SeedChoking::Fastest),
    ("the fastest", LeechChoking::Fastest, SeedChoking::Fastest),
    ("tit for tat, seeds in turn", LeechChoking::Reciprocation, SeedChoking::Rotation),
];

fn people(size: Size) -> u32 {
    size.pick(30, 80, 300)
}

fn pieces(size: Size) -> u32 {
    size.pick(48, 96, 256)
}

/// Sets of some fifteen at the quick size: in larger ones the credits of all together would be a copy.
fn handout(size: Size) -> u32 {
    size.pick(10, 20, 40)
}

/// Some 2.5 of the peers' lines: a sixth of all that can be given by a small crowd would leave little to the peers.
fn origin_kbps(size: Size) -> u32 {
    size.pick(1_000, 1_000, 6_000)
}

/// One way to choose, by the numbers of its parts.
#[derive(Clone, Copy, PartialEq)]
struct Choice {
    picker: usize,
    choking: usize,
    smart: bool,
}

/// What the lecture describes.
const BITTORRENT: Choice = Choice { picker: 0, choking: 0, smart: false };

impl Choice {
    /// In how many parts it is not what the lecture describes.
    fn differs(self) -> usize {
        let parts = [self.picker != 0, self.choking != 0, self.smart];
        parts.into_iter().filter(|differs| *differs).count()
    }

    fn name(self) -> String {
        let origin = if self.smart { ", smart origin" } else { "" };
        format!("{}, {}{origin}", PICKERS[self.picker].0, CHOKINGS[self.choking].0)
    }

    fn of(self, plan: &Plan) -> Plan {
        let (_, leech_choking, seed_choking) = CHOKINGS[self.choking];
        Plan { smart: self.smart, ..plan.clone() }.with(|knobs| {
            knobs.picker = PICKERS[self.picker].1;
            (knobs.leech_choking, knobs.seed_choking) = (leech_choking, seed_choking);
        })
    }
}

/// All that are tried, the lecture's first.
fn choices(size: Size) -> Vec<Choice> {
    let (pickers, chokings) = size.pick((3, 4), (4, 6), (4, 6));
    let mut all = Vec::new();
    for picker in 0..pickers {
        for choking in 0..chokings {
            all.extend([false, true].map(|smart| Choice { picker, choking, smart }));
        }
    }
    let differs_most = size.pick(1, 3, 3);
    all.retain(|choice| choice.differs() <= differs_most);
    all
}

/// A content and those who come for it.
struct Workload {
    name: &'static str,
    people: Vec<Person>,
}

/// People with four classes of lines who come ever more rarely, as for RedHat 9, and stay a while: its rate fell with 8.3 hours, the
/// time in which its content went up a line of 470 kbit/s, and people stayed for 3 hours more.
fn fading(trial: &Trial) -> Vec<Person> {
    let mut rng = trial.rng(3);
    let content_s = f64::from(pieces(trial.size)) * f64::from(PIECE) * 8.0 / (f64::from(DSL.up_kbps) * 1e3);
    let mut people = mixed(people(trial.size), &MIX_A, &mut rng);
    for person in &mut people {
        person.at = Duration::from_secs_f64(exponential(&mut rng, content_s));
        person.stays = Some(Duration::from_secs_f64(exponential(&mut rng, content_s / 3.0)));
    }
    people.sort_by_key(|person| person.at);
    people
}

fn workloads(trial: &Trial) -> [Workload; 3] {
    let four = mixed(people(trial.size), &MIX_A, &mut trial.rng(2));
    [
        Workload { name: "equal lines", people: crowd(people(trial.size), DSL) },
        Workload { name: "four classes", people: four },
        Workload { name: "four classes, fading", people: fading(trial) },
    ]
}

/// How each workload goes with a choice.
fn scores(trial: &Trial, workloads: &[Workload], choice: Choice, part: u64) -> Vec<Score> {
    let plan = Plan {
        origin_kbps: origin_kbps(trial.size),
        handout: handout(trial.size),
        ..Plan::flash(pieces(trial.size))
    };
    let score = |workload: &Workload| {
        let mut swarm = Swarm::new(choice.of(&plan), trial.seed_of(part));
        swarm.run_all(&workload.people, LIMIT);
        Score::of(&swarm)
    };
    workloads.iter().map(score).collect()
}

/// Mean times by others, workload by workload.
fn ratios(scores: &[Score], by: &[Score]) -> Vec<f64> {
    scores.iter().zip(by).map(|(score, by)| score.mean_s / by.mean_s).collect()
}

fn selection(trial: &Trial) -> Vec<Reading> {
    let workloads = workloads(trial);
    let choices = choices(trial.size);
    let tried: Vec<Vec<Score>> = choices.iter().map(|choice| scores(trial, &workloads, *choice, 1)).collect();
    let mut readings = Vec::new();
    for (at, workload) in workloads.iter().enumerate() {
        for (choice, scores) in choices.iter().zip(&tried) {
            let name = format!("{}: {}", workload.name, choice.name());
            if choice.differs() <= 1 {
                readings.extend(scores[at].readings(&name));
            }
            if choice.differs() > 0 {
                let ratio = scores[at].mean_s / tried[0][at].mean_s;
                let what = format!("mean time by BitTorrent's, {name}");
                readings.push(Reading::new(what, Unit::Ratio, ratio));
            }
        }
    }
    readings.extend(judged(trial, &workloads, &choices, &tried));
    readings
}

/// The best choice, on swarms other than those on which it was the best: the median of three is at most 0.95 if two of them are.
fn judged(trial: &Trial, workloads: &[Workload], choices: &[Choice], tried: &[Vec<Score>]) -> Vec<Reading> {
    let best = |may: &dyn Fn(&Choice) -> bool| {
        let median_of = |at: usize| median(&ratios(&tried[at], &tried[0]));
        let others = (1..choices.len()).filter(|at| may(&choices[*at]));
        let best = others.min_by(|a, b| median_of(*a).total_cmp(&median_of(*b)));
        choices[best.expect("there are other choices than the lecture's")]
    };
    let ours = scores(trial, workloads, BITTORRENT, 4);
    let again = |choice| ratios(&scores(trial, workloads, choice, 4), &ours);
    let any = again(best(&|_| true));
    let peers_own = again(best(&|choice| !choice.smart));
    let mut readings: Vec<Reading> = workloads
        .iter()
        .zip(&any)
        .map(|(workload, ratio)| {
            let what = format!("mean time by BitTorrent's, the best on other swarms, {}", workload.name);
            Reading::new(what, Unit::Ratio, *ratio)
        })
        .collect();
    readings.push(
        Reading::new(
            "mean time by BitTorrent's, the best on other swarms, the second best of three workloads",
            Unit::Ratio,
            median(&any),
        )
        .rule(Rule::at_most(0.95, Mark::Derived)),
    );
    readings.push(Reading::new(
        "the same with the plain origin, so that peers alone choose otherwise",
        Unit::Ratio,
        median(&peers_own),
    ));
    readings
}
