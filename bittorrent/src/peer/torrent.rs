//! One torrent in a peer's hands: its swarm as far as this peer sees it.
//!
//! | phase | waits for | then |
//! |---|---|---|
//! | leeching | blocks, and the driver's word on each whole piece | all verified: finishing |
//! | finishing | the store's final name | seeding; or the download has failed |
//! | seeding | others | the user's word |
//!
//! What happens on one link is in `greet.rs` (the start), `trade.rs` (who has and wants what), `request.rs` and `receive.rs` (what
//! comes), `serve.rs` (what goes), `unchoke.rs` (who is served), `extended.rs` (metadata and peer exchange).

use std::collections::VecDeque;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use common::peer::{ConnId, Cx, FileId, Place, Time};
use common::store::{Ranges, StoreFault};
use common::user::{Failure, FetchId, Note};

use super::announce::Announcer;
use super::assembly::Assembly;
use super::book::{Book, Told};
use super::journal::Journal;
use super::link::Links;
use super::metadata::Hunt;
use super::{Hands, Shared};
use crate::bitfield::Bitfield;
use crate::choker::Optimist;
use crate::log::client::Happening;
use crate::metainfo::{Info, Metainfo};
use crate::node::{Node, Timer};
use crate::picker::Availability;
use crate::wire::{AnnounceEvent, Block, InfoHash};

/// A torrent, by its place in the peer's list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TorrentNo(pub(super) u32);

/// Progress is told after each 128th part of the content: finer than a progress bar shows.
const PROGRESS_PARTS: u64 = 128;
/// Dials at a time. 8: enough to fill a peer set in seconds, without a burst that home routers drop.
const DIALS_MAX: usize = 8;

/// One torrent.
pub(super) struct Torrent {
    pub(super) no: TorrentNo,
    pub(super) info_hash: InfoHash,
    pub(super) announcer: Announcer,
    pub(super) book: Book,
    pub(super) links: Links,
    /// Connections on which a handshake is awaited.
    pub(super) dialling: usize,
    pub(super) what: What,
    /// Whom it is fetched for.
    pub(super) fetch: Option<FetchId>,
    pub(super) optimist: Optimist,
    /// Rounds since the start.
    pub(super) rounds: u64,
    /// A timer for the next round is set.
    pub(super) has_round: bool,
    /// Pieces that are there and that others are to hear of later: when, which, and who has sent of it.
    pub(super) untold: VecDeque<(Time, u32, Vec<ConnId>)>,
    /// Bytes of blocks that came and went.
    pub(super) downloaded: u64,
    pub(super) uploaded: u64,
    /// The bytes that the user has been told of.
    told: u64,
    /// When bytes came last; when it began, if none have.
    pub(super) gained: Time,
    /// It is given up; only a last word to the tracker may be on its way.
    pub(super) is_over: bool,
    pub(super) journal: Journal,
}

/// What of a torrent is known.
pub(super) enum What {
    /// Its name alone: the metainfo is sought from peers (BEP 9).
    Sought(Hunt),
    /// Everything.
    Known(Box<Content>),
}

/// A torrent's content as far as it is there.
pub(super) struct Content {
    pub(super) meta: Arc<Metainfo>,
    pub(super) file: FileId,
    /// Verified pieces.
    pub(super) have: Bitfield,
    pub(super) availability: Availability,
    pub(super) assembly: Assembly,
    pub(super) phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Leeching,
    Finishing,
    Seeding,
}

impl Content {
    /// What is there of a torrent: the pieces that lie in `have` whole.
    pub(super) fn new(meta: Arc<Metainfo>, file: FileId, have: &Ranges) -> Self {
        let mut there = Bitfield::none(meta.info.piece_count());
        for piece in 0..meta.info.piece_count() {
            let span = meta.info.span(piece);
            if have.contains(span.start, span.end) {
                there.insert(piece);
            }
        }
        let availability = Availability::new(&there);
        Content {
            meta,
            file,
            have: there,
            availability,
            assembly: Assembly::default(),
            phase: Phase::Leeching,
        }
    }

    pub(super) fn info(&self) -> &Info {
        &self.meta.info
    }

    /// Where a block goes.
    pub(super) fn place(&self, block: Block) -> Place {
        Place { file: self.file, offset: self.info().offset(block.piece) + u64::from(block.begin) }
    }

    /// Bytes of verified pieces.
    pub(super) fn bytes(&self) -> u64 {
        let info = self.info();
        if self.have.is_complete() {
            return info.length;
        }
        let last = info.piece_count() - 1;
        let short = u64::from(info.piece_length - info.piece_len(last)) * u64::from(self.have.has(last));
        u64::from(self.have.count()) * u64::from(info.piece_length) - short
    }
}

