//! Nodes on loopback sockets, in the test's own process.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::digest::Fingerprint;
use crate::net::{Attachment, NodeId};
use crate::peer::{Peer, Time};
use crate::seal::Identity;
use crate::store::Disk;
use crate::tcp::{Clock, Handle, Limits, NodeConfig, SharedStore, Snapshot, spawn};
use crate::user::{Command, Failure, Fetch, FetchId, FileInfo, Hit, Note, Query, SearchId, SharedFile};

/// Far beyond what any step takes: a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Searches after which what is looked for will not be found.
const SEARCHES_MAX: u32 = 1_000;

/// One node with a store of its own, and what its user is told.
///
/// ```no_run
/// # async fn example<P: common::peer::Peer + Send + 'static>(peer: P) {
/// use common::net::Attachment;
/// use common::testing::live::Live;
/// use common::user::Query;
///
/// let mut node = Live::start(peer, 0, Live::LOCALHOST, Attachment::default()).await;
/// node.online().await;
/// let hits = node.find(&Query::words("some song")).await;
/// # }
/// ```
pub struct Live {
    /// The node.
    pub handle: Handle,
    /// Its files.
    pub store: SharedStore,
    notes: UnboundedReceiver<Note>,
    searches: u32,
}

impl Live {
    /// Any free port of this machine.
    pub const LOCALHOST: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);

    /// Starts a node.
    ///
    /// # Panics
    /// If it cannot listen there.
    pub async fn start<P>(peer: P, number: u32, listen: SocketAddrV4, attachment: Attachment) -> Live
    where
        P: Peer + Send + 'static,
    {
        let (sender, notes) = unbounded_channel();
        let store = SharedStore::default();
        let node = node_config(number, listen, attachment, Clock::start());
        let sink = Arc::new(move |_: Time, _: NodeId, note: Note| {
            // A test that has ended no longer listens.
            let _ = sender.send(note);
        });
        let handle = spawn(peer, node, store.clone(), sink).await.expect("a free port");
        Live { handle, store, notes, searches: 0 }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddrV4 {
        self.handle.address()
    }

    /// A user's command.
    ///
    /// # Panics
    /// If the node is gone.
    pub async fn command(&self, command: Command) {
        self.handle.command(command).await.expect("the node lives");
    }

    /// Waits until the user is told something of which `wanted` makes something.
    ///
    /// # Panics
    /// After [`PATIENCE`], with all that the user was told meanwhile.
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

    /// Waits until it is part of the overlay.
    ///
    /// # Panics
    /// As [`Live::wait_for`].
    pub async fn online(&mut self) {
        self.wait_for(|note| matches!(note, Note::Online).then_some(())).await;
    }

    /// Shares one file of these bytes, and says what it is.
    ///
    /// # Panics
    /// If the folder takes no file.
    pub async fn share(&self, dir: &Path, name: &str, bytes: &[u8], fingerprint: Fingerprint) -> FileInfo {
        let path = dir.join(name);
        std::fs::write(&path, bytes).expect("the folder takes a file");
        let disk = Disk::open(&path).expect("it was written");
        let info = FileInfo {
            name: format!("Songs/{name}").into(),
            size: bytes.len() as u64,
            digest: Some(fingerprint.of(&disk).expect("it can be read")),
            ..FileInfo::default()
        };
        let file = self.store.add(Arc::new(disk));
        let shared = SharedFile { file, info: Arc::new(info.clone()) };
        self.command(Command::Share(Arc::new([shared]))).await;
        info
    }

    /// What a search finds.
    ///
    /// # Panics
    /// If it does not end.
    pub async fn search(&mut self, query: &Query) -> Vec<Arc<Hit>> {
        self.searches += 1;
        let search = SearchId(self.searches);
        self.command(Command::Search(search, Arc::new(query.clone()))).await;
        let mut hits = Vec::new();
        let next = |note: &Note| match note {
            Note::Found(id, hit) if *id == search => Some(Some(Arc::clone(hit))),
            Note::SearchEnded(id, _) if *id == search => Some(None),
            _ => None,
        };
        while let Some(hit) = self.wait_for(next).await {
            hits.push(hit);
        }
        hits
    }

    /// Searches until something is found: what others share is known in its own time, which nobody tells a searcher.
    ///
    /// # Panics
    /// If nothing ever is.
    pub async fn find(&mut self, query: &Query) -> Vec<Arc<Hit>> {
        for _ in 0..SEARCHES_MAX {
            let hits = self.search(query).await;
            if !hits.is_empty() {
                return hits;
            }
        }
        panic!("`{}` is not found", query.words);
    }

    /// Starts a download.
    ///
    /// # Panics
    /// If the node is gone.
    pub async fn fetch(&mut self, candidates: Vec<Arc<Hit>>, disk: &Arc<Disk>) {
        let into = self.store.add(Arc::clone(disk) as _);
        let fetch = Fetch { fetch: FetchId(1), candidates, into, have: disk.have() };
        self.command(Command::Fetch(Box::new(fetch))).await;
    }

    /// Waits until a download has so many bytes.
    ///
    /// # Panics
    /// As [`Live::wait_for`].
    pub async fn wait_for_bytes(&mut self, bytes: u64) {
        self.wait_for(|note| matches!(note, Note::Progress(_, have) if *have >= bytes).then_some(())).await;
    }

    /// How the download ends.
    ///
    /// # Errors
    /// If it fails.
    ///
    /// # Panics
    /// As [`Live::wait_for`].
    pub async fn end(&mut self) -> Result<(), Failure> {
        let ended = |note: &Note| match note {
            Note::Fetched(_) => Some(Ok(())),
            Note::Failed(_, why) => Some(Err(*why)),
            _ => None,
        };
        self.wait_for(ended).await
    }

    /// Has it leave, and says what it has counted.
    ///
    /// # Panics
    /// If the node has panicked.
    pub async fn stop(self) -> Snapshot {
        self.handle.shutdown().await.expect("the node is sound")
    }
}

