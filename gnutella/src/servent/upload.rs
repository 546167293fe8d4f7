//! Uploads: HTTP on the one port, and on connections that we have dialled for a push.
//!
//! Slots, queue and the states of a connection are [`common::transfer::Uploads`]; here stands what is said.

use std::net::SocketAddrV4;

use common::digest::Digest;
use common::http::{self, QueuePlace, Request, Response, percent_decode};
use common::peer::{ConnId, FileId, Span};
use common::transfer::{Admission, Upload};
use common::user::{SharedFile, file_name};

use super::alternates;
use super::resource::Resource;
use super::{Hands, Link, Servent};
use crate::node::Timer;
use crate::wire::{Message, Sha1Urn};

/// What content is called that nobody looks into: gtk-gnutella's word.
const CONTENT_TYPE: &str = "application/binary";
/// HUGE's line for the hash of what is sent.
const CONTENT_URN: &str = "X-Gnutella-Content-URN";

impl Servent {
    /// A connection on which requests are expected from now on, and whose timer runs.
    pub(super) fn serve(&mut self, conn: ConnId, remote: SocketAddrV4, cx: Hands) {
        let upload = self.uploads.open(remote, cx.now());
        self.links.insert(conn, Link::Upload(Box::new(upload)));
    }

    /// True if there is room for one more connection of that kind.
    pub(super) fn can_serve(&self) -> bool {
        !self.left && self.uploads.has_room()
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
        let Some(Link::Upload(upload)) = self.links.get_mut(conn) else { return };
        upload.asked();
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
        let Some(Link::Upload(upload)) = self.links.get_mut(conn) else { return };
        let admission = self.uploads.admit(upload, 0, cx.now());
        match admission {
            Admission::Start(_) => {}
            Admission::Wait(place) => return self.queue_up(conn, place, request, cx),
            Admission::Full(after) => {
                let response = self.head(http::SERVICE_UNAVAILABLE, false).with("Content-Length", 0);
                return self.decline(conn, response.with("Retry-After", after.as_secs().max(1)), cx);
            }
        }
        let response = self.with_alternates(response, conn, &shared, request);
        cx.send(conn, Message::Response(Box::new(response)));
        let span = Span { file: shared.file, offset, len };
        let Some(Link::Upload(upload)) = self.links.get_mut(conn) else { return };
        if !self.uploads.send(conn, upload, (span, keeps_alive), cx) {
            self.end_upload(conn, cx);
        }
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

    /// All slots are taken. Who has a place in the queue keeps its connection, so that the next try needs no dial.
    fn queue_up(&mut self, conn: ConnId, place: QueuePlace, request: &Request, cx: Hands) {
        let keeps_alive = request.keeps_alive();
        let response = self
            .head(http::SERVICE_UNAVAILABLE, keeps_alive)
            .with("Content-Length", 0)
            .with("Retry-After", place.poll_min_s)
            .with("X-Queue", place);
        self.reply(conn, response, keeps_alive, cx);
        if let Some(Link::Upload(upload)) = self.links.get_mut(conn) {
            self.uploads.wait_in_queue(upload, request, &place, cx.now());
        }
    }

    /// An answer without a body, after which the connection goes on if both want that.
    fn reply(&mut self, conn: ConnId, response: Response, keeps_alive: bool, cx: Hands) {
        if !keeps_alive {
            return self.decline(conn, response, cx);
        }
        let Some(Link::Upload(upload)) = self.links.get_mut(conn) else { return };
        cx.send(conn, Message::Response(Box::new(response)));
        self.uploads.wait(conn, upload, cx);
    }

    /// An answer after which the connection ends.
    fn decline(&mut self, conn: ConnId, response: Response, cx: Hands) {
        cx.send(conn, Message::Response(Box::new(response)));
        self.end_upload(conn, cx);
    }

    /// Bytes have left.
    pub(super) fn upload_sent(&mut self, conn: ConnId, len: u32, cx: Hands) {
        let Some(Link::Upload(upload)) = self.links.get_mut(conn) else { return };
        if !self.uploads.sent(conn, upload, len, cx) {
            self.end_upload(conn, cx);
        }
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
        let remaining = self.links.iter().filter_map(|(_, link)| match link {
            Link::Upload(upload) => Some(&**upload),
            _ => None,
        });
        self.uploads.closed(upload, remaining, cx);
    }

    /// A downloader should have asked, or taken more, by now.
    pub(super) fn upload_due(&mut self, conn: ConnId, cx: Hands) {
        let Some(Link::Upload(upload)) = self.links.get(conn) else { return };
        let until = upload.deadline();
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
        let known = self.alternates.as_ref();
        let line = known.and_then(|known| known.line(&urn, *upload.remote().ip()));
        let named = alternates::named(&request.headers, urn);
        if !named.is_empty() {
            self.alternates.get_or_insert_default().learn(urn, &named);
        }
        line.into_iter().fold(response, |response, line| response.with(alternates::HEADER, line))
    }
}

fn urn_of(shared: &SharedFile) -> Option<Sha1Urn> {
    match shared.info.digest {
        Some(Digest::Sha1(sha1)) => Some(Sha1Urn(sha1)),
        Some(_) | None => None,
    }
}
