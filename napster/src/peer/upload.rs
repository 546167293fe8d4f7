//! Uploads, and callers on the data port.
//!
//! | state | event | becomes |
//! |---|---|---|
//! | nothing | 607 for a shared file | accepted: 608; refused: 609 if not shared, 619 if all slots are taken |
//! | nothing | a caller's `GET` | sending if a slot is free, else parked |
//! | accepted | 501 (we are firewalled) | dialling |
//! | dialling | the `1` | offered: `SEND` and size sent |
//! | offered | an offset within the file | sending if a slot is free, else parked |
//! | parked | a slot becomes free | sending: (size,) the file from the offset |
//! | sending | all bytes have left | done, closed |
//! | any | `step_timeout`, while sending no progress in `data_timeout`, or the connection ends | over |
//!
//! An acceptance holds no slot: a requester asks several holders and fetches from one. If more come than there
//! are slots, the surplus is parked on its connection for a short time, which no requester can tell from a slow line.

use std::net::SocketAddrV4;
use std::sync::Arc;

use common::peer::{ConnId, FileId, Span, Time};
use common::transfer::Feed;
use common::user::Note;

use super::share::record_of;
use super::{Hands, Link, Peer};
use crate::node::Timer;
use crate::wire::{
    DirectBrowse, DirectBrowseError, Message, Named, Offer, QueueLimit, Quoted, Refusal, Request, Setup,
    Token,
};

/// Acceptances remembered until their 501 comes; the oldest goes first. Nobody else can make us dial.
const ACCEPTED_MAX: usize = 64;
/// Uploads parked at a time; more are refused.
const PARKED_MAX: usize = 16;
/// The most files told of in a direct browse: `max_browse_result` of opennap-ng.
const LIST_MAX: usize = 500;

/// Somebody whom we told that we would bring a file.
pub(super) struct Accepted {
    nick: Token,
    file: Quoted,
    until: Time,
}

/// An upload with a connection.
pub(super) struct Upload {
    file: FileId,
    /// The name on the wire.
    name: Quoted,
    size: u64,
    stage: Stage,
    /// Until then the next step must have been made; while the file is sent, its feed has one.
    step_deadline: Time,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Dialling,
    Offered,
    Parked { offset: u64, tell_size: bool },
    Sending(Feed),
}

impl Upload {
    fn deadline(&self) -> Time {
        match &self.stage {
            Stage::Sending(feed) => feed.deadline(),
            Stage::Dialling | Stage::Offered | Stage::Parked { .. } => self.step_deadline,
        }
    }
}

impl Peer {
    fn slots_taken(&self) -> usize {
        self.count_uploads(|stage| matches!(stage, Stage::Sending(_)))
    }

    fn count_uploads(&self, fits: impl Fn(Stage) -> bool) -> usize {
        self.links
            .iter()
            .filter(|(_, link)| matches!(link, Link::Upload(upload) if fits(upload.stage)))
            .count()
    }

    /// Takes back what somebody was told about a file.
    fn redeem(&mut self, nick: &Token, file: &Quoted, now: Time) -> bool {
        self.accepted.retain(|accepted| accepted.until > now);
        let is_it = |accepted: &Accepted| {
            accepted.file == *file && accepted.nick.as_bytes().eq_ignore_ascii_case(nick.as_bytes())
        };
        let at = self.accepted.iter().position(is_it);
        at.and_then(|at| self.accepted.remove(at)).is_some()
    }

    /// Somebody wants a file (607).
    pub(super) fn upload_asked(&mut self, server: ConnId, named: &Arc<Named>, cx: Hands) {
        if self.shared.find(&named.file).is_none() {
            return cx.send(server, Message::UploadRefuse(named.clone()));
        }
        if self.slots_taken() >= self.config.upload_slots {
            let (nick, file) = (named.nick.clone(), named.file.clone());
            let limit = QueueLimit { nick, file, limit: self.config.upload_slots as u32 };
            return cx.send(server, Message::QueueLimit(Box::new(limit)));
        }
        if self.me.firewalled {
            // Who asks again is remembered once.
            self.redeem(&named.nick, &named.file, cx.now());
            if self.accepted.len() >= ACCEPTED_MAX {
                self.accepted.pop_front();
            }
            let until = cx.now() + self.config.step_timeout;
            self.accepted.push_back(Accepted { nick: named.nick.clone(), file: named.file.clone(), until });
        }
        cx.send(server, Message::UploadAccept(named.clone()));
    }

