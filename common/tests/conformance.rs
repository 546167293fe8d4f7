//! One body, two drivers: the same peers on the same graph give the same counts in the simulator and over TCP.
//!
//! Only what timing cannot change is compared: how many messages of each kind, how many bytes, what each node
//! sent and stored, what each user was told (as a set). A flood that covers the whole graph has exactly such counts.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, BytesMut};
use common::metrics::{ByKind, NodeLoad, Traffic};
use common::net::{Attachment, NodeId};
use common::peer::{BodyState, ConnId, Cx, Event, FileId, Peer, Span, Time};
use common::sim::{Config, Sim};
use common::store::{Memory, Storage, Store};
use common::tcp::{Clock, Identity, Limits, NodeConfig, SharedStore, spawn};
use common::user::{Command, FetchId, Note, Query, SearchId};
use common::wire::{Wire, WireError};
use tokio::sync::mpsc;
use tokio_util::codec::{Decoder, Encoder};

const NODES: u32 = 40;
const FILE: FileId = FileId(0);
/// Beyond one chunk of the simulator and one read of a socket, and no multiple of either.
const FILE_BYTES: u64 = 300_001;

/// Node `i` is linked to `i+1`, `i+3` and `i+11`, around the circle.
const STEPS: [u32; 3] = [1, 3, 11];

/// Every seventh node, and not the one that asks, has the file.
fn holds(node: u32) -> bool {
    node % 7 == 3
}

#[derive(Clone, Copy, Debug)]
enum Toy {
    /// Who asks (its node number). Flooded.
    Query(u32),
    /// A body of so many bytes follows.
    Content(u32),
    /// Whoever has first heard of a query tells the next one around the circle, in a datagram.
    Heard(u32),
    /// Its answer.
    Thanks(u32),
}

struct Five;

impl Decoder for Five {
    type Item = Toy;
    type Error = WireError;
    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Toy>, WireError> {
        if src.len() < 5 {
            return Ok(None);
        }
        match (src.get_u8(), src.get_u32()) {
            (0, node) => Ok(Some(Toy::Query(node))),
            (1, len) => Ok(Some(Toy::Content(len))),
            (2, node) => Ok(Some(Toy::Heard(node))),
            (3, node) => Ok(Some(Toy::Thanks(node))),
            _ => Err(WireError::Malformed("kind")),
        }
    }
}

impl Encoder<Toy> for Five {
    type Error = WireError;
    fn encode(&mut self, toy: Toy, dst: &mut BytesMut) -> Result<(), WireError> {
        let (Toy::Query(value) | Toy::Content(value) | Toy::Heard(value) | Toy::Thanks(value)) = toy;
        dst.put_u8(toy.kind());
        dst.put_u32(value);
        Ok(())
    }
}

impl Wire for Toy {
    type Setup = ();
    type Codec = Five;
    const KINDS: &'static [&'static str] = &["query", "content", "heard", "thanks"];
    fn codec((): ()) -> Five {
        Five
    }
    fn datagrams() -> Option<()> {
        Some(())
    }
    fn wire_len(&self) -> u32 {
        5
    }
    fn kind(&self) -> u8 {
        match self {
            Toy::Query(_) => 0,
            Toy::Content(_) => 1,
            Toy::Heard(_) => 2,
            Toy::Thanks(_) => 3,
        }
    }
    fn pauses(&self) -> bool {
        matches!(self, Toy::Content(_))
    }
}

/// Floods what it has not seen, and brings the file to whoever asks.
struct Flooder {
    node: u32,
    address_of: fn(u32) -> SocketAddrV4,
    links: Vec<ConnId>,
    open: BTreeSet<ConnId>,
    asked: BTreeSet<u32>,
}

impl Flooder {
    fn new(node: u32, address_of: fn(u32) -> SocketAddrV4) -> Self {
        Flooder { node, address_of, links: Vec::new(), open: BTreeSet::new(), asked: BTreeSet::new() }
    }

    fn flood(&mut self, who: u32, from: Option<ConnId>, cx: &mut Cx<'_, Self>) {
        if !self.asked.insert(who) {
            return;
        }
        for link in self.links.iter().filter(|link| Some(**link) != from) {
            cx.send(*link, Toy::Query(who));
        }
        cx.send_to((self.address_of)((self.node + 1) % NODES), Toy::Heard(self.node));
        if holds(self.node) {
            let conn = cx.dial((self.address_of)(who), ());
            cx.send(conn, Toy::Content(FILE_BYTES as u32));
            cx.send_body(conn, Span { file: FILE, offset: 0, len: FILE_BYTES });
        }
    }
}

