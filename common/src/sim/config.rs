//! The knobs of a simulated network.

use std::net::Ipv4Addr;
use std::time::Duration;

/// What a simulation is built from. Everything random in a run is drawn from [`Config::seed`].
#[derive(Clone, Debug)]
pub struct Config {
    /// The seed of every random stream of the run: each node's and the network's.
    pub seed: u64,
    /// What the network's core adds to the delays of two nodes' lines, one way. 20 ms: half of a typical
    /// round trip across a continent.
    pub core_delay: Duration,
    /// Further one-way delay, up to this, by which pairs of nodes differ: fixed for a pair by the seed, the same
    /// in both directions. Zero: all pairs are equally far apart.
    pub core_spread: Duration,
    /// Bodies move in chunks of so many bytes: what one turn of a busy uplink takes, and what one event moves.
    /// 16 KiB, the block that BitTorrent asks for. Larger chunks make large runs cheaper and coarser.
    pub chunk_bytes: u32,
    /// A chunk is no larger than what the sender's uplink (or if that is unlimited, the receiver's downlink) carries in
    /// this time, but a packet of 1,460 bytes at least: on a modem's line a short message then waits milliseconds for
    /// somebody's bulk, not seconds. 20 ms, as the real driver has it, which cuts anew for each line, while a chunk here
    /// keeps its size. Zero: chunks of [`Config::chunk_bytes`] on every line.
    pub chunk_time: Duration,
    /// The most body bytes that one connection has under way: sent and not yet taken by the receiving peer's store.
    /// 1 MiB, what TCP grows its windows to. A connection between known lines takes only what keeps the slower of the two
    /// busy over their latency, as congestion control would, so that a slow receiver's queue stays short.
    pub window_bytes: u32,
    /// A message that a limited downlink would have taken within this time of its arrival is taken when it arrives, and the line is
    /// occupied all the same: an event less for most messages, which come that much too early. 500 us; zero: none comes early.
    pub grain: Duration,
    /// Messages that may wait on one connection, on each side, before it ends with `Overflow`: at the sender for a busy
    /// uplink, at the receiver for a busy downlink, and there while its peer has paused the connection. 4,096.
    pub waiting_max: usize,
    /// Connections one node can have. Dialling beyond it gives `Closed` with `Limit`; accepting is refused. 100,000: more than
    /// any server of the time kept, and still a bound.
    pub connections_max: usize,
    /// How long a dial, a broken path or the handshake of a sealed connection is tried before it ends with `Timeout`. 20 s.
    pub patience: Duration,
    /// The network whose host numbers the nodes are; 10.0.0.0.
    pub network: Ipv4Addr,
    /// The probability, 0 to 1, that a message is lost on its way. (Messages that pause their connection are never lost: what follows
    /// them would be taken for something else.) TCP repairs such losses; this is for protocols that must bear them.
    pub loss: f64,
    /// The probability, 0 to 1, that a datagram is lost on its way, which nothing repairs. 0: what a run is to bear is for the run to say.
    pub datagram_loss: f64,
    /// The probability, 0 to 1, that a chunk of a body arrives corrupt. The peer is not told; a later
    /// [`Cx::verify`](crate::peer::Cx::verify) of the range fails.
    pub corruption: f64,
    /// Whether the nodes that each cause has reached are counted. It costs a set of node numbers for each cause.
    pub count_reach: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            seed: 1,
            core_delay: Duration::from_millis(20),
            core_spread: Duration::ZERO,
            chunk_bytes: 16 * 1024,
            chunk_time: Duration::from_millis(20),
            window_bytes: 1024 * 1024,
            grain: Duration::from_micros(500),
            waiting_max: 4096,
            connections_max: 100_000,
            patience: Duration::from_secs(20),
            network: Ipv4Addr::new(10, 0, 0, 0),
            loss: 0.0,
            datagram_loss: 0.0,
            corruption: 0.0,
            count_reach: true,
        }
    }
}

impl Config {
    /// The defaults with another seed.
    pub fn seeded(seed: u64) -> Self {
        Config { seed, ..Config::default() }
    }

    pub(super) fn check(&self) {
        assert!(self.chunk_bytes > 0, "chunk_bytes: a chunk of no bytes moves nothing");
        assert!(self.chunk_bytes <= 1 << 30, "chunk_bytes: {} is beyond 1 GiB", self.chunk_bytes);
        assert!(self.window_bytes >= self.chunk_bytes, "window_bytes: less than one chunk moves nothing");
        assert!((0.0..=1.0).contains(&self.loss), "loss: {} is no probability", self.loss);
        assert!(
            (0.0..=1.0).contains(&self.datagram_loss),
            "datagram_loss: {} is no probability",
            self.datagram_loss
        );
        assert!((0.0..=1.0).contains(&self.corruption), "corruption: {} is no probability", self.corruption);
    }
}
