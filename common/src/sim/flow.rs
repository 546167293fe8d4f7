//! Connections at work: what peers send waits for their uplinks (see `uplink`), and what has come through their downlinks is read.

use super::Sim;
use super::conn::later;
use super::count::Cause;
use super::node::{
    BROKEN, CLOSING, End, Flow, HOLDING, In, NONE, OPENING, Out, Pace, Reading, SEALED, Short, Turn, WAITING,
};
use super::run::{Coming, Print, What};
use crate::metrics::Traffic;
use crate::peer::{
    Announced, Arrival, BodyState, CloseReason, ConnId, EXPECTED_BYTES_MAX, Event, Letter, Peer, Place,
};
use crate::wire::Wire;

/// The longest message that waits in the line itself.
const SHORT_BYTES_MAX: u32 = 128;
/// The smallest chunk that a slow line is given at a time: a packet's worth.
const CHUNK_BYTES_MIN: u128 = 1_460;

impl<P: Peer> Sim<P> {
    /// The peer sends messages, until one of them needs more than to be put on its way: that one is returned. It is
    /// [`Sim::send`] for most that is ever sent, and looks up once for all what they have in common.
    #[inline(always)]
    pub(super) fn send_freely(&mut self, node: u32, cause: Cause) -> Option<Letter<P::Message>> {
        let n = &mut self.nodes[node as usize];
        if n.line != NONE || self.faults.may_hold_up() || self.tape.is_some() {
            return self.outbox.next_send();
        }
        let mut sent = Traffic::default();
        let held_up = loop {
            let Some(letter) = self.outbox.next_send() else { break None };
            let Some(end) = n.ends.get(letter.conn.slot()) else { break Some(letter) };
            if end.conn != letter.conn || end.flags & !HOLDING != 0 {
                break Some(letter);
            }
            let len = letter.message.wire_len();
            sent.add(len);
            self.by_kind.add(letter.message.kind(), len);
            // The place first: a message that is in no enum yet while a place is looked for is moved once less.
            let place = self.queue.place(later(self.now, end.latency));
            let what = What::Arrive { conn: end.far_conn, message: letter.message };
            place.put(Coming { node: end.far_node, cause, what });
        };
        n.load.sent += sent;
        self.causes.messages(cause, sent);
        held_up
    }

    /// The peer sends a message.
    #[inline(never)]
    pub(super) fn send(&mut self, node: u32, cause: Cause, conn: ConnId, message: P::Message) {
        let (at_once, len) = (!self.uplink_is_limited(node), message.wire_len());
        let n = &mut self.nodes[node as usize];
        let Some(end) = n.end(conn).filter(|end| end.flags & CLOSING == 0).map(|end| *end) else {
            return self.dead_effect();
        };
        n.load.sent.add(len);
        self.by_kind.add(message.kind(), len);
        self.causes.messages(cause, Traffic { messages: 1, bytes: u64::from(len) });
        self.on_tape(|tape, _| tape.sends((node, conn), &message));
        if at_once && end.flags & !(HOLDING | SEALED) == 0 {
            self.count_seal(node, &end, len, true);
            self.emit_message(node, cause, &end, message, self.now);
        } else if len <= SHORT_BYTES_MAX && end.flags & !HOLDING == 0 && !message.pauses() {
            self.enqueue_short(node, cause, conn, message);
        } else {
            self.enqueue(node, cause, conn, Out::Message(message));
        }
    }

    /// Has a short message, of a connection that has nothing else to say, wait in the line itself: most that is ever sent needs no more.
    fn enqueue_short(&mut self, node: u32, cause: Cause, conn: ConnId, message: P::Message) {
        let line = self.nodes[node as usize].line as usize;
        let waiting_max = self.config.waiting_max;
        let shorts = &mut self.post(line).shorts;
        if shorts.len() >= waiting_max {
            return self.enqueue(node, cause, conn, Out::Message(message));
        }
        shorts.push_back((cause, conn, Short::Message(message)));
        self.lines[line].ring.push_back(Turn::Short);
        self.serve(node);
    }

