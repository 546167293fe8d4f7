//! Sealed connections: nothing is encrypted, and everything costs what it would.
//!
//! An end that seals lets through what was sent before, then the handshake's messages, and behind a gate in its queue waits what
//! was sent since. The handshake's messages take their turns on the lines like any other; those that nobody awaits, and any other
//! bytes where one is awaited, end the connection as garbage would. Once through, an end is marked: what leaves it takes a
//! record more on the line for each message and chunk. (The real driver seals what it gathers for a write, so it needs as many records or
//! fewer, but for one where a write's limit divides a message.) The good-bye is counted and takes no time.

use super::Sim;
use super::conn::later;
use super::count::Cause;
use super::node::{BROKEN, CLOSING, End, In, NONE, Out, Reading, SEALED};
use super::run::What;
use crate::metrics::Sealing;
use crate::net::NodeId;
use crate::peer::{CloseReason, ConnId, Event, Peer, PublicKey};
use crate::seal::{HANDSHAKE_BYTES, RECORD_OVERHEAD_BYTES, Seal, sealing_bytes};

/// The last message of a handshake, which its sender sends when it is through.
const LAST: u8 = HANDSHAKE_BYTES.len() as u8 - 1;

impl<P: Peer> Sim<P> {
    /// What sealing has cost a node, beside its [load](Sim::load).
    pub fn sealing(&self, node: NodeId) -> Sealing {
        self.sealing.get(node.index()).copied().unwrap_or_default()
    }

    /// The peer reads on, sealed if the connection is not yet.
    pub(super) fn resume_sealed(&mut self, node: u32, cause: Cause, conn: ConnId, side: Seal) {
        let end = self.nodes[node as usize].end(conn).map(|end| *end);
        let Some(end) = end.filter(|end| end.flags & CLOSING == 0) else { return self.dead_effect() };
        if end.flags & SEALED != 0 {
            return self.resume(node, cause, conn);
        }
        let awaited = match side {
            Seal::Dialler => 1,
            Seal::Acceptor => 0,
        };
        let overdue_at = self.now + self.config.patience;
        self.push(overdue_at, node, cause, What::SealOverdue { conn });
        let queue = &mut self.flow(node, conn).queue;
        if side == Seal::Dialler {
            queue.push_back((cause, Out::Shake(0)));
        }
        queue.push_back((cause, Out::Gate));
        self.read_on(node, cause, conn, Reading::Shake(awaited));
        self.offer(node, conn);
    }

    /// A handshake's message leaves. Like messages that pause, it is never lost: TCP would repeat it.
    pub(super) fn emit_shake(&mut self, node: u32, cause: Cause, end: &End, number: u8) {
        self.sealing_of(node).sent += u64::from(HANDSHAKE_BYTES[usize::from(number)]);
        if let Some(leaves) = self.departure(node, end, self.now) {
            let what = What::ShakeArrive { conn: end.far_conn, number };
            self.push(later(leaves, end.latency), end.far_node, cause, what);
        }
    }

    /// The downlink has taken a handshake's message, or the peer reads on and it was held.
    pub(super) fn shake_taken(&mut self, node: u32, cause: Cause, conn: ConnId, number: u8) {
        let Some(end) = self.nodes[node as usize].end(conn).map(|end| *end) else { return };
        let (reading, held) = match self.flows.get(end.flow as usize) {
            Some(flow) => (flow.reading, !flow.held.is_empty()),
            None => (Reading::Messages, false),
        };
        match reading {
            Reading::Shake(awaited) if awaited == number && !held => self.shake(node, cause, conn, number),
            Reading::Messages | Reading::Paused | Reading::Body { .. } | Reading::Expected { .. }
                if end.flags & CLOSING != 0 =>
            {
                self.dropped.late_arrivals += 1;
            }
            _ if held || reading == Reading::Paused => self.hold(node, conn, cause, In::Shake(number)),
            _ => self.abort(node, cause, conn, CloseReason::Protocol),
        }
    }

