//! A thousand servents on loopback sockets in one process: they join by one address, keep their degree while a tenth of
//! them is replaced, and find what anybody shares.
//!
//! What is asked of them is that 10 % may leave each minute. Here the hundred of that minute go in ten turns that follow
//! each other as fast as a search finds what it wants and the newcomers are in: in each turn five say good-bye, five crash,
//! and ten newcomers appear, who know one address of somebody alive (were it to die before they have spoken to it, they
//! could never join; now and then it does right after, and they must have heard of others from it). So the overlay has far
//! less than a minute to heal, and the waits that are made for real networks are shortened alike: see [`knobs`].
//!
//! Degrees are what the driver counts, not what servents say: the connections of each node, which are its links once
//! nobody dials any more. That the graph is connected shows in a flood that everybody answers.

mod kit;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::net::NodeId;
use common::tcp::{Handle, raise_fd_limit};
use common::testing::live::Place;
use common::user::{Command, Note, Query, SearchId};
use gnutella::node::Node;
use gnutella::servent::{Knobs, ServentConfig};
use kit::files::share;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg32;
use tokio::task::JoinSet;

const SERVENTS: usize = 1_000;
/// Far beyond what any step takes: a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(120);
/// A thousand ports, two ends of about 4,500 links, and half as much again for handshakes that come to nothing.
const OPEN_FILES: u64 = 15_000;
/// A word in the name of every file.
const EVERYBODY: &str = "everybody";
const TURNS: usize = 10;

/// The wait after a refusal is a tenth of what it is by default, and pings come twice as often: a thousand servents that share
/// two cores could not bear more of them.
fn knobs() -> Knobs {
    Knobs {
        retry: Duration::from_millis(500),
        ping_every: Some(Duration::from_secs(10)),
        search_wait: Duration::from_secs(3),
        ..Knobs::default()
    }
}

struct Cluster {
    place: Place,
    knobs: Arc<Knobs>,
    living: Vec<Handle>,
    nodes: u32,
    searches: u32,
    online: BTreeSet<NodeId>,
    /// What those were told last who were told that they are not.
    offline: BTreeMap<NodeId, String>,
    rng: Pcg32,
}

impl Cluster {
    fn new() -> Cluster {
        Cluster {
            place: Place::new(Ipv4Addr::new(127, 92, 0, 0)),
            knobs: Arc::new(knobs()),
            living: Vec::new(),
            nodes: 0,
            searches: 0,
            online: BTreeSet::new(),
            offline: BTreeMap::new(),
            rng: Pcg32::seed_from_u64(5),
        }
    }

    /// Starts another servent, who shares a file that is called after it.
    async fn add(&mut self, connect: &[SocketAddrV4]) {
        let config =
            ServentConfig { connect: connect.into(), knobs: self.knobs.clone(), ..ServentConfig::default() };
        let handle = self.place.start(self.nodes, Node::servent(config)).await;
        handle.command(share(&format!("{EVERYBODY} number{}.ogg", self.nodes))).await.unwrap();
        self.living.push(handle);
        self.nodes += 1;
    }

    fn any(&mut self) -> usize {
        self.rng.random_range(0..self.living.len())
    }

