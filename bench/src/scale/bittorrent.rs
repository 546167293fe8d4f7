//! The torrent of RedHat 9: 1.77 GB, 180,000 people in five months, 51,000 of them in the first five days.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use bittorrent::config::{Config, Knobs};
use bittorrent::metainfo::{Draft, FileEntry, Metainfo};
use bittorrent::node::Node;
use bittorrent::picker::Census;
use bittorrent::tracker::{TrackerConfig, TrackerKnobs};
use common::net::{Attachment, Line, NodeId, Observer};
use common::peer::{FileId, Time};
use common::sim::{Config as SimConfig, Sim};
use common::store::Ranges;
use common::user::{Command, Fetch, FetchId, FileInfo, Hit, Note, SharedFile};
use rand_pcg::Pcg64;

use super::meter::Meter;
use super::{Asked, Network};
use crate::claims::bittorrent::swarm::{MIX_A, PIECE};
use crate::claims::draw::Weighted;
use crate::claims::finding::{Mark, Published, Reading, mean};
use crate::measure::Unit;
use crate::redhat9;
use crate::world::{exponential, unit};

const PIECES: u32 = 6_752;
const PORT: u16 = 6881;
const TRACKER: NodeId = NodeId(0);
const ORIGIN: NodeId = NodeId(1);
const FIRST: u32 = 2;
const ORIGIN_KBPS: u64 = 10_000;
/// Sessions by Weibull's law: shape, and scale in seconds (Stutzbach and Rejaie).
const SESSION: (f64, f64) = (0.34, 21.3 * 60.0);
/// How long those stay who are done, on average.
const SEEDING_S: f64 = 3.0 * 3_600.0;
/// Of those who come, so many cannot be dialled.
const FIREWALLED: f64 = 0.33;
/// Others that the tracker names.
const HANDOUT: u32 = 50;
const FETCH: FetchId = FetchId(1);
const FILE: FileId = FileId(0);
const SLICE: Duration = Duration::from_secs(60);
const IZAL: &str = "Izal et al. 2004";
/// Lines down that are faster than this are the fastest class's.
const FAST_KBPS: u32 = 5_000;
/// When RedHat 9 came out, 31 March 2003, seconds of the Unix epoch: where the logs' clocks start.
const RELEASED_S: u64 = 1_049_068_800;
/// The client whose log is kept comes after this, when there is a crowd ...
const OBSERVED_FROM: Time = Time(6 * 3_600 * 1_000_000_000);
/// ... and would wait so long for its content, as whoever studies a swarm does.
const OBSERVED_PATIENCE_S: f64 = 4.0 * 3_600.0;

/// BitTorrent.
pub static NETWORK: Network = Network {
    name: "bittorrent",
    about: |asked| {
        format!(
            "RedHat 9's first {:.1} days, one in {:.0} of its people, all of its {PIECES} pieces; four classes of lines; sessions by Weibull's law, {:.0} h more on average for those who are done; a third cannot be dialled",
            days(asked),
            1.0 / asked.fraction,
            SEEDING_S / 3_600.0
        )
    },
    run,
    lasting: Duration::from_secs(5 * 86_400),
};

fn days(asked: &Asked) -> f64 {
    (asked.lasting.as_secs_f64() / 86_400.0).min(redhat9::DAYS)
}

/// Somebody who has come.
struct Member {
    came: Time,
    /// The line down, kilobits per second.
    down_kbps: u32,
    /// When it had all, and what it had sent by then.
    done: Option<(Time, u64)>,
    /// When it leaves, or has left.
    leaves: Time,
}

/// The swarm as it is seen from outside.
struct Swarm {
    torrent: Arc<Metainfo>,
    census: Arc<Census>,
    knobs: Arc<Knobs>,
    rng: Pcg64,
    classes: Weighted,
    members: Vec<Member>,
    /// Whoever leaves next; who stays longer after all is in it twice.
    leaving: BinaryHeap<Reverse<(Time, u32)>>,
    /// Who has just had all.
    done: Vec<(Time, u32)>,
    most: usize,
    present: usize,
    /// Bytes that had come to all by the end of each hour.
    hours: Vec<u64>,
    logs: Option<Logs>,
}

