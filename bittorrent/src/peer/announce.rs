//! What a tracker is told, and when.
//!
//! | state | waits for | then |
//! |---|---|---|
//! | resting | the interval, or something to tell | asking |
//! | asking, over HTTP or in datagrams | an answer | resting; without one the next tracker of the list (BEP 12), after the last one resting for longer each time |

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::time::Duration;

use common::http;
use common::peer::Time;
use common::user::Note;
use rand::RngExt as _;
use rand::seq::SliceRandom as _;

use super::book::Told;
use super::call::{Call, Purpose, moved_to};
use super::torrent::{Torrent, until};
use super::{Hands, Shared};
use crate::node::Timer;
use crate::udp_client::Question;
use crate::url::{Scheme, Url};
use crate::wire::udp::Reply;
use crate::wire::{Announce, AnnounceError, AnnounceEvent, AnnounceReply, Answer};

/// The rest after the first round of trackers that did not answer; each further one doubles it.
const RETRY_MIN: Duration = Duration::from_secs(15);
/// ... up to this.
const RETRY_MAX: Duration = Duration::from_secs(1_800);
/// No tracker is asked more often, whatever it says itself.
const INTERVAL_MIN: Duration = Duration::from_secs(5);
/// ... or less often than once a day.
const INTERVAL_MAX: Duration = Duration::from_secs(86_400);

/// The trackers of a torrent.
#[derive(Debug, Default)]
pub(super) struct Announcer {
    /// By tiers, whoever answered last in front of his.
    tiers: Vec<Vec<Tracker>>,
    /// Whom it asks now: tier and place.
    at: (usize, usize),
    /// It is asking.
    is_asking: bool,
    /// What is to be told next.
    next: Option<AnnounceEvent>,
    /// What is being told.
    telling: Option<AnnounceEvent>,
    /// A tracker has been told that we came.
    is_known: bool,
    key: u32,
    interval: Duration,
    interval_min: Duration,
    /// Rounds without an answer.
    failures: u32,
    /// When it was last answered.
    answered: Option<Time>,
    /// For which moment a timer is set.
    due: Option<Time>,
}

#[derive(Clone, Debug)]
struct Tracker {
    /// As users know it.
    url: Box<str>,
    scheme: Scheme,
    host: Box<str>,
    path: Box<str>,
    to: SocketAddrV4,
    id: Option<Box<str>>,
}

impl Tracker {
    /// The tracker of a URL; `None` if it is of another kind, or nobody knows where its host is.
    fn of(url: &str, hosts: &BTreeMap<Box<str>, SocketAddrV4>) -> Option<Self> {
        let parts = Url::parse(url)?;
        let (scheme, to) = (parts.scheme, parts.locate(hosts)?);
        let (host, path) = (parts.host.into(), parts.path.into());
        Some(Tracker { url: url.into(), scheme, host, path, to, id: None })
    }
}

impl Announcer {
    /// Trackers in tiers; those of a tier are tried in any order, so that their load is shared (BEP 12).
    pub(super) fn set(
        &mut self,
        tiers: &[Vec<Box<str>>],
        hosts: &BTreeMap<Box<str>, SocketAddrV4>,
        cx: Hands,
    ) {
        let known = |tier: &Vec<Box<str>>| {
            let mut known: Vec<Tracker> = tier.iter().filter_map(|url| Tracker::of(url, hosts)).collect();
            known.shuffle(cx.rng());
            known
        };
        self.tiers = tiers.iter().map(known).filter(|tier| !tier.is_empty()).collect();
        self.key = cx.rng().random();
    }

    fn tracker(&self) -> Option<&Tracker> {
        self.tiers.get(self.at.0)?.get(self.at.1)
    }

    /// Goes on to the next tracker; false after the last, and the first is next.
    fn advance(&mut self) -> bool {
        self.at.1 += 1;
        if self.at.1 >= self.tiers[self.at.0].len() {
            self.at = (self.at.0 + 1, 0);
        }
        if self.at.0 < self.tiers.len() {
            return true;
        }
        self.at = (0, 0);
        false
    }
}

