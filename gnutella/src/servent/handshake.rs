//! The handshake of a link, from both sides.

use std::net::SocketAddrV4;

use common::peer::{CloseReason, ConnId};

use super::{Hands, Link, Servent};
use crate::wire::{Greeting, Message};

/// A link that is being made.
pub(super) struct Handshake {}

impl Servent {
    /// A connection is there: becomes a caller, or what it was dialled for goes on.
    pub(super) fn opened(&mut self, conn: ConnId, remote: SocketAddrV4, dialled: bool, cx: Hands) {
        let _ = (conn, remote, dialled, cx);
    }

    /// Somebody wants to be a neighbour.
    pub(super) fn greeted(&mut self, conn: ConnId, greeting: &Greeting, cx: Hands) {
        let _ = (conn, greeting, cx);
    }

    /// The next step.
    pub(super) fn of_handshake(&mut self, conn: ConnId, message: Message, cx: Hands) {
        let _ = (conn, message, cx);
    }

    /// A link came to nothing.
    pub(super) fn handshake_closed(&mut self, handshake: &Handshake, reason: CloseReason, cx: Hands) {
        let _ = (handshake, reason, cx);
    }
}