/// Where many nodes are started, each at its own address, and one channel for what all their users are told.
pub struct Place {
    /// The part of 127/8 in which they are.
    pub network: Ipv4Addr,
    /// What their users are told.
    pub notes: UnboundedReceiver<(NodeId, Note)>,
    clock: Clock,
    sender: UnboundedSender<(NodeId, Note)>,
}

impl Place {
    /// In a part of 127/8 that no other test uses.
    pub fn new(network: Ipv4Addr) -> Place {
        let (sender, notes) = unbounded_channel();
        Place { network, notes, clock: Clock::start(), sender }
    }

    /// Where a node listens, whether it is there already or not.
    pub fn address(&self, node: u32) -> SocketAddrV4 {
        // A port of this process' own, so that two test runs on one machine do not meet.
        let port = 20_000 + (std::process::id() % 10_000) as u16;
        NodeId(node).address(self.network, port)
    }

    /// The node that listens there.
    pub fn node_at(&self, address: SocketAddrV4) -> NodeId {
        NodeId(address.ip().to_bits() - self.address(0).ip().to_bits())
    }

    /// Starts a node.
    ///
    /// # Panics
    /// If somebody else listens at its address.
    pub async fn start<P: Peer + Send + 'static>(&self, node: u32, peer: P) -> Handle {
        let sender = self.sender.clone();
        let sink = Arc::new(move |_: Time, node: NodeId, note: Note| {
            // A test that has ended no longer listens.
            let _ = sender.send((node, note));
        });
        let config = node_config(node, self.address(node), Attachment::default(), self.clock);
        spawn(peer, config, SharedStore::default(), sink).await.expect("nobody else is there")
    }
}

fn node_config(number: u32, listen: SocketAddrV4, attachment: Attachment, clock: Clock) -> NodeConfig {
    NodeConfig {
        node: NodeId(number),
        listen: Some(listen),
        datagrams: None,
        attachment,
        limits: Limits::default(),
        seed: 1,
        clock,
        identity: Identity::generate(),
    }
}
