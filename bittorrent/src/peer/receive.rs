//! What comes: blocks into the store, whole pieces to be verified, and what becomes of those who send wrong ones.

use common::digest::Digest;
use common::peer::{Arrival, BodyState, Span};
use common::store::StoreFault;
use common::user::Note;

use super::link::Coming;
use super::request::budget;
use super::torrent::{Content, Torrent, What, of_store};
use super::{Hands, Shared};
use crate::log::client::{Act, Happening};
use crate::wire::{BLOCK_BYTES, Block, REQUEST_BYTES_MAX};

/// Bytes of unasked blocks after which a peer is left. 8 MiB: the requests of one peer that a choke and a cancel can have crossed.
const UNWANTED_BYTES_MAX: u64 = 500 * BLOCK_BYTES as u64;

impl Torrent {
    /// A block begins to come; it must be said where it goes.
    pub(super) fn piece(&mut self, at: u32, block: Block, shared: &mut Shared, cx: Hands) {
        let Some(link) = self.links.get_mut(at) else { return };
        let What::Known(content) = &mut self.what else {
            // Nobody can have asked.
            return self.drop_link(at, "a block before the metadata", shared, cx);
        };
        if block.len > REQUEST_BYTES_MAX {
            return self.drop_link(at, "a block that is too long", shared, cx);
        }
        // Mostly they come as they were asked for.
        let place = link.asked.iter().position(|asked| asked.block == block);
        let asked = place.and_then(|place| link.asked.remove(place));
        let is_wanted = asked.is_some_and(|asked| content.assembly.coming(block, !asked.has_lapsed));
        link.coming = Some(Coming { block, is_wanted });
        let into = is_wanted.then(|| content.place(block));
        if asked.is_none() {
            link.unwanted += u64::from(block.len);
        }
        let is_flood = link.unwanted > UNWANTED_BYTES_MAX;
        cx.receive(link.conn, u64::from(block.len), into);
        if is_flood {
            self.drop_link(at, "blocks that nobody has asked for", shared, cx);
        }
    }

    /// Bytes of a block have come.
    pub(super) fn body(&mut self, at: u32, len: u32, state: BodyState, shared: &mut Shared, cx: Hands) {
        let now = cx.now();
        let Some(link) = self.links.get_mut(at) else { return };
        link.last_heard = now;
        let Some(Coming { block, is_wanted }) = link.coming else { return };
        if is_wanted && len > 0 {
            self.credit(at, len, shared, cx);
        }
        match state {
            BodyState::More => {}
            BodyState::Failed(fault) => self.not_stored(at, fault, shared, cx),
            BodyState::Done => self.block_ended(at, block, is_wanted, shared, cx),
        }
    }

    /// A block has come whose place the driver knew.
    pub(super) fn arrived(
        &mut self,
        at: u32,
        block: Block,
        arrival: Arrival,
        shared: &mut Shared,
        cx: Hands,
    ) {
        let (Some(link), What::Known(content)) = (self.links.get_mut(at), &mut self.what) else { return };
        link.last_heard = cx.now();
        let place = link.asked.iter().position(|asked| asked.block == block);
        let asked = place.and_then(|place| link.asked.remove(place));
        let counts = asked.is_some_and(|asked| !asked.has_lapsed);
        match arrival {
            Arrival::Stored => {
                // Others may have it too, if it was taken back too late; then theirs stands, which was written later.
                let is_wanted = content.assembly.coming(block, counts);
                if is_wanted {
                    self.credit(at, block.len, shared, cx);
                }
                self.block_ended(at, block, is_wanted, shared, cx);
            }
            Arrival::Unexpected => self.block_ended(at, block, false, shared, cx),
            Arrival::Failed(fault) => {
                if counts {
                    content.assembly.unask(block);
                }
                self.not_stored(at, fault, shared, cx);
            }
        }
    }

    /// Bytes have come that were wanted.
    fn credit(&mut self, at: u32, len: u32, shared: &Shared, cx: Hands) {
        let (now, Some(link)) = (cx.now(), self.links.get_mut(at)) else { return };
        link.received += u64::from(len);
        link.down.add(len, now, shared.knobs.rate_window);
        link.last_block = now;
        self.downloaded += u64::from(len);
        self.gained = now;
    }

