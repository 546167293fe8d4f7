//! Super-seeding: a seed that shows each peer one piece at a time, and the next one when that has been passed on.
//!
//! The origin of a new torrent pretends to have nothing, and tells each peer of one piece that few have. When it sees that somebody
//! else has got it, it shows the peer another: so almost every piece leaves the origin once (BitTornado 0.3.8).

use super::link::Link;
use super::torrent::{Torrent, What};
use super::{Hands, Shared};
use crate::wire::Message;

impl Torrent {
    /// A peer has got a piece: whoever was shown it has passed it on, if it was another. Whoever was shown a piece that others had
    /// already, or has nobody to pass it on to, is done with it by having it.
    pub(super) fn passed_on(&mut self, by: u32, piece: u32, shared: &mut Shared, cx: Hands) {
        if !shared.knobs.super_seed || !self.is_seed() {
            return;
        }
        let is_done = |(at, link): (u32, &Link)| {
            (link.shown.last() == Some(&piece) && (at != by || self.has_passed_on(link))).then_some(at)
        };
        let passers: Vec<u32> = self.links.iter().filter_map(is_done).collect();
        for at in passers {
            self.show_next(at, cx);
        }
    }

    /// Others have come with the piece that somebody was shown, or have left who would have taken it: it is looked for in each round,
    /// so that nobody waits for ever.
    pub(super) fn show_on(&mut self, shared: &mut Shared, cx: Hands) {
        if !shared.knobs.super_seed || !self.is_seed() {
            return;
        }
        for at in self.links.all() {
            self.take_as_had(at, shared, cx);
        }
        let is_done = |(at, link): (u32, &Link)| self.has_passed_on(link).then_some(at);
        let passers: Vec<u32> = self.links.iter().filter_map(is_done).collect();
        for at in passers {
            self.show_next(at, cx);
        }
    }

    /// Whoever has had what it was shown from somebody else may not have said so, since we were thought to have it; but whoever
    /// wants nothing of us has it.
    fn take_as_had(&mut self, at: u32, shared: &mut Shared, cx: Hands) {
        let Some(link) = self.links.get_mut(at) else { return };
        if link.is_interested || cx.now().since(link.shown_at) < shared.knobs.rechoke_every {
            return;
        }
        for piece in link.shown.clone() {
            self.told_one(at, piece, shared, cx);
        }
    }

    /// It has what it was shown, and somebody else has it too, or there is nobody else.
    fn has_passed_on(&self, link: &Link) -> bool {
        let (Some(content), Some(shown)) = (self.content(), link.shown.last()) else { return false };
        let others = content.availability.count(*shown) > 1 || self.links.len() == 1;
        link.have.has(*shown) && others
    }

    /// Shows a peer the rarest piece that it does not have and that is shown to the fewest.
    pub(super) fn show_next(&mut self, at: u32, cx: Hands) {
        let What::Known(content) = &self.what else { return };
        let Some(link) = self.links.get(at) else { return };
        let mut showing = vec![0u32; content.info().piece_count() as usize];
        for piece in self.links.iter().filter_map(|(_, link)| link.shown.last()) {
            showing[*piece as usize] += 1;
        }
        let lacks = (0..content.info().piece_count())
            .filter(|piece| !link.have.has(*piece) && !link.shown.contains(piece));
        let next =
            lacks.min_by_key(|piece| (content.availability.count(*piece) + showing[*piece as usize], *piece));
        let Some(next) = next else { return };
        if let Some(link) = self.links.get_mut(at) {
            link.shown.retain(|piece| !link.have.has(*piece));
            link.shown.push(next);
            link.shown_at = cx.now();
        }
        self.say(at, Message::Have(next), cx);
    }
}
