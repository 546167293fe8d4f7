//! The simulator: peers under virtual time, deterministic from a seed.
//!
//! [`Sim`] runs any [`Peer`] as one loop over a queue of events ordered by (virtual time, order of insertion). Nothing
//! else orders anything: no address in memory, no hash table, no thread. Two runs with one [`Config`], the same peers and
//! the same commands are the same run, event by event, on any machine, and have the same [`Sim::digest`].
//!
//! # The network
//!
//! - A node has an **access line** ([`Line`]): rate up, rate down, delay. The latency between two nodes is the sum of their
//!   delays and of the core's ([`Config::core_delay`], and [`Config::core_spread`] by which pairs differ). A connection keeps
//!   the latency it was dialled with.
//! - A **busy uplink** serves the connections that have something to send in turn, a message or a chunk of a body at a
//!   time; short messages wait for their turns in the order in which they were sent, and a message leaves together with the body it
//!   announces if that is no more than a chunk. A **busy downlink** takes what has arrived in the same way: a short message waits for at most
//!   one message or chunk of each other connection, not for all of somebody's bulk; one that costs an idle downlink no more than
//!   [`Config::grain`] is taken when it comes, and the line is occupied all the same. What has arrived for a connection that ends meanwhile takes no
//!   further time. Ideal lines (no rates) skip both. What a line has begun to send, a packet's worth of short messages at most, a crash does not take back.
//! - **Bodies** move in chunks ([`Config::chunk_bytes`], smaller on slow lines: [`Config::chunk_time`]), each O(1), under a window for each connection
//!   ([`Config::window_bytes`]): what the receiver has not taken holds the sender up, so that a slow receiver does not waste a
//!   fast sender's uplink, and a paused connection pushes back. Credit returns the moment the receiver takes a chunk.
//! - A **sealed** connection costs its handshake's messages, in their order and over these lines, and on everything after it what the seal adds to
//!   the bytes; nothing is encrypted.
//! - Order on one connection is kept across messages, bodies and the close.
//! - A **dial** is answered after one round trip: `Opened`, or `Closed` with `Refused` if nobody listens there, the node is firewalled,
//!   has crashed or is full. The acceptor hears of it after one way.
//! - A **datagram** takes its turn on both lines as a message does, all of a node's datagrams together being served like one connection. It
//!   arrives after the latency, or never: by [`Config::datagram_loss`], across a cut, at a node that is down, or behind a firewall that has
//!   sent nothing there. None comes twice, and none overtakes another.
//! - The `remote` of an accepted connection is the dialling node's address **with its listening port**, where a socket
//!   would show a port of the moment: peers must not rely on it.
//!
//! # What the model ignores
//!
//! TCP's slow start and loss recovery, acknowledgements and their bytes, packet headers (only what
//! [`Wire::wire_len`] and bodies say is charged), queues inside the network's core, the time peers and disks take to
//! process anything. A short transfer over a long path is therefore faster here than in reality.
//!
//! # Faults
//!
//! [`Sim::crash_at`], [`Sim::restart_at`], [`Sim::set_line_at`], [`Sim::cut`], [`Sim::spoil`], [`Config::loss`], [`Config::datagram_loss`], [`Config::corruption`]; a graceful leave is
//! [`Command::Leave`]. What is sent across a cut waits for its end, as TCP's repeats would; after
//! [`Config::patience`] both ends get `Closed` with `Timeout`.
//!
//! # What is counted
//!
//! By message kind ([`Sim::by_kind`], when sent), by node ([`Sim::load`], and beside it [`Sim::sealing`]), and by [`Cause`]: every effect inherits the cause of the event
//! that led to it, so [`Sim::cause_cost`] of a search's command is the exact cost of that search.
//!
//! # What can be recorded
//!
//! [`Sim::record`] writes down each connection, message and chunk with its times, and the bytes that the codecs write.

mod config;
mod conn;
mod count;
mod datagram;
mod downlink;
mod faults;
mod flow;
mod node;
mod place;
mod queue;
mod run;
mod seal;
mod tape;
mod uplink;

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::time::Duration;

pub use config::Config;
pub use count::{Cause, CauseCost, RunDigest};
use count::{Causes, scatter};
use datagram::Post;
use faults::{Change, Faults};
use node::{Flow, LineState, NONE, Node};
use queue::Queue;
use run::{Coming, What};
use tape::Tape;
pub use tape::{Entry, Happening, Link, Recording, Side, TapeLimits, Text};

use crate::metrics::{ByKind, NodeLoad, Sealing};
use crate::net::{Attachment, Line, NodeId, Observer};
use crate::peer::{Outbox, OwnKey, Peer, Place, Span, Time};
use crate::pinholes::Pinholes;
use crate::user::{Command, Note};
use crate::wire::Wire;

