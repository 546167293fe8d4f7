//! KaZaA as the lecture guesses it: three million people, of whom ten thousand are supernodes with three hundred children each.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use common::catalog::PlacementConfig;
use common::net::NodeId;
use common::sim::{Config as SimConfig, Sim};
use common::user::Command;
use kazaa::config::{Config, Knobs, Role};
use kazaa::election::ElectionKind;
use kazaa::node::Node;
use kazaa::wire::PORT;

use super::meter::{Deaf, Meter};
use super::searches::Searches;
use super::shelves::Shelves;
use super::{Asked, Evenly, Network, distant};
use crate::claims::finding::{Mark, Published, Reading};
use crate::measure::Unit;
use crate::world::below;

const SUPERNODES: u32 = 10_000;
const CHILDREN: u32 = 300;
/// Supernodes that another knows from the start: the length of KaZaA's lists.
const KNOWN: u32 = 200;
/// Supernodes that a child knows and keeps: those that it tries at a join.
const CHILD_KNOWS: u32 = 5;
/// A child may be taken on by any of the five: some are nearer to many.
const CHILDREN_MAX: usize = 600;
/// Searches of a person in a second, as of Gnutella's (Yang and Garcia-Molina, from memory).
const SEARCHES_PER_S: f64 = 9.26e-3;
/// How long supernodes lived on average.
const LIFETIME_S: f64 = 9_000.0;
const TITLES: u32 = 200_000;
/// Who shares has fewer files than Gnutella's people had: a supernode's index has room for no more at this size.
const FILES_MEAN: f64 = 30.0;
/// Virtual time in which supernodes link, and in which children come.
const LINKING: Duration = Duration::from_secs(180);
const JOINING: Duration = Duration::from_secs(200);
/// After the last search answers still come for so long.
const ANSWERS: Duration = Duration::from_secs(60);
const LECTURE: &str = "lecture";
const LIANG: &str = "Liang, Kumar and Ross";

/// KaZaA.
pub static NETWORK: Network = Network {
    name: "kazaa",
    about: |asked| {
        format!(
            "{} supernodes, and {CHILDREN} children for each; each person searches every {:.0} s, a supernode lives {:.1} h on average; for {:?}",
            supernodes(asked),
            1.0 / SEARCHES_PER_S,
            LIFETIME_S / 3_600.0,
            asked.lasting
        )
    },
    run,
    lasting: Duration::from_secs(10),
};

fn supernodes(asked: &Asked) -> u32 {
    asked.of(SUPERNODES, 10)
}

/// The network, and who is in it: supernodes first.
struct Whole {
    sim: Sim<Node>,
    supernodes: u32,
}

fn run(asked: &Asked, meter: &mut Meter<'_>) -> Vec<Reading> {
    let supernodes = supernodes(asked);
    let sim = Sim::new(SimConfig { count_reach: false, ..SimConfig::seeded(asked.seed) });
    let mut whole = Whole { sim, supernodes };
    whole.link(asked, meter);
    let files = PlacementConfig { files_mean: FILES_MEAN, files_sigma: 1.2, ..PlacementConfig::default() };
    let shelves = Shelves::new(supernodes * CHILDREN, TITLES, &files, asked.seed);
    whole.join(asked, meter, &shelves);
    let clusters = whole.clusters();
    let mut searches = Searches::default();
    let before = whole.sim.by_kind().total();
    let dead = whole.search(asked, meter, &shelves, &mut searches);
    let after = whole.sim.by_kind().total();
    let count = searches.len().max(1) as f64;
    let mut readings = searches.readings();
    readings.extend([
        Reading::new(
            "messages in all, for a search",
            Unit::Count,
            (after.messages - before.messages) as f64 / count,
        ),
        Reading::new("their bytes", Unit::Bytes, (after.bytes - before.bytes) as f64 / count),
        Reading::new("supernodes that died", Unit::Count, f64::from(dead)),
    ]);
    readings.extend(clusters);
    readings.push(Reading::new("files of a person", Unit::Count, shelves.mean()));
    readings.extend(whole.later());
    readings
}

impl Whole {
    fn address(&self, supernode: u32) -> SocketAddrV4 {
        NodeId(supernode).address(self.sim.config().network, PORT)
    }

    fn following(&self, node: u32, count: u32) -> Arc<[SocketAddrV4]> {
        let others = (0..count.min(self.supernodes)).map(|offset| (node + offset) % self.supernodes);
        others.map(|other| self.address(other)).collect()
    }

    fn nodes(&self) -> u32 {
        self.sim.len() as u32
    }

