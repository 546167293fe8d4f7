//! The writing side of one connection: queued messages and file content, in order, to the socket.

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::input::Input;
use super::line::ShapedSink;
use super::outgoing::{Batch, Body, IDLE_BUFFER_BYTES_MAX, Outgoing, Part, Shake};
use super::pulse::Pulse;
use super::snapshot::Counters;
use super::socket;
use crate::peer::ConnId;
use crate::seal::{RECORD_BYTES_MAX, RECORD_OVERHEAD_BYTES, Sealer};
use crate::store::StoreFault;

/// The most that is gathered for one write. A file is read in such pieces too; they fit a core's own cache.
const WRITE_BYTES_MAX: usize = 256 * 1024;
/// What is gathered for one write of a sealed connection: whole records, which with what they are made of still fit a
/// core's own cache.
const SEALED_WRITE_BYTES_MAX: usize = 2 * RECORD_BYTES_MAX;
/// Bytes after which a writer lets other tasks run although it could go on.
const YIELD_BYTES: usize = 1024 * 1024;

/// Where the bytes go.
pub(super) enum Sink {
    /// Into the socket itself.
    Direct(Arc<TcpStream>),
    /// Onto a shaped line.
    Shaped(ShapedSink),
}

/// Why writing ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WriteEnd {
    /// The node has closed the connection and everything has left.
    Flushed,
    /// The far side takes no more.
    Broken,
    /// A file that was to be sent cannot be read.
    Store(StoreFault),
}

/// The writing side of one connection.
pub(super) struct Writer<M> {
    pub(super) conn: ConnId,
    pub(super) sink: Sink,
    pub(super) outgoing: Arc<Outgoing>,
    pub(super) inputs: mpsc::Sender<Input<M>>,
    /// Body bytes are counted here as they leave, since they may still do so when the node is gone.
    pub(super) counters: Counters,
    pub(super) close: CancellationToken,
    pub(super) pulse: Arc<Pulse>,
    pub(super) work: Work,
}

/// What a writer is about.
pub(super) struct Work {
    batch: Batch,
    /// What the next write takes, control bytes and file content alike.
    gather: Gather,
    /// Seals what is gathered, once the connection is sealed.
    seal: Option<Box<Seal>>,
    unyielded_bytes: usize,
}

/// How gathered bytes are sealed.
struct Seal {
    sealer: Sealer,
    /// The records of one write.
    records: Vec<u8>,
}

/// Bytes gathered for one write.
struct Gather {
    bytes: Vec<u8>,
    len: usize,
    bytes_max: usize,
    /// How many of them are of bodies.
    body_bytes: usize,
    /// How many bodies end in them.
    bodies_ended: usize,
}

impl Work {
    pub(super) fn new(sink: &Sink) -> Self {
        let bytes_max = match sink {
            Sink::Direct(_) => WRITE_BYTES_MAX,
            Sink::Shaped(sink) => sink.bytes_max(),
        };
        let gather = Gather { bytes: Vec::new(), len: 0, bytes_max, body_bytes: 0, bodies_ended: 0 };
        Work { batch: Batch::default(), gather, seal: None, unyielded_bytes: 0 }
    }

    /// Seals everything from here on.
    fn seal(&mut self, sealer: Sealer) {
        // On a shaped line a write is one chunk, and that then one record.
        let bytes_max = self.gather.bytes_max - RECORD_OVERHEAD_BYTES;
        self.gather.bytes_max = bytes_max.min(SEALED_WRITE_BYTES_MAX);
        self.seal = Some(Box::new(Seal { sealer, records: Vec::new() }));
    }

    /// Nothing is to be sent for now.
    fn rest(&mut self) {
        self.gather.rest();
        if let Some(seal) = &mut self.seal
            && seal.records.len() > IDLE_BUFFER_BYTES_MAX
        {
            seal.records = Vec::new();
        }
    }
}

impl<M> Writer<M> {
    /// Writes until the node closes the connection and all has left, or until that is impossible.
    pub(super) async fn run(mut self) -> WriteEnd {
        loop {
            // Asked before the queue is looked at: what was queued before the close is seen below.
            let closing = self.close.is_cancelled();
            if self.outgoing.take(&mut self.work.batch) {
                if let Err(end) = self.write_batch().await {
                    return end;
                }
            } else if closing {
                return self.say_good_bye().await;
            } else {
                self.work.rest();
                self.pulse.writes(false);
                tokio::select! {
                    () = self.outgoing.woken() => {}
                    () = self.close.cancelled() => {}
                }
                if let Sink::Shaped(sink) = &mut self.sink {
                    sink.refilled();
                }
            }
        }
    }

    async fn write_batch(&mut self) -> Result<(), WriteEnd> {
        self.pulse.writes(true);
        let control = std::mem::take(&mut self.work.batch.control);
        let mut taken = 0;
        while let Some(part) = self.work.batch.parts.pop_front() {
            match part {
                Part::Control(len) => {
                    self.write_control(&control[taken..taken + len]).await?;
                    taken += len;
                }
                Part::Body(body) => self.write_body(body).await?,
                Part::Seal(shakes) => self.shake(shakes).await?,
            }
        }
        self.work.batch.control = control;
        self.flush().await
    }

    async fn write_control(&mut self, mut bytes: &[u8]) -> Result<(), WriteEnd> {
        while !bytes.is_empty() {
            let room = self.work.gather.room(bytes.len() as u64);
            let take = room.len();
            room.copy_from_slice(&bytes[..take]);
            self.work.gather.len += take;
            bytes = &bytes[take..];
            self.flush_if_full().await?;
        }
        Ok(())
    }

