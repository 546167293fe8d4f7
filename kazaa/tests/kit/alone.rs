//! One node alone that shares a file or fetches one, spoken to in bytes by holders and downloaders.

use std::sync::Arc;

use common::digest::Digest;
use common::peer::{ConnId, PublicKey};
use common::seal::Seal;
use common::store::{Memory, Ranges, Storage};
use common::testing::Lone;
use common::user::Hit;
use kazaa::config::{Config, Knobs};
use kazaa::node::Node;

use super::raw::remote;

/// A node alone that knows no supernode. Bytes stay plain under seal.
pub struct Alone {
    pub lone: Lone<Node>,
    /// The file it shares or fetches.
    pub file: Arc<Memory>,
}

/// A node's configuration with these knobs.
pub fn with(change: impl FnOnce(&mut Knobs)) -> Config {
    let mut config = Config { user: "somebody".into(), ..Config::default() };
    change(Arc::make_mut(&mut config.knobs));
    config
}

impl Alone {
    pub fn new(config: Config) -> Self {
        Alone { lone: Lone::new(Node::ordinary(config)), file: Arc::default() }
    }

    /// One that shares `name` with these bytes as its only file.
    pub fn sharing(config: Config, name: &str, bytes: &[u8], digest: Option<Digest>) -> Alone {
        let Alone { mut lone, .. } = Alone::new(config);
        let file = lone.share(name, bytes, digest);
        Alone { lone, file }
    }

    /// One that fetches from these into `store`.
    pub fn fetching(
        config: Config,
        candidates: Vec<Arc<Hit>>,
        (store, file): (Arc<dyn Storage>, Arc<Memory>),
        have: Ranges,
    ) -> Alone {
        let Alone { mut lone, .. } = Alone::new(config);
        lone.fetch(candidates, store, have);
        Alone { lone, file }
    }

    /// Somebody dials from 10.0.1.`host` and sends this.
    pub fn call(&mut self, host: u8, bytes: &str) -> ConnId {
        let conn = self.lone.accept(remote(host));
        self.lone.feed(conn, bytes.as_bytes());
        conn
    }

    /// The far side does its part of the seal's handshake, if the node has begun one; the side that the node takes.
    pub fn seal(&mut self, conn: ConnId) -> Option<Seal> {
        let side = self.lone.awaits_seal(conn)?;
        self.lone.seal(conn, PublicKey([9; 32]));
        Some(side)
    }
}
