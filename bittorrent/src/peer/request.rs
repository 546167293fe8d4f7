//! What is asked of whom: blocks of begun pieces first, then of new ones, at the very end of several at once.

use std::sync::Arc;

use common::peer::ConnId;

use super::assembly::{Asker, Assembly};
use super::link::{Asked, Link};
use super::torrent::{Content, Phase, Torrent, What};
use super::{Hands, Shared};
use crate::config::Knobs;
use crate::picker::{Picker as _, Random};
use crate::wire::{BLOCK_BYTES, Block, Message};

/// Requests at a time of a peer that does not send what it was asked for. 1: libtorrent.
const SNUBBING_BUDGET: u32 = 1;

/// Requests that a peer may refuse while it serves us: what a choke, an unchoke and a full queue can explain. To be asked and to
/// refuse for ever would keep both busy for nothing.
const REFUSALS_MAX: u32 = 2_000;

impl Torrent {
    /// Asks a peer for as much as it may be asked for.
    pub(super) fn ask(&mut self, at: u32, shared: &mut Shared, cx: Hands) {
        let What::Known(content) = &mut self.what else { return };
        let Some(link) = self.links.get_mut(at) else { return };
        if content.phase != Phase::Leeching
            || !link.interests_us
            || link.chokes_us && link.allowed_us.is_empty()
        {
            return;
        }
        let now = cx.now();
        while (link.asked.len() as u32) < link.budget.min(link.budget_max) {
            if let Err(after) = shared.download.take(BLOCK_BYTES, now) {
                shared.throttled_download(after, cx);
                break;
            }
            let Some(Next { block, is_sole }) = next_block(content, link, &shared.knobs, cx) else {
                shared.download.give_back(BLOCK_BYTES);
                break;
            };
            if link.asked.is_empty() {
                link.last_block = now;
            }
            link.asked.push_back(Asked { block, has_lapsed: false, is_expected: is_sole });
            link.last_said = now;
            cx.send(link.conn, Message::Request(block));
            if is_sole {
                cx.expect(link.conn, block.announced(), content.place(block));
            } else {
                return self.share_block(block, at, cx);
            }
        }
    }

    /// Several are asked for a block from now on: whose comes first, and that no other is written over it, is for us to see.
    fn share_block(&mut self, block: Block, with: u32, cx: Hands) {
        for (_, link) in self.links.iter_mut().filter(|(at, _)| *at != with) {
            link.unexpect(block, cx);
        }
    }

    /// Asks all who may be asked: something has become free.
    pub(super) fn ask_all(&mut self, shared: &mut Shared, cx: Hands) {
        for at in self.links.all() {
            self.ask(at, shared, cx);
        }
    }

    /// What a peer was asked for is void: others may be asked.
    pub(super) fn give_up_requests(&mut self, at: u32, cx: Hands) {
        let What::Known(content) = &mut self.what else { return };
        let Some(link) = self.links.get_mut(at) else { return };
        let conn = link.conn;
        for asked in link.asked.drain(..) {
            if asked.is_expected {
                cx.unexpect(conn, asked.block.announced().key);
            }
            if !asked.has_lapsed {
                content.assembly.unask(asked.block);
            }
        }
    }

    /// A peer will not send this.
    pub(super) fn rejected(&mut self, at: u32, block: Block, shared: &mut Shared, cx: Hands) {
        let What::Known(content) = &mut self.what else { return };
        let Some(link) = self.links.get_mut(at) else { return };
        link.unexpect(block, cx);
        let place = link.asked.iter().position(|asked| asked.block == block);
        match place.and_then(|place| link.asked.remove(place)) {
            // To refuse what nobody asked for is against BEP 6; but our cancel may have crossed the answer.
            None if link.fast => {}
            None => return self.drop_link(at, "a refusal of what nobody has asked for", shared, cx),
            Some(asked) => {
                if !asked.has_lapsed {
                    content.assembly.unask(block);
                }
                // It may be asked for other things.
                link.allowed_us.retain(|piece| *piece != block.piece);
                link.refusals += u32::from(!link.chokes_us && !asked.has_lapsed);
                if link.refusals > REFUSALS_MAX {
                    return self.drop_link(at, "too many refusals", shared, cx);
                }
            }
        }
        self.ask_all(shared, cx);
    }

