//! `GIVE`, and pushes for us or from us.
//!
//! | whose push | what becomes of it |
//! |---|---|
//! | ours, for a holder that cannot be dialled | goes to our supernode, from there to the holder's, from there to the holder; it dials us and says `GIVE` with the push's number; that connection is then as good as one that we have dialled |
//! | for us | its address is dialled and told `GIVE`; what follows is an upload |
//!
//! The number is drawn at random for each push: who says one that nobody waits for, or from elsewhere than the holder's
//! address where that means something here, is hung up on.

use std::net::SocketAddrV4;

use common::net::is_elsewhere;
use common::peer::ConnId;
use common::transfer::SourceId;
use common::user::FetchId;
use rand::RngExt as _;

use super::{Hands, Ordinary};
use crate::node::Timer;
use crate::wire::{Message, PushOrder, Setup};

impl Ordinary {
    /// Asks a holder to dial us. `None` if that cannot come to anything: we cannot be dialled either, or nobody passes it on.
    pub(super) fn send_push(&mut self, fetch: FetchId, source: SourceId, cx: Hands) -> Option<u32> {
        // Zero is no number to giFT.
        let id = cx.rng().random_range(1..=u32::MAX);
        let holder = self.downloads.as_ref()?.get(fetch)?.key(source).holder.clone();
        self.ask_push(id, &holder, cx).then_some(id)
    }

    /// A push is for us: bring what will be asked for.
    pub(crate) fn pushed(&mut self, order: PushOrder, cx: Hands) {
        let to = order.to;
        if !self.can_serve() || self.shares.files().is_empty() || !is_elsewhere(to, self.own_address(cx)) {
            return;
        }
        if !self.dealings.get_or_insert_default().knocks.admit(*to.ip(), cx.now()) {
            return;
        }
        let conn = cx.dial(to, Setup::Server);
        cx.send(conn, Message::Give(order.id));
        self.serve(conn, to, cx);
        cx.wake(self.me.knobs.step_timeout, Timer::ConnDue(conn));
    }

    /// Somebody brings a file: taken if we wait for that.
    pub(crate) fn given(&mut self, conn: ConnId, remote: SocketAddrV4, id: u32, cx: Hands) {
        let own = self.own_address(cx);
        let downloads = self.downloads.as_ref();
        let awaited = downloads.and_then(|downloads| {
            downloads.awaited(|held, number| number == id && held.may_come_from(*remote.ip(), own))
        });
        match awaited {
            Some(awaited) => {
                cx.resume_as(conn, Setup::Client);
                self.source_given(awaited, conn, remote, cx);
            }
            None => self.hang_up(conn, cx),
        }
    }
}
