//! Those who have files and want them, on the simulator.

use std::sync::Arc;
use std::time::Duration;

use common::net::{Line, NodeId};
use common::peer::FileId;
use common::store::Ranges;
use common::user::{Command, Failure, Fetch, FetchId, FileInfo, Hit, Note};
use kazaa::config::{Config, Knobs};

use super::overlay::Overlay;
use common::testing::files::{hit, shared};

/// What is told of downloads of a node without supernodes.
impl Overlay {
    /// A node that knows nobody.
    pub fn loner(&mut self) -> NodeId {
        self.add(&[])
    }

    /// The same with knobs of its own.
    pub fn loner_with(&mut self, change: impl FnOnce(&mut Knobs)) -> NodeId {
        let mut config = self.config.clone();
        change(Arc::make_mut(&mut config.knobs));
        self.add_as(Config { user: format!("user{}", self.nodes.len()).into(), ..config })
    }

    /// One that knows nobody and shares this as its file 0.
    pub fn loner_with_file(&mut self, file: &Arc<FileInfo>) -> NodeId {
        let node = self.loner();
        self.offer(node, std::slice::from_ref(file));
        node
    }

    /// So many of them, each behind a line of a megabit per second.
    pub fn slow_loners(&mut self, count: usize, file: &Arc<FileInfo>) -> Vec<NodeId> {
        let one = |_| {
            let node = self.loner_with_file(file);
            self.slow(node);
            node
        };
        (0..count).map(one).collect()
    }

    /// Shares these as files 0, 1, ….
    pub fn offer(&mut self, node: NodeId, files: &[Arc<FileInfo>]) {
        self.swarm.command(node, Command::Share(shared(files)));
        self.run_s(1);
    }

    /// What a search would have said of this file of each of these nodes.
    pub fn hits(&self, holders: &[NodeId], info: &FileInfo) -> Vec<Arc<Hit>> {
        holders.iter().map(|node| hit(info, self.address(*node))).collect()
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
        let ended = |note: &Note| matches!(note, Note::Fetched(id) | Note::Failed(id, _) if *id == fetch);
        match self.swarm.wait_for(node, ended) {
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
}
