//! Nodes on loopback sockets, in the test's own process.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use common::net::{Attachment, NodeId};
use common::peer::Time;
use common::tcp::{Clock, Handle, Identity, Limits, NodeConfig, SharedStore, spawn};
use common::user::{Command, Hit, Note, Query, SearchId};
use napster::node::Node;
use napster::peer::PeerConfig;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Far beyond what any step takes: a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Live {
    pub handle: Handle,
    pub store: SharedStore,
    pub notes: UnboundedReceiver<Note>,
}

pub async fn start(node: Node, number: u32, firewalled: bool) -> Live {
    start_at(node, number, Attachment { firewalled, ..Attachment::default() }).await
}

pub async fn start_at(node: Node, number: u32, attachment: Attachment) -> Live {
    let (sender, notes) = unbounded_channel();
    let store = SharedStore::default();
    let config = NodeConfig {
        node: NodeId(number),
        listen: Some(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)),
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
    let handle = spawn(node, config, store.clone(), sink).await.unwrap();
    Live { handle, store, notes }
}

impl Live {
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

    pub async fn hits(&mut self, words: &str) -> Vec<Arc<Hit>> {
        let search = SearchId(1);
        self.handle.command(Command::Search(search, Arc::new(Query::words(words)))).await.unwrap();
        let mut hits = Vec::new();
        while let Some(hit) = self
            .wait_for(|note| match note {
                Note::Found(_, hit) => Some(Some(hit.clone())),
                Note::SearchEnded(..) => Some(None),
                _ => None,
            })
            .await
        {
            hits.push(hit);
        }
        hits
    }
}

pub async fn peer(server: &Live, nick: &str, number: u32, firewalled: bool) -> Live {
    peer_at(server, nick, number, Attachment { firewalled, ..Attachment::default() }).await
}

pub async fn peer_at(server: &Live, nick: &str, number: u32, attachment: Attachment) -> Live {
    let config = PeerConfig {
        server: server.handle.address(),
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
    for _ in 0..10_000 {
        let hits = asker.hits(words).await;
        if !hits.is_empty() {
            return hits;
        }
    }
    panic!("the list never arrived");
}
