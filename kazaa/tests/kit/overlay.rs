//! Nodes on the simulator.

use std::net::SocketAddrV4;
use std::sync::Arc;

use common::digest::Digest;
use common::net::{Attachment, NodeId};
use common::peer::FileId;
use common::sim::{Config as Network, Sim};
use common::testing::Swarm;
use common::user::{Command, FileInfo, Hit, Note, Query, SearchEnd, SearchId, SharedFile};
use kazaa::config::{Config, Knobs, Role};
use kazaa::node::Node;
use kazaa::ordinary::Ordinary;

/// Nodes on the simulated network.
#[derive(Default)]
pub struct Overlay {
    pub swarm: Swarm<Node>,
    pub nodes: Vec<NodeId>,
    /// What those that are added next are configured with.
    pub config: Config,
    searches: u32,
    files: u32,
}

impl Overlay {
    pub fn seeded(seed: u64) -> Self {
        Overlay::on(Network::seeded(seed))
    }

    pub fn on(network: Network) -> Self {
        Overlay { swarm: Swarm::new(network), ..Overlay::default() }
    }

    /// With knobs for those that are added next.
    pub fn with(seed: u64, change: impl FnOnce(&mut Knobs)) -> Self {
        let mut overlay = Overlay::seeded(seed);
        overlay.turn(change);
        overlay
    }

    /// Turns knobs of those that are added next.
    pub fn turn(&mut self, change: impl FnOnce(&mut Knobs)) {
        change(Arc::make_mut(&mut self.config.knobs));
    }

    pub fn add_as(&mut self, config: Config) -> NodeId {
        let attachment = Attachment { firewalled: config.firewalled, ..Attachment::default() };
        let node = self.swarm.add_at(Node::ordinary(config), 1214, attachment);
        self.nodes.push(node);
        node
    }

    /// A node that knows these and may become whatever it is elected to be.
    pub fn add(&mut self, known: &[NodeId]) -> NodeId {
        self.add_forced(known, None)
    }

    /// A supernode that knows these.
    pub fn supernode(&mut self, known: &[NodeId]) -> NodeId {
        self.add_forced(known, Some(Role::Supernode))
    }

    /// An ordinary node that knows these.
    pub fn child(&mut self, known: &[NodeId]) -> NodeId {
        self.add_forced(known, Some(Role::Ordinary))
    }

    fn add_forced(&mut self, known: &[NodeId], force: Option<Role>) -> NodeId {
        let supernodes = known.iter().map(|node| self.address(*node)).collect();
        let user = format!("user{}", self.nodes.len()).into();
        self.add_as(Config { supernodes, force, user, ..self.config.clone() })
    }

    /// So many supernodes, each linked with all others.
    pub fn mesh(&mut self, count: usize) -> Vec<NodeId> {
        let mut supernodes: Vec<NodeId> = Vec::new();
        for _ in 0..count {
            let next = self.supernode(&supernodes);
            supernodes.push(next);
        }
        self.swarm.run_until(|sim| supernodes.iter().all(|node| ordinary(sim, *node).links() == count - 1));
        supernodes
    }

    /// A child of that supernode, on line. It believes no more of a list than the first entry, which is who tells it, so that
    /// nobody else is nearer.
    pub fn child_of(&mut self, parent: NodeId) -> NodeId {
        let knobs = Arc::clone(&self.config.knobs);
        self.turn(|knobs| knobs.supernodes_max = 1);
        let child = self.child(&[parent]);
        self.config.knobs = knobs;
        self.online(child);
        assert_eq!(self.parent(child), Some(parent));
        child
    }

    /// The same, and it shares these.
    pub fn holder(&mut self, parent: NodeId, names: &[&str]) -> NodeId {
        let child = self.child_of(parent);
        self.share(child, names);
        child
    }

    pub fn address(&self, node: NodeId) -> SocketAddrV4 {
        match node.index() < self.swarm.sim.len() {
            true => self.swarm.address(node),
            false => panic!("node {} is not there yet", node.0),
        }
    }

    pub fn node(&self, node: NodeId) -> &Ordinary {
        ordinary(&self.swarm.sim, node)
    }

    pub fn online(&mut self, node: NodeId) {
        self.swarm.wait_for(node, |note| matches!(note, Note::Online));
    }

