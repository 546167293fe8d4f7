//! A node's datagrams: one UDP socket, made when it is first needed.
//!
//! ```text
//! node task ── encoded, at once ──────────────────────► socket
//! node task ── its turn on the line ─► sender's queue ─► socket       if the line is shaped
//! node task ◄─ if there is room ── receiver ◄─────────── socket       on a shaped line after its turn and the delay
//! ```
//!
//! Nobody waits for anybody: what the system, a queue of ours or the node has no room for is dropped and counted, as on the way.

use std::collections::BTreeMap;
use std::future::pending;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::codec::{Decoder, Encoder};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::input::Input;
use super::line::{Line, wait_until};
use super::node::{CrashGuard, Node};
use super::snapshot::Counters;
use super::socket;
use crate::peer::Peer;
use crate::pinholes::Pinholes;
use crate::wire::{DATAGRAM_BYTES_MAX, Wire, WireError};

/// Datagrams that wait for a shaped line, in each direction. What a modem carries of them in that time is no longer of use to anybody.
const WAITING_MAX: usize = 256;
/// Addresses that a leaving node waits for; those of further ones it does not.
const OWING_MAX: usize = 1_024;
/// How long to wait after reading itself has failed.
const READ_PAUSE: Duration = Duration::from_millis(50);

/// A node's end of its datagrams.
pub(super) struct Datagrams {
    door: Option<Door>,
    /// No socket could be had, and that has been said.
    is_stuck: bool,
    /// Only for a node behind a firewall.
    pinholes: Option<Pinholes>,
    buffer: BytesMut,
    owing: Owing,
}

/// Who was sent something lately, and has sent nothing since.
struct Owing {
    /// When it was sent.
    sent: BTreeMap<SocketAddrV4, Instant>,
    /// When those were last forgotten that are too late.
    pruned: Instant,
    /// How long an answer may take.
    linger: Duration,
}

impl Owing {
    fn asked(&mut self, to: SocketAddrV4) {
        let (now, linger) = (Instant::now(), self.linger);
        if self.sent.len() >= OWING_MAX && now.duration_since(self.pruned) >= linger {
            self.sent.retain(|_, sent| now.duration_since(*sent) < linger);
            self.pruned = now;
        }
        if self.sent.len() < OWING_MAX || self.sent.contains_key(&to) {
            self.sent.insert(to, now);
        }
    }

    fn answered(&mut self, from: SocketAddrV4) {
        self.sent.remove(&from);
    }

    /// Until when an answer can be hoped for, if from anybody.
    fn until(&self) -> Option<Instant> {
        self.sent.values().max().map(|last| *last + self.linger)
    }
}

/// The socket, and the ways to it.
struct Door {
    socket: Arc<UdpSocket>,
    /// The way over a shaped line.
    line: Option<(Arc<Line>, mpsc::Sender<Parcel>)>,
    _ends_reading: DropGuard,
}

/// A datagram that has had its turn on the line, and when it is at the other end of it.
struct Parcel {
    arrives: Instant,
    to: SocketAddrV4,
    bytes: Bytes,
}

impl Datagrams {
    pub(super) fn new(firewalled: bool, linger: Duration) -> Self {
        let pinholes = firewalled.then(Pinholes::default);
        let owing = Owing { sent: BTreeMap::new(), pruned: Instant::now(), linger };
        Datagrams { door: None, is_stuck: false, pinholes, buffer: BytesMut::new(), owing }
    }

    /// Until when a leaving node waits for answers, if any can still come.
    pub(super) fn answers_by(&self) -> Option<Instant> {
        self.owing.until()
    }

    /// Nothing more is taken; what waits for the line still leaves.
    pub(super) fn close(&mut self) {
        self.door = None;
    }
}

impl<P> Node<P>
where
    P: Peer + Send + 'static,
{
    /// Has datagrams come and go through this socket.
    pub(super) fn open_datagrams(&mut self, socket: UdpSocket) {
        let socket = Arc::new(socket);
        let end_reading = CancellationToken::new();
        let receiver = Receiver::<P::Message> {
            socket: Arc::clone(&socket),
            inputs: self.inputs_sender.clone(),
            counters: self.counters.clone(),
            line: self.line.clone(),
            end: end_reading.clone(),
        };
        self.spawn_guarded(receiver.run());
        let line = self.line.clone().map(|line| {
            let (sender, parcels) = mpsc::channel(WAITING_MAX);
            self.spawn_guarded(deliver(Arc::clone(&socket), parcels, self.counters.clone()));
            (line, sender)
        });
        self.datagrams.door = Some(Door { socket, line, _ends_reading: end_reading.drop_guard() });
    }

    fn spawn_guarded(&self, task: impl Future<Output = ()> + Send + 'static) {
        let guard = CrashGuard { node: self.node, counters: self.counters.clone(), kill: self.kill.clone() };
        let kill = self.kill.clone();
        self.tasks.spawn(guard.over(async move {
            tokio::select! {
                biased;
                () = kill.cancelled() => {}
                () = task => {}
            }
        }));
    }

    /// The peer sends a datagram.
    pub(super) fn send_to(&mut self, to: SocketAddrV4, message: P::Message) {
        let (kind, len) = (message.kind(), message.wire_len());
        if self.datagrams.door.is_none() && !self.datagrams.is_stuck {
            match socket::datagram_socket_beside(self.address) {
                Ok(socket) => self.open_datagrams(socket),
                Err(error) => {
                    tracing::warn!(%error, "no datagrams can be sent");
                    self.datagrams.is_stuck = true;
                }
            }
        }
        if !self.encode_and_send(to, message) {
            self.counters.lock().datagrams_dropped += 1;
            return;
        }
        let now = self.clock.now();
        if let Some(pinholes) = &mut self.datagrams.pinholes {
            pinholes.sends(to, now);
        }
        self.datagrams.owing.asked(to);
        let mut counters = self.counters.lock();
        counters.load.sent.add(len);
        counters.by_kind.add(kind, len);
    }

    fn encode_and_send(&mut self, to: SocketAddrV4, message: P::Message) -> bool {
        let Datagrams { door: Some(door), buffer, .. } = &mut self.datagrams else { return false };
        let Some(setup) = P::Message::datagrams() else { return false };
        buffer.clear();
        if let Err(error) = P::Message::codec(setup).encode(message, buffer) {
            tracing::warn!(%to, %error, "a datagram of ours cannot be encoded");
            return false;
        }
        if buffer.len() > DATAGRAM_BYTES_MAX {
            tracing::warn!(%to, bytes = buffer.len(), "a datagram of ours is too long");
            return false;
        }
        door.send(to, buffer)
    }

    /// A datagram has come; false if a firewall holds it back.
    pub(super) fn admits_datagram(&mut self, from: SocketAddrV4) -> bool {
        self.datagrams.owing.answered(from);
        let now = self.clock.now();
        let admitted = self.datagrams.pinholes.as_ref().is_none_or(|holes| holes.admit(from, now));
        if !admitted {
            self.counters.lock().datagrams_refused += 1;
        }
        admitted
    }
}

