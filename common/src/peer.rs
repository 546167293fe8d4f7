//! The contract between a peer and the driver that runs it.
//!
//! A [`Peer`] is a state machine with one entry, [`Peer::handle`]. The driver hands it one [`Event`] at a
//! time and a [`Cx`], the peer's only way to act: every call on `Cx` puts one [`Effect`] into an outbox that
//! the driver owns and drains, in order, as soon as `handle` returns. A peer never blocks, never reads a
//! clock, never draws from a random source of its own and never sees a byte of file content.
//!
//! # Connections
//!
//! [`Cx::dial`] returns a [`ConnId`] at once. Its life is then one of
//!
//! ```text
//! dial ─┬─► Opened ─► Message* / Body* / Sent* ─┬─► Closed      the far side, the network or a limit ended it
//!       │                                       └─► cx.close()  the peer ended it: no Closed follows
//!       └─► Closed (refused, timed out, …)
//! ```
//!
//! An accepted connection starts at `Opened { dialled: false, .. }`. After `Closed`, or after its own
//! [`Cx::close`], a peer hears nothing more of that id; effects that name it are dropped silently. A
//! `ConnId` is a dense slot plus a generation: [`ConnId::slot`] indexes a `Vec`, and the generation
//! recognises a stale id when the slot has a new owner ([`Slots`] does both).
//!
//! # Messages and bodies
//!
//! Control messages go by value through [`Cx::send`]; order on one connection is kept, across messages and
//! bodies alike. File content moves as a *body*: raw bytes that follow a message. The sender names a
//! [`Span`] of a file ([`Cx::send_body`]). The receiver learns of a body from the message before it: a
//! message for which [`Wire::pauses`] is true stops the reading of that
//! connection until the peer says how to go on, by exactly one of [`Cx::receive`] (a body of so many bytes,
//! into a file or to be discarded), [`Cx::resume`] (the next message) or [`Cx::close`]. It may say so in a
//! later event; until then nothing more is read, and TCP pushes back on the sender. To say so on a connection
//! that is not paused is a bug of the peer, and drivers panic at it.
//!
//! A peer that has asked for a body knows where it goes before it comes, and a driver that knows it too need not stop for
//! each. [`Cx::expect`] names the place of a body by what its message will announce ([`Wire::announces`]). If the driver
//! makes use of it, the peer hears neither of that message nor of parts of the body, but of the whole, by [`Event::Arrived`];
//! if not (it is free not to), the message pauses the connection as any other. [`Cx::unexpect`] takes the place back: from
//! then on nothing is written there. What has arrived before is told all the same.
//!
//! While a body arrives the peer gets [`Event::Body`] with the bytes since the last such event, the last one
//! marked [`BodyState::Done`]; then messages flow again. While a body leaves, [`Event::Sent`] returns upload
//! credit: bytes that have left the node's queue. A peer bounds what it has queued by counting `send_body`
//! against `Sent`.
//!
//! # Sealing
//!
//! When a peer says [`Cx::resume_as`] with a setup for which [`Wire::seal`] names a side, the connection is sealed from there on:
//! after what was sent before, and from the first byte not yet decoded. Both peers must do so, one as
//! [`Seal::Dialler`](crate::seal::Seal::Dialler) and one as [`Seal::Acceptor`](crate::seal::Seal::Acceptor); the drivers then run a Noise handshake, and
//! everything that follows, messages and bodies, in both directions, travels in records that nobody on the way can read or
//! change ([`seal`](crate::seal)). What the peer sends before the handshake is through waits. [`Event::Sealed`] says that
//! it is through, before any sealed message, with the static key of the far side; [`Cx::public_key`] is this
//! node's own. A key pair belongs to the driver's node, as its address does.
//!
//! - Sealing is never taken off: a later `resume_as`, to whatever setup, changes the codec alone. A dial cannot seal: a connection
//!   starts plain, and there the peers agree to seal it.
//! - A handshake that fails, or a record that was changed, ends the connection with [`CloseReason::Protocol`], one that takes too
//!   long with [`CloseReason::Timeout`]. A stream that ends without the sealed good-bye, which a driver sends for every
//!   [`Cx::close`], was cut: [`CloseReason::Reset`].
//! - What it promises: to whoever owns [`Event::Sealed`]'s key, and to nobody else, goes what is sent from there on, and from
//!   there comes what arrives, whole and in order. What it does not: *who* owns that key is the peer's business (somebody
//!   in between has a key too, and would show it to both sides; who knows no key has privacy against listeners only). What was
//!   said before is not covered, so whatever matters of it is to be repeated under the seal. Lengths and times can be
//!   seen.
//!
//! # TLS
//!
//! [`Cx::dial_tls`] dials whoever can show a certificate for a name that this node's driver believes, and speaks under TLS with him;
//! who cannot is [`CloseReason::Untrusted`]. Whether an accepted connection came under TLS is the driver's affair, and a peer hears nothing of it. It is
//! for protocols whose other end has TLS, as some trackers have; what our own nodes seal among themselves is above. The simulator neither
//! asks for a name nor charges anything for it.
//!
//! # Datagrams
//!
//! [`Cx::send_to`] sends a message as one datagram (UDP, over sockets), to whatever address, without a connection: nothing is opened, nothing
//! is kept, and nothing is heard of it. It may be lost, come twice or come late, and it may be refused without a word; whoever wants an
//! answer sets a timer. What comes is told by [`Event::Datagram`], from whomever it says it is: **anybody can write any sender on a
//! datagram**, so a peer believes none that has not shown that he gets what is sent to him, and until then answers with no more bytes
//! than it was asked with. A datagram that is no message ([`Wire::datagrams`]) is dropped and counted; it has no connection to lose.
//!
//! Since a driver keeps nothing of those who send, a flood from invented addresses costs it the reading and no memory; what a busy
//! node has no room for is dropped and counted. A node behind a firewall hears only those to whom it has sent something in the last two minutes.
//! Messages sent as datagrams are not ordered with anything, and do not pause.
//!
//! # Work
//!
//! A peer's events must be short: while one is handled, nothing else of the node is. What takes milliseconds, such as the hash of a
//! password, is handed over as [`Work`] by [`Cx::compute`]; the driver does it beside the node's task, and [`Event::Computed`] brings
//! what came of it.
//!
//! # Time
//!
//! [`Cx::now`] counts nanoseconds from the start of the run. [`Cx::wake`] asks for [`Event::Timer`] later.
//! Timers cannot be cancelled; a timer that finds nothing to do is ignored by the peer that set it.
//!
//! # A complete peer
//!
//! ```
//! use common::peer::{Cx, Event, Peer};
//! use common::wire::{Wire, WireError};
//! use bytes::{Buf, BufMut, BytesMut};
//!
//! /// Answers every number with the next one.
//! struct Counter;
//!
//! #[derive(Debug, Clone, PartialEq)]
//! struct Number(u8);
//!
//! struct OneByte;
//! impl tokio_util::codec::Decoder for OneByte {
//!     type Item = Number;
//!     type Error = WireError;
//!     fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Number>, WireError> {
//!         Ok(src.has_remaining().then(|| Number(src.get_u8())))
//!     }
//! }
//! impl tokio_util::codec::Encoder<Number> for OneByte {
//!     type Error = WireError;
//!     fn encode(&mut self, number: Number, dst: &mut BytesMut) -> Result<(), WireError> {
//!         dst.put_u8(number.0);
//!         Ok(())
//!     }
//! }
//! impl Wire for Number {
//!     type Setup = ();
//!     type Codec = OneByte;
//!     const KINDS: &'static [&'static str] = &["number"];
//!     fn codec(_: ()) -> OneByte { OneByte }
//!     fn wire_len(&self) -> u32 { 1 }
//!     fn kind(&self) -> u8 { 0 }
//! }
//!
//! impl Peer for Counter {
//!     type Message = Number;
//!     type Timer = ();
//!     fn handle(&mut self, event: Event<Number, ()>, cx: &mut Cx<'_, Self>) {
//!         if let Event::Message { conn, message: Number(n) } = event {
//!             match n.checked_add(1) {
//!                 Some(next) => cx.send(conn, Number(next)),
//!                 None => cx.close(conn),
//!             }
//!         }
//!     }
//! }
//! ```

