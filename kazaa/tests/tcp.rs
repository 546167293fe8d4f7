//! A thousand nodes on loopback sockets in one process: they join by one address, elect their supernodes, and lose a third of
//! them at once. Ten seconds later every search succeeds as before.
//!
//! Orphans find another supernode in far less than that on a quiet machine; here a thousand nodes share two cores. So searches
//! go on from the moment of the loss, of which those of the first ten seconds may fail and later ones may not. The waits that are
//! made for real networks are shortened alike: see [`knobs`].

mod kit;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::net::NodeId;
use common::tcp::{Handle, raise_fd_limit};
use common::testing::live::Place;
use common::user::{Command, Note, Query, SearchEnd, SearchId};
use kazaa::config::{Config, Knobs};
use kazaa::node::Node;
use kit::files::share;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg32;
use tokio::task::JoinSet;

const NODES: u32 = 1_000;
const CHILDREN_MAX: usize = 75;
/// After the loss of a third of the supernodes everything must work again in this time.
const RECOVERY: Duration = Duration::from_secs(10);
/// Searches that must succeed after it.
const SEARCHES: u32 = 200;
/// Far beyond what any step takes: a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(180);
/// A thousand ports, two ends of a thousand sessions and of the links, and as much again for probes.
const OPEN_FILES: u64 = 15_000;

/// Nodes need no uptime to rise, since none has any; rounds follow each other in a quarter of a second, and a query waits two seconds for
/// answers.
fn knobs() -> Knobs {
    Knobs {
        children_max: CHILDREN_MAX,
        supernode_uptime_min: Duration::ZERO,
        retry: Duration::from_millis(250),
        upkeep_every: Duration::from_secs(2),
        load_every: Duration::from_secs(4),
        answer_timeout: Duration::from_secs(2),
        enough: 1,
        queries_burst: 1_000,
        ..Knobs::default()
    }
}

struct Cluster {
    place: Place,
    knobs: Arc<Knobs>,
    living: Vec<Handle>,
    supernodes: BTreeSet<NodeId>,
    online: BTreeSet<NodeId>,
    searches: u32,
    rng: Pcg32,
}

impl Cluster {
    /// Starts another node, which shares a file that is called after it.
    async fn add(&mut self, known: &[SocketAddrV4]) {
        let node = self.living.len() as u32;
        let config = Config {
            user: format!("user{node}").into(),
            supernodes: known.into(),
            knobs: self.knobs.clone(),
            ..Config::default()
        };
        let handle = self.place.start(node, Node::ordinary(config)).await;
        handle.command(share(&format!("number{node}.ogg"))).await.unwrap();
        self.living.push(handle);
    }

    /// The next thing that a user is told.
    async fn note(&mut self) -> (NodeId, Note) {
        let (node, note) = self.place.notes.recv().await.expect("the sender is kept");
        match &note {
            Note::Online => drop(self.online.insert(node)),
            Note::Offline(_) => drop(self.online.remove(&node)),
            Note::Text(text) if text.ends_with("is a supernode now") => drop(self.supernodes.insert(node)),
            Note::Text(text) if text.ends_with("no longer") => drop(self.supernodes.remove(&node)),
            _ => {}
        }
        (node, note)
    }

    async fn all_online(&mut self) {
        let wait = async {
            while self.online.len() < self.living.len() {
                self.note().await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, wait).await;
        let (online, supernodes) = (self.online.len(), self.supernodes.len());
        assert!(
            in_time.is_ok(),
            "{online} of {} are online, with {supernodes} supernodes",
            self.living.len()
        );
    }

    /// Somebody searches for what somebody else has. Says who for whose and how it ended, if it was not found.
    async fn finds(&mut self) -> Result<(), (NodeId, NodeId, SearchEnd)> {
        let (asker, other) = (self.any(), self.rng.random_range(1..self.living.len()));
        let (holder, node) =
            (self.living[(asker + other) % self.living.len()].node(), self.living[asker].node());
        self.searches += 1;
        let name = SearchId(self.searches);
        let query = Query { results_max: 1, ..Query::words(format!("number{}", holder.0)) };
        self.living[asker].command(Command::Search(name, Arc::new(query))).await.unwrap();
        let mut found = false;
        let search = async {
            loop {
                match self.note().await {
                    (who, Note::Found(id, hit)) if (who, id) == (node, name) => {
                        let address = hit.holder.address.expect("nobody is firewalled");
                        assert_eq!(self.place.node_at(address), holder);
                        found = true;
                    }
                    (who, Note::SearchEnded(id, end)) if (who, id) == (node, name) => return end,
                    _ => {}
                }
            }
        };
        let end = tokio::time::timeout(PATIENCE, search).await.expect("a search ends");
        if found { Ok(()) } else { Err((node, holder, end)) }
    }

    fn any(&mut self) -> usize {
        self.rng.random_range(0..self.living.len())
    }

    /// Searches until a hundred in a row have succeeded: all shares have come, and all supernodes have met.
    async fn settle(&mut self) {
        let begun = Instant::now();
        let mut in_a_row = 0;
        while in_a_row < 100 {
            in_a_row = if self.finds().await.is_ok() { in_a_row + 1 } else { 0 };
            assert!(begun.elapsed() < PATIENCE, "{in_a_row} searches in a row succeed, not a hundred");
        }
    }

    /// These crash, all at the same time.
    async fn kill(&mut self, nodes: &BTreeSet<NodeId>) {
        let (dead, living) = self.living.drain(..).partition(|handle| nodes.contains(&handle.node()));
        self.living = living;
        let mut ends = JoinSet::new();
        for handle in dead {
            self.online.remove(&handle.node());
            self.supernodes.remove(&handle.node());
            ends.spawn(handle.kill());
        }
        for end in ends.join_all().await {
            end.expect("no node has panicked");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_elect_supernodes_and_searches_survive_the_loss_of_a_third_of_them() {
    let files = raise_fd_limit().unwrap();
    assert!(
        files >= OPEN_FILES,
        "this needs {OPEN_FILES} open files, and the system allows {files}: ulimit -n"
    );
    let mut cluster = Cluster {
        place: Place::new(Ipv4Addr::new(127, 96, 0, 0)),
        knobs: Arc::new(knobs()),
        living: Vec::new(),
        supernodes: BTreeSet::new(),
        online: BTreeSet::new(),
        searches: 0,
        rng: Pcg32::seed_from_u64(5),
    };
    cluster.add(&[]).await;
    cluster.all_online().await;
    let first = cluster.living[0].address();
    for _ in 1..NODES {
        cluster.add(&[first]).await;
    }
    cluster.all_online().await;
    let elected = cluster.supernodes.len();
    assert!(
        (13..=200).contains(&elected),
        "{elected} supernodes for a thousand with {CHILDREN_MAX} places each"
    );
    cluster.settle().await;

    let dead: BTreeSet<NodeId> =
        cluster.supernodes.iter().copied().take(cluster.supernodes.len() / 3).collect();
    cluster.kill(&dead).await;
    let lost = Instant::now();
    while lost.elapsed() < RECOVERY {
        // What the loss has cost is known when it is made up for.
        let _ = cluster.finds().await;
    }
    for nth in 0..SEARCHES {
        let found = cluster.finds().await;
        assert_eq!(found, Ok(()), "search {nth}, {:?} after the loss", lost.elapsed());
    }

    let all = cluster.living.iter().map(Handle::node).collect();
    cluster.kill(&all).await;
}