/// What the tracker and one client write down.
#[derive(Default)]
struct Logs {
    tracker: String,
    client: String,
    /// The client: whoever comes first, after [`OBSERVED_FROM`], with the fastest line and enough patience to see it all.
    observed: Option<NodeId>,
}

impl Observer for Swarm {
    fn note(&mut self, at: Time, node: NodeId, note: Note) {
        match (note, node.0.checked_sub(FIRST)) {
            (Note::Fetched(FETCH), Some(member)) => self.done.push((at, member)),
            (Note::Keep(line), _) => {
                if let Some(logs) = &mut self.logs {
                    let log = if node == TRACKER { &mut logs.tracker } else { &mut logs.client };
                    log.push_str(&line);
                    log.push('\n');
                }
            }
            _ => {}
        }
    }
}

fn run(asked: &Asked, meter: &mut Meter<'_>) -> Vec<Reading> {
    let (mut sim, mut swarm) = begin(asked);
    let days = days(asked);
    let come = people(days) * asked.fraction;
    let mut rng = asked.rng(1);
    let parts = redhat9::arrivals(0.0..days, come.round().max(1.0) as u32, &mut rng);
    let whole = Duration::from_secs_f64(days * 86_400.0);
    let start = sim.now();
    let mut coming = parts.into_iter().map(|part| start + whole.mul_f64(part)).peekable();
    meter.pass("sharing", &mut sim, (whole, SLICE), &mut swarm, |sim, swarm, slice| {
        let until = sim.now() + slice;
        swarm.settle(sim);
        // Comings and goings in the order of their times.
        loop {
            let goes = swarm.leaving.peek().map(|Reverse((at, _))| *at);
            let next = coming.peek().copied().into_iter().chain(goes).min();
            let Some(at) = next.filter(|at| *at < until) else { break };
            sim.run_until(at, swarm);
            swarm.settle(sim);
            swarm.part(sim);
            while coming.next_if(|at| *at <= sim.now()).is_some() {
                swarm.join(sim);
            }
        }
        let hour = (sim.now().since(start).as_secs() / 3_600) as usize;
        if hour >= swarm.hours.len() {
            let came = received(sim);
            swarm.hours.resize(hour + 1, came);
        }
    });
    swarm.settle(&mut sim);
    if let Some(logs) = swarm.logs.take() {
        meter.keep("tracker", logs.tracker);
        meter.keep("client", logs.client);
    }
    swarm.readings(&sim)
}

/// How many came in so many days.
fn people(days: f64) -> f64 {
    let steps = (days * 96.0).ceil() as u32;
    (0..steps).map(|step| redhat9::per_day((f64::from(step) + 0.5) / 96.0) / 96.0).sum()
}

/// Tracker and origin.
fn begin(asked: &Asked) -> (Sim<Node>, Swarm) {
    let config =
        SimConfig { chunk_time: Duration::ZERO, count_reach: false, ..SimConfig::seeded(asked.seed) };
    let tracker = TRACKER.address(config.network, PORT);
    let draft = Draft {
        name: "content".into(),
        piece_length: PIECE,
        pieces: vec![[0; 20]; PIECES as usize],
        files: vec![FileEntry { path: [].into(), length: bytes() }],
        trackers: vec![vec![format!("http://{tracker}/announce").into()]],
        ..Draft::default()
    };
    let torrent = Arc::new(Metainfo::new(draft).expect("pieces have a length that a torrent may have"));
    let mut sim = Sim::new(config);
    let log = asked.logs;
    let knobs = TrackerKnobs { handout: HANDOUT, handout_max: HANDOUT, log, ..TrackerKnobs::default() };
    let tracker = TrackerConfig { knobs: Arc::new(knobs), started_s: RELEASED_S, ..TrackerConfig::default() };
    sim.add(Node::tracker(tracker), PORT, Attachment::default());
    let swarm = Swarm {
        census: Arc::new(Census::new([(torrent.info_hash, PIECES)])),
        torrent,
        knobs: Arc::new(Knobs { fast: false, exchange: false, ..Knobs::default() }),
        rng: asked.rng(2),
        classes: Weighted::new(MIX_A.iter().map(|(_, share)| *share)),
        members: Vec::new(),
        leaving: BinaryHeap::new(),
        done: Vec::new(),
        most: 0,
        present: 0,
        hours: Vec::new(),
        logs: asked.logs.then(Logs::default),
    };
    let line = Line::kbps(ORIGIN_KBPS, ORIGIN_KBPS, Duration::ZERO);
    sim.add(swarm.peer(false), PORT, Attachment { line, firewalled: false });
    let file = SharedFile { file: FILE, info: Arc::new(swarm.info()) };
    sim.command(ORIGIN, Command::Share([file].into()));
    (sim, swarm)
}

