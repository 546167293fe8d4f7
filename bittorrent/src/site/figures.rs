//! How many are in the swarms, as their trackers say.
//!
//! Nothing is asked until somebody looks. Each tracker is asked one question at a time, about many torrents at once: over HTTP on a
//! connection (BEP 48), or in datagrams (BEP 15).
//!
//! A torrent at one of its trackers:
//!
//! | state | event | then |
//! |---|---|---|
//! | settled | somebody looks, and it was not asked about for a while | waiting |
//! | waiting | its turn has come | asked about |
//! | asked about | an answer | settled, with figures; zeros if the tracker does not know the swarm |
//! | waiting, asked about | the tracker refuses, fails or takes too long | settled, without figures; the tracker is left alone for a while |

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddrV4;
use std::sync::Arc;

use common::http::OK;
use common::peer::{ConnId, Slots, Time};

use super::config::{Listed, SiteConfig, SiteKnobs};
use super::{Hands, SiteTimer};
use crate::node::Timer;
use crate::peer::CLIENT;
use crate::udp_client::{Question, Retry, UdpClient};
use crate::url::{Scheme, Url};
use crate::wire::udp::Reply;
use crate::wire::{self, Answer, InfoHash, Message, SCRAPE_MAX, ScrapeEntry, ScrapeReply, Setup};

/// Trackers of a torrent that are asked; it may name any number.
const SOURCES_MAX: usize = 4;

/// Tries of a question in datagrams. The second waits for twice as long as the first, and so both for three times that.
const UDP_TRIES: u32 = 2;

/// All figures, and whoever is being asked for them.
pub(super) struct Figures {
    knobs: Arc<SiteKnobs>,
    trackers: Vec<Tracker>,
    /// By torrent: at which trackers its peers meet.
    sources: Vec<Box<[Source]>>,
    /// By torrent.
    hashes: Box<[InfoHash]>,
    /// Trackers that something waits to be asked of, and that are not being asked.
    ready: VecDeque<u32>,
    scrapes: Slots<Scrape>,
    udp: UdpClient<Scrape>,
}

struct Tracker {
    scheme: Scheme,
    host: Box<str>,
    path: Box<str>,
    to: SocketAddrV4,
    /// What is to be asked: torrents, and which of their sources this is.
    waiting: VecDeque<Slot>,
    /// It is among the ready ones, or being asked.
    is_busy: bool,
    rests_until: Time,
}

/// A torrent, and which of its sources.
type Slot = (u32, u8);

struct Source {
    tracker: u32,
    /// Waiting, or asked about.
    is_pending: bool,
    asked: Option<Time>,
    told: Option<ScrapeEntry>,
}

/// A question under way.
#[derive(Debug)]
struct Scrape {
    tracker: u32,
    about: Vec<Slot>,
}

impl Figures {
    pub(super) fn new(config: &SiteConfig) -> Self {
        let mut trackers = Vec::new();
        let mut numbers = BTreeMap::new();
        let mut sources_of = |listed: &Listed| {
            let mut sources: Vec<Source> = Vec::new();
            for url in listed.torrent.trackers.iter().flatten() {
                let Some(tracker) = Tracker::of(url, config) else { continue };
                let number = *numbers.entry(tracker.name()).or_insert_with(|| {
                    trackers.push(tracker);
                    trackers.len() as u32 - 1
                });
                let is_new = sources.iter().all(|source| source.tracker != number);
                if is_new && sources.len() < SOURCES_MAX {
                    sources.push(Source { tracker: number, is_pending: false, asked: None, told: None });
                }
            }
            sources.into_boxed_slice()
        };
        Figures {
            knobs: config.knobs.clone(),
            sources: config.torrents.iter().map(&mut sources_of).collect(),
            hashes: config.torrents.iter().map(|listed| listed.torrent.info_hash).collect(),
            trackers,
            ready: VecDeque::new(),
            scrapes: Slots::default(),
            udp: UdpClient::new(Retry {
                first: config.knobs.scrape_timeout / 3,
                tries: UDP_TRIES,
                timer: |transaction| Timer::Site(SiteTimer::Datagram(transaction)),
            }),
        }
    }

    /// Seeds and others of a torrent's swarm, as the tracker says that knows of most.
    pub(super) fn of(&self, torrent: u32) -> Option<ScrapeEntry> {
        let told = self.sources[torrent as usize].iter().filter_map(|source| source.told);
        told.max_by_key(|figures| u64::from(figures.complete) + u64::from(figures.incomplete))
    }

    /// True if nothing that is being asked would change these torrents' figures.
    pub(super) fn are_settled(&self, torrents: &[u32]) -> bool {
        let mut sources = torrents.iter().flat_map(|torrent| &self.sources[*torrent as usize]);
        sources.all(|source| !source.is_pending)
    }

    /// Somebody looks at these torrents.
    pub(super) fn look(&mut self, torrents: &[u32], cx: Hands) {
        let (now, every) = (cx.now(), self.knobs.figures_every);
        for torrent in torrents {
            for (number, source) in (0..).zip(&mut self.sources[*torrent as usize]) {
                let tracker = &mut self.trackers[source.tracker as usize];
                let is_fresh = source.asked.is_some_and(|asked| now.since(asked) < every);
                if source.is_pending || is_fresh || now < tracker.rests_until {
                    continue;
                }
                source.is_pending = true;
                tracker.waiting.push_back((*torrent, number));
                if !std::mem::replace(&mut tracker.is_busy, true) {
                    self.ready.push_back(source.tracker);
                }
            }
        }
        self.ask(cx);
    }

