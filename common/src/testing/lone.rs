//! One peer alone: the test plays everybody else, byte by byte, without sockets and in virtual time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use rand::SeedableRng;
use rand_pcg::Pcg32;
use tokio_util::codec::{Decoder, Encoder};

use crate::peer::{
    Announced, Arrival, BodyState, CloseReason, ConnId, ConnIds, Cx, Effect, Event, Outbox, OwnKey, Peer,
    Place, PublicKey, SetupOf, Slots, Time,
};
use crate::seal::Seal;
use crate::store::{Store, StoreFault};
use crate::user::{Command, Note};
use crate::wire::Wire;

/// The seed of the peer's random stream and key.
const SEED: u64 = 1;
/// Where the peer under test listens.
const ADDRESS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 7000);

/// A body the peer is taking.
struct Incoming {
    left: u64,
    into: Option<Place>,
}

/// What the reading side of a connection waits for.
enum Reading {
    Messages,
    Paused,
    Body(Incoming),
    Expected(Announced),
}

/// What is to be done next, in order: effects are all applied before the next event is handled.
enum Todo<P: Peer> {
    Handle(Event<P::Message, P::Timer>),
    Read(ConnId),
}

struct Link<M: Wire> {
    decoder: M::Codec,
    encoder: M::Codec,
    arrived: BytesMut,
    leaving: BytesMut,
    reading: Reading,
    expected: Vec<(Announced, Place)>,
    open: bool,
    sealing: Sealing,
}

impl<M: Wire> Link<M> {
    /// Where what the peer sends goes.
    fn outlet(&mut self) -> &mut BytesMut {
        match &mut self.sealing {
            Sealing::Awaits { waiting, .. } => waiting,
            Sealing::Plain | Sealing::Sealed => &mut self.leaving,
        }
    }
}

/// How far a connection is with its seal.
enum Sealing {
    /// The peer has not asked for one.
    Plain,
    /// The far side has yet to do its part of the handshake; what the peer sends meanwhile waits.
    Awaits { side: Seal, waiting: BytesMut, bodies: Vec<u32> },
    /// It is sealed. The bytes stay plain here.
    Sealed,
}

/// A peer with no network: connections exist only as bytes that the test feeds in and takes out.
///
/// What a remote could do over a socket can be done here exactly, at any split of the bytes and at any
/// virtual time: [`Lone::accept`] and [`Lone::feed`] are the remote's hands, [`Lone::take`] and
/// [`Lone::closed`] its eyes.
///
/// A sealed connection's bytes stay plain. When the peer has asked for a seal ([`Lone::awaits_seal`]), nothing goes either way until the
/// test says that the handshake is through, by [`Lone::seal`].
pub struct Lone<P: Peer> {
    /// The peer under test, to look at.
    pub peer: P,
    /// The peer's files.
    pub store: Store,
    /// What the peer has told its user, in order.
    pub notes: Vec<Note>,
    now: Time,
    rng: Pcg32,
    ids: ConnIds,
    links: Slots<Link<P::Message>>,
    outbox: Outbox<P>,
    todo: VecDeque<Todo<P>>,
    timers: BinaryHeap<Reverse<(Time, usize)>>,
    timer_values: Vec<P::Timer>,
    dials: Vec<(ConnId, SocketAddrV4)>,
    datagrams: VecDeque<(SocketAddrV4, Vec<u8>)>,
    ended: Vec<ConnId>,
}

impl<P: Peer> Lone<P> {
    /// Starts a peer.
    pub fn new(peer: P) -> Self {
        let () = P::SIZES_HOLD;
        let mut lone = Lone {
            peer,
            store: Store::default(),
            notes: Vec::new(),
            now: Time::ZERO,
            rng: Pcg32::seed_from_u64(SEED),
            ids: ConnIds::default(),
            links: Slots::default(),
            outbox: Outbox::default(),
            todo: VecDeque::new(),
            timers: BinaryHeap::new(),
            timer_values: Vec::new(),
            dials: Vec::new(),
            datagrams: VecDeque::new(),
            ended: Vec::new(),
        };
        lone.deliver(Event::Start);
        lone
    }

    /// A user's command.
    pub fn command(&mut self, command: Command) {
        self.deliver(Event::Command(command));
    }

    /// Somebody at `remote` dials the peer.
    pub fn accept(&mut self, remote: SocketAddrV4) -> ConnId {
        let conn = self.ids.open();
        self.link(conn, SetupOf::<P>::default(), true);
        self.deliver(Event::Opened { conn, remote, dialled: false });
        conn
    }

