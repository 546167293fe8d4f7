//! The reading side of one connection: messages to the node, bodies to the store.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::codec::Decoder;
use tokio_util::sync::CancellationToken;

use super::expected::{self, Come, Expected};
use super::input::Input;
use super::line::ShapedSource;
use super::outgoing::Shake;
use super::pulse::{Pulse, Reading};
use super::records::{Opened, Records};
use super::snapshot::Counters;
use super::socket;
use super::spares::ReadBuffer;
use crate::metrics::Sealing;
use crate::peer::{Announced, BodyState, CloseReason, ConnId};
use crate::seal::{Handshake, Identity, Opener, Progress, Seal, SealError, Through};
use crate::store::{Storage, StoreFault};
use crate::wire::Wire;

/// Bytes of a body after which the peer hears of them, unless the body ends before.
const PROGRESS_BYTES: u32 = 256 * 1024;
/// The time after which it hears of fewer, so that progress over a modem shows.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// The smallest read.
const READ_BYTES_MIN: usize = 4 * 1024;
/// Expected bodies that are stored and told together, at most.
const COME_MAX: usize = 64;
/// Bytes after which a reader lets other tasks run although it could go on.
const YIELD_BYTES: usize = 1024 * 1024;

/// What the node says to a reader that has paused.
pub(super) enum Order<S> {
    /// Take a body.
    Receive { len: u64, into: Destination },
    /// Read on, perhaps as something else.
    Resume(Option<S>),
    /// Read on as something else, and sealed: as this side, with this identity; our messages go by `writer`. If the node has
    /// closed the connection meanwhile, the handshake is for what was sent before, and nothing more is read.
    Seal {
        setup: S,
        side: Seal,
        identity: Arc<Identity>,
        writer: mpsc::Sender<Shake>,
        close: CancellationToken,
    },
}

/// Where a body goes.
pub(super) enum Destination {
    /// Into a file, from this offset on.
    File(Arc<dyn Storage>, u64),
    /// Nowhere.
    Discard,
    /// There is no such file.
    Fault(StoreFault),
}

/// Where the bytes come from.
pub(super) enum Source {
    /// The socket itself.
    Direct(Arc<TcpStream>),
    /// A shaped line.
    Shaped(ShapedSource),
}

/// The reading side of one connection.
pub(super) struct Reader<M: Wire> {
    pub(super) conn: ConnId,
    pub(super) source: Source,
    pub(super) codec: M::Codec,
    pub(super) orders: mpsc::Receiver<Order<M::Setup>>,
    pub(super) expected: Arc<Expected>,
    /// Expected bodies that have come and are not stored.
    pub(super) come: Vec<Come>,
    pub(super) inputs: mpsc::Sender<Input<M>>,
    pub(super) pulse: Arc<Pulse>,
    /// What sealing costs is counted here, as it comes.
    pub(super) counters: Counters,
    pub(super) buffer_bytes_max: usize,
    /// What has come and is not decoded; of a sealed connection, what has come and is opened.
    pub(super) buffer: ReadBuffer,
    /// What of a sealed connection has come and is not opened.
    pub(super) records: Option<Box<Records>>,
    /// The next read asks for so much; it grows while reads come back full.
    pub(super) read_bytes: usize,
    pub(super) unyielded_bytes: usize,
}

/// Why reading ended. The node being gone is one more reason than it can be told.
enum Stop {
    Closed(CloseReason),
    NodeGone,
}

impl From<CloseReason> for Stop {
    fn from(reason: CloseReason) -> Self {
        Stop::Closed(reason)
    }
}

impl<M: Wire> Reader<M> {
    pub(super) const READ_BYTES_MIN: usize = READ_BYTES_MIN;

    /// Reads until the connection ends and says why.
    pub(super) async fn run(mut self) -> CloseReason {
        match self.read_messages().await {
            Err(Stop::Closed(reason)) => reason,
            Err(Stop::NodeGone) => std::future::pending().await,
            Ok(never) => match never {},
        }
    }

    async fn read_messages(&mut self) -> Result<std::convert::Infallible, Stop> {
        loop {
            let stop = loop {
                match self.decode() {
                    Ok(Some(message)) => self.take(message).await?,
                    Ok(None) => break None,
                    Err(stop) => break Some(stop),
                }
            };
            self.hand_over().await?;
            if let Some(stop) = stop {
                return Err(stop);
            }
            if self.buffer.len() >= self.buffer_bytes_max {
                let held = self.buffer.len();
                tracing::debug!(held, "no message in a full buffer");
                return Err(CloseReason::Protocol.into());
            }
            if self.fill(self.read_bytes).await? == 0 {
                return Err(self.end_of_stream().await?.into());
            }
        }
    }

