//! A whole KaZaA in simulation, 1,000 supernodes with 300 children each, beside a bare loop that floods as many nodes in the same run.
//!
//! `cargo bench -p kazaa --bench scale [-- FRACTION | -- --full | -- --quick]`
//!
//! Run without arguments it has a tenth of the supernodes, with `--full` all of them, with a fraction that part; `--quick` is for
//! seeing that it runs. Each supernode has its 300 children in any case.
//!
//! Supernodes know 200 others and link with 30; each child knows one supernode and shares nothing, so that what is left of it is what
//! an ordinary node costs. Then, in turns: half an hour in which children and supernodes only ping; children that search for what
//! nobody has, which asks a hundred supernodes each; and floods of the bare loop.
//!
//! Fair? The bare loop (see its module) passes on another protocol's messages, knows 32 ids for each node and counts nothing but
//! deliveries: it says what this machine can do with so many nodes, not what KaZaA's messages could cost at least. An event is
//! whatever a node hears of: a message, a connection, a timer. Seconds are those that the process had a processor.
//!
//! *A child* is the memory that one more child takes everywhere: its own, the simulator's for it and for its session, and its
//! place at its supernode. The budget of 512 bytes, asserted where the ordinary node is defined, is for its own state alone.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use common::net::{Attachment, NodeId, Observer};
use common::peer::Time;
use common::sim::{Config as SimConfig, Sim};
use common::testing::bare_flood::{Bare, Graph, Stopwatch, median};
use common::testing::process::own_resident_bytes;
use common::user::{Command, Note, Query, SearchId};
use kazaa::config::{Config, Knobs, Role};
use kazaa::election::ElectionKind;
use kazaa::node::Node;
use kazaa::ordinary::Ordinary;
use kazaa::wire::PORT;

/// Supernodes of the whole, and children of each.
const SUPERNODES: u32 = 1_000;
const CHILDREN: u32 = 300;
/// Of all supernodes each knows so many from the start.
const KNOWN: u32 = 200;
/// Children that come in a second.
const ARRIVING: u32 = 2_000;
/// Searches of a turn.
const SEARCHES: u32 = 300;
const REPEATS: usize = 3;

struct Deaf;

impl Observer for Deaf {
    fn note(&mut self, _: Time, _: NodeId, _: Note) {}
}

struct Simulated {
    sim: Sim<Node>,
    supernodes: u32,
    searches: u32,
}

impl Simulated {
    /// Supernodes that have linked.
    fn new(supernodes: u32) -> Self {
        let sim = Sim::new(SimConfig { count_reach: false, ..SimConfig::default() });
        let mut this = Simulated { sim, supernodes, searches: 0 };
        let knobs = Knobs { election: ElectionKind::Nobody, ..Knobs::default() };
        let knobs = Arc::new(knobs);
        for node in 0..supernodes {
            let following = (1..=KNOWN.min(supernodes - 1)).map(|offset| (node + offset) % supernodes);
            let known: Arc<[SocketAddrV4]> = following.map(|other| this.address(other)).collect();
            this.add(node, Role::Supernode, known, &knobs);
        }
        this.run_for(Duration::from_secs(300));
        this
    }

    fn address(&self, node: u32) -> SocketAddrV4 {
        NodeId(node).address(self.sim.config().network, PORT)
    }

    fn add(&mut self, node: u32, role: Role, supernodes: Arc<[SocketAddrV4]>, knobs: &Arc<Knobs>) {
        let user = format!("user{node}").into();
        let config =
            Config { user, supernodes, force: Some(role), knobs: Arc::clone(knobs), ..Config::default() };
        self.sim.add(Node::ordinary(config), PORT, Attachment::default());
    }

    /// Children join, each the supernode that it knows; a hundred seconds after the last has come, what joining took is forgotten.
    fn children(&mut self) {
        let knobs =
            Knobs { supernodes_max: 1, probes: 1, election: ElectionKind::Nobody, ..Knobs::default() };
        let knobs = Arc::new(knobs);
        let known: Vec<Arc<[SocketAddrV4]>> =
            (0..self.supernodes).map(|node| Arc::from([self.address(node)])).collect();
        for child in 0..self.supernodes * CHILDREN {
            let known = Arc::clone(&known[(child % self.supernodes) as usize]);
            self.add(self.supernodes + child, Role::Ordinary, known, &knobs);
            if child % ARRIVING == ARRIVING - 1 {
                self.run_for(Duration::from_secs(1));
            }
        }
        self.run_for(Duration::from_secs(100));
        for node in self.supernodes..self.nodes() {
            let Node::Ordinary(child) = self.sim.peer(NodeId(node)) else { continue };
            assert_eq!(child.parents().count(), 1, "child {node} has its supernode");
        }
    }

