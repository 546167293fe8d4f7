//! A server and its users, on ideal lines unless an experiment gives them others, and what a search among them costs.

use std::sync::Arc;
use std::time::Duration;

use common::metrics::{NodeLoad, Traffic};
use common::net::{Attachment, NodeId};
use common::peer::{FileId, Time};
use common::sim::{Config as SimConfig, Sim};
use common::store::Ranges;
use common::user::{Command, Fetch, FetchId, FileInfo, Hit, Note, Query, SearchEnd, SearchId, SharedFile};
use common::wire::Wire as _;
use napster::node::Node;
use napster::peer::PeerConfig;
use napster::server::ServerConfig;
use napster::wire::Message;

use crate::claims::asking;

/// The ports of the server and of its users.
const SERVER_PORT: u16 = 8888;
const PEER_PORT: u16 = 6699;
/// The server's number; users follow.
const SERVER: NodeId = NodeId(0);
/// What nicks begin with.
const NICK: &str = "user";
/// The longest that a download may take in virtual time.
const FETCHING: Duration = Duration::from_secs(36_000);

/// What somebody said, and when.
pub type Told = (Time, u32, Note);

/// A server and its users.
pub struct Network {
    sim: Sim<Node>,
    server: ServerConfig,
    searches: u32,
    fetches: u32,
    /// Files shared so far, so that none takes another's number.
    files: u32,
}

/// How one search went.
#[derive(Clone, Debug)]
pub struct Searched {
    /// All messages that it caused; of who has just come and is not let in yet none.
    pub messages: u64,
    /// Those of them that carry no result: the question and the word that there is no more.
    pub without_results: u64,
    /// Results, in the order in which they came.
    pub results: Vec<Arc<Hit>>,
    /// Seconds from the command to the first result.
    pub first_s: Option<f64>,
    /// How it ended.
    pub end: SearchEnd,
}

/// A song of that name and length; what is in it does not matter here.
pub fn song(name: &str, bytes: u64) -> Arc<FileInfo> {
    Arc::new(FileInfo { name: name.into(), size: bytes, ..FileInfo::default() })
}

/// A server that refuses nobody and gives all results, of however many.
pub fn open() -> ServerConfig {
    ServerConfig {
        users_max: usize::MAX,
        results_max: u32::MAX,
        search_work_max: u32::MAX,
        flood: None,
        ..ServerConfig::default()
    }
}

impl Network {
    /// The server, and nobody yet.
    pub fn new(config: SimConfig, server: ServerConfig) -> Network {
        let mut sim = Sim::new(config);
        sim.add(Node::server(server.clone()), SERVER_PORT, Attachment::default());
        Network { sim, server, searches: 0, fetches: 0, files: 0 }
    }

    /// Somebody comes. Server and nick are seen to.
    pub fn add(&mut self, config: PeerConfig, attachment: Attachment) -> u32 {
        let node = self.sim.len() as u32;
        let server = SERVER.address(self.sim.config().network, SERVER_PORT);
        let peer = Node::peer(PeerConfig { server, nick: format!("{NICK}{node}"), ..config });
        self.sim.add(peer, PEER_PORT, attachment).0
    }

    /// The node of a result's holder.
    pub fn holder(&self, hit: &Hit) -> Option<u32> {
        hit.holder.nick.strip_prefix(NICK)?.parse().ok()
    }

    /// The current virtual time.
    pub fn now(&self) -> Time {
        self.sim.now()
    }

    /// Users whom the server takes for present.
    pub fn users(&self) -> usize {
        match self.sim.peer(SERVER) {
            Node::Server(server) => server.users(),
            Node::Peer(_) | Node::Redirector(_) => 0,
        }
    }

    /// What has crossed a user's line.
    pub fn load(&self, node: u32) -> NodeLoad {
        self.sim.load(NodeId(node))
    }

    /// What has crossed the server's line.
    pub fn server_load(&self) -> NodeLoad {
        self.sim.load(SERVER)
    }

