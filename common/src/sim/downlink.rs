//! Arrivals at a busy downlink: it serves the connections that have something waiting in turn.

use super::Sim;
use super::conn::later;
use super::count::Cause;
use super::node::{End, In, NONE, SEALED, Turn, transmission_ns};
use super::run::What;
use crate::peer::{ConnId, Peer};

impl<P: Peer> Sim<P> {
    /// Something has come to this node's end of the core: it waits for its turn on a limited downlink, or is taken at once.
    pub(super) fn arrive(&mut self, node: u32, cause: Cause, conn: ConnId, item: In<P::Message>) {
        let end = self.nodes[node as usize].end(conn).map(|end| *end);
        let Some(end) = end.filter(|_| self.downlink_is_limited(node)) else {
            return self.taken(node, cause, conn, item);
        };
        let waiting = if end.flow == NONE { 0 } else { self.flows[end.flow as usize].arrivals.len() };
        if waiting == 0 && self.passes(node, &end, &item) {
            return self.taken(node, cause, conn, item);
        }
        match item {
            // An end has no bytes: it waits for those before it, and for nobody else's.
            In::Closed(_) if waiting == 0 => return self.taken(node, cause, conn, item),
            // A socket would push back until the sender's own queue is full. What is under way already still comes.
            // (Chunks need no bound here, they have their window.)
            In::Message(_) if waiting >= self.config.waiting_max => {
                self.overflow(end.far_node, cause, end.far_conn);
            }
            _ => {}
        }
        self.flow(node, conn).arrivals.push_back((cause, item));
        if waiting == 0 {
            self.lines[self.nodes[node as usize].line as usize].down_ring.push_back(Turn::Conn(conn));
            self.serve_downlink(node);
        }
    }

    /// Whether a message need not wait for the downlink, which is then occupied for as long as it would have been.
    fn passes(&mut self, node: u32, end: &End, item: &In<P::Message>) -> bool {
        let In::Message(_) = item else { return false };
        let line = &mut self.lines[self.nodes[node as usize].line as usize];
        let (None, true, Some(bps)) = (line.down_busy, line.down_ring.is_empty(), line.down_bps) else {
            return false;
        };
        let taking = transmission_ns(item.on_line(end.flags & SEALED != 0), bps);
        let until = later(self.now.max(line.taken_until), taking);
        let passes = until <= self.now + self.config.grain;
        if passes {
            line.taken_until = until;
        }
        passes
    }

    /// True while the downlink takes one thing after the other. (One that has just become ideal first ends what it has
    /// begun.)
    pub(super) fn downlink_is_limited(&self, node: u32) -> bool {
        self.lines
            .get(self.nodes[node as usize].line as usize)
            .is_some_and(|line| line.down_bps.is_some() || line.down_busy.is_some())
    }

    /// The downlink begins with the next arrival, if it is idle and there is one.
    pub(super) fn serve_downlink(&mut self, node: u32) {
        let line = self.nodes[node as usize].line as usize;
        if self.lines[line].down_busy.is_some() {
            return;
        }
        while let Some(turn) = self.lines[line].down_ring.pop_front() {
            let next = match turn {
                Turn::Conn(conn) => self.next_to_conn(node, conn),
                Turn::Post => self.posts[line].next_arrival_len(),
            };
            let Some(bytes) = next else { continue };
            let taking = self.lines[line].down_bps.map_or(0, |bps| transmission_ns(bytes, bps));
            self.lines[line].down_busy = Some(turn);
            let begins = self.now.max(self.lines[line].taken_until);
            return self.push(later(begins, taking), node, Cause::BACKGROUND, What::DownlinkFree);
        }
    }

    /// What the first arrival of a connection costs on the line. One that has ended while it waited has lost its turn with its
    /// arrivals.
    fn next_to_conn(&mut self, node: u32, conn: ConnId) -> Option<u32> {
        let end = self.nodes[node as usize].end(conn).map(|end| *end)?;
        let arrivals = &self.flows[end.flow as usize].arrivals;
        let (_, item) = arrivals.front().expect("a turn is asked for with an arrival");
        Some(item.on_line(end.flags & SEALED != 0))
    }

    /// The downlink has taken what it was busy with.
    pub(super) fn downlink_free(&mut self, node: u32) {
        let line = self.nodes[node as usize].line as usize;
        match self.lines[line].down_busy.take() {
            Some(Turn::Conn(conn)) => self.conn_has_taken(node, conn),
            Some(Turn::Post) => self.datagram_has_come(node),
            None => return,
        }
        self.serve_downlink(node);
    }

    /// The downlink has taken the first arrival of a connection.
    fn conn_has_taken(&mut self, node: u32, conn: ConnId) {
        let Some(flow) = self.nodes[node as usize].end(conn).map(|end| end.flow) else { return };
        let arrivals = &mut self.flows[flow as usize].arrivals;
        let (cause, item) = arrivals.pop_front().expect("what is being taken stays at the front");
        if !arrivals.is_empty() {
            let line = self.nodes[node as usize].line as usize;
            self.lines[line].down_ring.push_back(Turn::Conn(conn));
        }
        self.taken(node, cause, conn, item);
        self.refresh(node, conn);
    }

    /// Nothing lies between an arrival and its node any more.
    fn taken(&mut self, node: u32, cause: Cause, conn: ConnId, item: In<P::Message>) {
        match item {
            In::Message(message) => self.message_taken(node, cause, conn, message),
            In::Chunk { len, corrupt } => self.chunk_taken(node, cause, conn, len, corrupt),
            In::Block { message, corrupt } => self.block_taken(node, cause, conn, message, corrupt),
            In::Shake(number) => self.shake_taken(node, cause, conn, number),
            In::Closed(reason) => self.close_taken(node, cause, conn, reason),
        }
    }
}