use std::fmt;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use rand_pcg::Pcg32;
use serde::{Deserialize, Serialize};

pub use crate::conn::{ConnId, ConnIds, Slots};
use crate::digest::Digest;
pub use crate::event::{Announced, Arrival, BodyState, CloseReason, Event};
pub use crate::outbox::{Letter, Outbox};
pub use crate::seal::PublicKey;
use crate::user::Note;
use crate::wire::Wire;

/// The most bytes a control message may take in memory; larger parts go behind a pointer.
pub const MESSAGE_BYTES_MAX: usize = 32;
/// The most bytes a timer may take.
pub const TIMER_BYTES_MAX: usize = 16;
/// The most bytes an event may take, so that a driver's queue entry with time, order, node and cause fits one
/// cache line of 64 bytes.
pub const EVENT_BYTES_MAX: usize = 40;
/// The longest body that can be [expected](Cx::expect): a driver holds it back until it is whole.
pub const EXPECTED_BYTES_MAX: u32 = 128 * 1024;

/// A peer-to-peer node's protocol: a state machine without I/O.
///
/// `handle` must be deterministic: the same events, clock readings and random draws give the same effects.
/// Whatever a remote sends must at worst cost that remote its connection; a panic is a bug of the peer.
pub trait Peer: Sized {
    /// Control messages. At most [`MESSAGE_BYTES_MAX`] bytes each, checked when a driver is built.
    type Message: Wire;
    /// What a timer means. At most [`TIMER_BYTES_MAX`] bytes.
    type Timer: Copy + fmt::Debug + Send + 'static;