    fn nodes(&self) -> u32 {
        self.sim.len() as u32
    }

    fn run_for(&mut self, time: Duration) {
        self.sim.run_until(self.sim.now() + time, &mut Deaf);
    }

    /// Million events in a second of the processor's while something happens.
    fn rate(&mut self, happens: impl FnOnce(&mut Self)) -> f64 {
        let (before, start) = (self.sim.events(), Stopwatch::start());
        happens(self);
        (self.sim.events() - before) as f64 / start.seconds() / 1e6
    }

    /// Children search one after the other, all over the network.
    fn search(&mut self) {
        let query = Arc::new(Query::words("somebody nowhere"));
        for _ in 0..SEARCHES {
            let children = u64::from(self.nodes() - self.supernodes);
            // A step that shares no factor with any size in use.
            let child = (u64::from(self.searches) * 7_919 % children) as u32;
            let search = Command::Search(SearchId(self.searches), Arc::clone(&query));
            self.sim.command(NodeId(self.supernodes + child), search);
            self.searches += 1;
            self.run_for(Duration::from_millis(10));
        }
        self.run_for(Duration::from_secs(60));
    }
}

fn measure(supernodes: u32) {
    let before = own_resident_bytes();
    let mut simulated = Simulated::new(supernodes);
    let linked = own_resident_bytes();
    let joining = simulated.rate(Simulated::children);
    let joined = own_resident_bytes();
    let nodes = simulated.nodes();
    // As many links for each node as Gnutella's crawls found.
    let graph = Graph::random(nodes, nodes as usize * 34 / 10);
    let mut bare = Bare::<Arc<String>>::new(&graph);
    let mut rates = [const { Vec::new() }; 3];
    // The first round warms up; it is not counted.
    for repeat in 0..=REPEATS as u32 {
        let idle = simulated.rate(|simulated| simulated.run_for(Duration::from_secs(1_800)));
        let searching = simulated.rate(Simulated::search);
        let (deliveries, seconds) = bare.flood(&[(2 * repeat, repeat), (2 * repeat + 1, nodes / 2)]);
        let round = [idle, searching, deliveries as f64 / seconds / 1e6];
        if repeat > 0 {
            rates.iter_mut().zip(round).for_each(|(rates, rate)| rates.push(rate));
        }
    }
    let [idle, searching, bare] = rates.each_mut().map(|rates| median(rates));
    let each = |from: Option<u64>, to: Option<u64>, count: u32| {
        let grown = to.zip(from).map(|(to, from)| to.saturating_sub(from) / u64::from(count));
        grown.map_or("-".to_owned(), |bytes| bytes.to_string())
    };
    let of_supernode = each(before, linked, supernodes);
    let of_child = each(linked, joined, nodes - supernodes);
    println!(
        "{supernodes:>10} {nodes:>9} {joining:>8.2} {idle:>8.2} {searching:>9.2} {bare:>10.2} {:>7.3} {of_supernode:>11} {of_child:>8}",
        idle / bare
    );
}

/// The part of the supernodes that the arguments ask for.
fn fraction() -> f64 {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let named = |name: &str| arguments.iter().any(|argument| argument == name);
    let given = arguments.iter().find_map(|argument| argument.parse::<f64>().ok());
    match given {
        Some(part) => part,
        // `cargo test --benches` hands over this flag.
        None if named("--quick") || named("--test") => 0.005,
        None if named("--full") => 1.0,
        None => 0.1,
    }
}

fn main() {
    let supernodes = (fraction() * f64::from(SUPERNODES)).round().clamp(2.0, f64::from(SUPERNODES)) as u32;
    println!(
        "medians of {REPEATS} alternating repeats; rates in million events a second, the bare loop's in million deliveries; memory in bytes"
    );
    println!("an ordinary node itself: {} bytes, and what it owns on the heap", size_of::<Ordinary>());
    println!(
        "{:>10} {:>9} {:>8} {:>8} {:>9} {:>10} {:>7} {:>11} {:>8}",
        "supernodes", "nodes", "joining", "idle", "searching", "bare loop", "ratio", "a supernode", "a child"
    );
    measure(supernodes);
}
