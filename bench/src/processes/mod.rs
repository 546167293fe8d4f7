//! Hosts in processes of their own, started from our own executable.
//!
//! ```text
//!  coordinator ── starts ──► bench worker --control 127.0.0.1:PORT    (the token comes through its standard input)
//!        ◄── Hello: version, token ──
//!        ── Task: overlay, scenario, nodes ──►
//!        ── Order ──►  ◄── Report ──       until one side is gone
//! ```
//!
//! A worker lives as long as its control channel: whatever ends the coordinator (its own end, Ctrl-C, a panic, `kill -9`)
//! closes the channel, and the worker stops its nodes and exits. A worker that dies is noticed the same way.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc as reports;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use common::net::NodeId;

use crate::cluster::{HostEnds, HostPlan, ORDERS_WAITING_MAX, Order, Report};
use crate::coordinate::{Hosts, RunError, coordinate, free_port};
use crate::overlay::Contestant;
use crate::overlays::overlays;
use crate::scenario::Scenario;
use crate::trace::Outcome;
use crate::watch::Watch;
use crate::world::World;

mod frame;

pub use frame::{FRAME_BYTES_MAX, FrameError, read_frame, write_frame};

/// Changes with every change of what is said on the control channel.
const CONTROL_VERSION: u32 = 4;
/// How many workers a run is spread over: enough that every pair of roles meets across processes.
pub const WORKERS: usize = 4;
/// How long a worker may take to call back.
const CALL_BACK_MAX: Duration = Duration::from_secs(20);
/// How long a stopped worker may take to exit before it is killed.
const EXIT_MAX: Duration = Duration::from_secs(10);
/// Bytes of the token that tells our workers from whoever else connects to the control port.
const TOKEN_BYTES: usize = 32;

/// The first frame of a worker.
#[derive(Debug, Serialize, Deserialize)]
struct Hello {
    control: u32,
    program: String,
    token: [u8; TOKEN_BYTES],
}

/// The first frame to a worker.
#[derive(Debug, Serialize, Deserialize)]
struct Task {
    overlay: String,
    /// In its TOML form: bincode has no word for a field that is left out.
    scenario: String,
    nodes: Vec<NodeId>,
    network: Ipv4Addr,
    port: u16,
}

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
    let failed = |what: &str, why: &dyn std::fmt::Display| RunError(format!("cannot {what}: {why}"));
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| failed("open the control port", &e))?;
    let control = listener.local_addr().map_err(|e| failed("open the control port", &e))?;
    let servers = contestant.servers(&world.scenario);
    let shares = shares(servers, world.people.len() as u32);
    let token = token().map_err(|e| failed("draw a token", &e))?;
    let mut workers = Vec::new();
    for _ in &shares {
        let child = start(executable, control, &token).map_err(|e| failed("start a worker", &e))?;
        workers.push(Worker(child));
    }
    let mut links = Vec::new();
    let deadline = Instant::now() + CALL_BACK_MAX;
    while links.len() < shares.len() {
        links.push(accept(&listener, &token, deadline)?);
    }
    let port = free_port(network)?;
    let (sender, receiver) = reports::channel();
    let mut hosts = Hosts { orders: Vec::new(), nodes: shares, reports: receiver };
    for (host, mut link) in links.into_iter().enumerate() {
        let task = Task {
            overlay: contestant.name().to_owned(),
            scenario: world.scenario.to_text(),
            nodes: hosts.nodes[host].clone(),
            network,
            port,
        };
        write_frame(&mut link, &task).map_err(|e| failed("instruct a worker", &e))?;
        // Ready: the worker has made its world too.
        let Hello { .. } = read_frame(&mut link).map_err(|e| failed("instruct a worker", &e))?;
        link.set_read_timeout(None).map_err(|e| failed("instruct a worker", &e))?;
        hosts.orders.push(connect(host, link, sender.clone()).map_err(|e| failed("reach a worker", &e))?);
    }
    drop(sender);
    coordinate(hosts, world, servers, watch)
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

/// Unpredictable bytes, from the keys that the standard library draws from the system for its hash tables.
fn token() -> std::io::Result<[u8; TOKEN_BYTES]> {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    let mut token = [0; TOKEN_BYTES];
    for chunk in token.chunks_mut(8) {
        chunk.copy_from_slice(&RandomState::new().build_hasher().finish().to_le_bytes());
    }
    Ok(token)
}