    /// Something happened; say through `cx` what is to be done about it.
    fn handle(&mut self, event: Event<Self::Message, Self::Timer>, cx: &mut Cx<'_, Self>);

    /// A hint: `message` will come on `conn` some events from now. The simulator, which knows what is coming, gives it so that a peer whose
    /// tables lie apart from it can have the processor fetch what it will read ([`Slots::foresee`]). It changes nothing, and nothing
    /// may depend on it: the real driver knows of no message before it comes.
    #[inline(always)]
    fn foresee(&self, conn: ConnId, message: &Self::Message) {
        let _ = (conn, message);
    }

    /// Compile-time proof of the size limits; every driver evaluates it.
    const SIZES_HOLD: () = {
        assert!(size_of::<Self::Message>() <= MESSAGE_BYTES_MAX);
        assert!(align_of::<Self::Message>() <= 8);
        assert!(size_of::<Self::Timer>() <= TIMER_BYTES_MAX);
        assert!(size_of::<Event<Self::Message, Self::Timer>>() <= EVENT_BYTES_MAX);
    };
}

/// The setup of a connection's codec: what is spoken on it and from which side.
pub type SetupOf<P> = <<P as Peer>::Message as Wire>::Setup;

/// A moment, in nanoseconds since the start of the run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Time(pub u64);

impl Time {
    /// The start of the run.
    pub const ZERO: Time = Time(0);
    /// Later than every moment of a run.
    pub const MAX: Time = Time(u64::MAX);

    /// Seconds since the start of the run.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The time from `earlier` to `self`, zero if `earlier` is later.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for Time {
    type Output = Time;
    fn add(self, d: Duration) -> Time {
        Time(self.0.saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}s", self.as_secs_f64())
    }
}

/// A file of the node's store, as the driver numbers it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct FileId(pub u32);

/// A range of a file, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// Where the range starts.
    pub offset: u64,
    /// How long it is.
    pub len: u64,
}

/// Where a received body goes: `file` from `offset` on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The file, opened for writing by whoever gave the command to fetch.
    pub file: FileId,
    /// Where the first byte of the body goes.
    pub offset: u64,
}

/// Something to be computed that takes longer than an event may. What comes of it depends on nothing but what it was made from, so that
/// runs repeat.
pub struct Work(Box<dyn FnOnce() -> Box<[u8]> + Send>);

impl Work {
    /// Work that ends with some bytes, in the peer's own words.
    pub fn new(work: impl FnOnce() -> Box<[u8]> + Send + 'static) -> Work {
        Work(Box::new(work))
    }

    /// For drivers: does it.
    pub fn run(self) -> Box<[u8]> {
        (self.0)()
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What it is made from may be a secret.
        f.write_str("Work")
    }
}