    /// The handshake's awaited message is there.
    fn shake(&mut self, node: u32, cause: Cause, conn: ConnId, number: u8) {
        self.sealing_of(node).received += u64::from(HANDSHAKE_BYTES[usize::from(number)]);
        let flow = self.flow(node, conn);
        // Whatever was sent in plain has left: it was before our own last message, or before our peer's word.
        let gate =
            flow.queue.iter().position(|(_, out)| matches!(out, Out::Gate)).expect("a gate until through");
        if number == LAST {
            flow.queue.remove(gate);
            return self.sealed(node, cause, conn);
        }
        flow.queue.insert(gate, (cause, Out::Shake(number + 1)));
        if number + 1 == LAST {
            flow.queue.remove(gate + 1);
            return self.sealed(node, cause, conn);
        }
        flow.reading = Reading::Shake(number + 2);
        self.offer(node, conn);
    }

    /// The handshake is through at this end.
    fn sealed(&mut self, node: u32, cause: Cause, conn: ConnId) {
        self.flow(node, conn).reading = Reading::Messages;
        let end = self.nodes[node as usize].end(conn).expect("flow() found it");
        end.flags |= SEALED;
        let (far_node, closing) = (end.far_node, end.flags & CLOSING != 0);
        self.offer(node, conn);
        if closing {
            return self.finish_close(node, cause, conn);
        }
        let key = PublicKey::simulated(self.config.seed, self.address(NodeId(far_node)));
        self.deliver(node, cause, Event::Sealed { conn, key });
        self.pump_if_ready(node, cause, conn);
    }

    /// A handshake may take no longer.
    pub(super) fn seal_overdue(&mut self, node: u32, cause: Cause, conn: ConnId) {
        let Some(end) = self.nodes[node as usize].end(conn).map(|end| *end) else { return };
        if end.flow != NONE && self.flows[end.flow as usize].is_shaking() {
            self.abort(node, cause, conn, CloseReason::Timeout);
        }
    }

    /// Counts what the seal of `len` bytes takes, if this end is sealed: as they leave, or as they are taken.
    pub(super) fn count_seal(&mut self, node: u32, end: &End, len: u32, sent: bool) {
        if end.flags & SEALED != 0 {
            let cost = sealing_bytes(len as usize) as u64;
            let sealing = self.sealing_of(node);
            *(if sent { &mut sealing.sent } else { &mut sealing.received }) += cost;
        }
    }

    /// Counts the record that ends a sealed stream in good order: ours as it leaves, and `answered` the far side's with ours that
    /// follows on it.
    pub(super) fn count_good_bye(&mut self, node: u32, end: &End, answered: bool) {
        if end.flags & SEALED != 0 {
            let cost = RECORD_OVERHEAD_BYTES as u64;
            self.sealing_of(node).sent += cost;
            self.sealing_of(node).received += if answered { cost } else { 0 };
        }
    }

    /// A sealed chunk is changed on its way: the far side finds that and ends the connection, of which this side then hears.
    pub(super) fn break_seal(&mut self, node: u32, cause: Cause, end: &End) {
        if end.flags & BROKEN != 0 {
            return;
        }
        let Some(leaves) = self.departure(node, end, self.now) else { return };
        let arrives = later(leaves, end.latency);
        let found = What::CloseArrive { conn: end.far_conn, reason: CloseReason::Protocol };
        self.push(arrives, end.far_node, cause, found);
        let told = What::CloseArrive { conn: end.conn, reason: CloseReason::Reset };
        self.push(later(arrives, end.latency), node, cause, told);
        if let Some(end) = self.nodes[node as usize].end(end.conn) {
            end.flags |= BROKEN;
        }
    }

    fn sealing_of(&mut self, node: u32) -> &mut Sealing {
        if self.sealing.len() <= node as usize {
            self.sealing.resize(self.nodes.len(), Sealing::default());
        }
        &mut self.sealing[node as usize]
    }
}
