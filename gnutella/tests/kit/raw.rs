//! One servent alone, spoken to in bytes.

use std::net::SocketAddrV4;
use std::sync::Arc;

use common::digest::Digest;
use common::peer::{ConnId, Time};
use common::store::{Memory, Ranges, Storage};
use common::testing::Lone;
use common::user::Hit;
use gnutella::node::Node;
use gnutella::servent::{Knobs, Servent, ServentConfig};

use super::files::remote;

/// Where the servent listens.
pub const OURS: &str = "10.0.0.1:7000";

/// A servent alone, spoken to in bytes.
pub struct Raw {
    pub lone: Lone<Node>,
    /// The file it shares or fetches.
    pub file: Arc<Memory>,
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
pub const PUSH: u8 = 0x40;
pub const QUERY: u8 = 0x80;
pub const HIT: u8 = 0x81;

impl Raw {
    pub fn new(config: ServentConfig) -> Self {
        Raw { lone: Lone::new(Node::servent(config)), file: Arc::default() }
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

    /// Somebody at 10.0.1.`host`, who listens there, becomes a neighbour by 0.6; what is said in binary is forgotten.
    pub fn neighbour(&mut self, host: u8) -> ConnId {
        self.neighbour_with(host, "Pong-Caching: 0.1\r\nGGEP: 0.5\r\nBye-Packet: 0.1\r\n")
    }

    pub fn neighbour_with(&mut self, host: u8, headers: &str) -> ConnId {
        let conn = self.dial(host);
        let answer = self
            .lone
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
        self.servent().degree()
    }

    pub fn servent(&self) -> &Servent {
        match &self.lone.peer {
            Node::Servent(servent) => servent,
            Node::HostCache(_) => unreachable!("it was made a servent"),
        }
    }

    pub fn now(&self) -> Time {
        self.lone.now()
    }
}

/// One file, and real bytes of it.
impl Raw {
    /// One that shares `name` with these bytes as its only file.
    pub fn sharing(config: ServentConfig, name: &str, bytes: &[u8], digest: Option<Digest>) -> Raw {
        let Raw { mut lone, .. } = Raw::new(config);
        let file = lone.share(name, bytes, digest);
        Raw { lone, file }
    }

    /// One that fetches from these into `store`.
    pub fn fetching(
        config: ServentConfig,
        candidates: Vec<Arc<Hit>>,
        (store, file): (Arc<dyn Storage>, Arc<Memory>),
        have: Ranges,
    ) -> Raw {
        let Raw { mut lone, .. } = Raw::new(config);
        lone.fetch(candidates, store, have);
        Raw { lone, file }
    }

    /// Somebody dials and sends this.
    pub fn call(&mut self, host: u8, bytes: &str) -> ConnId {
        let conn = self.lone.accept(remote(host));
        self.lone.feed(conn, bytes.as_bytes());
        conn
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