/// What a peer wants done. Drivers drain these in order after every event.
#[derive(Debug)]
pub enum Effect<P: Peer> {
    /// Open a connection; `Opened` or `Closed` follows.
    Dial {
        /// The id the peer already knows it by.
        conn: ConnId,
        /// Where to.
        to: SocketAddrV4,
        /// What will be spoken.
        setup: SetupOf<P>,
    },
    /// Open a connection under TLS; `Opened` or `Closed` follows.
    DialTls {
        /// The id the peer already knows it by.
        conn: ConnId,
        /// Where to.
        to: SocketAddrV4,
        /// What will be spoken.
        setup: SetupOf<P>,
        /// Whose certificate it must be: the name of a host, or an address.
        name: Arc<str>,
    },
    /// Send a message.
    Send {
        /// The connection.
        conn: ConnId,
        /// The message.
        message: P::Message,
    },
    /// Send a message as a datagram.
    SendTo {
        /// To whom.
        to: SocketAddrV4,
        /// The message.
        message: P::Message,
    },
    /// Send a range of a file, after everything sent before.
    SendBody {
        /// The connection.
        conn: ConnId,
        /// The range.
        span: Span,
    },
    /// A body may come, and goes there.
    Expect {
        /// The connection.
        conn: ConnId,
        /// Which body.
        body: Announced,
        /// Where to.
        into: Place,
    },
    /// Nothing is to be written any more where this body would have gone.
    Unexpect {
        /// The connection.
        conn: ConnId,
        /// Which body, by [`Announced::key`].
        key: u64,
    },
    /// Take the coming bytes as a body.
    Receive {
        /// The connection, paused by a message.
        conn: ConnId,
        /// How many bytes.
        len: u64,
        /// Where to, or `None` to discard them.
        into: Option<Place>,
    },
    /// Read on after a message that paused the connection.
    Resume {
        /// The connection.
        conn: ConnId,
        /// Something else is spoken from here on, in both directions: after what was sent before, and from the
        /// first byte not yet decoded. If [`Wire::seal`] says so, it is sealed too.
        setup: Option<SetupOf<P>>,
    },
    /// Compare a range of a file with a digest; `Verified` follows.
    Verify {
        /// Returned with the answer.
        check: u32,
        /// The range.
        span: Span,
        /// What its digest should be.
        digest: Digest,
    },
    /// The file is complete: make it durable under its final name; `Finished` follows.
    Finish {
        /// The file.
        file: FileId,
    },
    /// Do this beside the node's task; `Computed` follows.
    Compute {
        /// Returned with the answer.
        task: u32,
        /// What to do.
        work: Work,
    },
    /// Close after everything sent before has left.
    Close {
        /// The connection.
        conn: ConnId,
    },
    /// Deliver a timer at this time.
    Wake {
        /// When.
        at: Time,
        /// What.
        timer: P::Timer,
    },
    /// Tell the user.
    Note(Note),
}

/// For drivers: where a node's static key comes from.
#[derive(Clone, Copy, Debug)]
pub enum OwnKey {
    /// It is this one.
    Real(PublicKey),
    /// Nothing is encrypted: the key follows from the run's seed and the node's address.
    Simulated {
        /// The run's seed.
        seed: u64,
    },
}

/// A peer's hands: what it can do while it handles an event.
pub struct Cx<'a, P: Peer> {
    now: Time,
    address: SocketAddrV4,
    key: &'a OwnKey,
    rng: &'a mut Pcg32,
    conns: &'a mut ConnIds,
    outbox: &'a mut Outbox<P>,
}

impl<'a, P: Peer> Cx<'a, P> {
    /// For drivers: a context for one event of one node.
    pub fn new(
        now: Time,
        address: SocketAddrV4,
        key: &'a OwnKey,
        rng: &'a mut Pcg32,
        conns: &'a mut ConnIds,
        outbox: &'a mut Outbox<P>,
    ) -> Self {
        Cx { now, address, key, rng, conns, outbox }
    }

    /// The time of this event.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Where this node listens.
    pub fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// This node's static key: what the far side of a sealed connection gets to know of it.
    pub fn public_key(&self) -> PublicKey {
        match self.key {
            OwnKey::Real(key) => *key,
            OwnKey::Simulated { seed } => PublicKey::simulated(*seed, self.address),
        }
    }

