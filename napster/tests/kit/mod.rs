//! A Napster network for tests: a server and named peers on the simulator.
#![allow(dead_code, reason = "each test program uses a part of the kit")]

pub mod live;

use std::sync::Arc;

use common::digest::Digest;
use common::net::NodeId;
use common::peer::{ConnId, FileId};
use common::sim::Config;
use common::store::Ranges;
use common::testing::{Lone, Swarm};
use common::user::{
    Command, Fetch, FetchId, FileInfo, Hit, Media, Note, Query, SearchEnd, SearchId, SharedFile,
};
use napster::node::Node;
use napster::peer::{Knobs, PeerConfig};
use napster::server::ServerConfig;

/// A server, and who has joined it.
pub struct Net {
    pub swarm: Swarm<Node>,
    pub server: NodeId,
    searches: u32,
    fetches: u32,
}

impl Default for Net {
    fn default() -> Self {
        Net::with(ServerConfig::default())
    }
}

impl Net {
    pub fn with(config: ServerConfig) -> Self {
        Net::on(Config::default(), config)
    }

    pub fn on(network: Config, config: ServerConfig) -> Self {
        let mut swarm = Swarm::new(network);
        let server = swarm.add(Node::server(config));
        Net { swarm, server, searches: 0, fetches: 0 }
    }

    /// What a peer of this name is configured with.
    pub fn config(&self, nick: &str) -> PeerConfig {
        PeerConfig { server: self.swarm.address(self.server), nick: nick.into(), ..PeerConfig::default() }
    }

    pub fn config_with(&self, nick: &str, change: impl FnOnce(&mut Knobs)) -> PeerConfig {
        let mut config = self.config(nick);
        change(Arc::make_mut(&mut config.knobs));
        config
    }

    /// Adds a peer and waits until it is online.
    pub fn join(&mut self, nick: &str) -> NodeId {
        let config = self.config(nick);
        self.join_as(config)
    }

    pub fn join_firewalled(&mut self, nick: &str) -> NodeId {
        let config = PeerConfig { firewalled: true, ..self.config(nick) };
        self.join_as(config)
    }

    pub fn join_as(&mut self, config: PeerConfig) -> NodeId {
        let node = self.add(config);
        self.swarm.wait_for(node, |note| matches!(note, Note::Online));
        node
    }

    /// Adds a peer, whatever comes of it.
    pub fn add(&mut self, config: PeerConfig) -> NodeId {
        match config.firewalled {
            true => self.swarm.add_firewalled(Node::peer(config)),
            false => self.swarm.add(Node::peer(config)),
        }
    }

    /// A peer joins and shares these files.
    pub fn sharer(&mut self, nick: &str, files: &[Arc<FileInfo>]) -> NodeId {
        let node = self.join(nick);
        self.share(node, files);
        node
    }

    pub fn share(&mut self, node: NodeId, files: &[Arc<FileInfo>]) {
        self.swarm.command(node, Command::Share(shared(files)));
        self.run_s(1);
    }

    pub fn run_s(&mut self, seconds: u64) {
        self.swarm.run_for(std::time::Duration::from_secs(seconds));
    }

    pub fn search(&mut self, node: NodeId, query: Query) -> (Vec<Arc<Hit>>, SearchEnd) {
        let search = self.search_id();
        self.swarm.command(node, Command::Search(search, Arc::new(query)));
        let end = self.swarm.search_end(node, search);
        (self.swarm.found(node, search), end)
    }

    pub fn find(&mut self, node: NodeId, words: &str) -> Vec<Arc<Hit>> {
        let (hits, end) = self.search(node, Query::words(words));
        assert_eq!(end, SearchEnd::Complete);
        hits
    }

    /// The names found, sorted.
    pub fn names(&mut self, node: NodeId, query: Query) -> Vec<String> {
        let mut names: Vec<String> =
            self.search(node, query).0.iter().map(|hit| hit.info.name.to_string()).collect();
        names.sort();
        names
    }

    pub fn search_id(&mut self) -> SearchId {
        self.searches += 1;
        SearchId(self.searches)
    }

    /// Starts a download of which `have` bytes are there.
    pub fn start_fetch(&mut self, node: NodeId, candidates: Vec<Arc<Hit>>, have: u64) -> FetchId {
        self.fetches += 1;
        let fetch = FetchId(self.fetches);
        let into = FileId(1_000_000 + self.fetches);
        let have = Ranges::from_start(have);
        self.swarm.command(node, Command::Fetch(Box::new(Fetch { fetch, candidates, into, have })));
        fetch
    }

