//! Servents that hold files and fetch them, on the simulator; and one alone against raw bytes.
#![allow(dead_code, reason = "each test program uses a part of the kit")]

pub mod live;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use common::digest::{Algorithm, Digest, Hasher};
use common::net::{Line, NodeId};
use common::peer::{CloseReason, ConnId, FileId};
use common::sim::Config;
use common::store::{Memory, Ranges, Storage};
use common::testing::{Lone, Swarm};
use common::user::{
    Command, Failure, Fetch, FetchId, FileInfo, Hit, Holder, Media, Note, Query, SearchId, SharedFile,
};
use gnutella::node::Node;
use gnutella::servent::{Knobs, ServentConfig};

pub const MB: u64 = 1_000_000;

/// A network of servents.
#[derive(Default)]
pub struct Net {
    pub swarm: Swarm<Node>,
    fetches: u32,
    searches: u32,
}

impl Net {
    pub fn on(network: Config) -> Net {
        Net { swarm: Swarm::new(network), ..Net::default() }
    }

    /// A servent that links with `to` and nobody else.
    pub fn join(&mut self, to: &[NodeId], firewalled: bool) -> NodeId {
        let connect = to.iter().map(|node| self.swarm.address(*node)).collect();
        let node = self.add(ServentConfig { connect, firewalled, ..quiet() });
        self.run_s(1);
        node
    }

    pub fn add(&mut self, config: ServentConfig) -> NodeId {
        match config.firewalled {
            true => self.swarm.add_firewalled(Node::servent(config)),
            false => self.swarm.add(Node::servent(config)),
        }
    }

    /// A servent without links that holds a file.
    pub fn holder(&mut self, file: &Arc<FileInfo>) -> NodeId {
        self.holder_as(quiet(), std::slice::from_ref(file))
    }

    pub fn holder_as(&mut self, config: ServentConfig, files: &[Arc<FileInfo>]) -> NodeId {
        let node = self.add(config);
        self.share(node, files);
        node
    }

    pub fn share(&mut self, node: NodeId, files: &[Arc<FileInfo>]) {
        self.swarm.command(node, Command::Share(shared(files)));
        self.run_s(1);
    }

    pub fn run_s(&mut self, seconds: u64) {
        self.swarm.run_for(Duration::from_secs(seconds));
    }

    /// What a search would have said of the only file of each of these nodes.
    pub fn hits(&self, holders: &[NodeId], info: &FileInfo) -> Vec<Arc<Hit>> {
        holders.iter().map(|node| hit(info, self.swarm.address(*node))).collect()
    }

    /// What a search finds.
    pub fn find(&mut self, node: NodeId, words: &str) -> Vec<Arc<Hit>> {
        self.searches += 1;
        let search = SearchId(self.searches);
        self.swarm.command(node, Command::Search(search, Arc::new(Query::words(words))));
        self.swarm.search_end(node, search);
        self.swarm.found(node, search)
    }

    pub fn start(&mut self, node: NodeId, candidates: Vec<Arc<Hit>>) -> FetchId {
        self.resume(node, candidates, Ranges::default())
    }

    /// Starts a download of which some is there.
    pub fn resume(&mut self, node: NodeId, candidates: Vec<Arc<Hit>>, have: Ranges) -> FetchId {
        self.fetches += 1;
        let fetch = FetchId(self.fetches);
        let into = FileId(1_000_000 + self.fetches);
        self.swarm.command(node, Command::Fetch(Box::new(Fetch { fetch, candidates, into, have })));
        fetch
    }

    /// Downloads, and says how it ended.
    pub fn fetch(&mut self, node: NodeId, candidates: Vec<Arc<Hit>>) -> Result<(), Failure> {
        let fetch = self.start(node, candidates);
        self.end(node, fetch)
    }

    /// How a download ends.
    pub fn end(&mut self, node: NodeId, fetch: FetchId) -> Result<(), Failure> {
        let note = self.swarm.wait_for(node, |note| ended(note) == Some(fetch));
        match note {
            Note::Failed(_, why) => Err(why),
            _ => Ok(()),
        }
    }

    /// Waits until so many bytes of a download are there.
    pub fn wait_for_bytes(&mut self, node: NodeId, fetch: FetchId, bytes: u64) {
        self.swarm.wait_for(
            node,
            |note| matches!(note, Note::Progress(id, have) if *id == fetch && *have >= bytes),
        );
    }

    /// Bytes that a node's user was told were uploaded.
    pub fn uploaded(&self, node: NodeId) -> u64 {
        let bytes = |note: &Note| if let Note::Uploaded(_, bytes) = note { *bytes } else { 0 };
        self.swarm.notes(node).map(bytes).sum()
    }

    pub fn body_sent(&self, node: NodeId) -> u64 {
        self.swarm.sim.load(node).body_sent
    }

    pub fn body_received(&self, node: NodeId) -> u64 {
        self.swarm.sim.load(node).body_received
    }

    /// Puts a node behind a line of a megabit per second, so that its part of a download takes a while.
    pub fn slow(&mut self, node: NodeId) {
        let now = self.swarm.sim.now();
        self.swarm.sim.set_line_at(now, node, Line::kbps(1_000, 1_000, Duration::from_millis(10)));
    }

