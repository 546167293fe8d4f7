//! The loop: takes the next event, hands it to its peer, and does what the peer wants done.

use super::Sim;
use super::count::Cause;
use super::faults::Change;
use super::node::{FREE, In, NONE, Node, Out};
use super::queue::Queue;
use crate::net::{NodeId, Observer};
use crate::peer::{Arrival, BodyState, CloseReason, ConnId, Cx, Effect, Event, FileId, Letter, Peer, Time};
use crate::prefetch::prefetch;
use crate::user::Command;
use crate::wire::Wire;

/// One entry of the queue, beside its time and order.
pub(super) struct Coming<P: Peer> {
    pub node: u32,
    pub cause: Cause,
    pub what: What<P::Message, P::Timer>,
}

/// What comes to a node.
pub(super) enum What<M, T> {
    Start,
    Command(Command),
    Timer {
        life: u16,
        timer: T,
    },
    Verified {
        life: u16,
        check: u32,
        ok: bool,
    },
    Finished {
        life: u16,
        file: FileId,
    },
    Computed {
        life: u16,
        task: u32,
        result: Box<[u8]>,
    },
    /// Somebody dials.
    Knock {
        dialler: u32,
        conn: ConnId,
    },
    /// The dial is answered: by this connection of the far node.
    Answer {
        conn: ConnId,
        far_node: u32,
        far_conn: ConnId,
    },
    /// A message has come to this node's end of the core.
    Arrive {
        conn: ConnId,
        message: M,
    },
    /// A datagram has come to this node's end of the core.
    DatagramArrive {
        from: u32,
        message: M,
    },
    ChunkArrive {
        conn: ConnId,
        len: u32,
        corrupt: bool,
    },
    /// A message and the body that it announces.
    BlockArrive {
        conn: ConnId,
        message: M,
        corrupt: bool,
    },
    /// A handshake's message, by its number.
    ShakeArrive {
        conn: ConnId,
        number: u8,
    },
    /// A handshake may take no longer.
    SealOverdue {
        conn: ConnId,
    },
    CloseArrive {
        conn: ConnId,
        reason: CloseReason,
    },
    /// The network itself ends the connection at this node.
    Fail {
        conn: ConnId,
        reason: CloseReason,
    },
    /// A dial that found no free slot.
    Limit {
        conn: ConnId,
    },
    /// The uplink has sent what it was busy with.
    UplinkFree,
    /// The downlink has taken what it was busy with.
    DownlinkFree,
    Sent {
        conn: ConnId,
        len: u32,
    },
    /// Go on with what a connection holds.
    Pump {
        conn: ConnId,
    },
    /// A scheduled change of the node, by number.
    Change(u32),
}

pub(super) type EventOf<P> = Event<<P as Peer>::Message, <P as Peer>::Timer>;

impl<P: Peer> Sim<P> {
    /// An entry of the queue fills no more than one cache line: time, node, cause, and what happens.
    pub(super) const ENTRY_FITS: () = {
        assert!(Queue::<Coming<P>>::ENTRY_BYTES <= 64);
    };
    /// Cache lines at the start of a node that are fetched in advance: what the driver keeps, and the peer, unless that is large.
    const NODE_LINES: usize = {
        let lines = size_of::<Node<P>>().div_ceil(64);
        if lines < 20 { lines } else { 20 }
    };

    #[inline(always)]
    pub(super) fn push(&mut self, at: Time, node: u32, cause: Cause, what: What<P::Message, P::Timer>) {
        self.queue.place(at).put(Coming { node, cause, what });
    }

    /// Runs the next event unless it is later than `limit`; false if there is none.
    #[inline]
    pub(super) fn run_one(&mut self, limit: Time, observer: &mut impl Observer) -> bool {
        let Some((at, entry)) = self.queue.next_until(limit) else {
            return false;
        };
        self.now = at;
        self.look_ahead();
        // Most are messages. Each kind is told apart before it is moved, so that it is moved once, and as what it is.
        if let Some(Coming { what: What::Arrive { .. }, .. }) = self.queue.look(entry) {
            let Coming { node, cause, what: What::Arrive { conn, message } } = self.queue.take(entry) else {
                unreachable!("it was looked at");
            };
            self.message_arrives(node, cause, conn, message);
        } else {
            let Coming { node, cause, what } = self.queue.take(entry);
            self.happen(node, cause, what);
        }
        if !self.notes.is_empty() {
            for (node, note) in self.notes.drain(..) {
                observer.note(at, node, note);
            }
        }
        true
    }

    /// Has the memory fetched that the coming events need: first their node, then the node's connections. By the time one of
    /// them is needed, some events later, the one before it has arrived.
    #[inline(always)]
    fn look_ahead(&self) {
        if let Some(coming) = self.queue.ahead(4) {
            prefetch(&self.nodes[coming.node as usize], Self::NODE_LINES);
        }
        if let Some(Coming { node, what: What::Arrive { conn, message }, .. }) = self.queue.ahead(1) {
            let node = &self.nodes[*node as usize];
            if let Some(end) = node.ends.get(conn.slot()) {
                prefetch(end, 1);
            }
            node.peer.foresee(*conn, message);
        }
    }

