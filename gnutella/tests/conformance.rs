//! The same servents on the same graph make the same searches in the simulator and over TCP.
//!
//! Timing may change only by which of two ways a query comes first, and with it how far its hit has to go back. On a tree
//! there is one way: every count of every node is the same. On a graph with cycles the number of queries, the answers
//! and who gives them still are, and the hits cross exactly as many links as their hops say.

mod kit;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::metrics::{ByKind, NodeLoad};
use common::net::{Attachment, NodeId};
use common::peer::Time;
use common::sim::{Config, Sim};
use common::tcp::Handle;
use common::testing::live::Place;
use common::user::{Command, Hit, Note, Query, SearchId};
use common::wire::Wire as _;
use gnutella::node::Node;
use gnutella::servent::{Knobs, ServentConfig};
use gnutella::wire::Message;
use kit::files::share;

const NODES: u32 = 20;
/// Far beyond what any step takes: a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who asks, for what, and how many have it.
const SEARCHES: [(u32, &str, u32); 5] =
    [(0, "zebra", 3), (7, "zebra", 3), (13, "polka", 7), (19, "nothing", 0), (3, "zebra polka", 1)];

/// What a node shares.
fn file_of(node: u32) -> &'static str {
    match node {
        2 | 11 => "zebra waltz.ogg",
        17 => "zebra polka.ogg",
        _ if node % 3 == 1 => "polka.ogg",
        _ => "song.ogg",
    }
}

type Edge = (u32, u32);

/// Each node has two children.
fn tree() -> Vec<Edge> {
    (1..NODES).map(|node| (node, (node - 1) / 2)).collect()
}

/// Each node is linked with those one, three and seven further round a circle.
fn circulant() -> Vec<Edge> {
    let ends = |node: u32| [1, 3, 7].map(|step| (node, (node + step) % NODES));
    // Who is dialled has been started before.
    (0..NODES).flat_map(ends).map(|(a, b)| (a.max(b), a.min(b))).collect()
}

fn servent(node: u32, edges: &[Edge], address_of: impl Fn(u32) -> SocketAddrV4) -> ServentConfig {
    let ends = edges.iter().filter(|(from, _)| *from == node);
    let knobs = Knobs {
        keeps_degree: false,
        ping_every: None,
        // A flood ends only where the graph does, whichever way it takes.
        ttl: 200,
        ttl_max: 255,
        ttl_hard_max: 255,
        search_wait: Duration::from_secs(1),
        ..Knobs::default()
    };
    ServentConfig {
        connect: ends.map(|(_, to)| address_of(*to)).collect(),
        knobs: Arc::new(knobs),
        ..ServentConfig::default()
    }
}

/// What a run has come to.
#[derive(Debug, PartialEq)]
struct Outcome {
    by_kind: ByKind,
    loads: Vec<NodeLoad>,
    /// Which search found what at whom.
    results: BTreeSet<(u32, String, SocketAddrV4)>,
    /// The links that the hits have crossed, as the searchers were told.
    hops: u64,
}

impl Outcome {
    fn new() -> Self {
        Outcome {
            by_kind: ByKind::new(Message::KINDS.len()),
            loads: Vec::new(),
            results: BTreeSet::new(),
            hops: 0,
        }
    }

    fn found(&mut self, SearchId(search): SearchId, hit: &Hit) {
        let holder = hit.holder.address.expect("nobody is firewalled");
        assert!(self.results.insert((search, hit.info.name.to_string(), holder)), "{hit:?} was told twice");
        self.hops += u64::from(hit.hops.expect("a hit tells its hops"));
    }

    fn sent(&self, kind: &str) -> u64 {
        let kind = Message::KINDS.iter().position(|name| *name == kind).expect("a kind of message");
        self.by_kind.kind(kind as u8).messages
    }
}

fn search(number: u32, words: &str, holders: u32) -> Command {
    // With the last result the search is over; one without results goes on until nothing can come any more.
    let query = Query { results_max: holders, ..Query::words(words) };
    Command::Search(SearchId(number), Arc::new(query))
}

