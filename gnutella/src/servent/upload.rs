//! Uploads: HTTP on the one port, and on connections that we have dialled for a push.
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

use common::digest::Digest;
use common::http::{self, QueuePlace, Request, Response, percent_decode};
use common::peer::{ConnId, FileId, Span, Time};
use common::transfer::{Admission, Feed, QueueKnobs, SlotId, UploadQueue};
use common::user::{Note, SharedFile};

use super::alternates::{self, Alternates};
use super::resource::Resource;
use super::{Hands, Link, Servent};
use crate::library::file_name;
use crate::node::Timer;
use crate::wire::{Message, Sha1Urn};

/// Connections of downloaders beside those that have a slot or a place in the queue; more are closed. 16: our choice.
const SURPLUS_MAX: usize = 16;
/// Who hangs up so soon after being told its place in the queue asks again by a new connection; who stays for longer and then
/// hangs up no longer wants the file. 2 s: our choice.
const CALLS_BACK_WITHIN: Duration = Duration::from_secs(2);
/// What content is called that nobody looks into: gtk-gnutella's word.
const CONTENT_TYPE: &str = "application/binary";
/// HUGE's line for the hash of what is sent.
const CONTENT_URN: &str = "X-Gnutella-Content-URN";

/// Slots, and who waits for one.
pub(super) struct Uploads {
    queue: UploadQueue,
    slots: usize,
    /// Connections on which we serve.
    connections: usize,
    /// Nothing for most servents: who shares little is told little.
    alternates: Option<Box<Alternates>>,
}

/// A connection on which we serve.
pub(super) struct Upload {
    remote: SocketAddrV4,
    slot: Option<SlotId>,
    stage: Stage,
}

enum Stage {
    Waiting {
        until: Time,
    },
    /// As above, with a place in the queue.
    Queued {
        since: Time,
        until: Time,
    },
    Sending(Sending),
}

struct Sending {
    file: FileId,
    feed: Feed,
    keeps_alive: bool,
}

impl Uploads {
    pub(super) fn new(knobs: &Arc<QueueKnobs>) -> Uploads {
        Uploads {
            queue: UploadQueue::new(Arc::clone(knobs)),
            slots: knobs.slots,
            connections: 0,
            alternates: None,
        }
    }

    /// True if all slots are taken: hits say so.
    pub(super) fn is_busy(&self) -> bool {
        self.queue.slots_taken() >= self.slots
    }
}

impl Servent {
    /// A connection on which requests are expected from now on, and whose timer runs.
    pub(super) fn serve(&mut self, conn: ConnId, remote: SocketAddrV4, cx: Hands) {
        let until = cx.now() + self.knobs.step_timeout;
        let upload = Upload { remote, slot: None, stage: Stage::Waiting { until } };
        self.links.insert(conn, Link::Upload(Box::new(upload)));
        self.uploads.connections += 1;
    }

    /// True if there is room for one more connection of that kind.
    pub(super) fn can_serve(&self) -> bool {
        let knobs = &self.knobs.uploads;
        !self.left && self.uploads.connections < knobs.slots + knobs.places_max + SURPLUS_MAX
    }

    /// A caller asks for a file.
    pub(super) fn requested(&mut self, conn: ConnId, remote: SocketAddrV4, request: &Request, cx: Hands) {
        if !self.can_serve() {
            return self.hang_up(conn, cx);
        }
        self.serve(conn, remote, cx);
        self.answer_request(conn, request, cx);
    }

    /// Somebody we serve asks for more.
    pub(super) fn of_downloader(&mut self, conn: ConnId, message: &Message, cx: Hands) {
        match message {
            Message::Request(request) => self.answer_request(conn, request, cx),
            _ => self.end_upload(conn, cx),
        }
    }