impl Torrent {
    /// Tells the tracker something, now or as soon as it is not being told something else.
    pub(super) fn announce(&mut self, event: AnnounceEvent, shared: &mut Shared, cx: Hands) {
        let announcer = &mut self.announcer;
        if announcer.tiers.is_empty() || event == AnnounceEvent::Stopped && !announcer.is_known {
            return;
        }
        // Who has not been told that we came is told that first; and nothing follows a good-bye.
        match (announcer.next, event) {
            (Some(AnnounceEvent::Started), AnnounceEvent::Completed | AnnounceEvent::None) => {}
            (_, event) => announcer.next = Some(event),
        }
        if !announcer.is_asking {
            announcer.at = (0, 0);
            self.ask_tracker(shared, cx);
        }
    }

    fn ask_tracker(&mut self, shared: &mut Shared, cx: Hands) {
        let event = self.announcer.telling.or_else(|| self.announcer.next.take());
        let Some(event) = event else { return };
        let Some(tracker) = self.announcer.tracker().cloned() else { return };
        (self.announcer.telling, self.announcer.is_asking) = (Some(event), true);
        let announce = self.report(event, tracker.id.clone(), shared, cx);
        match tracker.scheme {
            scheme @ (Scheme::Http | Scheme::Https) => {
                let target = announce.to_target(&tracker.path);
                let place = (&*tracker.host, tracker.to);
                shared.call(Call::new(scheme, place, &target, Purpose::Announce(self.no)), cx);
            }
            Scheme::Udp => {
                let question = Question::Announce(Box::new(announce));
                shared.udp.ask(tracker.to, question, self.no, cx);
            }
        }
    }

    /// What a tracker is told of us.
    fn report(&self, event: AnnounceEvent, id: Option<Box<str>>, shared: &Shared, cx: Hands) -> Announce {
        let left = match self.content() {
            Some(content) => content.info().length - content.bytes(),
            // Unknown; trackers take whoever lacks nothing for a seed.
            None => u64::from(crate::wire::BLOCK_BYTES),
        };
        Announce {
            info_hash: self.info_hash,
            peer_id: shared.id,
            port: cx.address().port(),
            uploaded: self.uploaded,
            downloaded: self.downloaded,
            left,
            event,
            numwant: Some(self.numwant(event, shared)),
            key: Some(self.announcer.key),
            compact: true,
            no_peer_id: true,
            ip: None,
            tracker_id: id,
        }
    }

    /// How many others a tracker is asked for. A seed that few have found asks as well, as mainline 3 and libtorrent do: those who
    /// lack something may know others only, or be unable to dial it.
    fn numwant(&self, event: AnnounceEvent, shared: &Shared) -> u32 {
        let has_enough = self.is_seed() && self.links.len() + self.dialling >= shared.knobs.peers_min;
        if event == AnnounceEvent::Stopped || has_enough { 0 } else { shared.knobs.numwant }
    }

    /// A tracker has answered, or not: `None`.
    pub(super) fn tracker_answered(
        &mut self,
        reply: Option<Result<AnnounceReply, AnnounceError>>,
        shared: &mut Shared,
        cx: Hands,
    ) {
        self.announcer.is_asking = false;
        let event = self.announcer.telling;
        match reply {
            Some(Ok(reply)) => self.tracker_told(reply, shared, cx),
            failure if event == Some(AnnounceEvent::Stopped) => drop(failure),
            failure => return self.tracker_failed(failure, shared, cx),
        }
        if self.announcer.next.is_some() {
            self.announcer.at = (0, 0);
            self.ask_tracker(shared, cx);
        }
    }

    fn tracker_told(&mut self, reply: AnnounceReply, shared: &mut Shared, cx: Hands) {
        let announcer = &mut self.announcer;
        let (tier, place) = announcer.at;
        announcer.tiers[tier][..=place].rotate_right(1);
        if let Some(id) = reply.tracker_id {
            announcer.tiers[tier][0].id = Some(id);
        }
        announcer.is_known = announcer.telling != Some(AnnounceEvent::Stopped);
        (announcer.telling, announcer.failures, announcer.answered) = (None, 0, Some(cx.now()));
        announcer.interval = bounded(reply.interval_s);
        announcer.interval_min = reply.min_interval_s.map_or(INTERVAL_MIN, bounded).min(announcer.interval);
        if let Some(warning) = reply.warning {
            cx.note(Note::Text(format!("the tracker warns: {warning}").into()));
        }
        for (address, id) in reply.peers {
            if address != cx.address() && id != Some(shared.id) {
                self.book.add(address, Told::Trusted);
            }
        }
        self.dial_others(shared, cx);
        self.announce_after(self.announcer.interval, cx);
        self.announce_if_short(shared, cx);
    }