    /// The oldest dial of the peer that has not been looked at: its connection and where to.
    pub fn next_dial(&mut self) -> Option<(ConnId, SocketAddrV4)> {
        (!self.dials.is_empty()).then(|| self.dials.remove(0))
    }

    /// The dialled node answers.
    pub fn answer(&mut self, (conn, remote): (ConnId, SocketAddrV4)) -> ConnId {
        if let Some(link) = self.links.get_mut(conn) {
            link.open = true;
            self.follow(Event::Opened { conn, remote, dialled: true });
            self.todo.push_back(Todo::Read(conn));
            self.settle();
        }
        conn
    }

    /// Bytes from the remote. What the peer's codec refuses closes the connection, as a driver would.
    pub fn feed(&mut self, conn: ConnId, bytes: &[u8]) {
        if let Some(link) = self.links.get_mut(conn) {
            link.arrived.extend_from_slice(bytes);
            self.todo.push_back(Todo::Read(conn));
            self.settle();
        }
    }

    /// Takes what the peer has sent on this connection, bodies included.
    pub fn take(&mut self, conn: ConnId) -> Vec<u8> {
        match self.links.get_mut(conn) {
            Some(link) => link.leaving.split().to_vec(),
            None => Vec::new(),
        }
    }

    /// A datagram from whoever writes `from` on it; false if the protocol's codec makes nothing of it.
    ///
    /// # Panics
    /// If the protocol has no datagrams.
    pub fn datagram(&mut self, from: SocketAddrV4, bytes: &[u8]) -> bool {
        let setup = P::Message::datagrams().expect("a protocol with datagrams");
        let read = P::Message::codec(setup).decode(&mut BytesMut::from(bytes));
        let Ok(Some(message)) = read else { return false };
        self.deliver(Event::Datagram { from, message });
        true
    }

    /// The oldest datagram of the peer that has not been looked at: where to, and its bytes.
    pub fn next_datagram(&mut self) -> Option<(SocketAddrV4, Vec<u8>)> {
        self.datagrams.pop_front()
    }

    /// True if the peer, or its codec, has closed the connection. What it sent before can still be taken.
    pub fn closed(&self, conn: ConnId) -> bool {
        self.ended.contains(&conn)
    }

    /// The side of the handshake that the peer has taken on a connection that is to be sealed, until it is.
    pub fn awaits_seal(&self, conn: ConnId) -> Option<Seal> {
        match self.links.get(conn)?.sealing {
            Sealing::Awaits { side, .. } => Some(side),
            Sealing::Plain | Sealing::Sealed => None,
        }
    }

    /// The handshake is through, and the far side has proved to own `key`. Who breaks it instead uses
    /// [`Lone::hang_up`].
    ///
    /// # Panics
    /// If the peer has not asked for a seal.
    pub fn seal(&mut self, conn: ConnId, key: PublicKey) {
        let sealing =
            self.links.get_mut(conn).map(|link| std::mem::replace(&mut link.sealing, Sealing::Sealed));
        let Some(Sealing::Awaits { waiting, bodies, .. }) = sealing else {
            panic!("the peer has not asked to seal {conn:?}");
        };
        if let Some(link) = self.links.get_mut(conn) {
            link.leaving.unsplit(waiting);
        }
        self.todo.push_back(Todo::Read(conn));
        if self.ids.is_live(conn) {
            self.todo.push_front(Todo::Handle(Event::Sealed { conn, key }));
            bodies.into_iter().for_each(|len| self.follow(Event::Sent { conn, len }));
        }
        self.settle();
    }

    /// The peer's static key.
    pub fn public_key(&self) -> PublicKey {
        PublicKey::simulated(SEED, ADDRESS)
    }

    /// The remote, or the network, ends the connection.
    pub fn hang_up(&mut self, conn: ConnId, reason: CloseReason) {
        if self.ids.close(conn) {
            self.links.remove(conn);
            self.deliver(Event::Closed { conn, reason });
        }
    }

