//! Whether a supernode is where it says it is: its address is dialled, and must answer under the key that announced it.

use std::net::SocketAddrV4;

use common::http::Response;
use common::peer::{ConnId, PublicKey};

use super::{Hands, Services, State, Waits};
use crate::wire::upgrade::{SUPERNODE, agrees, sealed_get};
use crate::wire::{Message, NodeEntry, Refusal, Setup};

/// An announced address that is looked at.
pub(super) struct Check {
    /// Who waits for the end of it.
    asker: ConnId,
    entry: NodeEntry,
    owner: PublicKey,
}

impl Services {
    /// A client says that it is a supernode.
    pub(super) fn announced(
        &mut self,
        conn: ConnId,
        remote: SocketAddrV4,
        owner: PublicKey,
        mut entry: NodeEntry,
        cx: Hands,
    ) {
        if entry.address.ip().is_unspecified() {
            // It listens on all addresses of its machine, and cannot know which of them we see.
            entry.address.set_ip(*remote.ip());
        }
        let address = entry.address;
        // We dial nobody for others' sake.
        if address.ip() != remote.ip() || address.port() == 0 {
            return self.refuse(conn, Refusal::Unreachable, cx);
        }
        if self.list.refresh(entry, owner, cx.now()) {
            return self.tell_list(conn, Some(address), cx);
        }
        if self.checks >= self.knobs.checks_max || !self.has_room(address) {
            return self.refuse(conn, Refusal::Busy, cx);
        }
        let dialled = cx.dial(address, Setup::Client);
        cx.send(dialled, Message::Request(Box::new(sealed_get(SUPERNODE, address))));
        self.checks += 1;
        self.hold(dialled, address, State::Check(Check { asker: conn, entry, owner }), cx);
        self.set_waits(conn, Some(Waits::Check(dialled)));
    }

    pub(super) fn check_answered(&mut self, conn: ConnId, response: &Response, cx: Hands) {
        if !agrees(response) {
            return self.hang_up(conn, cx);
        }
        cx.resume_as(conn, Setup::LinkDialler);
        self.step(conn, cx);
    }

    /// Somebody is there, and has proved to own this key.
    pub(super) fn check_sealed(&mut self, conn: ConnId, key: PublicKey, cx: Hands) {
        match self.conns.get(conn) {
            Some(held) if matches!(&held.state, State::Check(check) if check.owner == key) => {}
            _ => return self.hang_up(conn, cx),
        }
        cx.close(conn);
        let Some(held) = self.conns.remove(conn) else { return };
        let State::Check(check) = held.state else { return };
        self.check_over(check.asker, cx);
        // Others may have come meanwhile.
        if !self.has_room(check.entry.address) {
            return self.refuse(check.asker, Refusal::Busy, cx);
        }
        self.list.insert(check.entry, check.owner, cx.now());
        self.tell_list(check.asker, Some(check.entry.address), cx);
    }

    fn has_room(&self, address: SocketAddrV4) -> bool {
        self.list.has_room(address, self.knobs.supernodes_max, self.knobs.supernodes_per_address_max)
    }

    /// Nobody is there, or somebody else; the connection is gone.
    pub(super) fn check_failed(&mut self, check: &Check, cx: Hands) {
        self.check_over(check.asker, cx);
        self.refuse(check.asker, Refusal::Unreachable, cx);
    }

    /// The asker has gone before the end of the check on this connection.
    pub(super) fn call_off(&mut self, conn: ConnId, cx: Hands) {
        if self.conns.remove(conn).is_some() {
            cx.close(conn);
            self.checks -= 1;
        }
    }

    /// The asker may go on, and has its time again.
    fn check_over(&mut self, asker: ConnId, cx: Hands) {
        self.checks -= 1;
        self.set_waits(asker, None);
        self.step(asker, cx);
    }
}