    fn decode(&mut self) -> Result<Option<M>, Stop> {
        self.codec.decode(&mut self.buffer).map_err(|error| {
            tracing::debug!(%error, "the far side broke the protocol");
            CloseReason::Protocol.into()
        })
    }

    /// Takes the body of a message whose place is known, or hands the message to the node.
    async fn take(&mut self, message: M) -> Result<(), Stop> {
        let expected = message
            .announces()
            .filter(|body| body.len as usize <= self.buffer_bytes_max && self.expected.has(*body));
        match expected {
            Some(body) => self.take_expected(body, message.wire_len()).await,
            None => {
                self.hand_over().await?;
                self.deliver(message).await
            }
        }
    }

    /// Takes an expected body once it is whole.
    async fn take_expected(&mut self, body: Announced, head: u32) -> Result<(), Stop> {
        let len = body.len as usize;
        if self.buffer.len() < len {
            self.hand_over().await?;
            self.pulse.reads(Reading::Body);
            while self.buffer.len() < len {
                if self.fill(self.read_bytes.max(len - self.buffer.len())).await? == 0 {
                    return Err(CloseReason::Reset.into());
                }
            }
            self.pulse.reads(Reading::Messages);
        }
        let bytes = self.buffer.split_to(len).freeze();
        self.come.push(Come { body, head, bytes });
        if self.come.len() >= COME_MAX {
            self.hand_over().await?;
        }
        Ok(())
    }

    /// Stores the expected bodies that have come, and tells the node.
    async fn hand_over(&mut self) -> Result<(), Stop> {
        if self.come.is_empty() {
            return Ok(());
        }
        let bodies = expected::store(&self.expected, &mut self.come);
        self.tell(Input::Arrived { conn: self.conn, bodies }).await
    }

    /// Hands a message to the node, and waits for its order if the message says so.
    async fn deliver(&mut self, message: M) -> Result<(), Stop> {
        let pauses = message.pauses();
        self.tell(Input::Message { conn: self.conn, message }).await?;
        if pauses {
            self.pulse.reads(Reading::Node);
            let order = self.orders.recv().await.ok_or(Stop::NodeGone)?;
            match order {
                Order::Receive { len, into } => self.read_body(len, into).await?,
                Order::Resume(None) => {}
                Order::Resume(Some(setup)) => self.codec = M::codec(setup),
                Order::Seal { setup, side, identity, writer, close } => {
                    self.codec = M::codec(setup);
                    // A handshake is short and large; connections without one have no room for it.
                    let handshake = Handshake::new(side, &identity);
                    Box::pin(self.seal(handshake, writer, &close)).await?;
                }
            }
        }
        self.pulse.reads(Reading::Messages);
        Ok(())
    }

    async fn tell(&mut self, input: Input<M>) -> Result<(), Stop> {
        self.inputs.send(input).await.map_err(|_| Stop::NodeGone)
    }

    /// Takes a handshake's messages, and opens what follows them.
    async fn seal(
        &mut self,
        mut handshake: Handshake,
        writer: mpsc::Sender<Shake>,
        close: &CancellationToken,
    ) -> Result<(), Stop> {
        self.pulse.seals();
        say(&writer, handshake.start()).await?;
        let Through { sealer, opener, key } = loop {
            let awaited = handshake.awaits();
            while self.buffer.len() < awaited {
                if Opener::record_len(&self.buffer).is_some_and(|len| len != awaited) {
                    return Err(unsealed(SealError::Handshake));
                }
                // No more than this message: what follows it may be sealed.
                if self.fill_plainly(awaited - self.buffer.len()).await? == 0 {
                    return Err(CloseReason::Reset.into());
                }
            }
            let message = self.buffer.split_to(awaited);
            self.counters.lock().sealing.received += awaited as u64;
            let (reply, progress) = handshake.take(&message).map_err(unsealed)?;
            say(&writer, reply).await?;
            match progress {
                Progress::Awaits(next) => handshake = next,
                Progress::Through(through) => break through,
            }
        };
        self.records = Some(Box::new(Records::new(opener, &self.buffer)));
        self.buffer.rest();
        writer.send(Shake::Through(sealer)).await.map_err(|_| CloseReason::Reset)?;
        self.pulse.reads(Reading::Node);
        if close.is_cancelled() {
            return Err(Stop::NodeGone);
        }
        self.tell(Input::Sealed { conn: self.conn, key }).await
    }

