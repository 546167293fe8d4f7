//! Gnutella in May 2001: 50,000 servents, 170,000 links, and floods with a TTL of 7.

use std::sync::Arc;
use std::time::Duration;

use common::catalog::PlacementConfig;
use common::net::NodeId;
use common::sim::{Config, Sim};
use common::user::Command;
use gnutella::node::Node;
use gnutella::servent::{Knobs, ServentConfig};

use super::meter::{Deaf, Meter};
use super::searches::Searches;
use super::shelves::Shelves;
use super::{Asked, Evenly, Network, distant};
use crate::claims::finding::{Mark, Published, Reading};
use crate::claims::graph::Graph;
use crate::measure::Unit;
use crate::world::below;

/// Crawls of that month found up to so many.
const SERVENTS: u32 = 50_000;
/// Links for each servent: half of the mean degree.
const LINKS: f64 = 3.4;
/// Searches of one servent in a second, about one in two minutes (Yang and Garcia-Molina, from memory).
const SEARCHES_PER_S: f64 = 9.26e-3;
const TITLES: u32 = 100_000;
const PORT: u16 = 6346;
/// Servents that join in a second.
const JOINING_PER_S: u32 = 2_000;
/// After the last search answers still come for so long.
const ANSWERS: Duration = Duration::from_secs(20);
const RIPEANU: &str = "Ripeanu, Iamnitchi and Foster 2002";
const ADAR: &str = "Adar and Huberman 2000";

/// Gnutella.
pub static NETWORK: Network = Network {
    name: "gnutella",
    about: |asked| {
        format!(
            "{} servents on a random graph of mean degree {:.1}, TTL 7, files as in August 2000; each searches every {:.0} s, for {:?}",
            asked.of(SERVENTS, 100),
            2.0 * LINKS,
            1.0 / SEARCHES_PER_S,
            asked.lasting
        )
    },
    run,
    // A second has 463 floods of 290,000 messages.
    lasting: Duration::from_secs(1),
};

fn run(asked: &Asked, meter: &mut Meter<'_>) -> Vec<Reading> {
    let nodes = asked.of(SERVENTS, 100);
    let graph = Graph::random(nodes, (f64::from(nodes) * LINKS) as usize, asked.seed);
    let mut sim = Sim::new(Config { core_delay: Duration::ZERO, ..Config::seeded(asked.seed) });
    join(asked, meter, &graph, &mut sim);
    let shelves = Shelves::new(nodes, TITLES, &PlacementConfig::default(), asked.seed);
    let second = Duration::from_secs(1);
    let mut people = 0..nodes;
    meter.pass("sharing", &mut sim, (second, second), &mut Deaf, |sim, _, _| {
        for node in people.by_ref() {
            sim.command(NodeId(node), Command::Share(shelves.of(node)));
        }
    });
    let before = sim.by_kind().total();
    let (mut searches, mut rng) = (Searches::default(), asked.rng(2));
    let mut rate = Evenly::new(SEARCHES_PER_S * f64::from(nodes));
    let slice = Duration::from_millis(20);
    meter.pass("searching", &mut sim, (asked.lasting, slice), &mut searches, |sim, searches, slice| {
        for at in rate.of(slice) {
            let node = NodeId(below(&mut rng, nodes as usize) as u32);
            searches.ask(sim, sim.now() + at, node, shelves.query(&mut rng));
        }
    });
    meter.pass("last answers", &mut sim, (ANSWERS, slice), &mut searches, |_, _, _| {});
    let after = sim.by_kind().total();
    let (messages, bytes) = (after.messages - before.messages, after.bytes - before.bytes);
    let mut readings = searches.readings();
    readings.extend(costs(&sim, &searches, &graph));
    // As much as would have crossed each link had searches gone on like this.
    let kbps = 8.0 * bytes as f64 / 1e3 / asked.lasting.as_secs_f64();
    let links = graph.edges().len() as f64;
    readings.push(Reading::new("traffic of a link", Unit::Kbps, kbps / links).published(Published::new(
        6.0,
        RIPEANU,
        Mark::Secondary,
    )));
    readings.push(Reading::new("traffic of the network", Unit::Kbps, kbps).published(Published::new(
        1e6,
        RIPEANU,
        Mark::Secondary,
    )));
    readings.push(Reading::new("messages", Unit::Count, messages as f64));
    readings.push(Reading::new("files of a servent", Unit::Count, shelves.mean()).published(Published::new(
        93.0,
        ADAR,
        Mark::Secondary,
    )));
    readings
}

/// Lets everybody join, whoever is smaller dialled by whoever is larger.
fn join(asked: &Asked, meter: &mut Meter<'_>, graph: &Graph, sim: &mut Sim<Node>) {
    let knobs = Arc::new(Knobs { keeps_degree: false, ping_every: None, ..Knobs::default() });
    let (mut rng, network) = (asked.rng(1), sim.config().network);
    let mut people = 0..graph.nodes();
    let time = Duration::from_secs(u64::from(graph.nodes().div_ceil(JOINING_PER_S)) + 5);
    let slice = Duration::from_millis(100);
    meter.pass("joining", sim, (time, slice), &mut Deaf, |sim, _, _| {
        for node in people.by_ref().take(JOINING_PER_S as usize / 10) {
            let smaller = graph.neighbours(node).iter().filter(|other| **other < node);
            let connect = smaller.map(|other| NodeId(*other).address(network, PORT)).collect();
            let config = ServentConfig { connect, knobs: Arc::clone(&knobs), ..ServentConfig::default() };
            sim.add(Node::servent(config), PORT, distant(&mut rng));
        }
    });
}

/// What a search costs and whom it comes to.
fn costs(sim: &Sim<Node>, searches: &Searches, graph: &Graph) -> Vec<Reading> {
    let count = searches.len().max(1) as f64;
    let (mut messages, mut reached) = (0, 0);
    for cause in searches.causes() {
        let cost = sim.cause_cost(cause);
        (messages, reached) = (messages + cost.messages, reached + cost.nodes_reached);
    }
    let mut again = 0;
    for node in 0..graph.nodes() {
        if let Node::Servent(servent) = sim.peer(NodeId(node)) {
            again += servent.dropped().duplicates;
        }
    }
    let others = f64::from(graph.nodes()) - 1.0;
    // As if no TTL ended it.
    let flood = 2.0 * graph.edges().len() as f64 - f64::from(graph.nodes()) + 1.0;
    vec![
        Reading::new("messages of a search, and without a TTL", Unit::Count, messages as f64 / count)
            .theory(flood),
        Reading::new("of all servents reached by a search", Unit::Share, reached as f64 / count / others)
            .published(Published::new(0.95, RIPEANU, Mark::Secondary)),
        Reading::new("of its messages duplicates", Unit::Share, again as f64 / messages.max(1) as f64)
            .theory(1.0 - others / flood),
    ]
}
