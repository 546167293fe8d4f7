//! Nodes over real sockets: the host that runs some of them in this process.
//!
//! A host knows nothing of the others. It starts its nodes when their time comes, lets its people act, reports what
//! they do and are told, and obeys [`Order`]s. One [coordinator](crate::coordinate) commands all hosts of a run, be they
//! threads of its own process or processes of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc as reports;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use common::metrics::{ByKind, NodeLoad};
use common::net::NodeId;
use common::peer::Time;
use common::store::{Checking, Storage, Store};
use common::tcp::{
    self, Clock, Handle, Identity, Limits, NodeConfig, NoteSink, SharedStore, Snapshot, StartError,
};
use common::user::{Command, FetchId, Note};

use crate::crowd::Crowd;
use crate::overlay::{Cast, Networks, Overlay, set_up};
use crate::simulate::kinds;
use crate::trace::{CutOff, Delivered, KindCount, Record, What};
use crate::world::World;

/// Notes that wait to be read. More than a thousand nodes say in a second; one beyond is lost, counted, and spoils the run.
const NOTES_WAITING_MAX: usize = 1 << 17;
/// Orders that wait to be obeyed.
pub const ORDERS_WAITING_MAX: usize = 1_024;
/// How often a host reports, and how late it may be in acting.
const REPORT_EVERY: Duration = Duration::from_millis(50);

/// What a host is to run.
pub struct HostPlan {
    /// The world, the same at every host.
    pub world: Arc<World>,
    /// Which nodes are here, rising.
    pub nodes: Vec<NodeId>,
    /// Where the nodes are.
    pub places: Places,
}

/// Where the nodes of a run are, those of all hosts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Places {
    /// The networks in which every node has an address of its own: parts of 127/8, unless machines share the run.
    pub networks: Vec<Ipv4Addr>,
    /// By node, which of them; the first where nothing is said.
    pub of_node: Vec<u8>,
    /// The port on which every node listens.
    pub port: u16,
}

impl Places {
    /// All in one network.
    pub fn within(network: Ipv4Addr, port: u16) -> Self {
        Places { networks: vec![network], of_node: Vec::new(), port }
    }

    fn networks(&self) -> Networks<'_> {
        Networks { networks: &self.networks, of_node: &self.of_node }
    }
}

/// A host's ears and mouth.
pub struct HostEnds {
    /// What it is told.
    pub orders: mpsc::Receiver<Order>,
    /// What it tells.
    pub reports: reports::Sender<Report>,
}

/// What a host is told. When nobody can tell it anything any more, it stops.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Order {
    /// Time is zero now.
    Go,
    /// This node vanishes.
    Kill(NodeId),
    /// Report the loads of all nodes.
    Count,
    /// Stop everything and report the end.
    Stop,
    /// All nodes that were made to vanish come back.
    Revive,
}

/// What a host tells.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Report {
    /// What happened, and how many people here are not done yet.
    News {
        /// In order.
        records: Vec<Record>,
        /// People who are not done or have not come.
        busy: u64,
    },
    /// The answer to [`Order::Count`].
    Loads(Vec<(NodeId, NodeLoad)>),
    /// The answer to [`Order::Stop`]; the last report.
    Ended(Box<Totals>),
    /// The host cannot go on, in words; the last report.
    Died(String),
}

/// What a host has counted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Totals {
    /// By node.
    pub loads: Vec<(NodeId, NodeLoad)>,
    /// By kind of message.
    pub kinds: Vec<KindCount>,
    /// The destinations of downloads that were begun.
    pub delivered: Vec<Delivered>,
    /// What limits cut off.
    pub cut_off: CutOff,
    /// What broke, in words.
    pub casualties: Vec<String>,
}

/// Why a host could not run.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A node could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The system refused what a host needs.
    #[error("cannot run a cluster here: {0}")]
    System(#[from] std::io::Error),
}

/// Runs a host until it is told to stop.
///
/// # Errors
/// If a node cannot start.
pub fn host<O: Overlay>(plan: HostPlan, ends: HostEnds) -> Result<(), HostError> {
    // Refused, the limit stays what it was, and a cluster too large for it says so when it meets it.
    let _ = tcp::raise_fd_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let world = Arc::clone(&plan.world);
    runtime.block_on(async move {
        let (cast, overlay) = set_up::<O>(&world, plan.places.networks(), plan.places.port);
        Host::new(cast, overlay, &plan.nodes, ends.reports).run(ends.orders).await
    })
}

struct Host<'a, O: Overlay> {
    cast: Cast<'a>,
    overlay: O,
    clock: Clock,
    /// Nodes that have not started, the next one last.
    coming: Vec<NodeId>,
    nodes: BTreeMap<NodeId, Handle>,
    /// Nodes that were made to vanish and are not back.
    killed: BTreeSet<NodeId>,
    /// What the nodes that are gone had counted, those among them that are back.
    gone: Vec<(NodeId, Snapshot)>,
    sinks: BTreeMap<FetchId, Arc<Checking>>,
    crowd: Crowd<'a>,
    records: Vec<Record>,
    reports: reports::Sender<Report>,
    notes: mpsc::Receiver<(Time, NodeId, Note)>,
    sink: NoteSink,
    notes_lost: Arc<AtomicU64>,
    casualties: Vec<String>,
}

