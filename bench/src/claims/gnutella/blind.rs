//! Searches that do not know where to look.

use crate::claims::draw::{Weighted, sample};
use crate::claims::finding::{Mark, Published, Reading, Rule};
use crate::claims::theory::{expected_probes, square_root_probes};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;
use crate::world::below;

/// Titles in R17.
const TITLES: u32 = 1_000;
/// The exponent of their popularity: with it square-root copies cost a third of uniform ones.
const ALPHA: f64 = 1.2;
/// Copies that a node has room for, on average.
const COPIES_PER_NODE: f64 = 2.0;

/// R17.
pub(super) const REPLICATION: Claim = Claim {
    id: "R17",
    sentence: "Copies of all titles alike or by demand cost a blind search the same; copies by the square root of demand cost least.",
    said_by: "Cohen and Shenker 2002",
    setup: |size| {
        format!(
            "{} nodes with room for {COPIES_PER_NODE} copies each, {TITLES} titles asked for by Zipf's law with exponent {ALPHA}; random nodes are asked one after the other until one has the title; {} searches",
            nodes(size),
            searches(size)
        )
    },
    varied: "how copies are shared out",
    seeds: crate::claims::LIGHT,
    trial: replication,
};

fn nodes(size: Size) -> u32 {
    size.pick(100_000, 100_000, 200_000)
}

fn searches(size: Size) -> u32 {
    size.pick(20_000, 100_000, 200_000)
}

/// Which nodes have a title.
struct Held {
    words: Vec<u64>,
    copies: usize,
}

impl Held {
    fn draw(nodes: u32, copies: usize, all: &mut [u32], rng: &mut rand_pcg::Pcg64) -> Held {
        let mut words = vec![0u64; nodes as usize / 64 + 1];
        // The first `copies` places of a shuffle; what an earlier title left there is as good a start as any.
        for at in 0..copies {
            let other = at + below(rng, all.len() - at);
            all.swap(at, other);
            words[all[at] as usize / 64] |= 1 << (all[at] % 64);
        }
        Held { words, copies }
    }

    fn at(&self, node: usize) -> bool {
        self.words[node / 64] & (1 << (node % 64)) != 0
    }
}

fn replication(trial: &Trial) -> Vec<Reading> {
    let nodes = nodes(trial.size);
    let titles = Weighted::zipf(TITLES, ALPHA);
    let asked = titles.probabilities();
    let room = COPIES_PER_NODE * f64::from(nodes);
    let roots: f64 = asked.iter().map(|asked| asked.sqrt()).sum();
    let even = f64::from(TITLES) / COPIES_PER_NODE;
    let least = square_root_probes(&asked, COPIES_PER_NODE);
    let probes = |part: u64, share: &dyn Fn(f64) -> f64| {
        let mut rng = trial.rng(part);
        let mut all = sample(nodes, nodes as usize, &mut rng);
        let copies =
            asked.iter().map(|asked| ((share(*asked) * room).round() as usize).clamp(1, nodes as usize));
        let held: Vec<Held> = copies.map(|copies| Held::draw(nodes, copies, &mut all, &mut rng)).collect();
        let mut sum = 0u64;
        for _ in 0..searches(trial.size) {
            let held = &held[titles.draw(&mut rng)];
            sum += 1;
            while !held.at(below(&mut rng, nodes as usize)) {
                sum += 1;
            }
        }
        let of_nodes: Vec<f64> = held.iter().map(|held| held.copies as f64 / f64::from(nodes)).collect();
        (sum as f64 / f64::from(searches(trial.size)), expected_probes(&asked, &of_nodes))
    };
    let (uniform, uniform_expected) = probes(1, &|_| 1.0 / f64::from(TITLES));
    let (proportional, proportional_expected) = probes(2, &|asked| asked);
    let (root, root_expected) = probes(3, &|asked| asked.sqrt() / roots);
    let by = "Cohen and Shenker 2002";
    vec![
        Reading::new("nodes asked, all titles alike", Unit::Count, uniform).theory(uniform_expected),
        Reading::new("nodes asked, copies by demand", Unit::Count, proportional)
            .theory(proportional_expected),
        Reading::new("nodes asked, by the square root of demand", Unit::Count, root).theory(root_expected),
        Reading::new("by demand / all alike", Unit::Ratio, proportional / uniform)
            .theory(1.0)
            .published(Published::new(1.0, by, Mark::Secondary))
            .rule(Rule::within(0.95, 1.05, Mark::Derived)),
        Reading::new("by square root / all alike", Unit::Ratio, root / uniform)
            .theory(least / even)
            .published(Published::range(0.3, 0.5, by, Mark::Secondary))
            .rule(Rule::within(0.95 * least / even, 1.05 * least / even, Mark::Derived)),
    ]
}
