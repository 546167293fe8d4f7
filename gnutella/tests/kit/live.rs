//! Servents on loopback sockets with real files, in the test's own process.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use common::net::{Attachment, Line};
use common::testing::live::Live;
use common::user::{Hit, Query};
use gnutella::node::Node;
use gnutella::servent::ServentConfig;

/// A servent behind a line of 16 Mbit/s, so that files of some megabytes take a while.
pub async fn start(number: u32, config: ServentConfig) -> Live {
    start_at(Ipv4Addr::LOCALHOST, number, config).await
}

/// The same on another address of this machine.
pub async fn start_at(ip: Ipv4Addr, number: u32, config: ServentConfig) -> Live {
    let line = Line::kbps(16_000, 16_000, Duration::from_millis(1));
    let attachment = Attachment { line, firewalled: config.firewalled };
    Live::start(Node::servent(config), number, SocketAddrV4::new(ip, 0), attachment).await
}

/// Searches for one file until it is found. The search is over with its first result, so that nothing depends on how long one
/// without results would be waited for.
pub async fn find_one(asker: &mut Live, words: &str) -> Arc<Hit> {
    let hits = asker.find(&Query { results_max: 1, ..Query::words(words) }).await;
    Arc::clone(&hits[0])
}
