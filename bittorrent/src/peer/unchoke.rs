//! Who is served.

use super::link::Link;
use super::request::is_snubbing;
use super::torrent::Torrent;
use super::{Hands, Shared};
use crate::choker::{Standing, choose};
use crate::log::client::Act;
use crate::wire::Message;

impl Torrent {
    /// Decides anew who is served.
    pub(super) fn rechoke(&mut self, shared: &mut Shared, cx: Hands) {
        let (now, slots) = (cx.now(), shared.knobs.unchoked_max);
        let mut standings = Vec::with_capacity(self.links.len());
        for (_, link) in self.links.iter_mut() {
            standings.push(standing(link, shared, cx));
        }
        let choker = if self.is_seed() { &*shared.seed_choker } else { &*shared.leech_choker };
        let unchoked = choose(choker, &mut self.optimist, &mut standings, slots, now, cx.rng());
        for at in self.links.all() {
            let is_chosen = self.links.get(at).is_some_and(|link| unchoked.contains(&link.conn));
            match is_chosen {
                true => self.unchoke(at, shared, cx),
                false => self.choke(at, cx),
            }
        }
    }

    /// Somebody has become interested between two rounds: a free place is filled at once, so that nobody waits for nothing.
    pub(super) fn fill_places(&mut self, at: u32, shared: &mut Shared, cx: Hands) {
        let taken = self.links.iter().filter(|(_, link)| !link.is_choked && link.is_interested).count();
        let is_choked = self.links.get(at).is_some_and(|link| link.is_choked);
        if is_choked && taken < shared.knobs.unchoked_max && self.may_serve(at, shared, cx) {
            self.unchoke(at, shared, cx);
        } else if !is_choked && taken > shared.knobs.unchoked_max {
            // It was unchoked while it wanted nothing; now another loses its place (BEP 3).
            self.rechoke(shared, cx);
        }
    }

    /// Somebody who is served wants nothing more: its place is for another at once, if another wants it (mainline 3, `Choker`).
    pub(super) fn leave_place(&mut self, at: u32, shared: &mut Shared, cx: Hands) {
        let is_served = self.links.get(at).is_some_and(|link| !link.is_choked);
        if is_served && self.links.iter().any(|(_, link)| link.is_choked && link.is_interested) {
            self.rechoke(shared, cx);
        }
    }

    fn may_serve(&mut self, at: u32, shared: &Shared, cx: Hands) -> bool {
        let choker = if self.is_seed() { &*shared.seed_choker } else { &*shared.leech_choker };
        self.links.get_mut(at).is_some_and(|link| choker.may_serve(&standing(link, shared, cx)))
    }

    fn unchoke(&mut self, at: u32, shared: &mut Shared, cx: Hands) {
        let Some(link) = self.links.get_mut(at).filter(|link| link.is_choked) else { return };
        link.is_choked = false;
        link.changed = cx.now();
        self.journal.sent(link.remote, Act::Unchoke, cx);
        self.say(at, Message::Unchoke, cx);
        self.serve(at, shared, cx);
    }

    fn choke(&mut self, at: u32, cx: Hands) {
        let Some(link) = self.links.get_mut(at).filter(|link| !link.is_choked) else { return };
        link.is_choked = true;
        link.changed = cx.now();
        self.journal.sent(link.remote, Act::Choke, cx);
        self.say(at, Message::Choke, cx);
        self.void_queue(at, cx);
    }
}

fn standing(link: &mut Link, shared: &Shared, cx: Hands) -> Standing {
    let (now, window) = (cx.now(), shared.knobs.rate_window);
    Standing {
        conn: link.conn,
        is_interested: link.is_interested,
        is_unchoked: !link.is_choked,
        is_snubbing: is_snubbing(link, &shared.knobs, cx),
        down_bps: link.down.bps(now, window),
        up_bps: link.up.bps(now, window),
        received: link.received,
        sent: link.sent,
        since: link.since,
        changed: link.changed,
    }
}