    /// Supernodes come and link.
    fn link(&mut self, asked: &Asked, meter: &mut Meter<'_>) {
        let knobs = Knobs { election: ElectionKind::Nobody, children_max: CHILDREN_MAX, ..Knobs::default() };
        let (knobs, mut rng) = (Arc::new(knobs), asked.rng(1));
        for node in 0..self.supernodes {
            let config = Config {
                user: format!("super{node}").into(),
                supernodes: self.following(node + 1, KNOWN.min(self.supernodes - 1)),
                force: Some(Role::Supernode),
                knobs: Arc::clone(&knobs),
                ..Config::default()
            };
            self.sim.add(Node::ordinary(config), PORT, distant(&mut rng));
        }
        let slice = Duration::from_secs(1);
        meter.pass("linking", &mut self.sim, (LINKING, slice), &mut Deaf, |_, _, _| {});
    }

    /// Children come; each knows five supernodes and stays with the nearest.
    fn join(&mut self, asked: &Asked, meter: &mut Meter<'_>, shelves: &Shelves) {
        let knobs = Knobs {
            supernodes_max: CHILD_KNOWS as usize,
            election: ElectionKind::Nobody,
            children_max: CHILDREN_MAX,
            ..Knobs::default()
        };
        let (knobs, mut rng) = (Arc::new(knobs), asked.rng(2));
        let supernodes = self.supernodes;
        let known: Vec<_> = (0..supernodes).map(|node| self.following(node, CHILD_KNOWS)).collect();
        let children = supernodes * CHILDREN;
        let mut coming = 0..children;
        let slice = Duration::from_secs(1);
        let each_s = children.div_ceil(JOINING.as_secs() as u32);
        let time = JOINING + Duration::from_secs(60);
        meter.pass("joining", &mut self.sim, (time, slice), &mut Deaf, |sim, _, _| {
            for child in coming.by_ref().take(each_s as usize) {
                let config = Config {
                    user: format!("user{child}").into(),
                    supernodes: Arc::clone(&known[(child % supernodes) as usize]),
                    force: Some(Role::Ordinary),
                    knobs: Arc::clone(&knobs),
                    ..Config::default()
                };
                let node = sim.add(Node::ordinary(config), PORT, distant(&mut rng));
                sim.command(node, Command::Share(shelves.of(child)));
            }
        });
    }

    /// People search, and supernodes die. Returns how many.
    fn search(
        &mut self,
        asked: &Asked,
        meter: &mut Meter<'_>,
        shelves: &Shelves,
        searches: &mut Searches,
    ) -> u32 {
        let (first, nodes) = (self.supernodes, self.nodes());
        let children = (nodes - first).max(1);
        let mut asking = Evenly::new(SEARCHES_PER_S * f64::from(children));
        let mut dying = Evenly::new(f64::from(first) / LIFETIME_S);
        let (mut rng, mut dead) = (asked.rng(3), 0);
        let slice = Duration::from_millis(100);
        meter.pass("searching", &mut self.sim, (asked.lasting, slice), searches, |sim, searches, slice| {
            for at in asking.of(slice) {
                let node = NodeId(first + below(&mut rng, children as usize) as u32);
                searches.ask(sim, sim.now() + at, node, shelves.query(&mut rng));
            }
            for at in dying.of(slice) {
                dead += 1;
                sim.crash_at(sim.now() + at, NodeId(below(&mut rng, first as usize) as u32));
            }
        });
        meter.pass("last answers", &mut self.sim, (ANSWERS, slice), searches, |_, _, _| {});
        dead
    }

    /// Children of each supernode that is there.
    fn cluster_sizes(&self) -> Vec<u32> {
        let mut sizes = vec![0; self.supernodes as usize];
        for node in self.supernodes..self.nodes() {
            let Node::Ordinary(child) = self.sim.peer(NodeId(node)) else { continue };
            for parent in child.parents() {
                let host = parent.ip().to_bits() - self.sim.config().network.to_bits() - 1;
                sizes[host as usize] += 1;
            }
        }
        sizes
    }

    fn clusters(&self) -> Vec<Reading> {
        let sizes = self.cluster_sizes();
        let (sum, most) = sizes.iter().fold((0, 0), |(sum, most), size| (sum + size, most.max(*size)));
        let children = f64::from((self.nodes() - self.supernodes).max(1));
        let load = |node| self.sim.load(NodeId(node)).control_bytes();
        let busiest = (0..self.supernodes).map(load).max().unwrap_or(0);
        vec![
            Reading::new("children with a supernode", Unit::Share, f64::from(sum) / children),
            Reading::new("children of a supernode", Unit::Count, f64::from(sum) / f64::from(self.supernodes))
                .published(Published::range(200.0, 500.0, LECTURE, Mark::Lecture)),
            Reading::new("children of the one with the most", Unit::Count, f64::from(most))
                .published(Published::range(60.0, 160.0, LIANG, Mark::Memory)),
            Reading::new("busiest supernode while all join", Unit::Bytes, busiest as f64),
        ]
    }

    fn later(&self) -> Vec<Reading> {
        let sum: u32 = self.cluster_sizes().iter().sum();
        let children = f64::from((self.nodes() - self.supernodes).max(1));
        vec![Reading::new("children with a supernode, at the end", Unit::Share, f64::from(sum) / children)]
    }
}
