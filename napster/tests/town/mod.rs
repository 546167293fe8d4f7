//! A Napster in a simulated network: one server, some peers, and short words for what tests do with them.
#![allow(dead_code, reason = "each test program uses a part of the kit")]

use std::sync::Arc;
use std::time::Duration;

use common::digest::Digest;
use common::net::{Line, NodeId};
use common::peer::FileId;
use common::testing::Swarm;
use common::user::{
    Command, Failure, Fetch, FetchId, FileInfo, Hit, Note, Query, SearchEnd, SearchId, SharedFile,
};
use napster::node::Node;
use napster::peer::PeerConfig;
use napster::server::ServerConfig;

/// The swarm and its server.
pub struct Town {
    /// The nodes.
    pub swarm: Swarm<Node>,
    /// The index.
    pub server: NodeId,
    fetches: u32,
    searches: u32,
}

/// A line on which a megabyte takes about a minute.
pub fn slow() -> Line {
    Line::kbps(128, 128, Duration::from_millis(20))
}

/// What is known of a file of these tests.
pub fn info(name: &str, size: u64) -> FileInfo {
    FileInfo { name: name.into(), size, digest: Some(Digest::Md5([7; 16])), ..FileInfo::default() }
}

impl Town {
    pub fn new() -> Town {
        Town::with(ServerConfig::default())
    }

    pub fn with(config: ServerConfig) -> Town {
        let mut swarm = Swarm::seeded(11);
        let server = swarm.add(Node::server(config));
        Town { swarm, server, fetches: 0, searches: 0 }
    }

    pub fn config(&self, nick: &str) -> PeerConfig {
        PeerConfig { server: self.swarm.address(self.server), nick: nick.into(), ..PeerConfig::default() }
    }

    /// A peer that can be dialled.
    pub fn peer(&mut self, nick: &str) -> NodeId {
        let config = self.config(nick);
        self.swarm.add(Node::peer(config))
    }

    /// A peer that can be dialled, behind a line.
    pub fn peer_behind(&mut self, nick: &str, line: Line) -> NodeId {
        let config = self.config(nick);
        self.swarm.add_behind(Node::peer(config), line)
    }

    /// A peer that cannot be dialled.
    pub fn firewalled(&mut self, nick: &str) -> NodeId {
        let config = PeerConfig { firewalled: true, ..self.config(nick) };
        self.swarm.add_firewalled(Node::peer(config))
    }

    /// Shares one file as number 0 of the node's store.
    pub fn share(&mut self, node: NodeId, info: FileInfo) {
        let files = [SharedFile { file: FileId(0), info: Arc::new(info) }];
        self.swarm.command(node, Command::Share(files.into()));
    }

    /// Lets everybody log in and the lists arrive.
    pub fn settle(&mut self) {
        self.swarm.run_for(Duration::from_secs(5));
    }

    /// Searches and waits for the end.
    pub fn search(&mut self, node: NodeId, words: &str) -> (Vec<Arc<Hit>>, SearchEnd) {
        self.query(node, Query::words(words))
    }

    /// Searches with filters and waits for the end.
    pub fn query(&mut self, node: NodeId, query: Query) -> (Vec<Arc<Hit>>, SearchEnd) {
        self.searches += 1;
        let search = SearchId(self.searches);
        self.swarm.command(node, Command::Search(search, Arc::new(query)));
        let end = self.swarm.search_end(node, search);
        (self.swarm.found(node, search), end)
    }

    /// Starts a download into file 9 of the node's store.
    pub fn begin(&mut self, node: NodeId, candidates: Vec<Arc<Hit>>, have: u64) -> FetchId {
        self.fetches += 1;
        let fetch = FetchId(self.fetches);
        let into = FileId(9);
        self.swarm.command(node, Command::Fetch(Box::new(Fetch { fetch, candidates, into, have })));
        fetch
    }

    /// Waits for the end of a download.
    pub fn end(&mut self, node: NodeId, fetch: FetchId) -> Result<(), Failure> {
        let ended = |note: &Note| match note {
            Note::Fetched(id) | Note::Failed(id, _) => *id == fetch,
            _ => false,
        };
        match self.swarm.wait_for(node, ended) {
            Note::Failed(_, why) => Err(why),
            _ => Ok(()),
        }
    }

    /// Runs until a download has so many bytes.
    pub fn reach(&mut self, node: NodeId, fetch: FetchId, bytes: u64) {
        self.swarm.wait_for(
            node,
            |note| matches!(note, Note::Progress(id, have) if *id == fetch && *have >= bytes),
        );
    }

    /// Body bytes a node has sent so far, as its uploads told.
    pub fn uploaded(&self, node: NodeId) -> u64 {
        self.swarm
            .notes(node)
            .filter_map(|note| match note {
                Note::Uploaded(_, bytes) => Some(*bytes),
                _ => None,
            })
            .sum()
    }
}
