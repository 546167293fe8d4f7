//! Servents on loopback sockets, in the test's own process.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::digest::Fingerprint;
use common::net::{Attachment, NodeId};
use common::peer::Time;
use common::store::{Disk, Ranges};
use common::tcp::{Clock, Handle, Limits, NodeConfig, SharedStore, spawn};
use common::user::{Command, Fetch, FetchId, FileInfo, Hit, Note, Query, SearchId, SharedFile};
use gnutella::node::Node;
use gnutella::servent::{Knobs, ServentConfig};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Far beyond what any step takes: a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Where all servents of this kit listen. Other tests' servents, which may run at the same time, do not remember it.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 91, 0, 1);

/// A running servent.
pub struct Live {
    pub handle: Handle,
    store: SharedStore,
    notes: UnboundedReceiver<Note>,
}

impl Live {
    /// A servent that links with these and with nobody else.
    pub async fn start(number: u32, connect: &[&Live], firewalled: bool) -> Live {
        let connect = connect.iter().map(|live| live.handle.address()).collect();
        let ping_every = Some(Duration::from_secs(1));
        let knobs = Arc::new(Knobs { keeps_degree: false, ping_every, ..Knobs::default() });
        let servent = ServentConfig { connect, firewalled, knobs, ..ServentConfig::default() };
        let (sender, notes) = unbounded_channel();
        let store = SharedStore::default();
        let config = NodeConfig {
            node: NodeId(number),
            listen: Some(SocketAddrV4::new(ADDRESS, 0)),
            attachment: Attachment { firewalled, ..Attachment::default() },
            limits: Limits::default(),
            seed: u64::from(number),
            clock: Clock::start(),
        };
        let sink = Arc::new(move |_: Time, _: NodeId, note: Note| {
            // A test that has ended no longer listens.
            let _ = sender.send(note);
        });
        let handle = spawn(Node::servent(servent), config, store.clone(), sink).await.unwrap();
        Live { handle, store, notes }
    }

    /// Shares one file of these bytes under this name.
    pub async fn share(&self, folder: &Path, name: &str, bytes: &[u8]) {
        let path = folder.join("shared");
        std::fs::write(&path, bytes).unwrap();
        let disk = Disk::open(&path).unwrap();
        let digest = Some(Fingerprint::GNUTELLA.of(&disk).unwrap());
        let info = FileInfo { name: name.into(), size: bytes.len() as u64, digest, ..FileInfo::default() };
        let file = self.store.add(Arc::new(disk));
        let shared = SharedFile { file, info: Arc::new(info) };
        self.handle.command(Command::Share(Arc::new([shared]))).await.unwrap();
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

    pub async fn online(&mut self) {
        self.wait_for(|note| matches!(note, Note::Online).then_some(())).await;
    }

    /// The first hit of a search.
    pub async fn find(&mut self, words: &str) -> Arc<Hit> {
        let query = Arc::new(Query::words(words));
        self.handle.command(Command::Search(SearchId(1), query)).await.unwrap();
        self.wait_for(|note| if let Note::Found(_, hit) = note { Some(hit.clone()) } else { None }).await
    }

    /// Downloads a file into this folder.
    pub async fn fetch(&mut self, hit: Arc<Hit>, folder: &Path) {
        let disk = Disk::create(folder, &hit.info).unwrap();
        let into = self.store.add(Arc::new(disk));
        let fetch = Fetch { fetch: FetchId(1), candidates: vec![hit], into, have: Ranges::default() };
        self.handle.command(Command::Fetch(Box::new(fetch))).await.unwrap();
        self.wait_for(|note| match note {
            Note::Fetched(_) => Some(()),
            Note::Failed(_, why) => panic!("{why:?}"),
            _ => None,
        })
        .await;
    }
}
