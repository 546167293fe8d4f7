//! A node's task: it owns the peer, hands it events and carries out its effects.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use rand_pcg::Pcg32;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admission::Admission;
use super::connection::Origin;
use super::datagram::Datagrams;
use super::expected::{Expected, Told};
use super::input::Input;
use super::line::Line;
use super::outgoing::{Budget, Outgoing};
use super::reader::Order;
use super::snapshot::Counters;
use super::timers::Timers;
use super::{Clock, Limits, NoteSink, SharedStore};
use crate::net::NodeId;
use crate::peer::{CloseReason, ConnId, ConnIds, Cx, Event, Outbox, OwnKey, Peer, SetupOf};
use crate::seal::Identity;
use crate::user::Command;
use crate::wire::Wire;

/// Inputs taken from the queue at a time; between them the node looks at its timers and commands.
const INPUTS_AT_A_TIME: usize = 64;

type EventOf<P> = Event<<P as Peer>::Message, <P as Peer>::Timer>;

/// A node's task.
pub(super) struct Node<P: Peer> {
    pub(super) peer: P,
    pub(super) node: NodeId,
    pub(super) address: SocketAddrV4,
    /// The address that dialled connections come from, if it is not for the system to choose.
    pub(super) source: Option<Ipv4Addr>,
    pub(super) limits: Arc<Limits>,
    pub(super) line: Option<Arc<Line>>,
    pub(super) datagrams: Datagrams,
    pub(super) clock: Clock,
    pub(super) rng: Pcg32,
    pub(super) identity: Arc<Identity>,
    pub(super) own_key: OwnKey,
    pub(super) store: SharedStore,
    pub(super) notes: NoteSink,
    pub(super) counters: Counters,
    pub(super) admission: Admission,
    pub(super) budget: Arc<Budget>,
    pub(super) tasks: TaskTracker,
    /// The listener is to end.
    pub(super) unlisten: CancellationToken,
    /// The peer is to leave.
    pub(super) leave: CancellationToken,
    /// Everything is to end at once.
    pub(super) kill: CancellationToken,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) inputs: mpsc::Receiver<Input<P::Message>>,
    pub(super) inputs_sender: mpsc::Sender<Input<P::Message>>,
    pub(super) table: Table<P>,
}

/// What the node's task keeps of its own, beside what it was started with.
pub(super) struct Table<P: Peer> {
    pub(super) ids: ConnIds,
    /// By slot. A connection that the peer has closed is no longer here, even while its task still flushes.
    conns: Vec<Option<Conn<P>>>,
    pub(super) live: usize,
    outbox: Outbox<P>,
    /// Events that effects have caused at once; they follow the event being handled.
    pub(super) caused: VecDeque<EventOf<P>>,
    pub(super) timers: Timers<P::Timer>,
    pub(super) checks: usize,
    pub(super) checks_running: Arc<Semaphore>,
}

/// The node's end of a connection.
pub(super) struct Conn<P: Peer> {
    pub(super) id: ConnId,
    pub(super) outgoing: Arc<Outgoing>,
    pub(super) orders: mpsc::Sender<Order<SetupOf<P>>>,
    pub(super) expected: Arc<Expected>,
    pub(super) close: CancellationToken,
    pub(super) kill: CancellationToken,
    pub(super) encoder: <P::Message as Wire>::Codec,
    /// It is sealed, or its handshake is under way.
    pub(super) sealed: bool,
    /// Its reader waits for an order.
    pub(super) paused: bool,
}

impl<P: Peer> Table<P> {
    pub(super) fn new(limits: &Limits) -> Self {
        Table {
            ids: ConnIds::default(),
            conns: Vec::new(),
            live: 0,
            outbox: Outbox::default(),
            caused: VecDeque::new(),
            timers: Timers::new(),
            checks: 0,
            checks_running: Arc::new(Semaphore::new(limits.checks_running_max)),
        }
    }

    pub(super) fn get(&mut self, conn: ConnId) -> Option<&mut Conn<P>> {
        self.conns.get_mut(conn.slot())?.as_mut().filter(|entry| entry.id == conn)
    }

