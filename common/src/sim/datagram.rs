//! Datagrams: they take their turn on the lines, and arrive after the latency, or never.

use std::collections::VecDeque;
use std::net::SocketAddrV4;

use super::Sim;
use super::conn::later;
use super::count::Cause;
use super::node::{NONE, Short, Turn};
use super::run::What;
use crate::metrics::Traffic;
use crate::net::NodeId;
use crate::peer::{ConnId, Event, Peer};
use crate::wire::{DATAGRAM_BYTES_MAX, Wire};

/// What waits for one node's limited line beside the connections that have much to say.
pub(super) struct Post<M> {
    /// Datagrams, with the node at the other end. What the line is busy with stays in front.
    leaving: VecDeque<(Cause, u32, M)>,
    arriving: VecDeque<(Cause, u32, M)>,
    /// Short messages of connections, in the order of their turns.
    pub(super) shorts: VecDeque<(Cause, ConnId, Short<M>)>,
}

impl<M: Wire> Post<M> {
    fn new() -> Self {
        Post { leaving: VecDeque::new(), arriving: VecDeque::new(), shorts: VecDeque::new() }
    }

    /// Bytes of what leaves next.
    pub(super) fn next_len(&self) -> Option<u32> {
        self.leaving.front().map(|(_, _, message)| message.wire_len())
    }

    /// Bytes of the short message whose turn is next; a good-bye has none.
    pub(super) fn next_short_len(&self) -> u32 {
        match self.shorts.front() {
            Some((_, _, Short::Message(message))) => message.wire_len(),
            Some((_, _, Short::Close)) | None => 0,
        }
    }

    /// Bytes of what is taken next.
    pub(super) fn next_arrival_len(&self) -> Option<u32> {
        self.arriving.front().map(|(_, _, message)| message.wire_len())
    }
}

impl<P: Peer> Sim<P> {
    /// The peer sends a datagram.
    pub(super) fn send_to(&mut self, node: u32, cause: Cause, to: SocketAddrV4, message: P::Message) {
        let len = message.wire_len();
        if len as usize > DATAGRAM_BYTES_MAX {
            self.dropped.datagrams += 1;
            return;
        }
        let n = &mut self.nodes[node as usize];
        n.load.sent.add(len);
        self.by_kind.add(message.kind(), len);
        self.causes.messages(cause, Traffic { messages: 1, bytes: u64::from(len) });
        if n.firewalled {
            self.pinholes.entry(node).or_default().sends(to, self.now);
        }
        // To an address that nobody has it takes the line all the same.
        let far = self.node_at(to).unwrap_or(NONE);
        if !self.uplink_is_limited(node) {
            return self.emit_datagram(node, cause, far, message);
        }
        let (line, waiting_max) = (self.nodes[node as usize].line as usize, self.config.waiting_max);
        let leaving = &mut self.post(line).leaving;
        if leaving.len() >= waiting_max {
            self.dropped.datagrams += 1;
            return;
        }
        leaving.push_back((cause, far, message));
        if leaving.len() == 1 {
            self.lines[line].ring.push_back(Turn::Post);
            self.serve(node);
        }
    }

    pub(super) fn post(&mut self, line: usize) -> &mut Post<P::Message> {
        if self.posts.len() <= line {
            self.posts.resize_with(line + 1, Post::new);
        }
        &mut self.posts[line]
    }

    /// The uplink has sent the first of those that wait, unless the node has crashed meanwhile.
    pub(super) fn datagram_has_left(&mut self, node: u32) {
        let line = self.nodes[node as usize].line as usize;
        let leaving = &mut self.posts[line].leaving;
        let Some((cause, far, message)) = leaving.pop_front() else { return };
        if !leaving.is_empty() {
            self.lines[line].ring.push_back(Turn::Post);
        }
        self.emit_datagram(node, cause, far, message);
    }

    /// A datagram goes into the core.
    fn emit_datagram(&mut self, node: u32, cause: Cause, far: u32, message: P::Message) {
        let is_lost = far == NONE
            || self.faults.departure(self.now, node, far) != self.now
            || self.faults.loses_datagram();
        let arrives = (!is_lost).then(|| later(self.now, self.latency(node, far)));
        self.on_tape(|tape, at| tape.datagram(at, node, (far != NONE).then_some(far), arrives, &message));
        let Some(arrives) = arrives else {
            self.dropped.datagrams += 1;
            return;
        };
        self.push(arrives, far, cause, What::DatagramArrive { from: node, message });
    }

    /// A datagram has come to this node's end of the core.
    pub(super) fn datagram_arrives(&mut self, node: u32, cause: Cause, from: u32, message: P::Message) {
        let sender = self.address(NodeId(from));
        let is_refused = self.nodes[node as usize].firewalled
            && !self.pinholes.get(&node).is_some_and(|holes| holes.admit(sender, self.now));
        if is_refused {
            self.dropped.datagrams += 1;
            return;
        }
        if !self.downlink_is_limited(node) {
            return self.datagram_taken(node, cause, from, message);
        }
        let (line, waiting_max) = (self.nodes[node as usize].line as usize, self.config.waiting_max);
        let arriving = &mut self.post(line).arriving;
        if arriving.len() >= waiting_max {
            self.dropped.datagrams += 1;
            return;
        }
        arriving.push_back((cause, from, message));
        if arriving.len() == 1 {
            self.lines[line].down_ring.push_back(Turn::Post);
            self.serve_downlink(node);
        }
    }

    /// The downlink has taken the first of those that have come, unless the node has crashed meanwhile.
    pub(super) fn datagram_has_come(&mut self, node: u32) {
        let line = self.nodes[node as usize].line as usize;
        let arriving = &mut self.posts[line].arriving;
        let Some((cause, from, message)) = arriving.pop_front() else { return };
        if !arriving.is_empty() {
            self.lines[line].down_ring.push_back(Turn::Post);
        }
        self.datagram_taken(node, cause, from, message);
    }

    /// The peer takes a datagram.
    fn datagram_taken(&mut self, node: u32, cause: Cause, from: u32, message: P::Message) {
        self.count_received(node, cause, &message);
        let from = self.address(NodeId(from));
        self.deliver(node, cause, Event::Datagram { from, message });
    }

    /// The node has crashed: what waited for its line is lost.
    pub(super) fn forget_datagrams(&mut self, node: u32) {
        self.pinholes.remove(&node);
        if let Some(post) = self.posts.get_mut(self.nodes[node as usize].line as usize) {
            self.dropped.datagrams += (post.leaving.len() + post.arriving.len()) as u64;
            post.leaving.clear();
            post.arriving.clear();
            post.shorts.clear();
        }
    }
}
