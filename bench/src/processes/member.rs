//! Who takes part in runs: a worker of our own executable in one, an agent in one after the other.

use std::io::{IsTerminal as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::mpsc as reports;
use std::time::Duration;

use tokio::sync::mpsc;

use common::net::NodeId;

use super::control::{PREFIXES, Ready, Room, Task, Token, Word, introduce};
use super::failed;
use super::frame::{FrameError, read_frame, write_frame};
use crate::cluster::{HostEnds, HostPlan, ORDERS_WAITING_MAX, Order, Report};
use crate::coordinate::RunError;
use crate::overlays::overlays;
use crate::scenario::Scenario;
use crate::world::World;

/// The variable in which an agent, and who calls for agents, finds the token.
pub const TOKEN_VARIABLE: &str = "BENCH_TOKEN";
/// How often an agent dials again that was hung up on between two runs, and how long it waits.
const DIALS_MAX: u32 = 5;
const DIAL_AGAIN: Duration = Duration::from_millis(200);

/// The life of a worker: calls back, takes its task, runs its nodes until told to stop or the channel closes.
///
/// # Errors
/// If there is no coordinator, or it says what makes no sense.
pub fn work(control: std::net::SocketAddr) -> Result<(), RunError> {
    let token = Token::read(&mut std::io::stdin()).map_err(|e| failed("read the token", &e))?;
    let mut link = TcpStream::connect(control).map_err(|e| failed("reach the coordinator", &e))?;
    introduce(&mut link, token, None)?;
    match read_frame(&mut link) {
        Ok(Word::Task(task)) => serve(link, task),
        Ok(Word::Refused(why)) => Err(RunError(why)),
        // Whoever has started it has gone, and needs no word of it.
        Err(FrameError::Closed) => Ok(()),
        Err(error) => Err(failed("read the task", &error)),
    }
}

/// The life of an agent: takes part in the runs of a coordinator, one after the other, until that is gone. Says on standard error what it
/// does.
///
/// # Errors
/// If it cannot reach the coordinator, is not let in, or a run fails here.
pub fn join(coordinator: &str, room: Room, token: Token) -> Result<(), RunError> {
    has_addresses(room)?;
    let mut runs = 0;
    while let Some(mut link) = dial(coordinator, runs > 0)? {
        match introduce(&mut link, token, Some(room)) {
            Ok(()) if runs == 0 => common::tell!("at {coordinator}; waiting for a run"),
            Ok(()) => {}
            Err(_) if runs > 0 => break,
            Err(error) => return Err(error),
        }
        match read_frame(&mut link) {
            Ok(Word::Task(task)) => {
                runs += 1;
                common::tell!("run {runs}: {}, {} nodes", task.overlay, task.nodes.len());
                serve(link, task)?;
            }
            Ok(Word::Refused(why)) => return Err(RunError(why)),
            Err(_) if runs > 0 => break,
            Err(error) => return Err(failed("get a task", &error)),
        }
    }
    let runs = if runs == 1 { "one run".to_owned() } else { format!("{runs} runs") };
    common::tell!("the coordinator is gone; took part in {runs}");
    Ok(())
}

/// A connection with the coordinator, or `None` if there was one and is none any more.
fn dial(coordinator: &str, was_there: bool) -> Result<Option<TcpStream>, RunError> {
    let reach = || {
        let addresses: Vec<_> = coordinator.to_socket_addrs()?.collect();
        TcpStream::connect(&addresses[..])
    };
    if !was_there {
        return reach().map(Some).map_err(|e| failed(&format!("reach a coordinator at {coordinator}"), &e));
    }
    for _ in 0..DIALS_MAX {
        match reach() {
            Ok(link) => return Ok(Some(link)),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => return Ok(None),
            Err(_) => std::thread::park_timeout(DIAL_AGAIN),
        }
    }
    Ok(None)
}

/// That the machine has the addresses its agent brings is better known before a run than in it.
fn has_addresses(room: Room) -> Result<(), RunError> {
    let first = *NodeId(0).address(room.network, 0).ip();
    TcpListener::bind((first, 0)).map(drop).map_err(|error| {
        let network = format!("{}/{}", room.network, room.prefix);
        RunError(format!(
            "this machine does not have {first} ({error}); on Linux, `ip route add local {network} dev lo` gives it all of \
             {network}"
        ))
    })
}

/// A token out of the environment, or typed in.
///
/// # Errors
/// If there is none, or it is none.
pub fn token_of_the_run() -> Result<Token, RunError> {
    if let Ok(text) = std::env::var(TOKEN_VARIABLE) {
        return Token::from_str(text.trim()).map_err(|e| RunError(format!("{TOKEN_VARIABLE}: {e}")));
    }
    if std::io::stdin().is_terminal() {
        let _ = write!(std::io::stderr(), "the token that the coordinator has shown: ");
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(|e| failed("read the token", &e))?;
    Token::from_str(line.trim())
        .map_err(|e| RunError(format!("{e}; {TOKEN_VARIABLE} or standard input has it")))
}

/// The network of an agent, as `10.1.0.0/16`.
///
/// # Errors
/// If it is none, or too small for a node.
pub fn network(text: &str) -> Result<(Ipv4Addr, u8), String> {
    let (network, prefix) = text.split_once('/').ok_or("a network is written like 10.1.0.0/16")?;
    let network: Ipv4Addr = network.parse().map_err(|e| format!("{network}: {e}"))?;
    let prefix: u8 = prefix.parse().map_err(|e| format!("{prefix}: {e}"))?;
    if !PREFIXES.contains(&prefix) {
        return Err("8 to 30 bits of a network's addresses are its own".to_owned());
    }
    let hosts = u32::MAX >> prefix;
    if network.to_bits() & hosts != 0 {
        let meant = Ipv4Addr::from_bits(network.to_bits() & !hosts);
        return Err(format!("the last {} bits of a network are zero: {meant}/{prefix}", 32 - prefix));
    }
    Ok((network, prefix))
}

/// Runs the nodes of one task.
fn serve(mut link: TcpStream, task: Task) -> Result<(), RunError> {
    let (contestant, world) = match prepare(&task) {
        Ok(prepared) => prepared,
        Err(error) => {
            let _ = write_frame(&mut link, &Ready::Err(error.0.clone()));
            return Err(error);
        }
    };
    match write_frame(&mut link, &Ready::Ok(())) {
        Ok(()) => {}
        // The coordinator has gone meanwhile. An agent sees so when it dials again.
        Err(FrameError::Closed) => return Ok(()),
        Err(error) => return Err(failed("say that all is ready", &error)),
    }
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
    let plan = HostPlan { world: Arc::new(world), nodes: task.nodes, places: task.places };
    if let Err(error) = contestant.host(plan, HostEnds { orders, reports: reports_sender }) {
        let _ = died.send(Report::Died(error.to_string()));
    }
    drop(died);
    let _ = telling.join();
    Ok(())
}

fn prepare(task: &Task) -> Result<(&'static dyn crate::overlay::Contestant, World), RunError> {
    let contestant = overlays().iter().find(|contestant| contestant.name() == task.overlay);
    let contestant = contestant.ok_or_else(|| failed("run the overlay", &task.overlay))?;
    let scenario = Scenario::parse(&task.scenario).map_err(|e| failed("read the scenario", &e))?;
    let world = World::new(&scenario).map_err(|e| failed("make the world", &e))?;
    Ok((*contestant, world))
}