    fn answer_request(&mut self, conn: ConnId, request: &Request, cx: Hands) {
        let found = Resource::parse(&request.target).and_then(|resource| self.find(&resource));
        let Some(shared) = found.cloned() else {
            return self.decline(conn, self.head(http::NOT_FOUND, false).with("Content-Length", 0), cx);
        };
        let keeps_alive = request.keeps_alive();
        let size = shared.info.size;
        let (response, body) = Response::to_range(request.range(), size);
        let response = self.describe(response, &shared, keeps_alive);
        let Some((offset, len)) = body else { return self.reply(conn, response, keeps_alive, cx) };
        if &*request.method == "HEAD" {
            return self.reply(conn, response, keeps_alive, cx);
        }
        match self.admit(conn, cx.now()) {
            Admission::Start(_) => {}
            Admission::Wait(place) => return self.queue_up(conn, place, keeps_alive, cx),
            Admission::Full(after) => {
                let response = self.head(http::SERVICE_UNAVAILABLE, false).with("Content-Length", 0);
                return self.decline(conn, response.with("Retry-After", after.as_secs().max(1)), cx);
            }
        }
        let response = self.with_alternates(response, conn, &shared, request);
        cx.send(conn, Message::Response(Box::new(response)));
        let span = Span { file: shared.file, offset, len };
        let feed = Feed::new(span, cx.now(), self.knobs.data_timeout);
        if let Some(Link::Upload(upload)) = self.links.get_mut(conn) {
            upload.stage = Stage::Sending(Sending { file: shared.file, feed, keeps_alive });
        }
        self.feed(conn, cx);
    }

    /// The file that is meant. By number only together with its name: numbers change when files come and go.
    fn find(&self, resource: &Resource<'_>) -> Option<&SharedFile> {
        match resource {
            Resource::Numbered(index, name) => {
                let shared = self.library.get(FileId(*index));
                // Some write the name as it is, percent signs and all (mldonkey): then it was decoded once too often.
                let is_it = |own: &str| own == name || percent_decode(own) == *name;
                shared.filter(|shared| is_it(file_name(&shared.info.name)))
            }
            Resource::Content(urn) => self.library.by_urn(urn),
        }
    }

    /// A slot for this connection: the one that it has, a free one, or none.
    fn admit(&mut self, conn: ConnId, now: Time) -> Admission {
        let Some(Link::Upload(upload)) = self.links.get_mut(conn) else {
            return Admission::Full(self.knobs.step_timeout);
        };
        let queue = &mut self.uploads.queue;
        let admission = match upload.slot {
            Some(slot) if queue.renew(slot, now) => Admission::Start(slot),
            _ => queue.request(*upload.remote.ip(), 0, now),
        };
        upload.slot = match admission {
            Admission::Start(slot) => Some(slot),
            Admission::Wait(_) | Admission::Full(_) => None,
        };
        admission
    }

    /// All slots are taken. Who has a place in the queue keeps its connection, so that the next try needs no dial.
    fn queue_up(&mut self, conn: ConnId, place: QueuePlace, keeps_alive: bool, cx: Hands) {
        let response = self
            .head(http::SERVICE_UNAVAILABLE, keeps_alive)
            .with("Content-Length", 0)
            .with("Retry-After", place.poll_min_s)
            .with("X-Queue", place);
        self.reply(conn, response, keeps_alive, cx);
        if let Some(Link::Upload(upload)) = self.links.get_mut(conn) {
            let patience = Duration::from_secs(place.poll_max_s.into());
            upload.stage = Stage::Queued { since: cx.now(), until: cx.now() + patience };
        }
    }

    /// An answer without a body, after which the connection goes on if both want that.
    fn reply(&mut self, conn: ConnId, response: Response, keeps_alive: bool, cx: Hands) {
        if !keeps_alive {
            return self.decline(conn, response, cx);
        }
        cx.send(conn, Message::Response(Box::new(response)));
        self.await_request(conn, cx);
    }

    /// An answer after which the connection ends.
    fn decline(&mut self, conn: ConnId, response: Response, cx: Hands) {
        cx.send(conn, Message::Response(Box::new(response)));
        self.end_upload(conn, cx);
    }

    /// The next request may come. Who is queued stays so whatever else it has asked: its place hangs on it.
    fn await_request(&mut self, conn: ConnId, cx: Hands) {
        let Some(Link::Upload(upload)) = self.links.get_mut(conn) else { return };
        if !matches!(upload.stage, Stage::Queued { .. }) {
            let until = cx.now() + self.knobs.step_timeout;
            upload.stage = Stage::Waiting { until };
        }
        cx.resume(conn);
    }

    /// Keeps the driver's queue filled; goes on to the next request when everything has left.
    fn feed(&mut self, conn: ConnId, cx: Hands) {
        let Some(Link::Upload(upload)) = self.links.get_mut(conn) else { return };
        let Stage::Sending(sending) = &mut upload.stage else { return };
        while let Some(span) = sending.feed.next_span() {
            cx.send_body(conn, span);
        }
        if !sending.feed.is_done() {
            return;
        }
        if !sending.keeps_alive {
            return self.end_upload(conn, cx);
        }
        cx.note(Note::Uploaded(sending.file, sending.feed.bytes_sent()));
        if let Some(slot) = upload.slot {
            self.uploads.queue.linger(slot, cx.now());
        }
        self.await_request(conn, cx);
    }

