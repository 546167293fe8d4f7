//! A Gnutella overlay for tests: servents and web caches on the simulator, and one servent spoken to in bytes.
#![allow(dead_code, reason = "each test program uses a part of the kit")]

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use common::net::NodeId;
use common::peer::{ConnId, Time};
use common::sim::Sim;
use common::testing::{Lone, Swarm};
use common::user::{Command, Note};
use gnutella::host_cache::HostCacheConfig;
use gnutella::node::Node;
use gnutella::servent::{Knobs, Servent, ServentConfig};

/// Where the servent of [`Raw`] listens.
pub const OURS: &str = "10.0.0.1:7000";

/// Servents on the simulated network.
pub struct Overlay {
    pub swarm: Swarm<Node>,
    pub servents: Vec<NodeId>,
    /// Those that have left, though their nodes are up.
    pub gone: Vec<NodeId>,
    /// What those that are added next are configured with.
    pub config: ServentConfig,
}

impl Overlay {
    pub fn seeded(seed: u64) -> Self {
        Overlay {
            swarm: Swarm::seeded(seed),
            servents: Vec::new(),
            gone: Vec::new(),
            config: ServentConfig::default(),
        }
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
        self.run_s(2);
        let links: usize = self.servents.iter().map(|node| self.degree(*node)).sum();
        assert_eq!(links, 2 * edges.len(), "not every link has come about");
    }

    pub fn run_s(&mut self, seconds: u64) {
        self.swarm.run_for(Duration::from_secs(seconds));
    }

    pub fn run_ms(&mut self, milliseconds: u64) {
        self.swarm.run_for(Duration::from_millis(milliseconds));
    }

    pub fn crash(&mut self, node: NodeId) {
        self.swarm.sim.crash_at(self.swarm.sim.now() + Duration::from_millis(1), node);
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

    pub fn is_online(&self, node: NodeId) -> bool {
        let standing = self.swarm.notes(node).filter(|n| matches!(n, Note::Online | Note::Offline(_))).last();
        matches!(standing, Some(Note::Online))
    }

    /// Why a node's user was told that it is offline, each time.
    pub fn offline(&self, node: NodeId) -> Vec<String> {
        let why = |note: &Note| match note {
            Note::Offline(why) => Some(why.to_string()),
            _ => None,
        };
        self.swarm.notes(node).filter_map(why).collect()
    }
}

fn servent(sim: &Sim<Node>, node: NodeId) -> &Servent {
    match sim.peer(node) {
        Node::Servent(servent) => servent,
        Node::HostCache(_) => panic!("node {} is a web cache", node.0),
    }
}

/// A servent alone, spoken to in bytes.
pub struct Raw {
    pub lone: Lone<Node>,
}

/// A descriptor, as a test reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Descriptor {
    pub guid: [u8; 16],
    pub kind: u8,
    pub ttl: u8,
    pub hops: u8,
    pub payload: Vec<u8>,
}

pub const PING: u8 = 0x00;
pub const PONG: u8 = 0x01;
pub const BYE: u8 = 0x02;

impl Raw {
    pub fn new(config: ServentConfig) -> Self {
        Raw { lone: Lone::new(Node::servent(config)) }
    }

    /// With other knobs.
    pub fn with(change: impl FnOnce(&mut Knobs)) -> Self {
        let mut config = ServentConfig::default();
        change(Arc::make_mut(&mut config.knobs));
        Raw::new(config)
    }

    /// Somebody dials from 10.0.1.`host`.
    pub fn dial(&mut self, host: u8) -> ConnId {
        self.lone.accept(SocketAddrV4::new([10, 0, 1, host].into(), 2000))
    }

    /// Sends text and returns what came back.
    pub fn say(&mut self, conn: ConnId, text: &str) -> String {
        self.lone.feed(conn, text.as_bytes());
        String::from_utf8(self.lone.take(conn)).expect("the servent writes text in a handshake")
    }

    /// Somebody at 10.0.1.`host`, who listens there, becomes a neighbour by 0.6; what is said in binary is forgotten.
    pub fn neighbour(&mut self, host: u8) -> ConnId {
        self.neighbour_with(host, "Pong-Caching: 0.1\r\nGGEP: 0.5\r\nBye-Packet: 0.1\r\n")
    }

    pub fn neighbour_with(&mut self, host: u8, headers: &str) -> ConnId {
        let conn = self.dial(host);
        let answer = self
            .say(conn, &format!("GNUTELLA CONNECT/0.6\r\nListen-IP: 10.0.1.{host}:6346\r\n{headers}\r\n"));
        assert!(answer.starts_with("GNUTELLA/0.6 200 OK\r\n"), "{answer}");
        self.lone.feed(conn, b"GNUTELLA/0.6 200 OK\r\n\r\n");
        assert!(!self.lone.closed(conn));
        self.lone.take(conn);
        conn
    }

    pub fn send(&mut self, conn: ConnId, descriptor: &Descriptor) {
        self.lone.feed(conn, &descriptor.bytes());
    }

    /// What has come since.
    pub fn heard(&mut self, conn: ConnId) -> Vec<Descriptor> {
        descriptors(&self.lone.take(conn))
    }

    pub fn degree(&self) -> usize {
        match &self.lone.peer {
            Node::Servent(servent) => servent.degree(),
            Node::HostCache(_) => unreachable!("it was made a servent"),
        }
    }

    pub fn now(&self) -> Time {
        self.lone.now()
    }
}

impl Descriptor {
    pub fn ping(id: u8, ttl: u8, hops: u8) -> Self {
        Descriptor { guid: guid(id), kind: PING, ttl, hops, payload: Vec::new() }
    }

    /// A pong of somebody at 10.0.2.`host`:6346.
    pub fn pong(guid: [u8; 16], ttl: u8, hops: u8, host: u8) -> Self {
        let payload = [0xca, 0x18, 10, 0, 2, host, host, 0, 0, 0, 100, 0, 0, 0].to_vec();
        Descriptor { guid, kind: PONG, ttl, hops, payload }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.guid.to_vec();
        bytes.extend([self.kind, self.ttl, self.hops]);
        bytes.extend((self.payload.len() as u32).to_le_bytes());
        bytes.extend(&self.payload);
        bytes
    }

    /// The address in a pong.
    pub fn address(&self) -> SocketAddrV4 {
        assert_eq!(self.kind, PONG);
        let ip = [self.payload[2], self.payload[3], self.payload[4], self.payload[5]];
        SocketAddrV4::new(ip.into(), u16::from_le_bytes([self.payload[0], self.payload[1]]))
    }
}

/// An id that differs by this number.
pub fn guid(id: u8) -> [u8; 16] {
    let mut guid = [0x11; 16];
    (guid[0], guid[8], guid[15]) = (id, 0xff, 0);
    guid
}

/// Splits what a servent sent into descriptors.
pub fn descriptors(mut bytes: &[u8]) -> Vec<Descriptor> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let (header, rest) = bytes.split_at(23);
        let len = u32::from_le_bytes([header[19], header[20], header[21], header[22]]) as usize;
        all.push(Descriptor {
            guid: header[..16].try_into().expect("16 bytes"),
            kind: header[16],
            ttl: header[17],
            hops: header[18],
            payload: rest[..len].to_vec(),
        });
        bytes = &rest[len..];
    }
    all
}