impl Torrent {
    pub(super) fn new(no: TorrentNo, info_hash: InfoHash, what: What, shared: &Shared) -> Self {
        let knobs = &shared.knobs;
        Torrent {
            no,
            info_hash,
            announcer: Announcer::default(),
            book: Book::default(),
            links: Links::default(),
            dialling: 0,
            what,
            fetch: None,
            optimist: Optimist::new(knobs.optimistic_every, knobs.newcomer_weight),
            rounds: 0,
            has_round: false,
            untold: VecDeque::new(),
            downloaded: 0,
            uploaded: 0,
            told: 0,
            gained: Time::ZERO,
            is_over: false,
            journal: shared.journal,
        }
    }

    pub(super) fn content(&self) -> Option<&Content> {
        match &self.what {
            What::Known(content) => Some(content),
            What::Sought(_) => None,
        }
    }

    pub(super) fn content_mut(&mut self) -> Option<&mut Content> {
        match &mut self.what {
            What::Known(content) => Some(content),
            What::Sought(_) => None,
        }
    }

    /// True if it has all and shares it.
    pub(super) fn is_seed(&self) -> bool {
        self.content().is_some_and(|content| content.have.is_complete())
    }

    /// How many pieces there are; none while that is unknown.
    pub(super) fn piece_count(&self) -> u32 {
        self.content().map_or(0, |content| content.info().piece_count())
    }

    /// Joins the swarm: what is there is told, and others are sought.
    pub(super) fn start(&mut self, peers: &[SocketAddrV4], shared: &mut Shared, cx: Hands) {
        for address in peers.iter().filter(|address| **address != cx.address()) {
            self.book.add(*address, Told::Trusted);
        }
        self.gained = cx.now();
        self.enter_census(shared);
        if let Some(content) = self.content() {
            let (info, have) = (content.info(), content.bytes());
            let (length, piece_length) = (info.length, info.piece_length);
            let what = Happening::Torrent { info_hash: self.info_hash, length, piece_length, have };
            self.journal.tell(what, cx);
        }
        self.announce(AnnounceEvent::Started, shared, cx);
        self.progress(cx);
        self.dial_others(shared, cx);
        if self.is_seed() {
            self.complete(shared, cx);
        }
    }

    /// What is there counts in the swarm from here on, if somebody counts it.
    fn enter_census(&mut self, shared: &Shared) {
        let tally = shared.census.as_ref().and_then(|census| census.of(self.info_hash));
        if let (Some(tally), What::Known(content)) = (tally, &mut self.what) {
            tally.joined(&content.have);
            content.availability.count_swarm(tally);
        }
    }

    /// Leaves the swarm.
    pub(super) fn stop(&mut self, shared: &mut Shared, cx: Hands) {
        self.give_way(shared, cx);
        self.announce(AnnounceEvent::Stopped, shared, cx);
    }

    /// Parts with everybody. The tracker is not told: a download of the same content, for which it makes way, will tell it.
    pub(super) fn give_way(&mut self, shared: &mut Shared, cx: Hands) {
        let was_over = std::mem::replace(&mut self.is_over, true);
        if let Some(content) = self.content().filter(|_| !was_over)
            && let Some(tally) = content.availability.tally()
        {
            tally.left(&content.have);
        }
        for at in self.links.all() {
            self.hang_up(at, shared, cx);
        }
    }

    /// Has a round come, if there is anybody to look after.
    pub(super) fn keep_rounds(&mut self, shared: &Shared, cx: Hands) {
        if !self.has_round && !self.is_over {
            self.has_round = true;
            cx.wake(shared.knobs.rechoke_every, Timer::Round(self.no));
        }
    }

    /// What is done every ten seconds.
    pub(super) fn round(&mut self, shared: &mut Shared, cx: Hands) {
        self.has_round = false;
        if self.is_over {
            return;
        }
        self.rounds += 1;
        let waits = self.fetch.is_some() && !self.is_seed();
        if waits && shared.knobs.give_up.is_some_and(|most| cx.now().since(self.gained) >= most) {
            return self.fail(Failure::NoHolder, shared, cx);
        }
        for at in self.links.all() {
            self.look_after(at, shared, cx);
        }
        self.hurry_metadata(cx);
        self.show_on(shared, cx);
        self.rechoke(shared, cx);
        self.exchange_peers(shared, cx);
        self.dial_others(shared, cx);
        if self.needs_rounds(shared) {
            self.keep_rounds(shared, cx);
        }
    }

