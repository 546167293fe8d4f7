//! The same peers along the same chain make the same download in the simulator and over TCP.
//!
//! Who knows only one other has one source: nothing but the moment of each message is left to timing. In a swarm it decides
//! who sends whom which piece; what holds there is that each gets each block, and hardly any twice.

mod kit;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use bittorrent::config::Knobs;
use bittorrent::metainfo::{Draft, FileEntry, Metainfo};
use bittorrent::wire::Message;
use common::digest::{Algorithm, Digest};
use common::metrics::{ByKind, NodeLoad};
use common::net::{Attachment, NodeId};
use common::peer::Time;
use common::sim::{Config, Sim};
use common::store::{Checking, Storage as _, Synthetic};
use common::tcp::{Clock, Handle, Identity, Limits, NodeConfig, SharedStore, spawn};
use common::user::Note;
use common::wire::Wire as _;
use kit::{FETCH, fetch, peer, share};
use tokio::sync::mpsc::unbounded_channel;

const CONTENT: u64 = 3;
/// 40 pieces, the last of which is short, and so is its last block.
const BYTES: u64 = 39 * 65_536 + 20_000;
const BLOCKS: u64 = 39 * 4 + 2;
const NODES: u32 = 6;
/// Far beyond what any step takes: a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

fn torrent() -> Arc<Metainfo> {
    let file = Synthetic::new(CONTENT, BYTES);
    let pieces = (0..BYTES).step_by(65_536).map(|start| {
        match file.digest(start, 65_536.min(BYTES - start), Algorithm::Sha1) {
            Ok(Digest::Sha1(digest)) => digest,
            other => panic!("{other:?}"),
        }
    });
    let draft = Draft {
        name: "content.bin".into(),
        piece_length: 65_536,
        pieces: pieces.collect(),
        files: vec![FileEntry { path: Box::default(), length: BYTES }],
        ..Draft::default()
    };
    Arc::new(Metainfo::new(draft).unwrap())
}

/// Whom each knows: the one before it, or all of them.
fn known(node: u32, is_chain: bool, address_of: impl Fn(u32) -> SocketAddrV4) -> Vec<SocketAddrV4> {
    let first = if is_chain { node.saturating_sub(1) } else { 0 };
    (first..node).map(address_of).collect()
}

/// Peers are not told of others, and nobody changes whom it serves.
fn knobs() -> Knobs {
    Knobs { exchange: false, ..Knobs::default() }
}

/// What a run has come to.
#[derive(Debug, PartialEq)]
struct Outcome {
    by_kind: ByKind,
    /// Bytes of blocks that each node has received and sent.
    bodies: Vec<(u64, u64)>,
}

impl Outcome {
    fn sent(&self, kind: &str) -> u64 {
        let kind = Message::KINDS.iter().position(|name| *name == kind).expect("a kind of message");
        self.by_kind.kind(kind as u8).messages
    }
}

fn simulated(is_chain: bool) -> Outcome {
    let torrent = torrent();
    let mut sim = Sim::new(Config::seeded(1));
    let network = Config::seeded(1).network;
    let mut fetched = 0;
    let mut observer =
        |_: Time, _: NodeId, note: Note| fetched += u32::from(matches!(note, Note::Fetched(FETCH)));
    for node in 0..NODES {
        let known = known(node, is_chain, |node| NodeId(node).address(network, 7000));
        sim.add(peer(&torrent, &known, &knobs()), 7000, Attachment::default());
        sim.command(NodeId(node), if node == 0 { share(&torrent) } else { fetch(&torrent) });
    }
    sim.run_until(Time::ZERO + PATIENCE, &mut observer);
    assert_eq!(fetched, NODES - 1);
    let bodies = (0..NODES).map(|node| sim.load(NodeId(node)));
    Outcome {
        bodies: bodies.map(|load| (load.body_received, load.body_sent)).collect(),
        by_kind: sim.by_kind().clone(),
    }
}

