//! Brokering downloads: the owner is asked each time, then one side learns where to dial.
//!
//! | owner's port | 203 | 500 | then |
//! |---|---|---|---|
//! | open | 607 to the owner | 404 `<nick> is not firewalled` | 608 → 204 to the requester, who dials |
//! | 0 | 204 with port 0 at once | 607 to the owner | 608 → 501 to the owner, who dials |
//! | 0, requester's too | 204 with port 0 at once | 204 with `firewallerror` | nothing can be done |

use std::net::Ipv4Addr;
use std::sync::Arc;

use common::peer::ConnId;

use super::{Hands, Server, User, notice};
use crate::wire::{Checksum, Message, Named, Offer, Quoted, QueueLimit, QueueLimited, Token};

impl Server {
    pub(super) fn get(&self, conn: ConnId, nick: &Token, named: &Arc<Named>, cx: Hands) {
        let Some((owner_conn, ip, owner)) = self.online(&named.nick) else {
            return cx.send(conn, Message::GetError(named.clone()));
        };
        if owner.port == 0 {
            return cx.send(conn, offer(owner, ip, 0, &named.file, Checksum::Unknown));
        }
        ask_owner(owner_conn, nick, &named.file, cx);
    }

    pub(super) fn get_by_push(&self, conn: ConnId, nick: &Token, named: &Arc<Named>, cx: Hands) {
        let Some((owner_conn, ip, owner)) = self.online(&named.nick) else {
            return cx.send(conn, Message::GetError(named.clone()));
        };
        if owner.port != 0 {
            return notice(conn, format!("{} is not firewalled", owner.nick), cx);
        }
        if self.user(conn).is_some_and(|requester| requester.port == 0) {
            return cx.send(conn, offer(owner, ip, 0, &named.file, Checksum::FirewallError));
        }
        ask_owner(owner_conn, nick, &named.file, cx);
    }

    /// The owner is willing (608).
    pub(super) fn accept(&self, conn: ConnId, nick: &Token, named: &Named, cx: Hands) {
        let Some(info) = self.file_named(conn, &named.file) else {
            return notice(conn, "Not sharing that file", cx);
        };
        let Some((requester_conn, requester_ip, requester)) = self.online(&named.nick) else {
            return notice(conn, "User is not currently online.", cx);
        };
        let Some((_, ip, owner)) = self.online(nick) else { return };
        let checksum = Checksum::from(info.digest);
        if owner.port == 0 {
            cx.send(conn, push(requester, requester_ip, &named.file, checksum));
        } else {
            cx.send(requester_conn, offer(owner, ip, owner.port, &named.file, checksum));
        }
    }

    /// The owner will not (609). The historical server only logged it; a requester need not wait in vain.
    pub(super) fn refuse(&self, nick: &Token, named: &Named, cx: Hands) {
        if let Some((requester, ..)) = self.online(&named.nick) {
            let named = Named { nick: nick.clone(), file: named.file.clone() };
            cx.send(requester, Message::UploadRefuse(Arc::new(named)));
        }
    }

    /// The owner's queue is full (619 in, 620 out).
    pub(super) fn queue_limit(&self, conn: ConnId, nick: &Token, limit: &QueueLimit, cx: Hands) {
        let Some(info) = self.file_named(conn, &limit.file) else {
            return notice(conn, "Not sharing that file", cx);
        };
        let Some((requester, ..)) = self.online(&limit.nick) else {
            return notice(conn, "User is not currently online.", cx);
        };
        let limited = QueueLimited {
            nick: nick.clone(),
            file: limit.file.clone(),
            size: info.size,
            limit: limit.limit,
        };
        cx.send(requester, Message::QueueLimited(Box::new(limited)));
    }
}

fn ask_owner(owner: ConnId, nick: &Token, file: &Quoted, cx: Hands) {
    cx.send(owner, Message::UploadAsk(Arc::new(Named { nick: nick.clone(), file: file.clone() })));
}

fn offer(owner: &User, ip: Ipv4Addr, port: u16, file: &Quoted, checksum: Checksum) -> Message {
    let (nick, file, speed) = (owner.nick.clone(), file.clone(), owner.speed);
    Message::Offer(Arc::new(Offer { nick, ip, port, file, checksum, speed }))
}

fn push(requester: &User, ip: Ipv4Addr, file: &Quoted, checksum: Checksum) -> Message {
    let (nick, file, speed, port) = (requester.nick.clone(), file.clone(), requester.speed, requester.port);
    Message::Push(Arc::new(Offer { nick, ip, port, file, checksum, speed }))
}
