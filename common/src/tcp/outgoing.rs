//! The queue from the node to one connection's writer.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use tokio::sync::{Notify, mpsc};
use tokio_util::codec::Encoder;

use crate::seal::Sealer;
use crate::store::Storage;
use crate::wire::WireError;

/// A buffer that has grown beyond this is given back once it is empty, so that ten thousand idle connections
/// hold none of what a busy moment needed.
pub(super) const IDLE_BUFFER_BYTES_MAX: usize = 512;

/// What all connections of a node may have queued together. Each may use as much as is still free (and never
/// more than its own limit), so that under pressure the longest queues end and short ones go on: with n full
/// queues, a connection has an n-th of the whole to itself.
pub(super) struct Budget {
    bytes_max: usize,
    used: AtomicUsize,
}

impl Budget {
    pub(super) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Budget { bytes_max, used: AtomicUsize::new(0) })
    }

    /// Takes so many bytes; returns what is left for others.
    fn take(&self, bytes: usize) -> usize {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.bytes_max.saturating_sub(used)
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The queue from the node to one connection's writer: encoded messages and spans of files, in order.
pub(super) struct Outgoing {
    queue: Mutex<Queue>,
    wake: Notify,
    budget: Arc<Budget>,
}

#[derive(Default)]
struct Queue {
    waiting: Batch,
    /// Control bytes queued and taken, but not yet written.
    control_unwritten: usize,
    /// Bodies queued and taken, but not yet written.
    bodies_unwritten: usize,
    /// The connection is to be sealed, and its handshake is not through.
    shaking: bool,
}

/// What the writer takes at a time: everything.
#[derive(Default)]
pub(super) struct Batch {
    /// All encoded messages, back to back.
    pub(super) control: BytesMut,
    /// How `control` and bodies follow one another.
    pub(super) parts: VecDeque<Part>,
}

/// A stretch of what is to be sent.
pub(super) enum Part {
    /// So many bytes of [`Batch::control`].
    Control(usize),
    /// A range of a file.
    Body(Body),
    /// What follows is sealed: first the handshake, as the reader has it said.
    Seal(mpsc::Receiver<Shake>),
}

/// What the reader, who takes the far side's part of a handshake, has the writer do.
pub(super) enum Shake {
    /// Send this, as it is.
    Say(Vec<u8>),
    /// Seal what follows with this.
    Through(Sealer),
}

/// A reader has its last message said and the sealer handed over without waiting for the writer between them.
const SHAKES_MAX: usize = 2;

/// A range of a file that is to be sent.
pub(super) struct Body {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) offset: u64,
    pub(super) len: u64,
}

/// Why something could not be queued.
#[derive(Debug)]
pub(super) enum NotQueued {
    /// The far side has not taken what was queued before.
    Full,
    /// Our own message cannot be encoded.
    Encode(WireError),
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        let unwritten = self.lock().control_unwritten;
        self.budget.give_back(unwritten);
    }
}

impl Outgoing {
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        Outgoing { queue: Mutex::default(), wake: Notify::new(), budget }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Encodes a message behind everything queued before.
    pub(super) fn push<M, E>(&self, encoder: &mut E, message: M, bytes_max: usize) -> Result<(), NotQueued>
    where
        E: Encoder<M, Error = WireError>,
    {
        let mut queue = self.lock();
        let before = queue.waiting.control.len();
        encoder.encode(message, &mut queue.waiting.control).map_err(NotQueued::Encode)?;
        let len = queue.waiting.control.len() - before;
        queue.control_unwritten += len;
        let free = self.budget.take(len);
        if queue.control_unwritten > bytes_max.min(free) {
            return Err(NotQueued::Full);
        }
        match queue.waiting.parts.back_mut() {
            Some(Part::Control(stretch)) => *stretch += len,
            _ => queue.waiting.parts.push_back(Part::Control(len)),
        }
        drop(queue);
        self.wake.notify_one();
        Ok(())
    }

    /// Queues a body behind everything queued before.
    pub(super) fn push_body(&self, body: Body, bodies_max: usize) -> Result<(), NotQueued> {
        let mut queue = self.lock();
        if queue.bodies_unwritten >= bodies_max {
            return Err(NotQueued::Full);
        }
        queue.bodies_unwritten += 1;
        queue.waiting.parts.push_back(Part::Body(body));
        drop(queue);
        self.wake.notify_one();
        Ok(())
    }

    /// Has everything queued from here on sealed. What comes back is for the reader.
    pub(super) fn push_seal(&self) -> mpsc::Sender<Shake> {
        let (sender, shakes) = mpsc::channel(SHAKES_MAX);
        let mut queue = self.lock();
        queue.shaking = true;
        queue.waiting.parts.push_back(Part::Seal(shakes));
        drop(queue);
        self.wake.notify_one();
        sender
    }

    /// The writer has the sealer.
    pub(super) fn shaken(&self) {
        self.lock().shaking = false;
    }

    /// True while what is queued waits for a handshake.
    pub(super) fn is_shaking(&self) -> bool {
        self.lock().shaking
    }

    /// Moves all that waits into an empty `batch`; says whether there was anything.
    pub(super) fn take(&self, batch: &mut Batch) -> bool {
        debug_assert!(batch.parts.is_empty(), "the batch before was written");
        batch.control.clear();
        if batch.control.capacity() > IDLE_BUFFER_BYTES_MAX {
            batch.control = BytesMut::new();
        }
        let mut queue = self.lock();
        std::mem::swap(&mut queue.waiting, batch);
        !batch.parts.is_empty()
    }

    /// The writer has written this much.
    pub(super) fn written(&self, control_bytes: usize, bodies: usize) {
        let mut queue = self.lock();
        queue.control_unwritten -= control_bytes;
        queue.bodies_unwritten -= bodies;
        self.budget.give_back(control_bytes);
    }

    /// Waits until something may have been queued.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes so many bytes for each message.
    struct Bytes;

    impl Encoder<usize> for Bytes {
        type Error = WireError;
        fn encode(&mut self, len: usize, dst: &mut BytesMut) -> Result<(), WireError> {
            dst.resize(dst.len() + len, 0);
            Ok(())
        }
    }

    #[test]
    fn under_pressure_long_queues_end_and_short_ones_go_on() {
        let budget = Budget::new(1000);
        let [greedy, modest] = [(); 2].map(|()| Outgoing::new(Arc::clone(&budget)));
        assert!(greedy.push(&mut Bytes, 500, 800).is_ok(), "half of the whole: as much as is free");
        assert!(matches!(greedy.push(&mut Bytes, 1, 800), Err(NotQueued::Full)));
        assert!(modest.push(&mut Bytes, 200, 800).is_ok());
        assert!(matches!(modest.push(&mut Bytes, 100, 800), Err(NotQueued::Full)));
        drop(greedy);
        assert!(modest.push(&mut Bytes, 50, 800).is_ok(), "an ended connection gives back what it held");
        let mut batch = Batch::default();
        assert!(modest.take(&mut batch));
        modest.written(batch.control.len(), 0);
        assert_eq!(budget.used.load(Ordering::Relaxed), 0, "and so does what was written");
        assert!(matches!(modest.push(&mut Bytes, 401, 400), Err(NotQueued::Full)), "its own limit holds too");
    }
}
