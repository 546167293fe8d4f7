//! Supernodes and their children, on ideal lines of one latency unless an experiment gives them others, and what a search among
//! them costs.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use common::metrics::{NodeLoad, Traffic};
use common::net::{Attachment, NodeId};
use common::peer::{FileId, Time};
use common::sim::{Config as SimConfig, Sim};
use common::user::{Command, FileInfo, Hit, Note, Query, SearchId, SharedFile};
use common::wire::Wire as _;
use kazaa::config::{Config, Knobs, Role};
use kazaa::election::ElectionKind;
use kazaa::node::Node;
use kazaa::ordinary::Ordinary;
use kazaa::wire::{Message, PORT};

use crate::claims::asking;

/// Virtual time in which supernodes link with each other.
const LINKING: Duration = Duration::from_secs(120);
/// Virtual time in which children find their supernodes.
const JOINING: Duration = Duration::from_secs(30);
/// Of the other supernodes a new one knows so many, as many as KaZaA's lists had.
pub const KNOWN_MAX: usize = 200;

/// A network of KaZaA's nodes.
pub struct Network {
    sim: Sim<Node>,
    searches: u32,
    /// Files shared so far, so that none takes another's number.
    files: u32,
}

/// Somebody who joins.
#[derive(Clone)]
pub struct Member {
    /// Whether it is a supernode; `None`: as the election has it.
    pub role: Option<Role>,
    /// Supernodes that it knows from the start.
    pub knows: Arc<[SocketAddrV4]>,
    /// The services, if there are any.
    pub services: Option<SocketAddrV4>,
    /// Its line up, in kilobits per second, as it tells others.
    pub up_kbps: u32,
    /// Its line.
    pub attachment: Attachment,
    /// Its knobs.
    pub knobs: Arc<Knobs>,
}

/// How one search went.
#[derive(Clone, Debug, Default)]
pub struct Searched {
    /// Messages that carry the question: the child's, and those between supernodes.
    pub questions: u64,
    /// Messages with results, each counted on its way between supernodes and on its way to the child.
    pub answers: u64,
    /// Supernodes that were dialled only to be asked.
    pub visits: u64,
    /// All messages that the search caused.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Supernodes that any of them came to, the searcher's own among them.
    pub supernodes: u64,
    /// Results, in the order in which they came.
    pub results: Vec<Arc<Hit>>,
    /// Seconds from the command to the first result.
    pub first_s: Option<f64>,
    /// Seconds from the command to the end.
    pub ended_s: f64,
}

/// A song of that name; how large it is and what is in it does not matter here.
pub fn file(name: &str) -> Arc<FileInfo> {
    Arc::new(FileInfo { name: name.into(), size: 4_000_000, ..FileInfo::default() })
}

/// Knobs under which nobody is refused, limited or elected.
pub fn fixed() -> Knobs {
    Knobs {
        children_max: 100_000,
        callers_max: usize::MAX,
        callers_per_address_max: usize::MAX,
        queries_per_s: 1_000_000,
        queries_burst: 1_000_000,
        election: ElectionKind::Nobody,
        // Hours of virtual time pass in which nothing is to be seen to.
        upkeep_every: Duration::from_secs(60),
        ..Knobs::default()
    }
}

impl Network {
    /// Nobody yet.
    pub fn new(config: SimConfig) -> Network {
        Network { sim: Sim::new(config), searches: 0, files: 0 }
    }

    /// Where a node listens, whether it is there already or not.
    pub fn address(&self, node: u32) -> SocketAddrV4 {
        NodeId(node).address(self.sim.config().network, PORT)
    }

    /// The node that listens there.
    pub fn at(&self, address: SocketAddrV4) -> Option<u32> {
        let host = address.ip().to_bits().checked_sub(self.sim.config().network.to_bits())?;
        host.checked_sub(1).filter(|node| *node < self.nodes())
    }

    /// Somebody joins.
    pub fn add(&mut self, member: &Member) -> u32 {
        let node = Network::node(self.nodes(), member);
        self.sim.add(node, PORT, member.attachment).0
    }

    /// In place of a node that is gone somebody else comes, after a while.
    pub fn replace(&mut self, node: u32, member: &Member, after: Duration) {
        let peer = Network::node(node, member);
        self.sim.restart_at(self.sim.now() + after, NodeId(node), peer);
    }

    /// Adds the services, or a node with a configuration of its own.
    pub fn add_peer(&mut self, peer: Node) -> u32 {
        self.sim.add(peer, PORT, Attachment::default()).0
    }

    fn node(number: u32, member: &Member) -> Node {
        Node::ordinary(Config {
            user: format!("user{number}").into(),
            services: member.services,
            supernodes: Arc::clone(&member.knows),
            bandwidth_kbps: (member.up_kbps, member.up_kbps),
            force: member.role,
            knobs: Arc::clone(&member.knobs),
            ..Config::default()
        })
    }

    /// How many nodes there are, those that are gone among them.
    pub fn nodes(&self) -> u32 {
        self.sim.len() as u32
    }

    /// The current virtual time.
    pub fn now(&self) -> Time {
        self.sim.now()
    }

    /// False while a node is gone.
    pub fn is_up(&self, node: u32) -> bool {
        self.sim.is_up(NodeId(node))
    }

