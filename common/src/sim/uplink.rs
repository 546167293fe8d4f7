//! Leaving through a node's uplink: one that is limited serves the connections that have something to send in turn.
//!
//! What an event costs is the memory it touches, and most of what is sent are short messages and blocks. So short messages whose
//! turns follow on each other are a *burst*: each gets on its way for the moment at which the line will have sent it, and the
//! line is free after the last. And a message with the body that it announces is one thing, if the body is no more than a chunk.

use super::Sim;
use super::conn::later;
use super::count::Cause;
use super::node::{Busy, CLOSING, End, NONE, OPENING, Out, PARTING, SEALED, Short, Turn};
use super::run::{Coming, What};
use crate::peer::{CloseReason, ConnId, Event, Peer, Span, Time};
use crate::wire::Wire;

/// The most bytes of a burst: a packet's worth.
const BURST_BYTES_MAX: u32 = 1_460;

impl<P: Peer> Sim<P> {
    /// Lets leave what can: at once through an ideal line, else by entering the ring of the busy uplink.
    pub(super) fn offer(&mut self, node: u32, conn: ConnId) {
        let Some(end) = self.nodes[node as usize].end(conn).map(|end| *end) else { return };
        if end.flags & OPENING != 0 {
            self.refresh(node, conn);
            return;
        }
        if self.uplink_is_limited(node) {
            if end.flow != NONE && self.can_leave(end.flow) && !self.flows[end.flow as usize].in_ring {
                self.flows[end.flow as usize].in_ring = true;
                self.lines[self.nodes[node as usize].line as usize].ring.push_back(Turn::Conn(conn));
                self.serve(node);
            }
        } else {
            while let Some(len) = self.reserve(node, conn) {
                // An ideal line sends in the midst of what a peer wants done, so that the peer hears of it afterwards.
                if let (cause, len @ 1..) = self.leave(node, &end, len) {
                    self.push(self.now, node, cause, What::Sent { conn, len });
                }
            }
        }
        self.refresh(node, conn);
    }

    /// True while the uplink sends one thing after the other. (One that has just become ideal first ends what it has
    /// begun.)
    pub(super) fn uplink_is_limited(&self, node: u32) -> bool {
        self.lines
            .get(self.nodes[node as usize].line as usize)
            .is_some_and(|line| line.up_bps.is_some() || line.busy.is_some() || !line.ring.is_empty())
    }

    fn can_leave(&self, flow: u32) -> bool {
        let flow = &self.flows[flow as usize];
        match flow.queue.front() {
            None | Some((_, Out::Gate)) => false,
            Some((_, Out::Message(_) | Out::Shake(_))) => true,
            Some((_, Out::Body(span))) => {
                let len = span.len.min(u64::from(flow.pace.chunk));
                flow.under_way == 0 || flow.under_way + len <= flow.pace.window
            }
        }
    }

    /// How many bytes leave next on this connection, if any can; a chunk's are under way from now on.
    fn reserve(&mut self, node: u32, conn: ConnId) -> Option<u32> {
        let flow = self.nodes[node as usize].end(conn)?.flow;
        if flow == NONE || !self.can_leave(flow) {
            return None;
        }
        let flow = &mut self.flows[flow as usize];
        let out = &flow.queue.front()?.1;
        let len = out.next_len(flow.pace.chunk);
        if let Out::Body(_) = out {
            flow.under_way += u64::from(len);
        }
        Some(len)
    }

    /// The uplink takes the next turn, if it is idle and there is one.
    pub(super) fn serve(&mut self, node: u32) {
        let line = self.nodes[node as usize].line as usize;
        if self.lines[line].busy.is_some() {
            return;
        }
        loop {
            if let Some(until) = self.burst(node) {
                self.lines[line].busy = Some(Busy::Burst);
                return self.push(until, node, Cause::BACKGROUND, What::UplinkFree);
            }
            let next = match self.lines[line].ring.pop_front() {
                Some(Turn::Conn(conn)) => self.next_of_conn(node, conn),
                Some(Turn::Post) => self.posts[line].next_len().map(|len| (Busy::Post, len)),
                Some(Turn::Short) => unreachable!("a burst takes it"),
                None => return,
            };
            if let Some((busy, bytes)) = next {
                self.lines[line].busy = Some(busy);
                let until = later(self.now, self.lines[line].sending_ns(bytes));
                return self.push(until, node, Cause::BACKGROUND, What::UplinkFree);
            }
        }
    }

    /// Puts the messages on their way whose turns are next, up to a packet of them and up to the first turn of another kind. Returns when
    /// the line will have sent them; `None` if there is none.
    fn burst(&mut self, node: u32) -> Option<Time> {
        let line = self.nodes[node as usize].line as usize;
        let (mut until, mut left) = (self.now, BURST_BYTES_MAX);
        while let Some(turn) = self.lines[line].ring.front().copied() {
            let len = match turn {
                Turn::Conn(conn) => self.next_short_of(node, conn),
                Turn::Short => Some(self.posts[line].next_short_len()),
                Turn::Post => None,
            };
            let Some(len) = len.filter(|len| *len <= left) else { break };
            left -= len;
            until = later(until, self.lines[line].sending_ns(len));
            self.lines[line].sent_until = until;
            self.lines[line].ring.pop_front();
            match turn {
                Turn::Conn(conn) => self.message_leaves(node, conn, until),
                Turn::Short | Turn::Post => self.short_leaves(node, until),
            }
        }
        (left < BURST_BYTES_MAX).then_some(until)
    }

