//! The tracker: tells those who want a torrent of each other, and of the content nothing.
//!
//! HTTP as BEP 3, 23 and 48 have it: `…/announce` is a report, which is answered by some others of the swarm, and `…/scrape` asks how
//! many there are. `/` is a page for browsers.
//!
//! A peer that does not report for two intervals is forgotten.

mod log;
mod swarm;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use common::http::{self, Request, Response, Target};
use common::peer::{ConnId, Cx, Event, Slots, Time};
use common::user::{Command, Note};

use crate::node::{Node, Timer};
use crate::wire::{Announce, AnnounceEvent, AnnounceReply, Answer, InfoHash, Message, Scrape, ScrapeReply};
pub use log::{NotAReport, Report};
use swarm::Swarm;

type Hands<'a, 'b> = &'a mut Cx<'b, Node>;

/// How long a connection may be without a request.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// What can be turned, with the defaults of the trackers of the time.
#[derive(Clone, Debug)]
pub struct TrackerKnobs {
    /// How often a peer is to report. 1,800 s: mainline's tracker, and the lecture's half hour.
    pub interval: Duration,
    /// Peers handed out to who does not say how many he wants. 50: mainline's tracker (the lecture says 40).
    pub handout: usize,
    /// ... and at most. 200: what libtorrent asks for.
    pub handout_max: usize,
    /// Only these torrents are served; `None` is all.
    pub allowed: Option<BTreeSet<InfoHash>>,
    /// Torrents at a time.
    pub swarms_max: usize,
    /// Peers of one torrent at a time.
    pub swarm_max: usize,
    /// ... and of them from one host.
    pub per_host_max: u32,
    /// Each report is told as a [`Note::Keep`] line ([`Report`]).
    pub logs: bool,
}

impl Default for TrackerKnobs {
    fn default() -> Self {
        TrackerKnobs {
            interval: Duration::from_secs(1_800),
            handout: 50,
            handout_max: 200,
            allowed: None,
            swarms_max: 100_000,
            swarm_max: 1_000_000,
            per_host_max: 64,
            logs: false,
        }
    }
}

/// The state of a tracker.
pub struct Tracker {
    knobs: Arc<TrackerKnobs>,
    swarms: BTreeMap<InfoHash, Swarm>,
    conns: Slots<Caller>,
    sweeps: bool,
}

struct Caller {
    remote: SocketAddrV4,
    last: Time,
}

impl Tracker {
    /// A tracker that nobody has reported to.
    pub fn new(knobs: Arc<TrackerKnobs>) -> Self {
        Tracker { knobs, swarms: BTreeMap::new(), conns: Slots::default(), sweeps: false }
    }

    /// The tracker's only entry.
    pub fn handle(&mut self, event: Event<Message, Timer>, cx: Hands) {
        match event {
            Event::Start => cx.note(Note::Online),
            Event::Command(Command::Leave) => {
                let conns: Vec<ConnId> = self.conns.iter().map(|(conn, _)| conn).collect();
                conns.into_iter().for_each(|conn| self.end(conn, cx));
            }
            Event::Opened { conn, remote, .. } => {
                self.conns.insert(conn, Caller { remote, last: cx.now() });
                cx.wake(IDLE_MAX, Timer::ConnDue(conn));
            }
            Event::Message { conn, message } => self.message(conn, &message, cx),
            Event::Closed { conn, .. } => drop(self.conns.remove(conn)),
            Event::Timer(Timer::ConnDue(conn)) => self.conn_due(conn, cx),
            Event::Timer(Timer::Sweep) => self.sweep(cx),
            // Nothing is shared, sought or sent here but answers.
            _ => {}
        }
    }

    /// How many are in a torrent's swarm.
    pub fn swarm_len(&self, info_hash: InfoHash) -> usize {
        self.swarms.get(&info_hash).map_or(0, Swarm::len)
    }

    fn end(&mut self, conn: ConnId, cx: Hands) {
        self.conns.remove(conn);
        cx.close(conn);
    }

    fn conn_due(&mut self, conn: ConnId, cx: Hands) {
        let Some(caller) = self.conns.get(conn) else { return };
        match IDLE_MAX.checked_sub(cx.now().since(caller.last)).filter(|left| !left.is_zero()) {
            Some(left) => cx.wake(left, Timer::ConnDue(conn)),
            None => self.end(conn, cx),
        }
    }

    fn message(&mut self, conn: ConnId, message: &Message, cx: Hands) {
        let (Some(caller), Message::Ask(request)) = (self.conns.get_mut(conn), message) else {
            return self.end(conn, cx);
        };
        caller.last = cx.now();
        let remote = caller.remote;
        let answer = self.answer(request, remote, cx);
        cx.send(conn, Message::Answer(Arc::new(answer)));
        if !request.keeps_alive() {
            self.end(conn, cx);
        }
    }

    fn answer(&mut self, request: &Request, remote: SocketAddrV4, cx: Hands) -> Answer {
        if &*request.method != "GET" {
            return page(http::NOT_IMPLEMENTED, "only GET is spoken here\n");
        }
        let target = Target::parse(&request.target);
        let last = target.path.rsplit('/').next().unwrap_or_default();
        if last.starts_with("announce") {
            let body = match Announce::from_query(target.query) {
                Ok(announce) => self.announced(&announce, remote, cx),
                Err(why) => AnnounceReply::encode_failure(&why.to_string()),
            };
            return text(http::OK, body);
        }
        if last.starts_with("scrape") {
            return text(http::OK, self.scraped(&target).encode());
        }
        match target.path {
            "/" => page(http::OK, &self.overview()),
            _ => page(http::NOT_FOUND, "there is nothing here; torrents are reported to at /announce\n"),
        }
    }

