//! Nodes as both drivers see them: numbers, addresses, access lines, reachability.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use rand_pcg::Pcg32;
use serde::{Deserialize, Serialize};

use crate::peer::Time;
use crate::user::Note;

/// A node of a run, counted from zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The node's number as a table index.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The node's random stream in a run of this seed, the same under both drivers.
    pub fn rng(self, seed: u64) -> Pcg32 {
        let number = u64::from(self.0);
        Pcg32::new(scatter(seed ^ scatter(number)), number)
    }

    /// The node's address inside `network` (10.0.0.0 for simulations, 127.0.0.0 for clusters): host numbers from
    /// 1 on, so node 0 of a cluster is 127.0.0.1.
    ///
    /// # Panics
    /// Beyond the 16,777,214 hosts that such a network holds.
    pub fn address(self, network: Ipv4Addr, port: u16) -> SocketAddrV4 {
        let host = self.0 + 1;
        assert!(host < (1 << 24) - 1, "a network of 24 host bits holds no node {}", self.0);
        SocketAddrV4::new(Ipv4Addr::from_bits(network.to_bits() | host), port)
    }
}

/// Spreads a number over 64 bits (the finaliser of splitmix64), so that neighbouring seeds have nothing in common.
pub(crate) fn scatter(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A node's line to the rest of the world. The default is an ideal one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Line {
    /// Bits per second it can send; `None` is unlimited.
    pub up_bps: Option<u64>,
    /// Bits per second it can receive; `None` is unlimited.
    pub down_bps: Option<u64>,
    /// Time a bit takes over this line, in either direction; the latency between two nodes is the sum of theirs
    /// and the network core's.
    pub delay: Duration,
}

impl Line {
    /// A line by the usual figures: kilobits per second down and up, and a one-way delay.
    pub fn kbps(down: u64, up: u64, delay: Duration) -> Self {
        Line { up_bps: Some(up * 1000), down_bps: Some(down * 1000), delay }
    }
}

/// How a node is attached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Attachment {
    /// Its line.
    pub line: Line,
    /// It can dial but not be dialled.
    pub firewalled: bool,
}

/// True if somebody could listen there. Private and loopback addresses may be: simulations and clusters live in them.
pub fn is_dialable(address: SocketAddrV4) -> bool {
    let ip = address.ip();
    address.port() != 0 && ip.octets()[0] != 0 && !ip.is_multicast() && !ip.is_broadcast()
}

/// True if somebody else could listen there.
pub fn is_elsewhere(address: SocketAddrV4, own: SocketAddrV4) -> bool {
    is_dialable(address) && address != own
}

/// Hears what the peers of a run tell their users.
pub trait Observer {
    /// `node` said `note` at `at`.
    fn note(&mut self, at: Time, node: NodeId, note: Note);
}

impl<F: FnMut(Time, NodeId, Note)> Observer for F {
    fn note(&mut self, at: Time, node: NodeId, note: Note) {
        self(at, node, note);
    }
}