    /// What has been sent of a kind of message since the beginning.
    ///
    /// # Panics
    /// If there is no such kind.
    pub fn sent(&self, name: &str) -> Traffic {
        let at = Message::KINDS.iter().position(|kind| *kind == name);
        self.sim.by_kind().kind(at.expect("a kind that the wire knows") as u8)
    }

    /// A node shares more files.
    pub fn share(&mut self, node: u32, files: impl IntoIterator<Item = Arc<FileInfo>>) {
        let file = |(at, info)| SharedFile { file: FileId(at), info };
        let files: Arc<[SharedFile]> = (self.files..).zip(files).map(file).collect();
        self.files += files.len() as u32;
        self.sim.command(NodeId(node), Command::Share(files));
    }

    /// A user goes and says so.
    pub fn leave(&mut self, node: u32) {
        self.sim.command(NodeId(node), Command::Leave);
    }

    /// A user vanishes; connections are reset.
    pub fn crash(&mut self, node: u32) {
        self.sim.crash_at(self.sim.now(), NodeId(node));
    }

    /// A user and the server cannot hear each other for a while, as if the user's machine had been switched off: nobody is told.
    pub fn silence(&mut self, node: u32, time: Duration) {
        let now = self.sim.now();
        self.sim.cut(&[NodeId(node)], &[SERVER], now, now + time);
    }

    /// The server vanishes.
    pub fn lose_server(&mut self) {
        self.sim.crash_at(self.sim.now(), SERVER);
    }

    /// Another server, which knows nobody, comes in its place.
    pub fn bring_back_server(&mut self) {
        self.sim.restart_at(self.sim.now(), SERVER, Node::server(self.server.clone()));
    }

    /// Lets time pass; returns what was said.
    pub fn run_for(&mut self, time: Duration) -> Vec<Told> {
        self.run_until(self.sim.now() + time)
    }

    /// Lets time pass until then; returns what was said.
    pub fn run_until(&mut self, until: Time) -> Vec<Told> {
        let mut told = Vec::new();
        self.sim.run_until(until, &mut |at: Time, node: NodeId, note: Note| told.push((at, node.0, note)));
        told
    }

    /// A node searches; returns when the search is over.
    ///
    /// # Panics
    /// If it never is.
    pub fn search(&mut self, node: u32, query: Query) -> Searched {
        let search = SearchId(self.searches);
        self.searches += 1;
        let before = self.without_results();
        let answers = asking::search(&mut self.sim, NodeId(node), search, query);
        Searched {
            messages: answers.cost.messages,
            without_results: self.without_results() - before,
            results: answers.results,
            first_s: answers.first_s,
            end: answers.end,
        }
    }

    fn without_results(&self) -> u64 {
        self.sent("search").messages + self.sent("search end").messages
    }

    /// A node begins to download a result from one of these holders. Until [`finish`](Network::finish) nobody may search: what is said
    /// of downloads meanwhile would be lost.
    pub fn fetch(&mut self, node: u32, candidates: Vec<Arc<Hit>>) -> FetchId {
        let fetch = FetchId(self.fetches);
        self.fetches += 1;
        // Numbers from the other end than those of shared files.
        let into = FileId(u32::MAX - fetch.0);
        let command = Fetch { fetch, candidates, into, have: Ranges::default() };
        self.sim.command(NodeId(node), Command::Fetch(Box::new(command)));
        fetch
    }

    /// Lets time pass until all these downloads are over; returns how many seconds each took from now on, or none if it failed.
    ///
    /// # Panics
    /// If one is never over.
    pub fn finish(&mut self, fetches: &[FetchId]) -> Vec<Option<f64>> {
        let began = self.sim.now();
        let (mut took, mut left) = (vec![None; fetches.len()], fetches.len());
        while left > 0 {
            let stepped = self.sim.step(&mut |at: Time, _: NodeId, note: Note| {
                let (Note::Fetched(over) | Note::Failed(over, _)) = note else { return };
                if let Some(place) = fetches.iter().position(|fetch| *fetch == over) {
                    left -= 1;
                    took[place] = matches!(note, Note::Fetched(_)).then(|| at.since(began).as_secs_f64());
                }
            });
            assert!(stepped.is_some_and(|now| now < began + FETCHING), "a download ends");
        }
        took
    }
}