    /// Puts something behind what waits to leave, and lets leave what can.
    #[inline(never)]
    pub(super) fn enqueue(&mut self, node: u32, cause: Cause, conn: ConnId, out: Out<P::Message>) {
        let Some(end) = self.nodes[node as usize].end(conn).filter(|e| e.flags & CLOSING == 0).map(|e| *e)
        else {
            return self.dead_effect();
        };
        if end.flags & BROKEN != 0 {
            self.dropped.lost += 1;
            return;
        }
        let pace = match out {
            Out::Body(_) => Some(self.pace(node, &end)),
            _ => None,
        };
        let flow = self.flow(node, conn);
        if let Some(pace) = pace {
            flow.pace = pace;
        }
        flow.queue.push_back((cause, out));
        if flow.queue.len() > self.config.waiting_max {
            return self.overflow(node, cause, conn);
        }
        self.offer(node, conn);
    }

    /// What only busy connections need, made when it is first needed.
    pub(super) fn flow(&mut self, node: u32, conn: ConnId) -> &mut Flow<P::Message> {
        let end = self.nodes[node as usize].end(conn).expect("callers ask for live connections");
        if end.flow == NONE {
            end.flow = self.flows_free.pop().unwrap_or_else(|| {
                self.flows.push(Flow::new());
                self.flows.len() as u32 - 1
            });
        }
        &mut self.flows[end.flow as usize]
    }

    /// How bodies move between two lines. The window is what keeps the slower one busy: the bytes on the way, and two
    /// chunks in the hands of each line.
    fn pace(&self, node: u32, end: &End) -> Pace {
        let line = |node: u32| self.nodes.get(node as usize).and_then(|n| self.lines.get(n.line as usize));
        let up = line(node).and_then(|line| line.up_bps);
        let down = line(end.far_node).and_then(|line| line.down_bps);
        let carried = |bps: Option<u64>, ns: u128| u128::from(bps.unwrap_or(u64::MAX)) * ns / 8_000_000_000;
        let chunk_max = u128::from(self.config.chunk_bytes);
        let chunk = match self.config.chunk_time.as_nanos() {
            0 => chunk_max,
            ns => carried(up.or(down), ns).clamp(CHUNK_BYTES_MIN.min(chunk_max), chunk_max),
        };
        let slower = up.into_iter().chain(down).min();
        let wanted = carried(slower, u128::from(end.latency)) + 4 * chunk;
        Pace { chunk: chunk as u32, window: wanted.min(u128::from(self.config.window_bytes)) as u64 }
    }

    /// Too much waits on this connection to leave: the peer that sends loses it.
    pub(super) fn overflow(&mut self, node: u32, cause: Cause, conn: ConnId) {
        let Some(end) = self.nodes[node as usize].end(conn).filter(|end| end.flags & BROKEN == 0) else {
            return;
        };
        self.dropped.overflows += 1;
        let told = *end;
        end.flags |= BROKEN;
        self.push(self.now, node, cause, What::Fail { conn, reason: CloseReason::Overflow });
        if told.flags & OPENING == 0 {
            let what = What::CloseArrive { conn: told.far_conn, reason: CloseReason::Reset };
            self.push(later(self.now, told.latency), told.far_node, cause, what);
        }
    }

    /// A message has arrived.
    #[inline(always)]
    pub(super) fn message_arrives(&mut self, node: u32, cause: Cause, conn: ConnId, message: P::Message) {
        let n = &mut self.nodes[node as usize];
        let ready = n.line == NONE
            && self.tape.is_none()
            && n.end(conn).is_some_and(|end| end.flags & (CLOSING | HOLDING | SEALED) == 0);
        if ready && !message.pauses() {
            self.count_received(node, cause, &message);
            let print = Print::message(conn, &message);
            self.deliver_here(node, cause, print, || Event::Message { conn, message });
        } else {
            self.message_arrives_slowly(node, cause, conn, message);
        }
    }

