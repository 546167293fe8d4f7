//! Servents on a fixed graph, on ideal lines of one latency, and what a search on it costs.

use std::net::SocketAddrV4;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use common::net::{Attachment, NodeId};
use common::peer::{FileId, Time};
use common::sim::{Config, Sim};
use common::store::Ranges;
use common::user::{Command, Fetch, FetchId, FileInfo, Hit, Note, Query, SearchEnd, SearchId, SharedFile};
use common::wire::Wire as _;
use gnutella::node::Node;
use gnutella::servent::{Knobs, ServentConfig};
use gnutella::strategy::StrategyKind;
use gnutella::wire::Message;

use crate::claims::asking;
use crate::claims::graph::Graph;

/// The port on which all listen.
const PORT: u16 = 6346;
/// Virtual time in which all links are made.
const JOINING: Duration = Duration::from_secs(120);
/// The longest that a download may take in virtual time.
const FETCHING: Duration = Duration::from_secs(36_000);

/// Servents whose links are the edges of a graph, the smaller node dialling the larger.
pub struct Network {
    sim: Sim<Node>,
    searches: u32,
    /// Files shared so far, so that none takes another's number.
    files: u32,
}

/// How one search went.
#[derive(Clone, Debug, Default)]
pub struct Searched {
    /// Query messages.
    pub queries: u64,
    /// Their bytes.
    pub query_bytes: u64,
    /// Query hits, each counted on every link it crossed.
    pub hits: u64,
    /// Their bytes.
    pub hit_bytes: u64,
    /// All messages that the search caused, walkers' questions among them.
    pub messages: u64,
    /// Nodes that any message of the search came to, the searcher apart.
    pub reached: u64,
    /// Results, in the order in which they came.
    pub results: Vec<Arc<Hit>>,
    /// Seconds from the command to the first result.
    pub first_s: Option<f64>,
}

/// A song of that name; how large it is and what is in it does not matter here.
pub fn file(name: &str) -> Arc<FileInfo> {
    Arc::new(FileInfo { name: name.into(), size: 4_000_000, ..FileInfo::default() })
}

/// Knobs for an overlay that is a graph and nothing more: nobody pings, looks for neighbours or cuts anybody off.
pub fn fixed(ttl: u8) -> Knobs {
    Knobs {
        keeps_degree: false,
        ping_every: None,
        cuts_misbehaving: false,
        callers_max: usize::MAX,
        links_per_address_max: usize::MAX,
        dials_max: usize::MAX,
        ttl,
        // Experiments ask for more than anybody should let pass.
        ttl_max: ttl.max(Knobs::default().ttl_max),
        ttl_hard_max: ttl.max(Knobs::default().ttl_hard_max),
        ..Knobs::default()
    }
}

impl Network {
    /// Builds it and lets everybody link. `knobs` are those of each node.
    ///
    /// # Panics
    /// If a link of the graph does not come about: then nothing measured would be true.
    pub fn new(
        graph: &Graph,
        seed: u64,
        strategy: StrategyKind,
        knobs: impl Fn(u32) -> Arc<Knobs>,
    ) -> Network {
        let config = Config { seed, ..Config::default() };
        let network = config.network;
        let mut this = Network { sim: Sim::new(config), searches: 0, files: 0 };
        let address = |node: u32| NodeId(node).address(network, PORT);
        for node in 0..graph.nodes() {
            let larger = graph.neighbours(node).iter().filter(|neighbour| **neighbour > node);
            let connect: Box<[SocketAddrV4]> = larger.map(|neighbour| address(*neighbour)).collect();
            let config = ServentConfig { connect, strategy, knobs: knobs(node), ..ServentConfig::default() };
            this.sim.add(Node::servent(config), PORT, Attachment::default());
        }
        this.run_for(JOINING);
        let linked = kind("connect");
        let made = this.sim.by_kind().kind(linked).messages;
        assert_eq!(made, graph.edges().len() as u64, "each link of the graph is made once");
        this
    }

    /// How many nodes there are, those that are gone among them.
    pub fn nodes(&self) -> u32 {
        self.sim.len() as u32
    }

    /// A node shares more files.
    pub fn share(&mut self, node: u32, files: impl IntoIterator<Item = Arc<FileInfo>>) {
        let file = |(at, info)| SharedFile { file: FileId(at), info };
        let files: Arc<[SharedFile]> = (self.files..).zip(files).map(file).collect();
        self.files += files.len() as u32;
        self.sim.command(NodeId(node), Command::Share(files));
        self.run_for(Duration::ZERO);
    }

