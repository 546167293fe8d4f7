//! A swarm of real peers around a real tracker, in the simulator: what the other claims are tried on.
//!
//! The flash crowd of Bharambe, Herley and Padmanabhan (2006, their released scripts) is the usual set-up: pieces of 256 KiB, lines of
//! 1,500 kbit/s down and 400 up, an origin of 6,000, five places, rarest first after one random piece, and everybody leaves when done.
//! Peers speak BEP 3 alone: neither the fast extension nor peer exchange is of that time.
//!
//! Bodies move in whole blocks on every line ([`Config::chunk_time`](common::sim::Config::chunk_time) zero): a block that is on its
//! way is not interrupted, which costs a message up to a block's time for each place and makes a run many times faster.

mod outcome;
mod plan;

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use bittorrent::config::{Config, Knobs};
use bittorrent::metainfo::{Draft, FileEntry, Metainfo};
use bittorrent::node::Node;
use bittorrent::peer::View;
use bittorrent::picker::{Census, Tally};
use bittorrent::tracker::{TrackerConfig, TrackerKnobs};
use bittorrent::wire::Message;
use common::metrics::{NodeLoad, Traffic};
use common::net::{Attachment, Line, NodeId};
use common::peer::{FileId, Span, Time};
use common::sim::{Config as SimConfig, Sim};
use common::store::Ranges;
use common::user::{Command, Fetch, FetchId, FileInfo, Hit, Note, SharedFile};
use common::wire::Wire as _;
use rand::SeedableRng as _;
use rand_pcg::Pcg64;

use crate::claims::draw::sample;
use crate::claims::venue::{self, TICK, Venue};
pub use outcome::{Bound, Outcome, jain, mean, median};
pub use plan::{
    Class, DSL, Has, MIX_A, MIX_B, MIX_D, PIECE, Person, Plan, both, crowd, mixed, poisson, settled,
};

/// Where everybody listens.
const PORT: u16 = 6881;
const TRACKER: NodeId = NodeId(0);
const ORIGIN: NodeId = NodeId(1);
/// Members follow on tracker and origin.
const FIRST: u32 = 2;
/// How long the origin is there before anybody comes.
const LEAD: Duration = Duration::from_secs(1);
/// After so long without a byte a swarm without origin is given up: twenty rounds of optimistic unchokes.
const STUCK: Duration = Duration::from_secs(600);
/// ... and with it, after all have asked the tracker anew.
const STUCK_BESIDE_ORIGIN: Duration = Duration::from_secs(3_600);
/// How soon somebody with too few others asks the tracker again. The paper's simulator has it at once, mainline after five minutes.
const ANNOUNCE_FEW: Duration = Duration::from_secs(30);
const FETCH: FetchId = FetchId(1);
const FILE: FileId = FileId(0);
/// The longest run in virtual time: ten times what a flash crowd takes.
pub const LIMIT: Duration = Duration::from_secs(20_000);

/// Somebody who has come.
#[derive(Clone, Debug)]
pub struct Member {
    /// The line.
    pub class: Class,
    /// When it came.
    pub joined: Time,
    /// When its progress was told, and how many bytes it had: of contents of up to 128 pieces, with each piece.
    pub progress: Vec<(Time, u64)>,
    /// When it had all.
    pub finished: Option<Time>,
    /// When it went.
    pub left: Option<Time>,
    /// Bytes it lacked when it came.
    pub needs: u64,
    stays: Option<Duration>,
}

impl Member {
    /// Seconds from coming to having all.
    pub fn took_s(&self) -> Option<f64> {
        Some(self.finished?.since(self.joined).as_secs_f64())
    }

    /// It is there and lacks something.
    pub fn is_leeching(&self) -> bool {
        self.finished.is_none() && self.left.is_none()
    }
}

/// The swarm.
pub struct Swarm {
    sim: Sim<Node>,
    plan: Plan,
    torrent: Arc<Metainfo>,
    census: Arc<Census>,
    members: Vec<Member>,
    /// Until when those wait who have a patience.
    patience: Vec<(Time, usize)>,
    notes: Vec<(Time, NodeId, Note)>,
    origin_left: Option<Time>,
    /// When more had come to anybody than before, and how much.
    last_delivery: (Time, u64),
    rng: Pcg64,
}

