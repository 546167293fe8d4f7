//! A server alone with one content, and people who come to it: the mirror's own server and clients, in the simulator.
//!
//! The same people can come to a [`swarm`](crate::claims::bittorrent::swarm), at the same times and on the same lines; what they would
//! do there for others, whom they can be dialled by and what they have at the beginning is no matter here. Bodies move in whole blocks, as in a swarm.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use common::net::{Attachment, Line, NodeId};
use common::peer::{FileId, Time};
use common::sim::{Config as SimConfig, Sim};
use common::store::Ranges;
use common::user::{Command, Fetch, FetchId, FileInfo, Hit, Note, SharedFile};
use common::wire::Wire as _;

use crate::claims::bittorrent::swarm::{LIMIT, Person};
use crate::claims::venue::{self, TICK, Venue};
use crate::mirror::{Client, Message, Node, Server, ServerConfig};

/// Where everybody listens.
const PORT: u16 = 8080;
const SERVER: NodeId = NodeId(0);
/// Visitors follow on the server.
const FIRST: u32 = 1;
const FILE: FileId = FileId(0);

/// What a server has to offer.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// Bytes of its content.
    pub bytes: u64,
    /// Its line up, kilobits per second; what comes in has room.
    pub up_kbps: u32,
    /// How many it serves at a time, and how many may wait.
    pub config: ServerConfig,
}

/// Somebody who has come.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// When it came.
    pub joined: Time,
    /// When it had all.
    pub finished: Option<Time>,
    /// When its patience is at its end.
    pub patient_until: Option<Time>,
    /// Bytes that it has.
    have: u64,
    /// How often it has asked its client for the content: whoever was sent away for good asks anew.
    asked: u32,
}

impl Visitor {
    /// Seconds from coming to having all.
    pub fn took_s(&self) -> Option<f64> {
        Some(self.finished?.since(self.joined).as_secs_f64())
    }
}

/// The server and those who have come.
pub struct LoneServer {
    sim: Sim<Node>,
    offer: Offer,
    mirrors: Arc<[SocketAddrV4]>,
    content: Arc<Hit>,
    visitors: Vec<Visitor>,
    /// Visitors who are there and lack something.
    present: usize,
    notes: Vec<(Time, NodeId, Note)>,
}

impl LoneServer {
    /// A server to which nobody has come.
    pub fn new(offer: Offer, seed: u64) -> LoneServer {
        let config = SimConfig { chunk_time: Duration::ZERO, count_reach: false, ..SimConfig::seeded(seed) };
        let mirrors = Arc::from([SERVER.address(config.network, PORT)]);
        let mut sim = Sim::new(config);
        // Questions are short: all of them come through at ten times the rate of the answers.
        let line = Line::kbps(10 * u64::from(offer.up_kbps), u64::from(offer.up_kbps), Duration::ZERO);
        let server = Node::Server(Box::new(Server::new(offer.config)));
        sim.add(server, PORT, Attachment { line, firewalled: false });
        let info = FileInfo { name: "content".into(), size: offer.bytes, ..FileInfo::default() };
        let file = SharedFile { file: FILE, info: Arc::new(info.clone()) };
        sim.command(SERVER, Command::Share([file].into()));
        let content = Arc::new(Hit { info, ..Hit::default() });
        let (visitors, notes) = (Vec::new(), Vec::new());
        LoneServer { sim, offer, mirrors, content, visitors, present: 0, notes }
    }

    /// Everybody who has come, in their order.
    pub fn visitors(&self) -> &[Visitor] {
        &self.visitors
    }

    /// How many are there and lack something.
    pub fn present(&self) -> usize {
        self.present
    }

    /// How many are being served.
    pub fn served(&self) -> usize {
        self.server().sending()
    }

    /// How many the server has told to wait.
    pub fn queue(&self) -> usize {
        self.server().waiting()
    }

    /// How often it has sent somebody away for now.
    pub fn refusals(&self) -> u64 {
        let busy = Message::KINDS.iter().position(|kind| *kind == "busy");
        self.sim.by_kind().kind(busy.expect("a kind that the wire knows") as u8).messages
    }

    /// Bytes of the content that have left the server.
    pub fn sent(&self) -> u64 {
        self.sim.load(SERVER).body_sent
    }

    /// Bytes of all else that has: heads of answers.
    pub fn heads(&self) -> u64 {
        self.sim.load(SERVER).sent.bytes
    }

    /// Seconds that those took who have finished, in the order of their coming.
    pub fn times_s(&self) -> Vec<f64> {
        self.visitors.iter().filter_map(Visitor::took_s).collect()
    }

