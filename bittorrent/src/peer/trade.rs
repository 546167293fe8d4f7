//! Who has what, who wants what, who is served: the messages of BEP 3, and those of BEP 6 that stand for them.

use std::sync::Arc;

use common::peer::ConnId;

use super::Hands;
use super::Shared;
use super::link::Link;
use super::torrent::{Torrent, What};
use crate::bitfield::Bitfield;
use crate::log::client::Act;
use crate::node::Timer;
use crate::wire::Message;

/// Pieces a peer may allow us while it chokes us; more are read over.
const ALLOWED_MAX: usize = 64;

impl Torrent {
    /// Sends something on a link.
    pub(super) fn say(&mut self, at: u32, message: Message, cx: Hands) {
        if let Some(link) = self.links.get_mut(at) {
            link.last_said = cx.now();
            cx.send(link.conn, message);
        }
    }

    /// A message has come on a link. `Piece` and what follows it is `receive.rs`'.
    pub(super) fn message(&mut self, at: u32, message: Message, shared: &mut Shared, cx: Hands) {
        let Some(link) = self.links.get_mut(at) else { return };
        link.last_heard = cx.now();
        let is_first = !std::mem::replace(&mut link.has_begun, true);
        match message {
            Message::KeepAlive | Message::Port(_) | Message::Suggest(_) | Message::Unknown(_) => {
                // A keep-alive or an extended message may come before the bitfield.
                link.has_begun = !is_first;
            }
            Message::Extended { id, payload } => {
                link.has_begun = !is_first;
                self.extended(at, id, &payload, shared, cx);
            }
            Message::Bitfield(bytes) => self.bitfield(at, is_first, &bytes, shared, cx),
            Message::HaveAll | Message::HaveNone if !link.fast || !is_first => {
                self.drop_link(at, "all or none, out of turn", shared, cx);
            }
            Message::HaveAll => self.told_all(at, Bitfield::all(self.piece_count()), shared, cx),
            Message::HaveNone => {}
            Message::Have(piece) => self.told_one(at, piece, shared, cx),
            Message::Choke => self.choked(at, cx),
            Message::Unchoke => {
                if std::mem::take(&mut link.chokes_us) {
                    self.journal.got(link.remote, Act::Unchoke, cx);
                }
                link.last_block = cx.now();
                self.ask(at, shared, cx);
            }
            Message::Interested => self.interested(at, true, shared, cx),
            Message::NotInterested => self.interested(at, false, shared, cx),
            Message::Request(block) => self.requested(at, block, shared, cx),
            Message::Cancel(block) => self.cancelled(at, block, cx),
            Message::Reject(block) => self.rejected(at, block, shared, cx),
            Message::AllowedFast(piece) => {
                if link.fast && link.allowed_us.len() < ALLOWED_MAX && !link.allowed_us.contains(&piece) {
                    link.allowed_us.push(piece);
                    self.ask(at, shared, cx);
                }
            }
            Message::Piece(block) => self.piece(at, block, shared, cx),
            // A second handshake, or what belongs to trackers and sites.
            Message::Handshake(_) | Message::Ask(_) | Message::Answer(_) | Message::Udp(_) => {
                self.drop_link(at, "a message that cannot be here", shared, cx);
            }
        }
    }

    fn bitfield(&mut self, at: u32, is_first: bool, bytes: &Arc<[u8]>, shared: &mut Shared, cx: Hands) {
        if self.content().is_none() {
            return;
        }
        match Bitfield::from_wire(bytes, self.piece_count()) {
            Some(have) if is_first => self.told_all(at, have, shared, cx),
            // It may only come first; but aria2 sends one in place of many haves.
            Some(have) => self.told_more(at, &have, shared, cx),
            None => self.drop_link(
                at,
                "a bitfield of another length, or with pieces that there are not",
                shared,
                cx,
            ),
        }
    }

    /// A peer has said all that it has.
    fn told_all(&mut self, at: u32, have: Bitfield, shared: &mut Shared, cx: Hands) {
        let Some(link) = self.links.get_mut(at) else { return };
        if let What::Known(content) = &mut self.what {
            link.is_whole = have.is_complete();
            match link.is_whole {
                true => content.availability.seed_joined(),
                false => content.availability.joined(&have),
            }
            link.have = have;
            if link.is_whole {
                self.journal.got(link.remote, Act::All, cx);
            }
        }
        self.look_for_interest(at, shared, cx);
        self.part_with_seed(at, shared, cx);
    }

    /// A peer says once more what it has.
    fn told_more(&mut self, at: u32, have: &Bitfield, shared: &mut Shared, cx: Hands) {
        for piece in have.iter() {
            self.told_one(at, piece, shared, cx);
        }
    }