async fn over_tcp(is_chain: bool, network: Ipv4Addr) -> Outcome {
    let torrent = torrent();
    let port = 20_000 + (std::process::id() % 10_000) as u16;
    let address_of = |node: u32| NodeId(node).address(network, port);
    let (sender, mut notes) = unbounded_channel();
    let mut handles: Vec<Handle> = Vec::new();
    for node in 0..NODES {
        let store = SharedStore::default();
        let original = Arc::new(Synthetic::new(CONTENT, BYTES));
        // A sink refuses any byte that is not of the content.
        store.add(if node == 0 { original } else { Arc::new(Checking::new(original)) });
        let config = NodeConfig {
            node: NodeId(node),
            listen: Some(address_of(node)),
            datagrams: None,
            attachment: Attachment::default(),
            limits: Limits::default(),
            // Peers with one seed would have one id.
            seed: node.into(),
            clock: Clock::start(),
            identity: Identity::generate(),
        };
        let sender = sender.clone();
        let sink = Arc::new(move |_: Time, node: NodeId, note: Note| drop(sender.send((node, note))));
        let known = known(node, is_chain, address_of);
        let handle = spawn(peer(&torrent, &known, &knobs()), config, store, sink).await.unwrap();
        handle.command(if node == 0 { share(&torrent) } else { fetch(&torrent) }).await.unwrap();
        handles.push(handle);
    }
    let all = async {
        let mut fetched = 0;
        while fetched < NODES - 1 {
            let (node, note) = notes.recv().await.expect("the sender is kept");
            assert!(!matches!(note, Note::Failed(..)), "{node:?} {note:?}");
            fetched += u32::from(matches!(note, Note::Fetched(FETCH)));
        }
        // The last blocks are counted where they left a moment after they have come.
        let moved = |count: fn(&NodeLoad) -> u64| -> u64 {
            handles.iter().map(|handle| count(&handle.snapshot().load)).sum()
        };
        while moved(|load| load.body_sent) < moved(|load| load.body_received) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("all have all in time");
    let mut by_kind = ByKind::new(Message::KINDS.len());
    let mut bodies = Vec::new();
    for handle in &handles {
        let snapshot = handle.snapshot();
        by_kind.merge(&snapshot.by_kind);
        bodies.push((snapshot.load.body_received, snapshot.load.body_sent));
    }
    Outcome { by_kind, bodies }
}

#[tokio::test]
async fn a_chain_passes_everything_on_alike() {
    let outcomes = [simulated(true), over_tcp(true, Ipv4Addr::new(127, 98, 0, 0)).await];
    for outcome in &outcomes {
        let downloads = u64::from(NODES) - 1;
        assert_eq!(
            (outcome.sent("request"), outcome.sent("piece")),
            (downloads * BLOCKS, downloads * BLOCKS)
        );
        assert_eq!((outcome.sent("handshake"), outcome.sent("cancel")), (2 * downloads, 0));
        let passed_on = std::iter::repeat_n((BYTES, BYTES), NODES as usize - 2);
        let expected: Vec<(u64, u64)> =
            [(0, BYTES)].into_iter().chain(passed_on).chain([(BYTES, 0)]).collect();
        assert_eq!(outcome.bodies, expected);
    }
    for kind in ["request", "piece", "handshake", "have all", "have none", "reject", "extended"] {
        assert_eq!(outcomes[0].sent(kind), outcomes[1].sent(kind), "{kind}");
    }
}

#[tokio::test]
async fn in_a_swarm_all_that_is_missing_comes_and_hardly_anything_twice() {
    for outcome in [simulated(false), over_tcp(false, Ipv4Addr::new(127, 99, 0, 0)).await] {
        let (received, sent): (Vec<u64>, Vec<u64>) = outcome.bodies.into_iter().unzip();
        assert_eq!(received[0], 0, "the seed lacks nothing");
        assert!(received[1..].iter().all(|bytes| *bytes >= BYTES), "{received:?}");
        let (received, sent) = (received.iter().sum::<u64>(), sent.iter().sum::<u64>());
        // At the very end a block may be asked of several, and be on its way to somebody who has it and hangs up.
        assert!(received <= sent, "{received} bytes have come of {sent}");
        assert!(sent <= (u64::from(NODES) - 1) * BYTES * 21 / 20, "{sent}");
    }
}