impl Swarm {
    /// Tracker and origin.
    pub fn new(plan: Plan, seed: u64) -> Swarm {
        let config = SimConfig { chunk_time: Duration::ZERO, count_reach: false, ..SimConfig::seeded(seed) };
        Swarm::on(plan, config)
    }

    /// Tracker and origin, on a network of that kind.
    pub fn on(plan: Plan, config: SimConfig) -> Swarm {
        let tracker = TRACKER.address(config.network, PORT);
        let torrent = Arc::new(torrent(&plan, tracker));
        let counted = (torrent.info_hash, torrent.info.piece_count());
        let rng = Pcg64::seed_from_u64(config.seed);
        let usual = TrackerKnobs::default();
        let knobs = TrackerKnobs {
            handout: plan.handout,
            handout_max: plan.handout,
            interval_min: if plan.patient { usual.interval_min } else { ANNOUNCE_FEW },
            ..usual
        };
        let mut sim = Sim::new(config);
        let config = TrackerConfig { knobs: Arc::new(knobs), ..TrackerConfig::default() };
        sim.add(Node::tracker(config), PORT, Attachment::default());
        let mut swarm = Swarm {
            sim,
            torrent,
            census: Arc::new(Census::new([counted])),
            members: Vec::new(),
            patience: Vec::new(),
            notes: Vec::new(),
            origin_left: None,
            last_delivery: (Time::ZERO, 0),
            rng,
            plan,
        };
        let usual = swarm.plan.of_members(None);
        let unchoked_max = swarm.plan.origin_places.unwrap_or(usual.unchoked_max);
        let knobs = Knobs { super_seed: swarm.plan.smart, unchoked_max, ..usual };
        let line = Line::kbps(10_000, u64::from(swarm.plan.origin_kbps), Duration::ZERO);
        let origin = swarm.peer(knobs);
        swarm.sim.add(origin, PORT, Attachment { line, firewalled: false });
        let file = SharedFile { file: FILE, info: Arc::new(swarm.info()) };
        swarm.sim.command(ORIGIN, Command::Share([file].into()));
        swarm.run_to(Time::ZERO + LEAD);
        swarm
    }

    fn peer(&self, knobs: Knobs) -> Node {
        Node::peer(Config {
            torrents: [Arc::clone(&self.torrent)].into(),
            census: Some(Arc::clone(&self.census)),
            knobs: Arc::new(knobs),
            ..Config::default()
        })
    }

    fn info(&self) -> FileInfo {
        FileInfo { name: self.torrent.info.title().into(), size: self.plan.bytes(), ..FileInfo::default() }
    }

    /// Somebody comes, now. Returns the member's number.
    pub fn join(&mut self, person: &Person) -> usize {
        let peer = self.peer(self.plan.of_members(person.knobs.as_deref()));
        let Class { down_kbps, up_kbps } = person.class;
        let line = Line::kbps(down_kbps.into(), up_kbps.into(), Duration::ZERO);
        let node = self.sim.add(peer, PORT, Attachment { line, firewalled: person.firewalled });
        let mut have = Ranges::default();
        let length = u64::from(self.plan.piece_bytes);
        let there = match person.has {
            Has::Any(count) => sample(self.plan.pieces, count as usize, &mut self.rng),
            Has::AllButOne => (1..self.plan.pieces).collect(),
        };
        for piece in there.into_iter().map(u64::from) {
            have.insert(piece * length, (piece + 1) * length).expect("no more ranges than pieces");
        }
        let needs = self.plan.bytes() - have.bytes();
        let candidates = vec![Arc::new(Hit { info: self.info(), ..Hit::default() })];
        let fetch = Fetch { fetch: FETCH, candidates, into: FILE, have };
        self.sim.command(node, Command::Fetch(Box::new(fetch)));
        let at = self.members.len();
        debug_assert_eq!(node.0, FIRST + at as u32);
        let joined = self.now();
        if let Some(patience) = person.patience {
            self.patience.push((joined + patience, at));
        }
        let (progress, finished, left) = (Vec::new(), None, None);
        let (class, stays) = (person.class, person.stays);
        self.members.push(Member { class, joined, progress, finished, left, needs, stays });
        at
    }

