//! What the simulator keeps of nodes, connections and lines.

use std::collections::VecDeque;

use rand_pcg::Pcg32;

use super::count::{Cause, scatter};
use crate::metrics::NodeLoad;
use crate::net::Line;
use crate::peer::{Announced, CloseReason, ConnId, ConnIds, Place, Span, Time};
use crate::seal::{HANDSHAKE_BYTES, sealing_bytes};
use crate::wire::Wire;

/// "None" for indices into the tables of lines and flows.
pub(super) const NONE: u32 = u32::MAX;

/// A node: its peer and what the driver keeps beside it. What every message touches comes first, then the peer, so that
/// few cache lines in a row are all that a delivery needs.
#[repr(C)]
pub(super) struct Node<P> {
    /// This node's ends of its connections, by slot.
    pub ends: Vec<End>,
    pub load: NodeLoad,
    /// Index of its limited line, or [`NONE`]: an ideal line has no state.
    pub line: u32,
    /// The cause that last reached this node.
    pub last_cause: Cause,
    pub port: u16,
    /// Counts crashes, so that timers of an earlier life are recognised.
    pub life: u16,
    pub up: bool,
    pub firewalled: bool,
    pub rng: Pcg32,
    pub conns: ConnIds,
    /// Of the line, in nanoseconds.
    pub delay: u64,
    pub peer: P,
}

impl<P> Node<P> {
    pub fn new(peer: P, seed: u64, node: u32, port: u16) -> Self {
        Node {
            peer,
            load: NodeLoad::default(),
            ends: Vec::new(),
            conns: ConnIds::default(),
            rng: Pcg32::new(scatter(seed ^ scatter(u64::from(node))), u64::from(node)),
            delay: 0,
            line: NONE,
            last_cause: Cause::BACKGROUND,
            port,
            life: 0,
            up: true,
            firewalled: false,
        }
    }

    /// This node's end of `conn`, unless the id is stale.
    #[inline]
    pub fn end(&mut self, conn: ConnId) -> Option<&mut End> {
        self.ends.get_mut(conn.slot()).filter(|end| end.conn == conn && end.flags & FREE == 0)
    }

    /// Puts in a new end at its slot.
    pub fn put_end(&mut self, end: End) {
        let slot = end.conn.slot();
        // Slots are handed out densely, but those of refused dials have never had an end.
        while self.ends.len() < slot {
            self.ends.push(End { conn: ConnId::new(self.ends.len(), 0), flags: FREE, ..end });
        }
        match self.ends.get_mut(slot) {
            Some(old) => *old = end,
            None => {
                if self.ends.len() < 4 {
                    self.ends.reserve_exact(1); // A million nodes with one connection each have room for one each.
                }
                self.ends.push(end);
            }
        }
    }
}

/// One end of a connection, as its node keeps it.
#[derive(Clone, Copy)]
pub(super) struct End {
    pub conn: ConnId,
    pub far_node: u32,
    /// The other end's id at the far node; unknown (any) until the connection is open.
    pub far_conn: ConnId,
    /// Index of what only busy connections need, or [`NONE`].
    pub flow: u32,
    /// One way, in nanoseconds; fixed when the connection is dialled.
    pub latency: u64,
    pub flags: u8,
}

/// The slot is free: the end is what its last owner left.
pub(super) const FREE: u8 = 1;
/// Dialled and not answered yet: what is sent waits.
pub(super) const OPENING: u8 = 2;
/// The peer has closed it; what was sent before is still leaving.
pub(super) const CLOSING: u8 = 4;
/// The path is broken: nothing gets through any more, and a `Closed` is under way.
pub(super) const BROKEN: u8 = 8;
/// Something waits to leave, so that what is sent now must queue behind it.
pub(super) const WAITING: u8 = 16;
/// Arrivals cannot go straight to the peer: it paused the connection, takes a body, or something is held already.
pub(super) const HOLDING: u8 = 32;

/// The handshake is through at this end: what leaves is sealed.
pub(super) const SEALED: u8 = 64;
/// The peer has closed it, and its good-bye waits in the line behind what it has said.
pub(super) const PARTING: u8 = 128;