    /// Seconds from the first who came to the last who had all.
    pub fn last_s(&self) -> f64 {
        let first = self.visitors.iter().map(|visitor| visitor.joined).min().unwrap_or(Time::ZERO);
        let last = self.visitors.iter().filter_map(|visitor| visitor.finished).max();
        last.unwrap_or(first).since(first).as_secs_f64()
    }

    /// Lets people come, in the order of their times, and time pass until all are done or gone, or the limit is reached; `watch` looks at
    /// the server each time that `every` has passed.
    ///
    /// # Panics
    /// If more has left the server than its line could carry, or more has come to people than has left it.
    pub fn run(
        &mut self,
        people: &[Person],
        limit: Duration,
        every: Duration,
        watch: &mut dyn FnMut(&LoneServer),
    ) {
        venue::run(self, people, limit, every, watch);
        self.check();
    }

    /// What no server can beat.
    fn check(&self) {
        let line = f64::from(self.offer.up_kbps) * 125.0 * self.now().since(Time::ZERO).as_secs_f64();
        // Rounding up in the last line of all: a nanosecond for each block.
        let slack = 1.0 + 1e-6;
        assert!(self.sent() as f64 <= line * slack, "{} bytes on a line for {line}", self.sent());
        let came: u64 = self.visitors.iter().map(|visitor| visitor.have).sum();
        assert!(came <= self.sent(), "no more comes than goes");
    }

    fn server(&self) -> &Server {
        let Node::Server(server) = self.sim.peer(SERVER) else {
            unreachable!("the first node is the server")
        };
        server
    }

    /// A visitor asks its client for what it lacks.
    fn ask(&mut self, at: usize) {
        let visitor = &mut self.visitors[at];
        let mut have = Ranges::default();
        if visitor.have > 0 {
            have.insert(0, visitor.have).expect("one range");
        }
        // A number of its own, so that what the client still waits for of an earlier try is not taken for this one's.
        let fetch = FetchId(visitor.asked);
        visitor.asked += 1;
        let fetch = Fetch { fetch, candidates: vec![Arc::clone(&self.content)], into: FILE, have };
        self.sim.command(NodeId(FIRST + at as u32), Command::Fetch(Box::new(fetch)));
    }

    fn told(&mut self, at: usize, when: Time, note: &Note) {
        let visitor = &mut self.visitors[at];
        match note {
            Note::Progress(_, bytes) => visitor.have = *bytes,
            Note::Fetched(_) => {
                visitor.finished = Some(when);
                self.present -= 1;
                self.sim.command(NodeId(FIRST + at as u32), Command::Leave);
            }
            // Its client has left, or been sent away too often: who still has patience does not take that for an answer.
            Note::Failed(..) if visitor.patient_until.is_some_and(|until| when >= until) => self.present -= 1,
            Note::Failed(..) => self.ask(at),
            _ => {}
        }
    }
}

impl Venue for LoneServer {
    fn now(&self) -> Time {
        self.sim.now()
    }

    fn run_to(&mut self, until: Time) {
        debug_assert!(until <= self.now() + TICK);
        let notes = &mut self.notes;
        self.sim.run_until(until, &mut |at, node, note| notes.push((at, node, note)));
        for (when, node, note) in std::mem::take(&mut self.notes) {
            if let Some(visitor) = node.0.checked_sub(FIRST) {
                self.told(visitor as usize, when, &note);
            }
        }
    }

    fn join(&mut self, person: &Person) -> usize {
        let line = Line::kbps(person.class.down_kbps.into(), person.class.up_kbps.into(), Duration::ZERO);
        let client = Node::Client(Box::new(Client::new(Arc::clone(&self.mirrors), 0)));
        let node = self.sim.add(client, PORT, Attachment { line, firewalled: person.firewalled });
        let at = self.visitors.len();
        debug_assert_eq!(node.0, FIRST + at as u32);
        let joined = self.now();
        let patient_until = person.patience.map(|patience| joined + patience);
        if let Some(until) = patient_until {
            self.sim.command_at(until, node, Command::Leave);
        }
        self.visitors.push(Visitor { joined, finished: None, patient_until, have: 0, asked: 0 });
        self.present += 1;
        self.ask(at);
        at
    }

    fn is_over(&mut self) -> bool {
        self.present == 0
    }
}

/// A server that these people have come to, when all of them are done or gone.
pub fn after(offer: Offer, people: &[Person], seed: u64) -> LoneServer {
    let mut server = LoneServer::new(offer, seed);
    // As long as a swarm has for the copies of all together, if it takes as long for each alone.
    let limit = LIMIT * people.len().max(1) as u32;
    server.run(people, limit, limit, &mut |_| {});
    server
}
