//! The subcommands.

pub mod get;
pub mod search;
pub mod serve;
pub mod share;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, ToSocketAddrs as _};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use common::net::{Attachment, NodeId};
use common::peer::Time;
use common::tcp::{Clock, Handle, Limits, NodeConfig, NoteSink, SharedStore, spawn};
use common::user::{Command, Note};
use napster::node::Node;
use napster::peer::PeerConfig;
use tokio::sync::mpsc;

use crate::{JoinArgs, QueryArgs};

/// Notes on their way to the terminal; a program that prints cannot fall so far behind, and if it does only
/// progress is lost.
const NOTES_MAX: usize = 16_384;

/// A seed by chance: the standard library keys its hash tables with random numbers.
fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Prints a line. A closed pipe or terminal is no reason to stop serving others.
pub fn say(line: impl std::fmt::Display) {
    if let Err(error) = writeln!(std::io::stdout(), "{line}") {
        tracing::debug!(%error, "nobody reads what is printed");
    }
}

/// A node of this program and what it says.
pub struct Running {
    pub handle: Handle,
    pub notes: mpsc::Receiver<Note>,
}

/// Starts a node.
pub async fn start(
    node: Node,
    listen: SocketAddrV4,
    limits: Limits,
    store: SharedStore,
    hear: impl Fn(&Note) + Send + Sync + 'static,
) -> Result<Running> {
    let (sender, notes) = mpsc::channel(NOTES_MAX);
    let sink: NoteSink = Arc::new(move |_: Time, _: NodeId, note: Note| {
        hear(&note);
        if sender.try_send(note).is_err() {
            tracing::warn!("a note was lost: the terminal is too slow");
        }
    });
    let config = NodeConfig {
        node: NodeId(0),
        listen: Some(listen),
        attachment: Attachment::default(),
        limits,
        seed: seed(),
        clock: Clock::start(),
    };
    let handle = spawn(node, config, store, sink).await?;
    Ok(Running { handle, notes })
}

/// Resolves `host:port`.
fn resolve(server: &str) -> Result<SocketAddrV4> {
    let addresses = server.to_socket_addrs().with_context(|| format!("`{server}` is not a host and port"))?;
    let v4 = |address| if let SocketAddr::V4(v4) = address { Some(v4) } else { None };
    addresses.filter_map(v4).next().ok_or_else(|| anyhow!("`{server}` has no IPv4 address"))
}

/// What a peer is configured with.
pub fn peer_config(join: &JoinArgs) -> Result<PeerConfig> {
    if join.speed > 10 {
        bail!("--speed {} is not between 0 and 10", join.speed);
    }
    Ok(PeerConfig {
        server: resolve(&join.server)?,
        via_redirector: join.redirector,
        nick: join.nick.clone().unwrap_or_else(|| format!("user{:08x}", seed() as u32)),
        password: join.password.clone(),
        speed: join.speed,
        firewalled: join.firewalled,
        ..PeerConfig::default()
    })
}

/// Starts a peer and waits until the server has let it in.
pub async fn join(
    join: &JoinArgs,
    config: PeerConfig,
    store: SharedStore,
    hear: impl Fn(&Note) + Send + Sync + 'static,
) -> Result<Running> {
    let any = if config.server.ip().is_loopback() { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
    let listen = join.listen.unwrap_or(SocketAddrV4::new(any, 0));
    let mut running = start(Node::peer(config), listen, Limits::default(), store, hear).await?;
    loop {
        match running.next().await? {
            Note::Online => return Ok(running),
            Note::Offline(why) => {
                running.handle.kill().await?;
                bail!("cannot join: {}", without_retry(&why));
            }
            Note::Text(text) => tracing::info!("{text}"),
            _ => {}
        }
    }
}

/// What the peer said, without the part on when it tries again: this program does not wait for that.
fn without_retry(why: &str) -> &str {
    why.split("; ").next().unwrap_or(why)
}

impl Running {
    /// The next note.
    pub async fn next(&mut self) -> Result<Note> {
        self.notes.recv().await.ok_or_else(|| anyhow!("the node has ended unexpectedly"))
    }

    pub async fn command(&self, command: Command) -> Result<()> {
        Ok(self.handle.command(command).await?)
    }

    pub async fn leave(self) -> Result<()> {
        self.handle.shutdown().await?;
        Ok(())
    }
}

/// The query as the overlay wants it.
pub fn query(args: &QueryArgs) -> common::user::Query {
    use common::user::Range;
    let excluded = args.without.iter().map(|word| format!("-{word}"));
    common::user::Query {
        words: args.words.iter().cloned().chain(excluded).collect::<Vec<_>>().join(" "),
        bitrate_kbps: Range { min: args.min_bitrate, max: args.max_bitrate },
        size: Range { min: args.min_size, max: args.max_size },
        speed: Range::at_least(args.min_speed),
        results_max: args.max_results,
        ..common::user::Query::default()
    }
}
