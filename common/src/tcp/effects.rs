//! What a node's task does about each effect of its peer. None of it waits.

use std::net::SocketAddrV4;
use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::Instrument;

use super::admission::Ticket;
use super::connection::{Connection, Origin};
use super::expected::{Expectation, Expected};
use super::input::Input;
use super::node::{Conn, CrashGuard, Node};
use super::outgoing::{Body, NotQueued, Outgoing};
use super::reader::{Destination, Order};
use super::tls::Side;
use crate::digest::Digest;
use crate::peer::{
    Announced, CloseReason, ConnId, EXPECTED_BYTES_MAX, Effect, Event, FileId, Peer, Place, SetupOf, Span,
    Time, Work,
};
use crate::store::StoreFault;
use crate::wire::Wire;

impl<P> Node<P>
where
    P: Peer + Send + 'static,
{
    /// Carries out one effect of an event that happened at `now`.
    pub(super) fn carry_out(&mut self, now: Time, effect: Effect<P>) {
        match effect {
            Effect::Dial { conn, to, setup } => self.dial(conn, to, setup, None),
            Effect::DialTls { conn, to, setup, name } => match self.tls.dialler(&name) {
                Some(side) => self.dial(conn, to, setup, Some(side)),
                None => self.table.caused.push_back(Event::Closed { conn, reason: CloseReason::Untrusted }),
            },
            Effect::Send { conn, message } => self.send(conn, message),
            Effect::SendTo { to, message } => self.send_to(to, message),
            Effect::SendBody { conn, span } => self.send_body(conn, span),
            Effect::Expect { conn, body, into } => self.expect(conn, body, into),
            Effect::Unexpect { conn, key } => {
                if let Some(entry) = self.table.get(conn) {
                    entry.expected.revoke(key);
                }
            }
            Effect::Receive { conn, len, into } => {
                let into = into.map_or(Destination::Discard, |place| self.destination(place));
                self.order(conn, Order::Receive { len, into });
            }
            Effect::Resume { conn, setup: None } => self.order(conn, Order::Resume(None)),
            Effect::Resume { conn, setup: Some(setup) } => self.resume_as(conn, setup),
            Effect::Verify { check, span, digest } => self.verify(check, span, digest),
            Effect::Finish { file } => self.finish(file),
            Effect::Compute { task, work } => self.compute(task, work),
            Effect::Close { conn } => self.close(conn),
            Effect::Wake { at, timer } => self.table.timers.set(at, timer),
            Effect::Note(note) => (self.notes)(now, self.node, note),
        }
    }

    /// Opens a connection, unless there are too many.
    fn dial(&mut self, conn: ConnId, to: SocketAddrV4, setup: SetupOf<P>, tls: Option<Side>) {
        match self.admission.admit(None) {
            Ok(ticket) => {
                self.counters.lock().dialled += 1;
                // An address in 127/8 leads nowhere but there, and others do not lead there.
                let source = self.source.filter(|source| source.is_loopback() == to.ip().is_loopback());
                self.start(conn, Origin::Dial { source, to }, tls, setup, ticket);
            }
            Err(_) => {
                self.counters.lock().refused_full += 1;
                self.table.caused.push_back(Event::Closed { conn, reason: CloseReason::Limit });
            }
        }
    }

    /// Starts a connection's task.
    pub(super) fn start(
        &mut self,
        conn: ConnId,
        origin: Origin,
        tls: Option<Side>,
        setup: SetupOf<P>,
        ticket: Ticket,
    ) {
        let outgoing = Arc::new(Outgoing::new(Arc::clone(&self.budget)));
        // A reader waits for one order at a time.
        let (orders, orders_receiver) = mpsc::channel(1);
        let entry = Conn {
            id: conn,
            outgoing: Arc::clone(&outgoing),
            orders,
            expected: Arc::new(Expected::default()),
            close: tokio_util::sync::CancellationToken::new(),
            kill: self.kill.child_token(),
            encoder: P::Message::codec(setup),
            sealed: false,
            paused: false,
        };
        let connection = Connection {
            conn,
            origin,
            tls,
            setup,
            outgoing,
            orders: orders_receiver,
            expected: Arc::clone(&entry.expected),
            inputs: self.inputs_sender.clone(),
            close: entry.close.clone(),
            kill: entry.kill.clone(),
            counters: self.counters.clone(),
            limits: Arc::clone(&self.limits),
            line: self.line.clone(),
            ticket,
        };
        self.table.insert(entry);
        self.counters.lock().connections = self.table.live as u64;
        let span = tracing::debug_span!("connection", node = self.node.0, ?conn);
        let guard = CrashGuard { node: self.node, counters: self.counters.clone(), kill: self.kill.clone() };
        self.tasks.spawn(guard.over(connection.run().instrument(span)));
    }

    /// Takes a connection out of the table.
    pub(super) fn forget(&mut self, conn: ConnId) -> Option<Conn<P>> {
        let entry = self.table.remove(conn)?;
        self.counters.lock().connections = self.table.live as u64;
        Some(entry)
    }

    /// Ends a connection by this node's doing; the peer hears why.
    fn end(&mut self, conn: ConnId, reason: CloseReason) {
        if let Some(entry) = self.forget(conn) {
            entry.kill.cancel();
            self.table.caused.push_back(Event::Closed { conn, reason });
        }
    }

    fn send(&mut self, conn: ConnId, message: P::Message) {
        let bytes_max = self.limits.send_queue_bytes_max;
        let Some(entry) = self.table.get(conn) else { return };
        let (kind, len) = (message.kind(), message.wire_len());
        match entry.outgoing.push(&mut entry.encoder, message, bytes_max) {
            Ok(()) => {
                let mut counters = self.counters.lock();
                counters.load.sent.add(len);
                counters.by_kind.add(kind, len);
            }
            Err(NotQueued::Full) => self.end(conn, CloseReason::Overflow),
            Err(NotQueued::Encode(error)) => {
                tracing::warn!(?conn, %error, "a message of ours cannot be encoded");
                self.end(conn, CloseReason::Protocol);
            }
        }
    }

    fn send_body(&mut self, conn: ConnId, span: Span) {
        let bodies_max = self.limits.bodies_queued_max;
        let Some(storage) = self.store.get(span.file) else {
            tracing::debug!(?conn, file = span.file.0, "no such file to send");
            return self.end(conn, CloseReason::Store);
        };
        let Some(entry) = self.table.get(conn) else { return };
        let body = Body { storage, offset: span.offset, len: span.len };
        if entry.outgoing.push_body(body, bodies_max).is_err() {
            self.end(conn, CloseReason::Overflow);
        }
    }

    /// Names the place of a body, if it can be expected; else its message will pause.
    fn expect(&mut self, conn: ConnId, body: Announced, into: Place) {
        let max = self.limits.expected_max;
        let Some(storage) = self.store.get(into.file) else { return };
        if let Some(entry) = self.table.get(conn)
            && body.len <= EXPECTED_BYTES_MAX
        {
            let expectation = Expectation { len: body.len, storage, offset: into.offset };
            entry.expected.add(body.key, expectation, max);
        }
    }

    fn destination(&self, place: Place) -> Destination {
        match self.store.get(place.file) {
            Some(storage) => Destination::File(storage, place.offset),
            None => Destination::Fault(StoreFault::Missing),
        }
    }

    /// Speaks something else from here on, sealed if the setup says so and it is not yet.
    fn resume_as(&mut self, conn: ConnId, setup: SetupOf<P>) {
        let identity = Arc::clone(&self.identity);
        let Some(entry) = self.table.get(conn) else { return };
        // What was sent before is encoded already.
        entry.encoder = P::Message::codec(setup);
        let order = match P::Message::seal(setup) {
            Some(side) if !entry.sealed => {
                entry.sealed = true;
                let (writer, close) = (entry.outgoing.push_seal(), entry.close.clone());
                Order::Seal { setup, side, identity, writer, close }
            }
            _ => Order::Resume(Some(setup)),
        };
        self.order(conn, order);
    }

    /// Tells a paused reader how to go on.
    ///
    /// # Panics
    /// If the connection is not paused: the peer has lost its place in the stream, and bytes would be misread.
    fn order(&mut self, conn: ConnId, order: Order<SetupOf<P>>) {
        let Some(entry) = self.table.get(conn) else { return };
        assert!(
            std::mem::take(&mut entry.paused),
            "a peer said how to go on with {conn:?}, which no message had paused"
        );
        // The reader may have ended meanwhile; then its `Closed` is on the way.
        let _ = entry.orders.try_send(order);
    }

    fn close(&mut self, conn: ConnId) {
        if let Some(entry) = self.forget(conn) {
            entry.close.cancel();
            entry.expected.revoke_all();
        } else {
            // It ended by an effect of this same event, and the peer need not hear of what it has closed.
            let told =
                |event: &Event<_, _>| matches!(event, Event::Closed { conn: ended, .. } if *ended == conn);
            let Some(at) = self.table.caused.iter().position(told) else { return };
            self.table.caused.remove(at);
        }
        self.table.ids.close(conn);
    }

    fn verify(&mut self, check: u32, span: Span, digest: Digest) {
        let storage = self.store.get(span.file);
        let work = move || {
            storage.is_some_and(|storage| {
                let found = storage.digest(span.offset, span.len, digest.algorithm());
                if let Err(fault) = found {
                    tracing::debug!(file = span.file.0, offset = span.offset, %fault, "cannot be verified");
                }
                found == Ok(digest)
            })
        };
        let answer = move |ok: Option<bool>| Input::Verified { check, ok: ok.unwrap_or(false) };
        if !self.check(work, answer) {
            self.table.caused.push_back(Event::Verified { check, ok: false });
        }
    }

    fn finish(&mut self, file: FileId) {
        let storage = self.store.get(file);
        let work = move || storage.map_or(Err(StoreFault::Missing), |storage| storage.finish()).err();
        let answer = move |fault: Option<Option<StoreFault>>| Input::Finished {
            file,
            fault: fault.unwrap_or(Some(StoreFault::Io)),
        };
        if !self.check(work, answer) {
            self.table.caused.push_back(Event::Finished { file, fault: Some(StoreFault::Io) });
        }
    }

    fn compute(&mut self, task: u32, work: Work) {
        if !self.check(move || work.run(), move |result| Input::Computed { task, result }) {
            self.table.caused.push_back(Event::Computed { task, result: None });
        }
    }

    /// Does `work` on a thread made for blocking and tells the node the answer, which is made from `None` if
    /// the work panicked. False if too much work is waiting already.
    fn check<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
        answer: impl FnOnce(Option<T>) -> Input<P::Message> + Send + 'static,
    ) -> bool {
        if self.table.checks >= self.limits.checks_max {
            self.counters.lock().checks_refused += 1;
            return false;
        }
        self.table.checks += 1;
        let running = Arc::clone(&self.table.checks_running);
        let (inputs, kill) = (self.inputs_sender.clone(), self.kill.clone());
        self.tasks.spawn(async move {
            let done = async {
                let _running = running.acquire().await;
                let done = tokio::task::spawn_blocking(work).await;
                if let Err(error) = &done {
                    tracing::error!(%error, "a store, or a computation, panicked");
                }
                done.ok()
            };
            tokio::select! {
                done = done => {
                    // If the node is gone, nobody waits for the answer.
                    let _ = inputs.send(answer(done)).await;
                }
                () = kill.cancelled() => {}
            }
        });
        true
    }
}
