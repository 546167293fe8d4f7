//! Starting a node, and the hand on it.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::admission::Admission;
use super::datagram::Datagrams;
use super::line::Line;
use super::node::{CrashGuard, Node, Table};
use super::outgoing::Budget;
use super::snapshot::Counters;
use super::socket::{self, Entrance};
use super::{NodeConfig, NoteSink, SharedStore, Snapshot, StartError, listener};
use crate::net::NodeId;
use crate::peer::{OwnKey, Peer};
use crate::user::Command;
use crate::wire::Wire;

/// The hand on a running node. Dropping it is [`Handle::kill`] without waiting for the end.
#[derive(Debug)]
pub struct Handle {
    node: NodeId,
    address: SocketAddrV4,
    datagrams: Option<SocketAddrV4>,
    commands: mpsc::Sender<Command>,
    counters: Counters,
    leave: CancellationToken,
    kill: CancellationToken,
    tasks: TaskTracker,
    task: Option<JoinHandle<()>>,
    _kill_on_drop: DropGuard,
}

/// The node is no longer there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the node has ended")]
pub struct Gone;

/// The node ended because its peer, or the driver under it, panicked: a bug of ours, never a remote's right.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("node {} crashed: {what}", node.0)]
pub struct Crashed {
    /// Which node.
    pub node: NodeId,
    /// What the panic said.
    pub what: String,
    /// What it had counted until then.
    pub snapshot: Box<Snapshot>,
}

/// Starts a node on the current tokio runtime. When this returns, the node has its address and answers there.
///
/// # Errors
/// If it cannot have the addresses it is to be reached at.
///
/// # Panics
/// Outside a tokio runtime.
pub async fn spawn<P>(
    peer: P,
    config: NodeConfig,
    store: SharedStore,
    notes: NoteSink,
) -> Result<Handle, StartError>
where
    P: Peer + Send + 'static,
{
    let NodeConfig { node, listen, datagrams, attachment, limits, seed, clock, tls, identity } = config;
    let (entrance, address) = match listen {
        Some(address) => socket::take_address(address, attachment.firewalled, limits.accept_backlog)?,
        None => (Entrance::None, SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)),
    };
    let door = datagrams.map(socket::take_datagram_address).transpose()?;
    let (commands_sender, commands) = mpsc::channel(limits.commands_queued_max.max(1));
    let (inputs_sender, inputs) = mpsc::channel(limits.node_queue_max.max(1));
    let counters = Counters::new(P::Message::KINDS.len());
    let (leave, kill, unlisten) =
        (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
    let tasks = TaskTracker::new();
    let admission = Admission::new(&limits);
    let guard = || CrashGuard { node, counters: counters.clone(), kill: kill.clone() };
    let held = match entrance {
        Entrance::Open(listener) => {
            let stop = unlisten.clone();
            let accept =
                listener::accept(listener, admission.clone(), counters.clone(), inputs_sender.clone(), stop);
            tasks.spawn(guard().over(accept));
            None
        }
        Entrance::Firewalled(socket) => Some(socket),
        Entrance::None => None,
    };
    let node_guard = guard();
    let mut node_task = Node {
        peer,
        node,
        address,
        // A thousand nodes of one machine look like so many hosts only if each dials from its own address.
        source: Some(*address.ip()).filter(|address| !address.is_unspecified()),
        line: Line::new(&attachment.line),
        datagrams: Datagrams::new(attachment.firewalled, limits.datagram_linger),
        clock,
        rng: node.rng(seed),
        own_key: OwnKey::Real(identity.public()),
        identity: Arc::new(identity),
        tls,
        store,
        notes,
        counters: counters.clone(),
        admission,
        budget: Budget::new(limits.send_queues_bytes_max),
        tasks: tasks.clone(),
        unlisten,
        leave: leave.clone(),
        kill: kill.clone(),
        commands,
        inputs,
        inputs_sender,
        table: Table::new(&limits),
        limits: Arc::new(limits),
    };
    let datagrams = door.map(|(socket, address)| {
        node_task.open_datagrams(socket);
        address
    });
    let task = tokio::spawn(async move {
        let _held = held;
        node_guard.over(node_task.run()).await;
    });
    let _kill_on_drop = kill.clone().drop_guard();
    let (task, commands) = (Some(task), commands_sender);
    Ok(Handle { node, address, datagrams, commands, counters, leave, kill, tasks, task, _kill_on_drop })
}

impl Handle {
    /// Where the node listens, with its actual port; unspecified if it only dials.
    pub fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// Where datagrams reach the node, with the actual port, if it was started with such an address.
    pub fn datagrams(&self) -> Option<SocketAddrV4> {
        self.datagrams
    }

    /// The node's number.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Hands the peer a command, waiting while
    /// [`Limits::commands_queued_max`](super::Limits::commands_queued_max) others are before it.
    ///
    /// # Errors
    /// If the node has ended.
    pub async fn command(&self, command: Command) -> Result<(), Gone> {
        self.commands.send(command).await.map_err(|_| Gone)
    }

    /// What the node has counted so far.
    pub fn snapshot(&self) -> Snapshot {
        self.counters.lock().clone()
    }

    /// Returns when the node has ended without being asked to: its peer has panicked.
    pub async fn ended(&self) {
        self.commands.closed().await;
    }

    /// Tells the peer to leave, lets it say its good-byes for at most
    /// [`Limits::leave_timeout`](super::Limits::leave_timeout), flushes and closes what is open, and returns
    /// when every task has ended and the address is free.
    ///
    /// # Errors
    /// If the peer had panicked, or panics now.
    pub async fn shutdown(mut self) -> Result<Snapshot, Crashed> {
        self.leave.cancel();
        self.join().await
    }

    /// Ends the node as a crash would: nothing is flushed and every connection is reset.
    ///
    /// # Errors
    /// If the peer had panicked before.
    pub async fn kill(mut self) -> Result<Snapshot, Crashed> {
        self.kill.cancel();
        self.join().await
    }

    async fn join(&mut self) -> Result<Snapshot, Crashed> {
        let task = self.task.take().expect("a handle is joined once, by value");
        let joined = task.await;
        // After a panic the connections' tasks may still be on their way out.
        self.tasks.close();
        self.tasks.wait().await;
        let snapshot = self.snapshot();
        match joined {
            Err(error) if error.is_panic() => {
                let panic = error.into_panic();
                let what = panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| panic.downcast_ref::<&str>().copied())
                    .unwrap_or("(no message)")
                    .to_owned();
                Err(Crashed { node: self.node, what, snapshot: Box::new(snapshot) })
            }
            _ if snapshot.crashed => {
                let what = "one of its tasks panicked, as standard error says".to_owned();
                Err(Crashed { node: self.node, what, snapshot: Box::new(snapshot) })
            }
            _ => Ok(snapshot),
        }
    }
}
