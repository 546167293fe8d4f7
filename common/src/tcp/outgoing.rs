//! The queue from the node to one connection's writer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use tokio::sync::Notify;
use tokio_util::codec::Encoder;

use crate::store::Storage;
use crate::wire::WireError;

/// A buffer that has grown beyond this is given back once it is empty, so that ten thousand idle connections
/// hold none of what a busy moment needed.
pub(super) const IDLE_BUFFER_BYTES_MAX: usize = 512;

/// The queue from the node to one connection's writer: encoded messages and spans of files, in order.
#[derive(Default)]
pub(super) struct Outgoing {
    queue: Mutex<Queue>,
    wake: Notify,
}

#[derive(Default)]
struct Queue {
    waiting: Batch,
    /// Control bytes queued and taken, but not yet written.
    control_unwritten: usize,
    /// Bodies queued and taken, but not yet written.
    bodies_unwritten: usize,
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
}

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

impl Outgoing {
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
        if queue.control_unwritten > bytes_max {
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
    }

    /// Waits until something may have been queued.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }
}