fn bytes() -> u64 {
    u64::from(PIECES) * u64::from(PIECE)
}

/// Bytes that have come to all members.
fn received(sim: &Sim<Node>) -> u64 {
    (FIRST..sim.len() as u32).map(|node| sim.load(NodeId(node)).body_received).sum()
}

impl Swarm {
    fn peer(&self, is_observed: bool) -> Node {
        Node::peer(Config {
            log_since_s: is_observed.then_some(RELEASED_S),
            torrents: [Arc::clone(&self.torrent)].into(),
            census: Some(Arc::clone(&self.census)),
            knobs: Arc::clone(&self.knobs),
            ..Config::default()
        })
    }

    fn info(&self) -> FileInfo {
        FileInfo { name: self.torrent.info.title().into(), size: bytes(), ..FileInfo::default() }
    }

    fn join(&mut self, sim: &mut Sim<Node>) {
        let class = MIX_A[self.classes.draw(&mut self.rng)].0;
        let line = Line::kbps(class.down_kbps.into(), class.up_kbps.into(), Duration::ZERO);
        let firewalled = unit(&mut self.rng) < FIREWALLED;
        let patience_s = SESSION.1 * libm::pow(-libm::log(1.0 - unit(&mut self.rng)), 1.0 / SESSION.0);
        let is_observed = self.is_observed(sim.now(), class.down_kbps, patience_s);
        let node = sim.add(self.peer(is_observed), PORT, Attachment { line, firewalled });
        if let (true, Some(logs)) = (is_observed, &mut self.logs) {
            logs.observed = Some(node);
        }
        let candidates = vec![Arc::new(Hit { info: self.info(), ..Hit::default() })];
        let fetch = Fetch { fetch: FETCH, candidates, into: FILE, have: Ranges::default() };
        sim.command(node, Command::Fetch(Box::new(fetch)));
        let leaves = sim.now() + Duration::from_secs_f64(patience_s.min(1e8));
        self.leaving.push(Reverse((leaves, node.0 - FIRST)));
        self.members.push(Member { came: sim.now(), down_kbps: class.down_kbps, done: None, leaves });
        self.present += 1;
        self.most = self.most.max(self.present);
    }

    /// Whether this is the client whose log is wanted.
    fn is_observed(&self, now: Time, down_kbps: u32, patience_s: f64) -> bool {
        let is_free = self.logs.as_ref().is_some_and(|logs| logs.observed.is_none());
        is_free && now >= OBSERVED_FROM && down_kbps > FAST_KBPS && patience_s >= OBSERVED_PATIENCE_S
    }

    /// Those who have just had all stay for a while.
    fn settle(&mut self, sim: &mut Sim<Node>) {
        for (at, member) in std::mem::take(&mut self.done) {
            let sent = sim.load(NodeId(FIRST + member)).body_sent;
            self.members[member as usize].done = Some((at, sent));
            let stays = Duration::from_secs_f64(exponential(&mut self.rng, SEEDING_S));
            let leaves = (at + stays).max(sim.now());
            self.members[member as usize].leaves = leaves;
            self.leaving.push(Reverse((leaves, member)));
        }
    }