    /// A node's state, to look at; `None` for services.
    pub fn peer(&self, node: u32) -> Option<&Ordinary> {
        match self.sim.peer(NodeId(node)) {
            Node::Ordinary(ordinary) => Some(ordinary),
            Node::Services(_) => None,
        }
    }

    /// The supernodes whose child a node is.
    pub fn parents(&self, node: u32) -> Vec<u32> {
        let parents = self.peer(node).into_iter().flat_map(Ordinary::parents);
        parents.filter_map(|address| self.at(address)).collect()
    }

    /// True if a node is a supernode.
    pub fn is_supernode(&self, node: u32) -> bool {
        self.is_up(node) && self.peer(node).is_some_and(Ordinary::is_supernode)
    }

    /// What has crossed a node's line.
    pub fn load(&self, node: u32) -> NodeLoad {
        self.sim.load(NodeId(node))
    }

    /// What has been sent of a kind of message since the beginning.
    pub fn sent(&self, name: &str) -> Traffic {
        self.sim.by_kind().kind(kind(name))
    }

    /// All that has been sent since the beginning.
    pub fn sent_in_all(&self) -> Traffic {
        self.sim.by_kind().total()
    }

    /// A node shares more files.
    pub fn share(&mut self, node: u32, files: impl IntoIterator<Item = Arc<FileInfo>>) {
        let file = |(at, info)| SharedFile { file: FileId(at), info };
        let files: Arc<[SharedFile]> = (self.files..).zip(files).map(file).collect();
        self.files += files.len() as u32;
        self.sim.command(NodeId(node), Command::Share(files));
    }

    /// A node vanishes, and those connected to it notice as soon as the news can reach them.
    pub fn crash(&mut self, node: u32) {
        self.sim.crash_at(self.sim.now(), NodeId(node));
    }

    /// A node and all others cannot hear each other for a while, as if its machine had been switched off: nobody is told.
    pub fn silence(&mut self, node: u32, time: Duration) {
        let others: Vec<NodeId> = (0..self.nodes()).filter(|other| *other != node).map(NodeId).collect();
        let now = self.sim.now();
        self.sim.cut(&[NodeId(node)], &others, now, now + time);
    }

    /// Lets time pass.
    pub fn run_for(&mut self, time: Duration) {
        self.run_until(self.sim.now() + time);
    }

    /// Lets time pass until then.
    pub fn run_until(&mut self, until: Time) {
        self.sim.run_until(until, &mut |_: Time, _: NodeId, _: Note| {});
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
        let after = self.counts();
        let [questions, replies, visits] = std::array::from_fn(|at| after[at] - before[at]);
        Searched {
            questions,
            answers: replies,
            visits,
            messages: answers.cost.messages,
            bytes: answers.cost.bytes,
            // What comes back comes to the searcher, too.
            supernodes: answers.cost.nodes_reached.saturating_sub(1),
            results: answers.results,
            first_s: answers.first_s,
            ended_s: answers.ended_s,
        }
    }

    fn counts(&self) -> [u64; 3] {
        let of = |names: &[&str]| names.iter().map(|name| self.sent(name).messages).sum();
        [of(&["query", "link query"]), of(&["reply", "link reply"]), of(&["request"])]
    }
}

/// Supernodes that know each other, and so many children for each that have no other, the first child the first supernode's.
/// Supernodes come first. `knobs` are those of each supernode; its children have the same.
///
/// # Panics
/// If a child finds no supernode: then nothing measured would be true.
pub fn clusters(
    config: SimConfig,
    supernodes: u32,
    children: u32,
    knobs: impl Fn(u32) -> Arc<Knobs>,
) -> Network {
    let mut network = Network::new(config);
    let all: Vec<SocketAddrV4> = (0..supernodes).map(|node| network.address(node)).collect();
    let everybody: Arc<[SocketAddrV4]> = all.as_slice().into();
    for node in 0..supernodes {
        // Of very many, those whose numbers follow on its own.
        let following = all.iter().cycle().skip(node as usize + 1).take(KNOWN_MAX);
        let knows = if all.len() > KNOWN_MAX { following.copied().collect() } else { Arc::clone(&everybody) };
        network.add(&Member { role: Some(Role::Supernode), knows, ..Member::new(knobs(node)) });
    }
    network.run_for(LINKING);
    for child in 0..children {
        let supernode = child % supernodes;
        // Who knows one supernode and remembers no other stays with it.
        let knobs = Arc::new(Knobs { supernodes_max: 1, probes: 1, ..(*knobs(supernode)).clone() });
        let knows = Arc::from([all[supernode as usize]]);
        network.add(&Member { role: Some(Role::Ordinary), knows, ..Member::new(knobs) });
    }
    network.run_for(JOINING);
    let lost = (0..children).find(|child| network.parents(supernodes + child) != [child % supernodes]);
    assert_eq!(lost, None, "each child has its supernode");
    network
}

impl Member {
    /// Somebody on an ideal line who knows nobody.
    pub fn new(knobs: Arc<Knobs>) -> Member {
        Member {
            role: None,
            knows: Arc::default(),
            services: None,
            up_kbps: 10_000,
            attachment: Attachment::default(),
            knobs,
        }
    }
}

/// The number of a kind of message.
fn kind(name: &str) -> u8 {
    let at = Message::KINDS.iter().position(|kind| *kind == name);
    at.expect("a kind that the wire knows") as u8
}
