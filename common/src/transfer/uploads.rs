//! The uploads of a node that serves files by HTTP: slots, queue and every connection on which somebody is served, as far as
//! they are the same in every overlay.
//!
//! | a connection is | event | becomes |
//! |---|---|---|
//! | waiting, queued | a request for a file, and there is a slot | sending: head and body |
//! | waiting, queued | one that must wait for a slot | queued, told its place (503) |
//! | waiting, queued | `HEAD`, or a request for no byte of it | as it was, told all but the body |
//! | waiting, queued | a request for what is not here, or in no sense a request | told so, closed |
//! | waiting | `step_timeout` | closed |
//! | queued | as long as its place lasts | closed; if the place was held by no other connection of that address, it is given up |
//! | sending | all has left | waiting for the next request, if both sides keep the connection, else closed |
//! | sending | too little leaves in `data_timeout` | closed |
//!
//! A request pauses its connection until its answer has left, so that requests sent ahead are answered in their order.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use super::{Admission, Feed, QueueKnobs, SlotId, UploadQueue};
use crate::http::{QueuePlace, Request};
use crate::peer::{ConnId, Cx, FileId, Peer, Span, Time};
use crate::user::Note;

/// Connections of downloaders beside those that have a slot or a place in the queue; more are closed. 16: our choice.
const SURPLUS_MAX: usize = 16;
/// Who hangs up so soon after being told its place in the queue asks again by a new connection, unless it has said that it waits
/// on this one; who stays for longer and then hangs up no longer wants the file. 2 s: our choice.
const CALLS_BACK_WITHIN: Duration = Duration::from_secs(2);

/// Slots, who waits for one, and how many are connected.
#[derive(Debug)]
pub struct Uploads {
    queue: UploadQueue,
    slots: usize,
    connections: usize,
    connections_max: usize,
    step_timeout: Duration,
    data_timeout: Duration,
}

/// A connection on which somebody is served. Whoever drops one says [`Uploads::closed`].
#[derive(Debug)]
pub struct Upload {
    remote: SocketAddrV4,
    slot: Option<SlotId>,
    stage: Stage,
    /// A request has paused it.
    is_paused: bool,
}

/// See the module's table.
#[derive(Debug)]
enum Stage {
    Waiting {
        until: Time,
    },
    /// As above, with a place in the queue.
    Queued {
        /// From then on its end gives up the place.
        binding: Time,
        until: Time,
    },
    Sending {
        file: FileId,
        feed: Feed,
        keeps_alive: bool,
    },
}

impl Upload {
    /// Whom it serves.
    pub fn remote(&self) -> SocketAddrV4 {
        self.remote
    }

    /// A request has come, and has paused the connection until its answer has left.
    pub fn asked(&mut self) {
        self.is_paused = true;
    }

    /// It is no longer paused, since something else is spoken on it.
    pub fn resumed(&mut self) {
        self.is_paused = false;
    }

    /// True while an answer's body leaves.
    pub fn is_sending(&self) -> bool {
        matches!(self.stage, Stage::Sending { .. })
    }

    /// When it is to be closed, unless something happens before.
    pub fn deadline(&self) -> Time {
        match &self.stage {
            Stage::Waiting { until } | Stage::Queued { until, .. } => *until,
            Stage::Sending { feed, .. } => feed.deadline(),
        }
    }
}

impl Uploads {
    /// Nobody is served. `step_timeout` is for a request to come, `data_timeout` for a body to get on.
    pub fn new(knobs: &Arc<QueueKnobs>, step_timeout: Duration, data_timeout: Duration) -> Uploads {
        Uploads {
            queue: UploadQueue::new(Arc::clone(knobs)),
            slots: knobs.slots,
            connections: 0,
            connections_max: knobs.slots + knobs.places_max + SURPLUS_MAX,
            step_timeout,
            data_timeout,
        }
    }

    /// True if all slots are taken.
    pub fn is_busy(&self) -> bool {
        self.queue.slots_taken() >= self.slots
    }

    /// True if nobody is served or waits: nothing is lost with it.
    pub fn is_idle(&self) -> bool {
        self.connections == 0 && self.queue.slots_taken() == 0 && self.queue.waiting() == 0
    }

    /// True if there is room for one more connection.
    pub fn has_room(&self) -> bool {
        self.connections < self.connections_max
    }