    /// Has requests lapse that have taken too long, so that others are asked, and sees who snubs us.
    pub(super) fn lapse(&mut self, at: u32, shared: &mut Shared, cx: Hands) {
        let What::Known(content) = &mut self.what else { return };
        let Some(link) = self.links.get_mut(at) else { return };
        let (now, knobs) = (cx.now(), Arc::clone(&shared.knobs));
        if is_snubbing(link, &knobs, cx) {
            link.budget = SNUBBING_BUDGET;
        }
        if now.since(link.last_block) < knobs.request_timeout || link.asked.is_empty() {
            return;
        }
        let mut lapsed = false;
        for asked in link.asked.iter_mut().filter(|asked| !asked.has_lapsed) {
            asked.has_lapsed = true;
            lapsed = true;
            if std::mem::take(&mut asked.is_expected) {
                cx.unexpect(link.conn, asked.block.announced().key);
            }
            content.assembly.unask(asked.block);
        }
        // A block that has begun to come and does not end holds back all others' copies: whoever is so slow is left.
        if link.coming.is_some_and(|coming| coming.is_wanted) {
            return self.hang_up(at, shared, cx);
        }
        if lapsed {
            self.ask_all(shared, cx);
        }
    }

    /// Others are no longer asked for a block that has come.
    pub(super) fn cancel_elsewhere(&mut self, block: Block, from: ConnId, cx: Hands) {
        let What::Known(content) = &mut self.what else { return };
        for (_, link) in self.links.iter_mut().filter(|(_, link)| link.conn != from) {
            let Some(place) = link.asked.iter().position(|asked| asked.block == block) else { continue };
            let asked = link.asked[place];
            if !asked.has_lapsed {
                content.assembly.unask(block);
            }
            // With the fast extension an answer still comes, and must find its request.
            if link.fast {
                link.asked[place].has_lapsed = true;
            } else {
                link.asked.remove(place);
            }
            link.last_said = cx.now();
            cx.send(link.conn, Message::Cancel(block));
        }
    }
}

/// True if a peer was asked and has sent nothing for too long.
pub(super) fn is_snubbing(link: &Link, knobs: &Knobs, cx: Hands) -> bool {
    !link.chokes_us && !link.asked.is_empty() && cx.now().since(link.last_block) >= knobs.snub_after
}

/// How many requests keep a peer busy that sends at this rate.
pub(super) fn budget(bps: f64, knobs: &Knobs) -> u32 {
    let worth = bps * knobs.request_time.as_secs_f64() / f64::from(BLOCK_BYTES);
    (worth as u32).clamp(knobs.requests_min, knobs.requests_max.max(knobs.requests_min))
}

/// A block to ask a peer for.
struct Next {
    block: Block,
    /// Nobody else is asked for it.
    is_sole: bool,
}

/// The next block to ask a peer for.
fn next_block(content: &mut Content, link: &Link, knobs: &Knobs, cx: Hands) -> Option<Next> {
    let Content { meta, have, availability, assembly, .. } = content;
    let only = link.chokes_us.then_some(&*link.allowed_us);
    let asker = Asker { conn: link.conn, theirs: &link.have, on_parole: link.on_parole, only };
    let sole = |block| Next { block, is_sole: true };
    if let Some(block) = assembly.next_free(asker) {
        return Some(sole(block));
    }
    let begin = |piece: u32, assembly: &mut Assembly| {
        assembly.begin(piece, meta.info.piece_len(piece), link.on_parole.then_some(link.conn));
        assembly.next_free(asker)
    };
    let picked = match only {
        Some(only) => {
            let is_wanted = |piece: &&u32| asker.may_send(**piece) && availability.is_wanted(**piece);
            only.iter().find(is_wanted).copied()
        }
        // Whoever has little wants whatever comes soonest: random first.
        None if have.count() < knobs.random_first => Random.pick(availability, &link.have, cx.rng()),
        None => knobs.picker.picker().pick(availability, &link.have, cx.rng()),
    };
    if let Some(piece) = picked {
        availability.take(piece);
        return begin(piece, assembly).map(sole);
    }
    if link.on_parole
        && let Some(block) = assembly.begin_anew(asker)
    {
        return Some(sole(block));
    }
    // One at a time and only of who has nothing else to do: what comes twice was sent for nothing.
    if !availability.wanted().is_empty() || !link.asked.is_empty() {
        return None;
    }
    let shared = assembly.next_duplicate(asker, |block| link.is_asked_for(block));
    shared.map(|block| Next { block, is_sole: false })
}