    /// Sees what has become of a link since the last round.
    fn look_after(&mut self, at: u32, shared: &mut Shared, cx: Hands) {
        let (now, knobs) = (cx.now(), Arc::clone(&shared.knobs));
        let Some(link) = self.links.get_mut(at) else { return };
        if now.since(link.last_heard) >= knobs.idle_max {
            return self.hang_up(at, shared, cx);
        }
        if now.since(link.last_said) >= knobs.keepalive_every {
            self.say(at, crate::wire::Message::KeepAlive, cx);
        }
        self.lapse(at, shared, cx);
    }

    /// Dials some of those known, while there are too few. A seed does too: those who lack something may not be able to dial it.
    pub(super) fn dial_others(&mut self, shared: &mut Shared, cx: Hands) {
        if self.is_over {
            return;
        }
        let most = shared.knobs.initiate_max.min(shared.knobs.peers_max);
        while self.dialling < DIALS_MAX && self.links.len() + self.dialling < most {
            let Some(address) = self.book.next(cx.now()) else { break };
            self.dialling += 1;
            shared.dial(self.no, address, cx);
        }
        self.announce_if_short(shared, cx);
        if self.needs_rounds(shared) {
            self.keep_rounds(shared, cx);
        }
    }

    /// True if there is anybody to look after, or a patience to end.
    fn needs_rounds(&self, shared: &Shared) -> bool {
        let has_others = self.links.len() + self.dialling > 0 || self.book.len() > 0;
        has_others || self.fetch.is_some() && shared.knobs.give_up.is_some()
    }

    /// A dial has not led to a link.
    pub(super) fn dial_failed(&mut self, to: SocketAddrV4, shared: &mut Shared, cx: Hands) {
        self.dialling -= 1;
        self.book.ended(to, false, cx.now(), shared.knobs.reconnect_after);
        self.dial_others(shared, cx);
    }

    /// Tells the user what is there, if it is worth a note.
    pub(super) fn progress(&mut self, cx: Hands) {
        let (Some(fetch), Some(content)) = (self.fetch, self.content()) else { return };
        let (bytes, length) = (content.bytes(), content.info().length);
        if bytes >= self.told + (length / PROGRESS_PARTS).max(1) || bytes == length && self.told < length {
            self.told = bytes;
            cx.note(Note::Progress(fetch, bytes));
        }
    }

    /// All pieces are there.
    pub(super) fn complete(&mut self, shared: &mut Shared, cx: Hands) {
        let has_fetch = self.fetch.is_some();
        let Some(content) = self.content_mut() else { return };
        match (content.phase, has_fetch) {
            (Phase::Leeching, true) => {
                content.phase = Phase::Finishing;
                let file = content.file;
                cx.finish(file);
            }
            (Phase::Leeching, false) => content.phase = Phase::Seeding,
            (Phase::Finishing | Phase::Seeding, _) => {}
        }
        for at in self.links.all() {
            self.part_with_seed(at, shared, cx);
        }
    }

    /// The store has answered `finish`.
    pub(super) fn finished(&mut self, fault: Option<StoreFault>, shared: &mut Shared, cx: Hands) {
        let has_downloaded = self.downloaded > 0;
        let Some(content) = self.content_mut().filter(|content| content.phase == Phase::Finishing) else {
            return;
        };
        if let Some(fault) = fault {
            return self.fail(of_store(fault), shared, cx);
        }
        content.phase = Phase::Seeding;
        if let Some(fetch) = self.fetch.take() {
            cx.note(Note::Fetched(fetch));
        }
        // Who had all from the start has not completed anything (BEP 3).
        if has_downloaded {
            self.announce(AnnounceEvent::Completed, shared, cx);
        }
    }

    /// The download ends without its content.
    pub(super) fn fail(&mut self, why: Failure, shared: &mut Shared, cx: Hands) {
        if let Some(fetch) = self.fetch.take() {
            cx.note(Note::Failed(fetch, why));
        }
        self.stop(shared, cx);
    }
}

/// What a fault of the store means to the user.
pub(super) fn of_store(fault: StoreFault) -> Failure {
    match fault {
        StoreFault::Full => Failure::DiskFull,
        StoreFault::Corrupt => Failure::Corrupt,
        StoreFault::Io | StoreFault::Missing => Failure::Store,
    }
}

/// The time until something is due, at least a millisecond: so that no rounding makes a timer fire for nothing.
pub(super) fn until(at: Time, cx: &Cx<'_, Node>) -> Duration {
    at.since(cx.now()).max(Duration::from_millis(1))
}