/// A simulated network of peers.
pub struct Sim<P: Peer> {
    config: Config,
    now: Time,
    queue: Queue<Coming<P>>,
    nodes: Vec<Node<P>>,
    lines: Vec<LineState>,
    flows: Vec<Flow<P::Message>>,
    flows_free: Vec<u32>,
    /// Datagrams that wait for limited lines, by line, as far as there were any.
    posts: Vec<Post<P::Message>>,
    /// By node, of those behind firewalls that send datagrams.
    pinholes: BTreeMap<u32, Pinholes>,
    changes: Vec<Option<Change<P>>>,
    faults: Faults,
    outbox: Outbox<P>,
    notes: Vec<(NodeId, Note)>,
    by_kind: ByKind,
    own_key: OwnKey,
    /// By node, as far as nodes have sealed connections.
    sealing: Vec<Sealing>,
    causes: Causes,
    digest: RunDigest,
    events: u64,
    dropped: Dropped,
    tape: Option<Box<Tape<P::Message>>>,
}

/// What did not get to anybody. Each count is of a different reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Dropped {
    /// Effects of peers that named a dead connection.
    pub dead_effects: u64,
    /// Messages and chunks that arrived for a connection that had ended meanwhile.
    pub late_arrivals: u64,
    /// Messages taken by [`Config::loss`] or sent over a broken path.
    pub lost: u64,
    /// Connections ended because too much waited on them.
    pub overflows: u64,
    /// Commands to nodes that were down.
    pub commands: u64,
    /// Datagrams that got to nobody, whatever the reason.
    pub datagrams: u64,
}

impl<P: Peer> Sim<P> {
    /// An empty network.
    ///
    /// # Panics
    /// If a knob has a value that makes no sense; the message says which.
    pub fn new(config: Config) -> Self {
        let () = P::SIZES_HOLD;
        let () = Self::ENTRY_FITS;
        config.check();
        Sim {
            now: Time::ZERO,
            queue: Queue::new(),
            nodes: Vec::new(),
            lines: Vec::new(),
            flows: Vec::new(),
            flows_free: Vec::new(),
            posts: Vec::new(),
            pinholes: BTreeMap::new(),
            changes: Vec::new(),
            faults: Faults::new(&config),
            outbox: Outbox::default(),
            notes: Vec::new(),
            by_kind: ByKind::new(P::Message::KINDS.len()),
            own_key: OwnKey::Simulated { seed: config.seed },
            sealing: Vec::new(),
            causes: Causes::new(config.count_reach),
            digest: RunDigest::new(config.seed),
            events: 0,
            dropped: Dropped::default(),
            tape: None,
            config,
        }
    }

    /// Adds a node that listens on `port`. It starts at the current virtual time, with the next event that is run.
    ///
    /// # Panics
    /// Beyond 16,777,214 nodes, or if the line has a rate of zero.
    pub fn add(&mut self, peer: P, port: u16, attachment: Attachment) -> NodeId {
        let id = NodeId(self.nodes.len() as u32);
        id.address(self.config.network, port); // Checks the number.
        let mut node = Node::new(peer, self.config.seed, id.0, port);
        node.firewalled = attachment.firewalled;
        self.nodes.push(node);
        self.set_line(id.0, &attachment.line);
        self.push(self.now, id.0, Cause::BACKGROUND, What::Start);
        id
    }

    /// Where a node listens.
    pub fn address(&self, node: NodeId) -> SocketAddrV4 {
        node.address(self.config.network, self.nodes[node.index()].port)
    }

    /// Gives a node a command now. Returns the cause that everything it leads to will carry.
    pub fn command(&mut self, node: NodeId, command: Command) -> Cause {
        self.command_at(self.now, node, command)
    }

    /// Gives a node a command at a coming time (now, if that has passed).
    pub fn command_at(&mut self, at: Time, node: NodeId, command: Command) -> Cause {
        let cause = self.causes.fresh();
        self.push(at.max(self.now), node.0, cause, What::Command(command));
        cause
    }

    /// A node vanishes: its peer gets no more events, those connected to it get `Closed` with `Reset` once the news has
    /// reached them, and dials to it are refused.
    pub fn crash_at(&mut self, at: Time, node: NodeId) {
        self.change_at(at, node, Change::Crash);
    }

    /// A crashed node comes back with a new peer value, which gets `Start`. Its line and address are the old ones. A node that is up
    /// crashes first.
    pub fn restart_at(&mut self, at: Time, node: NodeId, peer: P) {
        self.change_at(at, node, Change::Restart(peer));
    }

    /// A node's line changes: rates at once (what is being sent just then keeps its time), the delay for connections dialled from then on.
    pub fn set_line_at(&mut self, at: Time, node: NodeId, line: Line) {
        assert!(line.up_bps != Some(0) && line.down_bps != Some(0), "a line needs a rate above zero");
        self.change_at(at, node, Change::Line(line));
    }