    async fn write_body(&mut self, body: Body) -> Result<(), WriteEnd> {
        let Body { storage, mut offset, mut len } = body;
        while len > 0 {
            let room = self.work.gather.room(len);
            let take = room.len();
            storage.read_at(offset, room).map_err(|fault| {
                tracing::debug!(offset, take, %fault, "a file cannot be sent");
                WriteEnd::Store(fault)
            })?;
            self.work.gather.len += take;
            self.work.gather.body_bytes += take;
            offset = offset.saturating_add(take as u64);
            len -= take as u64;
            if len > 0 {
                self.flush_if_full().await?;
            }
        }
        self.work.gather.bodies_ended += 1;
        self.flush_if_full().await
    }

    /// Says our part of a handshake, and seals what follows.
    async fn shake(&mut self, mut shakes: mpsc::Receiver<Shake>) -> Result<(), WriteEnd> {
        self.flush().await?;
        loop {
            match shakes.recv().await {
                Some(Shake::Say(message)) => self.write_as_it_is(&message).await?,
                Some(Shake::Through(sealer)) => {
                    self.work.seal(sealer);
                    self.outgoing.shaken();
                    return Ok(());
                }
                // The reader is gone: there will be no seal, and nothing that waits for it may leave.
                None => return Err(WriteEnd::Broken),
            }
        }
    }

    /// Everything has left; a sealed stream says that this was all.
    async fn say_good_bye(&mut self) -> WriteEnd {
        let Some(seal) = &mut self.work.seal else { return WriteEnd::Flushed };
        let record = seal.sealer.good_bye();
        match self.write_as_it_is(&record).await {
            Ok(()) => WriteEnd::Flushed,
            Err(end) => end,
        }
    }

    /// Writes what sealing needs beside what is sealed.
    async fn write_as_it_is(&mut self, bytes: &[u8]) -> Result<(), WriteEnd> {
        self.counters.lock().sealing.sent += bytes.len() as u64;
        write_all(&mut self.sink, bytes, &self.pulse).await.map_err(|error| broken(&error))
    }

    async fn flush_if_full(&mut self) -> Result<(), WriteEnd> {
        match self.work.gather.len < self.work.gather.bytes_max {
            true => Ok(()),
            false => self.flush().await,
        }
    }

    /// Writes what is gathered, and returns the credit for it.
    async fn flush(&mut self) -> Result<(), WriteEnd> {
        let len = std::mem::take(&mut self.work.gather.len);
        let body_bytes = std::mem::take(&mut self.work.gather.body_bytes);
        let bodies_ended = std::mem::take(&mut self.work.gather.bodies_ended);
        let gathered = &self.work.gather.bytes[..len];
        let bytes = match &mut self.work.seal {
            None => gathered,
            Some(seal) => {
                let Seal { sealer, records } = &mut **seal;
                let sealed = sealer.seal(gathered, records);
                self.counters.lock().sealing.sent += (sealed - len) as u64;
                &records[..sealed]
            }
        };
        write_all(&mut self.sink, bytes, &self.pulse).await.map_err(|error| broken(&error))?;
        self.outgoing.written(len - body_bytes, bodies_ended);
        if body_bytes > 0 {
            self.counters.lock().load.body_sent += body_bytes as u64;
            let len = u32::try_from(body_bytes).expect("a write is far below 4 GiB");
            // If the node is gone, so is this task in a moment.
            let _ = self.inputs.send(Input::Sent { conn: self.conn, len }).await;
        }
        self.work.unyielded_bytes += len;
        if self.work.unyielded_bytes >= YIELD_BYTES {
            self.work.unyielded_bytes = 0;
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

/// Writes all of `bytes`, which on a shaped line are at most a chunk.
async fn write_all(sink: &mut Sink, mut bytes: &[u8], pulse: &Pulse) -> std::io::Result<()> {
    match sink {
        Sink::Direct(stream) => {
            while !bytes.is_empty() {
                let written = socket::write(stream, bytes).await?;
                bytes = &bytes[written..];
                pulse.beat();
            }
        }
        Sink::Shaped(sink) => {
            if !bytes.is_empty() {
                sink.write(bytes).await?;
                pulse.beat();
            }
        }
    }
    Ok(())
}

fn broken(error: &std::io::Error) -> WriteEnd {
    tracing::debug!(%error, "writing failed");
    WriteEnd::Broken
}

impl Gather {
    /// Room for at most `want` more bytes: as much of it as fits.
    fn room(&mut self, want: u64) -> &mut [u8] {
        let free = self.bytes_max - self.len;
        let take = usize::try_from(want).map_or(free, |want| want.min(free));
        if self.bytes.len() < self.len + take {
            // In few steps to what a bulk transfer needs: growing piece by piece would clear and copy it often.
            let size = (self.len + take).next_multiple_of(IDLE_BUFFER_BYTES_MAX).max(self.bytes.len() * 4);
            self.bytes.resize(size.min(self.bytes_max), 0);
        }
        &mut self.bytes[self.len..self.len + take]
    }

    /// Nothing is to be sent for now.
    fn rest(&mut self) {
        debug_assert_eq!(self.len, 0, "everything gathered was written");
        if self.bytes.len() > IDLE_BUFFER_BYTES_MAX {
            self.bytes = Vec::new();
        }
    }
}
