//! The tracker.

use std::time::Duration;

use super::swarm::{DSL, LIMIT, Person, Plan, Swarm, crowd};
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Trial};
use crate::measure::Unit;

/// B5.
pub(super) const LIGHT: Claim = Claim {
    id: "B5",
    sentence: "The tracker has little to do: peers report when they start and stop and every half hour; without it those who have met go on.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "a flash crowd of {} people for {} pieces; a tenth as many come {} s later; all leave when done, so that without tracker somebody may be left whose whole set has gone. Who has fewer than 20 others asks for more after five minutes, as mainline's clients do",
            super::people(size),
            super::pieces(size),
            LATER.as_secs()
        )
    },
    varied: "whether the tracker vanishes before they do",
    seeds: super::FEW,
    trial: light,
};

/// When the tracker vanishes, if it does: all of the crowd have come.
const LOST: Duration = Duration::from_secs(60);
/// When others come.
const LATER: Duration = Duration::from_secs(90);
/// Peers of the RedHat 9 torrent at its peak.
const RED_HAT_PEAK: f64 = 4_500.0;

fn light(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let count = super::people(trial.size);
    for is_lost in [false, true] {
        let plan = Plan { patient: true, ..Plan::flash(super::pieces(trial.size)) };
        let mut swarm = Swarm::new(plan, trial.seed_of(1));
        swarm.run(&crowd(count, DSL), LOST, LOST, &mut |_| {});
        if is_lost {
            swarm.lose_tracker();
        }
        let later: Vec<Person> = (0..count / 10).map(|_| Person::new(LATER - LOST, DSL)).collect();
        swarm.run_all(&later, LIMIT / 5);
        let of = |from: u32, to: u32| {
            let members = &swarm.members()[from as usize..to as usize];
            members.iter().filter(|member| member.finished.is_some()).count() as f64 / f64::from(to - from)
        };
        let (crowd, newcomers) = (of(0, count), of(count, count + count / 10));
        let name = if is_lost { "without tracker" } else { "with tracker" };
        readings.push(
            Reading::new(format!("of the crowd finished, {name}"), Unit::Share, crowd)
                .rule(Rule::exactly(1.0, Mark::Lecture)),
        );
        let expected = if is_lost { 0.0 } else { 1.0 };
        readings.push(
            Reading::new(format!("of those who came later finished, {name}"), Unit::Share, newcomers)
                .rule(Rule::exactly(expected, Mark::Lecture)),
        );
        if !is_lost {
            let load = swarm.tracker_load();
            let share = load.control_bytes() as f64 / swarm.delivered() as f64;
            readings.push(
                Reading::new("the tracker's bytes by the swarm's", Unit::Share, share)
                    .rule(Rule::at_most(1e-3, Mark::Derived)),
            );
            let what = "reports of a peer, start and stop among them";
            let reports = swarm.sent("ask").messages as f64 / swarm.members().len() as f64;
            // It starts, completes and stops, and may have asked for more others once; half an hour has not passed.
            readings.push(Reading::new(what, Unit::Count, reports).rule(Rule::at_most(4.0, Mark::Derived)));
        }
    }
    let at_peak = RED_HAT_PEAK / 1_800.0;
    readings.push(
        Reading::new(
            "reports in a second at RedHat 9's peak, one in half an hour from each",
            Unit::Count,
            at_peak,
        )
        .theory(2.5),
    );
    readings
}
