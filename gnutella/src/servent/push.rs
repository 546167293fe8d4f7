//! `GIV`, and pushes that are for us or from us.
//!
//! | whose push | what becomes of it |
//! |---|---|
//! | ours, for a holder that cannot be dialled | goes the way on which a hit of that servent came; the holder dials us and says `GIV`; that connection is then as good as one that we have dialled |
//! | for us | its address is dialled and told `GIV`; what follows is an upload |
//!
//! A `GIV` is known by its servent alone: modern servents put neither the file's number nor its name there.

use std::net::SocketAddrV4;
use std::sync::Arc;

use common::net::is_elsewhere;
use common::peer::{ConnId, FileId};
use common::user::file_name;

use super::{Hands, Servent};
use crate::guid::Guid;
use crate::node::Timer;
use crate::wire::{Giv, Header, Message, Push, Setup};

impl Servent {
    /// A push is for us: bring the file.
    pub(super) fn pushed(&mut self, push: &Push, cx: Hands) {
        let to = push.address;
        if !self.can_serve() || self.library.files().is_empty() || !is_elsewhere(to, self.own_address(cx)) {
            return;
        }
        if !self.knocks.admit(*to.ip(), cx.now()) {
            return;
        }
        // The name is that of the file, as 0.4 has it, or the word that gtk-gnutella says instead.
        let name = self.library.get(FileId(push.index)).map_or("file", |shared| file_name(&shared.info.name));
        let giv = Giv { index: push.index, servent: self.guid, name: name.into() };
        let conn = cx.dial(to, Setup::Server);
        cx.send(conn, Message::Giv(Box::new(giv)));
        self.serve(conn, to, cx);
        cx.wake(self.knobs.step_timeout, Timer::LinkDue(conn));
    }

    /// Asks a servent to dial us. False if that cannot come to anything: we cannot be dialled, no hit of it has come by, or the neighbour
    /// that brought it is gone.
    pub(super) fn send_push(&mut self, servent: Guid, index: u32, cx: Hands) -> bool {
        let way = self.router.route_to_servent(&servent, cx.now());
        let address = self.own_address(cx);
        // Without a neighbour that told us, a servent on all addresses of its machine does not know which is its own.
        let can_be_dialled = !self.me.firewalled && !address.ip().is_unspecified();
        let way = way.filter(|way| can_be_dialled && self.neighbour(*way).is_some());
        let Some(way) = way else { return false };
        let header = Header { guid: Guid::random(cx.rng()), ttl: self.knobs.ttl, hops: 0 };
        let push = Push { servent, index, address, extension: None };
        cx.send(way, Message::Push(header, Arc::new(push)));
        true
    }

    /// Somebody brings a file: taken if we wait for something of that servent.
    pub(super) fn given(&mut self, conn: ConnId, remote: SocketAddrV4, giv: &Giv, cx: Hands) {
        match self.awaited_of(&giv.servent) {
            Some(awaited) => {
                cx.resume_as(conn, Setup::Client);
                self.source_given(awaited, conn, remote, cx);
            }
            None => self.hang_up(conn, cx),
        }
    }
}
