//! A flash crowd, by how many come.

use super::swarm::{DSL, Plan, after, crowd};
use crate::claims::finding::{Mark, Published, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;

/// B1.
pub(super) const COPIES: Claim = Claim {
    id: "B1",
    sentence: "The server sends different parts to different clients, who trade them: it has to send little more than one copy.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "a flash crowd for 400 pieces of {} KiB, an origin of 6,000 kbit/s, lines of 1,500/400; all leave when done. A smart one goes on with a second copy while the first is still being passed on",
            super::piece_bytes(size) / 1_024
        )
    },
    varied: "how many come; whether the origin shows each peer one piece at a time (smart)",
    seeds: super::FEW,
    trial: copies,
};

/// R1.
pub(super) const UPLINKS: Claim = Claim {
    id: "R1",
    sentence: "The peers' uplinks are used nearly fully, however many come at once.",
    said_by: "Bharambe, Herley and Padmanabhan 2006",
    setup: |size| {
        format!(
            "as B1, 400 pieces of {} KiB, each told of 5 others. A smart origin here is one that super-seeds, as clients do, where the paper's chooses what to send. Sets of twenty do better (R4): with seven neighbours, we think, there is too often nothing to trade, the more so as a have waits behind blocks on its line for a second or two, in which half a short piece comes",
            super::piece_bytes(size) / 1_024
        )
    },
    varied: "how many come; smart or plain origin",
    seeds: super::FEW,
    trial: uplinks,
};

fn crowds(size: Size) -> &'static [u32] {
    size.pick(&[25, 50, 100], &[50, 100, 200, 400], &[100, 200, 400, 1_000, 2_000])
}

fn copies(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    for &people in crowds(trial.size) {
        for smart in [true, false] {
            let plan = Plan { smart, ..super::whole(trial.size) };
            let swarm = after(plan, &crowd(people, DSL), trial.seed_of(1));
            let what = format!("copies sent, {people} people, {} origin", super::origin_name(smart));
            let reading = Reading::new(what, Unit::Ratio, swarm.origin_copies()).theory(1.0);
            // What the claim is about is that it does not grow with the crowd.
            readings.push(if smart { reading.rule(Rule::at_most(3.0, Mark::Derived)) } else { reading });
            let what = format!("finished, {people} people, {} origin", super::origin_name(smart));
            readings.push(Reading::new(what, Unit::Share, swarm.outcome().finished()));
        }
    }
    readings
}

fn uplinks(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let mut uses = Vec::new();
    for &people in crowds(trial.size) {
        for smart in [true, false] {
            let plan = Plan { handout: 5, smart, ..super::whole(trial.size) };
            let swarm = after(plan, &crowd(people, DSL), trial.seed_of(1));
            let used = swarm.utilisation();
            let name = format!("{people} people, {} origin", super::origin_name(smart));
            let reading = Reading::new(format!("use of uplinks, {name}"), Unit::Share, used);
            readings.push(match smart {
                true => {
                    uses.push(used);
                    let published = Published::new(0.95, "Bharambe et al. 2006, at least", Mark::Memory);
                    reading.published(published).rule(Rule::at_least(0.9, Mark::Derived))
                }
                false => reading,
            });
            let by_bound = swarm.outcome().by_bound();
            let what = format!("last one done by the bound, {name}");
            readings.push(Reading::new(what, Unit::Ratio, by_bound).theory(1.0));
        }
    }
    let (most, least) = (uses.iter().copied().fold(0.0, f64::max), uses.iter().copied().fold(1.0, f64::min));
    readings.push(
        Reading::new("use of uplinks, smart origin, most less least", Unit::Share, most - least)
            .rule(Rule::at_most(0.05, Mark::Derived)),
    );
    readings
}
