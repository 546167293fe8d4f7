//! Uploads: HTTP on the one port, and on connections that we have dialled for a push.
//!
//! Slots, queue and the states of a connection are [`common::transfer::Uploads`], going under seal is `seal.rs`; here stands
//! what is said. A request pauses its connection until its answer has left. Only the answer to the request with which a
//! connection went under seal leaves while more is read already; a request that comes meanwhile is kept until then.
//!
//! | request | answer |
//! |---|---|
//! | for what we share, and there is a slot | 200 or 206 and the body, or all but the body for `HEAD` |
//! | for what we share, and all slots are taken | 503, with the time after which to come again, and with a place in the queue for who understands it |
//! | for a range outside the file | 416 |
//! | for a content or a file that we do not share, or for anything else | 404 |
//! | by another method | 501 |

use std::net::SocketAddrV4;

use common::http::{self, QueuePlace, Request, Response, percent_decode};
use common::peer::{ConnId, FileId, Span};
use common::transfer::{self, Admission, Alternates, Knocks, Uploads};
use common::user::{SharedFile, file_name};

use super::content::Content;
use super::participation::Participation;
use super::{Conn, Hands, Ordinary, exchange, uuhash};
use crate::node::Timer;
use crate::wire::transfer::{Asked, USER_AGENT, introduce, tell_content};
use crate::wire::upgrade::{agree, asks_seal};
use crate::wire::{Message, Setup, content_type};

/// Who can be told a place in the queue is to ask again within so many seconds, unless it stands far behind; for the others
/// it is kept for longer. 60: Gnutella's servents here; with more, a slot stands empty until somebody asks.
const POLL_MAX_S: u32 = 60;

/// A connection on which we serve.
pub(crate) struct Upload {
    serving: transfer::Upload,
    seal: HolderSeal,
    /// A request that came before the answer to an earlier one had left.
    kept: Option<Box<Request>>,
}

/// See the second table of `seal.rs`.
enum HolderSeal {
    Plain,
    /// With the request that is answered once the seal stands.
    Sealing(Box<Request>),
    Sealed,
}

/// What is remembered of those we deal with, within bounds; nothing for most nodes.
#[derive(Default)]
pub(crate) struct Dealings {
    /// Who else has what we share.
    alternates: Alternates<Content>,
    /// Who has sent us how much, and had how much from us.
    pub(super) participation: Participation,
    /// Whom we have dialled for others.
    pub(super) knocks: Knocks,
}

impl Ordinary {
    /// A connection on which requests are expected from now on, and whose timer runs.
    pub(super) fn serve(&mut self, conn: ConnId, remote: SocketAddrV4, cx: Hands) {
        let knobs = &self.me.knobs;
        let uploads = self.uploads.get_or_insert_with(|| {
            Box::new(Uploads::new(&knobs.uploads, knobs.request_timeout, knobs.data_timeout))
        });
        let serving = uploads.open(remote, cx.now());
        let upload = Upload { serving, seal: HolderSeal::Plain, kept: None };
        self.conns.insert(conn, Conn::Upload(Box::new(upload)));
    }

    /// True if there is room for one more connection of that kind.
    pub(super) fn can_serve(&self) -> bool {
        !self.left && self.uploads.as_ref().is_none_or(|uploads| uploads.has_room())
    }

    /// A caller asks for a file.
    pub(crate) fn requested(&mut self, conn: ConnId, remote: SocketAddrV4, request: Box<Request>, cx: Hands) {
        if !self.can_serve() {
            return self.hang_up(conn, cx);
        }
        self.serve(conn, remote, cx);
        self.of_downloader(conn, Message::Request(request), cx);
    }

    /// Somebody we serve asks for more.
    pub(super) fn of_downloader(&mut self, conn: ConnId, message: Message, cx: Hands) {
        let Some(Conn::Upload(upload)) = self.conns.get_mut(conn) else { return };
        let Message::Request(request) = message else { return self.end_upload(conn, cx) };
        if upload.serving.is_sending() {
            // It pauses the connection, so no other comes.
            upload.kept = Some(request);
            return;
        }
        upload.serving.asked();
        if matches!(upload.seal, HolderSeal::Plain) && self.me.knobs.seals_transfers && asks_seal(&request) {
            return self.agree_to_seal(conn, request, cx);
        }
        self.answer_request(conn, &request, cx);
    }

    /// Both sides go on under seal; the request is answered there.
    fn agree_to_seal(&mut self, conn: ConnId, request: Box<Request>, cx: Hands) {
        let (Some(Conn::Upload(upload)), Some(uploads)) = (self.conns.get_mut(conn), &self.uploads) else {
            return;
        };
        upload.seal = HolderSeal::Sealing(request);
        cx.send(conn, Message::Response(Box::new(agree())));
        cx.resume_as(conn, Setup::SealedServer);
        // The handshake may take as long as a request.
        upload.serving.resumed();
        uploads.wait(conn, &mut upload.serving, cx);
    }