    pub(super) fn insert(&mut self, entry: Conn<P>) {
        let slot = entry.id.slot();
        if self.conns.len() <= slot {
            self.conns.resize_with(slot + 1, || None);
        }
        debug_assert!(self.conns[slot].is_none(), "a slot is free before it is given out again");
        self.conns[slot] = Some(entry);
        self.live += 1;
    }

    pub(super) fn remove(&mut self, conn: ConnId) -> Option<Conn<P>> {
        self.get(conn)?;
        self.live -= 1;
        self.conns[conn.slot()].take()
    }
}

impl<P: Peer> Drop for Node<P> {
    fn drop(&mut self) {
        // However the task ends, nothing of the node survives it.
        self.unlisten.cancel();
        self.kill.cancel();
    }
}

/// Ends a node when one of its tasks panics: the peer broke the contract, or the driver itself is broken, and
/// neither may go on as if nothing had happened.
pub(super) struct CrashGuard {
    pub(super) node: NodeId,
    pub(super) counters: Counters,
    pub(super) kill: CancellationToken,
}

impl CrashGuard {
    /// Runs `task` under this guard.
    pub(super) async fn over(self, task: impl Future<Output = ()>) {
        task.await;
    }
}

impl Drop for CrashGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(node = self.node.0, "a task panicked; its node ends as in a crash");
            self.counters.lock().crashed = true;
            self.kill.cancel();
        }
    }
}