    pub fn crash(&mut self, node: NodeId) {
        let now = self.swarm.sim.now();
        self.swarm.sim.crash_at(now, node);
    }
}

fn ended(note: &Note) -> Option<FetchId> {
    match note {
        Note::Fetched(id) | Note::Failed(id, _) => Some(*id),
        _ => None,
    }
}

/// A servent that neither pings nor looks for neighbours.
pub fn quiet() -> ServentConfig {
    with(|_| {})
}

/// The same with other knobs.
pub fn with(change: impl FnOnce(&mut Knobs)) -> ServentConfig {
    let mut knobs = Knobs { keeps_degree: false, ping_every: None, ..Knobs::default() };
    change(&mut knobs);
    ServentConfig { knobs: Arc::new(knobs), ..ServentConfig::default() }
}

/// Files in a peer's store, numbered from zero.
pub fn shared(files: &[Arc<FileInfo>]) -> Arc<[SharedFile]> {
    let shared =
        |(at, info): (usize, &Arc<FileInfo>)| SharedFile { file: FileId(at as u32), info: info.clone() };
    files.iter().enumerate().map(shared).collect()
}

/// A file with a digest made of its size.
pub fn file(name: &str, size: u64) -> Arc<FileInfo> {
    let mut sha1 = [7; 20];
    sha1[..8].copy_from_slice(&size.to_be_bytes());
    Arc::new(FileInfo { name: name.into(), size, digest: Some(Digest::Sha1(sha1)), media: Media::default() })
}

/// What a search says of the first file of whoever listens there.
pub fn hit(info: &FileInfo, address: SocketAddrV4) -> Arc<Hit> {
    let holder = Holder { address: Some(address), ..Holder::default() };
    Arc::new(Hit { info: info.clone(), holder, ..Hit::default() })
}

pub fn sha1(bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new(Algorithm::Sha1);
    hasher.update(bytes);
    hasher.finish()
}

/// Bytes that differ from place to place.
pub fn content(len: usize) -> Vec<u8> {
    (0..len as u64).map(|n| (n * 31 % 251 + n / 4096) as u8).collect()
}

/// A remote's address that is not that of the servent under test.
pub fn remote(host: u8) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 1, host), 6346)
}

/// A servent alone that fetches or serves real bytes.
pub struct Alone {
    pub lone: Lone<Node>,
    pub file: Arc<Memory>,
}

impl Alone {
    /// One that shares `name` with these bytes as its only file.
    pub fn sharing(config: ServentConfig, name: &str, bytes: &[u8], digest: Option<Digest>) -> Alone {
        let mut lone = Lone::new(Node::servent(config));
        let memory = Arc::new(Memory::from(bytes.to_vec()));
        let file = lone.store.add(memory.clone());
        let info = FileInfo { name: name.into(), size: bytes.len() as u64, digest, media: Media::default() };
        lone.command(Command::Share(Arc::new([SharedFile { file, info: Arc::new(info) }])));
        Alone { lone, file: memory }
    }

    /// One that fetches from these into `store`.
    pub fn fetching(
        config: ServentConfig,
        candidates: Vec<Arc<Hit>>,
        store: (Arc<dyn Storage>, Arc<Memory>),
        have: Ranges,
    ) -> Alone {
        let mut lone = Lone::new(Node::servent(config));
        let into = lone.store.add(store.0);
        lone.command(Command::Fetch(Box::new(Fetch { fetch: FetchId(1), candidates, into, have })));
        Alone { lone, file: store.1 }
    }

    /// Somebody dials and sends this.
    pub fn call(&mut self, host: u8, bytes: &str) -> ConnId {
        let conn = self.lone.accept(remote(host));
        self.lone.feed(conn, bytes.as_bytes());
        conn
    }

    /// The remote sends this; what comes back, as text.
    pub fn say(&mut self, conn: ConnId, bytes: &str) -> String {
        self.lone.feed(conn, bytes.as_bytes());
        self.heard(conn)
    }

    /// What has been sent since.
    pub fn heard(&mut self, conn: ConnId) -> String {
        String::from_utf8(self.lone.take(conn)).expect("the content of these tests is text")
    }

    /// The next dial is answered; the head of the request that comes.
    pub fn asked(&mut self) -> Option<(ConnId, SocketAddrV4, String)> {
        let (conn, to) = self.lone.next_dial()?;
        self.lone.answer((conn, to));
        Some((conn, to, self.heard(conn)))
    }

    /// The next dial is refused.
    pub fn refuse(&mut self) -> Option<SocketAddrV4> {
        let (conn, to) = self.lone.next_dial()?;
        self.lone.hang_up(conn, CloseReason::Refused);
        Some(to)
    }

    /// How the download has ended, if it has.
    pub fn end(&self) -> Option<Result<(), Failure>> {
        self.lone.notes.iter().find_map(|note| match note {
            Note::Fetched(_) => Some(Ok(())),
            Note::Failed(_, why) => Some(Err(*why)),
            _ => None,
        })
    }
}