    /// Lets people come, in the order of their times, and time pass until nobody lacks anything, nothing can come any more, or the
    /// limit is reached; `watch` looks at the swarm each time that `every` has passed.
    pub fn run(
        &mut self,
        people: &[Person],
        limit: Duration,
        every: Duration,
        watch: &mut dyn FnMut(&Swarm),
    ) {
        venue::run(self, people, limit, every, watch);
    }

    /// Nothing has come to anybody for so long that nothing will.
    fn is_stuck(&mut self) -> bool {
        let (now, delivered) = (self.now(), self.delivered());
        if delivered > self.last_delivery.1 {
            self.last_delivery = (now, delivered);
        }
        let most = if self.origin_left.is_some() { STUCK } else { STUCK_BESIDE_ORIGIN };
        now.since(self.last_delivery.0) > most
    }

    /// [`run`](Swarm::run) with nobody watching.
    pub fn run_all(&mut self, people: &[Person], limit: Duration) {
        self.run(people, limit, limit, &mut |_| {});
    }

    /// Lets so much time pass, whoever lacks something or not.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now() + time;
        while self.now() < until {
            self.run_to(until.min(self.now() + TICK));
        }
    }

    /// Lets time pass until then, no longer than a tick from now: whoever stays for less than a tick stays up to that long.
    fn run_to(&mut self, until: Time) {
        let notes = &mut self.notes;
        self.sim.run_until(until, &mut |at, node, note| notes.push((at, node, note)));
        for (at, node, note) in std::mem::take(&mut self.notes) {
            let Some(member) = node.0.checked_sub(FIRST) else { continue };
            match note {
                Note::Progress(FETCH, bytes) => self.members[member as usize].progress.push((at, bytes)),
                Note::Fetched(FETCH) => self.finished(member as usize, at),
                _ => {}
            }
        }
        let now = self.now();
        let (over, waiting) = std::mem::take(&mut self.patience).into_iter().partition(|(at, _)| *at <= now);
        self.patience = waiting;
        let over: Vec<(Time, usize)> = over;
        for (_, member) in over {
            if self.members[member].is_leeching() {
                self.leave_at(member, now);
            }
        }
        let sent = self.origin_copies();
        if self.origin_left.is_none() && self.plan.copies_max.is_some_and(|most| sent >= most) {
            self.origin_left = Some(now);
            self.sim.command(ORIGIN, Command::Leave);
        }
    }

    fn finished(&mut self, member: usize, at: Time) {
        self.members[member].finished = Some(at);
        if let Some(stays) = self.members[member].stays {
            self.leave_at(member, (at + stays).max(self.now()));
        }
    }

    fn leave_at(&mut self, member: usize, at: Time) {
        self.members[member].left = Some(at);
        self.sim.command_at(at, NodeId(FIRST + member as u32), Command::Leave);
    }

    /// What somebody has of the content goes bad, without anybody's knowledge: a polluter.
    pub fn spoil(&mut self, member: usize) {
        self.sim.spoil(NodeId(FIRST + member as u32), Span { file: FILE, offset: 0, len: self.plan.bytes() });
    }

    /// Members who count a content as complete of which some byte is not what it should be.
    pub fn deceived(&self) -> usize {
        let span = Span { file: FILE, offset: 0, len: self.plan.bytes() };
        let is_spoiled = |at: usize| self.sim.is_spoiled(NodeId(FIRST + at as u32), span);
        let done =
            |(at, member): (usize, &Member)| (member.finished.is_some() && member.needs > 0).then_some(at);
        self.members.iter().enumerate().filter_map(done).filter(|at| is_spoiled(*at)).count()
    }

    /// A member vanishes without a word, with all that it has.
    pub fn lose(&mut self, member: usize) {
        let now = self.now();
        self.members[member].left = Some(now);
        self.sim.crash_at(now, NodeId(FIRST + member as u32));
    }

    /// The tracker vanishes.
    pub fn lose_tracker(&mut self) {
        self.sim.crash_at(self.now(), TRACKER);
    }

    /// The current virtual time.
    pub fn now(&self) -> Time {
        self.sim.now()
    }

    /// Seconds since the first could have come.
    pub fn now_s(&self) -> f64 {
        self.now().since(Time::ZERO + LEAD).as_secs_f64()
    }

    /// Events delivered to peers so far.
    pub fn events(&self) -> u64 {
        self.sim.events()
    }

    /// What it is about.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Everybody who has come, in their order.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Those who are there, done or not, by number.
    pub fn present(&self) -> impl Iterator<Item = usize> {
        let is_there = |member: &Member| member.left.is_none_or(|left| left > self.now());
        self.members.iter().enumerate().filter(move |(_, member)| is_there(member)).map(|(at, _)| at)
    }

    /// How many are there and lack something.
    pub fn leeching(&self) -> usize {
        self.members.iter().filter(|member| member.is_leeching()).count()
    }

    /// A member's peer; `None` if it has left its swarm.
    pub fn view(&self, member: usize) -> Option<View<'_>> {
        self.view_of(NodeId(FIRST + member as u32))
    }

    /// The origin's peer; `None` if it has left.
    pub fn origin(&self) -> Option<View<'_>> {
        self.view_of(ORIGIN)
    }

    fn view_of(&self, node: NodeId) -> Option<View<'_>> {
        match self.sim.peer(node) {
            Node::Peer(peer) => peer.view(self.torrent.info_hash),
            Node::Tracker(_) | Node::Site(_) => None,
        }
    }

    /// Whose address that is; `None`: the origin's.
    pub fn member_at(&self, address: SocketAddrV4) -> Option<usize> {
        let host = address.ip().to_bits() - self.sim.config().network.to_bits() - 1;
        host.checked_sub(FIRST).map(|member| member as usize)
    }

    /// Copies of each piece in the whole swarm, the origin's among them.
    pub fn tally(&self) -> Arc<Tally> {
        self.census.of(self.torrent.info_hash).expect("the census counts this torrent")
    }

    /// What has crossed a member's line.
    pub fn load(&self, member: usize) -> NodeLoad {
        self.sim.load(NodeId(FIRST + member as u32))
    }

    /// What has crossed the tracker's line.
    pub fn tracker_load(&self) -> NodeLoad {
        self.sim.load(TRACKER)
    }

    /// What has been sent of a kind of message.
    ///
    /// # Panics
    /// If there is no such kind.
    pub fn sent(&self, kind: &str) -> Traffic {
        let at = Message::KINDS.iter().position(|name| *name == kind);
        self.sim.by_kind().kind(at.expect("a kind that the wire knows") as u8)
    }

    /// Bytes of blocks that have come to anybody.
    pub fn delivered(&self) -> u64 {
        (0..self.members.len()).map(|member| self.load(member).body_received).sum()
    }

    /// Copies that the origin has sent.
    pub fn origin_copies(&self) -> f64 {
        self.sim.load(ORIGIN).body_sent as f64 / self.plan.bytes() as f64
    }

    /// When the origin went.
    pub fn origin_left(&self) -> Option<Time> {
        self.origin_left
    }

    /// Copies that a member has sent.
    pub fn copies_of(&self, member: usize) -> f64 {
        self.load(member).body_sent as f64 / self.plan.bytes() as f64
    }

    /// What the members have sent, of what their lines could have while they were there.
    pub fn utilisation(&self) -> f64 {
        self.used(|member, load| (load.body_sent, member.class.up_kbps, member.left))
    }

    /// What has come to the members, of what could have while they were there and lacked something.
    pub fn downlinks_used(&self) -> f64 {
        self.used(|member, load| {
            (load.body_received, member.class.down_kbps, member.finished.or(member.left))
        })
    }

    /// Bytes on all members' lines, of what they could carry: each with the bytes, the line in kbit/s, and until when it counts.
    fn used(&self, line: impl Fn(&Member, &NodeLoad) -> (u64, u32, Option<Time>)) -> f64 {
        let bits = |(at, member): (usize, &Member)| {
            let (bytes, kbps, until) = line(member, &self.load(at));
            let there = until.unwrap_or(Time::MAX).min(self.now()).since(member.joined);
            (8.0 * bytes as f64, f64::from(kbps) * 1e3 * there.as_secs_f64())
        };
        let lines = self.members.iter().enumerate().map(bits);
        let (went, could) = lines.fold((0.0, 0.0), |sum, bits| (sum.0 + bits.0, sum.1 + bits.1));
        went / could
    }

    /// How it went, for those who have come and finished.
    ///
    /// # Panics
    /// If somebody was faster than any swarm could be.
    pub fn outcome(&self) -> Outcome {
        let mut times: Vec<f64> = self.members.iter().filter_map(Member::took_s).collect();
        times.sort_by(f64::total_cmp);
        let first = self.members.iter().map(|member| member.joined).min().unwrap_or(Time::ZERO);
        let last = self.members.iter().filter_map(|member| member.finished).max().unwrap_or(first);
        let outcome = Outcome {
            people: self.members.len(),
            last_s: last.since(first).as_secs_f64(),
            bound: self.bound(),
            times_s: times,
        };
        // Rounding up in the last line of all: a nanosecond for each block.
        let slack = 1.0 + 1e-6;
        let least = outcome.bound.least_s();
        assert!(outcome.last_s * slack >= least, "{} s for what takes {least} s at least", outcome.last_s);
        let sent: u64 = (0..self.sim.len() as u32).map(|node| self.sim.load(NodeId(node)).body_sent).sum();
        assert!(self.delivered() <= sent, "no more comes than goes");
        outcome
    }

    /// What no swarm can beat, for those who have finished.
    fn bound(&self) -> Bound {
        let done = || self.members.iter().filter(|member| member.finished.is_some());
        let up: f64 = self.members.iter().map(|member| f64::from(member.class.up_kbps)).sum();
        let origin = f64::from(self.plan.origin_kbps);
        let kbits = |bytes: u64| bytes as f64 * 8.0 / 1e3;
        let needed = done().map(|member| member.needs).sum();
        let longest = done().map(|member| kbits(member.needs) / f64::from(member.class.down_kbps));
        // Whoever has come with something may have it from elsewhere.
        let is_only_source =
            done().next().is_some() && self.members.iter().all(|member| member.needs == self.plan.bytes());
        Bound {
            origin_s: if is_only_source { kbits(self.plan.bytes()) / origin } else { 0.0 },
            downlink_s: longest.fold(0.0, f64::max),
            uplinks_s: kbits(needed) / (origin + up),
        }
    }
}

impl Venue for Swarm {
    fn now(&self) -> Time {
        self.sim.now()
    }

    fn run_to(&mut self, until: Time) {
        Swarm::run_to(self, until);
    }

    fn join(&mut self, person: &Person) -> usize {
        Swarm::join(self, person)
    }

    fn is_over(&mut self) -> bool {
        self.leeching() == 0 || self.is_stuck()
    }
}

/// A swarm that these people have come to, and that is over.
pub fn after(plan: Plan, people: &[Person], seed: u64) -> Swarm {
    let mut swarm = Swarm::new(plan, seed);
    swarm.run_all(people, LIMIT);
    swarm
}

/// The torrent of a plan: nothing is hashed in simulation.
fn torrent(plan: &Plan, tracker: SocketAddrV4) -> Metainfo {
    let draft = Draft {
        name: "content".into(),
        piece_length: plan.piece_bytes,
        pieces: vec![[0; 20]; plan.pieces as usize],
        files: vec![FileEntry { path: [].into(), length: plan.bytes() }],
        trackers: vec![vec![format!("http://{tracker}/announce").into()]],
        ..Draft::default()
    };
    Metainfo::new(draft).expect("a plan has pieces of a length that a torrent may have")
}
