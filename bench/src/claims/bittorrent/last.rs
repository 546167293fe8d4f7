//! Those who lack little.

use std::time::Duration;

use super::swarm::{DSL, Has, Member, Person, Plan, Swarm, crowd, mean};
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;

/// R9.
pub(super) const LAST: Claim = Claim {
    id: "R9",
    sentence: "Who lacks only the last pieces waits longer for each of them than others do.",
    said_by: "Bharambe, Herley and Padmanabhan 2006",
    setup: |size| {
        format!(
            "after a flash crowd of {} people for {PIECES} pieces ten more come every 100 s, and every 200 s one who has a part; all leave when done; origin of 1,000 kbit/s",
            super::people(size) / 2
        )
    },
    varied: "how much whoever has a part has",
    seeds: super::FEW,
    trial: last,
};

const PIECES: u32 = 100;
/// What those have who come with a part.
const PARTS: [u32; 4] = [75, 90, 95, 99];

fn batches(size: Size) -> u32 {
    size.pick(16, 30, 60)
}

fn last(trial: &Trial) -> Vec<Reading> {
    let mut people = crowd(super::people(trial.size) / 2, DSL);
    for batch in 0..batches(trial.size) {
        let at = Duration::from_secs(100 * u64::from(batch + 1));
        people.extend((0..10).map(|_| Person::new(at, DSL)));
        if batch % 2 == 1 {
            let has = PARTS[batch as usize / 2 % PARTS.len()];
            people.push(Person { has: Has::Any(has), ..Person::new(at, DSL) });
        }
    }
    let plan = Plan { origin_kbps: 1_000, ..Plan::flash(PIECES) };
    let mut swarm = Swarm::new(plan, trial.seed_of(1));
    swarm.run_all(&people, super::swarm::LIMIT);
    let each_s = |member: &Member| {
        let lacked = member.needs as f64 / f64::from(super::swarm::PIECE);
        Some((lacked, member.took_s()? / lacked))
    };
    let times: Vec<(f64, f64)> = swarm.members().iter().filter_map(each_s).collect();
    let of = |lacked: u32| {
        let of = times.iter().filter(|(number, _)| *number == f64::from(lacked));
        mean(&of.map(|(_, each_s)| *each_s).collect::<Vec<_>>())
    };
    let all = of(PIECES);
    let mut readings =
        vec![Reading::new("time for a piece, of those who come with nothing", Unit::Seconds, all)];
    for has in PARTS {
        let what = format!("time for a piece, of those who come with {has} %, by that");
        let reading = Reading::new(what, Unit::Ratio, of(PIECES - has) / all);
        readings.push(if has == 95 { reading.rule(Rule::at_least(1.5, Mark::Derived)) } else { reading });
    }
    readings
}