    /// The length of the message that leaves next on a connection, if it is one for a burst.
    fn next_short_of(&mut self, node: u32, conn: ConnId) -> Option<u32> {
        // One that is closing has more to do when its last message has left, and one that seals counts records.
        let end = self.nodes[node as usize].end(conn).filter(|end| end.flags & (CLOSING | SEALED) == 0);
        self.flows.get(end?.flow as usize)?.short_message()
    }

    /// The next message of a connection leaves at `at`.
    fn message_leaves(&mut self, node: u32, conn: ConnId, at: Time) {
        let end = *self.nodes[node as usize].end(conn).expect("it has a message");
        let Some((cause, Out::Message(message))) = self.flows[end.flow as usize].queue.pop_front() else {
            unreachable!("it was looked at");
        };
        self.emit_message(node, cause, &end, message, at);
        self.back_into_ring(node, conn, end.flow);
        self.refresh(node, conn);
    }

    /// The first of the short messages that wait leaves at `at`, unless its connection is over.
    fn short_leaves(&mut self, node: u32, at: Time) {
        let line = self.nodes[node as usize].line as usize;
        let Some((cause, conn, short)) = self.posts[line].shorts.pop_front() else { return };
        let Some(end) = self.nodes[node as usize].end(conn) else { return };
        match short {
            Short::Message(message) => {
                let end = *end;
                self.emit_message(node, cause, &end, message, at);
            }
            Short::Close => {
                end.flags &= !PARTING;
                self.finish_close(node, cause, conn);
            }
        }
    }

    /// What leaves next on a connection whose turn it is, reserved: what the line is busy with, and what that costs.
    fn next_of_conn(&mut self, node: u32, conn: ConnId) -> Option<(Busy, u32)> {
        let end = self.nodes[node as usize].end(conn).map(|end| *end);
        if let Some(bytes) = end.and_then(|end| self.reserve_block(&end)) {
            return Some((Busy::Block(conn), bytes));
        }
        let Some(len) = self.reserve(node, conn) else {
            // Ended while it waited for its turn, or its window has shrunk.
            self.leave_ring(node, conn);
            return None;
        };
        let end = end.expect("a reserved end is live");
        let (_, out) = self.flows[end.flow as usize].queue.front().expect("something was reserved");
        Some((Busy::Conn(conn, len), out.on_line(len, end.flags & SEALED != 0)))
    }

    /// The bytes of a message and of the body it announces, if these leave next and together; the body's are under way from now on.
    fn reserve_block(&mut self, end: &End) -> Option<u32> {
        let flow = self.flows.get_mut(end.flow as usize).filter(|_| end.flags & SEALED == 0)?;
        let (message, body) = flow.block()?;
        flow.under_way += u64::from(body);
        Some(message + body)
    }

    fn leave_ring(&mut self, node: u32, conn: ConnId) {
        let Some(flow) = self.nodes[node as usize].end(conn).map(|end| end.flow) else { return };
        if let Some(flow) = self.flows.get_mut(flow as usize) {
            flow.in_ring = false;
        }
    }

    /// The uplink has sent what it was busy with.
    pub(super) fn uplink_free(&mut self, node: u32) {
        let line = self.nodes[node as usize].line as usize;
        let sent = match self.lines[line].busy.take() {
            Some(Busy::Conn(conn, len)) => {
                self.conn_has_sent(node, conn, |sim, end| sim.leave(node, end, len))
            }
            Some(Busy::Block(conn)) => self.conn_has_sent(node, conn, |sim, end| sim.leave_block(node, end)),
            Some(Busy::Post) => {
                self.datagram_has_left(node);
                None
            }
            Some(Busy::Burst) => None,
            None => return,
        };
        self.serve(node);
        if let Some(Sent { conn, cause, len }) = sent {
            self.tell_sent(node, cause, conn, len);
        }
    }

    /// The peer hears how much of a body has left.
    pub(super) fn tell_sent(&mut self, node: u32, cause: Cause, conn: ConnId, len: u32) {
        if self.nodes[node as usize].end(conn).is_some_and(|end| end.flags & CLOSING == 0) {
            self.deliver(node, cause, Event::Sent { conn, len });
        }
    }

    /// The uplink has sent what a connection had its turn for: that leaves. Returns what of it was a body's.
    fn conn_has_sent(
        &mut self,
        node: u32,
        conn: ConnId,
        leave: impl FnOnce(&mut Self, &End) -> (Cause, u32),
    ) -> Option<Sent> {
        let end = self.nodes[node as usize].end(conn).map(|end| *end)?;
        let (cause, len) = leave(self, &end);
        self.back_into_ring(node, conn, end.flow);
        self.refresh(node, conn);
        self.finish_close(node, cause, conn);
        (len > 0).then_some(Sent { conn, cause, len })
    }

