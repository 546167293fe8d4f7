//! Nodes on loopback sockets with real files, in the test's own process.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::digest::Fingerprint;
use common::net::{Attachment, Line, NodeId};
use common::peer::Time;
use common::seal::Identity;
use common::store::Disk;
use common::tcp::{Clock, Handle, Limits, NodeConfig, SharedStore, spawn};
use common::user::{Command, Failure, Fetch, FetchId, FileInfo, Hit, Note, Query, SearchId, SharedFile};
use kazaa::config::{Config, Role};
use kazaa::node::Node;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Far beyond what any step takes: a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Live {
    pub handle: Handle,
    pub store: SharedStore,
    notes: UnboundedReceiver<Note>,
}

/// What a node has sent in all.
pub struct Sent {
    pub body: u64,
    /// What sealing cost beside it.
    pub sealing: u64,
}

impl Live {
    /// A node behind a line of 16 Mbit/s, so that files of some megabytes take a while.
    pub async fn start(number: u32, config: Config) -> Live {
        let line = Line::kbps(16_000, 16_000, Duration::from_millis(1));
        Live::start_behind(line, number, config).await
    }

    pub async fn start_behind(line: Line, number: u32, config: Config) -> Live {
        let (sender, notes) = unbounded_channel();
        let store = SharedStore::default();
        let node = NodeConfig {
            node: NodeId(number),
            listen: Some(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)),
            datagrams: None,
            attachment: Attachment { line, firewalled: config.firewalled },
            limits: Limits::default(),
            seed: 1,
            clock: Clock::start(),
            identity: Identity::generate(),
        };
        let sink = Arc::new(move |_: Time, _: NodeId, note: Note| {
            // A test that has ended no longer listens.
            let _ = sender.send(note);
        });
        let handle = spawn(Node::ordinary(config), node, store.clone(), sink).await.unwrap();
        Live { handle, store, notes }
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
        let mut child = Live::start(number, config).await;
        child.wait_for(|note| matches!(note, Note::Online).then_some(())).await;
        child
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
            digest: Some(Fingerprint::KAZAA.of(&disk).unwrap()),
            ..FileInfo::default()
        };
        let file = self.store.add(Arc::new(disk));
        let shared = SharedFile { file, info: Arc::new(info.clone()) };
        self.handle.command(Command::Share(Arc::new([shared]))).await.unwrap();
        info
    }

    /// Searches until something is found: what is shared is known in its own time.
    pub async fn find(&mut self, words: &str) -> Vec<Arc<Hit>> {
        for search in 1..1000 {
            let search = SearchId(search);
            self.handle.command(Command::Search(search, Arc::new(Query::words(words)))).await.unwrap();
            let mut hits = Vec::new();
            while let Some(hit) = self
                .wait_for(|note| match note {
                    Note::Found(id, hit) if *id == search => Some(Some(hit.clone())),
                    Note::SearchEnded(id, _) if *id == search => Some(None),
                    _ => None,
                })
                .await
            {
                hits.push(hit);
            }
            if !hits.is_empty() {
                return hits;
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
    pub async fn end(&mut self) -> Result<(), Failure> {
        self.wait_for(|note| match note {
            Note::Fetched(_) => Some(Ok(())),
            Note::Failed(_, why) => Some(Err(*why)),
            _ => None,
        })
        .await
    }

    /// Stops it, and says what it has sent.
    pub async fn stop(self) -> Sent {
        let snapshot = self.handle.shutdown().await.unwrap();
        Sent { body: snapshot.load.body_sent, sealing: snapshot.sealing.sent }
    }
}
