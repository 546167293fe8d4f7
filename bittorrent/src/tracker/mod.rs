//! The tracker: it knows who is in which swarm, tells each peer of some others, and sees no byte of any content.
//!
//! | part | file |
//! |---|---|
//! | peers by age; who is in one swarm; all swarms and their bounds | `peers.rs`, `swarm.rs`, `swarms.rs` |
//! | reports and what they are answered; figures of swarms | `announce.rs`, `scrape.rs` |
//! | the same in datagrams, and the proof that a sender is where he says | `datagram.rs`, `proof.rs` |
//! | a page for browsers | `page.rs` |
//! | the tracker log | [`crate::log::tracker`] |
//!
//! | request | answer |
//! |---|---|
//! | `GET …/announce?info_hash=…` (BEP 3, 23) | interval, figures, and up to `numwant` others drawn at random; or a failure reason |
//! | `GET …/scrape[?info_hash=…]` (BEP 48) | figures of the swarms named, or of all |
//! | `GET /` | a page with the largest swarms |
//! | datagrams (BEP 15): connect, announce, scrape | the same of the same swarms |
//!
//! A peer:
//!
//! | state | event | then |
//! |---|---|---|
//! | unknown | any report but `stopped` | leecher or seed, as `left` says |
//! | leecher | a report with nothing left | seed; the download counts as complete |
//! | seed | a report with something left | leecher |
//! | any of these | `stopped` under the same peer id, or two intervals of silence | unknown |
//!
//! Where a peer listens is the address that it reports from, and the port that it names. An `ip=` of its own it may name only from a
//! loopback or private address: the tracker may see a peer of its own machine or network otherwise than the world does. Elsewhere it is
//! passed over, or anybody could send a swarm's connections to whomever they like.

mod announce;
mod config;
mod datagram;
mod page;
mod peers;
mod proof;
mod scrape;
mod swarm;
mod swarms;

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use common::http::{OK, Request, Target};
use common::peer::{ConnId, Cx, Event};
use common::user::{Command, Note};

use crate::node::{Node, Timer};
use crate::web::{CallerLimits, Callers, Page};
use crate::wire::{InfoHash, Message, ScrapeEntry};
pub use config::{Secret, TrackerConfig, TrackerKnobs};
use page::Overview;
use proof::Proofs;
use swarm::Swarm;
use swarms::Swarms;

type Hands<'a, 'b> = &'a mut Cx<'b, Node>;

/// Intervals of silence after which a peer is taken for gone.
const SILENCE_INTERVALS: u32 = 2;

/// What the tracker's timers mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrackerTimer {
    /// Some peer may have been silent for too long.
    Silence,
    /// This connection should have said something by now.
    Caller(ConnId),
}

/// The state of a tracker.
pub struct Tracker {
    started_s: u64,
    knobs: Arc<TrackerKnobs>,
    swarms: Swarms,
    callers: Callers,
    /// A silence timer is on its way.
    awaits_silence: bool,
    overview: Overview,
    /// Reports that were not taken for want of room.
    refused: u64,
    proofs: Proofs,
    /// It was told to leave: nobody new is answered.
    is_leaving: bool,
    /// Datagrams that showed no connection id of their sender's.
    unproven: u64,
}

impl Tracker {
    /// A tracker that has not started.
    pub fn new(config: TrackerConfig) -> Self {
        let knobs = config.knobs;
        let limits = CallerLimits {
            callers_max: knobs.callers_max,
            step_timeout: knobs.step_timeout,
            timer: |conn| Timer::Tracker(TrackerTimer::Caller(conn)),
        };
        Tracker {
            started_s: config.started_s,
            swarms: Swarms::known(config.allowed.as_ref()),
            callers: Callers::new(limits),
            awaits_silence: false,
            overview: Overview::default(),
            refused: 0,
            proofs: Proofs::new(config.secret),
            is_leaving: false,
            unproven: 0,
            knobs,
        }
    }

    /// How many peers are in all swarms together.
    pub fn peers(&self) -> usize {
        self.swarms.peers()
    }

    /// How many swarms it knows.
    pub fn swarms(&self) -> usize {
        self.swarms.len()
    }

    /// Seeds, complete downloads and leechers of a swarm; `None` if it is not known.
    pub fn figures(&self, info_hash: &InfoHash) -> Option<ScrapeEntry> {
        self.swarms.get(info_hash).map(Swarm::figures)
    }

    /// Reports that were not taken for want of room.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Datagrams that were not answered, since they showed no connection id of their sender's.
    pub fn unproven(&self) -> u64 {
        self.unproven
    }

    /// Its only entry.
    pub fn handle(&mut self, event: Event<Message, Timer>, cx: Hands) {
        match event {
            Event::Start => cx.note(Note::Online),
            Event::Command(Command::Leave) => self.is_leaving = true,
            Event::Opened { conn, remote, dialled: false } => self.callers.called(conn, remote, cx),
            Event::Message { conn, message: Message::Ask(request) } => self.asked(conn, &request, cx),
            Event::Message { conn, .. } => self.callers.hang_up(conn, cx),
            Event::Datagram { from, message: Message::Udp(packet) } => self.datagram(from, *packet, cx),
            Event::Closed { conn, .. } => self.callers.closed(conn),
            Event::Timer(Timer::Tracker(TrackerTimer::Silence)) => self.silence(cx),
            Event::Timer(Timer::Tracker(TrackerTimer::Caller(conn))) => self.callers.due(conn, cx),
            _ => {}
        }
    }

    fn asked(&mut self, conn: ConnId, request: &Request, cx: Hands) {
        let Some(from) = self.callers.asked(conn, request, cx) else { return };
        let page = self.page(request, from, cx);
        self.callers.answer(conn, request, page, cx);
    }

    /// The last part of the path says what is asked: trackers live below whatever path their owners like.
    fn page(&mut self, request: &Request, from: SocketAddrV4, cx: Hands) -> Page {
        let target = Target::parse(&request.target);
        match target.path.rsplit('/').next() {
            Some("announce") => bencoded(self.announced(&target, *from.ip(), cx)),
            Some("scrape") => bencoded(self.scraped(&target)),
            _ if target.path == "/" => self.overview(cx.now()),
            _ => Page::not_found(),
        }
    }

    /// Somebody who reports is not silent before two intervals from now.
    fn listen(&mut self, cx: Hands) {
        if !self.awaits_silence {
            self.awaits_silence = true;
            cx.wake(self.silence_max(), Timer::Tracker(TrackerTimer::Silence));
        }
    }

    fn silence(&mut self, cx: Hands) {
        let next = self.swarms.expire(self.silence_max(), cx.now());
        self.awaits_silence = next.is_some();
        if let Some(due) = next {
            cx.wake(due.since(cx.now()), Timer::Tracker(TrackerTimer::Silence));
        }
    }

    fn silence_max(&self) -> Duration {
        self.knobs.interval.saturating_mul(SILENCE_INTERVALS)
    }
}

/// Failures too are sent with a 200: clients look no further at other answers.
fn bencoded(body: Vec<u8>) -> Page {
    Page::text(OK, body)
}
