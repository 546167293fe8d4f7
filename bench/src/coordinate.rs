//! A run over real sockets, from the outside: gives orders to its hosts, strikes with faults, notices who died, and
//! puts their reports together.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{self as reports, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use common::metrics::NodeLoad;
use common::net::NodeId;
use common::peer::Time;

use crate::cluster::{HostEnds, HostPlan, ORDERS_WAITING_MAX, Order, Places, Report};
use crate::faults::{Schedule, hit};
use crate::overlay::Contestant;
use crate::scenario::{Harm, Turn};
use crate::simulate::SETTLING;
use crate::trace::Outcome;
use crate::watch::Watch;
use crate::world::World;

/// How long hosts may take to stop.
const STOPPING_MAX: Duration = Duration::from_secs(30);
/// How often the coordinator looks at its clock.
const GLANCE: Duration = Duration::from_millis(20);
/// How long after a question the hosts' answers count.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// The hosts of a run, as their coordinator sees them.
pub struct Hosts {
    /// By host: where its orders go.
    pub orders: Vec<mpsc::Sender<Order>>,
    /// By host: its nodes.
    pub nodes: Vec<Vec<NodeId>>,
    /// What they report, with the host's number.
    pub reports: reports::Receiver<(usize, Report)>,
}

/// Why a run could not be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RunError(pub String);

/// Runs the world on an overlay with all nodes in this process, on addresses of this network.
///
/// # Errors
/// If no host could be started.
pub fn in_this_process(
    contestant: &'static dyn Contestant,
    world: &Arc<World>,
    network: Ipv4Addr,
    watch: &Watch,
) -> Result<Outcome, RunError> {
    let (orders_sender, orders) = mpsc::channel(ORDERS_WAITING_MAX);
    let (host_sender, host_reports) = reports::channel();
    let (sender, receiver) = reports::channel();
    let servers = contestant.servers(&world.scenario);
    let nodes: Vec<NodeId> = (0..servers + world.people.len() as u32).map(NodeId).collect();
    let places = Places::within(network, free_port(network)?);
    let plan = HostPlan { world: Arc::clone(world), nodes: nodes.clone(), places };
    let host = std::thread::spawn(move || {
        let ends = HostEnds { orders, reports: host_sender };
        contestant.host(plan, ends).map_err(|error| error.to_string())
    });
    let forward = std::thread::spawn(move || {
        while let Ok(report) = host_reports.recv() {
            if sender.send((0, report)).is_err() {
                return;
            }
        }
        let died = match host.join() {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => "the host panicked".to_owned(),
        };
        let _ = sender.send((0, Report::Died(died)));
    });
    let hosts = Hosts { orders: vec![orders_sender], nodes: vec![nodes], reports: receiver };
    let outcome = coordinate(hosts, world, servers, watch);
    // The thread ends with the host, and the host ended with its orders.
    let _ = forward.join();
    outcome
}

/// A port that is free on the first addresses of a part of 127/8, outside the range from which outgoing connections are numbered.
///
/// # Errors
/// If there is none.
pub fn free_port(network: Ipv4Addr) -> Result<u16, RunError> {
    let probed = [0, 1, 2].map(NodeId);
    let is_free =
        |port: u16| probed.iter().all(|node| TcpListener::bind(node.address(network, port)).is_ok());
    candidate_ports().find(|port| is_free(*port)).ok_or_else(|| {
        let [first, _, last] = probed.map(|node| *node.address(network, 0).ip());
        RunError(format!("no free port on {first} to {last}; this system may not have all of 127/8"))
    })
}

/// Ports outside the range from which outgoing connections are numbered, others in each process.
pub(crate) fn candidate_ports() -> impl Iterator<Item = u16> {
    const FIRST: u32 = 20_000;
    const COUNT: u32 = 12_000;
    let start = std::process::id().wrapping_mul(61);
    (0..100).map(move |n| (FIRST + (start.wrapping_add(n * 37)) % COUNT) as u16)
}

/// Leads a run from its start to its end.
///
/// # Errors
/// If a host died before anything had begun.
pub fn coordinate(hosts: Hosts, world: &World, servers: u32, watch: &Watch) -> Result<Outcome, RunError> {
    let count = hosts.orders.len();
    let mut run = Run {
        hosts,
        servers,
        schedule: Schedule::new(&world.scenario.faults),
        start: Instant::now(),
        busy: vec![None; count],
        over: vec![false; count],
        outcome: Outcome::default(),
        loads: BTreeMap::new(),
        answers: 0,
    };
    run.tell_all(&Order::Go);
    run.outcome.cut_short = run.until_done(world, watch);
    run.outcome.ended = Time::ZERO + run.start.elapsed();
    watch.over();
    run.stop();
    run.finish(world)
}

struct Run {
    hosts: Hosts,
    servers: u32,
    schedule: Schedule,
    start: Instant,
    /// By host: people who are not done, once it has said so.
    busy: Vec<Option<u64>>,
    /// By host: it has ended or died.
    over: Vec<bool>,
    outcome: Outcome,
    loads: BTreeMap<NodeId, NodeLoad>,
    answers: usize,
}

impl Run {
    fn tell_all(&self, order: &Order) {
        for orders in &self.hosts.orders {
            // A host that is gone, or does not listen, is found out by its silence.
            let _ = orders.try_send(order.clone());
        }
    }

