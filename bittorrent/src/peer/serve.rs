//! What goes: blocks that peers have asked for, in their order, no more at a time than the line takes.

use common::peer::Span;

use super::link::Link;
use super::torrent::{Content, Torrent, What};
use super::{Hands, Shared};
use crate::log::client::Act;
use crate::wire::{Block, Message, REQUEST_BYTES_MAX};

/// What the driver holds of one link at least, so that the line never waits for us: two blocks.
const LEAVING_BYTES_MIN: f64 = 32.0 * 1024.0;
/// ... and at most, so that a choke or a cancel still comes in time.
const LEAVING_BYTES_MAX: f64 = 2.0 * 1024.0 * 1024.0;
/// Between them, what leaves in so many seconds.
const LEAVING_S: f64 = 0.5;
/// The most blocks among them, however short they are.
const LEAVING_MAX: usize = 256;

impl Torrent {
    /// A peer asks for a block.
    pub(super) fn requested(&mut self, at: u32, block: Block, shared: &mut Shared, cx: Hands) {
        let What::Known(content) = &self.what else { return };
        let Some(link) = self.links.get_mut(at) else { return };
        if !is_possible(content, block) {
            return self.drop_link(at, "a request for what there is not", shared, cx);
        }
        let may_ask = !link.is_choked || link.allowed_it.contains(&block.piece);
        // A piece that was not shown yet, or lies in one that failed meanwhile.
        let is_there = content.have.has(block.piece);
        if !may_ask || !is_there || link.queue.len() >= shared.knobs.requests_queued_max {
            if link.fast {
                self.say(at, Message::Reject(block), cx);
            }
            // Without the extension a choke has voided it, which was on its way when it was sent.
            return;
        }
        link.queue.push_back(block);
        self.serve(at, shared, cx);
    }

    /// A peer no longer wants a block.
    pub(super) fn cancelled(&mut self, at: u32, block: Block, cx: Hands) {
        let Some(link) = self.links.get_mut(at) else { return };
        let before = link.queue.len();
        link.queue.retain(|queued| *queued != block);
        if link.fast && link.queue.len() < before {
            self.say(at, Message::Reject(block), cx);
        }
    }

    /// Hands the driver what fits of what a peer has asked for.
    pub(super) fn serve(&mut self, at: u32, shared: &mut Shared, cx: Hands) {
        let What::Known(content) = &self.what else { return };
        let Some(link) = self.links.get_mut(at) else { return };
        let now = cx.now();
        if link.queue.is_empty() {
            return;
        }
        let window = leaving_max(link.up.bps(now, shared.knobs.rate_window));
        while link.leaving_bytes < window && link.leaving.len() < LEAVING_MAX {
            let Some(block) = link.queue.front().copied() else { break };
            if let Err(after) = shared.upload.take(block.len, now) {
                shared.throttled_upload(after, cx);
                break;
            }
            link.queue.pop_front();
            link.leaving.push_back((block, block.len));
            link.leaving_bytes += u64::from(block.len);
            link.last_said = now;
            cx.send(link.conn, Message::Piece(block));
            let offset = content.info().offset(block.piece) + u64::from(block.begin);
            cx.send_body(link.conn, Span { file: content.file, offset, len: u64::from(block.len) });
        }
    }

    /// Bytes of blocks have left.
    pub(super) fn sent(&mut self, at: u32, len: u32, shared: &mut Shared, cx: Hands) {
        let now = cx.now();
        let Some(link) = self.links.get_mut(at) else { return };
        let (journal, remote) = (self.journal, link.remote);
        link.left(len, |block| journal.sent(remote, Act::Piece(block), cx));
        link.sent += u64::from(len);
        link.up.add(len, now, shared.knobs.rate_window);
        link.last_said = now;
        self.uploaded += u64::from(len);
        self.serve(at, shared, cx);
    }

    /// We have closed a connection: what the driver has of blocks still leaves, but nobody will say so any more.
    pub(super) fn count_what_leaves(&mut self, at: u32, cx: Hands) {
        let Some(link) = self.links.get_mut(at) else { return };
        let (journal, remote) = (self.journal, link.remote);
        self.uploaded += link.leaving_bytes;
        while let Some((block, _)) = link.leaving.pop_front() {
            journal.sent(remote, Act::Piece(block), cx);
        }
        link.leaving_bytes = 0;
    }

    /// Drops what a peer that is choked now has asked for, but for what it may have even so.
    pub(super) fn void_queue(&mut self, at: u32, cx: Hands) {
        let Some(link) = self.links.get_mut(at) else { return };
        let Link { queue, allowed_it, fast, conn, .. } = link;
        let stays = |block: &Block| *fast && allowed_it.contains(&block.piece);
        let (kept, voided): (Vec<Block>, Vec<Block>) = queue.drain(..).partition(stays);
        queue.extend(kept);
        if *fast {
            voided.into_iter().for_each(|block| cx.send(*conn, Message::Reject(block)));
        }
    }
}

/// True if there is such a range, and it is no longer than what anybody asks for.
fn is_possible(content: &Content, block: Block) -> bool {
    let info = content.info();
    let end = block.begin.checked_add(block.len);
    block.piece < info.piece_count()
        && (1..=REQUEST_BYTES_MAX).contains(&block.len)
        && end.is_some_and(|end| end <= info.piece_len(block.piece))
}

fn leaving_max(bps: f64) -> u64 {
    (bps * LEAVING_S).clamp(LEAVING_BYTES_MIN, LEAVING_BYTES_MAX) as u64
}
