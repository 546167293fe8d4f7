//! Those who have files and want them, on the simulator.

use std::sync::Arc;

use common::net::NodeId;
use common::testing::files::shared;
use common::user::{Command, FileInfo};
use kazaa::config::{Config, Knobs};

use super::overlay::Overlay;

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
            self.swarm.slow(node);
            node
        };
        (0..count).map(one).collect()
    }

    /// Shares these as files 0, 1, ….
    pub fn offer(&mut self, node: NodeId, files: &[Arc<FileInfo>]) {
        self.swarm.command(node, Command::Share(shared(files)));
        self.swarm.run_s(1);
    }
}