    /// Lets virtual time pass; timers fire in order.
    pub fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(Reverse((at, index))) = self.timers.peek().copied() {
            if at > end {
                break;
            }
            self.timers.pop();
            self.now = at;
            self.deliver(Event::Timer(self.timer_values[index]));
        }
        self.now = end;
    }

    /// The time now.
    pub fn now(&self) -> Time {
        self.now
    }

    fn link(&mut self, conn: ConnId, setup: SetupOf<P>, open: bool) {
        let link = Link {
            decoder: P::Message::codec(setup),
            encoder: P::Message::codec(setup),
            arrived: BytesMut::new(),
            leaving: BytesMut::new(),
            reading: Reading::Messages,
            expected: Vec::new(),
            open,
            sealing: Sealing::Plain,
        };
        self.links.insert(conn, link);
    }

    fn deliver(&mut self, event: Event<P::Message, P::Timer>) {
        self.todo.push_back(Todo::Handle(event));
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(todo) = self.todo.pop_front() {
            match todo {
                Todo::Handle(event) => self.handle(event),
                Todo::Read(conn) => self.read(conn),
            }
        }
    }

    fn handle(&mut self, event: Event<P::Message, P::Timer>) {
        let key = OwnKey::Simulated { seed: SEED };
        let mut cx = Cx::new(self.now, ADDRESS, &key, &mut self.rng, &mut self.ids, &mut self.outbox);
        self.peer.handle(event, &mut cx);
        while let Some(effect) = self.outbox.next() {
            self.apply(effect);
        }
    }

    fn follow(&mut self, event: Event<P::Message, P::Timer>) {
        self.todo.push_back(Todo::Handle(event));
    }

    fn apply(&mut self, effect: Effect<P>) {
        match effect {
            Effect::Dial { conn, to, setup } => {
                self.link(conn, setup, false);
                self.dials.push((conn, to));
            }
            Effect::Send { conn, message } => self.send(conn, message),
            Effect::SendTo { to, message } => {
                let setup = P::Message::datagrams().expect("Cx lets no other protocol send any");
                let bytes = Self::encoded(&mut P::Message::codec(setup), message);
                self.datagrams.push_back((to, bytes.to_vec()));
            }
            Effect::SendBody { conn, span } => {
                let Some(link) = self.links.get_mut(conn) else { return };
                let Some(file) = self.store.get(span.file) else { return };
                let mut bytes = vec![0; usize::try_from(span.len).expect("test bodies fit memory")];
                file.read_at(span.offset, &mut bytes).expect("a peer sends only ranges its files have");
                link.outlet().extend_from_slice(&bytes);
                let len = span.len as u32;
                match &mut link.sealing {
                    Sealing::Awaits { bodies, .. } => bodies.push(len),
                    Sealing::Plain | Sealing::Sealed => self.follow(Event::Sent { conn, len }),
                }
            }
            Effect::Expect { conn, body, into } => {
                if let Some(link) = self.links.get_mut(conn) {
                    link.expected.push((body, into));
                }
            }
            Effect::Unexpect { conn, key } => {
                if let Some(link) = self.links.get_mut(conn) {
                    link.expected.retain(|(body, _)| body.key != key);
                }
            }
            Effect::Receive { conn, len, into } => {
                self.go_on(conn, Reading::Body(Incoming { left: len, into }), None);
            }
            Effect::Resume { conn, setup } => self.go_on(conn, Reading::Messages, setup),
            Effect::Verify { check, span, digest } => {
                let file = self.store.get(span.file);
                let ok = file.and_then(|f| f.digest(span.offset, span.len, digest.algorithm()).ok())
                    == Some(digest);
                self.follow(Event::Verified { check, ok });
            }
            Effect::Finish { file } => {
                let fault = self.store.get(file).map_or(Some(StoreFault::Missing), |f| f.finish().err());
                self.follow(Event::Finished { file, fault });
            }
            Effect::Compute { task, work } => {
                self.follow(Event::Computed { task, result: Some(work.run()) });
            }
            Effect::Close { conn } => {
                if self.ids.close(conn) {
                    self.ended.push(conn);
                }
            }
            Effect::Wake { at, timer } => {
                self.timers.push(Reverse((at, self.timer_values.len())));
                self.timer_values.push(timer);
            }
            Effect::Note(note) => self.notes.push(note),
        }
    }

    fn send(&mut self, conn: ConnId, message: P::Message) {
        let Some(link) = self.links.get_mut(conn).filter(|_| self.ids.is_live(conn)) else { return };
        let bytes = Self::encoded(&mut link.encoder, message);
        link.outlet().unsplit(bytes);
    }

    fn encoded(encoder: &mut <P::Message as Wire>::Codec, message: P::Message) -> BytesMut {
        let len = message.wire_len() as usize;
        let mut bytes = BytesMut::with_capacity(len);
        encoder.encode(message, &mut bytes).expect("a peer's own messages can be encoded");
        assert_eq!(bytes.len(), len, "wire_len differs from what the codec wrote");
        bytes
    }

    fn go_on(&mut self, conn: ConnId, reading: Reading, setup: Option<SetupOf<P>>) {
        let Some(link) = self.links.get_mut(conn) else { return };
        assert!(matches!(link.reading, Reading::Paused), "receive and resume answer a message that pauses");
        link.reading = reading;
        if let Some(setup) = setup {
            link.decoder = P::Message::codec(setup);
            link.encoder = P::Message::codec(setup);
            if let (Some(side), Sealing::Plain) = (P::Message::seal(setup), &link.sealing) {
                link.sealing = Sealing::Awaits { side, waiting: BytesMut::new(), bodies: Vec::new() };
            }
        }
        self.todo.push_back(Todo::Read(conn));
    }

    /// Decodes one message or takes one part of a body, and comes back for the next.
    fn read(&mut self, conn: ConnId) {
        let live = self.ids.is_live(conn);
        let readable =
            |link: &&mut Link<_>| live && link.open && !matches!(link.sealing, Sealing::Awaits { .. });
        let Some(link) = self.links.get_mut(conn).filter(readable) else { return };
        let event = match &mut link.reading {
            Reading::Paused => return,
            Reading::Body(body) => {
                let take = body.left.min(link.arrived.len() as u64);
                if take == 0 && body.left > 0 {
                    return;
                }
                Self::take_body(&self.store, conn, link, take as usize)
            }
            Reading::Expected(body) => {
                let body = *body;
                if link.arrived.len() < body.len as usize {
                    return;
                }
                Self::take_expected(&self.store, conn, link, body)
            }
            Reading::Messages => match link.decoder.decode(&mut link.arrived) {
                Ok(None) => return,
                Ok(Some(message)) => {
                    let expected = |body: &Announced| link.expected.iter().any(|(other, _)| other == body);
                    if let Some(body) = message.announces().filter(expected) {
                        link.reading = Reading::Expected(body);
                        return self.todo.push_back(Todo::Read(conn));
                    }
                    if message.pauses() {
                        link.reading = Reading::Paused;
                    }
                    Event::Message { conn, message }
                }
                Err(_) => {
                    self.ids.close(conn);
                    self.ended.push(conn);
                    Event::Closed { conn, reason: CloseReason::Protocol }
                }
            },
        };
        self.follow(event);
        self.todo.push_back(Todo::Read(conn));
    }

    /// Takes an expected body, whole.
    fn take_expected(
        store: &Store,
        conn: ConnId,
        link: &mut Link<P::Message>,
        body: Announced,
    ) -> Event<P::Message, P::Timer> {
        link.reading = Reading::Messages;
        let bytes = link.arrived.split_to(body.len as usize);
        let place = link.expected.iter().position(|(expected, _)| *expected == body);
        let arrival = match place.map(|at| link.expected.swap_remove(at).1) {
            None => Arrival::Unexpected,
            Some(place) => {
                let file = store.get(place.file).ok_or(StoreFault::Missing);
                let stored = file.and_then(|file| file.write_at(place.offset, &bytes));
                stored.map_or_else(Arrival::Failed, |()| Arrival::Stored)
            }
        };
        Event::Arrived { conn, body, arrival }
    }

    fn take_body(
        store: &Store,
        conn: ConnId,
        link: &mut Link<P::Message>,
        take: usize,
    ) -> Event<P::Message, P::Timer> {
        let Reading::Body(body) = &mut link.reading else { unreachable!("called while a body is read") };
        let mut fault = None;
        if let Some(place) = &mut body.into {
            let file = store.get(place.file).ok_or(StoreFault::Missing);
            fault = file.and_then(|file| file.write_at(place.offset, &link.arrived[..take])).err();
            place.offset += take as u64;
        }
        link.arrived.advance(take);
        body.left -= take as u64;
        let done = body.left == 0;
        let state = match fault {
            Some(fault) => BodyState::Failed(fault),
            None if done => BodyState::Done,
            None => BodyState::More,
        };
        if fault.is_some() {
            body.into = None;
        }
        if done {
            link.reading = Reading::Messages;
        }
        Event::Body { conn, len: take as u32, state }
    }
}