    /// Downloads, and says how it ended.
    pub fn fetch(&mut self, node: NodeId, candidates: Vec<Arc<Hit>>) -> Note {
        let fetch = self.start_fetch(node, candidates, 0);
        self.fetch_end(node, fetch)
    }

    pub fn fetch_end(&mut self, node: NodeId, fetch: FetchId) -> Note {
        self.swarm.wait_for(node, |note| match note {
            Note::Fetched(id) | Note::Failed(id, _) => *id == fetch,
            _ => false,
        })
    }

    /// What a node's user was told in words.
    pub fn texts(&self, node: NodeId) -> Vec<String> {
        let text = |note: &Note| match note {
            Note::Text(text) | Note::Offline(text) | Note::ShutOut(text) => Some(text.to_string()),
            _ => None,
        };
        self.swarm.notes(node).filter_map(text).collect()
    }

    pub fn wait_for_text(&mut self, node: NodeId, part: &str) {
        self.swarm.wait_for(node, |note| match note {
            Note::Text(text) | Note::Offline(text) | Note::ShutOut(text) => text.contains(part),
            _ => false,
        });
    }
}

/// Files in a peer's store, numbered from zero.
pub fn shared(files: &[Arc<FileInfo>]) -> Arc<[SharedFile]> {
    let shared =
        |(at, info): (usize, &Arc<FileInfo>)| SharedFile { file: FileId(at as u32), info: info.clone() };
    files.iter().enumerate().map(shared).collect()
}

/// A song of 128 kbps at 44,100 Hz with a digest made of its size.
pub fn song(name: &str, size: u64) -> Arc<FileInfo> {
    let mut md5 = [7; 16];
    md5[..8].copy_from_slice(&size.to_be_bytes());
    let media = Media { bitrate_kbps: 128, frequency_hz: 44_100, duration_s: (size / 16_000) as u32 };
    Arc::new(FileInfo {
        name: name.into(),
        size,
        digest: Some(Digest::Md5(md5)),
        media,
        ..FileInfo::default()
    })
}

pub fn is_fetched(note: &Note) -> bool {
    matches!(note, Note::Fetched(_))
}

/// A frame of the server protocol.
pub fn frame(code: u16, data: &str) -> Vec<u8> {
    raw_frame(code, data.as_bytes())
}

pub fn raw_frame(code: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&(data.len() as u16).to_le_bytes());
    bytes.extend_from_slice(&code.to_le_bytes());
    bytes.extend_from_slice(data);
    bytes
}

/// Splits what a server sent into types and texts.
pub fn frames(mut bytes: &[u8]) -> Vec<(u16, String)> {
    let mut frames = Vec::new();
    while let [a, b, c, d, rest @ ..] = bytes {
        let len = usize::from(u16::from_le_bytes([*a, *b]));
        frames.push((u16::from_le_bytes([*c, *d]), String::from_utf8_lossy(&rest[..len]).into_owned()));
        bytes = &rest[len..];
    }
    frames
}

/// A server alone, spoken to in bytes.
pub struct Raw {
    pub lone: Lone<Node>,
    next_port: u16,
}

impl Raw {
    pub fn new(config: ServerConfig) -> Self {
        Raw { lone: Lone::new(Node::server(config)), next_port: 2000 }
    }

    /// Somebody dials from 10.0.0.`host`.
    pub fn dial(&mut self, host: u8) -> ConnId {
        self.next_port += 1;
        self.lone.accept(std::net::SocketAddrV4::new([10, 0, 0, host].into(), self.next_port))
    }

    /// Sends one frame and returns what came back.
    pub fn say(&mut self, conn: ConnId, code: u16, data: &str) -> Vec<(u16, String)> {
        self.lone.feed(conn, &frame(code, data));
        frames(&self.lone.take(conn))
    }

    /// Logs in with data port 6699 (0 with a nick in capitals) and forgets the greeting.
    pub fn user(&mut self, host: u8, nick: &str) -> ConnId {
        let port = if nick.chars().all(char::is_uppercase) { 0 } else { 6699 };
        let conn = self.dial(host);
        let answer = self.say(conn, 2, &format!("{nick} pw {port} \"test\" 4"));
        assert_eq!(answer.first().map(|(code, _)| *code), Some(3), "{answer:?}");
        conn
    }

    /// What has come since.
    pub fn heard(&mut self, conn: ConnId) -> Vec<(u16, String)> {
        frames(&self.lone.take(conn))
    }
}
