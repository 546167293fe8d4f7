//! Nodes on loopback sockets, in the test's own process.

use std::sync::Arc;

use common::net::Attachment;
use common::testing::live::Live;
use common::user::{Hit, Query};
use napster::node::Node;
use napster::peer::PeerConfig;

pub async fn start(node: Node, number: u32, firewalled: bool) -> Live {
    start_at(node, number, Attachment { firewalled, ..Attachment::default() }).await
}

pub async fn start_at(node: Node, number: u32, attachment: Attachment) -> Live {
    Live::start(node, number, Live::LOCALHOST, attachment).await
}

pub async fn peer(server: &Live, nick: &str, number: u32, firewalled: bool) -> Live {
    peer_at(server, nick, number, Attachment { firewalled, ..Attachment::default() }).await
}

pub async fn peer_at(server: &Live, nick: &str, number: u32, attachment: Attachment) -> Live {
    let config = PeerConfig {
        server: server.address(),
        nick: nick.into(),
        firewalled: attachment.firewalled,
        ..PeerConfig::default()
    };
    let mut peer = start_at(Node::peer(config), number, attachment).await;
    peer.online().await;
    peer
}

/// Asks until the owner's list has reached the server, which nothing acknowledges.
pub async fn find(asker: &mut Live, words: &str) -> Vec<Arc<Hit>> {
    asker.find(&Query::words(words)).await
}
