//! Servents and web caches on the simulator: they join, search, fetch, leave and crash.

use std::sync::Arc;
use std::time::Duration;

use common::net::NodeId;
use common::sim::{Config, Sim};
use common::testing::Swarm;
use common::testing::files::shared;
use common::user::{Command, FileInfo, Hit, Query, SearchId};
use gnutella::host_cache::HostCacheConfig;
use gnutella::node::Node;
use gnutella::servent::{Knobs, Servent, ServentConfig};

use super::quiet;

/// Servents on the simulated network.
#[derive(Default)]
pub struct Overlay {
    pub swarm: Swarm<Node>,
    pub servents: Vec<NodeId>,
    /// Those that have left, though their nodes are up.
    pub gone: Vec<NodeId>,
    /// What those that are added next are configured with.
    pub config: ServentConfig,
    searches: u32,
}

impl Overlay {
    pub fn seeded(seed: u64) -> Self {
        Overlay::on(Config::seeded(seed))
    }

    pub fn on(network: Config) -> Self {
        Overlay { swarm: Swarm::new(network), ..Overlay::default() }
    }

    /// With knobs for those that are added next.
    pub fn with(seed: u64, change: impl FnOnce(&mut Knobs)) -> Self {
        let mut overlay = Overlay::seeded(seed);
        change(Arc::make_mut(&mut overlay.config.knobs));
        overlay
    }

    /// A web cache.
    pub fn host_cache(&mut self) -> NodeId {
        self.swarm.add(Node::host_cache(HostCacheConfig::default()))
    }

    /// A servent that is told to connect to these.
    pub fn add(&mut self, connect: &[NodeId]) -> NodeId {
        let connect = connect.iter().map(|node| self.swarm.address(*node)).collect();
        self.add_as(ServentConfig { connect, ..self.config.clone() })
    }

    pub fn add_as(&mut self, config: ServentConfig) -> NodeId {
        let node = match config.firewalled {
            true => self.swarm.add_firewalled(Node::servent(config)),
            false => self.swarm.add(Node::servent(config)),
        };
        self.servents.push(node);
        node
    }

    /// A fixed graph of servents: each edge is dialled by its first end.
    pub fn graph(&mut self, nodes: usize, edges: &[(usize, usize)]) {
        Arc::make_mut(&mut self.config.knobs).keeps_degree = false;
        let first = self.swarm.sim.len();
        let address = |overlay: &Overlay, node: usize| overlay.swarm.address_of((first + node) as u32);
        for node in 0..nodes {
            let ends = edges.iter().filter(|(from, _)| *from == node);
            let connect = ends.map(|(_, to)| address(self, *to)).collect();
            self.add_as(ServentConfig { connect, ..self.config.clone() });
        }
        self.swarm.run_s(2);
        let links: usize = self.servents.iter().map(|node| self.degree(*node)).sum();
        assert_eq!(links, 2 * edges.len(), "not every link has come about");
    }

    pub fn servent(&self, node: NodeId) -> &Servent {
        servent(&self.swarm.sim, node)
    }

    pub fn degree(&self, node: NodeId) -> usize {
        self.servent(node).degree()
    }

    /// Those that are up and have not left.
    pub fn living(&self) -> Vec<NodeId> {
        let lives = |node: &NodeId| self.swarm.sim.is_up(*node) && !self.gone.contains(node);
        self.servents.iter().copied().filter(lives).collect()
    }

    /// The user of a servent closes it.
    pub fn leave(&mut self, node: NodeId) {
        self.swarm.command(node, Command::Leave);
        self.gone.push(node);
    }

    /// Runs until every servent that is up has so many neighbours, and says how long it took.
    pub fn run_until_degree(&mut self, degree: usize) -> Duration {
        let (from, living) = (self.swarm.sim.now(), self.living());
        self.swarm.run_until(|sim| living.iter().all(|node| servent(sim, *node).degree() >= degree));
        self.swarm.sim.now().since(from)
    }

    /// How many of those that are up can be reached over links from the first of them.
    pub fn reachable(&self) -> usize {
        let living = self.living();
        let mut reached: Vec<NodeId> = living.iter().copied().take(1).collect();
        let mut next = 0;
        while let Some(node) = reached.get(next).copied() {
            next += 1;
            for address in self.servent(node).neighbour_addresses() {
                let neighbour = living.iter().find(|other| self.swarm.address(**other) == address);
                if let Some(neighbour) = neighbour.filter(|neighbour| !reached.contains(neighbour)) {
                    reached.push(*neighbour);
                }
            }
        }
        reached.len()
    }
}

/// Files, and those who have and want them.
impl Overlay {
    /// A servent that links with `to` and nobody else.
    pub fn join(&mut self, to: &[NodeId], firewalled: bool) -> NodeId {
        let connect = to.iter().map(|node| self.swarm.address(*node)).collect();
        let node = self.add_as(ServentConfig { connect, firewalled, ..quiet() });
        self.swarm.run_s(1);
        node
    }

    /// A servent without links that holds a file.
    pub fn holder(&mut self, file: &Arc<FileInfo>) -> NodeId {
        self.holder_as(quiet(), std::slice::from_ref(file))
    }

    pub fn holder_as(&mut self, config: ServentConfig, files: &[Arc<FileInfo>]) -> NodeId {
        let node = self.add_as(config);
        self.share(node, files);
        node
    }

    pub fn share(&mut self, node: NodeId, files: &[Arc<FileInfo>]) {
        self.swarm.command(node, Command::Share(shared(files)));
        self.swarm.run_s(1);
    }

    /// What a search finds.
    pub fn find(&mut self, node: NodeId, words: &str) -> Vec<Arc<Hit>> {
        self.searches += 1;
        let search = SearchId(self.searches);
        self.swarm.command(node, Command::Search(search, Arc::new(Query::words(words))));
        self.swarm.search_end(node, search);
        self.swarm.found(node, search)
    }
}

fn servent(sim: &Sim<Node>, node: NodeId) -> &Servent {
    match sim.peer(node) {
        Node::Servent(servent) => servent,
        Node::HostCache(_) => panic!("node {} is a web cache", node.0),
    }
}
