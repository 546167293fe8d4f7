//! Access lines in user space: rate up, rate down, delay.
//!
//! A shaped connection's bytes pass a *gate* and a *delay queue* between the socket and its reader or writer.
//! The gate is the node's: it gives each chunk of at most 16 KiB its turn on the line, first come first
//! served, and since a connection asks for its next turn only after the last one, the connections are served
//! in turn. The delay queue is the connection's: a chunk that has had its turn comes out at the other end
//! after the node's delay. With an ideal line none of this exists.
//!
//! Both ends of a connection add their own delay, so one way takes the sum of the two, as in the simulator.
//! A node's datagrams take their turns like one more connection's chunks, and what comes faster than the line takes it is lost in the kernel.
//!
//! To open takes a round trip: the dialling side adds its own two delays before `Opened`, and the accepting
//! side, which the dialler cannot see, holds back the first bytes by its own two.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::pulse::Pulse;
use super::socket;
use crate::net;

/// The most bytes that have the line at a time,
const CHUNK_BYTES_MAX: usize = 16 * 1024;
/// and the fewest for which it is worth dividing: about what one packet carries.
const CHUNK_BYTES_MIN: usize = 1_460;
/// In between, a chunk is what the line carries in this time, so that on a modem a short message need not
/// wait seconds for somebody's bulk.
const CHUNK_TIME: Duration = Duration::from_millis(20);

/// Chunks of one connection that are on their way in one direction: at most 4 MiB, which is 100 Mbit/s over a
/// third of a second. A longer or faster line carries no more on one connection.
const CHUNKS_IN_FLIGHT_MAX: usize = 256;

/// What the kernel may hold of a connection's bytes before a slow line takes them, in time on that line. Its
/// own choice, megabytes over loopback, would let a sender believe that a modem had taken them; less than a
/// few of our timers' ticks would leave the line idle between them.
const RECEIVE_BUFFER_TIME: Duration = Duration::from_millis(50);
/// The least of it: two chunks.
const RECEIVE_BUFFER_BYTES_MIN: usize = 2 * CHUNK_BYTES_MAX;

/// How late a timer may wake someone before the line's time is lost to him.
const TIMER_LATENESS_MAX: Duration = Duration::from_millis(20);

/// A node's line.
pub(super) struct Line {
    up: Gate,
    down: Gate,
    /// One way.
    pub(super) delay: Duration,
}

impl Line {
    /// The line, or `None` if it is ideal.
    pub(super) fn new(line: &net::Line) -> Option<Arc<Line>> {
        (*line != net::Line::default()).then(|| {
            Arc::new(Line { up: Gate::new(line.up_bps), down: Gate::new(line.down_bps), delay: line.delay })
        })
    }

    /// Gives a datagram that the node sends its turn; when it is at the other end of the line.
    pub(super) fn datagram_leaves(&self, bytes: usize) -> Instant {
        self.up.pass(bytes, Instant::now()) + self.delay
    }

    /// Gives a datagram that has come its turn, and waits for the end of that; when it is at the node.
    pub(super) async fn datagram_arrives(&self, bytes: usize) -> Instant {
        let passed = self.down.pass(bytes, Instant::now());
        wait_until(passed).await;
        passed + self.delay
    }

    /// How large a socket's receive buffer should be, if not as the kernel likes.
    pub(super) fn receive_buffer_bytes(&self) -> Option<usize> {
        let bytes = self.down.bytes_in(RECEIVE_BUFFER_TIME)?;
        Some(bytes.max(RECEIVE_BUFFER_BYTES_MIN))
    }
}

/// One direction of a line.
struct Gate {
    bits_per_s: Option<u64>,
    /// When the chunk that goes last will have passed.
    free_at: Mutex<Instant>,
}

impl Gate {
    fn new(bits_per_s: Option<u64>) -> Self {
        Gate { bits_per_s: bits_per_s.map(|rate| rate.max(1)), free_at: Mutex::new(Instant::now()) }
    }

    /// How much may have the line at a time.
    fn chunk_bytes(&self) -> usize {
        self.bytes_in(CHUNK_TIME)
            .map_or(CHUNK_BYTES_MAX, |bytes| bytes.clamp(CHUNK_BYTES_MIN, CHUNK_BYTES_MAX))
    }

    /// What passes in this time; `None` without a limit.
    fn bytes_in(&self, time: Duration) -> Option<usize> {
        let bytes = u128::from(self.bits_per_s?) * time.as_millis() / 8_000;
        Some(usize::try_from(bytes).unwrap_or(usize::MAX))
    }

    /// Gives `bytes`, which have waited since `ready`, the next free time of the line; returns its end.
    fn pass(&self, bytes: usize, ready: Instant) -> Instant {
        let now = Instant::now();
        let Some(bits_per_s) = self.bits_per_s else { return now };
        let takes_ns = bytes as u128 * 8 * 1_000_000_000 / u128::from(bits_per_s);
        // A connection that was always ready does not lose what a late timer cost, but nobody saves up line
        // time.
        let earliest = now.checked_sub(TIMER_LATENESS_MAX).unwrap_or(now);
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let start = ready.max(earliest).max(*free_at);
        *free_at = start + Duration::from_nanos(u64::try_from(takes_ns).unwrap_or(u64::MAX));
        *free_at
    }
}