/// What a connection needs while it does more than pass messages.
pub(super) struct Flow<M> {
    /// Waits to leave.
    pub queue: VecDeque<(Cause, Out<M>)>,
    /// Waits for the downlink, what it is taking just now included. Not empty: the end is in its downlink's ring, or
    /// being served.
    pub arrivals: VecDeque<(Cause, In<M>)>,
    /// Has been taken by the downlink and waits for the peer to read on.
    pub held: VecDeque<(Cause, In<M>)>,
    pub reading: Reading,
    /// Bodies that may come, and where they go.
    pub expected: Vec<(Announced, Place)>,
    /// Body bytes sent that the far peer has not taken.
    pub under_way: u64,
    pub pace: Pace,
    /// The end is in its uplink's ring, or being served.
    pub in_ring: bool,
    /// An event that goes on with what is held is in the queue.
    pub pumping: bool,
}

impl<M> Flow<M> {
    pub fn new() -> Self {
        Flow {
            queue: VecDeque::new(),
            arrivals: VecDeque::new(),
            held: VecDeque::new(),
            reading: Reading::Messages,
            expected: Vec::new(),
            under_way: 0,
            pace: Pace::default(),
            in_ring: false,
            pumping: false,
        }
    }

    /// Its handshake is under way.
    pub fn is_shaking(&self) -> bool {
        matches!(self.reading, Reading::Shake(_))
    }

    /// Messages and chunks that have come to the downlink and that it has not taken.
    pub fn untaken(&self) -> u64 {
        let count = |(_, item): &(Cause, In<M>)| match item {
            In::Message(_) | In::Chunk { .. } => 1,
            In::Block { .. } => 2,
            In::Shake(_) | In::Closed(_) => 0,
        };
        self.arrivals.iter().map(count).sum()
    }

    /// Takes the place of a body, if it is expected.
    pub fn take_expected(&mut self, body: Announced) -> Option<Place> {
        let at = self.expected.iter().position(|(expected, _)| *expected == body)?;
        Some(self.expected.swap_remove(at).1)
    }

    /// Nothing is to be written any more where the body of this key would have gone.
    pub fn unexpect(&mut self, key: u64) {
        self.expected.retain(|(expected, _)| expected.key != key);
        if let Reading::Expected { body, into, .. } = &mut self.reading
            && body.key == key
        {
            *into = None;
        }
    }

    /// Nothing waits, is held or is under way.
    pub fn is_at_rest(&self) -> bool {
        let empty = self.queue.is_empty() && self.arrivals.is_empty() && self.held.is_empty();
        empty
            && self.expected.is_empty()
            && self.reading == Reading::Messages
            && self.under_way == 0
            && !self.in_ring
            && !self.pumping
    }

    /// Makes it as new, but keeps the memory of the queues.
    pub fn reset(&mut self) {
        self.queue.clear();
        self.arrivals.clear();
        self.held.clear();
        self.expected.clear();
        self.reading = Reading::Messages;
        (self.under_way, self.pace) = (0, Pace::default());
        (self.in_ring, self.pumping) = (false, false);
    }
}

impl<M: Wire> Flow<M> {
    /// The length of the message that leaves next, if one does that no body belongs to.
    pub fn short_message(&self) -> Option<u32> {
        match self.queue.front() {
            Some((_, Out::Message(message))) if message.announces().is_none() => Some(message.wire_len()),
            _ => None,
        }
    }

    /// The lengths of a message and of the body it announces, if these two leave next and the body is no more than a chunk for which the
    /// window has room.
    pub fn block(&self) -> Option<(u32, u32)> {
        let Some((_, Out::Message(message))) = self.queue.front() else { return None };
        let body = message.announces()?;
        let Some((_, Out::Body(span))) = self.queue.get(1) else { return None };
        let len = u64::from(body.len);
        let fits = span.len == len
            && body.len <= self.pace.chunk
            && (self.under_way == 0 || self.under_way + len <= self.pace.window);
        fits.then(|| (message.wire_len(), body.len))
    }
}

/// How bodies move on a connection; set when one is to leave.
#[derive(Clone, Copy, Default)]
pub(super) struct Pace {
    /// Bytes that have the line at a time.
    pub chunk: u32,
    /// The most body bytes sent that the far peer has not taken.
    pub window: u64,
}

/// Something that leaves.
pub(super) enum Out<M> {
    Message(M),
    Body(Span),
    /// A handshake's message, by its number.
    Shake(u8),
    /// Nothing leaves beyond this before the handshake is through.
    Gate,
}

impl<M: Wire> Out<M> {
    /// How many bytes of it leave next; of a body, a chunk.
    pub fn next_len(&self, chunk: u32) -> u32 {
        match self {
            Out::Message(message) => message.wire_len(),
            Out::Body(span) => span.len.min(u64::from(chunk)) as u32,
            Out::Shake(number) => HANDSHAKE_BYTES[usize::from(*number)],
            Out::Gate => 0,
        }
    }

