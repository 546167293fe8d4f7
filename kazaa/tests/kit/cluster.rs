//! Many nodes on loopback sockets, each at its own address, and one channel for what all their users are told.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use common::net::{Attachment, NodeId};
use common::peer::{FileId, Time};
use common::seal::Identity;
use common::tcp::{Clock, Handle, Limits, NodeConfig, SharedStore, spawn};
use common::user::{Command, FileInfo, Note, SharedFile};
use kazaa::config::Config;
use kazaa::node::Node;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Where nodes are started, and heard.
pub struct Place {
    pub network: Ipv4Addr,
    clock: Clock,
    sender: UnboundedSender<(NodeId, Note)>,
    pub notes: UnboundedReceiver<(NodeId, Note)>,
}

impl Place {
    /// In a part of 127/8 that no other test uses.
    pub fn new(network: Ipv4Addr) -> Place {
        let (sender, notes) = unbounded_channel();
        Place { network, clock: Clock::start(), sender, notes }
    }

    pub fn address(&self, node: u32) -> SocketAddrV4 {
        // A port of this process' own, so that two test runs on one machine do not meet.
        let port = 20_000 + (std::process::id() % 10_000) as u16;
        NodeId(node).address(self.network, port)
    }

    /// The node that listens there.
    pub fn node_at(&self, address: SocketAddrV4) -> NodeId {
        NodeId(address.ip().to_bits() - self.address(0).ip().to_bits())
    }

    pub async fn start(&self, node: u32, config: Config) -> Handle {
        let sender = self.sender.clone();
        let sink = Arc::new(move |_: Time, node: NodeId, note: Note| {
            // A test that has ended no longer listens.
            let _ = sender.send((node, note));
        });
        let config_of_node = NodeConfig {
            node: NodeId(node),
            listen: Some(self.address(node)),
            datagrams: None,
            attachment: Attachment::default(),
            limits: Limits::default(),
            seed: 1,
            clock: self.clock,
            identity: Identity::generate(),
        };
        spawn(Node::ordinary(config), config_of_node, SharedStore::default(), sink).await.unwrap()
    }
}

/// The command to share a file of this name, of which nobody will want the content.
pub fn share(name: &str) -> Command {
    let info = FileInfo {
        name: name.into(),
        size: 1_000,
        digest: Some(super::overlay::hash_of(name)),
        ..FileInfo::default()
    };
    Command::Share(Arc::new([SharedFile { file: FileId(1), info: Arc::new(info) }]))
}
