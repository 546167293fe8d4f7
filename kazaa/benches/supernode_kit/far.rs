//! The process that is measured.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use common::net::{Attachment, NodeId};
use common::tcp::{Clock, Identity, Limits, NodeConfig, SharedStore, spawn};
use common::testing::process::{Again, wait_for_end_of_input};
use kazaa::config::{self, Config, Knobs};
use kazaa::election::ElectionKind;
use kazaa::node::Node;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// More children than any measurement has.
const CHILDREN_MAX: usize = 10_000;

/// What this program is when it is started with such an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// A supernode that knows no other.
    Supernode,
    /// Answers with as many bytes as it is told to, and looks at none.
    AsManyBytes,
}

const ROLES: [(Role, &str); 2] =
    [(Role::Supernode, "--as-supernode"), (Role::AsManyBytes, "--as-many-bytes")];

/// A running one. Dropped, it ends.
pub struct Far(Again);

impl Far {
    pub fn start(role: Role) -> Far {
        let argument = ROLES.iter().find(|(known, _)| *known == role).expect("each role has one").1;
        Far(Again::start(&[argument]))
    }

    pub fn address(&self) -> SocketAddrV4 {
        self.0.address
    }

    /// The number that the system knows it by.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Processor time that its threads have used so far, of those that have not ended; to the nanosecond, since a few hundred
    /// children take less than the hundredth of a second in which whole processes are accounted for. Zero where the system does not tell
    /// (Linux does).
    pub fn cpu(&self) -> Duration {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.id()));
        let on_cpu_ns = |thread: std::io::Result<std::fs::DirEntry>| -> Option<u64> {
            let stat = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            stat.split_whitespace().next()?.parse().ok()
        };
        Duration::from_nanos(threads.into_iter().flatten().filter_map(on_cpu_ns).sum())
    }
}

/// Plays the role that the arguments name, until its input ends. False if they name none.
pub async fn run_role() -> bool {
    let named = |argument: &str| std::env::args().any(|given| given == argument);
    let Some((role, _)) = ROLES.iter().find(|(_, argument)| named(argument)) else { return false };
    match role {
        Role::Supernode => serve().await,
        Role::AsManyBytes => {
            tokio::spawn(answer_bytes());
            input_ends().await;
        }
    }
    true
}

async fn input_ends() {
    tokio::task::spawn_blocking(wait_for_end_of_input).await.expect("reading does not panic");
}

async fn serve() {
    let knobs = Knobs {
        election: ElectionKind::Nobody,
        children_max: CHILDREN_MAX,
        // A child here asks as fast as it is answered.
        queries_per_s: 1_000_000,
        queries_burst: 1_000_000,
        ..Knobs::default()
    };
    let force = Some(config::Role::Supernode);
    let config = Config { force, knobs: Arc::new(knobs), ..Config::default() };
    let node = NodeConfig {
        node: NodeId(0),
        listen: Some(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)),
        datagrams: None,
        attachment: Attachment::default(),
        limits: Limits { connections_max: CHILDREN_MAX, ..Limits::default() },
        seed: 1,
        clock: Clock::start(),
        identity: Identity::generate(),
    };
    let sink = Arc::new(|_, _, _| {});
    let handle =
        spawn(Node::ordinary(config), node, SharedStore::default(), sink).await.expect("a free port");
    println!("{}", handle.address());
    input_ends().await;
    handle.shutdown().await.expect("the supernode has not panicked");
}

async fn answer_bytes() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    println!("{}", listener.local_addr().expect("it listens"));
    loop {
        let (stream, _) = listener.accept().await.expect("somebody dials");
        stream.set_nodelay(true).expect("a socket takes TCP_NODELAY");
        tokio::spawn(answer(stream));
    }
}

/// Each request is two lengths and as many bytes as the first of them says.
async fn answer(mut stream: TcpStream) {
    let mut buffer = Vec::new();
    while let Ok(sent) = stream.read_u32().await {
        let received = stream.read_u32().await.expect("two lengths come together");
        buffer.resize(sent.max(received) as usize, 0);
        stream.read_exact(&mut buffer[..sent as usize]).await.expect("as many as was said");
        stream.write_all(&buffer[..received as usize]).await.expect("the children read");
    }
}
