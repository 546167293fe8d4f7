//! The simulator against a bare loop, on the same floods in the same run.
//!
//! A flooding toy protocol: every node has seven neighbours (a random 7-regular graph), a query has a TTL of 7 and a GUID, and a
//! node passes it on once, by a table of the last 32 GUIDs with the link each came by. Nodes have random line delays,
//! so latencies differ from link to link.
//!
//! The bare loop is what one would write by hand for this protocol alone: arrays and a timing wheel, no contract, no connections,
//! nothing counted but deliveries. Tables, graph and latencies are the same, so both must deliver exactly the same number of messages,
//! which is checked. It is a fair yardstick for what the contract and the counting cost, and an unfair one for everything the
//! simulator can do beside. Delays are whole ticks of the bare loop's wheel, else its order (and so its count) would be another;
//! the last column is the simulator's rate with delays at any nanosecond, which spares the bare loop but not the simulator.
//!
//! With `--arc` a message also holds its text behind a counted pointer, on both sides, as messages of real protocols do: it
//! has 32 bytes and must be cloned and dropped.
//!
//! `cargo bench -p common --bench sim [-- --arc] [--quick | NODES SEARCHES]`

use std::marker::PhantomData;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use common::net::{Attachment, Line, NodeId, Observer};
use common::peer::{ConnId, Cx, Event, Peer, Time};
use common::sim::{Config, Sim};
use common::testing::bare_flood::{Baggage, Bare, Graph, Guid, SPACING, Seen, Stopwatch, TTL, guid, median};
use common::testing::process::own_resident_bytes;
use common::user::{Command, Note, Query, SearchId};
use common::wire::{Wire, WireError};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg32;
use tokio_util::codec::{Decoder, Encoder};

const DEGREE: usize = 7;
const REPEATS: usize = 5;
const PORT: u16 = 6346;

#[derive(Clone, Debug)]
struct Flood<B> {
    guid: Guid,
    ttl: u8,
    baggage: B,
}

struct NoCodec<B>(PhantomData<B>);

impl<B: Baggage> Decoder for NoCodec<B> {
    type Item = Flood<B>;
    type Error = WireError;
    fn decode(&mut self, _: &mut BytesMut) -> Result<Option<Flood<B>>, WireError> {
        unreachable!("the simulator moves values")
    }
}

impl<B: Baggage> Encoder<Flood<B>> for NoCodec<B> {
    type Error = WireError;
    fn encode(&mut self, _: Flood<B>, _: &mut BytesMut) -> Result<(), WireError> {
        unreachable!("the simulator moves values")
    }
}

impl<B: Baggage> Wire for Flood<B> {
    type Setup = ();
    type Codec = NoCodec<B>;
    const KINDS: &'static [&'static str] = &["query"];
    fn codec((): ()) -> NoCodec<B> {
        NoCodec(PhantomData)
    }
    fn wire_len(&self) -> u32 {
        23 + 16
    }
    fn kind(&self) -> u8 {
        0
    }
}

/// The protocol as a peer.
struct Servent<B> {
    seen: Seen,
    links: [Option<ConnId>; DEGREE],
    graph: Arc<Graph>,
    baggage: PhantomData<B>,
}

impl<B: Baggage> Servent<B> {
    fn hear(&mut self, conn: ConnId, Flood { guid, ttl, baggage }: Flood<B>, cx: &mut Cx<'_, Self>) {
        if self.seen.insert(guid, conn.slot() as u32) && ttl > 1 {
            self.pass_on(&Flood { guid, ttl: ttl - 1, baggage }, Some(conn), cx);
        }
    }

    fn pass_on(&mut self, flood: &Flood<B>, from: Option<ConnId>, cx: &mut Cx<'_, Self>) {
        for conn in self.links.iter().flatten().filter(|conn| Some(**conn) != from) {
            cx.send(*conn, flood.clone());
        }
    }
}

impl<B: Baggage> Peer for Servent<B> {
    type Message = Flood<B>;
    type Timer = u8;

    fn handle(&mut self, event: Event<Flood<B>, u8>, cx: &mut Cx<'_, Self>) {
        match event {
            Event::Message { conn, message } => self.hear(conn, message, cx),
            Event::Command(Command::Search(SearchId(id), _)) => {
                let guid = guid(id);
                self.seen.insert(guid, u32::MAX);
                self.pass_on(&Flood { guid, ttl: TTL, baggage: B::default() }, None, cx);
            }
            // One matching a second, so that links stand in the order of the matchings at both ends.
            Event::Start => {
                (0..DEGREE as u8).for_each(|link| cx.wake(Duration::from_secs(u64::from(link)), link));
            }
            Event::Timer(link) => {
                let me = cx.address().ip().to_bits() - NETWORK.to_bits() - 1;
                let partner = self.graph.ends(me)[usize::from(link)].node;
                if me < partner {
                    cx.dial(NodeId(partner).address(NETWORK, PORT), ());
                }
            }
            Event::Opened { conn, .. } => self.links[conn.slot()] = Some(conn),
            _ => {}
        }
    }
}

