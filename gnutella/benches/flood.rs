//! Simulated floods of the real servent, beside a bare loop that floods the same graph in the same run.
//!
//! Random graphs of mean degree 6.8, latencies of 10 to 100 ms, TTL 7: as many queries as 50,000 servents of 2001 would
//! have seen. Nobody pings and nobody is lost: only queries cross the links. Every servent shares one file of a thousand
//! different ones, and nobody has what is looked for.
//!
//! Fair? The bare loop (see its module) passes on messages with a counted pointer, knows 32 ids for each node in a ring, and
//! counts nothing but deliveries; the
//! servent keeps every id for ten minutes, by keyed hashes, matches what it shares, and lives behind connections that count
//! every byte. So the ratio says what a real servent under a driver costs beside the least that a flood can cost. Both sides
//! should deliver the same messages; they may differ by a few, for which of two copies comes first in the same tick may
//! differ. Seconds are those that the process had a processor.
//!
//! *At rest* is the memory of a node that has its neighbours and nothing else, the simulator's part of it included;
//! *flooded* is the same with what the floods have left in its tables.
//!
//! `cargo bench -p gnutella --bench flood [-- --quick | -- NODES SEARCHES]`

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use common::net::{Attachment, Line, NodeId, Observer};
use common::peer::{FileId, Time};
use common::sim::{Config, Sim};
use common::testing::bare_flood::{Bare, Graph, SPACING, Stopwatch, median};
use common::testing::process::own_resident_bytes;
use common::user::{Command, FileInfo, Note, Query, SearchId, SharedFile};
use gnutella::node::Node;
use gnutella::servent::{Knobs, Servent, ServentConfig};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg32;

const REPEATS: usize = 3;
const NETWORK: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 0);
const PORT: u16 = 6346;
/// Servents that join at a time.
const JOINING: u32 = 200;
const DIFFERENT_FILES: u32 = 1_000;

struct Deaf;

impl Observer for Deaf {
    fn note(&mut self, _: Time, _: NodeId, _: Note) {}
}

struct Simulated {
    sim: Sim<Node>,
    at_rest_bytes: Option<u64>,
    before: Option<u64>,
}

impl Simulated {
    fn new(graph: &Graph) -> Self {
        let before = own_resident_bytes();
        let knobs = Arc::new(Knobs { keeps_degree: false, ping_every: None, ..Knobs::default() });
        let mut sim = Sim::new(Config { core_delay: Duration::ZERO, network: NETWORK, ..Config::default() });
        for (node, delay) in (0..).zip(&graph.delays_ns) {
            let others = graph.ends(node).iter().map(|end| end.node).filter(|other| *other < node);
            let connect = others.map(|other| NodeId(other).address(NETWORK, PORT)).collect();
            let config = ServentConfig { connect, knobs: knobs.clone(), ..ServentConfig::default() };
            let line = Line { delay: Duration::from_nanos(*delay), ..Line::default() };
            sim.add(Node::servent(config), PORT, Attachment { line, firewalled: false });
            // Not all at the same time: the handshakes of half a million would fill the memory that is measured.
            if node % JOINING == 0 {
                assert!(sim.run_to_idle(Time::MAX, &mut Deaf));
            }
        }
        assert!(sim.run_to_idle(Time::MAX, &mut Deaf));
        let mut simulated = Simulated { sim, at_rest_bytes: None, before };
        simulated.at_rest_bytes = simulated.bytes_per_node();
        simulated.share();
        simulated
    }

    fn share(&mut self) {
        let file = |number| {
            let name = format!("artist{} title{number}.ogg", number % 7).into();
            let info = FileInfo { name, size: 4_000_000, ..FileInfo::default() };
            Arc::from([SharedFile { file: FileId(number), info: Arc::new(info) }])
        };
        let files: Vec<Arc<[SharedFile]>> = (0..DIFFERENT_FILES).map(file).collect();
        for node in 0..self.sim.len() as u32 {
            self.sim.command(NodeId(node), Command::Share(files[(node % DIFFERENT_FILES) as usize].clone()));
        }
        assert!(self.sim.run_to_idle(Time::MAX, &mut Deaf));
    }

    fn bytes_per_node(&self) -> Option<u64> {
        let grown = own_resident_bytes()?.saturating_sub(self.before?);
        Some(grown / self.sim.len() as u64)
    }

    /// Returns queries delivered and seconds.
    fn flood(&mut self, searches: &[(u32, u32)]) -> (u64, f64) {
        let query = Arc::new(Query::words("artist1 nowhere"));
        let mut at = self.sim.now();
        for (search, node) in searches {
            self.sim.command_at(at, NodeId(*node), Command::Search(SearchId(*search), query.clone()));
            at = at + SPACING;
        }
        let (before, start) = (self.sim.by_kind().total().messages, Stopwatch::start());
        assert!(self.sim.run_to_idle(Time::MAX, &mut Deaf));
        (self.sim.by_kind().total().messages - before, start.seconds())
    }
}

fn measure(nodes: u32, searches_per_repeat: u32) {
    // 2E/N = 6.8.
    let graph = Graph::random(nodes, nodes as usize * 34 / 10);
    let mut simulated = Simulated::new(&graph);
    let mut bare = Bare::<Arc<String>>::new(&graph);
    let mut rng = Pcg32::seed_from_u64(1);
    let mut rates = [const { Vec::new() }; 2];
    let mut delivered = 0;
    // The first round fills tables and warms up; it is not counted.
    for repeat in 0..=REPEATS as u32 {
        let searches: Vec<(u32, u32)> = (0..searches_per_repeat)
            .map(|n| (repeat * searches_per_repeat + n, (rng.next_u64() % u64::from(nodes)) as u32))
            .collect();
        let runs = [simulated.flood(&searches), bare.flood(&searches)];
        let [sim, by_bare] = runs.map(|(messages, _)| messages as f64);
        assert!(
            (sim / by_bare - 1.0).abs() < 0.01,
            "{sim} and {by_bare} messages: these are not the same floods"
        );
        if repeat > 0 {
            delivered = runs[0].0;
            for (rates, (messages, seconds)) in rates.iter_mut().zip(runs) {
                rates.push(messages as f64 / seconds / 1e6);
            }
        }
    }
    let [sim, bare] = rates.each_mut().map(|rates| median(rates));
    let told = |bytes: Option<u64>| bytes.map_or("-".into(), |bytes| bytes.to_string());
    let (at_rest, flooded) = (told(simulated.at_rest_bytes), told(simulated.bytes_per_node()));
    println!(
        "{nodes:>9} {delivered:>11} {sim:>9.2} {bare:>10.2} {:>7.3} {at_rest:>9} {flooded:>9}",
        sim / bare
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<u32> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = match numbers[..] {
        [nodes, searches] => vec![(nodes, searches)],
        _ if arguments.iter().any(|argument| argument == "--quick" || argument == "--test") => {
            vec![(1_000, 100), (10_000, 10)]
        }
        _ => vec![(1_000, 1_000), (50_000, 40), (500_000, 4)],
    };
    println!(
        "medians of {REPEATS} alternating repeats; rates in million queries delivered a second; memory in bytes a node"
    );
    println!("a servent itself: {} bytes, and what it owns on the heap", size_of::<Servent>());
    println!(
        "{:>9} {:>11} {:>9} {:>10} {:>7} {:>9} {:>9}",
        "nodes", "deliveries", "servents", "bare loop", "ratio", "at rest", "flooded"
    );
    for (nodes, searches) in sizes {
        measure(nodes, searches);
    }
}