    /// A connection that has had its turn waits for the next, if it has more to send.
    fn back_into_ring(&mut self, node: u32, conn: ConnId, flow: u32) {
        let again = self.can_leave(flow);
        self.flows[flow as usize].in_ring = again;
        if again {
            let line = self.nodes[node as usize].line as usize;
            self.lines[line].ring.push_back(Turn::Conn(conn));
        }
    }

    /// What was reserved leaves. Returns its cause, and how many bytes of a body it was.
    fn leave(&mut self, node: u32, end: &End, len: u32) -> (Cause, u32) {
        let queue = &mut self.flows[end.flow as usize].queue;
        let (cause, out) = queue.pop_front().expect("something was reserved");
        match out {
            Out::Message(message) => {
                self.count_seal(node, end, len, true);
                self.emit_message(node, cause, end, message, self.now);
                (cause, 0)
            }
            Out::Shake(number) => {
                self.emit_shake(node, cause, end, number);
                (cause, 0)
            }
            Out::Gate => unreachable!("a gate cannot leave"),
            Out::Body(mut span) => {
                let part = Span { len: u64::from(len), ..span };
                self.on_tape(|tape, at| tape.chunk_leaves(at, (node, end.conn), part));
                let spoiled = self.body_leaves(node, cause, part);
                span.offset += u64::from(len);
                span.len -= u64::from(len);
                if span.len > 0 {
                    self.flows[end.flow as usize].queue.push_front((cause, Out::Body(span)));
                }
                let garbled = self.faults.corrupts();
                self.count_seal(node, end, len, true);
                if garbled && end.flags & SEALED != 0 {
                    self.break_seal(node, cause, end);
                } else if let Some(leaves) = self.departure(node, end, self.now) {
                    let what = What::ChunkArrive { conn: end.far_conn, len, corrupt: spoiled || garbled };
                    self.push(later(leaves, end.latency), end.far_node, cause, what);
                }
                (cause, len)
            }
        }
    }

    /// A message leaves, and with it the body that it announces.
    fn leave_block(&mut self, node: u32, end: &End) -> (Cause, u32) {
        let queue = &mut self.flows[end.flow as usize].queue;
        let (Some((_, Out::Message(message))), Some((cause, Out::Body(span)))) =
            (queue.pop_front(), queue.pop_front())
        else {
            unreachable!("a block was reserved");
        };
        self.on_tape(|tape, at| {
            tape.leaves(at, (node, end.conn));
            tape.chunk_leaves(at, (node, end.conn), span);
        });
        let corrupt = self.body_leaves(node, cause, span) | self.faults.corrupts();
        if let Some(leaves) = self.departure(node, end, self.now) {
            let what = What::BlockArrive { conn: end.far_conn, message, corrupt };
            self.push(later(leaves, end.latency), end.far_node, cause, what);
        }
        (cause, span.len as u32)
    }

    /// Counts what leaves of a body; true if it is not what it should be.
    fn body_leaves(&mut self, node: u32, cause: Cause, span: Span) -> bool {
        self.nodes[node as usize].load.body_sent += span.len;
        self.causes.body(cause, span.len as u32);
        self.faults.is_spoiled(node, span)
    }

    /// A message that leaves at `at` goes into the core, to arrive after the latency.
    #[inline(always)]
    pub(super) fn emit_message(&mut self, node: u32, cause: Cause, end: &End, message: P::Message, at: Time) {
        self.on_tape(|tape, _| tape.leaves(at, (node, end.conn)));
        let Some(leaves) = self.departure(node, end, at) else { return };
        if self.faults.may_lose() && !message.pauses() && self.faults.loses() {
            self.on_tape(|tape, _| tape.loses((node, end.conn)));
            self.dropped.lost += 1;
            return;
        }
        let arrives = later(leaves, end.latency);
        let place = self.queue.place(arrives);
        place.put(Coming { node: end.far_node, cause, what: What::Arrive { conn: end.far_conn, message } });
    }

    /// When what leaves at `at` gets on its way; `None` if never, and then the connection is given up.
    #[inline(always)]
    pub(super) fn departure(&mut self, node: u32, end: &End, at: Time) -> Option<Time> {
        let leaves = self.faults.departure(at, node, end.far_node);
        if leaves == at || leaves <= at + self.config.patience {
            return Some(leaves);
        }
        self.dropped.lost += 1;
        self.break_path(node, end.conn, at + self.config.patience, CloseReason::Timeout);
        None
    }

    /// The far store has taken so many bytes.
    pub(super) fn credit(&mut self, node: u32, cause: Cause, conn: ConnId, len: u32) {
        let Some(flow) = self.nodes[node as usize].end(conn).map(|end| end.flow) else { return };
        if let Some(flow) = self.flows.get_mut(flow as usize) {
            flow.under_way -= u64::from(len);
            self.offer(node, conn);
        }
        self.finish_close(node, cause, conn);
    }
}

/// What has left of a body.
struct Sent {
    conn: ConnId,
    cause: Cause,
    len: u32,
}