    /// A block has come, to its last byte.
    fn block_ended(&mut self, at: u32, block: Block, is_wanted: bool, shared: &mut Shared, cx: Hands) {
        let Some(link) = self.links.get_mut(at) else { return };
        link.coming = None;
        let act = if is_wanted { Act::Piece(block) } else { Act::Waste(block) };
        self.journal.got(link.remote, act, cx);
        if is_wanted {
            self.block_arrived(at, block, shared, cx);
        }
        self.ask(at, shared, cx);
    }

    fn not_stored(&mut self, at: u32, fault: StoreFault, shared: &mut Shared, cx: Hands) {
        match fault {
            // A store that knows the content; whoever sent other bytes lied.
            StoreFault::Corrupt => self.ban(at, shared, cx),
            fault => self.fail(of_store(fault), shared, cx),
        }
    }

    fn block_arrived(&mut self, at: u32, block: Block, shared: &mut Shared, cx: Hands) {
        let knobs = &shared.knobs;
        let (Some(link), What::Known(content)) = (self.links.get_mut(at), &mut self.what) else { return };
        let target = budget(link.down.bps(cx.now(), knobs.rate_window), knobs);
        // As TCP begins: one more for each that comes, until it is what the rate is worth.
        link.budget = if link.budget < target { link.budget + 1 } else { target };
        let conn = link.conn;
        let arrived = content.assembly.arrived(block, conn);
        if arrived.is_asked_elsewhere {
            self.cancel_elsewhere(block, conn, cx);
        }
        if arrived.is_whole {
            self.verify(block.piece, shared, cx);
        }
    }

    /// Asks whether a whole piece is what it should be.
    fn verify(&mut self, piece: u32, shared: &mut Shared, cx: Hands) {
        let Some(Content { meta, file, .. }) = self.content() else { return };
        let info = &meta.info;
        let span = Span { file: *file, offset: info.offset(piece), len: u64::from(info.piece_len(piece)) };
        let digest = Digest::Sha1(info.pieces[piece as usize]);
        shared.verify(self.no, piece, span, digest, cx);
    }

    /// The driver's word on a piece.
    pub(super) fn verified(&mut self, piece: u32, ok: bool, shared: &mut Shared, cx: Hands) {
        if self.is_over {
            return;
        }
        let What::Known(content) = &mut self.what else { return };
        let from = content.assembly.end(piece);
        let journal = self.journal;
        if !ok {
            journal.tell(Happening::Wrong(piece), cx);
            content.availability.put_back(piece);
            return self.piece_was_wrong(&from, shared, cx);
        }
        content.have.insert(piece);
        if let Some(tally) = content.availability.tally() {
            tally.gained(piece);
        }
        let is_complete = content.have.is_complete();
        journal.tell(Happening::Verified(piece), cx);
        if is_complete {
            journal.tell(Happening::Complete, cx);
        }
        if let [only] = from[..]
            && let Some(at) = self.links.on(only)
            && let Some(link) = self.links.get_mut(at)
        {
            link.on_parole = false;
        }
        self.tell(piece, from, shared, cx);
        self.progress(cx);
        if is_complete {
            self.complete(shared, cx);
        }
    }

    /// Nobody knows whose bytes were wrong if several have sent them: from then on each of them sends whole pieces alone, until
    /// one was right (as libtorrent's *parole*). Who has sent a wrong one all by himself is shut out.
    fn piece_was_wrong(&mut self, from: &[common::peer::ConnId], shared: &mut Shared, cx: Hands) {
        if let [only] = from {
            match self.links.on(*only) {
                Some(at) => self.ban(at, shared, cx),
                None => self.ask_all(shared, cx),
            }
            return;
        }
        for conn in from {
            if let Some(link) = self.links.on(*conn).and_then(|at| self.links.get_mut(at)) {
                link.on_parole = true;
            }
        }
        self.ask_all(shared, cx);
    }

    /// Has nothing more to do with a peer, now or later.
    fn ban(&mut self, at: u32, shared: &mut Shared, cx: Hands) {
        if let Some(link) = self.links.get(at) {
            let address = link.listens.unwrap_or(link.remote);
            cx.note(Note::Text(format!("{address} has sent wrong data and is shut out").into()));
            self.book.ban(address);
            shared.banned_ids.push(link.id);
            self.hang_up(at, shared, cx);
        }
    }
}
