//! Fixed graphs of servents, and searches on them.

use std::sync::Arc;
use std::time::Duration;

use common::digest::Digest;
use common::net::NodeId;
use common::peer::FileId;
use common::sim::Config;
use common::testing::Swarm;
use common::user::{Command, FileInfo, Hit, Query, SearchEnd, SearchId, SharedFile};
use gnutella::node::Node;
use gnutella::servent::{Dropped, Knobs, ServentConfig};
use gnutella::strategy::StrategyKind;

use super::quiet_knobs;

pub type Edge = (u32, u32);

/// A graph of servents whose links never change. Nobody pings.
pub struct Graph {
    pub swarm: Swarm<Node>,
    pub nodes: u32,
    pub edges: u64,
    searches: u32,
}

/// What one search did.
#[derive(Debug)]
pub struct Outcome {
    pub end: SearchEnd,
    pub hits: Vec<Arc<Hit>>,
    pub queries: u64,
    pub hit_messages: u64,
    pub duplicates: u64,
    pub reached: u64,
}

/// The knobs under which a flood ends only where the graph does.
pub fn far_knobs() -> Knobs {
    Knobs { ttl: 200, ttl_max: 255, ttl_hard_max: 255, ..quiet_knobs() }
}

impl Graph {
    pub fn new(nodes: u32, edges: &[Edge], knobs: Knobs) -> Graph {
        Graph::with(nodes, edges, knobs, StrategyKind::Flood)
    }

    pub fn with(nodes: u32, edges: &[Edge], knobs: Knobs, strategy: StrategyKind) -> Graph {
        let knobs = Arc::new(knobs);
        Graph::each(nodes, edges, |_| ServentConfig {
            strategy,
            knobs: Arc::clone(&knobs),
            ..ServentConfig::default()
        })
    }

    /// Each servent as `config` says, but for its links.
    pub fn each(nodes: u32, edges: &[Edge], mut config: impl FnMut(u32) -> ServentConfig) -> Graph {
        let mut swarm = Swarm::new(Config::seeded(11));
        let mut dials = vec![Vec::new(); nodes as usize];
        for (from, to) in edges {
            dials[*from as usize].push(swarm.address_of(*to));
        }
        for (node, connect) in (0..nodes).zip(dials) {
            swarm.add(Node::servent(ServentConfig { connect: connect.into(), ..config(node) }));
        }
        swarm.run_for(Duration::from_secs(60));
        Graph { swarm, nodes, edges: edges.len() as u64, searches: 0 }
    }

    /// A node shares files of these names.
    pub fn share(&mut self, node: u32, names: &[&str]) {
        let file = |(number, name): (usize, &&str)| SharedFile {
            file: FileId(number as u32),
            info: Arc::new(FileInfo {
                name: (*name).into(),
                size: 1_000 + number as u64,
                digest: Some(Digest::Sha1([number as u8; 20])),
                ..FileInfo::default()
            }),
        };
        let files: Vec<SharedFile> = names.iter().enumerate().map(file).collect();
        self.swarm.command(NodeId(node), Command::Share(files.into()));
    }

    pub fn search(&mut self, node: u32, words: &str) -> Outcome {
        self.search_for(node, &Query::words(words))
    }

    /// Searches, and waits until the search has ended and everything it caused has come to rest.
    pub fn search_for(&mut self, node: u32, query: &Query) -> Outcome {
        self.searches += 1;
        let name = SearchId(self.searches);
        let before = (self.swarm.sent("query"), self.swarm.sent("query hit"), self.dropped().duplicates);
        let cause = self.swarm.command(NodeId(node), Command::Search(name, Arc::new(query.clone())));
        let end = self.swarm.search_end(NodeId(node), name);
        self.swarm.run_for(Duration::from_secs(60));
        Outcome {
            end,
            hits: self.swarm.found(NodeId(node), name),
            queries: self.swarm.sent("query") - before.0,
            hit_messages: self.swarm.sent("query hit") - before.1,
            duplicates: self.dropped().duplicates - before.2,
            reached: self.swarm.sim.cause_cost(cause).nodes_reached,
        }
    }

    /// What all servents dropped.
    pub fn dropped(&self) -> Dropped {
        let mut sum = Dropped::default();
        for node in 0..self.nodes {
            let dropped = servent_dropped(self.swarm.peer(NodeId(node)));
            sum.duplicates += dropped.duplicates;
            sum.out_of_range += dropped.out_of_range;
            sum.unroutable += dropped.unroutable;
            sum.expired += dropped.expired;
        }
        sum
    }
}

pub fn servent_dropped(node: &Node) -> Dropped {
    match node {
        Node::Servent(servent) => servent.dropped(),
        Node::HostCache(_) => Dropped::default(),
    }
}

/// The distance of every node from one, in links.
pub fn distances(nodes: u32, edges: &[Edge], from: u32) -> Vec<u32> {
    let mut distance = vec![u32::MAX; nodes as usize];
    distance[from as usize] = 0;
    let mut ring = vec![from];
    while !ring.is_empty() {
        let mut next = Vec::new();
        for (a, b) in edges.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]) {
            if ring.contains(&a) && distance[b as usize] == u32::MAX {
                distance[b as usize] = distance[a as usize] + 1;
                next.push(b);
            }
        }
        ring = next;
    }
    distance
}

pub fn line(nodes: u32) -> Vec<Edge> {
    (1..nodes).map(|n| (n - 1, n)).collect()
}

pub fn ring(nodes: u32) -> Vec<Edge> {
    (0..nodes).map(|n| (n, (n + 1) % nodes)).collect()
}

pub fn star(nodes: u32) -> Vec<Edge> {
    (1..nodes).map(|leaf| (0, leaf)).collect()
}

pub fn complete(nodes: u32) -> Vec<Edge> {
    (0..nodes).flat_map(|a| (a + 1..nodes).map(move |b| (a, b))).collect()
}

/// `side` times `side` nodes.
pub fn grid(side: u32) -> Vec<Edge> {
    let right = (0..side * side).filter(|n| n % side != side - 1).map(|n| (n, n + 1));
    let down = (0..side * (side - 1)).map(|n| (n, n + side));
    right.chain(down).collect()
}

/// Each node has two children.
pub fn tree(nodes: u32) -> Vec<Edge> {
    (1..nodes).map(|n| ((n - 1) / 2, n)).collect()
}
