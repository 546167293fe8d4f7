//! Many vanish, and many more come.

use std::time::Duration;

use super::lone;
use crate::claims::bittorrent::swarm::{DSL, LIMIT, Member, Person, Plan, Swarm, crowd, mean, median};
use crate::claims::draw::sample;
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;

/// M4.
pub(super) const ROBUST: Claim = Claim {
    id: "M4",
    sentence: "A swarm organises itself: it survives that many vanish, and that a hundred times as many come from one moment to the next.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "{} people for {} pieces, origin of 6,000 kbit/s. A flash crowd of which some vanish without a word after a quarter of the least time (500 s of the 2,018 of the whole flash crowd); what each who is left takes is compared with what the same people take if nobody vanishes. And people who come one by one, so that {BEFORE} of them come in a content's time, until a hundred times as many come for as long as brings that crowd; then as before. A content's time is how long it takes up one line",
            people(size),
            pieces(size)
        )
    },
    varied: "how many vanish; how many come in a minute",
    seeds: super::FEW,
    trial: robust,
};

/// Shares of the crowd that vanish.
fn gone(size: Size) -> &'static [f64] {
    size.pick(&[0.1, 0.3, 0.5], &[0.1, 0.2, 0.3, 0.4, 0.5], &[0.1, 0.2, 0.3, 0.4, 0.5])
}

/// People who come in a content's time before the crowd.
const BEFORE: u32 = 5;
/// By how much more come in the crowd.
const STEP: u32 = 100;

fn people(size: Size) -> u32 {
    size.pick(60, 200, 1_000)
}

fn pieces(size: Size) -> u32 {
    size.pick(64, 128, 400)
}

/// The least time for so many, seconds, where all lines up decide.
fn least_s(plan: &Plan, people: usize) -> f64 {
    let all_kbps = plan.origin_kbps + people as u32 * DSL.up_kbps;
    super::seconds(plan.bytes() * people as u64, all_kbps)
}

/// A crowd of which these vanish when a quarter of the least time has passed.
fn struck(trial: &Trial, people: &[Person], lost: &[u32]) -> Swarm {
    let plan = Plan::flash(pieces(trial.size));
    let quarter = Duration::from_secs_f64(least_s(&plan, people.len()) / 4.0);
    let mut swarm = Swarm::new(plan, trial.seed_of(1));
    swarm.run(people, quarter, quarter, &mut |_| {});
    lost.iter().for_each(|member| swarm.lose(*member as usize));
    swarm.run_all(&[], LIMIT);
    swarm
}

/// Seconds that those of a swarm took who are not among the lost, and have finished.
fn took_s(swarm: &Swarm, lost: &[u32]) -> Vec<f64> {
    let left = (0..).zip(swarm.members()).filter(|(at, _)| !lost.contains(at));
    left.filter_map(|(_, member)| member.took_s()).collect()
}

fn vanish(trial: &Trial) -> Vec<Reading> {
    let people = crowd(people(trial.size), DSL);
    let whole = struck(trial, &people, &[]);
    let what = "median time if nobody vanishes";
    let mut readings = vec![Reading::new(what, Unit::Seconds, median(&took_s(&whole, &[])))];
    for &gone in gone(trial.size) {
        let count = (gone * people.len() as f64) as usize;
        let lost = sample(people.len() as u32, count, &mut trial.rng(2));
        let times_s = took_s(&struck(trial, &people, &lost), &lost);
        let percent = gone * 100.0;
        let left = people.len() - count;
        let what = format!("{percent:.0} % vanish: finished, of those left");
        let finished = Reading::new(what, Unit::Share, times_s.len() as f64 / left as f64);
        readings.push(finished.rule(Rule::exactly(1.0, Mark::Derived)));
        // From then on all lines are there for those who are left, who lack three quarters.
        let least = |people| least_s(whole.plan(), people);
        let theory = 0.25 + 0.75 * least(left) / least(people.len());
        let what = format!("{percent:.0} % vanish: median time, by that of the same people if nobody does");
        let longer = median(&times_s) / median(&took_s(&whole, &lost));
        let longer = Reading::new(what, Unit::Ratio, longer).theory(theory);
        let is_judged = gone == 0.3;
        readings.push(if is_judged { longer.rule(Rule::at_most(1.25, Mark::Derived)) } else { longer });
    }
    readings
}

/// People who come evenly from one moment on, in such a time: how many, and each so long after the one before.
fn evenly(count: u32, from_s: f64, apart_s: f64) -> impl Iterator<Item = Person> {
    (0..count).map(move |at| Person::new(Duration::from_secs_f64(from_s + f64::from(at) * apart_s), DSL))
}

fn step(trial: &Trial) -> Vec<Reading> {
    let plan = Plan::flash(pieces(trial.size));
    let crowd = people(trial.size);
    let apart_s = super::content_s(plan.pieces) / f64::from(BEFORE);
    let begins_s = f64::from(2 * BEFORE) * apart_s;
    let ends_s = begins_s + f64::from(crowd) * apart_s / f64::from(STEP);
    let people: Vec<Person> = evenly(2 * BEFORE, 0.0, apart_s)
        .chain(evenly(crowd, begins_s, apart_s / f64::from(STEP)))
        .chain(evenly(BEFORE, ends_s, apart_s))
        .collect();
    let (from, until) = (2 * BEFORE as usize, (2 * BEFORE + crowd) as usize);
    let mut swarm = Swarm::new(plan.clone(), trial.seed_of(3));
    swarm.run_all(&people, LIMIT);
    let server = lone::after(super::alone(&plan), &people, trial.seed_of(4));
    let swarm_s: Vec<Option<f64>> = swarm.members().iter().map(Member::took_s).collect();
    let server_s: Vec<Option<f64>> = server.visitors().iter().map(lone::Visitor::took_s).collect();
    let finished = swarm_s.iter().flatten().count() as f64 / people.len() as f64;
    let mut readings = vec![
        Reading::new("a hundred times as many: finished", Unit::Share, finished)
            .rule(Rule::exactly(1.0, Mark::Derived)),
    ];
    for (name, times_s) in [("swarm", swarm_s), ("server alone", server_s)] {
        let of = |part: &[Option<f64>]| mean(&part.iter().flatten().copied().collect::<Vec<_>>());
        let parts = [("before", 0..from), ("in the crowd", from..until), ("after it", until..people.len())];
        for (part, range) in parts {
            let what = format!("{name}: mean time of those who come {part}");
            readings.push(Reading::new(what, Unit::Seconds, of(&times_s[range])));
        }
        let what = format!("{name}: mean time, in the crowd by before");
        let longer = of(&times_s[from..until]) / of(&times_s[..from]);
        readings.push(Reading::new(what, Unit::Ratio, longer));
    }
    readings
}

fn robust(trial: &Trial) -> Vec<Reading> {
    [vanish(trial), step(trial)].concat()
}