    #[inline(never)]
    fn happen(&mut self, node: u32, cause: Cause, what: What<P::Message, P::Timer>) {
        if let What::Change(number) = what {
            return self.change(node, number);
        }
        let (up, now_living) = (self.nodes[node as usize].up, self.nodes[node as usize].life);
        match what {
            What::Knock { dialler, conn } => self.knock(node, cause, dialler, conn),
            What::Answer { conn, far_node, far_conn } => self.answer(node, cause, conn, far_node, far_conn),
            What::UplinkFree => self.uplink_free(node),
            What::DownlinkFree => self.downlink_free(node),
            What::Command(_) if !up => self.dropped.commands += 1,
            What::DatagramArrive { .. } if !up => self.dropped.datagrams += 1,
            // Whatever else was to come to a node that is down concerns connections and plans that died with it.
            _ if !up => {}
            What::Start => self.deliver(node, cause, Event::Start),
            What::Command(command) => self.deliver(node, cause, Event::Command(command)),
            What::Timer { life, timer } if life == now_living => {
                self.deliver(node, cause, Event::Timer(timer));
            }
            What::Verified { life, check, ok } if life == now_living => {
                self.deliver(node, cause, Event::Verified { check, ok });
            }
            What::Finished { life, file } if life == now_living => {
                self.deliver(node, cause, Event::Finished { file, fault: None });
            }
            What::Computed { life, task, result } if life == now_living => {
                self.deliver(node, cause, Event::Computed { task, result: Some(result) });
            }
            What::Timer { .. } | What::Verified { .. } | What::Finished { .. } | What::Computed { .. } => {}
            What::DatagramArrive { from, message } => self.datagram_arrives(node, cause, from, message),
            What::ChunkArrive { conn, len, corrupt } => {
                self.arrive(node, cause, conn, In::Chunk { len, corrupt });
            }
            What::BlockArrive { conn, message, corrupt } => {
                self.arrive(node, cause, conn, In::Block { message, corrupt });
            }
            What::ShakeArrive { conn, number } => self.arrive(node, cause, conn, In::Shake(number)),
            What::SealOverdue { conn } => self.seal_overdue(node, cause, conn),
            What::CloseArrive { conn, reason } => self.arrive(node, cause, conn, In::Closed(reason)),
            What::Fail { conn, reason } => self.ended(node, cause, conn, reason),
            What::Limit { conn } => {
                self.deliver(node, cause, Event::Closed { conn, reason: CloseReason::Limit });
            }
            What::Sent { conn, len } => self.tell_sent(node, cause, conn, len),
            What::Pump { conn } => self.pump(node, cause, conn),
            What::Arrive { .. } | What::Change(_) => unreachable!("handled before"),
        }
    }

    fn change(&mut self, node: u32, number: u32) {
        match self.changes[number as usize].take().expect("a change happens once") {
            Change::Line(line) => self.set_line(node, &line),
            Change::Crash => self.crash(node),
            Change::Restart(peer) => {
                self.crash(node);
                let n = &mut self.nodes[node as usize];
                n.peer = peer;
                n.up = true;
                self.deliver(node, Cause::BACKGROUND, Event::Start);
            }
        }
    }

    /// Hands an event to its peer and does what the peer wants done.
    #[inline(never)]
    pub(super) fn deliver(&mut self, node: u32, cause: Cause, event: EventOf<P>) {
        let print = fingerprint(&event);
        self.deliver_here(node, cause, print, || event);
    }

    /// [`Sim::deliver`] for the one place where most events come by. The event is put together where the peer takes it from: moved
    /// there in one piece, right after its parts were written, it would have the processor wait for them.
    #[inline(always)]
    pub(super) fn deliver_here(
        &mut self,
        node: u32,
        cause: Cause,
        print: Print,
        event: impl FnOnce() -> EventOf<P>,
    ) {
        self.events += 1;
        self.digest.mix(self.now.0, u64::from(node) << 32 | u64::from(print.slot), print.what);
        let n = &mut self.nodes[node as usize];
        let address = NodeId(node).address(self.config.network, n.port);
        let mut cx = Cx::new(self.now, address, &self.own_key, &mut n.rng, &mut n.conns, &mut self.outbox);
        n.peer.handle(event(), &mut cx);
        if !self.outbox.is_empty() {
            self.apply_all(node, cause);
        }
    }

    fn apply_all(&mut self, node: u32, cause: Cause) {
        loop {
            while let Some(Letter { message, conn }) = self.send_freely(node, cause) {
                self.send(node, cause, conn, message);
            }
            let Some(effect) = self.outbox.next_other() else { break };
            self.apply(node, cause, effect);
        }
    }