    /// The next thing that a user is told.
    async fn note(&mut self) -> (NodeId, Note) {
        let (node, note) = self.place.notes.recv().await.expect("the sender is kept");
        match note {
            Note::Online => drop(self.online.insert(node)),
            Note::Offline(ref why) => {
                self.online.remove(&node);
                self.offline.insert(node, why.to_string());
            }
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
        let missing = self.living.iter().map(Handle::node).filter(|node| !self.online.contains(node));
        let missing: Vec<_> = missing.map(|node| (node, self.offline.get(&node))).collect();
        assert!(in_time.is_ok(), "of {} not all are online: {missing:?}", self.living.len());
    }

    /// Searches, and says who answered: at most `wanted`, after which the search is over.
    async fn search(&mut self, asker: usize, words: &str, wanted: usize) -> BTreeSet<NodeId> {
        self.searches += 1;
        let (name, node) = (SearchId(self.searches), self.living[asker].node());
        let query = Query { results_max: wanted as u32, ..Query::words(words) };
        self.living[asker].command(Command::Search(name, Arc::new(query))).await.unwrap();
        let mut holders = BTreeSet::new();
        let search = async {
            loop {
                match self.note().await {
                    (who, Note::Found(id, hit)) if (who, id) == (node, name) => {
                        let address = hit.holder.address.expect("nobody is firewalled");
                        let host = address.ip().to_bits() - self.place.address(0).ip().to_bits();
                        holders.insert(NodeId(host));
                    }
                    (who, Note::SearchEnded(id, _)) if (who, id) == (node, name) => return,
                    _ => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, search).await.expect("a search ends");
        holders
    }

    /// How many have fewer neighbours than they want, and how many each has on average.
    fn degree(&self) -> (usize, f64) {
        let degrees: Vec<u64> = self.living.iter().map(|handle| handle.snapshot().connections).collect();
        let lacking = degrees.iter().filter(|degree| **degree < self.knobs.degree as u64).count();
        (lacking, degrees.iter().sum::<u64>() as f64 / degrees.len() as f64)
    }

    /// Searches for everybody until everybody answers and has as many neighbours as they want.
    async fn settle(&mut self) {
        let begun = Instant::now();
        loop {
            let others = self.living.len() - 1;
            let asker = self.any();
            let answered = self.search(asker, EVERYBODY, others).await.len();
            let (lacking, mean) = self.degree();
            if answered == others && lacking == 0 {
                // Nobody lacks any, and nobody takes more than the most that it may have.
                assert!(mean <= self.knobs.degree_max as f64, "{mean} neighbours on average");
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{answered} of {others} answer, {lacking} lack neighbours");
        }
    }

    /// Half of `count` say good-bye and half crash, all at the same time.
    async fn lose(&mut self, count: usize) {
        let mut ends = JoinSet::new();
        for number in 0..count {
            let gone = self.any();
            let gone = self.living.swap_remove(gone);
            self.online.remove(&gone.node());
            ends.spawn(
                async move { if number % 2 == 0 { gone.shutdown().await } else { gone.kill().await } },
            );
        }
        for end in ends.join_all().await {
            end.expect("no servent has panicked");
        }
    }

    /// So many newcomers.
    async fn gain(&mut self, count: usize) {
        for _ in 0..count {
            let known = self.any();
            let known = self.living[known].address();
            self.add(&[known]).await;
        }
    }

    /// Somebody searches for what somebody else has until it is found; says how often they had to.
    async fn find_one(&mut self) -> usize {
        let (asker, other) = (self.any(), self.rng.random_range(1..self.living.len()));
        let holder = self.living[(asker + other) % self.living.len()].node();
        let begun = Instant::now();
        for searches in 1.. {
            let found = self.search(asker, &format!("number{}", holder.0), 1).await;
            if found == BTreeSet::from([holder]) {
                return searches;
            }
            assert!(found.is_empty() && begun.elapsed() < PATIENCE, "{found:?} for {holder:?}");
        }
        unreachable!("somebody has run out of patience")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_join_by_one_address_and_a_tenth_is_replaced() {
    let files = raise_fd_limit().unwrap();
    assert!(
        files >= OPEN_FILES,
        "this needs {OPEN_FILES} open files, and the system allows {files}: ulimit -n"
    );
    let mut cluster = Cluster::new();
    cluster.add(&[]).await;
    let seed = cluster.living[0].address();
    for _ in 1..SERVENTS {
        cluster.add(&[seed]).await;
    }
    cluster.all_online().await;
    cluster.settle().await;

    let mut searches = 0;
    for turn in 0..TURNS {
        cluster.lose(SERVENTS / 10 / TURNS).await;
        searches += cluster.find_one().await;
        cluster.gain(SERVENTS / 10 / TURNS).await;
        cluster.all_online().await;
        let (lacking, mean) = cluster.degree();
        // The newcomers, of course, and the neighbours of those who went in this turn, at most as many as each may have:
        // who lost one before has found another meanwhile.
        let lacking_max = SERVENTS / 10 / TURNS * (cluster.knobs.degree_max + 1);
        assert!(lacking <= lacking_max, "turn {turn}: {lacking} lack neighbours, of {mean} on average");
    }
    assert!(searches <= TURNS + TURNS / 2, "{searches} searches for {TURNS} files");
    cluster.settle().await;

    cluster.lose(SERVENTS).await;
}
