//! How two peers meet, and how they part.

use std::net::SocketAddrV4;

use super::extended::our_handshake;
use super::fast::allowed_fast_set;
use super::link::{Link, Met};
use super::torrent::{Torrent, What};
use super::{Hands, Shared};
use crate::log::client::{Act, Happening, Side};
use crate::wire::{EXTENDED_HANDSHAKE, Handshake, Message, PeerId, Reserved};

/// Peers with fewer pieces than this are newcomers, who are allowed some while choked (BEP 6 has it so).
const NEWCOMER_PIECES: u32 = 10;

impl Torrent {
    /// Two handshakes have been exchanged; the link's number, or `None` if the connection is not wanted and is to be closed.
    /// Whoever was dialled has had ours; whoever dialled has it now.
    pub(super) fn meet(
        &mut self,
        met: Met,
        handshake: &Handshake,
        shared: &mut Shared,
        cx: Hands,
    ) -> Option<u32> {
        let Met { conn, id, remote, dialled, .. } = met;
        if dialled {
            self.dialling -= 1;
        }
        if let Some(why) = self.refusal(&met, shared, cx) {
            tracing::debug!(%remote, why, "a peer is not wanted");
            if dialled && id == shared.id {
                self.book.forget(remote);
            } else if dialled {
                self.book.ended(remote, true, cx.now(), shared.knobs.reconnect_after);
            }
            return None;
        }
        if dialled {
            self.book.connected(remote);
        } else {
            cx.send(conn, shared.handshake(self.info_hash));
        }
        let (requests_min, requests_max) = (shared.knobs.requests_min, shared.knobs.requests_max);
        let (fast, extended) =
            (shared.knobs.fast && handshake.reserved.fast(), handshake.reserved.extended());
        let met = Met { fast, extended, ..met };
        let link = Link::new(&met, self.piece_count(), requests_min, requests_max, cx.now());
        let at = self.links.add(link);
        let side = if dialled { Side::Sent } else { Side::Got };
        self.journal.tell(Happening::Link(side, remote, Act::Dial(id)), cx);
        self.introduce(at, shared, cx);
        self.keep_rounds(shared, cx);
        Some(at)
    }

    /// Why a peer is not taken on.
    fn refusal(&mut self, met: &Met, shared: &mut Shared, cx: Hands) -> Option<&'static str> {
        if met.id == shared.id {
            return Some("it is this peer itself");
        }
        if self.is_over {
            return Some("the torrent is over");
        }
        if self.book.is_banned(met.remote) || shared.banned_ids.contains(&met.id) {
            return Some("it is banned");
        }
        let same = self.links.iter().find(|(_, link)| link.id == met.id).map(|(at, link)| (at, link.dialled));
        if let Some((at, dialled)) = same {
            // Two dials have crossed: both sides keep the one of whoever has the larger id.
            let keeps_ours = shared.id > met.id;
            if dialled == met.dialled || dialled == keeps_ours {
                return Some("it is connected already");
            }
            self.hang_up(at, shared, cx);
        }
        (self.links.len() >= shared.knobs.peers_max).then_some("the peer set is full")
    }

    /// Says what is to be said first: what we have, and what we can.
    fn introduce(&mut self, at: u32, shared: &mut Shared, cx: Hands) {
        let Some(link) = self.links.get(at) else { return };
        let (fast, extended) = (link.fast, link.extended);
        let hides = self.is_seed() && shared.knobs.super_seed;
        let first = match &self.what {
            What::Sought(_) => fast.then_some(Message::HaveNone),
            What::Known(content) if content.have.is_empty() || hides => fast.then_some(Message::HaveNone),
            What::Known(content) if fast && content.have.is_complete() => Some(Message::HaveAll),
            What::Known(content) => Some(Message::Bitfield(content.have.as_bytes().into())),
        };
        if let Some(first) = first {
            self.say(at, first, cx);
        }
        if extended {
            let payload = our_handshake(self, at, shared, cx);
            self.say(at, Message::Extended { id: EXTENDED_HANDSHAKE, payload: payload.into() }, cx);
        }
        if fast && !hides {
            self.allow_fast(at, shared, cx);
        }
        if hides {
            self.show_next(at, cx);
        }
    }

    /// Tells a newcomer what it may have even while choked.
    fn allow_fast(&mut self, at: u32, shared: &mut Shared, cx: Hands) {
        let (Some(link), What::Known(content)) = (self.links.get_mut(at), &self.what) else { return };
        if link.have.count() >= NEWCOMER_PIECES {
            return;
        }
        let pieces = content.info().piece_count();
        let set = allowed_fast_set(*link.remote.ip(), self.info_hash, pieces, shared.knobs.allowed_fast);
        link.allowed_it = set.into_iter().filter(|piece| content.have.has(*piece)).collect();
        for piece in link.allowed_it.clone() {
            self.say(at, Message::AllowedFast(piece), cx);
        }
    }

    /// Closes a connection by this peer's doing.
    pub(super) fn hang_up(&mut self, at: u32, shared: &mut Shared, cx: Hands) {
        if let Some(link) = self.links.get(at) {
            let conn = link.conn;
            shared.conns.remove(conn);
            cx.close(conn);
            self.count_what_leaves(at, cx);
            self.parted(at, Side::Sent, shared, cx);
        }
    }

    /// Closes the connection of somebody who has broken the protocol.
    pub(super) fn drop_link(&mut self, at: u32, why: &'static str, shared: &mut Shared, cx: Hands) {
        if let Some(link) = self.links.get(at) {
            tracing::debug!(remote = %link.remote, why, "broke the protocol");
        }
        self.hang_up(at, shared, cx);
    }

    /// A link is over, by whose doing.
    pub(super) fn parted(&mut self, at: u32, by: Side, shared: &mut Shared, cx: Hands) {
        self.give_up_requests(at, cx);
        let Some(link) = self.links.remove(at) else { return };
        self.journal.tell(Happening::Link(by, link.remote, Act::Close), cx);
        if let What::Known(content) = &mut self.what {
            match link.is_whole {
                true => content.availability.seed_left(),
                false => content.availability.left(&link.have),
            }
            if let Some(coming) = link.coming.filter(|coming| coming.is_wanted) {
                content.assembly.broken_off(coming.block);
            }
            content.assembly.gone(link.conn);
        }
        if let What::Sought(hunt) = &mut self.what {
            hunt.gone(link.conn);
        }
        if let Some(address) = link.listens {
            self.book.ended(address, true, cx.now(), shared.knobs.reconnect_after);
        }
        if !self.is_over {
            self.ask_all(shared, cx);
            if !link.is_choked && link.is_interested {
                self.rechoke(shared, cx);
            }
            self.dial_others(shared, cx);
        }
    }
}

impl Shared {
    /// What is said first on every connection.
    pub(super) fn handshake(&self, info_hash: crate::wire::InfoHash) -> Message {
        let reserved = Reserved::ours(self.knobs.fast);
        Message::Handshake(Box::new(Handshake { reserved, info_hash, peer_id: self.id }))
    }
}

/// Who has dialled, or was dialled, before anything is known of his extensions.
pub(super) fn met(conn: common::peer::ConnId, id: PeerId, remote: SocketAddrV4, dialled: bool) -> Met {
    Met { conn, id, remote, dialled, fast: false, extended: false }
}
