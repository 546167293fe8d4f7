//! One node alone that shares a file or fetches one, spoken to in bytes by holders and downloaders.

use std::net::SocketAddrV4;
use std::sync::Arc;

use common::digest::Digest;
use common::peer::{CloseReason, ConnId, PublicKey};
use common::seal::Seal;
use common::store::{Memory, Ranges, Storage};
use common::testing::Lone;
use common::user::{Command, Failure, Fetch, FetchId, FileInfo, Hit, Note, SharedFile};
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
        let memory = Arc::new(Memory::from(bytes.to_vec()));
        let file = lone.store.add(memory.clone());
        let info = FileInfo { name: name.into(), size: bytes.len() as u64, digest, ..FileInfo::default() };
        lone.command(Command::Share(Arc::new([SharedFile { file, info: Arc::new(info) }])));
        Alone { lone, file: memory }
    }

    /// One that fetches from these into `store`.
    pub fn fetching(
        config: Config,
        candidates: Vec<Arc<Hit>>,
        store: (Arc<dyn Storage>, Arc<Memory>),
        have: Ranges,
    ) -> Alone {
        let Alone { mut lone, .. } = Alone::new(config);
        let into = lone.store.add(store.0);
        lone.command(Command::Fetch(Box::new(Fetch { fetch: FetchId(1), candidates, into, have })));
        Alone { lone, file: store.1 }
    }

    /// Somebody dials from 10.0.1.`host` and sends this.
    pub fn call(&mut self, host: u8, bytes: &str) -> ConnId {
        let conn = self.lone.accept(remote(host));
        self.lone.feed(conn, bytes.as_bytes());
        conn
    }

    /// Sends text and returns what came back.
    pub fn say(&mut self, conn: ConnId, text: &str) -> String {
        self.lone.feed(conn, text.as_bytes());
        self.text(conn)
    }

    /// What has been sent since, as text.
    pub fn text(&mut self, conn: ConnId) -> String {
        String::from_utf8(self.lone.take(conn)).expect("heads and the content of these tests are text")
    }

    /// The next dial is answered; the head of the request that comes.
    pub fn asked(&mut self) -> Option<(ConnId, SocketAddrV4, String)> {
        let (conn, to) = self.lone.next_dial()?;
        self.lone.answer((conn, to));
        Some((conn, to, self.text(conn)))
    }

    /// The next dial is refused.
    pub fn refuse(&mut self) -> Option<SocketAddrV4> {
        let (conn, to) = self.lone.next_dial()?;
        self.lone.hang_up(conn, CloseReason::Refused);
        Some(to)
    }

    /// The far side does its part of the seal's handshake, if the node has begun one; the side that the node takes.
    pub fn seal(&mut self, conn: ConnId) -> Option<Seal> {
        let side = self.lone.awaits_seal(conn)?;
        self.lone.seal(conn, PublicKey([9; 32]));
        Some(side)
    }

    /// How the download has ended, if it has.
    pub fn end(&self) -> Option<Result<(), Failure>> {
        self.lone.notes.iter().find_map(|note| match note {
            Note::Fetched(_) => Some(Ok(())),
            Note::Failed(_, why) => Some(Err(*why)),
            _ => None,
        })
    }

    /// Bytes of each upload that the user was told of.
    pub fn uploaded(&self) -> Vec<u64> {
        let bytes = |note: &Note| if let Note::Uploaded(_, bytes) = note { Some(*bytes) } else { None };
        self.lone.notes.iter().filter_map(bytes).collect()
    }
}