    /// This node's random stream, fixed by the run's seed and the node's number.
    pub fn rng(&mut self) -> &mut Pcg32 {
        self.rng
    }

    /// Opens a connection. The id is valid at once: what is sent on it now leaves when it opens. If the node
    /// has no free slot the id is already dead and `Closed` with [`CloseReason::Limit`] follows.
    ///
    /// # Panics
    /// If the setup seals: that would not be done, and what is sent would be open to all.
    pub fn dial(&mut self, to: SocketAddrV4, setup: SetupOf<P>) -> ConnId {
        assert!(P::Message::seal(setup).is_none(), "a connection is sealed by resume_as, not by its dial");
        let conn = self.conns.open();
        self.outbox.push(Effect::Dial { conn, to, setup });
        conn
    }

    /// Opens a connection under TLS, to whoever can show that he is called `name`. Otherwise as [`Cx::dial`].
    ///
    /// # Panics
    /// If the setup seals.
    pub fn dial_tls(&mut self, to: SocketAddrV4, setup: SetupOf<P>, name: Arc<str>) -> ConnId {
        assert!(P::Message::seal(setup).is_none(), "a connection is sealed by resume_as, not by its dial");
        let conn = self.conns.open();
        self.outbox.push(Effect::DialTls { conn, to, setup, name });
        conn
    }

    /// Sends a message.
    pub fn send(&mut self, conn: ConnId, message: P::Message) {
        self.outbox.send(conn, message);
    }

    /// Sends a message as a datagram, which may get lost.
    ///
    /// # Panics
    /// If the protocol has no datagrams ([`Wire::datagrams`]).
    pub fn send_to(&mut self, to: SocketAddrV4, message: P::Message) {
        assert!(P::Message::datagrams().is_some(), "a datagram of a protocol that has none");
        self.outbox.push(Effect::SendTo { to, message });
    }

    /// Sends a range of a file as a body.
    pub fn send_body(&mut self, conn: ConnId, span: Span) {
        self.outbox.push(Effect::SendBody { conn, span });
    }

    /// Takes the next `len` bytes as a body, into a file or to be discarded. A `len` of zero is answered by an
    /// empty [`BodyState::Done`].
    pub fn receive(&mut self, conn: ConnId, len: u64, into: Option<Place>) {
        self.outbox.push(Effect::Receive { conn, len, into });
    }

    /// Says where a body goes that may come, so that its connection need not pause for it; see the
    /// [contract](crate::peer#messages-and-bodies). One of each key at a time.
    pub fn expect(&mut self, conn: ConnId, body: Announced, into: Place) {
        self.outbox.push(Effect::Expect { conn, body, into });
    }

    /// Takes that back.
    pub fn unexpect(&mut self, conn: ConnId, key: u64) {
        self.outbox.push(Effect::Unexpect { conn, key });
    }

    /// Reads on after a message that paused the connection.
    pub fn resume(&mut self, conn: ConnId) {
        self.outbox.push(Effect::Resume { conn, setup: None });
    }

    /// Reads on, and speaks something else from here on, sealed if [`Wire::seal`] says so.
    pub fn resume_as(&mut self, conn: ConnId, setup: SetupOf<P>) {
        self.outbox.push(Effect::Resume { conn, setup: Some(setup) });
    }

    /// Asks whether a range of a file has a digest.
    pub fn verify(&mut self, check: u32, span: Span, digest: Digest) {
        self.outbox.push(Effect::Verify { check, span, digest });
    }

    /// Declares a fetched file complete.
    pub fn finish(&mut self, file: FileId) {
        self.outbox.push(Effect::Finish { file });
    }

    /// Has something computed beside the node's task.
    pub fn compute(&mut self, task: u32, work: Work) {
        self.outbox.push(Effect::Compute { task, work });
    }

    /// Closes a connection once everything sent on it has left.
    pub fn close(&mut self, conn: ConnId) {
        self.outbox.push(Effect::Close { conn });
    }

    /// Sets a timer.
    pub fn wake(&mut self, after: Duration, timer: P::Timer) {
        let at = self.now + after;
        self.outbox.push(Effect::Wake { at, timer });
    }

    /// Tells the user something.
    pub fn note(&mut self, note: Note) {
        self.outbox.push(Effect::Note(note));
    }
}