    #[inline(never)]
    fn message_arrives_slowly(&mut self, node: u32, cause: Cause, conn: ConnId, message: P::Message) {
        self.arrive(node, cause, conn, In::Message(message));
    }

    /// The downlink has taken a message.
    pub(super) fn message_taken(&mut self, node: u32, cause: Cause, conn: ConnId, message: P::Message) {
        let Some(end) = self.nodes[node as usize].end(conn).map(|end| *end) else {
            self.dropped.late_arrivals += 1;
            return;
        };
        match end.flags & (CLOSING | HOLDING) {
            0 => self.take_message(node, cause, &end, message),
            HOLDING => self.hold(node, conn, cause, In::Message(message)),
            _ => self.dropped.late_arrivals += 1,
        }
    }

    /// The peer takes a message.
    fn take_message(&mut self, node: u32, cause: Cause, end: &End, message: P::Message) {
        let conn = end.conn;
        self.on_tape(|tape, at| tape.takes(at, (node, conn), None));
        self.count_seal(node, end, message.wire_len(), false);
        self.count_received(node, cause, &message);
        if message.pauses() {
            let flow = self.flow(node, conn);
            let expected = message.announces().and_then(|body| Some((body, flow.take_expected(body)?)));
            flow.reading = match expected {
                Some((body, place)) => Reading::Expected { left: body.len, body, into: Some(place) },
                None => Reading::Paused,
            };
            self.refresh(node, conn);
            if expected.is_some() {
                return self.pump_if_ready(node, cause, conn);
            }
        }
        self.deliver(node, cause, Event::Message { conn, message });
    }

    #[inline(always)]
    pub(super) fn count_received(&mut self, node: u32, cause: Cause, message: &P::Message) {
        let n = &mut self.nodes[node as usize];
        n.load.received.add(message.wire_len());
        if n.last_cause != cause {
            n.last_cause = cause;
            if self.causes.counts_reach(cause) {
                self.causes.reach(cause, node, self.nodes.len());
            }
        }
    }

    /// The downlink has taken a chunk.
    pub(super) fn chunk_taken(&mut self, node: u32, cause: Cause, conn: ConnId, len: u32, corrupt: bool) {
        let Some(end) = self.nodes[node as usize].end(conn).filter(|e| e.flags & CLOSING == 0) else {
            self.dropped.late_arrivals += 1;
            return;
        };
        let waits = end.flow != NONE && {
            let flow = &self.flows[end.flow as usize];
            flow.reading == Reading::Paused || !flow.held.is_empty()
        };
        if waits {
            self.hold(node, conn, cause, In::Chunk { len, corrupt });
        } else {
            self.take_chunk(node, cause, conn, len, corrupt);
        }
    }

    /// The downlink has taken a message and the body that it announces.
    pub(super) fn block_taken(
        &mut self,
        node: u32,
        cause: Cause,
        conn: ConnId,
        message: P::Message,
        corrupt: bool,
    ) {
        let body = message.announces().expect("a block's message announces its body");
        let end = self.nodes[node as usize].end(conn).filter(|end| end.flags & (CLOSING | HOLDING) == 0);
        let end = end.map(|end| *end);
        let place = end.and_then(|end| self.flows.get_mut(end.flow as usize)?.take_expected(body));
        let (Some(end), Some(place)) = (end, place) else {
            self.message_taken(node, cause, conn, message);
            return self.chunk_taken(node, cause, conn, body.len, corrupt);
        };
        self.on_tape(|tape, at| {
            tape.takes(at, (node, conn), None);
            tape.takes(at, (node, conn), Some(place));
        });
        self.count_received(node, cause, &message);
        self.faults.written(node, place, body.len, corrupt);
        self.refresh(node, conn);
        self.nodes[node as usize].load.body_received += u64::from(body.len);
        self.credit(end.far_node, cause, end.far_conn, body.len);
        self.deliver(node, cause, Event::Arrived { conn, body, arrival: Arrival::Stored });
    }