impl Peer for Flooder {
    type Message = Toy;
    type Timer = ();
    fn handle(&mut self, event: Event<Toy, ()>, cx: &mut Cx<'_, Self>) {
        match event {
            // "Share" stands for "link up": by then every node listens.
            Event::Command(Command::Share(_)) => {
                for step in STEPS {
                    cx.dial((self.address_of)((self.node + step) % NODES), ());
                }
            }
            Event::Command(Command::Search(..)) => self.flood(self.node, None, cx),
            Event::Command(Command::Leave) => self.open.iter().for_each(|conn| cx.close(*conn)),
            Event::Opened { conn, .. } => {
                self.open.insert(conn);
                // The links come first; what opens later brings content.
                if self.links.len() < 2 * STEPS.len() {
                    self.links.push(conn);
                    if self.links.len() == 2 * STEPS.len() {
                        cx.note(Note::Online);
                    }
                }
            }
            Event::Message { conn, message: Toy::Query(who) } => {
                self.flood(who, Some(conn), cx);
                cx.note(Note::Text("query".into()));
            }
            Event::Datagram { from, message: Toy::Heard(node) } => {
                assert_eq!(from.ip(), (self.address_of)(node).ip(), "it comes from where its sender listens");
                cx.send_to(from, Toy::Thanks(self.node));
            }
            Event::Datagram { message: Toy::Thanks(node), .. } => {
                cx.note(Note::Text(format!("thanks of {node}").into()));
            }
            Event::Message { conn, message: Toy::Content(len) } => cx.receive(conn, len.into(), None),
            Event::Body { state: BodyState::Done, .. } => cx.note(Note::Fetched(FetchId(0))),
            _ => {}
        }
    }
}

/// What both drivers must agree on.
#[derive(Debug, PartialEq)]
struct Outcome {
    by_kind: ByKind,
    loads: Vec<NodeLoad>,
    notes: Vec<String>,
}

/// Notes that end the search: one for each query delivered, each file brought, and each node that was thanked.
fn notes_expected() -> usize {
    let edges = NODES as usize * STEPS.len();
    let holders = (0..NODES).filter(|node| holds(*node)).count();
    2 * edges - (NODES as usize - 1) + holders + NODES as usize
}

/// What a user was told. Which neighbour a query comes from first, and so who gets how many duplicates of it, is
/// the one thing timing does change here: those notes are counted, but not by node.
fn said(node: NodeId, note: &Note) -> String {
    match note {
        Note::Text(text) => text.to_string(),
        _ => format!("{} {note:?}", node.0),
    }
}

/// What a node carried, without the duplicates it got.
fn carried(load: NodeLoad) -> NodeLoad {
    NodeLoad { received: Traffic::default(), ..load }
}

fn simulated() -> Outcome {
    let address_of = |node| NodeId(node).address(Ipv4Addr::new(10, 0, 0, 0), 7000);
    let mut sim = Sim::new(Config::seeded(1));
    let ids: Vec<NodeId> =
        (0..NODES).map(|n| sim.add(Flooder::new(n, address_of), 7000, Attachment::default())).collect();
    let mut notes = Vec::new();
    let mut observer = |_: Time, node: NodeId, note: Note| notes.push(said(node, &note));
    ids.iter().for_each(|id| {
        sim.command(*id, Command::Share(Arc::new([])));
    });
    sim.run_until(Time::ZERO + Duration::from_secs(10), &mut observer);
    sim.command(ids[0], Command::Search(SearchId(0), Arc::new(Query::default())));
    assert!(sim.run_to_idle(Time::ZERO + Duration::from_secs(1000), &mut observer));
    notes.sort();
    Outcome {
        by_kind: sim.by_kind().clone(),
        loads: ids.iter().map(|id| carried(sim.load(*id))).collect(),
        notes,
    }
}

/// A port of this process' own, so that two test runs on one machine do not meet.
fn port() -> u16 {
    20_000 + (std::process::id() % 10_000) as u16
}

async fn over_tcp() -> Outcome {
    let address_of = |node| NodeId(node).address(Ipv4Addr::new(127, 90, 0, 0), port());
    let (sender, mut told) = mpsc::unbounded_channel();
    let clock = Clock::start();
    let mut handles = Vec::new();
    for n in 0..NODES {
        let memory = Memory::default();
        memory.write_at(0, &vec![7; FILE_BYTES as usize]).unwrap();
        let mut store = Store::default();
        assert_eq!(store.add(Arc::new(memory)), FILE);
        let config = NodeConfig {
            node: NodeId(n),
            listen: Some(address_of(n)),
            datagrams: Some(address_of(n)),
            attachment: Attachment::default(),
            limits: Limits::default(),
            seed: 1,
            clock,
            identity: Identity::generate(),
        };
        let sender = sender.clone();
        let sink = Arc::new(move |_: Time, node: NodeId, note: Note| sender.send(said(node, &note)).unwrap());
        handles
            .push(spawn(Flooder::new(n, address_of), config, SharedStore::new(store), sink).await.unwrap());
    }
    let mut notes = Vec::new();
    for handle in &handles {
        handle.command(Command::Share(Arc::new([]))).await.unwrap();
    }
    while notes.len() < NODES as usize {
        notes.push(told.recv().await.unwrap());
    }
    handles[0].command(Command::Search(SearchId(0), Arc::new(Query::default()))).await.unwrap();
    while notes.len() < NODES as usize + notes_expected() {
        notes.push(told.recv().await.unwrap());
    }
    let (mut by_kind, mut loads) = (ByKind::default(), Vec::new());
    for handle in handles {
        let snapshot = handle.shutdown().await.unwrap();
        by_kind.merge(&snapshot.by_kind);
        loads.push(carried(snapshot.load));
    }
    while let Ok(note) = told.try_recv() {
        notes.push(note);
    }
    notes.sort();
    Outcome { by_kind, loads, notes }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_simulator_and_tcp_agree_on_every_count() {
    let simulated = simulated();
    assert_eq!(simulated.notes.len(), NODES as usize + notes_expected());
    let real = tokio::time::timeout(Duration::from_secs(120), over_tcp()).await;
    assert_eq!(real.expect("the cluster answers"), simulated);
}
