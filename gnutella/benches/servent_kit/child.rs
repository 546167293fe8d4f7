//! The process that is measured.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use common::net::{Attachment, NodeId};
use common::peer::FileId;
use common::tcp::{Clock, Identity, Limits, NodeConfig, SharedStore, spawn};
use common::testing::process::{Again, cpu_time, wait_for_end_of_input};
use common::user::{self, FileInfo, SharedFile};
use gnutella::node::Node;
use gnutella::servent::{Knobs, ServentConfig};
use rand::SeedableRng;
use rand_pcg::Pcg32;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::SENTINEL;
use crate::{FILES, OTHERS, catalog};

/// What this program is when it is started with such an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// A servent that shares a hundred files.
    Servent,
    /// One that shares [`FILES`].
    Holder,
    /// Copies what comes from the first that dials to those who dial then.
    Relay,
}

const ROLES: [(Role, &str); 3] =
    [(Role::Servent, "--as-servent"), (Role::Holder, "--as-holder"), (Role::Relay, "--as-relay")];

/// A running one. Dropped, it ends.
pub struct Child {
    role: Role,
    process: Again,
}

impl Child {
    pub fn start(role: Role) -> Child {
        let argument = ROLES.iter().find(|(known, _)| *known == role).expect("each role has one").1;
        Child { role, process: Again::start(&[argument]) }
    }

    pub fn address(&self) -> SocketAddrV4 {
        self.process.address
    }

    /// True if it is a servent, who wants to be greeted.
    pub fn speaks(&self) -> bool {
        self.role != Role::Relay
    }

    /// Processor time it has used so far.
    pub fn cpu(&self) -> Duration {
        cpu_time(self.process.id())
    }
}

/// Plays the role that the arguments name, until its input ends. False if they name none.
pub async fn run_role() -> bool {
    let named = |argument: &str| std::env::args().any(|given| given == argument);
    let Some((role, _)) = ROLES.iter().find(|(_, argument)| named(argument)) else { return false };
    match role {
        Role::Servent => serve(100).await,
        Role::Holder => serve(FILES).await,
        Role::Relay => {
            tokio::spawn(relay());
            input_ends().await;
        }
    }
    true
}

async fn input_ends() {
    tokio::task::spawn_blocking(wait_for_end_of_input).await.expect("reading does not panic");
}

async fn serve(files: usize) {
    let knobs = Knobs { keeps_degree: false, ping_every: None, cuts_misbehaving: false, ..Knobs::default() };
    let config = ServentConfig { knobs: Arc::new(knobs), ..ServentConfig::default() };
    let node = NodeConfig {
        node: NodeId(0),
        listen: Some(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)),
        datagrams: None,
        attachment: Attachment::default(),
        limits: Limits::default(),
        seed: 1,
        clock: Clock::start(),
        identity: Identity::generate(),
    };
    let sink = Arc::new(|_, _, _| {});
    let handle = spawn(Node::servent(config), node, SharedStore::default(), sink).await.expect("a free port");
    handle.command(user::Command::Share(draw(files))).await.expect("it lives");
    println!("{}", handle.address());
    input_ends().await;
    handle.shutdown().await.expect("the servent has not panicked");
}

fn draw(files: usize) -> Arc<[SharedFile]> {
    let (catalog, mut rng) = (catalog(), Pcg32::seed_from_u64(1));
    let sentinel = FileInfo { name: format!("{SENTINEL}.ogg").into(), size: 1_000, ..FileInfo::default() };
    let infos = (0..files).map(|_| catalog.info(catalog.draw(&mut rng)).clone());
    let infos = infos.chain([Arc::new(sentinel)]);
    (0..).zip(infos).map(|(number, info)| SharedFile { file: FileId(number), info }).collect()
}

async fn relay() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    println!("{}", listener.local_addr().expect("it listens"));
    let mut from = listener.accept().await.expect("somebody dials").0;
    let mut others = Vec::new();
    while others.len() < OTHERS {
        let (socket, _) = listener.accept().await.expect("somebody dials");
        socket.set_nodelay(true).expect("a socket takes TCP_NODELAY");
        others.push(socket);
    }
    // As much at a time as the servent's driver reads.
    let mut buffer = vec![0; 256 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        for other in &mut others {
            other.write_all(&buffer[..read]).await.expect("the others read");
        }
    }
}