    #[inline(never)]
    fn apply(&mut self, node: u32, cause: Cause, effect: Effect<P>) {
        let life = self.nodes[node as usize].life;
        match effect {
            Effect::Dial { conn, to, setup } | Effect::DialTls { conn, to, setup, .. } => {
                self.dial(node, cause, conn, to, setup);
            }
            Effect::Send { conn, message } => self.send(node, cause, conn, message),
            Effect::SendTo { to, message } => self.send_to(node, cause, to, message),
            Effect::SendBody { conn, span } => {
                if span.len > 0 {
                    self.enqueue(node, cause, conn, Out::Body(span));
                }
            }
            Effect::Expect { conn, body, into } => self.expect(node, conn, body, into),
            Effect::Unexpect { conn, key } => self.unexpect(node, conn, key),
            Effect::Receive { conn, len, into } => self.receive(node, cause, conn, len, into),
            Effect::Resume { conn, setup } => {
                if let Some(setup) = setup {
                    self.on_tape(|tape, _| tape.speaks((node, conn), setup));
                }
                match setup.and_then(P::Message::seal) {
                    None => self.resume(node, cause, conn),
                    Some(side) => self.resume_sealed(node, cause, conn, side),
                }
            }
            Effect::Verify { check, span, digest: _ } => {
                let ok = !self.faults.is_spoiled(node, span);
                self.push(self.now, node, cause, What::Verified { life, check, ok });
            }
            Effect::Finish { file } => self.push(self.now, node, cause, What::Finished { life, file }),
            Effect::Compute { task, work } => {
                let result = work.run();
                self.push(self.now, node, cause, What::Computed { life, task, result });
            }
            Effect::Close { conn } => self.close(node, cause, conn),
            Effect::Wake { at, timer } => {
                self.push(at.max(self.now), node, cause, What::Timer { life, timer });
            }
            Effect::Note(note) => self.notes.push((NodeId(node), note)),
        }
    }

    /// Counts an effect that named a dead connection.
    pub(super) fn dead_effect(&mut self) {
        self.dropped.dead_effects += 1;
    }

    /// Ends this node's side of a connection: frees the slot and what hung on it.
    pub(super) fn free(&mut self, node: u32, conn: ConnId) {
        let n = &mut self.nodes[node as usize];
        let Some(end) = n.end(conn) else { return };
        end.flags = FREE;
        let index = std::mem::replace(&mut end.flow, NONE);
        n.conns.close(conn);
        if index != NONE {
            let flow = &mut self.flows[index as usize];
            self.dropped.late_arrivals += flow.untaken();
            flow.reset();
            self.flows_free.push(index);
        }
    }
}

/// What the run's digest takes of an event.
#[derive(Clone, Copy)]
pub(super) struct Print {
    slot: u32,
    /// The kind of event in the highest byte, its details below.
    what: u64,
}

impl Print {
    fn new(slot: u32, kind: u8, detail: u64) -> Print {
        Print { slot, what: u64::from(kind) << 56 | detail }
    }

    #[inline(always)]
    pub(super) fn message(conn: ConnId, message: &impl Wire) -> Print {
        Print::new(conn.slot() as u32, 1, u64::from(message.kind()) << 32 | u64::from(message.wire_len()))
    }
}

fn fingerprint<M: Wire, T>(event: &Event<M, T>) -> Print {
    let slot = |conn: &ConnId| conn.slot() as u32;
    match event {
        Event::Message { conn, message } => Print::message(*conn, message),
        Event::Timer(_) => Print::new(0, 2, 0),
        Event::Body { conn, len, state } => {
            Print::new(slot(conn), 3, u64::from(*state == BodyState::Done) << 32 | u64::from(*len))
        }
        Event::Sent { conn, len } => Print::new(slot(conn), 4, u64::from(*len)),
        Event::Arrived { conn, body, arrival } => {
            Print::new(slot(conn), 12, u64::from(*arrival == Arrival::Stored) << 32 | u64::from(body.len))
        }
        Event::Opened { conn, remote, dialled } => {
            Print::new(slot(conn), 5, u64::from(*dialled) << 32 | u64::from(remote.ip().to_bits()))
        }
        Event::Closed { conn, reason } => Print::new(slot(conn), 6, *reason as u64),
        Event::Start => Print::new(0, 7, 0),
        Event::Command(_) => Print::new(0, 8, 0),
        Event::Verified { check, ok } => Print::new(0, 9, u64::from(*ok) << 32 | u64::from(*check)),
        Event::Finished { file, .. } => Print::new(0, 10, u64::from(file.0)),
        Event::Datagram { from, message } => {
            let detail = u64::from(message.kind()) << 32 | u64::from(message.wire_len());
            Print::new(from.ip().to_bits(), 13, detail)
        }
        Event::Computed { task, result } => {
            let len = result.as_ref().map_or(0, |result| result.len());
            Print::new(0, 14, (len as u64 & 0xff_ffff) << 32 | u64::from(*task))
        }
        Event::Sealed { conn, key } => {
            // As much of the key as there is room for.
            Print::new(slot(conn), 11, key.0[..7].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
        }
    }
}
