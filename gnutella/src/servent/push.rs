//! `GIV`, and pushes that are for us or from us.
//!
//! | whose push | what becomes of it |
//! |---|---|
//! | ours, for a holder that cannot be dialled | goes the way on which a hit of that servent came; the holder dials us and says `GIV`; that connection is then as good as one that we have dialled |
//! | for us | its address is dialled and told `GIV`; what follows is an upload |
//!
//! A `GIV` is known by its servent alone: modern servents put neither the file's number nor its name there.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use common::peer::{ConnId, FileId, Time};

use super::{Hands, Servent};
use crate::guid::Guid;
use crate::hosts::is_dialable;
use crate::library::file_name;
use crate::node::Timer;
use crate::wire::{Giv, Header, Message, Push, Setup};

/// Pushes towards one address that are answered in [`WINDOW`]: gtk-gnutella's limit. Whoever sends pushes in a stranger's
/// name has us knock there so often and no more.
const PER_ADDRESS_MAX: usize = 5;
/// Pushes answered in [`WINDOW`] in all, and so the dials under way. 64: our choice, many times the slots.
const IN_ALL_MAX: usize = 64;
const WINDOW: Duration = Duration::from_secs(30);

/// Pushes that were answered of late.
#[derive(Default)]
pub(super) struct Pushes {
    /// When and where to, oldest first.
    answered: VecDeque<(Time, Ipv4Addr)>,
}

impl Pushes {
    /// Whether one more dial to this address is in order now; if so it is counted.
    fn admit(&mut self, to: Ipv4Addr, now: Time) -> bool {
        while self.answered.front().is_some_and(|(at, _)| now.since(*at) >= WINDOW) {
            self.answered.pop_front();
        }
        let there = self.answered.iter().filter(|(_, ip)| *ip == to).count();
        let is_in_order = there < PER_ADDRESS_MAX && self.answered.len() < IN_ALL_MAX;
        if is_in_order {
            self.answered.push_back((now, to));
        }
        is_in_order
    }
}

/// True if somebody else may listen there.
pub(super) fn is_elsewhere(address: SocketAddrV4, own: SocketAddrV4) -> bool {
    is_dialable(address) && address != own
}

impl Servent {
    /// A push is for us: bring the file.
    pub(super) fn pushed(&mut self, push: &Push, cx: Hands) {
        let to = push.address;
        if !self.can_serve() || self.library.files().is_empty() || !is_elsewhere(to, self.own_address(cx)) {
            return;
        }
        if !self.pushes.admit(*to.ip(), cx.now()) {
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

    /// Asks a servent to dial us. False if that cannot come to anything: we cannot be dialled, or no hit of it has come by.
    pub(super) fn send_push(&mut self, servent: Guid, index: u32, cx: Hands) -> bool {
        let way = self.router.route_to_servent(&servent, cx.now());
        let address = self.own_address(cx);
        // Without a neighbour that told us, a servent on all addresses of its machine does not know which is its own.
        let can_be_dialled = !self.me.firewalled && !address.ip().is_unspecified();
        let Some(way) = way.filter(|_| can_be_dialled) else { return false };
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