    /// The far side has said its last byte: messages may still stand in the buffer, whole or broken off.
    async fn end_of_stream(&mut self) -> Result<CloseReason, Stop> {
        loop {
            match self.codec.decode_eof(&mut self.buffer) {
                Ok(Some(message)) => self.take(message).await?,
                Ok(None) => {
                    self.hand_over().await?;
                    let whole = self.buffer.is_empty();
                    return Ok(if whole { CloseReason::Remote } else { CloseReason::Reset });
                }
                Err(error) => {
                    self.hand_over().await?;
                    tracing::debug!(%error, "the stream ended early");
                    return Ok(CloseReason::Reset);
                }
            }
        }
    }

    /// Adds to what the buffer holds; zero at the end of the stream.
    async fn fill(&mut self, want: usize) -> Result<usize, Stop> {
        match self.records {
            None => self.fill_plainly(want).await,
            Some(_) => self.fill_from_records().await,
        }
    }

    /// Opens the next record behind what the buffer holds, reading until it is there. At the end of the stream, which is
    /// where the far side says so, and not where somebody has cut it, zero.
    async fn fill_from_records(&mut self) -> Result<usize, Stop> {
        let Reader { records, source, buffer, pulse, counters, .. } = self;
        let records = records.as_mut().expect("only asked of a sealed connection");
        let mut cost = Sealing::default();
        let len = loop {
            match records.open_next(buffer, &mut cost).map_err(unsealed)? {
                Opened::Bytes(len) => break len,
                Opened::GoodBye => break 0,
                Opened::Partly => {}
            }
            let len = read_records(source, records).await.map_err(|error| reset(&error))?;
            if len == 0 {
                tracing::debug!("a sealed stream was cut");
                return Err(CloseReason::Reset.into());
            }
            pulse.beat();
        };
        counters.lock().sealing += cost;
        self.share(len).await;
        Ok(len)
    }

    /// Reads once behind what the buffer holds.
    async fn fill_plainly(&mut self, want: usize) -> Result<usize, Stop> {
        let want = want.min(self.buffer_bytes_max.saturating_sub(self.buffer.len())).max(1);
        let read = match &mut self.source {
            Source::Direct(stream) => fill_directly(stream, &mut self.buffer, want).await,
            Source::Shaped(source) => source.read(want).await.map(|bytes| {
                self.buffer.extend_from_slice(&bytes);
                bytes.len()
            }),
        };
        let len = read.map_err(|error| reset(&error))?;
        self.pulse.beat();
        self.read_bytes = match len == want {
            true => (self.read_bytes * 2).min(self.buffer_bytes_max),
            false => (self.read_bytes / 2).max(READ_BYTES_MIN),
        };
        self.share(len).await;
        Ok(len)
    }

    /// So much has come: lets others run if that was much.
    async fn share(&mut self, len: usize) {
        self.unyielded_bytes += len;
        if self.unyielded_bytes >= YIELD_BYTES {
            self.unyielded_bytes = 0;
            tokio::task::yield_now().await;
        }
    }

    /// Takes a body: first what the buffer already holds, then as it comes.
    async fn read_body(&mut self, len: u64, into: Destination) -> Result<(), Stop> {
        self.pulse.reads(Reading::Body);
        let mut sink = BodySink { into, unreported: 0, reported: Instant::now(), left: len };
        if let Destination::Fault(fault) = sink.into {
            sink.into = Destination::Discard;
            self.tell(Input::Body { conn: self.conn, len: 0, state: BodyState::Failed(fault) }).await?;
            return self.discard(sink.left).await;
        }
        loop {
            let take = self.buffer.len().min(usize::try_from(sink.left).unwrap_or(usize::MAX));
            let stored = sink.store(&self.buffer[..take]);
            self.buffer.advance(take);
            if let Err(fault) = stored {
                let len = sink.unreported;
                self.tell(Input::Body { conn: self.conn, len, state: BodyState::Failed(fault) }).await?;
                return self.discard(sink.left).await;
            }
            if let Some((len, state)) = sink.report() {
                self.tell(Input::Body { conn: self.conn, len, state }).await?;
            }
            if sink.left == 0 {
                return Ok(());
            }
            let want = usize::try_from(sink.left).unwrap_or(usize::MAX).max(self.read_bytes);
            match self.fill(want).await {
                Ok(0) => return Err(self.break_off(&sink, CloseReason::Reset).await?),
                Ok(_) => {}
                Err(Stop::Closed(reason)) => return Err(self.break_off(&sink, reason).await?),
                Err(stop) => return Err(stop),
            }
        }
    }

