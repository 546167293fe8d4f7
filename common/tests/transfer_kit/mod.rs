//! A download among holders of all kinds, in virtual time; what no download may ever do is checked at every step.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use common::digest::Digest;
use common::http::QueuePlace;
use common::peer::{BodyState, Time};
use common::store::{Ranges, StoreFault};
use common::transfer::{Action, Answer, Busy, Download, DownloadKnobs, Lost, Offered, SourceId, Taken};
use common::user::Failure;

/// Bytes that come at a time.
pub const PIECE: u64 = 2000;
/// The digest of the right content; no byte is ever hashed here.
pub const DIGEST: Digest = Digest::Sha1([7; 20]);
/// Longer than any download of these tests can take.
const PATIENCE: Time = Time(1_000_000_000_000_000);

/// What a holder does.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    /// Serves whatever is asked for.
    Honest,
    /// Serves, but with wrong bytes.
    Corrupt,
    /// Cannot be reached.
    Dead,
    /// Nobody ever hears of it again after it was dialled.
    Silent,
    /// Takes the request and says nothing.
    Deaf,
    /// Says 404.
    Refuses,
    /// Has another file.
    OtherSize,
    /// Knows no ranges: always sends everything.
    Whole,
    /// Each of its bodies breaks off after so many bytes.
    BreaksOff(u64),
    /// Each of its bodies stands still after so many bytes, for ever.
    Stalls(u64),
    /// Is busy so often before it serves; true: with a place in its queue.
    Busy(u8, bool),
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Holder {
    pub kind: Kind,
    pub bytes_per_s: u64,
    pub latency_ms: u64,
    pub keeps_alive: bool,
}

impl Holder {
    pub fn of(kind: Kind, bytes_per_s: u64) -> Holder {
        Holder { kind, bytes_per_s, latency_ms: 50, keeps_alive: true }
    }

    /// True if whoever goes on asking gets the whole right file.
    pub fn lasts(&self) -> bool {
        matches!(self.kind, Kind::Honest | Kind::Busy(..))
    }
}

