//! Super-seeding: a seed that shows each peer one piece at a time, and the next one when that has been passed on.
//!
//! The origin of a new torrent pretends to have nothing, and tells each peer of one piece that few have. When it sees that somebody
//! else has got it, it shows the peer another: so almost every piece leaves the origin once (BitTornado 0.3.8).

use super::torrent::{Torrent, What};
use super::{Hands, Shared};
use crate::wire::Message;

impl Torrent {
    /// A peer has got a piece: whoever was shown it has passed it on, if it was another.
    pub(super) fn passed_on(&mut self, by: u32, piece: u32, shared: &mut Shared, cx: Hands) {
        if !shared.knobs.super_seed || !self.is_seed() {
            return;
        }
        let shown =
            |(at, link): (u32, &super::link::Link)| (at != by && link.shown == Some(piece)).then_some(at);
        let passers: Vec<u32> = self.links.iter().filter_map(shown).collect();
        for at in passers {
            self.show_next(at, cx);
        }
        // With nobody else there, nobody can pass it on.
        let is_alone = self.links.len() == 1;
        if is_alone && self.links.get(by).is_some_and(|link| link.shown == Some(piece)) {
            self.show_next(by, cx);
        }
    }

    /// Shows a peer the rarest piece that it does not have and that is shown to the fewest.
    pub(super) fn show_next(&mut self, at: u32, cx: Hands) {
        let What::Known(content) = &self.what else { return };
        let Some(link) = self.links.get(at) else { return };
        let mut showing = vec![0u32; content.info().piece_count() as usize];
        for piece in self.links.iter().filter_map(|(_, link)| link.shown) {
            showing[piece as usize] += 1;
        }
        let lacks = (0..content.info().piece_count())
            .filter(|piece| !link.have.has(*piece) && link.shown != Some(*piece));
        let next =
            lacks.min_by_key(|piece| (content.availability.count(*piece) + showing[*piece as usize], *piece));
        let Some(next) = next else { return };
        if let Some(link) = self.links.get_mut(at) {
            link.shown = Some(next);
        }
        self.say(at, Message::Have(next), cx);
    }
}