    /// True if the scenario's limit, or the death of all hosts, ended the run.
    fn until_done(&mut self, world: &World, watch: &Watch) -> bool {
        let mut done_since: Option<Instant> = None;
        loop {
            let elapsed = self.start.elapsed();
            if let Some((turn, fault)) = self.schedule.due(elapsed) {
                self.strike(world, turn, fault);
            }
            self.hear(GLANCE);
            let living = || self.busy.iter().zip(&self.over).filter(|(_, over)| !**over);
            let busy: u64 = living().map(|(busy, _)| busy.unwrap_or(1)).sum();
            let busy = busy + u64::from(self.schedule.awaits_return());
            watch.at(elapsed, busy as usize);
            let now = Instant::now();
            done_since = if busy == 0 { done_since.or(Some(now)) } else { None };
            if self.over.iter().all(|over| *over) || elapsed >= world.scenario.duration_limit() {
                return true;
            }
            if done_since.is_some_and(|since| now.duration_since(since) >= SETTLING) {
                return false;
            }
        }
    }

    /// Takes in the next report, if one comes in time, and all that wait behind it.
    fn hear(&mut self, patience: Duration) {
        let mut next = self.hosts.reports.recv_timeout(patience);
        loop {
            match next {
                Ok((host, report)) => self.heard(host, report),
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => {
                    self.over.fill(true);
                    return;
                }
            }
            next = self.hosts.reports.recv_timeout(Duration::ZERO);
        }
    }

    fn heard(&mut self, host: usize, report: Report) {
        match report {
            Report::News { records, busy } => {
                self.busy[host] = Some(busy);
                self.outcome.records.extend(records);
            }
            Report::Loads(loads) => {
                self.answers += 1;
                self.loads.extend(loads);
            }
            Report::Ended(totals) => {
                self.over[host] = true;
                self.loads.extend(totals.loads);
                self.outcome.delivered.extend(totals.delivered);
                self.outcome.casualties.extend(totals.casualties);
                self.outcome.cut_off += totals.cut_off;
                if self.outcome.kinds.is_empty() {
                    self.outcome.kinds = totals.kinds;
                } else {
                    for (mine, theirs) in self.outcome.kinds.iter_mut().zip(totals.kinds) {
                        mine.traffic += theirs.traffic;
                    }
                }
            }
            Report::Died(why) => {
                self.over[host] = true;
                self.outcome.casualties.push(format!("host {host}: {why}"));
            }
        }
    }

    fn strike(&mut self, world: &World, turn: Turn, fault: usize) {
        match world.scenario.faults[fault].harm {
            Harm::Crash(whom) => {
                let victims = hit(world, self.servers, fault, whom, || self.living_loads());
                victims.into_iter().for_each(|victim| self.kill(victim));
            }
            Harm::Back => {
                self.schedule.bring_back();
                self.tell_all(&Order::Revive);
            }
            Harm::Cut { .. } | Harm::Slow { .. } | Harm::Corrupt { .. } => {
                debug_assert!(false, "{turn:?} of what is refused before a run over real sockets");
            }
        }
    }

    fn kill(&mut self, victim: NodeId) {
        let host = self.hosts.nodes.iter().position(|nodes| nodes.binary_search(&victim).is_ok());
        if let Some(host) = host {
            self.schedule.lose(victim);
            let _ = self.hosts.orders[host].try_send(Order::Kill(victim));
        }
    }

    /// Has all hosts say what their nodes have carried so far.
    fn count(&mut self) {
        self.answers = 0;
        self.tell_all(&Order::Count);
        let asked = Instant::now();
        let living = self.over.iter().filter(|over| !**over).count();
        while self.answers < living && asked.elapsed() < ANSWER_MAX {
            self.hear(GLANCE);
        }
    }

    /// What the nodes have carried so far that have not vanished.
    fn living_loads(&mut self) -> Vec<(NodeId, NodeLoad)> {
        self.count();
        let loads = self.loads.iter().map(|(node, load)| (*node, *load));
        loads.filter(|(node, _)| !self.schedule.is_gone(*node)).collect()
    }

    fn stop(&mut self) {
        // An overlay does not fall silent when its people are done. All that has been received is counted before any of
        // what was sent, so that nobody can have received what nobody sent; good-byes are not among it.
        self.count();
        let before = std::mem::take(&mut self.loads);
        self.tell_all(&Order::Stop);
        let asked = Instant::now();
        while !self.over.iter().all(|over| *over) && asked.elapsed() < STOPPING_MAX {
            self.hear(GLANCE);
        }
        for (host, _) in self.over.iter().enumerate().filter(|(_, over)| !**over) {
            let seconds = STOPPING_MAX.as_secs();
            self.outcome.casualties.push(format!("host {host}: did not stop within {seconds} s"));
        }
        for (node, load) in &mut self.loads {
            let received = before.get(node).copied().unwrap_or_default();
            (load.received, load.body_received) = (received.received, received.body_received);
        }
        // Whoever still listens for orders hears that none will come.
        self.hosts.orders.clear();
    }

    fn finish(mut self, world: &World) -> Result<Outcome, RunError> {
        if self.outcome.records.is_empty()
            && let Some(why) = self.outcome.casualties.first()
        {
            return Err(RunError(why.clone()));
        }
        let nodes = self.servers + world.people.len() as u32;
        let load = |node| self.loads.get(&NodeId(node)).copied().unwrap_or_default();
        self.outcome.loads = (0..nodes).map(load).collect();
        self.outcome.records.sort_by_key(|record| record.at);
        Ok(self.outcome)
    }
}