impl<'a, O: Overlay> Host<'a, O> {
    fn new(cast: Cast<'a>, overlay: O, nodes: &[NodeId], reports: reports::Sender<Report>) -> Self {
        let (sender, notes) = mpsc::channel(NOTES_WAITING_MAX);
        let notes_lost = Arc::new(AtomicU64::new(0));
        let lost = Arc::clone(&notes_lost);
        let sink: NoteSink = Arc::new(move |at, node, note| {
            if sender.try_send((at, node, note)).is_err() {
                lost.fetch_add(1, Ordering::Relaxed);
            }
        });
        Host {
            cast,
            overlay,
            clock: Clock::start(),
            coming: nodes.iter().rev().copied().collect(),
            nodes: BTreeMap::new(),
            killed: BTreeSet::new(),
            gone: Vec::new(),
            sinks: BTreeMap::new(),
            crowd: Crowd::new(cast, O::holder),
            records: Vec::new(),
            reports,
            notes,
            sink,
            notes_lost,
            casualties: Vec::new(),
        }
    }

    async fn run(mut self, mut orders: mpsc::Receiver<Order>) -> Result<(), HostError> {
        let mut going = false;
        let mut tick = tokio::time::interval(REPORT_EVERY);
        loop {
            let next = self.next_due().filter(|_| going);
            let wait = next.map_or(REPORT_EVERY, |at| at.since(self.clock.now()));
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Go) => {
                        self.clock = Clock::start();
                        going = true;
                    }
                    Some(Order::Kill(node)) => self.kill(node).await,
                    Some(Order::Revive) => self.revive().await,
                    Some(Order::Count) => self.say(Report::Loads(self.loads())),
                    Some(Order::Stop) => break,
                    // Whoever led the run is gone: nobody counts any more, and good-byes would keep this process for seconds.
                    None => {
                        self.vanish().await;
                        return Ok(());
                    }
                },
                Some((at, node, note)) = self.notes.recv() => self.told(at, node, note),
                () = tokio::time::sleep(wait.min(REPORT_EVERY)), if going => self.due().await?,
                _ = tick.tick() => self.report(),
            }
        }
        self.stop().await;
        Ok(())
    }

    fn arrival(&self, node: NodeId) -> Time {
        self.cast.person(node).map_or(Time::ZERO, |person| self.cast.world.people[person].arrival)
    }

    fn next_due(&self) -> Option<Time> {
        let arrival = self.coming.last().map(|node| self.arrival(*node));
        [arrival, self.crowd.next_due()].into_iter().flatten().min()
    }

    /// Whatever is due: nodes that start, people who act.
    async fn due(&mut self) -> Result<(), HostError> {
        let now = self.clock.now();
        while let Some(node) = self.coming.pop_if(|node| {
            let person = self.cast.person(*node);
            person.map_or(Time::ZERO, |person| self.cast.world.people[person].arrival) <= now
        }) {
            self.start(node).await?;
            self.crowd.seat(node);
        }
        while let Some(action) = self.crowd.act(now) {
            let node = action.record.node;
            self.records.push(action.record);
            if let (Some(handle), Some(command)) = (self.nodes.get(&node), action.command) {
                // A node that has ended says so in its own way; its people are then not heard of again.
                let _ = handle.command(command).await;
            }
        }
        Ok(())
    }

    async fn start(&mut self, node: NodeId) -> Result<(), HostError> {
        let world = self.cast.world;
        let items = self.cast.items_at(node, O::CONTENT_FROM);
        let mut store = Store::default();
        for item in &items {
            store.add(world.content(*item));
        }
        if let Some(person) = self.cast.person(node) {
            for (fetch, planned) in world.workload.downloads_of(person) {
                // Whoever comes back has what was there.
                let sink = self.sinks.entry(fetch).or_insert_with(|| world.sink(planned.item));
                let file = store.add(Arc::clone(sink) as Arc<dyn Storage>);
                debug_assert_eq!(file, world.sink_number(person, fetch));
            }
        }
        let config = NodeConfig {
            node,
            listen: Some(self.cast.address(node)),
            datagrams: None,
            tls: common::tcp::Tls::default(),
            attachment: self.cast.attachment(node),
            limits: Limits::default(),
            seed: world.scenario.seed,
            clock: self.clock,
            identity: Identity::generate(),
        };
        let peer = self.overlay.peer(&self.cast, node);
        let handle = tcp::spawn(peer, config, SharedStore::new(store), Arc::clone(&self.sink)).await?;
        self.records.push(Record { at: self.clock.now(), node, what: What::Arrived });
        if !items.is_empty() {
            let _ = handle.command(Command::Share(world.as_shared(&items, O::FINGERPRINT))).await;
        }
        self.nodes.insert(node, handle);
        Ok(())
    }

    async fn revive(&mut self) {
        for node in std::mem::take(&mut self.killed) {
            match self.start(node).await {
                Ok(()) => self.crowd.reseat(node, self.clock.now()),
                Err(error) => {
                    self.casualties.push(format!("{}: does not come back: {error}", self.cast.title(node)));
                }
            }
        }
    }

    fn told(&mut self, at: Time, node: NodeId, note: Note) {
        self.records.extend(self.crowd.told(at, node, note));
    }

    async fn kill(&mut self, node: NodeId) {
        let Some(handle) = self.nodes.remove(&node) else { return };
        self.killed.insert(node);
        self.crowd.remove(node);
        self.records.push(Record { at: self.clock.now(), node, what: What::Crashed });
        let snapshot = handle.kill().await;
        self.bury(node, snapshot);
    }

    fn bury(&mut self, node: NodeId, snapshot: Result<Snapshot, tcp::Crashed>) {
        let snapshot = snapshot.unwrap_or_else(|crashed| {
            self.casualties.push(format!("{}: {crashed}", self.cast.title(node)));
            *crashed.snapshot
        });
        self.gone.push((node, snapshot));
    }

    fn loads(&self) -> Vec<(NodeId, NodeLoad)> {
        let here = self.nodes.iter().map(|(node, handle)| (*node, handle.snapshot().load));
        by_node(here.chain(self.gone.iter().map(|(node, snapshot)| (*node, snapshot.load))))
    }

    fn report(&mut self) {
        let records = std::mem::take(&mut self.records);
        let busy = (self.coming.len() + self.crowd.busy()) as u64;
        self.say(Report::News { records, busy });
    }

    fn say(&self, report: Report) {
        // Nobody listens any more: the order to stop, or the end of the orders, is on its way.
        let _ = self.reports.send(report);
    }

    /// All nodes end at once.
    async fn vanish(mut self) {
        let mut ends = tokio::task::JoinSet::new();
        while let Some((_, handle)) = self.nodes.pop_first() {
            ends.spawn(handle.kill());
        }
        // How each ended does not matter to anybody any more.
        drop(ends.join_all().await);
    }

    async fn stop(mut self) {
        // What the run has cost is counted before the good-byes.
        let counted: Vec<(NodeId, Snapshot)> =
            self.nodes.iter().map(|(node, handle)| (*node, handle.snapshot())).collect();
        let mut ends = tokio::task::JoinSet::new();
        while let Some((node, handle)) = self.nodes.pop_first() {
            ends.spawn(async move { (node, handle.shutdown().await) });
        }
        while let Some(Ok((node, ended))) = ends.join_next().await {
            if let Err(crashed) = ended {
                self.casualties.push(format!("{}: {crashed}", self.cast.title(node)));
            }
        }
        while let Ok((at, node, note)) = self.notes.try_recv() {
            // The good-byes end what was under way; that belongs to the end, not to the run.
            if !matches!(note, Note::SearchEnded(..) | Note::Failed(..) | Note::Offline(_) | Note::ShutOut(_))
            {
                self.told(at, node, note);
            }
        }
        self.report();
        let totals = self.totals(&counted);
        self.say(Report::Ended(Box::new(totals)));
    }

    fn totals(&mut self, counted: &[(NodeId, Snapshot)]) -> Totals {
        let mut by_kind = ByKind::default();
        let mut loads = Vec::new();
        let mut totals = Totals { casualties: std::mem::take(&mut self.casualties), ..Totals::default() };
        for (node, snapshot) in counted.iter().chain(&self.gone) {
            loads.push((*node, snapshot.load));
            by_kind.merge(&snapshot.by_kind);
            totals.cut_off += CutOff {
                refused: snapshot.refused_full + snapshot.refused_address,
                overflows: snapshot.overflows,
                protocol_errors: snapshot.protocol_errors,
            };
        }
        totals.loads = by_node(loads.into_iter());
        totals.kinds = kinds::<O>(by_kind.iter());
        let lost = self.notes_lost.load(Ordering::Relaxed);
        if lost > 0 {
            totals.casualties.push(format!("{lost} notes came faster than the harness could read them"));
        }
        let delivered = |(fetch, sink): (&FetchId, &Arc<Checking>)| Delivered {
            fetch: *fetch,
            intact: sink.is_complete(),
        };
        totals.delivered = self.sinks.iter().map(delivered).collect();
        totals
    }
}

/// What each node has carried in all its lives.
fn by_node(lives: impl Iterator<Item = (NodeId, NodeLoad)>) -> Vec<(NodeId, NodeLoad)> {
    let mut loads: BTreeMap<NodeId, NodeLoad> = BTreeMap::new();
    lives.for_each(|(node, load)| *loads.entry(node).or_default() += load);
    loads.into_iter().collect()
}