    /// True if this connection is one to a tracker.
    pub(super) fn is_scrape(&self, conn: ConnId) -> bool {
        self.scrapes.get(conn).is_some()
    }

    /// A tracker has answered.
    pub(super) fn answered(&mut self, conn: ConnId, answer: &Answer, cx: Hands) {
        let Some(Scrape { tracker, about }) = self.scrapes.remove(conn) else { return };
        cx.close(conn);
        let reply = Some(&answer.body).filter(|_| answer.head.status == OK);
        match reply.map(|body| ScrapeReply::parse(body)) {
            Some(Ok(reply)) => {
                let told: BTreeMap<InfoHash, ScrapeEntry> = reply.entries.into_iter().collect();
                for slot in about {
                    let figures = told.get(&self.hashes[slot.0 as usize]).copied().unwrap_or_default();
                    self.settle(slot, Some(figures), cx.now());
                }
                self.rest(tracker);
            }
            _ => self.fail(tracker, about, cx.now()),
        }
        self.ask(cx);
    }

    /// A datagram has come from a tracker.
    pub(super) fn heard(&mut self, from: SocketAddrV4, reply: Reply, cx: Hands) {
        let Some((Scrape { tracker, about }, reply)) = self.udp.heard(from, reply, cx) else { return };
        match reply {
            Reply::Scrape { entries, .. } => {
                // In the order of the question; what is missing at the end is not known.
                let told = entries.into_iter().map(Some).chain(std::iter::repeat(None));
                for (slot, told) in about.into_iter().zip(told) {
                    self.settle(slot, told, cx.now());
                }
                self.rest(tracker);
            }
            _ => self.fail(tracker, about, cx.now()),
        }
        self.ask(cx);
    }

    /// A question in datagrams has waited.
    pub(super) fn waited(&mut self, transaction: u32, cx: Hands) {
        let Some(Scrape { tracker, about }) = self.udp.due(transaction, cx) else { return };
        self.fail(tracker, about, cx.now());
        self.ask(cx);
    }

    /// A tracker has closed instead of answering, or has had its time.
    pub(super) fn failed(&mut self, conn: ConnId, cx: Hands) {
        let Some(Scrape { tracker, about }) = self.scrapes.remove(conn) else { return };
        cx.close(conn);
        self.fail(tracker, about, cx.now());
        self.ask(cx);
    }

    fn fail(&mut self, number: u32, about: Vec<Slot>, now: Time) {
        let tracker = &mut self.trackers[number as usize];
        tracker.rests_until = now + self.knobs.figures_every;
        let waiting = std::mem::take(&mut tracker.waiting);
        for slot in about.into_iter().chain(waiting) {
            self.settle(slot, None, now);
        }
        self.rest(number);
    }

    fn settle(&mut self, (torrent, source): Slot, told: Option<ScrapeEntry>, now: Time) {
        let source = &mut self.sources[torrent as usize][usize::from(source)];
        (source.is_pending, source.asked, source.told) = (false, Some(now), told);
    }

    /// A tracker is no longer being asked; what waits comes after what waits for others.
    fn rest(&mut self, number: u32) {
        let tracker = &mut self.trackers[number as usize];
        tracker.is_busy = !tracker.waiting.is_empty();
        if tracker.is_busy {
            self.ready.push_back(number);
        }
    }

    fn ask(&mut self, cx: Hands) {
        while self.scrapes.len() + self.udp.len() < self.knobs.scrapes_max
            && let Some(number) = self.ready.pop_front()
        {
            let tracker = &mut self.trackers[number as usize];
            let about: Vec<Slot> = tracker.waiting.drain(..tracker.waiting.len().min(SCRAPE_MAX)).collect();
            let hashes: Vec<InfoHash> = about.iter().map(|slot| self.hashes[slot.0 as usize]).collect();
            let scrape = Scrape { tracker: number, about };
            if tracker.scheme == Scheme::Udp {
                self.udp.ask(tracker.to, Question::Scrape(hashes), scrape, cx);
                continue;
            }
            let question = wire::Scrape { info_hashes: hashes };
            let target = question.to_target(&tracker.path).unwrap_or_default();
            let request = wire::ask(&tracker.host, &target, CLIENT);
            let conn = cx.dial(tracker.to, Setup::Http);
            cx.send(conn, Message::Ask(request.into()));
            cx.wake(self.knobs.scrape_timeout, Timer::Site(SiteTimer::Scrape(conn)));
            self.scrapes.insert(conn, scrape);
        }
    }
}

impl Tracker {
    /// The tracker of a URL, if it can be scraped, and it is known where it is.
    fn of(url: &str, config: &SiteConfig) -> Option<Self> {
        let url = Url::parse(url)?;
        let to = url.locate(&config.hosts)?;
        if url.scheme == Scheme::Http {
            wire::Scrape::default().to_target(url.path)?;
        }
        let (scheme, host, path) = (url.scheme, url.host.into(), url.path.into());
        let (waiting, rests_until) = (VecDeque::new(), Time::ZERO);
        Some(Tracker { scheme, host, path, to, waiting, is_busy: false, rests_until })
    }

    /// What it is known by.
    fn name(&self) -> (Scheme, Box<str>, Box<str>) {
        (self.scheme, self.host.clone(), self.path.clone())
    }
}