    /// A connection on which we serve is under seal.
    pub(super) fn upload_sealed(&mut self, conn: ConnId, cx: Hands) {
        let Some(Conn::Upload(upload)) = self.conns.get_mut(conn) else { return };
        if let HolderSeal::Sealing(request) = std::mem::replace(&mut upload.seal, HolderSeal::Sealed) {
            self.answer_request(conn, &request, cx);
        }
    }

    fn answer_request(&mut self, conn: ConnId, request: &Request, cx: Hands) {
        let is_head = &*request.method == "HEAD";
        if !is_head && &*request.method != "GET" {
            return self.decline(conn, http::NOT_IMPLEMENTED, cx);
        }
        let found = Asked::of(&request.target).and_then(|asked| self.find(&asked));
        let Some(shared) = found.cloned() else { return self.decline(conn, http::NOT_FOUND, cx) };
        let keeps_alive = request.keeps_alive();
        let (response, body) = Response::to_range(request.range(), shared.info.size);
        let response = self.describe(self.signed(response, keeps_alive, cx), &shared);
        let Some((offset, len)) = body.filter(|_| !is_head) else {
            return self.reply(conn, response, keeps_alive, cx);
        };
        match self.admit(conn, cx) {
            Some(Admission::Start(_)) => {}
            Some(Admission::Wait(place)) => return self.queue_up(conn, place, request, cx),
            Some(Admission::Full(after)) => {
                let busy = self.refusal(http::SERVICE_UNAVAILABLE, false, cx);
                return self.reply(conn, busy.with("Retry-After", after.as_secs().max(1)), false, cx);
            }
            None => return,
        }
        let response = self.with_sources(response, conn, &shared, request);
        cx.send(conn, Message::Response(Box::new(response)));
        let span = Span { file: shared.file, offset, len };
        let (Some(Conn::Upload(upload)), Some(uploads)) = (self.conns.get_mut(conn), &mut self.uploads)
        else {
            return;
        };
        if !uploads.send(conn, &mut upload.serving, (span, keeps_alive), cx) {
            self.end_upload(conn, cx);
        }
    }

    /// The file that is meant. By number only together with its name: numbers change when files come and go.
    fn find(&self, asked: &Asked) -> Option<&SharedFile> {
        match asked {
            Asked::Content(content) => self.shares.by_hash(content),
            Asked::File(number, name) => {
                let shared = self.shares.get(FileId(*number));
                // Some write the name as it is, percent signs and all: then it was decoded once too often.
                let is_it = |own: &str| own == &**name || percent_decode(own) == **name;
                shared.filter(|shared| is_it(file_name(&shared.info.name)))
            }
        }
    }

    /// A slot for this connection, or a place in the queue, in the order of participation.
    fn admit(&mut self, conn: ConnId, cx: Hands) -> Option<Admission> {
        let Some(Conn::Upload(upload)) = self.conns.get_mut(conn) else { return None };
        let levels = self.dealings.as_ref().filter(|_| self.me.knobs.levels_uploads);
        let level = levels.map_or(0, |known| known.participation.level(*upload.serving.remote().ip()));
        Some(self.uploads.as_mut()?.admit(&mut upload.serving, level, cx.now()))
    }

    /// All slots are taken. Who has a place in the queue keeps its connection, so that the next try needs no dial.
    fn queue_up(&mut self, conn: ConnId, place: QueuePlace, request: &Request, cx: Hands) {
        let keeps_alive = request.keeps_alive();
        let response =
            self.refusal(http::SERVICE_UNAVAILABLE, keeps_alive, cx).with("Retry-After", place.poll_min_s);
        // KaZaA knew no such line; whoever does says so.
        let response = match request.headers.get("X-Queue") {
            Some(_) => response.with("X-Queue", told_place(place)),
            None => response,
        };
        self.reply(conn, response, keeps_alive, cx);
        if let (Some(Conn::Upload(upload)), Some(uploads)) = (self.conns.get_mut(conn), &self.uploads) {
            uploads.wait_in_queue(&mut upload.serving, request, &place, cx.now());
        }
    }

    /// An answer without a body, after which the connection goes on if both want that.
    fn reply(&mut self, conn: ConnId, response: Response, keeps_alive: bool, cx: Hands) {
        cx.send(conn, Message::Response(Box::new(response)));
        if !keeps_alive {
            return self.end_upload(conn, cx);
        }
        if let (Some(Conn::Upload(upload)), Some(uploads)) = (self.conns.get_mut(conn), &self.uploads) {
            uploads.wait(conn, &mut upload.serving, cx);
        }
    }

