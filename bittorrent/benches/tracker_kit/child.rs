//! The process that is measured.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bittorrent::node::Node;
use bittorrent::tracker::TrackerConfig;
use common::cli::start;
use common::tcp::SharedStore;
use common::testing::process::cpu_time;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::SWARM;

/// Bytes of a tracker's answer with 50 peers.
const BODY_BYTES: usize = 380;

/// What this program is when it is started with such an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// A tracker.
    Tracker,
    /// Whoever says always the same.
    Yardstick,
}

const ROLES: [(Role, &str); 2] = [(Role::Tracker, "--as-tracker"), (Role::Yardstick, "--as-yardstick")];

/// A running one. Dropped, it ends.
pub struct Child {
    /// `None`: another program.
    role: Option<Role>,
    pub address: SocketAddrV4,
    process: process::Child,
}

impl Child {
    /// opentracker, which most public swarms of its time reported to, told of the swarm; `None` where it is not installed.
    pub fn opentracker(folder: &Path) -> Option<Child> {
        Command::new("opentracker").arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
        let hash: String = SWARM.0.iter().map(|byte| format!("{byte:02x}")).collect();
        std::fs::write(folder.join("list"), format!("{hash}\n")).expect("a folder to write in");
        // Started by root it goes to live in its folder, which is then all that there is.
        let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        let list = if is_root { PathBuf::from("/list") } else { folder.join("list") };
        let free =
            std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
        let port = free.expect("a free port").port();
        let process = Command::new("opentracker")
            .args(["-i", "127.0.0.1", "-p", &port.to_string(), "-d"])
            .arg(folder)
            .arg("-w")
            .arg(list)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("it is installed");
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        while std::net::TcpStream::connect(address).is_err() {
            std::thread::yield_now();
        }
        Some(Child { role: None, address, process })
    }

    pub fn start(role: Role) -> Child {
        let argument = ROLES.iter().find(|(known, _)| *known == role).expect("each role has one").1;
        let mut process = Command::new(std::env::current_exe().expect("this program has a path"))
            .arg(argument)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let mut line = String::new();
        let told = BufReader::new(process.stdout.take().expect("piped")).read_line(&mut line);
        told.expect("it says where it is");
        Child { role: Some(role), address: line.trim().parse().expect("an address"), process }
    }

    /// Processor time it has used so far.
    pub fn cpu(&self) -> Duration {
        cpu_time(self.process.id())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let Some(role) = self.role else {
            // It has no other sign to stop.
            let _ = self.process.kill();
            let _ = self.process.wait();
            return;
        };
        // The end of its input is its sign to stop.
        drop(self.process.stdin.take());
        let ended = self.process.wait().expect("it ends");
        assert!(ended.success() || std::thread::panicking(), "the {role:?} has panicked");
    }
}

/// Plays the role that the arguments name, until its input ends. False if they name none.
pub async fn run_role() -> bool {
    let named = |argument: &str| std::env::args().any(|given| given == argument);
    let Some((role, _)) = ROLES.iter().find(|(_, argument)| named(argument)) else { return false };
    match role {
        Role::Tracker => track().await,
        Role::Yardstick => {
            tokio::spawn(answer_all());
            input_ends().await;
        }
    }
    true
}

async fn input_ends() {
    let end = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    end.await.expect("reading does not panic").expect("input can be read");
}

async fn track() {
    let (listen, sink) = (SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0), Arc::new(|_, _, _| {}));
    let node = Node::tracker(TrackerConfig::default());
    let handle = start(node, listen, false, SharedStore::default(), sink).await.expect("a free port");
    println!("{}", handle.address());
    input_ends().await;
    // The clients are gone; whoever of them is not has nothing to wait for.
    handle.kill().await.expect("the tracker has not panicked");
}

async fn answer_all() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    println!("{}", listener.local_addr().expect("it listens"));
    let answer: Arc<[u8]> = Arc::from(
        [format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY_BYTES}\r\n\r\n").as_bytes(), &[b'x'; BODY_BYTES]]
            .concat(),
    );
    loop {
        let (socket, _) = listener.accept().await.expect("somebody dials");
        tokio::spawn(answer_one(socket, answer.clone()));
    }
}

/// Answers each packet as if it were one request, which it is here.
async fn answer_one(mut socket: TcpStream, answer: Arc<[u8]>) {
    socket.set_nodelay(true).expect("a socket takes TCP_NODELAY");
    let mut buffer = vec![0; 4096];
    while let Ok(read @ 1..) = socket.read(&mut buffer).await {
        let is_last = buffer[..read].ends_with(b"Connection: close\r\n\r\n");
        if socket.write_all(&answer).await.is_err() || is_last {
            return;
        }
    }
}