/// Sleeps, unless it is that late already: a timer would wait for its next tick, a millisecond for nothing.
pub(super) async fn wait_until(at: Instant) {
    if at > Instant::now() {
        sleep_until(at).await;
    }
}

/// Bytes on their way, and when they arrive. No bytes are the end of the stream.
struct Chunk {
    arrives: Instant,
    bytes: io::Result<Bytes>,
}

/// Where a connection's reader gets its bytes from when the line is shaped.
pub(super) struct ShapedSource {
    chunks: mpsc::Receiver<Chunk>,
    current: Bytes,
}

impl ShapedSource {
    /// The next bytes that have arrived, at most `max` of them; none at the end.
    pub(super) async fn read(&mut self, max: usize) -> io::Result<Bytes> {
        if self.current.is_empty() {
            let Some(chunk) = self.chunks.recv().await else { return Ok(Bytes::new()) };
            wait_until(chunk.arrives).await;
            self.current = chunk.bytes?;
        }
        let take = self.current.len().min(max);
        Ok(self.current.split_to(take))
    }
}

/// The reading side of a shaped connection: what its reader reads from, and the pump that fills it.
/// `accepted` connections hold back the first bytes, see the module's head.
pub(super) fn shape_source(
    stream: Arc<TcpStream>,
    line: Arc<Line>,
    pulse: Arc<Pulse>,
    accepted: bool,
) -> (ShapedSource, impl Future<Output = ()>) {
    let (sender, chunks) = mpsc::channel(CHUNKS_IN_FLIGHT_MAX);
    let pump = async move {
        let mut buffer = vec![0; line.down.chunk_bytes()];
        let mut ready = Instant::now();
        let mut hold_until = None;
        loop {
            let Ok(place) = sender.reserve().await else { return };
            let (read, waited) = socket::read(&stream, &mut buffer).await;
            if waited {
                ready = Instant::now();
            }
            let bytes = read.map(|len| Bytes::copy_from_slice(&buffer[..len]));
            let len = bytes.as_ref().map_or(0, Bytes::len);
            pulse.beat();
            ready = line.down.pass(len, ready);
            let hold_until = *hold_until.get_or_insert_with(|| {
                Instant::now() + if accepted { line.delay * 3 } else { Duration::ZERO }
            });
            place.send(Chunk { arrives: (ready + line.delay).max(hold_until), bytes });
            if len == 0 {
                return;
            }
            wait_until(ready).await;
        }
    };
    (ShapedSource { chunks, current: Bytes::new() }, pump)
}

/// Where a connection's writer puts its bytes when the line is shaped.
pub(super) struct ShapedSink {
    chunks: mpsc::Sender<Chunk>,
    line: Arc<Line>,
    pulse: Arc<Pulse>,
    ready: Instant,
}

impl ShapedSink {
    /// The writer has waited for something to send, and has it now.
    pub(super) fn refilled(&mut self) {
        self.ready = Instant::now();
    }

    /// The most bytes that [`ShapedSink::write`] takes.
    pub(super) fn bytes_max(&self) -> usize {
        self.line.up.chunk_bytes()
    }

    /// Sends `bytes`; returns when they have left the node.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        debug_assert!(bytes.len() <= self.bytes_max());
        let place = match self.chunks.try_reserve() {
            Ok(place) => place,
            Err(mpsc::error::TrySendError::Full(())) => {
                let place = self.chunks.reserve().await.map_err(|_| io::ErrorKind::BrokenPipe)?;
                self.ready = Instant::now();
                place
            }
            Err(mpsc::error::TrySendError::Closed(())) => return Err(io::ErrorKind::BrokenPipe.into()),
        };
        self.ready = self.line.up.pass(bytes.len(), self.ready);
        place.send(Chunk { arrives: self.ready + self.line.delay, bytes: Ok(Bytes::copy_from_slice(bytes)) });
        // The wait for our own line must not look like a far side that takes nothing.
        self.pulse.waits_for_line(true);
        wait_until(self.ready).await;
        self.pulse.waits_for_line(false);
        Ok(())
    }
}

/// The writing side of a shaped connection: what its writer writes to, and the pump that empties it, which
/// ends when the writer has dropped its end and everything has left, or with the socket's error.
pub(super) fn shape_sink(
    stream: Arc<TcpStream>,
    line: Arc<Line>,
    pulse: Arc<Pulse>,
) -> (ShapedSink, impl Future<Output = io::Result<()>>) {
    let (sender, mut chunks) = mpsc::channel::<Chunk>(CHUNKS_IN_FLIGHT_MAX);
    let sink = ShapedSink { chunks: sender, line, pulse: Arc::clone(&pulse), ready: Instant::now() };
    let pump = async move {
        while let Some(chunk) = chunks.recv().await {
            wait_until(chunk.arrives).await;
            let mut bytes = chunk.bytes?;
            while bytes.has_remaining() {
                let len = socket::write(&stream, &bytes).await?;
                bytes.advance(len);
                pulse.beat();
            }
        }
        Ok(())
    };
    (sink, pump)
}