    /// A connection on which requests are expected from now on.
    pub fn open(&mut self, remote: SocketAddrV4, now: Time) -> Upload {
        self.connections += 1;
        Upload {
            remote,
            slot: None,
            stage: Stage::Waiting { until: now + self.step_timeout },
            is_paused: false,
        }
    }

    /// A slot for this connection: the one that it has, a free one, or none. Larger priorities go first.
    pub fn admit(&mut self, upload: &mut Upload, priority: u32, now: Time) -> Admission {
        let admission = match upload.slot {
            Some(slot) if self.queue.renew(slot, now) => Admission::Start(slot),
            _ => self.queue.request(*upload.remote.ip(), priority, now),
        };
        upload.slot = match admission {
            Admission::Start(slot) => Some(slot),
            Admission::Wait(_) | Admission::Full(_) => None,
        };
        admission
    }

    /// The next request is awaited. Who is queued stays so whatever else it has asked: its place hangs on it.
    pub fn wait<P: Peer>(&self, conn: ConnId, upload: &mut Upload, cx: &mut Cx<'_, P>) {
        if !matches!(upload.stage, Stage::Queued { .. }) {
            upload.stage = Stage::Waiting { until: cx.now() + self.step_timeout };
        }
        if std::mem::take(&mut upload.is_paused) {
            cx.resume(conn);
        }
    }

    /// The next request may take as long as a place in the queue lasts. Who has one keeps its connection, so that its next
    /// try needs no dial. Who got the file elsewhere hangs up at once, and its place would hold up all behind it for as long as
    /// it lasts if that were taken for a call to come.
    pub fn wait_in_queue(&self, upload: &mut Upload, request: &Request, place: &QueuePlace, now: Time) {
        let grace = if request.queues_on_connection() { Duration::ZERO } else { CALLS_BACK_WITHIN };
        let patience = Duration::from_secs(place.poll_max_s.into());
        upload.stage = Stage::Queued { binding: now + grace, until: now + patience };
    }

    /// Sends a body after its head. False: all has left already and the connection ends.
    pub fn send<P: Peer>(
        &mut self,
        conn: ConnId,
        upload: &mut Upload,
        (span, keeps_alive): (Span, bool),
        cx: &mut Cx<'_, P>,
    ) -> bool {
        let feed = Feed::new(span, cx.now(), self.data_timeout);
        upload.stage = Stage::Sending { file: span.file, feed, keeps_alive };
        self.feed(conn, upload, cx)
    }

    /// Bytes have left. False: all of them, and the connection ends.
    pub fn sent<P: Peer>(&mut self, conn: ConnId, upload: &mut Upload, len: u32, cx: &mut Cx<'_, P>) -> bool {
        if let Stage::Sending { feed, .. } = &mut upload.stage {
            feed.sent(len, cx.now());
        }
        self.feed(conn, upload, cx)
    }

    /// Keeps the driver's queue filled; goes on to the next request when everything has left.
    fn feed<P: Peer>(&mut self, conn: ConnId, upload: &mut Upload, cx: &mut Cx<'_, P>) -> bool {
        let Stage::Sending { file, feed, keeps_alive } = &mut upload.stage else { return true };
        while let Some(span) = feed.next_span() {
            cx.send_body(conn, span);
        }
        if !feed.is_done() {
            return true;
        }
        if !*keeps_alive {
            return false;
        }
        cx.note(Note::Uploaded(*file, feed.bytes_sent()));
        if let Some(slot) = upload.slot {
            self.queue.linger(slot, cx.now());
        }
        self.wait(conn, upload, cx);
        true
    }

    /// A connection is gone; `others` are those that remain.
    pub fn closed<'a, P: Peer>(
        &mut self,
        upload: &Upload,
        others: impl Iterator<Item = &'a Upload>,
        cx: &mut Cx<'_, P>,
    ) {
        self.connections -= 1;
        if let Some(slot) = upload.slot {
            self.queue.release(slot);
        }
        match &upload.stage {
            Stage::Sending { file, feed, .. } => cx.note(Note::Uploaded(*file, feed.bytes_sent())),
            Stage::Queued { binding, .. } if cx.now() >= *binding => {
                let ip = upload.remote.ip();
                let waits =
                    |other: &Upload| other.remote.ip() == ip && matches!(other.stage, Stage::Queued { .. });
                if !others.into_iter().any(waits) {
                    self.queue.leave(*ip);
                }
            }
            Stage::Queued { .. } | Stage::Waiting { .. } => {}
        }
    }
}