const NETWORK: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 0);

struct Simulated<B: Baggage> {
    sim: Sim<Servent<B>>,
    bytes_per_peer: Option<f64>,
}

struct Deaf;

impl Observer for Deaf {
    fn note(&mut self, _: Time, _: NodeId, _: Note) {}
}

impl<B: Baggage> Simulated<B> {
    fn new(graph: &Arc<Graph>) -> Self {
        let before = own_resident_bytes();
        let mut sim = Sim::new(Config { core_delay: Duration::ZERO, ..Config::default() });
        for delay in &graph.delays_ns {
            let (seen, links, graph) = (Seen::default(), [None; DEGREE], graph.clone());
            let servent = Servent { seen, links, graph, baggage: PhantomData };
            let line = Line { delay: Duration::from_nanos(*delay), ..Line::default() };
            sim.add(servent, PORT, Attachment { line, firewalled: false });
        }
        assert!(sim.run_to_idle(Time::MAX, &mut Deaf));
        let bytes_per_peer = before
            .zip(own_resident_bytes())
            .map(|(before, after)| after.saturating_sub(before) as f64 / graph.delays_ns.len() as f64);
        Simulated { sim, bytes_per_peer }
    }

    /// Returns messages delivered and seconds.
    fn flood(&mut self, searches: &[(u32, u32)]) -> (u64, f64) {
        let query = Arc::new(Query::default());
        let mut at = self.sim.now();
        for (search, node) in searches {
            self.sim.command_at(at, NodeId(*node), Command::Search(SearchId(*search), query.clone()));
            at = at + SPACING;
        }
        let (events, start) = (self.sim.events(), Stopwatch::start());
        assert!(self.sim.run_to_idle(Time::MAX, &mut Deaf));
        (self.sim.events() - events - searches.len() as u64, start.seconds())
    }
}

fn measure<B: Baggage>(nodes: u32, searches_per_repeat: u32) {
    let graph = Arc::new(Graph::regular(nodes, DEGREE, false));
    let scattered = Arc::new(Graph::regular(nodes, DEGREE, true));
    let mut simulated = Simulated::<B>::new(&graph);
    let mut bare = Bare::<B>::new(&graph);
    let mut any_nanosecond = Simulated::<B>::new(&scattered);
    let mut rng = Pcg32::seed_from_u64(1);
    let mut rates = [const { Vec::new() }; 3];
    let mut delivered = 0;
    // The first round fills tables and warms up; it is not counted.
    for repeat in 0..=REPEATS as u32 {
        let searches: Vec<(u32, u32)> = (0..searches_per_repeat)
            .map(|n| (repeat * searches_per_repeat + n, (rng.next_u64() % u64::from(nodes)) as u32))
            .collect();
        let runs = [simulated.flood(&searches), bare.flood(&searches), any_nanosecond.flood(&searches)];
        assert_eq!(runs[0].0, runs[1].0, "both must deliver the same messages");
        if repeat > 0 {
            delivered = runs[0].0;
            for (rates, (messages, seconds)) in rates.iter_mut().zip(runs) {
                rates.push(messages as f64 / seconds / 1e6);
            }
        }
    }
    let [sim, bare, any] = rates.each_mut().map(|rates| median(rates));
    let bytes = simulated.bytes_per_peer.map_or("-".into(), |bytes| format!("{bytes:.0}"));
    let own = size_of::<Servent<B>>();
    println!(
        "{nodes:>9} {delivered:>11} {sim:>10.2} {bare:>10.2} {:>7.2} {bytes:>10} {own:>9} {any:>13.2}",
        sim / bare
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<u32> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let arc = arguments.iter().any(|argument| argument == "--arc");
    let sizes = match numbers[..] {
        [nodes, searches] => vec![(nodes, searches)],
        _ if arguments.iter().any(|argument| argument == "--quick") => vec![(1_000, 100), (10_000, 10)],
        _ => vec![(1_000, 1_000), (100_000, 20), (1_000_000, 20)],
    };
    println!(
        "medians of {REPEATS} alternating repeats; rates in million deliveries a second; memory in bytes"
    );
    println!(
        "{:>9} {:>11} {:>10} {:>10} {:>7} {:>10} {:>9} {:>13}",
        "nodes", "deliveries", "simulator", "bare loop", "ratio", "per peer", "peer own", "any ns"
    );
    for (nodes, searches) in sizes {
        if arc { measure::<Arc<String>>(nodes, searches) } else { measure::<()>(nodes, searches) }
    }
}