    /// An answer after which the connection ends.
    fn decline(&mut self, conn: ConnId, status: u16, cx: Hands) {
        let response = self.refusal(status, false, cx);
        self.reply(conn, response, false, cx);
    }

    /// Bytes have left.
    pub(super) fn upload_sent(&mut self, conn: ConnId, len: u32, cx: Hands) {
        let (Some(Conn::Upload(upload)), Some(uploads)) = (self.conns.get_mut(conn), &mut self.uploads)
        else {
            return;
        };
        if self.me.knobs.levels_uploads {
            let to = *upload.serving.remote().ip();
            self.dealings.get_or_insert_default().participation.sent_to(to, len);
        }
        if !uploads.sent(conn, &mut upload.serving, len, cx) {
            return self.end_upload(conn, cx);
        }
        if !upload.serving.is_sending()
            && let Some(request) = upload.kept.take()
        {
            self.of_downloader(conn, Message::Request(request), cx);
        }
    }

    fn end_upload(&mut self, conn: ConnId, cx: Hands) {
        cx.close(conn);
        if let Some(Conn::Upload(upload)) = self.conns.remove(conn) {
            self.upload_closed(&upload, cx);
        }
    }

    /// The user leaves.
    pub(super) fn end_uploads(&mut self, cx: Hands) {
        let is_ours = |conn: &Conn| matches!(conn, Conn::Upload(_));
        let all: Vec<ConnId> =
            self.conns.iter().filter(|(_, conn)| is_ours(conn)).map(|(conn, _)| conn).collect();
        for conn in all {
            self.end_upload(conn, cx);
        }
    }

    /// Somebody we served is gone.
    pub(super) fn upload_closed(&mut self, upload: &Upload, cx: Hands) {
        let Some(uploads) = &mut self.uploads else { return };
        let remaining = self.conns.iter().filter_map(|(_, conn)| match conn {
            Conn::Upload(upload) => Some(&upload.serving),
            _ => None,
        });
        uploads.closed(&upload.serving, remaining, cx);
        if uploads.is_idle() {
            self.uploads = None;
        }
    }

    /// A downloader should have asked, or taken more, by now.
    pub(super) fn upload_due(&mut self, conn: ConnId, cx: Hands) {
        let Some(Conn::Upload(upload)) = self.conns.get(conn) else { return };
        let until = upload.serving.deadline();
        if until > cx.now() {
            cx.wake(until.since(cx.now()), Timer::ConnDue(conn));
        } else {
            self.end_upload(conn, cx);
        }
    }

    /// An answer that brings nothing.
    fn refusal(&self, status: u16, keeps_alive: bool, cx: Hands) -> Response {
        self.signed(Response::new(status).with("Content-Length", 0), keeps_alive, cx)
    }

    /// Says who answers. giFT falls over an answer without `Connection`.
    fn signed(&self, response: Response, keeps_alive: bool, cx: Hands) -> Response {
        let mut response = response
            .with("Server", USER_AGENT)
            .with("Connection", if keeps_alive { "Keep-Alive" } else { "close" });
        let own = self.own_address(cx);
        let supernode = if self.supernode.is_some() { Some(own) } else { self.parents().next() };
        introduce(&mut response.headers, &self.me.user, own, supernode);
        response
    }

    /// Says what file it is that is sent. Its name is not told: who asks by content may not know it.
    fn describe(&self, response: Response, shared: &SharedFile) -> Response {
        let mut response =
            response.with("Accept-Ranges", "bytes").with("Content-Type", content_type(&shared.info.name));
        if let Some(digest) = &shared.info.digest {
            tell_content(&mut response.headers, digest);
        }
        response
    }

    /// Tells a node of ours other holders that we have heard of, and listens for those that it knows.
    fn with_sources(
        &mut self,
        response: Response,
        conn: ConnId,
        shared: &SharedFile,
        request: &Request,
    ) -> Response {
        let Some(Conn::Upload(upload)) = self.conns.get(conn) else { return response };
        let Some(content) = uuhash(&shared.info).copied() else { return response };
        if !exchange::asks_as_ours(request) {
            return response;
        }
        let own = *upload.serving.remote().ip();
        let line = self.dealings.as_ref().and_then(|known| known.alternates.line(&content, own));
        let named = exchange::named(&request.headers);
        if !named.is_empty() {
            self.dealings.get_or_insert_default().alternates.learn(content, &named);
        }
        line.into_iter().fold(response, |response, line| response.with(exchange::HEADER, line))
    }
}

/// A place as it is told to who understands it.
fn told_place(place: QueuePlace) -> QueuePlace {
    QueuePlace { poll_max_s: place.poll_max_s.min(POLL_MAX_S.max(place.poll_min_s)), ..place }
}
