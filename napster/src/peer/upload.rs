//! Uploads, and callers on the data port.
//!
//! | state | event | becomes |
//! |---|---|---|
//! | nothing | 607 for a shared file, a slot free | promised for `step_timeout`: 608 sent |
//! | nothing | 607, no slot free / not shared | 619 sent / 609 sent |
//! | promised | 501 (we are firewalled) | dialling |
//! | promised, or a slot free | a caller's `GET` | sending: size, then the file from the offset |
//! | dialling | the `1` | offered: `SEND` and size sent |
//! | offered | an offset within the file | sending |
//! | sending | all bytes have left | done, closed |
//! | any | silence for `data_timeout`, or the connection ends | over |

use std::net::SocketAddrV4;
use std::sync::Arc;

use common::peer::{ConnId, FileId, Span, Time};
use common::user::Note;

use super::share::record_of;
use super::{Hands, Link, Peer};
use crate::node::Timer;
use crate::wire::{
    DirectBrowse, DirectBrowseError, Message, Named, Offer, QueueLimit, Quoted, Refusal, Request, Setup,
    Token,
};

/// Somebody who was promised an upload.
pub(super) struct Waiting {
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
    /// When bytes last left.
    last: Time,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Dialling,
    Offered,
    Sending { sent: u64, total: u64 },
}

impl Peer {
    /// Uploads promised and running; promises run out.
    fn uploads(&mut self, now: Time) -> usize {
        self.promised.retain(|waiting| waiting.until > now);
        self.promised.len() + self.links.iter().filter(|(_, link)| matches!(link, Link::Upload(_))).count()
    }

    /// Takes back the promise to somebody for a file.
    fn redeem(&mut self, nick: &Token, file: &Quoted) -> bool {
        let is_it = |waiting: &Waiting| {
            waiting.file == *file && waiting.nick.as_bytes().eq_ignore_ascii_case(nick.as_bytes())
        };
        let at = self.promised.iter().position(is_it);
        at.map(|at| self.promised.swap_remove(at)).is_some()
    }

    /// Somebody wants a file (607).
    pub(super) fn upload_asked(&mut self, server: ConnId, named: &Arc<Named>, cx: Hands) {
        if self.shared_as(&named.file).is_none() {
            return cx.send(server, Message::UploadRefuse(named.clone()));
        }
        // Who asks again holds no second slot.
        self.redeem(&named.nick, &named.file);
        if self.uploads(cx.now()) >= self.config.upload_slots {
            let (nick, file) = (named.nick.clone(), named.file.clone());
            let limit = QueueLimit { nick, file, limit: self.config.upload_slots as u32 };
            return cx.send(server, Message::QueueLimit(Box::new(limit)));
        }
        let until = cx.now() + self.config.step_timeout;
        self.promised.push(Waiting { nick: named.nick.clone(), file: named.file.clone(), until });
        cx.send(server, Message::UploadAccept(named.clone()));
    }

    /// We are firewalled: bring the file to who wants it (501).
    pub(super) fn push_asked(&mut self, offer: &Offer, cx: Hands) {
        if !self.redeem(&offer.nick, &offer.file) {
            return;
        }
        let Some(shared) = self.shared_as(&offer.file) else { return };
        let (file, size, name) = (shared.file, shared.info.size, offer.file.clone());
        let conn = cx.dial(SocketAddrV4::new(offer.ip, offer.port), Setup::Data);
        let upload = Upload { file, name, size, stage: Stage::Dialling, last: cx.now() };
        self.links.insert(conn, Link::Upload(Box::new(upload)));
        cx.wake(self.config.step_timeout, Timer::LinkDue(conn));
    }

    /// What a caller on the data port wants.
    pub(super) fn of_caller(&mut self, conn: ConnId, message: Message, cx: Hands) {
        match message {
            Message::Request(request) => self.requested(conn, &request, cx),
            Message::Delivery(named) => self.delivered(conn, &named, cx),
            Message::ListAsk => {
                self.send_list(conn, cx);
                self.hang_up(conn, cx);
            }
            _ => self.hang_up(conn, cx),
        }
    }

    fn requested(&mut self, conn: ConnId, request: &Request, cx: Hands) {
        let Some(shared) = self.shared_as(&request.file) else {
            cx.send(conn, Message::Refusal(Refusal::NotShared));
            return self.hang_up(conn, cx);
        };
        let (file, size, name) = (shared.file, shared.info.size, request.file.clone());
        let promised = self.redeem(&request.nick, &request.file);
        if request.offset > size || !promised && self.uploads(cx.now()) >= self.config.upload_slots {
            cx.send(conn, Message::Refusal(Refusal::Invalid));
            return self.hang_up(conn, cx);
        }
        let upload = Upload { file, name, size, stage: Stage::Offered, last: cx.now() };
        self.links.insert(conn, Link::Upload(Box::new(upload)));
        cx.send(conn, Message::Size(size));
        self.send_from(conn, request.offset, cx);
    }