    /// The supernodes whose child a node is.
    pub fn parents(&self, node: NodeId) -> Vec<NodeId> {
        let number = |address| self.nodes.iter().find(|other| self.address(**other) == address);
        self.node(node).parents().map(|address| *number(address).expect("it is one of ours")).collect()
    }

    pub fn parent(&self, node: NodeId) -> Option<NodeId> {
        self.parents(node).first().copied()
    }

    /// Those that are up.
    pub fn living(&self) -> Vec<NodeId> {
        self.nodes.iter().copied().filter(|node| self.swarm.sim.is_up(*node)).collect()
    }

    /// Supernodes that are up.
    pub fn supernodes(&self) -> Vec<NodeId> {
        self.living().into_iter().filter(|node| self.node(*node).is_supernode()).collect()
    }
}

/// Files and searches.
impl Overlay {
    /// Shares files of these names, and waits until the supernode knows them.
    pub fn share(&mut self, node: NodeId, names: &[&str]) -> Vec<SharedFile> {
        let shared: Vec<SharedFile> = names.iter().map(|name| self.file(name)).collect();
        self.share_files(node, &shared);
        shared
    }

    pub fn share_files(&mut self, node: NodeId, files: &[SharedFile]) {
        self.swarm.command(node, Command::Share(files.into()));
        self.swarm.run_s(1);
    }

    /// A file of this name, with a content that its name stands for.
    pub fn file(&mut self, name: &str) -> SharedFile {
        self.files += 1;
        let info = FileInfo { digest: Some(hash_of(name)), ..info(name) };
        SharedFile { file: FileId(self.files), info: Arc::new(info) }
    }

    /// Starts a search.
    pub fn ask(&mut self, node: NodeId, query: Query) -> SearchId {
        self.searches += 1;
        let search = SearchId(self.searches);
        self.swarm.command(node, Command::Search(search, Arc::new(query)));
        search
    }

    /// What a search for words finds, and how it ends.
    pub fn search(&mut self, node: NodeId, words: &str) -> (Vec<Arc<Hit>>, SearchEnd) {
        let search = self.ask(node, Query::words(words));
        let end = self.swarm.search_end(node, search);
        (self.swarm.found(node, search), end)
    }

    /// The holders that a search for words finds.
    pub fn find(&mut self, node: NodeId, words: &str) -> Vec<NodeId> {
        let (hits, end) = self.search(node, words);
        assert_eq!(end, SearchEnd::Complete);
        self.holders(&hits)
    }

    /// Who stands in these results, in the order of their numbers.
    pub fn holders(&self, hits: &[Arc<Hit>]) -> Vec<NodeId> {
        let node = |hit: &Arc<Hit>| {
            let ip = hit.holder.address.expect("KaZaA's holders have one").ip().to_bits();
            NodeId(ip - 0x0a00_0001)
        };
        let mut holders: Vec<NodeId> = hits.iter().map(node).collect();
        holders.sort();
        holders
    }

    /// Messages of these kinds that are sent while something happens.
    pub fn counted<R>(&mut self, kinds: &[&str], happens: impl FnOnce(&mut Overlay) -> R) -> (Vec<u64>, R) {
        let count =
            |overlay: &Overlay| -> Vec<u64> { kinds.iter().map(|kind| overlay.swarm.sent(kind)).collect() };
        let before = count(self);
        let result = happens(self);
        (count(self).iter().zip(before).map(|(after, before)| after - before).collect(), result)
    }
}

/// What is known of a file of this name but for its content.
pub fn info(name: &str) -> FileInfo {
    FileInfo { name: name.into(), size: 4_000_000, ..FileInfo::default() }
}

/// A UUHash that no two names share.
pub fn hash_of(name: &str) -> Digest {
    let mut hash = [0u8; 20];
    for (at, byte) in name.bytes().enumerate() {
        hash[at % 20] = byte.wrapping_add(hash[at % 20].rotate_left(3));
    }
    Digest::UuHash(hash)
}

pub fn ordinary(sim: &Sim<Node>, node: NodeId) -> &Ordinary {
    match sim.peer(node) {
        Node::Ordinary(ordinary) => ordinary,
        Node::Services(_) => panic!("node {} is the services", node.0),
    }
}
