//! Connections: how they begin and end.

use std::net::SocketAddrV4;

use super::count::Cause;
use super::node::{BROKEN, CLOSING, End, FREE, In, NONE, OPENING, PARTING, Reading, Short, Turn};
use super::run::What;
use super::{Sim, nanos};
use crate::net::NodeId;
use crate::peer::{CloseReason, ConnId, Event, Peer, SetupOf, Time};

impl<P: Peer> Sim<P> {
    /// The node at an address, whether or not it can be reached.
    pub(super) fn node_at(&self, to: SocketAddrV4) -> Option<u32> {
        let host = to.ip().to_bits().checked_sub(self.config.network.to_bits())?.checked_sub(1)?;
        self.nodes.get(host as usize).filter(|node| node.port == to.port()).map(|_| host)
    }

    pub(super) fn dial(
        &mut self,
        node: u32,
        cause: Cause,
        conn: ConnId,
        to: SocketAddrV4,
        setup: SetupOf<P>,
    ) {
        if conn.slot() >= self.config.connections_max {
            self.nodes[node as usize].conns.close(conn);
            return self.push(self.now, node, cause, What::Limit { conn });
        }
        let far_node = self.node_at(to);
        self.on_tape(|tape, at| tape.dials(at, (node, conn), to, far_node, setup));
        // Nobody's line has no delay.
        let latency = match far_node {
            Some(far) => self.latency(node, far),
            None => self.nodes[node as usize].delay.saturating_add(nanos(self.config.core_delay)),
        };
        let end = End {
            conn,
            far_node: far_node.unwrap_or(NONE),
            far_conn: conn,
            flow: NONE,
            latency,
            flags: OPENING,
        };
        self.nodes[node as usize].put_end(end);
        let Some(far) = far_node else {
            let at = later(later(self.now, latency), latency);
            return self.push(at, node, cause, What::Fail { conn, reason: CloseReason::Refused });
        };
        let leaves = self.faults.departure(self.now, node, far);
        let given_up = self.now + self.config.patience;
        if leaves > given_up {
            self.push(given_up, node, cause, What::Fail { conn, reason: CloseReason::Timeout });
        } else {
            self.push(later(leaves, latency), far, cause, What::Knock { dialler: node, conn });
        }
    }

    /// A dial has come to `node`.
    pub(super) fn knock(&mut self, node: u32, cause: Cause, dialler: u32, dialled: ConnId) {
        let Some(latency) = self.nodes[dialler as usize].end(dialled).map(|end| end.latency) else {
            return; // The dialler has crashed meanwhile.
        };
        let leaves = self.faults.departure(self.now, node, dialler);
        let given_up = self.now + self.config.patience;
        if leaves > given_up {
            let timeout = What::Fail { conn: dialled, reason: CloseReason::Timeout };
            return self.push(given_up, dialler, cause, timeout);
        }
        let answer_at = later(leaves, latency);
        let n = &mut self.nodes[node as usize];
        if !n.up || n.firewalled {
            let refused = What::Fail { conn: dialled, reason: CloseReason::Refused };
            return self.push(answer_at, dialler, cause, refused);
        }
        let conn = n.conns.open();
        if conn.slot() >= self.config.connections_max {
            n.conns.close(conn);
            let refused = What::Fail { conn: dialled, reason: CloseReason::Refused };
            return self.push(answer_at, dialler, cause, refused);
        }
        n.put_end(End { conn, far_node: dialler, far_conn: dialled, flow: NONE, latency, flags: 0 });
        self.on_tape(|tape, at| tape.accepts(at, (node, conn), (dialler, dialled)));
        // Before anything that the acceptor sends at once.
        self.push(answer_at, dialler, cause, What::Answer { conn: dialled, far_node: node, far_conn: conn });
        let remote = self.address(NodeId(dialler));
        self.deliver(node, cause, Event::Opened { conn, remote, dialled: false });
    }

    /// The dial of `conn` has been answered.
    pub(super) fn answer(&mut self, node: u32, cause: Cause, conn: ConnId, far: u32, far_conn: ConnId) {
        let Some(end) = self.nodes[node as usize].end(conn) else {
            // The dialler has crashed or given up meanwhile: the acceptor's half is refused.
            let at = later(self.now, self.latency(node, far));
            let reset = What::CloseArrive { conn: far_conn, reason: CloseReason::Reset };
            return self.push(at, far, cause, reset);
        };
        end.far_conn = far_conn;
        end.flags &= !OPENING;
        let closing = end.flags & CLOSING != 0;
        self.on_tape(|tape, at| tape.opens(at, (node, conn)));
        // What the peer sent before goes first; then it hears that the connection is open.
        self.offer(node, conn);
        if closing {
            return self.finish_close(node, cause, conn);
        }
        let remote = self.address(NodeId(far));
        self.deliver(node, cause, Event::Opened { conn, remote, dialled: true });
    }

    /// The peer closes.
    pub(super) fn close(&mut self, node: u32, cause: Cause, conn: ConnId) {
        match self.nodes[node as usize].end(conn) {
            Some(end) if end.flags & CLOSING == 0 => end.flags |= CLOSING,
            _ => return self.dead_effect(),
        }
        let line = self.nodes[node as usize].line as usize;
        // One of the short messages that wait may be its own.
        if self.posts.get(line).is_some_and(|post| !post.shorts.is_empty()) {
            self.posts[line].shorts.push_back((cause, conn, Short::Close));
            self.lines[line].ring.push_back(Turn::Short);
            self.nodes[node as usize].end(conn).expect("it was there").flags |= PARTING;
        }
        self.finish_close(node, cause, conn);
    }