fn simulated(place: &Place, edges: &[Edge]) -> Outcome {
    let mut sim = Sim::new(Config { network: place.network, ..Config::seeded(1) });
    let mut outcome = Outcome::new();
    let mut observer = |_: Time, _: NodeId, note: Note| {
        if let Note::Found(search, hit) = note {
            outcome.found(search, &hit);
        }
    };
    for node in 0..NODES {
        let config = servent(node, edges, |node| place.address(node));
        sim.add(Node::servent(config), place.address(node).port(), Attachment::default());
        sim.command(NodeId(node), share(file_of(node)));
    }
    assert!(sim.run_to_idle(Time::MAX, &mut observer));
    for (number, (asker, words, holders)) in (0..).zip(SEARCHES) {
        sim.command(NodeId(asker), search(number, words, holders));
        assert!(sim.run_to_idle(Time::MAX, &mut observer));
    }
    outcome.by_kind.merge(sim.by_kind());
    outcome.loads = (0..NODES).map(|node| sim.load(NodeId(node))).collect();
    outcome
}

async fn over_tcp(place: &mut Place, edges: &[Edge]) -> Outcome {
    let mut outcome = Outcome::new();
    let mut handles = Vec::new();
    for node in 0..NODES {
        let servent = Node::servent(servent(node, edges, |node| place.address(node)));
        let handle = place.start(node, servent).await;
        handle.command(share(file_of(node))).await.unwrap();
        handles.push(handle);
    }
    // A greeting and two answers for each link.
    let mut queries_and_links = 3 * edges.len() as u64;
    have_come(&handles, queries_and_links).await;
    for (number, (asker, words, holders)) in (0..).zip(SEARCHES) {
        handles[asker as usize].command(search(number, words, holders)).await.unwrap();
        loop {
            match place.notes.recv().await.expect("the sender is kept") {
                (_, Note::Found(search, hit)) => outcome.found(search, &hit),
                (_, Note::SearchEnded(..)) => break,
                _ => {}
            }
        }
        queries_and_links += flood(edges);
        have_come(&handles, queries_and_links + outcome.hops).await;
    }
    for handle in &handles {
        let snapshot = handle.snapshot();
        outcome.by_kind.merge(&snapshot.by_kind);
        outcome.loads.push(snapshot.load);
    }
    outcome
}

/// Waits until so many messages have come to where they were sent.
async fn have_come(handles: &[Handle], messages: u64) {
    let begun = Instant::now();
    loop {
        let received: u64 = handles.iter().map(|handle| handle.snapshot().load.received.messages).sum();
        if received >= messages {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{received} messages have come, not {messages}");
        tokio::task::yield_now().await;
    }
}

/// Queries that a flood of the whole graph takes.
fn flood(edges: &[Edge]) -> u64 {
    2 * edges.len() as u64 - u64::from(NODES) + 1
}

async fn both(network: Ipv4Addr, edges: &[Edge]) -> [Outcome; 2] {
    let mut place = Place::new(network);
    let simulated = simulated(&place, edges);
    let real = tokio::time::timeout(PATIENCE, over_tcp(&mut place, edges)).await.expect("the searches end");
    for outcome in [&simulated, &real] {
        assert_eq!(outcome.sent("query"), SEARCHES.len() as u64 * flood(edges));
        assert_eq!(outcome.sent("query hit"), outcome.hops, "each hit goes back by the way of its query");
        let holders: u32 = SEARCHES.iter().map(|(.., holders)| holders).sum();
        assert_eq!(outcome.results.len(), holders as usize);
    }
    [simulated, real]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_tree_every_count_is_the_same() {
    let [simulated, real] = both(Ipv4Addr::new(127, 93, 0, 0), &tree()).await;
    assert_eq!(real, simulated);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_graph_with_cycles_queries_and_results_are_the_same() {
    let [simulated, real] = both(Ipv4Addr::new(127, 94, 0, 0), &circulant()).await;
    assert_eq!(real.results, simulated.results);
    assert_eq!(real.sent("query"), simulated.sent("query"));
}