    /// What `len` bytes of it cost on the line.
    pub fn on_line(&self, len: u32, sealed: bool) -> u32 {
        match self {
            Out::Message(_) | Out::Body(_) => on_line(len, sealed),
            Out::Shake(_) | Out::Gate => len,
        }
    }
}

/// What waits for its turn by itself, because its connection has nothing else to say.
pub(super) enum Short<M> {
    Message(M),
    /// The good-bye.
    Close,
}

/// Something that arrives.
pub(super) enum In<M> {
    Message(M),
    Chunk {
        len: u32,
        corrupt: bool,
    },
    /// A message and the body that it announces.
    Block {
        message: M,
        corrupt: bool,
    },
    /// A handshake's message, by its number.
    Shake(u8),
    Closed(CloseReason),
}

impl<M: Wire> In<M> {
    /// What it costs on the line.
    pub fn on_line(&self, sealed: bool) -> u32 {
        match self {
            In::Message(message) => on_line(message.wire_len(), sealed),
            In::Chunk { len, .. } => on_line(*len, sealed),
            // Only of a connection that is not sealed.
            In::Block { message, .. } => message.wire_len() + message.announces().map_or(0, |body| body.len),
            In::Shake(number) => HANDSHAKE_BYTES[usize::from(*number)],
            In::Closed(_) => 0,
        }
    }
}

/// What `len` bytes that leave together cost on the line.
fn on_line(len: u32, sealed: bool) -> u32 {
    if sealed { len.saturating_add(sealing_bytes(len as usize) as u32) } else { len }
}

/// What the next arrival on a connection is taken for.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Reading {
    Messages,
    /// A message paused it, and the peer has not said how to go on.
    Paused,
    Body {
        left: u64,
        into: Option<Place>,
    },
    /// A body that was expected; nothing is written any more once it is not.
    Expected {
        left: u32,
        body: Announced,
        into: Option<Place>,
    },
    /// A handshake's message: this one.
    Shake(u8),
}

/// The state of a limited line.
pub(super) struct LineState {
    pub up_bps: Option<u64>,
    pub down_bps: Option<u64>,
    /// Whoever has something that can leave, in the order of their turns.
    pub ring: VecDeque<Turn>,
    /// What the uplink sends just now.
    pub busy: Option<Busy>,
    /// Until when it sends what is on its way already.
    pub sent_until: Time,
    /// Whoever something has arrived for, in the order of their turns.
    pub down_ring: VecDeque<Turn>,
    /// Whose first arrival the downlink takes just now.
    pub down_busy: Option<Turn>,
    /// Until when it is occupied by what the peers have already.
    pub taken_until: Time,
}

/// Who takes turns on a limited line.
#[derive(Clone, Copy)]
pub(super) enum Turn {
    /// One connection.
    Conn(ConnId),
    /// The node's datagrams, all of them together.
    Post,
    /// The first of the short messages that wait.
    Short,
}

/// What an uplink sends.
#[derive(Clone, Copy)]
pub(super) enum Busy {
    /// So many bytes of a connection.
    Conn(ConnId, u32),
    /// A connection's next message with the body that it announces.
    Block(ConnId),
    /// A datagram.
    Post,
    /// Messages that are on their way already.
    Burst,
}

impl LineState {
    /// How long the uplink sends so many bytes, in nanoseconds.
    pub fn sending_ns(&self, bytes: u32) -> u64 {
        self.up_bps.map_or(0, |bps| transmission_ns(bytes, bps))
    }

    pub fn new(line: &Line) -> Self {
        LineState {
            up_bps: line.up_bps,
            down_bps: line.down_bps,
            ring: VecDeque::new(),
            busy: None,
            sent_until: Time::ZERO,
            down_ring: VecDeque::new(),
            down_busy: None,
            taken_until: Time::ZERO,
        }
    }
}

/// How long `bytes` take at `bps`, rounded up: no run beats a line by rounding.
pub(super) fn transmission_ns(bytes: u32, bps: u64) -> u64 {
    let bits_ns = u128::from(bytes) * 8_000_000_000;
    u64::try_from(bits_ns.div_ceil(u128::from(bps))).unwrap_or(u64::MAX)
}

const _: () = assert!(size_of::<End>() <= 32);
// What an idle node costs beside its peer and its connections.
const _: () = assert!(size_of::<Node<()>>() <= 160);
