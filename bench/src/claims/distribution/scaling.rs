//! How long a crowd takes, by how many come.

use super::lone;
use crate::claims::bittorrent::swarm::{DSL, Plan, after, crowd, mean};
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
            "a flash crowd for {} pieces, a hundred people a second, lines of 1,500/400, an origin of 6,000 kbit/s, alone or with a swarm; all leave when done, nobody gives up. The bound is that of Kumar and Ross; with whole pieces the best schedule takes 1 + log2 N / pieces times as long, where the peers' lines decide",
            pieces(size)
        )
    },
    varied: "how many come; server or swarm",
    seeds: super::FEW,
    trial: scaling,
};

fn pieces(size: Size) -> u32 {
    size.pick(100, 200, 400)
}

fn crowds(size: Size) -> &'static [u32] {
    size.pick(&[25, 50, 100], &[50, 100, 200, 400], &[50, 200, 1_000, 2_000, 8_000])
}

fn scaling(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let mut lasts = Vec::new();
    let plan = Plan::flash(pieces(trial.size));
    for &count in crowds(trial.size) {
        let people = crowd(count, DSL);
        let offer = super::alone(&plan);
        let server = lone::after(offer, &people, trial.seed_of(2));
        let times_s = server.times_s();
        let theory = f64::from(count) * super::seconds(offer.bytes, offer.up_kbps);
        let what = format!("server, {count} people: until the last is done");
        readings.push(Reading::new(what, Unit::Seconds, server.last_s()).theory(theory));
        let what = format!("server, {count} people: finished");
        readings.push(Reading::new(what, Unit::Share, times_s.len() as f64 / f64::from(count)));

        let swarm = after(plan.clone(), &people, trial.seed_of(1));
        let outcome = swarm.outcome();
        let what = format!("swarm, {count} people: until the last is done");
        readings.push(Reading::new(what, Unit::Seconds, outcome.last_s).theory(outcome.bound.least_s()));
        let what = format!("swarm, {count} people: the same by the bound");
        let by_bound = Reading::new(what, Unit::Ratio, outcome.by_bound()).theory(1.0);
        readings.push(by_bound.rule(Rule::at_most(1.15, Mark::Derived)));
        let least = 1.0 + f64::from(count.ilog2()) / f64::from(plan.pieces);
        let what = format!("swarm, {count} people: the same by the best schedule of whole pieces");
        readings.push(Reading::new(what, Unit::Ratio, outcome.by_bound() / least));
        let what = format!("swarm, {count} people: finished");
        readings.push(Reading::new(what, Unit::Share, outcome.finished()));
        let what = format!("{count} people: mean time, server by swarm");
        readings.push(Reading::new(what, Unit::Ratio, mean(&times_s) / outcome.mean_s()));
        lasts.push((f64::from(count), server.last_s(), outcome.last_s));
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
    readings
}
