//! Pushes on their way: from who cannot dial a holder, over two supernodes, to that holder.
//!
//! ```text
//! searcher ──0d──► its supernode ──push──► the holder's supernode ──0d──► holder ──dials──► searcher: GIVE
//! ```
//!
//! Between two supernodes that are no neighbours a visit takes it. A supernode passes on only what bears the address its child
//! comes from: who could name any address could have it knocked at by all holders of the overlay.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use common::peer::ConnId;
use common::user::Holder;

use super::register::{Who, number_of};
use crate::ordinary::{Conn, Hands, Ordinary};
use crate::wire::{Link, Message, PushAsk, PushOrder};

impl Ordinary {
    /// Asks a holder that cannot be dialled to dial us and to say `GIVE` with this number. False if that cannot come to anything:
    /// we cannot be dialled, its supernode is not known, or we have none ourselves.
    pub(crate) fn ask_push(&mut self, id: u32, holder: &Holder, cx: Hands) -> bool {
        let to = self.own_address(cx);
        let (Some(supernode), false) = (holder.via, self.me.firewalled || to.ip().is_unspecified()) else {
            return false;
        };
        let holder_at = holder.address.unwrap_or(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
        let ask = PushAsk { id, to, holder: holder_at, supernode, user: holder.nick.clone() };
        if self.supernode.is_some() {
            self.route_push(ask, cx);
            return true;
        }
        let Some(parent) = self.nearest_parent(supernode) else { return false };
        cx.send(parent, Message::PushAsk(Arc::new(ask)));
        true
    }

    /// A child asks for a push.
    pub(super) fn child_pushes(&mut self, conn: ConnId, ask: &Arc<PushAsk>, cx: Hands) {
        let from = match self.conns.get(conn) {
            Some(Conn::Child(child)) => child.from,
            _ => return,
        };
        if *ask.to.ip() == from && self.child_may_ask(conn, cx.now()) {
            self.route_push(PushAsk::clone(ask), cx);
        } else {
            self.refuse_push();
        }
    }

    fn refuse_push(&mut self) {
        if let Some(supernode) = &mut self.supernode {
            supernode.refused.pushes += 1;
        }
    }

    /// Passes a push on to the holder's supernode, which may be this one.
    fn route_push(&mut self, ask: PushAsk, cx: Hands) {
        let to = ask.supernode;
        if to == self.own_address(cx) {
            self.deliver_push(&ask, cx);
        } else if !self.tell_supernode(to, Link::Push(ask), cx) {
            self.refuse_push();
        }
    }

    /// A push for a child of ours, or for us.
    pub(super) fn deliver_push(&mut self, ask: &PushAsk, cx: Hands) {
        let order = PushOrder { id: ask.id, to: ask.to };
        let Some(supernode) = &self.supernode else { return };
        if supernode.register.is_own(ask.holder, &ask.user) {
            return self.pushed(order, cx);
        }
        let is_meant = |who: &Who| *who.user == *ask.user && who.address.ip() == ask.holder.ip();
        let child = self
            .children_taken_on()
            .map(|(conn, _)| conn)
            .find(|conn| supernode.register.who(number_of(*conn)).is_some_and(is_meant));
        match child {
            Some(conn) => cx.send(conn, Message::PushOrder(order)),
            None => self.refuse_push(),
        }
    }
}