    /// We are firewalled: bring the file to who wants it (501).
    pub(super) fn push_asked(&mut self, offer: &Offer, cx: Hands) {
        if !self.redeem(&offer.nick, &offer.file, cx.now()) || offer.port == 0 {
            return;
        }
        let Some(shared) = self.shared.find(&offer.file) else { return };
        let (file, size, name) = (shared.file, shared.info.size, offer.file.clone());
        let conn = cx.dial(SocketAddrV4::new(offer.ip, offer.port), Setup::Data);
        self.begin_upload(
            conn,
            Upload { file, name, size, stage: Stage::Dialling, step_deadline: Time::ZERO },
            cx,
        );
    }

    fn begin_upload(&mut self, conn: ConnId, mut upload: Upload, cx: Hands) {
        upload.step_deadline = cx.now() + self.config.step_timeout;
        self.links.insert(conn, Link::Upload(Box::new(upload)));
        cx.wake(self.config.step_timeout, Timer::LinkDue(conn));
    }

    /// What a caller on the data port wants.
    pub(super) fn of_caller(&mut self, conn: ConnId, message: &Message, cx: Hands) {
        match message {
            Message::Request(request) => self.requested(conn, request, cx),
            Message::Delivery(named) => self.delivered(conn, named, cx),
            Message::ListAsk => {
                self.send_list(conn, cx);
                self.hang_up(conn, cx);
            }
            _ => self.hang_up(conn, cx),
        }
    }

    fn requested(&mut self, conn: ConnId, request: &Request, cx: Hands) {
        let Some(shared) = self.shared.find(&request.file) else {
            return self.refuse(conn, Refusal::NotShared, cx);
        };
        let (file, size, name) = (shared.file, shared.info.size, request.file.clone());
        let stage = Stage::Parked { offset: request.offset, tell_size: true };
        self.begin_upload(conn, Upload { file, name, size, stage, step_deadline: Time::ZERO }, cx);
        self.admit(conn, cx);
    }

    fn refuse(&mut self, conn: ConnId, refusal: Refusal, cx: Hands) {
        cx.send(conn, Message::Refusal(refusal));
        self.hang_up(conn, cx);
    }

    /// A message of somebody to whom we bring a file.
    pub(super) fn of_fetcher(&mut self, conn: ConnId, message: &Message, cx: Hands) {
        let Some(Link::Upload(upload)) = self.links.get_mut(conn) else { return };
        match (upload.stage, message) {
            (Stage::Dialling, Message::Hello) => {
                let Some(nick) = self.nick.clone() else { return };
                upload.stage = Stage::Offered;
                upload.step_deadline = cx.now() + self.config.step_timeout;
                cx.send(conn, Message::Delivery(Arc::new(Named { nick, file: upload.name.clone() })));
                cx.send(conn, Message::Size(upload.size));
                cx.resume_as(conn, Setup::Upload);
            }
            (Stage::Offered, Message::Offset(offset)) => {
                upload.stage = Stage::Parked { offset: *offset, tell_size: false };
                upload.step_deadline = cx.now() + self.config.step_timeout;
                self.admit(conn, cx);
            }
            _ => self.end_upload(conn, cx),
        }
    }

    /// A parked upload starts if it may.
    fn admit(&mut self, conn: ConnId, cx: Hands) {
        let is_free = self.slots_taken() < self.config.upload_slots;
        let parked = self.count_uploads(|stage| matches!(stage, Stage::Parked { .. }));
        let Some(Link::Upload(upload)) = self.links.get_mut(conn) else { return };
        let Stage::Parked { offset, tell_size } = upload.stage else { return };
        if offset > upload.size || !is_free && parked > PARKED_MAX {
            return self.refuse(conn, Refusal::Invalid, cx);
        }
        if !is_free {
            return;
        }
        let span = Span { file: upload.file, offset, len: upload.size - offset };
        upload.stage = Stage::Sending(Feed::new(span, cx.now(), self.config.data_timeout));
        if tell_size {
            cx.send(conn, Message::Size(upload.size));
        }
        self.tell_server(Message::UploadBegun, cx);
        self.feed(conn, cx);
    }

