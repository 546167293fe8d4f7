//! The same nodes make the same searches in the simulator and over TCP, and send the same messages for it.
//!
//! Who becomes whose child is given here, since by nature it follows from round trips. What neighbours tell each other of others
//! depends on who came first; of that the messages are compared, of all else the bytes too.

mod kit;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::metrics::ByKind;
use common::net::{Attachment, NodeId};
use common::peer::Time;
use common::sim::{Config as Network, Sim};
use common::tcp::Handle;
use common::testing::live::Place;
use common::user::{Command, Hit, Note, Query, SearchId};
use common::wire::Wire as _;
use kazaa::config::{Config, Knobs, Role};
use kazaa::node::Node;
use kazaa::wire::Message;
use kit::files::share;

const SUPERNODES: u32 = 3;
const NODES: u32 = 15;
/// Far beyond what any step takes: a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who asks, for what, and how many have it.
const SEARCHES: [(u32, &str, usize); 6] = [
    (3, "zebra", 3),
    (8, "zebra", 3),
    (14, "polka", 5),
    (5, "nothing", 0),
    (0, "zebra polka", 1),
    (4, "song", 8),
];

fn file_of(node: u32) -> &'static str {
    match node {
        4 | 11 => "zebra waltz.ogg",
        9 => "zebra polka.ogg",
        _ if node % 3 == 1 => "polka.ogg",
        _ => "song.ogg",
    }
}

/// Supernodes are linked with all before them; the others are their children in turn, and are told of nobody else.
fn config(node: u32, address_of: impl Fn(u32) -> SocketAddrV4) -> Config {
    let hour = Duration::from_secs(3_600);
    let knobs = Knobs {
        supernodes_max: 0,
        upkeep_every: hour,
        ping_every: hour,
        fan_out: 5,
        enough: 100,
        ..Knobs::default()
    };
    let (known, role) = match node {
        0..SUPERNODES => ((0..node).collect(), Role::Supernode),
        _ => (vec![node % SUPERNODES], Role::Ordinary),
    };
    Config {
        user: format!("user{node}").into(),
        supernodes: known.into_iter().map(address_of).collect(),
        force: Some(role),
        knobs: Arc::new(knobs),
        ..Config::default()
    }
}

/// What a run has come to.
#[derive(Debug, PartialEq)]
struct Outcome {
    by_kind: ByKind,
    /// Which search found what at whom.
    results: BTreeSet<(u32, String, SocketAddrV4)>,
}

impl Outcome {
    fn new() -> Self {
        Outcome { by_kind: ByKind::new(Message::KINDS.len()), results: BTreeSet::new() }
    }

    fn found(&mut self, SearchId(search): SearchId, hit: &Hit) {
        let holder = hit.holder.address.expect("KaZaA's holders have one");
        assert!(self.results.insert((search, hit.info.name.to_string(), holder)), "{hit:?} was told twice");
    }
}

fn search(number: u32, words: &str) -> Command {
    Command::Search(SearchId(number), Arc::new(Query::words(words)))
}

/// Also tells how many messages were sent when everybody had shared, and after each search.
fn simulated(place: &Place) -> (Outcome, Vec<u64>) {
    let mut sim = Sim::new(Network { network: place.network, ..Network::seeded(1) });
    let mut outcome = Outcome::new();
    let mut stages = Vec::new();
    let mut observer = |_: Time, _: NodeId, note: Note| {
        if let Note::Found(search, hit) = note {
            outcome.found(search, &hit);
        }
    };
    let a_while = |sim: &Sim<Node>| sim.now() + Duration::from_secs(10);
    for node in 0..NODES {
        let config = config(node, |node| place.address(node));
        sim.add(Node::ordinary(config), place.address(node).port(), Attachment::default());
        sim.run_until(a_while(&sim), &mut observer);
        sim.command(NodeId(node), share(file_of(node)));
        sim.run_until(a_while(&sim), &mut observer);
    }
    stages.push(sim.by_kind().total().messages);
    for (number, (asker, words, _)) in (0..).zip(SEARCHES) {
        sim.command(NodeId(asker), search(number, words));
        sim.run_until(a_while(&sim), &mut observer);
        stages.push(sim.by_kind().total().messages);
    }
    outcome.by_kind.merge(sim.by_kind());
    (outcome, stages)
}

async fn over_tcp(place: &mut Place, stages: &[u64]) -> Outcome {
    let mut outcome = Outcome::new();
    let mut handles = Vec::new();
    for node in 0..NODES {
        let handle = place.start(node, Node::ordinary(config(node, |node| place.address(node)))).await;
        while !matches!(place.notes.recv().await, Some((NodeId(who), Note::Online)) if who == node) {}
        handle.command(share(file_of(node))).await.unwrap();
        handles.push(handle);
    }
    have_come(&handles, stages[0]).await;
    for ((number, (asker, words, _)), stage) in (0..).zip(SEARCHES).zip(&stages[1..]) {
        handles[asker as usize].command(search(number, words)).await.unwrap();
        loop {
            match place.notes.recv().await.expect("the sender is kept") {
                (_, Note::Found(search, hit)) => outcome.found(search, &hit),
                (_, Note::SearchEnded(..)) => break,
                _ => {}
            }
        }
        have_come(&handles, *stage).await;
    }
    for handle in &handles {
        outcome.by_kind.merge(&handle.snapshot().by_kind);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_count_is_the_same_in_the_simulator_and_over_tcp() {
    let mut place = Place::new(Ipv4Addr::new(127, 95, 0, 0));
    let (simulated, stages) = simulated(&place);
    let real = tokio::time::timeout(PATIENCE, over_tcp(&mut place, &stages)).await.expect("the searches end");
    assert_eq!(real.results, simulated.results);
    let found: usize = SEARCHES.iter().map(|(.., found)| found).sum();
    assert_eq!(real.results.len(), found);
    for (kind, name) in (0..).zip(Message::KINDS) {
        let [mut ours, mut theirs] = [&simulated, &real].map(|outcome| outcome.by_kind.kind(kind));
        if *name == "link nodes" {
            (ours.bytes, theirs.bytes) = (0, 0);
        }
        assert_eq!(theirs, ours, "{name}");
    }
}