    /// A peer has one more piece.
    pub(super) fn told_one(&mut self, at: u32, piece: u32, shared: &mut Shared, cx: Hands) {
        let What::Known(content) = &mut self.what else { return };
        if piece >= content.info().piece_count() {
            return self.drop_link(at, "a piece that there is not", shared, cx);
        }
        let Some(link) = self.links.get_mut(at) else { return };
        if !link.have.insert(piece) {
            return;
        }
        content.availability.gained(piece);
        let (is_new, completes) = (!content.have.has(piece), link.have.is_complete());
        if completes {
            self.journal.got(link.remote, Act::All, cx);
        }
        self.passed_on(at, piece, shared, cx);
        if is_new {
            self.become_interested(at, shared, cx);
        }
        if completes {
            self.part_with_seed(at, shared, cx);
        }
    }

    /// Says whether we want something of a peer, if that has changed.
    pub(super) fn look_for_interest(&mut self, at: u32, shared: &mut Shared, cx: Hands) {
        let What::Known(content) = &self.what else { return };
        let Some(link) = self.links.get_mut(at) else { return };
        if !content.have.is_complete() && link.have.has_more_than(&content.have) {
            return self.become_interested(at, shared, cx);
        }
        if std::mem::take(&mut link.interests_us) {
            self.journal.sent(link.remote, Act::NotInterested, cx);
            self.say(at, Message::NotInterested, cx);
        }
    }

    fn become_interested(&mut self, at: u32, shared: &mut Shared, cx: Hands) {
        let Some(link) = self.links.get_mut(at) else { return };
        if !std::mem::replace(&mut link.interests_us, true) {
            self.journal.sent(link.remote, Act::Interested, cx);
            self.say(at, Message::Interested, cx);
        }
        // Served already, or with something that may be had while choked.
        self.ask(at, shared, cx);
    }

    /// Two that have all have nothing to say to each other.
    pub(super) fn part_with_seed(&mut self, at: u32, shared: &mut Shared, cx: Hands) {
        let is_seed = |link: &Link| link.have.pieces() > 0 && link.have.is_complete();
        let Some(link) = self.links.get(at).filter(|link| is_seed(link)) else { return };
        if self.is_seed() {
            if let Some(address) = link.listens {
                self.book.forget(address);
            }
            self.hang_up(at, shared, cx);
        }
    }

    fn choked(&mut self, at: u32, cx: Hands) {
        let Some(link) = self.links.get_mut(at) else { return };
        if !std::mem::replace(&mut link.chokes_us, true) {
            self.journal.got(link.remote, Act::Choke, cx);
        }
        // With the fast extension each request is still answered, one way or the other.
        if !link.fast {
            self.give_up_requests(at, cx);
        }
    }

    fn interested(&mut self, at: u32, is_interested: bool, shared: &mut Shared, cx: Hands) {
        let Some(link) = self.links.get_mut(at) else { return };
        if std::mem::replace(&mut link.is_interested, is_interested) == is_interested {
            return;
        }
        let act = if is_interested { Act::Interested } else { Act::NotInterested };
        self.journal.got(link.remote, act, cx);
        match is_interested {
            true => self.fill_places(at, shared, cx),
            false => self.leave_place(at, shared, cx),
        }
    }

    /// Has others hear of a piece that is there now, at once or when it is time.
    pub(super) fn tell(&mut self, piece: u32, from: Vec<ConnId>, shared: &mut Shared, cx: Hands) {
        let after = shared.knobs.tell_after;
        if after.is_zero() {
            return self.tell_of(piece, &from, shared, cx);
        }
        self.untold.push_back((cx.now() + after, piece, from));
        cx.wake(after, Timer::Tell(self.no));
    }

    /// It is time for others to hear of what was kept from them.
    pub(super) fn tell_due(&mut self, shared: &mut Shared, cx: Hands) {
        while self.untold.front().is_some_and(|(due, ..)| *due <= cx.now()) {
            let Some((_, piece, from)) = self.untold.pop_front() else { break };
            if !self.is_over {
                self.tell_of(piece, &from, shared, cx);
            }
        }
    }

    /// Tells all who might want it, or have thought us poorer, of a piece that is there now. Whoever has sent of it hears that it
    /// has come, unless it came as a seed: one that shows its pieces one by one waits for that.
    fn tell_of(&mut self, piece: u32, from: &[ConnId], shared: &mut Shared, cx: Hands) {
        let all = self.links.all();
        for at in all {
            let Some(link) = self.links.get(at) else { continue };
            let (has_it, interests_us) = (link.have.has(piece), link.interests_us);
            if !has_it || !link.is_whole && from.contains(&link.conn) {
                self.say(at, Message::Have(piece), cx);
            }
            if has_it && interests_us {
                self.look_for_interest(at, shared, cx);
            }
        }
    }
}