    /// The store takes a chunk; the sender gets its credit back and the peer hears of it.
    fn take_chunk(&mut self, node: u32, cause: Cause, conn: ConnId, len: u32, corrupt: bool) {
        let end = *self.nodes[node as usize].end(conn).expect("callers have checked it");
        let reading = self.flow(node, conn).reading;
        let place = match reading {
            Reading::Body { left, into } if left >= u64::from(len) => into,
            Reading::Expected { left, into, .. } if left >= len => into,
            // Bytes that no message announced: as messages they make no sense.
            _ => return self.abort(node, cause, conn, CloseReason::Protocol),
        };
        self.on_tape(|tape, at| tape.takes(at, (node, conn), place));
        if let Some(place) = place {
            self.faults.written(node, place, len, corrupt);
        }
        let into = place.map(|place| Place { offset: place.offset + u64::from(len), ..place });
        let (rest, event) = after_chunk(reading, conn, len, into);
        self.flow(node, conn).reading = rest;
        self.refresh(node, conn);
        self.count_seal(node, &end, len, false);
        self.nodes[node as usize].load.body_received += u64::from(len);
        self.credit(end.far_node, cause, end.far_conn, len);
        if let Some(event) = event {
            self.deliver(node, cause, event);
        }
        self.pump_if_ready(node, cause, conn);
    }

    /// Keeps an arrival until the peer reads on.
    pub(super) fn hold(&mut self, node: u32, conn: ConnId, cause: Cause, item: In<P::Message>) {
        let waiting_max = self.config.waiting_max;
        let flow = self.flow(node, conn);
        if flow.held.len() >= waiting_max && !matches!(item, In::Closed(_)) {
            // A socket would push back until the sender's own queue is full.
            let end = *self.nodes[node as usize].end(conn).expect("flow() found it");
            return self.overflow(end.far_node, cause, end.far_conn);
        }
        flow.held.push_back((cause, item));
        self.refresh(node, conn);
        self.pump_if_ready(node, cause, conn);
    }

    /// A body may come, and goes there.
    pub(super) fn expect(&mut self, node: u32, conn: ConnId, body: Announced, into: Place) {
        if self.nodes[node as usize].end(conn).is_none_or(|end| end.flags & CLOSING != 0) {
            return self.dead_effect();
        }
        if body.len > 0 && body.len <= EXPECTED_BYTES_MAX {
            self.flow(node, conn).expected.push((body, into));
        }
    }

    /// Nothing is to be written there any more.
    pub(super) fn unexpect(&mut self, node: u32, conn: ConnId, key: u64) {
        let Some(flow) = self.nodes[node as usize].end(conn).map(|end| end.flow) else { return };
        if let Some(flow) = self.flows.get_mut(flow as usize) {
            flow.unexpect(key);
            self.refresh(node, conn);
        }
    }

    /// The peer takes the coming bytes as a body.
    pub(super) fn receive(&mut self, node: u32, cause: Cause, conn: ConnId, len: u64, into: Option<Place>) {
        self.read_on(node, cause, conn, Reading::Body { left: len, into });
    }

    /// The peer reads on.
    pub(super) fn resume(&mut self, node: u32, cause: Cause, conn: ConnId) {
        self.read_on(node, cause, conn, Reading::Messages);
    }

    pub(super) fn read_on(&mut self, node: u32, cause: Cause, conn: ConnId, reading: Reading) {
        if self.nodes[node as usize].end(conn).is_none_or(|end| end.flags & CLOSING != 0) {
            return self.dead_effect();
        }
        let flow = self.flow(node, conn);
        assert!(
            flow.reading == Reading::Paused,
            "node {node}, {conn:?}: the peer reads on where it was not paused"
        );
        flow.reading = reading;
        self.refresh(node, conn);
        self.pump_if_ready(node, cause, conn);
    }