impl<P> Node<P>
where
    P: Peer + Send + 'static,
{
    /// Runs the node until it has left or is killed, and every one of its tasks has ended.
    pub(super) async fn run(mut self) {
        let kill = self.kill.clone();
        let life = async {
            self.live().await;
            self.wind_down().await;
        };
        tokio::select! {
            biased;
            () = kill.cancelled() => {}
            () = life => {}
        }
        self.kill.cancel();
        self.unlisten.cancel();
        self.inputs.close();
        self.tasks.close();
        let tasks = self.tasks.clone();
        // Accepted sockets may still wait in the queue; they end here.
        drop(self);
        tasks.wait().await;
    }

    /// Hands events to the peer until it has left.
    async fn live(&mut self) {
        let () = P::SIZES_HOLD;
        let mut batch = Vec::with_capacity(INPUTS_AT_A_TIME);
        let leave = self.leave.clone();
        let mut leave_by: Option<Instant> = None;
        let mut alarm = std::pin::pin!(sleep_until(Instant::now()));
        self.deliver(Event::Start);
        loop {
            let now = self.clock.now();
            while let Some(timer) = self.table.timers.due(now) {
                self.deliver(Event::Timer(timer));
            }
            let answers_by = leave_by.and_then(|_| self.datagrams.answers_by());
            if leave_by.is_some_and(|by| by <= Instant::now() || self.has_left(answers_by)) {
                return;
            }
            let next = self.table.timers.next().map(|at| self.clock.instant(at));
            let next = [next, leave_by, answers_by].into_iter().flatten().min();
            if let Some(next) = next
                && alarm.deadline() != next
            {
                alarm.as_mut().reset(next);
            }
            tokio::select! {
                () = leave.cancelled(), if leave_by.is_none() => {
                    leave_by = Some(Instant::now() + self.limits.leave_timeout);
                    self.unlisten.cancel();
                    self.deliver(Event::Command(Command::Leave));
                }
                Some(command) = self.commands.recv() => self.deliver(Event::Command(command)),
                _ = self.inputs.recv_many(&mut batch, INPUTS_AT_A_TIME) => {
                    for input in batch.drain(..) {
                        self.take(input);
                    }
                }
                () = &mut alarm, if next.is_some() => {}
            }
        }
    }

    /// A peer that was told to leave has nothing more to say or to hear.
    fn has_left(&self, answers_by: Option<Instant>) -> bool {
        let hears_more = answers_by.is_some_and(|by| by > Instant::now());
        self.table.live == 0 && self.table.checks == 0 && !hears_more
    }

    /// The peer has left: what it has closed flushes, and what it has not is closed now.
    async fn wind_down(&mut self) {
        for entry in self.table.conns.iter().flatten() {
            entry.close.cancel();
        }
        self.table.conns.clear();
        self.datagrams.close();
        self.inputs.close();
        while self.inputs.try_recv().is_ok() {}
        self.tasks.close();
        let _ = tokio::time::timeout(self.limits.linger_timeout, self.tasks.wait()).await;
    }

    fn take(&mut self, input: Input<P::Message>) {
        match input {
            Input::Accepted { stream, remote, ticket } => {
                let conn = self.table.ids.open();
                self.start(conn, Origin::Accepted { stream, remote }, SetupOf::<P>::default(), ticket);
            }
            Input::Verified { check, ok } => {
                self.table.checks -= 1;
                self.deliver(Event::Verified { check, ok });
            }
            Input::Computed { task, result } => {
                self.table.checks -= 1;
                self.deliver(Event::Computed { task, result });
            }
            Input::Finished { file, fault } => {
                self.table.checks -= 1;
                self.deliver(Event::Finished { file, fault });
            }
            Input::Closed { conn, reason } => {
                // Its task still flushes what the peer had sent before; it ends once it knows there is no more.
                if let Some(entry) = self.forget(conn) {
                    entry.close.cancel();
                    self.deliver(Event::Closed { conn, reason });
                }
            }
            Input::Opened { conn, remote, dialled } if self.table.get(conn).is_some() => {
                self.deliver(Event::Opened { conn, remote, dialled });
            }
            Input::Message { conn, message } => {
                let Some(entry) = self.table.get(conn) else { return };
                entry.paused = message.pauses();
                self.counters.lock().load.received.add(message.wire_len());
                self.deliver(Event::Message { conn, message });
            }
            Input::Datagram { from, message } => {
                if self.admits_datagram(from) {
                    self.counters.lock().load.received.add(message.wire_len());
                    self.deliver(Event::Datagram { from, message });
                }
            }
            Input::Body { conn, len, state } if self.table.get(conn).is_some() => {
                self.counters.lock().load.body_received += u64::from(len);
                self.deliver(Event::Body { conn, len, state });
            }
            Input::Arrived { conn, bodies } => {
                for Told { body, head, arrival } in bodies {
                    // What one has caused may have closed it.
                    if self.table.get(conn).is_none() {
                        return;
                    }
                    let mut counters = self.counters.lock();
                    counters.load.received.add(head);
                    counters.load.body_received += u64::from(body.len);
                    drop(counters);
                    self.deliver(Event::Arrived { conn, body, arrival });
                }
            }
            Input::Sent { conn, len } if self.table.get(conn).is_some() => {
                self.deliver(Event::Sent { conn, len });
            }
            Input::Sealed { conn, key } if self.table.get(conn).is_some() => {
                self.deliver(Event::Sealed { conn, key });
            }
            Input::Opened { .. } | Input::Body { .. } | Input::Sent { .. } | Input::Sealed { .. } => {}
        }
    }

    /// Hands the peer an event, carries out what it wants, and goes on with whatever that causes at once.
    fn deliver(&mut self, event: EventOf<P>) {
        self.table.caused.push_back(event);
        while let Some(event) = self.table.caused.pop_front() {
            self.deliver_one(event);
        }
    }

    fn deliver_one(&mut self, event: EventOf<P>) {
        let ended = match event {
            Event::Closed { conn, reason } => Some((conn, reason)),
            _ => None,
        };
        if let Some((_, reason)) = ended {
            self.count_end(reason);
        }
        let now = self.clock.now();
        let Table { ids, outbox, .. } = &mut self.table;
        self.peer.handle(event, &mut Cx::new(now, self.address, &self.own_key, &mut self.rng, ids, outbox));
        while let Some(effect) = self.table.outbox.next() {
            self.carry_out(now, effect);
        }
        if let Some((conn, _)) = ended {
            // Only now may the slot have a new owner: what the peer did with the old id found nobody.
            self.table.ids.close(conn);
        }
    }

    fn count_end(&self, reason: CloseReason) {
        let mut counters = self.counters.lock();
        match reason {
            CloseReason::Timeout => counters.timeouts += 1,
            CloseReason::Protocol => counters.protocol_errors += 1,
            CloseReason::Overflow => counters.overflows += 1,
            _ => {}
        }
    }
}