    /// Those leave whose patience, or whose stay as a seed, is over.
    fn part(&mut self, sim: &mut Sim<Node>) {
        while let Some(Reverse((at, member))) = self.leaving.peek().copied()
            && at <= sim.now()
        {
            self.leaving.pop();
            if self.members[member as usize].leaves == at {
                self.present -= 1;
                sim.command(NodeId(FIRST + member), Command::Leave);
            }
        }
    }

    /// Those who are there: how many, and how many of them are done.
    fn there(&self, now: Time) -> (usize, usize) {
        let there = || self.members.iter().filter(|member| member.leaves > now);
        (there().count(), there().filter(|member| member.done.is_some()).count())
    }

    fn readings(&self, sim: &Sim<Node>) -> Vec<Reading> {
        let load = |member: usize| sim.load(NodeId(FIRST + member as u32));
        let done = || self.members.iter().filter_map(|member| Some((member, member.done?)));
        let took: Vec<f64> = done().map(|(member, (at, _))| at.since(member.came).as_secs_f64()).collect();
        let kbps: Vec<f64> = took.iter().map(|took| bytes() as f64 * 8.0 / 1e3 / took).collect();
        // What somebody sent before it had all is a leecher's, what after that a seed's; the origin is a seed, too.
        let by_leecher =
            |(at, member): (usize, &Member)| member.done.map_or(load(at).body_sent, |(_, sent)| sent);
        let leechers: u64 = self.members.iter().enumerate().map(by_leecher).sum();
        let all: u64 = (0..self.members.len()).map(|at| load(at).body_sent).sum();
        let origin = sim.load(ORIGIN).body_sent;
        let seeds = (all - leechers + origin) as f64;
        let hourly = self.hours.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0) as f64;
        let (there, seeding) = self.there(sim.now());
        let mut rates = kbps.clone();
        rates.sort_by(f64::total_cmp);
        let at = |part: f64| rates.get((rates.len() as f64 * part) as usize).copied().unwrap_or(f64::NAN);
        let izal = |value| Published::new(value, IZAL, Mark::Lecture);
        let fast = self.members.iter().filter(|member| member.down_kbps > FAST_KBPS).count() as f64;
        vec![
            Reading::new("people who came", Unit::Count, self.members.len() as f64),
            Reading::new(
                "of them with the fastest lines",
                Unit::Share,
                fast / self.members.len().max(1) as f64,
            ),
            Reading::new("most there at a time", Unit::Count, self.most as f64).published(izal(4_000.0)),
            Reading::new("there at the end", Unit::Count, there as f64),
            Reading::new("of them done", Unit::Share, seeding as f64 / there.max(1) as f64)
                .published(Published::range(0.2, 0.4, IZAL, Mark::Memory)),
            Reading::new(
                "had all in one session",
                Unit::Share,
                took.len() as f64 / self.members.len().max(1) as f64,
            )
            .published(izal(0.11)),
            Reading::new("their rate", Unit::Kbps, mean(&kbps)).published(izal(1_300.0)),
            Reading::new("median of it", Unit::Kbps, at(0.5)),
            Reading::new("what 5 % of them exceed", Unit::Kbps, at(0.95)),
            Reading::new("their time", Unit::Seconds, mean(&took)).published(izal(30_000.0)),
            Reading::new(
                "mean time by what the mean rate would take",
                Unit::Ratio,
                mean(&took) * mean(&kbps) * 1e3 / 8.0 / bytes() as f64,
            )
            .published(izal(2.75)),
            Reading::new(
                "bytes from seeds by bytes from leechers",
                Unit::Ratio,
                seeds / leechers.max(1) as f64,
            )
            .published(izal(2.0)),
            Reading::new("copies from the origin", Unit::Count, origin as f64 / bytes() as f64),
            Reading::new("copies in all", Unit::Count, (all + origin) as f64 / bytes() as f64),
            Reading::new("most bytes of an hour, as a rate", Unit::Kbps, hourly * 8.0 / 3_600.0 / 1e3)
                .published(izal(800_000.0)),
        ]
    }
}