    /// With too few others the tracker is asked again sooner, by the last time that it answered.
    pub(super) fn announce_if_short(&mut self, shared: &Shared, cx: Hands) {
        let is_short = self.links.len() + self.dialling < shared.knobs.peers_min;
        // A tracker that has failed is left alone for as long as that takes.
        let may_ask = is_short && !self.announcer.is_asking && self.announcer.failures == 0;
        let Some(answered) = self.announcer.answered.filter(|_| may_ask) else { return };
        let few = shared.knobs.announce_few.max(self.announcer.interval_min);
        let due = answered + few.min(self.announcer.interval);
        self.announce_after(until(due.max(cx.now()), cx), cx);
    }

    fn tracker_failed(
        &mut self,
        failure: Option<Result<AnnounceReply, AnnounceError>>,
        shared: &mut Shared,
        cx: Hands,
    ) {
        let announcer = &mut self.announcer;
        let why = match failure {
            Some(Err(why)) => why.to_string(),
            _ => "no answer".to_owned(),
        };
        let url = announcer.tracker().map_or("", |tracker| &tracker.url).to_owned();
        tracing::debug!(%url, %why, "a tracker failed");
        if announcer.advance() {
            if !self.is_over {
                cx.note(Note::Text(format!("the tracker {url}: {why}; asking the next").into()));
            }
            return self.ask_tracker(shared, cx);
        }
        let after = (RETRY_MIN * 2u32.saturating_pow(announcer.failures)).min(RETRY_MAX);
        announcer.failures = announcer.failures.saturating_add(1).min(16);
        // Told again, unless there is something newer to tell.
        let telling = announcer.telling.take();
        announcer.next = announcer.next.or(telling);
        if !self.is_over {
            let text = format!("the tracker {url}: {why}; asking again in {} s", after.as_secs());
            cx.note(Note::Text(text.into()));
            self.announce_after(after, cx);
        }
    }

    fn announce_after(&mut self, after: Duration, cx: Hands) {
        let at = cx.now() + after;
        if !self.is_over && self.announcer.due.is_none_or(|due| at < due || due <= cx.now()) {
            self.announcer.due = Some(at);
            cx.wake(until(at, cx), Timer::Announce(self.no));
        }
    }

    /// It is time for the next announce, unless the timer is one that was overtaken.
    pub(super) fn announce_due(&mut self, shared: &mut Shared, cx: Hands) {
        if self.is_over || self.announcer.due.is_none_or(|due| due > cx.now()) {
            return;
        }
        self.announcer.due = None;
        let event = self.announcer.next.unwrap_or(AnnounceEvent::None);
        self.announce(event, shared, cx);
    }

    /// True if a good-bye to the tracker is still on its way.
    pub(super) fn is_asking_tracker(&self) -> bool {
        self.announcer.is_asking
    }
}

/// What a tracker has said over HTTP.
pub(super) fn reply_of(answer: &Answer) -> Result<AnnounceReply, AnnounceError> {
    match (answer.head.status, moved_to(answer)) {
        (http::OK, _) => AnnounceReply::parse(&answer.body),
        (_, Some(location)) => Err(AnnounceError::Moved(location.into())),
        (status, None) => Err(AnnounceError::Status(status)),
    }
}

/// What a tracker has said in a datagram, as it would have over HTTP.
pub(super) fn in_words_of_http(reply: Reply) -> Result<AnnounceReply, AnnounceError> {
    match reply {
        Reply::Announce { interval_s, leechers, seeders, peers, .. } => Ok(AnnounceReply {
            interval_s,
            complete: Some(seeders),
            incomplete: Some(leechers),
            peers: peers.into_iter().map(|address| (address, None)).collect(),
            ..AnnounceReply::default()
        }),
        Reply::Error { text, .. } => Err(AnnounceError::Failure(text)),
        Reply::Connect { .. } | Reply::Scrape { .. } => Err(AnnounceError::Malformed),
    }
}

/// An interval as it is kept, whatever a tracker says.
fn bounded(interval_s: u32) -> Duration {
    Duration::from_secs(interval_s.into()).clamp(INTERVAL_MIN, INTERVAL_MAX)
}
