//! Nodes on loopback sockets with real files, in the test's own process.

use std::time::Duration;

use common::net::{Attachment, Line};
use common::testing::live::Live;
use kazaa::config::{Config, Role};
use kazaa::node::Node;

/// A node behind a line of 16 Mbit/s, so that files of some megabytes take a while.
pub async fn start(number: u32, config: Config) -> Live {
    let line = Line::kbps(16_000, 16_000, Duration::from_millis(1));
    let attachment = Attachment { line, firewalled: config.firewalled };
    Live::start(Node::ordinary(config), number, Live::LOCALHOST, attachment).await
}

/// A child of that supernode, on line.
pub async fn child_of(supernode: &Live, number: u32, firewalled: bool) -> Live {
    let config = Config {
        supernodes: [supernode.address()].into(),
        force: Some(Role::Ordinary),
        user: format!("user{number}").into(),
        firewalled,
        ..Config::default()
    };
    let mut child = start(number, config).await;
    child.online().await;
    child
}
