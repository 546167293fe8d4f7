//! How long pieces are, and how soon others hear of them.

use std::time::Duration;

use super::swarm::{DSL, Plan, after, crowd, mean};
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;

/// B8.
pub(super) const LENGTH: Claim = Claim {
    id: "B8",
    sentence: "Pieces of 256 KiB are a good length: long ones leave little to trade, short ones have much to be told of.",
    said_by: "lecture",
    setup: |size| {
        format!("a flash crowd of {} people for {} MiB", super::people(size), super::pieces(size) / 4)
    },
    varied: "how long pieces are; the content is the same",
    seeds: super::FEW,
    trial: length,
};

/// R6.
pub(super) const NUMBER: Claim = Claim {
    id: "R6",
    sentence: "With fewer than some two hundred pieces there is less to trade, and uplinks stand idle.",
    said_by: "Bharambe, Herley and Padmanabhan 2006",
    setup: |size| {
        format!(
            "a flash crowd of {} people for {} KiB, smart origin",
            super::people(size),
            400 * super::piece_bytes(size) / 1_024
        )
    },
    varied: "into how many pieces the content is cut",
    seeds: super::FEW,
    trial: number,
};

/// B9.
pub(super) const TOLD: Claim = Claim {
    id: "B9",
    sentence: "Each piece that is verified is made known to the whole peer set.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "a flash crowd of {} people for {} pieces, an origin of 1,000 kbit/s",
            super::people(size),
            super::pieces(size)
        )
    },
    varied: "how long a piece is kept to oneself",
    seeds: super::FEW,
    trial: told,
};

fn lengths_kib(size: Size) -> &'static [u32] {
    size.pick(
        &[64, 256, 1_024, 4_096],
        &[32, 64, 256, 1_024, 4_096],
        &[16, 32, 64, 128, 256, 512, 1_024, 4_096],
    )
}

/// A flash crowd's mean and last times by the bound, the share of uplinks that are used, and haves in bytes by content bytes.
struct Cut {
    mean_by_bound: f64,
    used: f64,
    haves: f64,
}

fn cut(trial: &Trial, piece_bytes: u32, pieces: u32) -> Cut {
    let plan = Plan { piece_bytes, ..Plan::flash(pieces) };
    let swarm = after(plan, &crowd(super::people(trial.size), DSL), trial.seed_of(1));
    let outcome = swarm.outcome();
    Cut {
        mean_by_bound: outcome.mean_s() / outcome.bound.least_s(),
        used: swarm.utilisation(),
        haves: swarm.sent("have").bytes as f64 / swarm.delivered() as f64,
    }
}

fn length(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let mut means = Vec::new();
    for &kib in lengths_kib(trial.size) {
        let cut = cut(trial, kib * 1_024, (super::pieces(trial.size) * 256).div_ceil(kib));
        let what = format!("mean time by the bound, {kib} KiB");
        readings.push(Reading::new(what, Unit::Ratio, cut.mean_by_bound));
        let set = 1.5 * 40.0;
        let theory = 9.0 * set / f64::from(kib * 1_024);
        let what = format!("bytes of haves by bytes of pieces, {kib} KiB");
        readings.push(Reading::new(what, Unit::Share, cut.haves).theory(theory));
        means.push((kib, cut.mean_by_bound));
    }
    let at = |wanted: u32| means.iter().find(|(kib, _)| *kib == wanted).map_or(f64::NAN, |(_, mean)| *mean);
    readings.push(
        Reading::new("mean time, 4 MiB by 256 KiB", Unit::Ratio, at(4_096) / at(256))
            .rule(Rule::at_least(1.05, Mark::Lecture)),
    );
    let least = means.iter().map(|(_, mean)| *mean).fold(f64::INFINITY, f64::min);
    readings.push(
        Reading::new("mean time, 256 KiB by the best length", Unit::Ratio, at(256) / least)
            .rule(Rule::at_most(1.1, Mark::Lecture)),
    );
    readings
}

fn number(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let mut uses = Vec::new();
    for parts in [1, 2, 4, 8, 16] {
        let (pieces, piece_bytes) = (400 / parts, super::piece_bytes(trial.size) * parts);
        let cut = cut(trial, piece_bytes, pieces);
        readings.push(Reading::new(format!("use of uplinks, {pieces} pieces"), Unit::Share, cut.used));
        uses.push(cut.used);
    }
    for (at, name) in [(2, "100 by 200"), (3, "50 by 100"), (4, "25 by 50")] {
        readings.push(
            Reading::new(format!("use of uplinks, {name} pieces"), Unit::Ratio, uses[at] / uses[at - 1])
                .rule(Rule::at_most(1.02, Mark::Derived)),
        );
    }
    readings.push(
        Reading::new("use of uplinks, 25 by 400 pieces", Unit::Ratio, uses[4] / uses[0])
            .rule(Rule::at_most(0.95, Mark::Derived)),
    );
    readings
}

fn told(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let mut means = Vec::new();
    for after_s in [0, 10, 30, 60] {
        let plan = Plan::flash(super::pieces(trial.size));
        let plan = plan.with(|knobs| knobs.tell_after = Duration::from_secs(after_s));
        let plan = Plan { origin_kbps: 1_000, smart: false, ..plan };
        let swarm = after(plan, &crowd(super::people(trial.size), DSL), trial.seed_of(1));
        let outcome = swarm.outcome();
        means.push(mean(&outcome.times_s));
        let name = format!("told after {after_s} s");
        readings.push(Reading::new(format!("mean time, {name}"), Unit::Seconds, outcome.mean_s()));
        readings.push(Reading::new(format!("use of uplinks, {name}"), Unit::Share, swarm.utilisation()));
        let what = format!("copies that the origin sends, {name}");
        readings.push(Reading::new(what, Unit::Ratio, swarm.origin_copies()));
    }
    readings.push(
        Reading::new("mean time, told after 60 s by at once", Unit::Ratio, means[3] / means[0])
            .rule(Rule::at_least(1.05, Mark::Derived)),
    );
    readings
}