    /// Two groups of nodes cannot hear each other from `from` until just before `to`. What is on its way already arrives.
    pub fn cut(&mut self, one: &[NodeId], other: &[NodeId], from: Time, to: Time) {
        self.faults.cut(one, other, from, to);
    }

    /// From now on bytes of a node's file are not what they should be, though the node does not know: what it sends of them fails
    /// to verify where it arrives. What it writes there anew is good again.
    pub fn spoil(&mut self, node: NodeId, span: Span) {
        let len = u32::try_from(span.len).expect("a span of less than 4 GiB");
        self.faults.written(node.0, Place { file: span.file, offset: span.offset }, len, true);
    }

    /// Whether any byte of a span of a node's file is not what it should be.
    pub fn is_spoiled(&self, node: NodeId, span: Span) -> bool {
        self.faults.is_spoiled(node.0, span)
    }

    /// From now on chunks get corrupt with this probability, 0 to 1, instead of [`Config::corruption`].
    pub fn set_corruption(&mut self, probability: f64) {
        assert!((0.0..=1.0).contains(&probability), "{probability} is no probability");
        self.faults.corruption = probability;
    }

    /// From now on datagrams get lost with this probability, 0 to 1, instead of [`Config::datagram_loss`].
    pub fn set_datagram_loss(&mut self, probability: f64) {
        assert!((0.0..=1.0).contains(&probability), "{probability} is no probability");
        self.faults.datagram_loss = probability;
    }

    /// Runs the next event. Returns its time, or `None` if nothing is to come.
    pub fn step(&mut self, observer: &mut impl Observer) -> Option<Time> {
        self.run_one(Time::MAX, observer).then_some(self.now)
    }

    /// Runs all events up to and including `until`, which is then the current time.
    pub fn run_until(&mut self, until: Time, observer: &mut impl Observer) {
        while self.run_one(until, observer) {}
        self.now = self.now.max(until);
    }

    /// Runs until nothing is to come, but not beyond `limit`. True if nothing is to come.
    pub fn run_to_idle(&mut self, limit: Time, observer: &mut impl Observer) -> bool {
        while self.run_one(limit, observer) {}
        self.queue.len() == 0
    }

    /// What it was built from.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The current virtual time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// A peer, to look at.
    pub fn peer(&self, node: NodeId) -> &P {
        &self.nodes[node.index()].peer
    }

    /// How many nodes have been added.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// True if no node has been added.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// False while a node is crashed.
    pub fn is_up(&self, node: NodeId) -> bool {
        self.nodes[node.index()].up
    }

    /// What has crossed a node's line.
    pub fn load(&self, node: NodeId) -> NodeLoad {
        self.nodes[node.index()].load
    }

    /// Messages sent, by kind.
    pub fn by_kind(&self) -> &ByKind {
        &self.by_kind
    }

    /// What a cause has cost so far.
    pub fn cause_cost(&self, cause: Cause) -> CauseCost {
        self.causes.cost(cause)
    }

    /// The hash over every event delivered so far.
    pub fn digest(&self) -> RunDigest {
        self.digest
    }

    /// Events delivered to peers so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Events that are to come, the network's own included.
    pub fn coming(&self) -> usize {
        self.queue.len()
    }

    /// What did not get to anybody.
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    fn change_at(&mut self, at: Time, node: NodeId, change: Change<P>) {
        let number = self.changes.len() as u32;
        self.changes.push(Some(change));
        self.push(at.max(self.now), node.0, Cause::BACKGROUND, What::Change(number));
    }

    /// One way from node to node, in nanoseconds.
    fn latency(&self, a: u32, b: u32) -> u64 {
        let spread = nanos(self.config.core_spread);
        let jitter = match spread {
            0 => 0,
            _ => {
                scatter(self.config.seed ^ scatter(u64::from(a.min(b)) << 32 | u64::from(a.max(b)))) % spread
            }
        };
        let lines = self.nodes[a as usize].delay.saturating_add(self.nodes[b as usize].delay);
        lines.saturating_add(nanos(self.config.core_delay)).saturating_add(jitter)
    }

    fn set_line(&mut self, node: u32, line: &Line) {
        assert!(line.up_bps != Some(0) && line.down_bps != Some(0), "a line needs a rate above zero");
        let n = &mut self.nodes[node as usize];
        n.delay = nanos(line.delay);
        if n.line != NONE {
            let state = &mut self.lines[n.line as usize];
            (state.up_bps, state.down_bps) = (line.up_bps, line.down_bps);
        } else if line.up_bps.is_some() || line.down_bps.is_some() {
            n.line = self.lines.len() as u32;
            self.lines.push(LineState::new(line));
        }
    }
}

fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}