    /// Bytes have left.
    pub(super) fn upload_sent(&mut self, conn: ConnId, len: u32, cx: Hands) {
        let Some(Link::Upload(upload)) = self.links.get_mut(conn) else { return };
        let Stage::Sending(sending) = &mut upload.stage else { return };
        sending.feed.sent(len, cx.now());
        self.feed(conn, cx);
    }

    fn end_upload(&mut self, conn: ConnId, cx: Hands) {
        cx.close(conn);
        if let Some(Link::Upload(upload)) = self.links.remove(conn) {
            self.upload_closed(&upload, cx);
        }
    }

    /// The user leaves.
    pub(super) fn end_uploads(&mut self, cx: Hands) {
        let is_ours = |link: &Link| matches!(link, Link::Upload(_));
        let all: Vec<ConnId> =
            self.links.iter().filter(|(_, link)| is_ours(link)).map(|(conn, _)| conn).collect();
        for conn in all {
            self.end_upload(conn, cx);
        }
    }

    /// Somebody we served is gone.
    pub(super) fn upload_closed(&mut self, upload: &Upload, cx: Hands) {
        self.uploads.connections -= 1;
        if let Some(slot) = upload.slot {
            self.uploads.queue.release(slot);
        }
        match &upload.stage {
            Stage::Sending(sending) => cx.note(Note::Uploaded(sending.file, sending.feed.bytes_sent())),
            Stage::Queued { since, .. } if cx.now() >= *since + CALLS_BACK_WITHIN => {
                let ip = upload.remote.ip();
                let waits = |link: &Link| matches!(link, Link::Upload(u) if u.remote.ip() == ip && matches!(u.stage, Stage::Queued { .. }));
                if !self.links.iter().any(|(_, link)| waits(link)) {
                    self.uploads.queue.leave(*ip);
                }
            }
            Stage::Queued { .. } | Stage::Waiting { .. } => {}
        }
    }

    /// A downloader should have asked, or taken more, by now.
    pub(super) fn upload_due(&mut self, conn: ConnId, cx: Hands) {
        let Some(Link::Upload(upload)) = self.links.get(conn) else { return };
        let until = match &upload.stage {
            Stage::Waiting { until } | Stage::Queued { until, .. } => *until,
            Stage::Sending(sending) => sending.feed.deadline(),
        };
        if until > cx.now() {
            cx.wake(until.since(cx.now()), Timer::LinkDue(conn));
        } else {
            self.end_upload(conn, cx);
        }
    }

    /// A response's first lines.
    fn head(&self, status: u16, keeps_alive: bool) -> Response {
        self.signed(Response::new(status), keeps_alive)
    }

    fn signed(&self, response: Response, keeps_alive: bool) -> Response {
        let connection = if keeps_alive { "Keep-Alive" } else { "close" };
        response.with("Server", &self.knobs.client).with("Connection", connection)
    }

    /// Says what file it is that is sent.
    fn describe(&self, response: Response, shared: &SharedFile, keeps_alive: bool) -> Response {
        let response = self
            .signed(response, keeps_alive)
            .with("Content-Type", CONTENT_TYPE)
            .with("Accept-Ranges", "bytes");
        match urn_of(shared) {
            Some(urn) => response.with(CONTENT_URN, urn),
            None => response,
        }
    }

    /// Tells other holders that we have heard of, and listens for those that the downloader knows.
    fn with_alternates(
        &mut self,
        response: Response,
        conn: ConnId,
        shared: &SharedFile,
        request: &Request,
    ) -> Response {
        let Some(Link::Upload(upload)) = self.links.get(conn) else { return response };
        let Some(urn) = urn_of(shared) else { return response };
        let known = self.uploads.alternates.as_ref();
        let line = known.and_then(|known| known.line(&urn, *upload.remote.ip()));
        let named = alternates::named(&request.headers, urn);
        if !named.is_empty() {
            self.uploads.alternates.get_or_insert_default().learn(urn, &named);
        }
        line.into_iter().fold(response, |response, line| response.with(alternates::HEADER, line))
    }
}

fn urn_of(shared: &SharedFile) -> Option<Sha1Urn> {
    match shared.info.digest {
        Some(Digest::Sha1(sha1)) => Some(Sha1Urn(sha1)),
        Some(Digest::Md5(_)) | None => None,
    }
}
