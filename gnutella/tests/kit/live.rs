//! Servents on loopback sockets with real files, in the test's own process.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::digest::Fingerprint;
use common::net::{Attachment, Line, NodeId};
use common::peer::Time;
use common::store::Disk;
use common::tcp::{Clock, Handle, Identity, Limits, NodeConfig, SharedStore, spawn};
use common::user::{Command, Fetch, FetchId, FileInfo, Hit, Note, Query, SearchId, SharedFile};
use gnutella::node::Node;
use gnutella::servent::ServentConfig;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Far beyond what any step takes: a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Live {
    pub handle: Handle,
    pub store: SharedStore,
    notes: UnboundedReceiver<Note>,
}

impl Live {
    /// A servent behind a line of 16 Mbit/s, so that files of some megabytes take a while.
    pub async fn start(number: u32, config: ServentConfig) -> Live {
        Live::start_at(Ipv4Addr::LOCALHOST, number, config).await
    }

    /// The same on another address of this machine.
    pub async fn start_at(ip: Ipv4Addr, number: u32, config: ServentConfig) -> Live {
        let line = Line::kbps(16_000, 16_000, Duration::from_millis(1));
        let attachment = Attachment { line, firewalled: config.firewalled };
        let (sender, notes) = unbounded_channel();
        let store = SharedStore::default();
        let node = NodeConfig {
            node: NodeId(number),
            listen: Some(SocketAddrV4::new(ip, 0)),
            datagrams: None,
            attachment,
            limits: Limits::default(),
            seed: 1,
            clock: Clock::start(),
            identity: Identity::generate(),
        };
        let sink = Arc::new(move |_: Time, _: NodeId, note: Note| {
            // A test that has ended no longer listens.
            let _ = sender.send(note);
        });
        let handle = spawn(Node::servent(config), node, store.clone(), sink).await.unwrap();
        Live { handle, store, notes }
    }

    pub fn address(&self) -> SocketAddrV4 {
        self.handle.address()
    }

    pub async fn wait_for<T>(&mut self, wanted: impl Fn(&Note) -> Option<T>) -> T {
        let mut seen = Vec::new();
        let wait = async {
            loop {
                let note = self.notes.recv().await.expect("the node lives");
                if let Some(found) = wanted(&note) {
                    return found;
                }
                seen.push(note);
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(found) => found,
            Err(_) => panic!("not told what the test waits for, but {seen:?}"),
        }
    }

    /// Shares one file of these bytes, and says what it is.
    pub async fn share(&self, dir: &Path, name: &str, bytes: &[u8]) -> FileInfo {
        let path = dir.join(name);
        std::fs::write(&path, bytes).unwrap();
        let disk = Disk::open(&path).unwrap();
        let info = FileInfo {
            name: format!("Songs/{name}").into(),
            size: bytes.len() as u64,
            digest: Some(Fingerprint::GNUTELLA.of(&disk).unwrap()),
            ..FileInfo::default()
        };
        let file = self.store.add(Arc::new(disk));
        let shared = SharedFile { file, info: Arc::new(info.clone()) };
        self.handle.command(Command::Share(Arc::new([shared]))).await.unwrap();
        info
    }

    pub async fn online(&mut self) {
        self.wait_for(|note| matches!(note, Note::Online).then_some(())).await;
    }

    /// Searches for one file until it is found: what is shared is known in its own time. The search is over with its first result,
    /// so that nothing depends on how long one without results would be waited for.
    pub async fn find(&mut self, words: &str) -> Arc<Hit> {
        let query = Arc::new(Query { results_max: 1, ..Query::words(words) });
        for search in (1..1000).map(SearchId) {
            self.handle.command(Command::Search(search, Arc::clone(&query))).await.unwrap();
            let found = self
                .wait_for(|note| match note {
                    Note::Found(id, hit) if *id == search => Some(Some(hit.clone())),
                    Note::SearchEnded(id, _) if *id == search => Some(None),
                    _ => None,
                })
                .await;
            if let Some(hit) = found {
                return hit;
            }
        }
        panic!("{words} is not found");
    }

    pub async fn fetch(&mut self, candidates: Vec<Arc<Hit>>, disk: &Arc<Disk>) {
        let into = self.store.add(disk.clone());
        let fetch = Fetch { fetch: FetchId(1), candidates, into, have: disk.have() };
        self.handle.command(Command::Fetch(Box::new(fetch))).await.unwrap();
    }

    pub async fn wait_for_bytes(&mut self, bytes: u64) {
        self.wait_for(|note| matches!(note, Note::Progress(_, have) if *have >= bytes).then_some(())).await;
    }

    /// How the download ends.
    pub async fn end(&mut self) -> Result<(), common::user::Failure> {
        self.wait_for(|note| match note {
            Note::Fetched(_) => Some(Ok(())),
            Note::Failed(_, why) => Some(Err(*why)),
            _ => None,
        })
        .await
    }

    /// Stops it and says how many bytes of bodies it has sent.
    pub async fn stop(self) -> u64 {
        self.handle.shutdown().await.unwrap().load.body_sent
    }
}