    /// The connection ends inside a body: the peer first hears of what was stored.
    async fn break_off(&mut self, sink: &BodySink, reason: CloseReason) -> Result<Stop, Stop> {
        if sink.unreported > 0 {
            let (len, state) = (sink.unreported, BodyState::More);
            self.tell(Input::Body { conn: self.conn, len, state }).await?;
        }
        Ok(reason.into())
    }

    /// Drops the rest of a body as it comes.
    async fn discard(&mut self, mut left: u64) -> Result<(), Stop> {
        loop {
            let take = self.buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            self.buffer.advance(take);
            left -= take as u64;
            if left == 0 {
                return Ok(());
            }
            if self.fill(usize::try_from(left).unwrap_or(usize::MAX)).await? == 0 {
                return Err(CloseReason::Reset.into());
            }
        }
    }
}

/// Reads once from the socket behind what `buffer` holds. An idle connection waits without a buffer.
async fn fill_directly(stream: &TcpStream, buffer: &mut ReadBuffer, want: usize) -> io::Result<usize> {
    loop {
        buffer.make_room(want);
        if let Some(len) = socket::try_read_buf(stream, &mut (&mut **buffer).limit(want))? {
            return Ok(len);
        }
        if buffer.is_empty() {
            buffer.rest();
        }
        stream.readable().await?;
    }
}

/// Reads once what comes of records; zero at the end of the stream.
async fn read_records(source: &mut Source, records: &mut Records) -> io::Result<usize> {
    let len = match source {
        Source::Direct(stream) => loop {
            match stream.try_read(records.room()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => break result?,
            }
            records.rest();
            stream.readable().await?;
        },
        Source::Shaped(source) => {
            let room = records.room();
            let bytes = source.read(room.len()).await?;
            room[..bytes.len()].copy_from_slice(&bytes);
            bytes.len()
        }
    };
    records.filled(len);
    Ok(len)
}

/// Has the writer say our part of a handshake. It is gone if the far side takes nothing more; reading then finds out.
async fn say(writer: &mpsc::Sender<Shake>, message: Vec<u8>) -> Result<(), Stop> {
    if message.is_empty() {
        return Ok(());
    }
    writer.send(Shake::Say(message)).await.map_err(|_| CloseReason::Reset.into())
}

fn reset(error: &io::Error) -> CloseReason {
    tracing::debug!(%error, "reading failed");
    CloseReason::Reset
}

fn unsealed(error: SealError) -> Stop {
    tracing::debug!(%error, "the far side broke the seal");
    CloseReason::Protocol.into()
}

/// A body on its way into the store.
struct BodySink {
    into: Destination,
    left: u64,
    unreported: u32,
    reported: Instant,
}

impl BodySink {
    /// Stores the next bytes.
    fn store(&mut self, bytes: &[u8]) -> Result<(), StoreFault> {
        self.left -= bytes.len() as u64;
        if bytes.is_empty() {
            return Ok(());
        }
        if let Destination::File(storage, offset) = &mut self.into {
            storage.write_at(*offset, bytes)?;
            *offset = offset.checked_add(bytes.len() as u64).ok_or(StoreFault::Missing)?;
        }
        // A read is at most as long as the buffer, and more than a report's worth is never left unreported.
        self.unreported += u32::try_from(bytes.len()).expect("a read buffer is below 4 GiB");
        Ok(())
    }

    /// What the peer is to hear now, if anything.
    fn report(&mut self) -> Option<(u32, BodyState)> {
        let done = self.left == 0;
        let due = done
            || self.unreported >= PROGRESS_BYTES
            || (self.unreported > 0 && self.reported.elapsed() >= PROGRESS_INTERVAL);
        due.then(|| {
            self.reported = Instant::now();
            let state = if done { BodyState::Done } else { BodyState::More };
            (std::mem::take(&mut self.unreported), state)
        })
    }
}
