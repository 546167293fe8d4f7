//! Whether lines that carry as much up as down are better.

use std::time::Duration;

use super::Score;
use crate::claims::bittorrent::swarm::{
    Class, DSL, LIMIT, MIX_A, Person, Plan, Swarm, both, crowd, mean, mixed,
};
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;

/// Q3.
pub(super) const SYMMETRIC: Claim = Claim {
    id: "Q3",
    sentence: "With lines that carry as much up as down a swarm is better: uplinks are used as well, downlinks nearly fully, and peers of different lines give more alike.",
    said_by: "lecture (as an open question)",
    setup: |size| {
        format!(
            "a flash crowd of {} people for {} pieces, smart origin of 2.5 of the peers' mean line up. Symmetric lines of the four classes carry half of what theirs carry in both directions together. A downlink no wider than the uplink has no room to make up for a moment without a sender, so that one a little wider is tried beside",
            people(size),
            pieces(size)
        )
    },
    varied: "the lines: 1,500/400 kbit/s, 600/400, 400/400, as much together as the first (950/950), a private network of 100 Mbit/s; four classes as they are or symmetric",
    seeds: super::FEW,
    trial: symmetric,
};

fn people(size: Size) -> u32 {
    size.pick(40, 150, 1_000)
}

fn pieces(size: Size) -> u32 {
    size.pick(64, 128, 400)
}

const LAN: Class = both(100_000);

fn score(trial: &Trial, people: &[Person]) -> Score {
    let up: Vec<f64> = people.iter().map(|person| f64::from(person.class.up_kbps)).collect();
    let plan = Plan { origin_kbps: (2.5 * mean(&up)) as u32, ..Plan::flash(pieces(trial.size)) };
    let mut swarm = Swarm::new(plan, trial.seed_of(1));
    swarm.run_all(people, LIMIT);
    Score::of(&swarm)
}

/// The most that downlinks can be used: what comes down has gone up.
fn ceiling(class: Class) -> f64 {
    f64::from(class.up_kbps) / f64::from(class.down_kbps)
}

fn symmetric(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let mut of = |name: &str, people: &[Person]| {
        let score = score(trial, people);
        readings.extend(score.readings(name));
        score
    };
    let crowd = |class| crowd(people(trial.size), class);
    let usual = of("1,500/400", &crowd(DSL));
    of("600/400", &crowd(Class { down_kbps: 600, ..DSL }));
    of("400/400", &crowd(both(DSL.up_kbps)));
    let half = (DSL.down_kbps + DSL.up_kbps) / 2;
    let equal = of("950/950", &crowd(both(half)));
    let at_once: Vec<Person> =
        crowd(LAN).into_iter().map(|person| Person { at: Duration::ZERO, ..person }).collect();
    let lan = of("100 Mbit/s", &at_once);
    let four = mixed(people(trial.size), &MIX_A, &mut trial.rng(2));
    let as_they_are = of("four classes", &four);
    let same = |person: &Person| {
        let class = both((person.class.down_kbps + person.class.up_kbps) / 2);
        Person { class, ..person.clone() }
    };
    let four_equal = of("four classes, symmetric", &four.iter().map(same).collect::<Vec<_>>());
    readings.extend([
        Reading::new("use of downlinks by what they could be used, 950/950", Unit::Ratio, equal.downlinks)
            .theory(ceiling(both(half)))
            .rule(Rule::at_least(0.8, Mark::Derived)),
        Reading::new("use of uplinks, 950/950 less 1,500/400", Unit::Share, equal.uplinks - usual.uplinks)
            .rule(Rule::at_least(-0.05, Mark::Derived)),
        Reading::new("use of downlinks by what they could be used, 100 Mbit/s", Unit::Ratio, lan.downlinks)
            .theory(ceiling(LAN)),
        Reading::new(
            "fairness, four classes, symmetric by as they are",
            Unit::Ratio,
            four_equal.fairness / as_they_are.fairness,
        )
        .rule(Rule::at_least(1.0, Mark::Derived)),
    ]);
    readings
}
