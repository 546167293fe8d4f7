//! What each side of a connection says of the other.

use std::time::Duration;

use super::swarm::{DSL, LIMIT, Plan, Swarm, crowd};
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Trial};
use crate::measure::Unit;

/// B10.
pub(super) const STATES: Claim = Claim {
    id: "B10",
    sentence: "A connection is, on each side, interesting or not and choked or not: who has what I lack interests me, and whom I do not serve is choked.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "a flash crowd of {} people for {} pieces; all connections of all, each 10 s",
            super::people(size),
            super::pieces(size)
        )
    },
    varied: "nothing: this checks the state machine from outside",
    seeds: super::FEW,
    trial: states,
};

/// What was seen of all sides of all connections.
#[derive(Default)]
struct Seen {
    sides: f64,
    /// Sides that want something exactly if the other has what they lack.
    right: f64,
    /// Sides that want something, are interesting, or are served.
    interested: f64,
    served: f64,
    /// Sides of which the other, looked at in the same moment, says the same of the choke.
    mirrored: f64,
    /// The most that anybody served who wanted something.
    most: usize,
}

impl Seen {
    fn look(&mut self, swarm: &Swarm) {
        for at in swarm.present() {
            let Some(view) = swarm.view(at) else { continue };
            let Some(have) = view.have() else { continue };
            let served = view.links().filter(|link| !link.is_choked() && link.is_interested()).count();
            self.most = self.most.max(served);
            for link in view.links() {
                let Some(other) = swarm.member_at(link.remote()) else { continue };
                let theirs = swarm.view(other).into_iter().flat_map(|view| view.links());
                let Some(mirror) = theirs.into_iter().find(|side| swarm.member_at(side.remote()) == Some(at))
                else {
                    continue;
                };
                self.sides += 1.0;
                let lacks = link.have().has_more_than(have) && !have.is_complete();
                self.right += f64::from(u8::from(lacks == link.interests_us()));
                self.interested += f64::from(u8::from(link.interests_us()));
                self.served += f64::from(u8::from(!link.chokes_us()));
                self.mirrored += f64::from(u8::from(mirror.is_choked() == link.chokes_us()));
            }
        }
    }
}

fn states(trial: &Trial) -> Vec<Reading> {
    let mut seen = Seen::default();
    let mut swarm = Swarm::new(Plan::flash(super::pieces(trial.size)), trial.seed_of(1));
    let people = crowd(super::people(trial.size), DSL);
    swarm.run(&people, LIMIT, Duration::from_secs(10), &mut |swarm| seen.look(swarm));
    let share = |of: f64| of / seen.sides;
    vec![
        Reading::new("sides that want something exactly if the other has it", Unit::Share, share(seen.right))
            .rule(Rule::exactly(1.0, Mark::Lecture)),
        Reading::new(
            "both sides of one mind about who is choked; the rest is on its way",
            Unit::Share,
            share(seen.mirrored),
        )
        .rule(Rule::at_least(0.95, Mark::Derived)),
        Reading::new("most that anybody served of those who want something", Unit::Count, seen.most as f64)
            .rule(Rule::at_most(5.0, Mark::Lecture)),
        Reading::new("sides that want something", Unit::Share, share(seen.interested)),
        Reading::new("sides that are served", Unit::Share, share(seen.served)),
    ]
}
