//! A web cache: a small web server that tells newcomers the addresses of servents (GWebCache 1.3.1).

use common::peer::{Cx, Event};

use crate::node::{Node, Timer};
use crate::wire::Message;

/// The knobs of a web cache.
#[derive(Clone, Debug, Default)]
pub struct HostCacheConfig {}

/// The state of a web cache.
pub struct HostCache {}

impl HostCache {
    /// One that knows nobody.
    pub fn new(config: HostCacheConfig) -> Self {
        let HostCacheConfig {} = config;
        HostCache {}
    }

    /// Its only entry.
    pub fn handle(&mut self, event: Event<Message, Timer>, cx: &mut Cx<'_, Node>) {
        let _ = (event, cx);
    }
}