    fn announced(&mut self, announce: &Announce, remote: SocketAddrV4, cx: Hands) -> Vec<u8> {
        let knobs = Arc::clone(&self.knobs);
        if announce.port == 0 && announce.event != AnnounceEvent::Stopped {
            return AnnounceReply::encode_failure("invalid port");
        }
        // Whoever asks from within a private network may name the address that others see; from elsewhere that would be a way to
        // have others dial a victim.
        let is_near = remote.ip().is_private() || remote.ip().is_loopback();
        let ip = announce.ip.filter(|_| is_near).unwrap_or(*remote.ip());
        let address = SocketAddrV4::new(ip, announce.port);
        if knobs.logs {
            cx.note(Note::Keep(report(announce, address, cx.now()).to_string().into()));
        }
        if knobs.allowed.as_ref().is_some_and(|allowed| !allowed.contains(&announce.info_hash)) {
            return AnnounceReply::encode_failure("this torrent is not served here");
        }
        let is_new = !self.swarms.contains_key(&announce.info_hash);
        if is_new && (announce.event == AnnounceEvent::Stopped || self.swarms.len() >= knobs.swarms_max) {
            return match announce.event {
                AnnounceEvent::Stopped => self.reply(announce, None, address, cx),
                _ => AnnounceReply::encode_failure("too many torrents are served here"),
            };
        }
        let swarm = self.swarms.entry(announce.info_hash).or_default();
        if swarm.len() >= knobs.swarm_max || !swarm.report(address, announce, knobs.per_host_max, cx.now()) {
            return AnnounceReply::encode_failure("too many peers, of this torrent or of your host");
        }
        if !std::mem::replace(&mut self.sweeps, true) {
            cx.wake(knobs.interval, Timer::Sweep);
        }
        let hash = announce.info_hash;
        let swarm = self.swarms.remove(&hash).unwrap_or_default();
        let reply = self.reply(announce, Some(&swarm), address, cx);
        if swarm.len() > 0 || swarm.figures().downloaded > 0 {
            self.swarms.insert(hash, swarm);
        }
        reply
    }

    fn reply(&self, announce: &Announce, swarm: Option<&Swarm>, address: SocketAddrV4, cx: Hands) -> Vec<u8> {
        let knobs = &self.knobs;
        let want = announce.numwant.map_or(knobs.handout, |want| want as usize).min(knobs.handout_max);
        let want = if announce.event == AnnounceEvent::Stopped { 0 } else { want };
        let figures = swarm.map(Swarm::figures).unwrap_or_default();
        let handout = swarm.map(|swarm| swarm.handout(address, announce.left == 0, want, cx.rng()));
        let with_id = !announce.no_peer_id;
        let handout = handout.into_iter().flatten();
        let reply = AnnounceReply {
            interval_s: u32::try_from(knobs.interval.as_secs()).unwrap_or(u32::MAX),
            complete: Some(figures.complete),
            incomplete: Some(figures.incomplete),
            peers: handout.map(|member| (member.address, with_id.then_some(member.id))).collect(),
            ..AnnounceReply::default()
        };
        reply.encode(announce.compact)
    }

    fn scraped(&self, target: &Target<'_>) -> ScrapeReply {
        let entry = |hash: InfoHash| Some((hash, self.swarms.get(&hash)?.figures()));
        let asked = Scrape::from_query(target.query).map(|scrape| scrape.info_hashes).unwrap_or_default();
        ScrapeReply { entries: asked.into_iter().filter_map(entry).collect() }
    }

    fn overview(&self) -> String {
        const LISTED_MAX: usize = 1_000;
        let mut page = format!("{} torrents\n\nseeds leechers completed  info hash\n", self.swarms.len());
        for (hash, swarm) in self.swarms.iter().take(LISTED_MAX) {
            let figures = swarm.figures();
            page += &format!(
                "{:>5} {:>8} {:>9}  {hash}\n",
                figures.complete, figures.incomplete, figures.downloaded
            );
        }
        page
    }

    fn sweep(&mut self, cx: Hands) {
        let (now, silence) = (cx.now(), self.knobs.interval * 2);
        self.swarms.values_mut().for_each(|swarm| swarm.expire(now, silence));
        self.swarms.retain(|_, swarm| swarm.len() > 0);
        self.sweeps = !self.swarms.is_empty();
        if self.sweeps {
            cx.wake(self.knobs.interval, Timer::Sweep);
        }
    }
}

fn report(announce: &Announce, address: SocketAddrV4, at: Time) -> Report {
    let Announce { event, info_hash, peer_id, uploaded, downloaded, left, .. } = *announce;
    Report { at, event, info_hash, peer_id, address, uploaded, downloaded, left }
}

fn text(status: u16, body: impl Into<bytes::Bytes>) -> Answer {
    Answer {
        head: Response::new(status).with("Content-Type", "text/plain; charset=utf-8"),
        body: body.into(),
    }
}

fn page(status: u16, words: &str) -> Answer {
    text(status, words.to_owned())
}
