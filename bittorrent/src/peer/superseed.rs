//! Super-seeding: a seed that shows each peer one piece at a time, and the next one when that has been passed on.
//!
//! The origin of a new torrent pretends to have nothing, and tells each peer of one piece that few have. When it sees that somebody
//! else has got it, it shows the peer another: so almost every piece leaves the origin once (BitTornado 0.3.8). While pieces that
//! nobody has are still on their way, no second peer is shown one that somebody was shown before: the first copy goes out whole.

use std::time::Duration;

use common::peer::Time;

use super::link::Link;
use super::torrent::Torrent;
use super::{Hands, Shared};
use crate::wire::Message;

/// How long somebody who is served may take for the piece that it alone was shown, before others are shown pieces twice.
const FIRST_COPY_PATIENCE: Duration = Duration::from_secs(120);
/// How long a peer may take to say that it wants what it was shown: its line may be full of blocks.
const INTEREST_PATIENCE: Duration = Duration::from_secs(30);

impl Torrent {
    /// A peer has got a piece: whoever was shown it has passed it on, if it was another. Whoever was shown a piece that others had
    /// already, or has nobody to pass it on to, is done with it by having it. If nobody had it before, it may be the one that those
    /// have waited for who were shown nothing more.
    pub(super) fn passed_on(&mut self, by: u32, piece: u32, shared: &mut Shared, cx: Hands) {
        if !shared.knobs.super_seed || !self.is_seed() {
            return;
        }
        let is_first = self.content().is_some_and(|content| content.availability.count(piece) == 1);
        let is_done = |(at, link): (u32, &Link)| {
            let has_gone_on = link.shown.last() == Some(&piece) && (at != by || self.has_passed_on(link));
            (has_gone_on || is_first && self.is_waiting(link)).then_some(at)
        };
        let waiting: Vec<u32> = self.links.iter().filter_map(is_done).collect();
        for at in waiting {
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
        let is_waiting = |(at, link): (u32, &Link)| self.is_waiting(link).then_some(at);
        let waiting: Vec<u32> = self.links.iter().filter_map(is_waiting).collect();
        for at in waiting {
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

    /// It was shown nothing yet, or is done with what it was shown.
    fn is_waiting(&self, link: &Link) -> bool {
        link.shown.is_empty() || self.has_passed_on(link)
    }

    /// Shows a peer a piece, if there is one for it now.
    pub(super) fn show_next(&mut self, at: u32, cx: Hands) {
        let Some(next) = self.next_to_show(at, cx.now()) else { return };
        if let Some(link) = self.links.get_mut(at) {
            link.shown.retain(|piece| !link.have.has(*piece));
            link.shown.push(next);
            link.shown_at = cx.now();
        }
        self.say(at, Message::Have(next), cx);
    }

    /// The rarest piece that a peer does not have and that is shown to the fewest; none that another was shown while there are some
    /// on their way that nobody has.
    fn next_to_show(&self, at: u32, now: Time) -> Option<u32> {
        let content = self.content()?;
        let link = self.links.get(at)?;
        let mut showing = vec![0u32; content.info().piece_count() as usize];
        let mut first_copy_comes = false;
        for (other, far) in self.links.iter() {
            let Some(&shown) = far.shown.last() else { continue };
            showing[shown as usize] += 1;
            first_copy_comes |= other != at && content.availability.count(shown) == 0 && will_have(far, now);
        }
        let lacks = (0..content.info().piece_count())
            .filter(|piece| !link.have.has(*piece) && !link.shown.contains(piece));
        let known = |piece: u32| content.availability.count(piece) + showing[piece as usize];
        let next = lacks.min_by_key(|piece| (known(*piece), *piece))?;
        (known(next) == 0 || !first_copy_comes).then_some(next)
    }
}

/// It may be counted on to have what it was shown before long: it was shown it just now, waits for its turn, or has not had it for long.
fn will_have(link: &Link, now: Time) -> bool {
    let turn = if link.is_choked { now } else { link.shown_at.max(link.changed) };
    let wants_it = link.is_interested || now.since(link.shown_at) < INTEREST_PATIENCE;
    wants_it && now.since(turn) < FIRST_COPY_PATIENCE
}