    /// Completes a close if nothing is left to leave.
    pub(super) fn finish_close(&mut self, node: u32, cause: Cause, conn: ConnId) {
        let Some(end) = self.nodes[node as usize].end(conn).map(|end| *end) else { return };
        let waits = end.flow != NONE && !self.flows[end.flow as usize].queue.is_empty();
        if end.flags & (CLOSING | OPENING | PARTING) == CLOSING && !waits {
            self.tell_closed(node, cause, &end, CloseReason::Remote);
            self.free(node, conn);
        }
    }

    /// Sends word to the far end that the connection has ended.
    fn tell_closed(&mut self, node: u32, cause: Cause, end: &End, reason: CloseReason) {
        self.on_tape(|tape, at| tape.closes(at, (node, end.conn), reason));
        if end.flags & BROKEN != 0 {
            return; // It cannot hear, and has a Closed of its own under way.
        }
        if reason == CloseReason::Remote {
            self.count_good_bye(node, end, false);
        }
        // It follows on what is on its way already.
        let line = self.lines.get(self.nodes[node as usize].line as usize);
        let at = line.map_or(self.now, |line| self.now.max(line.sent_until));
        let leaves = self.faults.departure(at, node, end.far_node);
        let given_up = at + self.config.patience;
        let what = if leaves > given_up {
            What::Fail { conn: end.far_conn, reason: CloseReason::Timeout }
        } else {
            What::CloseArrive { conn: end.far_conn, reason }
        };
        let at = if leaves > given_up { given_up } else { later(leaves, end.latency) };
        self.push(at, end.far_node, cause, what);
    }

    /// The far end's close has come, and the downlink has taken everything before it.
    pub(super) fn close_taken(&mut self, node: u32, cause: Cause, conn: ConnId, reason: CloseReason) {
        let Some(end) = self.nodes[node as usize].end(conn).map(|end| *end) else { return };
        if end.flow != NONE && end.flags & CLOSING == 0 {
            let flow = &mut self.flows[end.flow as usize];
            if flow.reading == Reading::Paused || !flow.held.is_empty() {
                return self.hold(node, conn, cause, In::Closed(reason));
            }
        }
        self.ended(node, cause, conn, reason);
    }

    /// The connection has ended without the peer's doing: the peer hears of it, unless it had closed it itself.
    pub(super) fn ended(&mut self, node: u32, cause: Cause, conn: ConnId, reason: CloseReason) {
        let Some(end) = self.nodes[node as usize].end(conn).map(|end| *end) else { return };
        let in_midst = end.flow != NONE
            && match self.flows[end.flow as usize].reading {
                Reading::Body { left, .. } => left > 0,
                Reading::Expected { .. } => true,
                Reading::Shake(_) => true,
                Reading::Messages | Reading::Paused => false,
            };
        self.free(node, conn);
        // An orderly close in the middle of a body or a handshake is none.
        let broken_off = in_midst && reason == CloseReason::Remote;
        let reason = if broken_off { CloseReason::Reset } else { reason };
        self.on_tape(|tape, at| tape.ends(at, (node, conn), reason));
        if end.flags & CLOSING == 0 {
            if reason == CloseReason::Remote {
                self.count_good_bye(node, &end, true);
            }
            self.deliver(node, cause, Event::Closed { conn, reason });
        }
    }

    /// Ends a connection at both sides, at this one with `reason`, at the far one as if this node had vanished.
    pub(super) fn abort(&mut self, node: u32, cause: Cause, conn: ConnId, reason: CloseReason) {
        let Some(end) = self.nodes[node as usize].end(conn).map(|end| *end) else { return };
        if end.flags & OPENING == 0 {
            self.tell_closed(node, cause, &end, CloseReason::Reset);
        }
        self.ended(node, cause, conn, reason);
    }

    /// The path between the two ends is broken: both give up at `at`.
    pub(super) fn break_path(&mut self, node: u32, conn: ConnId, at: Time, reason: CloseReason) {
        let Some(end) = self.nodes[node as usize].end(conn) else { return };
        if end.flags & BROKEN != 0 {
            return;
        }
        end.flags |= BROKEN;
        let (far_node, far_conn) = (end.far_node, end.far_conn);
        self.push(at, node, Cause::BACKGROUND, What::Fail { conn, reason });
        self.push(at, far_node, Cause::BACKGROUND, What::Fail { conn: far_conn, reason });
        if let Some(far) = self.nodes[far_node as usize].end(far_conn) {
            far.flags |= BROKEN;
        }
    }

    /// The node vanishes.
    pub(super) fn crash(&mut self, node: u32) {
        let n = &mut self.nodes[node as usize];
        if !n.up {
            return;
        }
        n.up = false;
        n.life = n.life.wrapping_add(1);
        for slot in 0..self.nodes[node as usize].ends.len() {
            let end = self.nodes[node as usize].ends[slot];
            if end.flags & FREE != 0 {
                continue;
            }
            if end.flags & OPENING == 0 {
                self.tell_closed(node, Cause::BACKGROUND, &end, CloseReason::Reset);
            } else {
                self.on_tape(|tape, at| tape.closes(at, (node, end.conn), CloseReason::Reset));
            }
            self.free(node, end.conn);
        }
        self.forget_datagrams(node);
    }
}

/// A moment so many nanoseconds later.
#[inline]
pub(super) fn later(at: Time, ns: u64) -> Time {
    Time(at.0.saturating_add(ns))
}