impl Door {
    /// Sends it, or has it wait for the line; false if there is no room.
    fn send(&self, to: SocketAddrV4, bytes: &[u8]) -> bool {
        let Some((line, waiting)) = &self.line else { return send_now(&self.socket, to, bytes) };
        let Ok(place) = waiting.try_reserve() else { return false };
        let arrives = line.datagram_leaves(bytes.len());
        place.send(Parcel { arrives, to, bytes: Bytes::copy_from_slice(bytes) });
        true
    }
}

/// Hands a datagram to the system, not by the runtime: that thinks of a new socket that it is not ready until it has looked.
fn send_now(socket: &UdpSocket, to: SocketAddrV4, bytes: &[u8]) -> bool {
    match socket2::SockRef::from(socket).send_to(bytes, &to.into()) {
        Ok(_) => true,
        Err(error) => {
            tracing::debug!(%to, %error, "a datagram was not taken");
            false
        }
    }
}

/// Sends what has had its turn on a shaped line, after the delay; ends when all of it has left and no more can come.
async fn deliver(socket: Arc<UdpSocket>, mut parcels: mpsc::Receiver<Parcel>, counters: Counters) {
    while let Some(Parcel { arrives, to, bytes }) = parcels.recv().await {
        wait_until(arrives).await;
        if !send_now(&socket, to, &bytes) {
            counters.lock().datagrams_dropped += 1;
        }
    }
}

/// What reads a node's datagrams.
struct Receiver<M: Wire> {
    socket: Arc<UdpSocket>,
    inputs: mpsc::Sender<Input<M>>,
    counters: Counters,
    line: Option<Arc<Line>>,
    end: CancellationToken,
}

impl<M: Wire> Receiver<M> {
    async fn run(self) {
        let (late, mut arriving) = mpsc::channel(if self.line.is_some() { WAITING_MAX } else { 1 });
        let read = self.read(late);
        let pass_on = async {
            while let Some((arrives, input)) = arriving.recv().await {
                wait_until(arrives).await;
                self.hand_in(input);
            }
            pending::<()>().await;
        };
        tokio::select! {
            () = self.end.cancelled() => {}
            () = read => {}
            () = pass_on => {}
        }
    }

    async fn read(&self, late: mpsc::Sender<(Instant, Input<M>)>) {
        // One byte more shows what is too long.
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX + 1];
        let mut scratch = BytesMut::new();
        loop {
            let (bytes, from) = match self.socket.recv_from(&mut buffer).await {
                Ok((len, from)) => match socket::ipv4(from) {
                    Ok(from) => (&buffer[..len], from),
                    Err(_) => continue,
                },
                Err(error) => {
                    tracing::debug!(%error, "reading datagrams failed");
                    sleep(READ_PAUSE).await;
                    continue;
                }
            };
            let arrives = match &self.line {
                Some(line) => Some(line.datagram_arrives(bytes.len()).await),
                None => None,
            };
            let message = match decode(bytes, &mut scratch) {
                Ok(message) => message,
                Err(error) => {
                    tracing::debug!(%from, %error, "a datagram that is none");
                    self.counters.lock().datagrams_refused += 1;
                    continue;
                }
            };
            let input = Input::Datagram { from, message };
            match arrives {
                None => self.hand_in(input),
                Some(arrives) => {
                    if late.try_send((arrives, input)).is_err() {
                        self.counters.lock().datagrams_dropped += 1;
                    }
                }
            }
        }
    }

    /// Gives it to the node, unless that has too much to do.
    fn hand_in(&self, input: Input<M>) {
        // A node that has ended needs no counting, and ends this task too.
        if let Err(mpsc::error::TrySendError::Full(_)) = self.inputs.try_send(input) {
            self.counters.lock().datagrams_dropped += 1;
        }
    }
}

fn decode<M: Wire>(bytes: &[u8], scratch: &mut BytesMut) -> Result<M, WireError> {
    if bytes.len() > DATAGRAM_BYTES_MAX {
        let (len, max) = (bytes.len() as u64, DATAGRAM_BYTES_MAX as u64);
        return Err(WireError::TooLong { what: "datagram", len, max });
    }
    let setup = M::datagrams().ok_or(WireError::Malformed("datagram: of a protocol that has none"))?;
    scratch.clear();
    scratch.extend_from_slice(bytes);
    M::codec(setup).decode(scratch)?.ok_or(WireError::Truncated)
}
