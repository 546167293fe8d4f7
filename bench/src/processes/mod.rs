//! Hosts in processes of their own: workers, started from our own executable, or agents, started by somebody elsewhere.
//!
//! ```text
//!  coordinator ── starts ──► bench worker --control 127.0.0.1:PORT    (the token comes through its standard input)
//!              ◄── calls ─── bench agent --join HOST:PORT             (the token comes from its environment or its user)
//!        ◄── Hello: version, token; an agent's capacity and network ──
//!        ── Task: overlay, scenario, nodes, and where all nodes are ──►
//!        ◄── Ready ──
//!        ── Order ──►  ◄── Report ──       until one side is gone
//! ```
//!
//! A worker lives as long as its control channel: whatever ends the coordinator (its own end, Ctrl-C, a panic, `kill -9`)
//! closes the channel, and the worker stops its nodes and exits. A worker that dies is noticed the same way. An agent does the
//! same, but dials again: it takes part in one run after the other, each by a channel of its own, until nobody answers.
//!
//! The token lets in and the channel is not sealed: it is meant for a laboratory's own network.

use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc as reports;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use common::net::NodeId;

use crate::cluster::{ORDERS_WAITING_MAX, Order, Places, Report};
use crate::coordinate::{Hosts, RunError, coordinate, free_port};
use crate::overlay::Contestant;
use crate::trace::Outcome;
use crate::watch::Watch;
use crate::world::World;

mod agents;
mod control;
mod frame;
mod member;

pub use agents::{AGENTS_MAX, Agents};
pub use control::{Room, Token};
pub use frame::{FRAME_BYTES_MAX, FrameError, read_frame, write_frame};
pub use member::{TOKEN_VARIABLE, join, network, token_of_the_run, work};

use control::{Control, Member, Ready, Task, Word};

/// How many workers a run is spread over: enough that every pair of roles meets across processes.
pub const WORKERS: usize = 4;
/// How long a worker may take to call back, and whoever has a task to be ready.
const CALL_BACK_MAX: Duration = Duration::from_secs(20);
/// How long a stopped worker may take to exit before it is killed.
const EXIT_MAX: Duration = Duration::from_secs(10);

/// A worker that does not outlive its owner.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        // It has been told to stop, or its channel is closed; what does not exit then is stuck.
        let asked = Instant::now();
        while let Ok(None) = self.0.try_wait() {
            if asked.elapsed() > EXIT_MAX {
                let _ = self.0.kill();
                let _ = self.0.wait();
                return;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

fn failed(what: &str, why: &dyn std::fmt::Display) -> RunError {
    RunError(format!("cannot {what}: {why}"))
}

/// Runs the world on an overlay with its nodes, on addresses of this network, spread over processes of `executable`.
///
/// # Errors
/// If workers cannot be started or do not call back.
pub fn run(
    contestant: &'static dyn Contestant,
    world: &Arc<World>,
    network: Ipv4Addr,
    watch: &Watch,
    executable: &Path,
) -> Result<Outcome, RunError> {
    let token = Token::draw();
    let control = Control::open((Ipv4Addr::LOCALHOST, 0).into(), token)?;
    let shares = shares(contestant.servers(&world.scenario), world.people.len() as u32);
    let mut workers = Vec::new();
    for _ in &shares {
        let child = start(executable, control.address, &token).map_err(|e| failed("start a worker", &e))?;
        workers.push(Worker(child));
    }
    let mut members = Vec::new();
    let deadline = Instant::now() + CALL_BACK_MAX;
    while members.len() < shares.len() {
        let left = deadline.saturating_duration_since(Instant::now());
        let late = || format!("a worker has not called back within {} s", CALL_BACK_MAX.as_secs());
        members.push(control.next(left)?.ok_or_else(|| RunError(late()))?);
    }
    // Nobody else is awaited while the run lasts.
    drop(control);
    let places = Places::within(network, free_port(network)?);
    lead(contestant, world, members, shares, &places, watch)
}

/// Gives each member its share of the nodes, and leads the run.
fn lead(
    contestant: &'static dyn Contestant,
    world: &Arc<World>,
    members: Vec<Member>,
    shares: Vec<Vec<NodeId>>,
    places: &Places,
    watch: &Watch,
) -> Result<Outcome, RunError> {
    let (sender, receiver) = reports::channel();
    let mut hosts = Hosts { orders: Vec::new(), nodes: shares, reports: receiver };
    for (host, Member { mut link, from, .. }) in members.into_iter().enumerate() {
        let task = Task {
            overlay: contestant.name().to_owned(),
            scenario: world.scenario.to_text(),
            nodes: hosts.nodes[host].clone(),
            places: places.clone(),
        };
        let instruct = |error: &dyn std::fmt::Display| RunError(format!("cannot instruct {from}: {error}"));
        write_frame(&mut link, &Word::Task(task)).map_err(|e| instruct(&e))?;
        link.set_read_timeout(Some(CALL_BACK_MAX)).map_err(|e| instruct(&e))?;
        read_frame::<Ready>(&mut link)
            .map_err(|e| instruct(&e))?
            .map_err(|why| RunError(format!("{from}: {why}")))?;
        link.set_read_timeout(None).map_err(|e| instruct(&e))?;
        hosts.orders.push(connect(host, link, sender.clone()).map_err(|e| instruct(&e))?);
    }
    drop(sender);
    coordinate(hosts, world, contestant.servers(&world.scenario), watch)
}

/// The servers in the first process, people in turn in the others.
fn shares(servers: u32, people: u32) -> Vec<Vec<NodeId>> {
    let workers = (people as usize).clamp(1, WORKERS - 1);
    let mut shares = vec![(0..servers).map(NodeId).collect::<Vec<_>>()];
    shares.resize_with(workers + 1, Vec::new);
    for person in 0..people {
        shares[1 + person as usize % workers].push(NodeId(servers + person));
    }
    shares.retain(|nodes| !nodes.is_empty());
    shares
}

fn start(executable: &Path, control: SocketAddr, token: &Token) -> std::io::Result<Child> {
    let mut command = Command::new(executable);
    command.args(["worker", "--control", &control.to_string()]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn()?;
    // Through a pipe, since anyone on the machine can read another process' arguments.
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| token.write(&mut stdin));
    written.map(|()| child)
}

/// The two directions of a worker's channel, each with its thread; both end with the channel.
fn connect(
    host: usize,
    link: TcpStream,
    reports: reports::Sender<(usize, Report)>,
) -> std::io::Result<mpsc::Sender<Order>> {
    let (orders, mut orders_receiver) = mpsc::channel(ORDERS_WAITING_MAX);
    let mut reading = link.try_clone()?;
    let mut writing = link;
    std::thread::spawn(move || {
        while let Some(order) = orders_receiver.blocking_recv() {
            if write_frame(&mut writing, &order).is_err() {
                return;
            }
        }
        let _ = writing.shutdown(Shutdown::Both);
    });
    std::thread::spawn(move || {
        loop {
            let report = read_frame::<Report>(&mut reading).unwrap_or_else(|error| {
                Report::Died(format!("its process is gone or makes no sense: {error}"))
            });
            let last = matches!(report, Report::Ended(_) | Report::Died(_));
            if reports.send((host, report)).is_err() || last {
                return;
            }
        }
    });
    Ok(orders)
}