    /// Nodes vanish; their neighbours notice.
    pub fn crash(&mut self, nodes: &[u32]) {
        for node in nodes {
            self.sim.crash_at(self.sim.now(), NodeId(*node));
        }
        self.run_for(Duration::from_secs(1));
    }

    /// True unless the node is gone.
    pub fn is_up(&self, node: u32) -> bool {
        self.sim.is_up(NodeId(node))
    }

    /// A node searches; returns when the search is over.
    ///
    /// # Panics
    /// If it never is.
    pub fn search(&mut self, node: u32, words: &str) -> Searched {
        let search = SearchId(self.searches);
        self.searches += 1;
        let before = self.counts();
        let answers = asking::search(&mut self.sim, NodeId(node), search, Query::words(words));
        debug_assert!(matches!(answers.end, SearchEnd::Complete | SearchEnd::Offline));
        let after = self.counts();
        let [queries, query_bytes, hits, hit_bytes] = std::array::from_fn(|at| after[at] - before[at]);
        Searched {
            queries,
            query_bytes,
            hits,
            hit_bytes,
            messages: answers.cost.messages,
            reached: answers.cost.nodes_reached,
            results: answers.results,
            first_s: answers.first_s,
        }
    }

    /// A node downloads a result; returns how many others any message of that came to.
    ///
    /// # Panics
    /// If the download fails: on ideal lines nothing is in its way.
    pub fn download(&mut self, node: u32, hit: &Arc<Hit>) -> u64 {
        let began = self.sim.now();
        let (fetch, into) = (FetchId(0), FileId(u32::MAX));
        let fetch = Fetch { fetch, candidates: vec![Arc::clone(hit)], into, have: Ranges::default() };
        let cause = self.sim.command(NodeId(node), Command::Fetch(Box::new(fetch)));
        let mut fetched = false;
        while !fetched {
            let stepped = self.sim.step(&mut |_: Time, _: NodeId, note: Note| {
                fetched |= matches!(note, Note::Fetched(_));
            });
            assert!(stepped.is_some_and(|now| now < began + FETCHING), "a download ends");
        }
        // The answers come to the node itself.
        self.sim.cause_cost(cause).nodes_reached - 1
    }

    /// A node will search after a while; what comes of it is nobody's business.
    pub fn search_after(&mut self, after: Duration, node: u32, words: &str) {
        let search = SearchId(self.searches);
        self.searches += 1;
        let query = Arc::new(Query::words(words));
        self.sim.command_at(self.sim.now() + after, NodeId(node), Command::Search(search, query));
    }

    fn counts(&self) -> [u64; 4] {
        let (query, hit) = (self.sent("query"), self.sent("query hit"));
        [query.messages, query.bytes, hit.messages, hit.bytes]
    }

    /// What has been sent of a kind of message since the beginning.
    pub fn sent(&self, name: &str) -> common::metrics::Traffic {
        self.sim.by_kind().kind(kind(name))
    }

    /// The control bytes that have come to each of some nodes.
    pub fn received_bytes(&self, nodes: Range<u32>) -> Vec<u64> {
        nodes.map(|node| self.sim.load(NodeId(node)).received.bytes).collect()
    }

    /// The control messages that have come to each node.
    pub fn received_messages(&self) -> Vec<u64> {
        (0..self.nodes()).map(|node| self.sim.load(NodeId(node)).received.messages).collect()
    }

    /// Lets time pass.
    pub fn run_for(&mut self, time: Duration) {
        let until = self.sim.now() + time;
        self.sim.run_until(until, &mut |_: Time, _: NodeId, _: Note| {});
    }

    /// The node that listens at a result's address.
    pub fn holder(&self, hit: &Hit) -> Option<u32> {
        let network = self.sim.config().network.to_bits();
        let host = hit.holder.address?.ip().to_bits().checked_sub(network)?;
        host.checked_sub(1).filter(|node| *node < self.nodes())
    }
}

/// The number of a kind of message.
fn kind(name: &str) -> u8 {
    let at = Message::KINDS.iter().position(|kind| *kind == name);
    at.expect("a kind that the wire knows") as u8
}
