//! Who serves whom where lines differ.

use std::sync::Arc;
use std::time::Duration;

use super::swarm::{Class, MIX_B, Person, Plan, Swarm, poisson, settled};
use crate::claims::draw::Weighted;
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;

/// R21.
pub(super) const CLUSTERS: Claim = Claim {
    id: "R21",
    sentence: "In a steady swarm everybody finds something of interest, peers serve those of their own speed, and who serves nobody is served late.",
    said_by: "Legout et al. 2006, 2007",
    setup: |size| {
        format!(
            "about {PRESENT} leechers of three classes at a time, one in ten of whom serves nobody, who come by Poisson's law for {PIECES} pieces and leave when done; origin of 1,000 kbit/s; {} s. With some thirteen of a class at a time, for minutes each, there is little to choose among, we think",
            watched_s(size)
        )
    },
    varied: "nothing; at random the classes would serve each other as they are common",
    seeds: super::FEW,
    trial: clusters,
};

const PRESENT: u32 = 40;
const PIECES: u32 = 64;

fn watched_s(size: Size) -> u32 {
    size.pick(900, 2_400, 6_000)
}

/// What was seen of pairs of peers.
#[derive(Default)]
struct Pairs {
    pairs: f64,
    interested: f64,
    /// Pairs of which one serves the other, by rank and not by the optimistic place alone; and those of one class.
    served: f64,
    served_alike: f64,
    /// Pairs that know each other, and those of one class.
    known: f64,
    known_alike: f64,
}

impl Pairs {
    fn look(&mut self, swarm: &Swarm) {
        let leeching: Vec<usize> = swarm.present().filter(|at| swarm.members()[*at].is_leeching()).collect();
        for at in leeching {
            let Some(view) = swarm.view(at) else { continue };
            for link in view.links() {
                let Some(other) = swarm.member_at(link.remote()) else { continue };
                let alike = swarm.members()[at].class == swarm.members()[other].class;
                self.pairs += 1.0;
                self.interested += f64::from(u8::from(link.interests_us()));
                // Choice is seen only where there was one to make.
                if link.is_interested() {
                    self.known += 1.0;
                    self.known_alike += f64::from(u8::from(alike));
                    if !link.is_choked() {
                        self.served += 1.0;
                        self.served_alike += f64::from(u8::from(alike));
                    }
                }
            }
        }
    }
}

fn clusters(trial: &Trial) -> Vec<Reading> {
    let mut rng = trial.rng(2);
    let plan = Plan { origin_kbps: 1_000, ..Plan::flash(PIECES) };
    let selfish = Arc::new(plan.clone().with(|knobs| knobs.unchoked_max = 0).knobs);
    let classes = Weighted::new(MIX_B.iter().map(|(_, share)| *share));
    let mean_up = MIX_B.iter().map(|(class, share)| f64::from(class.up_kbps) * share).sum::<f64>();
    // A content's way up a line of average.
    let stay_s = f64::from(PIECES) * 262_144.0 * 8.0 / (mean_up * 1e3);
    let lasting = Duration::from_secs(watched_s(trial.size).into());
    let mut people = settled(PRESENT, PIECES, MIX_B[0].0, &mut rng);
    people.extend(poisson(f64::from(PRESENT) / stay_s, lasting, MIX_B[0].0, &mut rng));
    for (at, person) in people.iter_mut().enumerate() {
        person.class = MIX_B[classes.draw(&mut rng)].0;
        person.knobs = (at % 10 == 5).then(|| Arc::clone(&selfish));
    }
    let mut pairs = Pairs::default();
    let mut swarm = Swarm::new(plan, trial.seed_of(1));
    swarm.run(&people, lasting, Duration::from_secs(10), &mut |swarm| {
        if swarm.now_s() > 300.0 {
            pairs.look(swarm);
        }
    });
    let mut readings = vec![
        Reading::new("of the others interesting", Unit::Share, pairs.interested / pairs.pairs),
        Reading::new(
            "somebody of one's own class served, by how common they are among those who ask",
            Unit::Ratio,
            (pairs.served_alike / pairs.served) / (pairs.known_alike / pairs.known),
        )
        .theory(1.0)
        .rule(Rule::at_least(1.5, Mark::Derived)),
    ];
    readings[0].rule = Some(Rule::at_least(0.9, Mark::Derived));
    readings.extend(rates(&swarm, &people));
    readings
}

/// What comes to those of each class, and to those who serve nobody by what comes to those who do.
fn rates(swarm: &Swarm, people: &[Person]) -> Vec<Reading> {
    let rate = |class: Class, rides: bool| {
        let members = swarm.members().iter().zip(people).enumerate();
        let of =
            members.filter(|(_, (member, person))| member.class == class && person.knobs.is_some() == rides);
        let (kbits, there_s) = of.fold((0.0, 0.0), |sum, (at, (member, _))| {
            let until = member.left.unwrap_or(swarm.now());
            let there_s = until.since(member.joined).as_secs_f64();
            (sum.0 + swarm.load(at).body_received as f64 * 8.0 / 1e3, sum.1 + there_s)
        });
        kbits / there_s
    };
    let mut readings: Vec<Reading> = MIX_B
        .iter()
        .map(|(class, _)| {
            let what = format!("what comes to those with {} kbit/s up", class.up_kbps);
            Reading::new(what, Unit::Kbps, rate(*class, false))
        })
        .collect();
    let fast = MIX_B[0].0;
    let what = "what comes to the fast who serve, by what comes to the fast who do not";
    readings.push(
        Reading::new(what, Unit::Ratio, rate(fast, false) / rate(fast, true))
            .rule(Rule::at_least(1.2, Mark::Derived)),
    );
    readings
}