    /// Schedules the next held arrival, one event at a time, if the peer reads.
    pub(super) fn pump_if_ready(&mut self, node: u32, cause: Cause, conn: ConnId) {
        let Some(flow) = self.nodes[node as usize].end(conn).map(|end| end.flow) else { return };
        let Some(flow) = self.flows.get_mut(flow as usize) else { return };
        let ready = match flow.reading {
            Reading::Paused => false,
            Reading::Body { left: 0, .. } => true,
            Reading::Messages | Reading::Body { .. } | Reading::Expected { .. } | Reading::Shake(_) => {
                !flow.held.is_empty()
            }
        };
        if ready && !flow.pumping {
            flow.pumping = true;
            self.push(self.now, node, cause, What::Pump { conn });
        }
    }

    /// Goes on with what a connection holds.
    pub(super) fn pump(&mut self, node: u32, cause: Cause, conn: ConnId) {
        let Some(end) = self.nodes[node as usize].end(conn).map(|end| *end) else { return };
        let flow = self.flow(node, conn);
        flow.pumping = false;
        // What was sent before the peer closed may still wait for a handshake.
        if end.flags & CLOSING != 0 && !flow.is_shaking() {
            return;
        }
        if let Reading::Body { left: 0, .. } = flow.reading {
            flow.reading = Reading::Messages;
            self.refresh(node, conn);
            self.deliver(node, cause, Event::Body { conn, len: 0, state: BodyState::Done });
            return self.pump_if_ready(node, cause, conn);
        }
        let reads_messages = flow.reading == Reading::Messages;
        let Some((cause, item)) = flow.held.pop_front() else { return };
        self.refresh(node, conn);
        match item {
            In::Message(message) if reads_messages => self.take_message(node, cause, &end, message),
            // A message's bytes where a body's should be.
            In::Message(_) => self.abort(node, cause, conn, CloseReason::Protocol),
            In::Chunk { len, corrupt } => self.take_chunk(node, cause, conn, len, corrupt),
            In::Block { .. } => unreachable!("what is held is held apart"),
            In::Shake(number) => self.shake_taken(node, cause, conn, number),
            In::Closed(reason) => self.ended(node, cause, conn, reason),
        }
        self.pump_if_ready(node, cause, conn);
    }

    /// Brings the end's flags in line with its flow, and gives the flow back when the connection is at rest: a network
    /// of idle connections needs none.
    pub(super) fn refresh(&mut self, node: u32, conn: ConnId) {
        let Some(end) = self.nodes[node as usize].end(conn) else { return };
        let Some(flow) = self.flows.get(end.flow as usize) else { return };
        let holding = flow.reading != Reading::Messages || !flow.held.is_empty();
        end.flags &= !(HOLDING | WAITING);
        end.flags |= if holding { HOLDING } else { 0 } | if flow.queue.is_empty() { 0 } else { WAITING };
        if flow.is_at_rest() {
            self.flows_free.push(std::mem::replace(&mut end.flow, NONE));
        }
    }
}

/// What is read after a chunk of a body, and what the peer hears of the chunk.
fn after_chunk<M, T>(
    reading: Reading,
    conn: ConnId,
    len: u32,
    into: Option<Place>,
) -> (Reading, Option<Event<M, T>>) {
    match reading {
        Reading::Expected { left, body, .. } if left == len => {
            let arrival = if into.is_some() { Arrival::Stored } else { Arrival::Unexpected };
            (Reading::Messages, Some(Event::Arrived { conn, body, arrival }))
        }
        Reading::Expected { left, body, .. } => (Reading::Expected { left: left - len, body, into }, None),
        Reading::Body { left, .. } if left > u64::from(len) => {
            let event = Event::Body { conn, len, state: BodyState::More };
            (Reading::Body { left: left - u64::from(len), into }, Some(event))
        }
        _ => (Reading::Messages, Some(Event::Body { conn, len, state: BodyState::Done })),
    }
}