    /// A message of somebody to whom we bring a file.
    pub(super) fn of_fetcher(&mut self, conn: ConnId, message: &Message, cx: Hands) {
        let Some(Link::Upload(upload)) = self.links.get_mut(conn) else { return };
        match (upload.stage, message) {
            (Stage::Dialling, Message::Hello) => {
                let Some(nick) = self.nick.clone() else { return };
                upload.stage = Stage::Offered;
                upload.last = cx.now();
                cx.send(conn, Message::Delivery(Arc::new(Named { nick, file: upload.name.clone() })));
                cx.send(conn, Message::Size(upload.size));
                cx.resume_as(conn, Setup::Upload);
            }
            (Stage::Offered, Message::Offset(offset)) if *offset <= upload.size => {
                self.send_from(conn, *offset, cx);
            }
            _ => self.hang_up(conn, cx),
        }
    }

    /// Queues the file from an offset on: one span, which the driver reads as the line takes it.
    fn send_from(&mut self, conn: ConnId, offset: u64, cx: Hands) {
        let Some(Link::Upload(upload)) = self.links.get_mut(conn) else { return };
        let total = upload.size - offset;
        upload.stage = Stage::Sending { sent: 0, total };
        upload.last = cx.now();
        if total > 0 {
            cx.send_body(conn, Span { file: upload.file, offset, len: total });
            cx.wake(self.config.data_timeout, Timer::LinkDue(conn));
        }
        self.tell_server(Message::UploadBegun, cx);
        self.sent(conn, 0, cx);
    }

    pub(super) fn sent(&mut self, conn: ConnId, len: u32, cx: Hands) {
        let Some(Link::Upload(upload)) = self.links.get_mut(conn) else { return };
        let Stage::Sending { sent, total } = &mut upload.stage else { return };
        *sent += u64::from(len);
        upload.last = cx.now();
        if *sent >= *total {
            self.end_upload(conn, cx);
        }
    }

    fn end_upload(&mut self, conn: ConnId, cx: Hands) {
        cx.close(conn);
        if let Some(Link::Upload(upload)) = self.links.remove(conn) {
            self.upload_ended(&upload, cx);
        }
    }

    pub(super) fn upload_ended(&self, upload: &Upload, cx: Hands) {
        if let Stage::Sending { sent, .. } = upload.stage {
            self.tell_server(Message::UploadEnded, cx);
            cx.note(Note::Uploaded(upload.file, sent));
        }
    }

    pub(super) fn link_due(&mut self, conn: ConnId, cx: Hands) {
        match self.links.get(conn) {
            Some(Link::Caller | Link::ListDelivery) => self.hang_up(conn, cx),
            Some(Link::Upload(upload)) => {
                let silent = cx.now().since(upload.last);
                let allowed = match upload.stage {
                    Stage::Sending { .. } => self.config.data_timeout,
                    Stage::Dialling | Stage::Offered => self.config.step_timeout,
                };
                if silent >= allowed {
                    self.end_upload(conn, cx);
                } else {
                    cx.wake(allowed - silent, Timer::LinkDue(conn));
                }
            }
            _ => {}
        }
    }

    /// Somebody wants our list without the server in between (640).
    pub(super) fn direct_browse_asked(&mut self, server: ConnId, request: &DirectBrowse, cx: Hands) {
        match (request.ip, request.port) {
            (Some(ip), Some(port)) if port != 0 => {
                let conn = cx.dial(SocketAddrV4::new(ip, port), Setup::Data);
                self.links.insert(conn, Link::ListDelivery);
                cx.wake(self.config.step_timeout, Timer::LinkDue(conn));
            }
            _ if self.config.firewalled => {
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
            self.send_list(conn, cx);
        }
        self.hang_up(conn, cx);
    }

    fn send_list(&self, conn: ConnId, cx: Hands) {
        let Some(nick) = self.nick.clone() else { return };
        cx.send(conn, Message::ListNick(nick));
        for record in self.shared.iter().filter_map(|shared| record_of(&shared.info)) {
            cx.send(conn, Message::ListFile(Arc::new(record)));
        }
        cx.send(conn, Message::ListEnd);
    }
}