    /// Keeps the driver's queue filled; ends the upload when everything has left.
    fn feed(&mut self, conn: ConnId, cx: Hands) {
        let Some(Link::Upload(upload)) = self.links.get_mut(conn) else { return };
        let Stage::Sending(feed) = &mut upload.stage else { return };
        while let Some(span) = feed.next_span() {
            cx.send_body(conn, span);
        }
        if feed.is_done() {
            self.end_upload(conn, cx);
        }
    }

    pub(super) fn sent(&mut self, conn: ConnId, len: u32, cx: Hands) {
        let Some(Link::Upload(upload)) = self.links.get_mut(conn) else { return };
        let Stage::Sending(feed) = &mut upload.stage else { return };
        feed.sent(len, cx.now());
        self.feed(conn, cx);
    }

    fn end_upload(&mut self, conn: ConnId, cx: Hands) {
        cx.close(conn);
        if let Some(Link::Upload(upload)) = self.links.remove(conn) {
            self.upload_ended(&upload, cx);
        }
    }

    /// An upload is no longer there: tells of it and lets the next one in.
    pub(super) fn upload_ended(&mut self, upload: &Upload, cx: Hands) {
        let Stage::Sending(feed) = upload.stage else { return };
        self.tell_server(Message::UploadEnded, cx);
        cx.note(Note::Uploaded(upload.file, feed.bytes_sent()));
        let is_parked =
            |link: &Link| matches!(link, Link::Upload(u) if matches!(u.stage, Stage::Parked { .. }));
        let next = self.links.iter().find(|(_, link)| is_parked(link)).map(|(conn, _)| conn);
        if let Some(next) = next {
            self.admit(next, cx);
        }
    }

    pub(super) fn link_due(&mut self, conn: ConnId, cx: Hands) {
        match self.links.get(conn) {
            Some(Link::Caller | Link::ListDelivery) => self.hang_up(conn, cx),
            Some(Link::Upload(upload)) if upload.deadline() > cx.now() => {
                cx.wake(upload.deadline().since(cx.now()), Timer::LinkDue(conn));
            }
            Some(Link::Upload(_)) => self.end_upload(conn, cx),
            Some(Link::Server | Link::Download(_)) | None => {}
        }
    }

    /// Somebody wants our list without the server in between (640).
    pub(super) fn direct_browse_asked(&mut self, server: ConnId, request: &DirectBrowse, cx: Hands) {
        match (request.ip, request.port) {
            (Some(ip), Some(port)) if self.me.firewalled && port != 0 => {
                let listings =
                    self.links.iter().filter(|(_, link)| matches!(link, Link::ListDelivery)).count();
                if listings >= self.config.callers_max {
                    return;
                }
                let conn = cx.dial(SocketAddrV4::new(ip, port), Setup::Data);
                self.links.insert(conn, Link::ListDelivery);
                cx.wake(self.config.step_timeout, Timer::LinkDue(conn));
            }
            _ if self.me.firewalled => {
                let why = Quoted::lossy("behind a firewall");
                let error = DirectBrowseError { nick: request.nick.clone(), why };
                return cx.send(server, Message::DirectBrowseError(Box::new(error)));
            }
            _ => {}
        }
        cx.send(server, Message::DirectBrowseAccept(request.nick.clone()));
    }

    pub(super) fn of_list_taker(&mut self, conn: ConnId, message: &Message, cx: Hands) {
        if let (Message::Hello, Some(nick)) = (message, self.nick.clone()) {
            cx.send(conn, Message::ListDelivery(nick));
            self.send_files(conn, cx);
        }
        self.hang_up(conn, cx);
    }

    fn send_list(&self, conn: ConnId, cx: Hands) {
        let Some(nick) = self.nick.clone() else { return };
        cx.send(conn, Message::ListNick(nick));
        self.send_files(conn, cx);
    }

    fn send_files(&self, conn: ConnId, cx: Hands) {
        for record in self.shared.iter().filter_map(|shared| record_of(&shared.info)).take(LIST_MAX) {
            cx.send(conn, Message::ListFile(Arc::new(record)));
        }
        cx.send(conn, Message::ListEnd);
    }
}