/// A connection to a holder, as it is in the world.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Link {
    None,
    Coming,
    Standing,
    /// Its answer is under way.
    Asked {
        offset: u64,
        len: u64,
    },
    Sending {
        next: u64,
        end: u64,
        /// Breaks off or stands still here.
        stop: u64,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Happens {
    Comes,
    Answers,
    Piece,
    BreaksOff,
    Poll,
}

/// When, the order among those of one time, at which holder, in which life of its link, what.
type Due = (Time, u64, usize, u32, Happens);

pub struct World {
    pub download: Download<usize>,
    pub holders: Vec<Holder>,
    pub now: Time,
    links: Vec<Link>,
    /// Numbers the lives of each link, so that what belongs to a past one is recognised.
    lives: Vec<u32>,
    busy_left: Vec<u8>,
    queued: Vec<bool>,
    events: BinaryHeap<Reverse<Due>>,
    sequence: u64,
    /// Each byte of the store: right, wrong or missing.
    content: Vec<Option<bool>>,
    knobs: Arc<DownloadKnobs>,
    pub outcome: Option<Result<(), Failure>>,
    pub received: u64,
    pub received_from: Vec<u64>,
    pub dropped: u64,
    /// How often a body was to come over bytes that somebody else brings or has brought: each may cost a piece.
    pub overlaps: u64,
    /// When, whom, from where on, how many bytes.
    pub asks: Vec<(Time, usize, u64, u64)>,
    pub connects: Vec<usize>,
    pub verifies: u32,
}

impl World {
    /// A download of `size` bytes from these holders, of which the ranges of `there` are right or wrong.
    pub fn new(size: u64, holders: &[Holder], there: &[(u64, u64, bool)], knobs: DownloadKnobs) -> World {
        let mut content = vec![None; size as usize];
        let mut have = Ranges::default();
        for &(start, end, right) in there {
            content[start as usize..end as usize].fill(Some(right));
            have.insert(start, end).unwrap();
        }
        let knobs = Arc::new(knobs);
        let mut download = Download::new(size, Some(DIGEST), have, knobs.clone());
        for at in 0..holders.len() {
            assert_eq!(download.add_source(at).map(SourceId::index), Some(at));
            assert_eq!(download.add_source(at), None, "a source is added twice");
        }
        let busy_left = holders.iter().map(|holder| match holder.kind {
            Kind::Busy(times, _) => times,
            _ => 0,
        });
        World {
            download,
            busy_left: busy_left.collect(),
            now: Time::ZERO,
            links: vec![Link::None; holders.len()],
            lives: vec![0; holders.len()],
            queued: vec![false; holders.len()],
            received_from: vec![0; holders.len()],
            holders: holders.to_vec(),
            events: BinaryHeap::new(),
            sequence: 0,
            content,
            knobs,
            outcome: None,
            received: 0,
            dropped: 0,
            overlaps: 0,
            asks: Vec::new(),
            connects: Vec::new(),
            verifies: 0,
        }
    }

    /// Lets everything happen until the download is over.
    pub fn run(&mut self) -> Result<(), Failure> {
        self.act();
        while self.outcome.is_none() {
            self.step();
        }
        assert!(self.links.iter().all(|link| *link == Link::None), "a connection is left open");
        assert_eq!(self.download.poll(PATIENCE), None, "there is something to do after the end");
        self.outcome.expect("the loop ends with an outcome")
    }

    /// The next thing happens.
    pub fn step(&mut self) {
        let Reverse((time, _, at, life, happens)) = self.events.pop().expect("a download waits for nothing");
        assert!(time < PATIENCE, "the download never ends");
        self.now = time;
        if happens == Happens::Poll || self.lives[at] == life {
            self.happen(at, happens);
        }
        self.act();
    }

    fn later(&mut self, after: Duration, at: usize, happens: Happens) {
        self.sequence += 1;
        self.events.push(Reverse((self.now + after, self.sequence, at, self.lives[at], happens)));
    }

    fn latency(&self, at: usize) -> Duration {
        Duration::from_millis(self.holders[at].latency_ms)
    }

    fn cut(&mut self, at: usize) {
        self.links[at] = Link::None;
        self.lives[at] += 1;
        self.queued[at] = false;
    }

    pub fn id(&self, at: usize) -> SourceId {
        self.download.sources().nth(at).expect("the holder is a source").0
    }

    /// Does what the download wants done.
    pub fn act(&mut self) {
        let mut actions = 0;
        let before = self.download.have().bytes();
        while let Some(action) = self.download.poll(self.now) {
            self.carry_out(action);
            actions += 1;
            assert!(actions < 1000, "it goes on for ever without anything happening");
        }
        self.dropped += before.saturating_sub(self.download.have().bytes());
        assert!(self.links().count() <= self.knobs.active_max + self.knobs.queued_max);
    }

    /// The holders with whom there is a connection, or one may come.
    fn links(&self) -> impl Iterator<Item = usize> {
        (0..self.links.len()).filter(|at| self.links[*at] != Link::None)
    }

    fn carry_out(&mut self, action: Action) {
        assert!(self.outcome.is_none(), "{action:?} after the last action");
        match action {
            Action::Connect(source) => {
                let at = source.index();
                assert_eq!(self.links[at], Link::None, "connected twice");
                self.links[at] = Link::Coming;
                self.connects.push(at);
                assert!(self.links().filter(|at| !self.queued[*at]).count() <= self.knobs.active_max);
                if self.holders[at].kind != Kind::Silent {
                    self.later(self.latency(at), at, Happens::Comes);
                }
            }
            Action::Ask { source, offset, len } => self.ask(source.index(), offset, len),
            Action::HangUp(source) => {
                let link = self.links[source.index()];
                assert_ne!(link, Link::None, "hung up without a connection");
                self.cut(source.index());
            }
            Action::Wake(at) => {
                assert!(at > self.now, "woken in the past");
                self.later(at.since(self.now), 0, Happens::Poll);
            }
            Action::Verify(digest) => {
                assert_eq!(digest, DIGEST);
                assert!(self.content.iter().all(Option::is_some), "verified before it was there");
                self.verifies += 1;
                self.download.verified(self.content.iter().all(|byte| *byte == Some(true)));
            }
            Action::Finish => self.download.finished(None),
            Action::Progress(bytes) => assert_eq!(bytes, self.download.have().bytes()),
            Action::Done => self.outcome = Some(Ok(())),
            Action::Failed(why) => self.outcome = Some(Err(why)),
        }
    }

    fn ask(&mut self, at: usize, offset: u64, len: u64) {
        assert_eq!(self.links[at], Link::Standing, "asked in the middle of something");
        let end = offset + len;
        assert!(len > 0 && len <= self.knobs.request_bytes_max && end <= self.content.len() as u64);
        let have = self.download.have();
        assert!(
            have.gaps(end).any(|(start, gap_end)| start <= offset && end <= gap_end),
            "asked for what is there"
        );
        self.overlaps += self.others_in(at, offset, end);
        self.links[at] = Link::Asked { offset, len };
        self.queued[at] = false;
        self.asks.push((self.now, at, offset, len));
        if self.holders[at].kind != Kind::Deaf {
            self.later(self.latency(at), at, Happens::Answers);
        }
    }

    /// How many others bring bytes of this range.
    fn others_in(&self, at: usize, start: u64, end: u64) -> u64 {
        let is_in = |(other, link): (usize, &Link)| {
            let (from, to) = match *link {
                Link::Asked { offset, len } => (offset, offset + len),
                Link::Sending { next, end, .. } => (next, end),
                Link::None | Link::Coming | Link::Standing => return false,
            };
            other != at && from < end && start < to
        };
        self.links.iter().enumerate().filter(|pair| is_in(*pair)).count() as u64
    }

    fn happen(&mut self, at: usize, happens: Happens) {
        match (happens, self.links[at]) {
            (Happens::Comes, Link::Coming) if self.holders[at].kind == Kind::Dead => {
                self.cut(at);
                self.download.lost(self.id(at), Lost::Unreachable, self.now);
            }
            (Happens::Comes, Link::Coming) => {
                self.links[at] = Link::Standing;
                if !self.download.connected(self.id(at)) {
                    self.cut(at);
                }
            }
            (Happens::Answers, Link::Asked { offset, len }) => self.answer(at, offset, len),
            (Happens::Piece, Link::Sending { next, end, stop }) => self.piece(at, next, end, stop),
            (Happens::BreaksOff, Link::Sending { .. }) => {
                self.cut(at);
                self.download.lost(self.id(at), Lost::Closed, self.now);
            }
            (Happens::Poll, _) => {}
            (happens, link) => panic!("{happens:?} at {link:?}"),
        }
    }

    fn answer(&mut self, at: usize, offset: u64, len: u64) {
        let (size, holder) = (self.content.len() as u64, self.holders[at]);
        let keeps_alive = holder.keeps_alive;
        let body =
            |offset, len, total| Answer::Body(Offered { offset, len, total: Some(total), keeps_alive });
        let answer = match holder.kind {
            Kind::Refuses => Answer::Refused,
            Kind::OtherSize => body(offset, len, size + 1),
            Kind::Whole => body(0, size, size),
            Kind::Busy(_, places) if self.busy_left[at] > 0 => {
                self.busy_left[at] -= 1;
                let position = u32::from(self.busy_left[at]) + 1;
                let place = QueuePlace { position, length: None, limit: None, poll_min_s: 5, poll_max_s: 30 };
                let place = places.then_some(place);
                Answer::Busy(Busy { place, retry_after: None, page_len: 100, keeps_alive })
            }
            _ => body(offset, len, size),
        };
        match self.download.answered(self.id(at), &answer, self.now) {
            Taken::Receive { offset, len } => {
                let end = offset + len;
                if holder.kind == Kind::Whole {
                    self.overlaps +=
                        self.others_in(at, offset, end) + self.download.have().iter().count() as u64;
                }
                let stop = match holder.kind {
                    Kind::BreaksOff(after) | Kind::Stalls(after) => (offset + after).min(end),
                    _ => end,
                };
                self.links[at] = Link::Sending { next: offset, end, stop };
                self.next_piece(at);
            }
            Taken::Discard(page) => {
                assert_eq!(page, 100);
                self.links[at] = Link::Standing;
                self.queued[at] = true;
            }
            Taken::HangUp => self.cut(at),
        }
    }

    fn next_piece(&mut self, at: usize) {
        let Link::Sending { next, end, stop } = self.links[at] else { return };
        if next == stop && stop < end {
            if matches!(self.holders[at].kind, Kind::BreaksOff(_)) {
                self.later(self.latency(at), at, Happens::BreaksOff);
            }
            return;
        }
        let len = (stop - next).min(PIECE);
        self.later(Duration::from_secs(len) / self.holders[at].bytes_per_s as u32, at, Happens::Piece);
    }

    fn piece(&mut self, at: usize, next: u64, end: u64, stop: u64) {
        let len = (stop - next).min(PIECE);
        let right = self.holders[at].kind != Kind::Corrupt;
        self.content[next as usize..(next + len) as usize].fill(Some(right));
        self.received += len;
        self.received_from[at] += len;
        let is_done = next + len == end;
        let state = if is_done { BodyState::Done } else { BodyState::More };
        let before = self.download.have().bytes();
        self.download.received(self.id(at), len as u32, state, self.now);
        assert!(self.download.have().bytes() >= before);
        if is_done {
            // If it is not kept, the download says so.
            self.links[at] = Link::Standing;
            return;
        }
        self.links[at] = Link::Sending { next: next + len, end, stop };
        self.next_piece(at);
    }

    /// The first holder who is sending; waits until there is one.
    pub fn sender(&mut self) -> usize {
        self.act();
        loop {
            let sending = |link: &Link| matches!(link, Link::Sending { .. });
            match self.links.iter().position(sending) {
                Some(at) => return at,
                None => self.step(),
            }
        }
    }

    /// The store refuses a piece of whoever is sending.
    pub fn refuse_write(&mut self, fault: StoreFault) {
        let at = self.sender();
        self.download.received(self.id(at), 0, BodyState::Failed(fault), self.now);
        self.act();
    }

    /// The other side ends a connection.
    pub fn close(&mut self, at: usize) {
        self.cut(at);
        self.download.lost(self.id(at), Lost::Closed, self.now);
    }

    /// A holder dials us, after a push that nobody waits for any more.
    pub fn comes(&mut self, at: usize) -> bool {
        let is_wanted = self.download.connected(self.id(at));
        if is_wanted {
            self.links[at] = Link::Standing;
        }
        is_wanted
    }
}

/// Small requests, so that small files make work for many.
pub fn small_knobs() -> DownloadKnobs {
    DownloadKnobs {
        active_max: 3,
        queued_max: 2,
        request_bytes_min: 4_000,
        request_bytes_max: 40_000,
        steal_bytes_min: 2_000,
        ..DownloadKnobs::default()
    }
}
