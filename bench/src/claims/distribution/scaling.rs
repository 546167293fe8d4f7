//! How long a crowd takes, by how many come.

use super::lone;
use crate::claims::bittorrent::swarm::{DSL, Person, Plan, Swarm, after, crowd, mean};
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;

/// M3.
pub(super) const SCALING: Claim = Claim {
    id: "M3",
    sentence: "A swarm scales by itself: whoever comes brings a line along, so that a crowd takes hardly longer the larger it is, where a server takes as much longer as more come.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "a flash crowd for {} pieces, a hundred people a second, lines of 1,500/400, an origin of 6,000 kbit/s, alone or with a swarm; all leave when done, nobody gives up. The bound is that of Kumar and Ross; with whole pieces the best schedule takes 1 + log2 N / pieces times as long, where the peers' lines decide. A smart origin leaves part of its line unused, and who is done takes the own line along: of those who stay the last is done sooner",
            pieces(size)
        )
    },
    varied: "how many come; server or swarm",
    seeds: |size| size.pick(3, 4, 5),
    trial: scaling,
};

fn pieces(size: Size) -> u32 {
    size.pick(100, 400, 400)
}

fn crowds(size: Size) -> &'static [u32] {
    size.pick(&[25, 50, 100], &[50, 100, 200, 400], &[50, 200, 1_000, 2_000, 8_000])
}

/// How long a server alone takes for such a crowd, and the mean time; both in seconds.
fn by_server(trial: &Trial, plan: &Plan, people: &[Person], readings: &mut Vec<Reading>) -> (f64, f64) {
    let offer = super::alone(plan);
    let server = lone::after(offer, people, trial.seed_of(2));
    let times_s = server.times_s();
    let count = people.len() as f64;
    let theory = count * super::seconds(offer.bytes, offer.up_kbps);
    let reading =
        |what: &str, unit, value| Reading::new(format!("server, {count} people: {what}"), unit, value);
    readings.extend([
        reading("until the last is done", Unit::Seconds, server.last_s()).theory(theory),
        reading("finished", Unit::Share, times_s.len() as f64 / count),
    ]);
    (server.last_s(), mean(&times_s))
}

/// How a swarm of that name did, by the bound and otherwise.
fn by_swarm(swarm: &Swarm, name: &str) -> Vec<Reading> {
    let outcome = swarm.outcome();
    let least_s = outcome.bound.least_s();
    // With whole pieces the best schedule takes a turn of one piece for each doubling of those who have one.
    let least = 1.0 + f64::from((outcome.people as u32).ilog2()) / f64::from(swarm.plan().pieces);
    let origin_s = swarm.origin_copies() * super::seconds(swarm.plan().bytes(), swarm.plan().origin_kbps);
    let reading = |what: &str, unit, value| Reading::new(format!("swarm, {name}: {what}"), unit, value);
    vec![
        reading("until the last is done", Unit::Seconds, outcome.last_s).theory(least_s),
        reading("the same by the bound", Unit::Ratio, outcome.by_bound())
            .theory(least)
            .rule(Rule::at_most(1.15, Mark::Derived)),
        reading("mean time by the bound", Unit::Ratio, outcome.mean_s() / least_s),
        reading("use of the origin's line", Unit::Share, origin_s / outcome.last_s),
        reading("use of the peers' lines while they are there", Unit::Share, swarm.utilisation()),
        reading("finished", Unit::Share, outcome.finished()),
    ]
}

fn scaling(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let mut lasts = Vec::new();
    let plan = Plan::flash(pieces(trial.size));
    for &count in crowds(trial.size) {
        let people = crowd(count, DSL);
        let (server_s, server_mean_s) = by_server(trial, &plan, &people, &mut readings);
        let swarm = after(plan.clone(), &people, trial.seed_of(1));
        readings.extend(by_swarm(&swarm, &format!("{count} people")));
        let outcome = swarm.outcome();
        let what = format!("server by swarm, {count} people: mean time");
        readings.push(Reading::new(what, Unit::Ratio, server_mean_s / outcome.mean_s()));
        lasts.push((f64::from(count), server_s, outcome.last_s));
    }
    let (first, last) = (lasts[0], lasts[lasts.len() - 1]);
    let grown = last.0 / first.0;
    let server = last.1 / first.1 / grown;
    readings.push(
        Reading::new("server: how much longer by how many more, largest by smallest", Unit::Ratio, server)
            .theory(1.0)
            .rule(Rule::within(0.9, 1.1, Mark::Derived)),
    );
    let what = "swarm: how much longer, largest by smallest";
    readings.push(Reading::new(what, Unit::Ratio, last.2 / first.2));
    // What it costs that those who are done take their lines along.
    let stay = |person| Person { stays: None, ..person };
    let people: Vec<Person> = crowd(last.0 as u32, DSL).into_iter().map(stay).collect();
    let swarm = after(plan, &people, trial.seed_of(1));
    let name = format!("{} people who stay", people.len());
    readings.extend(by_swarm(&swarm, &name).into_iter().map(|reading| Reading { rule: None, ..reading }));
    readings
}