fn start(executable: &Path, control: SocketAddr, token: &[u8; TOKEN_BYTES]) -> std::io::Result<Child> {
    let mut command = Command::new(executable);
    command.args(["worker", "--control", &control.to_string()]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn()?;
    // Through a pipe, since anyone on the machine can read another process' arguments.
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(token));
    written.map(|()| child)
}

/// The next connection that knows the token.
fn accept(
    listener: &TcpListener,
    token: &[u8; TOKEN_BYTES],
    deadline: Instant,
) -> Result<TcpStream, RunError> {
    let system = |error: std::io::Error| RunError(format!("the control port failed: {error}"));
    listener.set_nonblocking(true).map_err(system)?;
    loop {
        match listener.accept() {
            Ok((mut link, _)) => {
                link.set_nonblocking(false).map_err(system)?;
                link.set_read_timeout(Some(CALL_BACK_MAX)).map_err(system)?;
                match read_frame::<Hello>(&mut link) {
                    Ok(hello) if hello.token == *token => {
                        let program = env!("CARGO_PKG_VERSION");
                        if hello.control != CONTROL_VERSION || hello.program != program {
                            return Err(RunError(format!(
                                "a worker is of version {} (control {}), this program of {program} ({CONTROL_VERSION}); \
                                 build again",
                                hello.program, hello.control
                            )));
                        }
                        return Ok(link);
                    }
                    // Not one of ours; it has cost a connection.
                    Ok(_) | Err(_) => {}
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                if Instant::now() > deadline {
                    let seconds = CALL_BACK_MAX.as_secs();
                    return Err(RunError(format!("a worker has not called back within {seconds} s")));
                }
                std::thread::park_timeout(Duration::from_millis(5));
            }
            Err(error) => return Err(system(error)),
        }
    }
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
                Report::Died(format!("the process is gone or makes no sense: {error}"))
            });
            let last = matches!(report, Report::Ended(_) | Report::Died(_));
            if reports.send((host, report)).is_err() || last {
                return;
            }
        }
    });
    Ok(orders)
}

/// The life of a worker: calls back, takes its task, runs its nodes until told to stop or the channel closes.
///
/// # Errors
/// If there is no coordinator, or it says what makes no sense.
pub fn work(control: SocketAddr) -> Result<(), RunError> {
    let failed = |what: &str, why: &dyn std::fmt::Display| RunError(format!("worker: cannot {what}: {why}"));
    let mut token = [0; TOKEN_BYTES];
    std::io::stdin().read_exact(&mut token).map_err(|e| failed("read its token", &e))?;
    let mut link = TcpStream::connect(control).map_err(|e| failed("reach its coordinator", &e))?;
    let hello = Hello { control: CONTROL_VERSION, program: env!("CARGO_PKG_VERSION").to_owned(), token };
    write_frame(&mut link, &hello).map_err(|e| failed("say hello", &e))?;
    let task: Task = read_frame(&mut link).map_err(|e| failed("read its task", &e))?;
    let contestant = overlays().iter().find(|contestant| contestant.name() == task.overlay);
    let contestant = contestant.ok_or_else(|| failed("run its overlay", &task.overlay))?;
    let scenario = Scenario::parse(&task.scenario).map_err(|e| failed("read its scenario", &e))?;
    let world = World::new(&scenario).map_err(|e| failed("make its world", &e))?;
    write_frame(&mut link, &hello).map_err(|e| failed("say that it is ready", &e))?;
    let (orders_sender, orders) = mpsc::channel(ORDERS_WAITING_MAX);
    let (reports_sender, reports) = reports::channel::<Report>();
    let mut hearing = link.try_clone().map_err(|e| failed("hear orders", &e))?;
    std::thread::spawn(move || {
        // When the channel closes the sender is dropped, and with it the host stops.
        while let Ok(order) = read_frame::<Order>(&mut hearing) {
            if orders_sender.blocking_send(order).is_err() {
                return;
            }
        }
    });
    let telling = std::thread::spawn(move || {
        while let Ok(report) = reports.recv() {
            if write_frame(&mut link, &report).is_err() {
                return;
            }
        }
    });
    let died = reports_sender.clone();
    let plan = HostPlan { world: Arc::new(world), nodes: task.nodes, network: task.network, port: task.port };
    if let Err(error) = contestant.host(plan, HostEnds { orders, reports: reports_sender }) {
        let _ = died.send(Report::Died(error.to_string()));
    }
    drop(died);
    let _ = telling.join();
    Ok(())
}
