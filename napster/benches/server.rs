//! The server over loopback TCP: logins a second, then searches a second and their latency while all users stay
//! connected.
//!
//! `cargo bench -p napster --bench server [-- --quick]`
//!
//! Fair? The clients are light (a socket and a few lines) but run on the same cores as the server, so the figures
//! are what server and clients, a process each, reach together; the server alone would reach more. Loopback has no latency to hide.
//! Each client dials from its own address in 127/8, shares ten files and stays. Searches come from a few clients
//! that ask as soon as they are answered, so the latency is that of a saturated server.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::metrics::Times;
use common::net::{Attachment, NodeId};
use common::tcp::{Clock, Identity, Limits, NodeConfig, SharedStore, raise_fd_limit, spawn};
use common::testing::process::{Again, wait_for_end_of_input};
use napster::node::Node;
use napster::server::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

const FILES_PER_USER: usize = 10;
/// Clients that log in, or search, at a time.
const AT_A_TIME: usize = 32;
/// Distinct words of the titles.
const WORDS: u64 = 2_000;
/// Starts this program as the server.
const SERVE: &str = "--serve";

#[tokio::main]
async fn main() {
    let files = raise_fd_limit().expect("the limit on open files can be read");
    if std::env::args().any(|arg| arg == SERVE) {
        return serve().await;
    }
    // `cargo test --benches` and `cargo bench` hand over flags of their own; only this one is ours.
    let quick = std::env::args().any(|arg| arg == "--quick" || arg == "--test");
    let (users, search_for) =
        if quick { (500, Duration::from_secs(1)) } else { (10_000, Duration::from_secs(10)) };
    assert!(
        files > users as u64 + 100,
        "{users} users need more than the {files} open files that the system allows"
    );
    let server = Again::start(&[SERVE]);
    let (clients, logins) = log_in(server.address, users).await;
    println!("logins: {users} users with {FILES_PER_USER} files each in {:.2} s", logins.as_secs_f64());
    println!("logins/s: {:.0}", users as f64 / logins.as_secs_f64());

    let Searched { hits, times, took, mut clients } = search(clients, search_for).await;
    let asker = clients.first_mut().expect("somebody has logged in");
    println!("users and files the server counts at the end: {}", asker.statistics().await);
    let searches = times.count();
    println!("searches/s: {:.0} ({:.1} hits each)", searches as f64 / took, hits as f64 / searches as f64);
    for (name, q) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
        let time_s = times.quantile_s(q).expect("somebody has searched");
        println!("search {name}: {:.3} ms", time_s * 1e3);
    }
}

/// The server's process: says where it listens and serves until its input ends.
async fn serve() {
    let users = 11_000;
    let limits = Limits { connections_max: users, ..Limits::default() };
    let config = ServerConfig { users_max: users, ..ServerConfig::default() };
    let node = NodeConfig {
        node: NodeId(0),
        listen: Some(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)),
        datagrams: None,
        attachment: Attachment::default(),
        limits,
        seed: 1,
        clock: Clock::start(),
        identity: Identity::generate(),
    };
    let sink = Arc::new(|_, _, _| {});
    let handle = spawn(Node::server(config), node, SharedStore::default(), sink).await.expect("a free port");
    println!("{}", handle.address());
    tokio::task::spawn_blocking(wait_for_end_of_input).await.expect("reading does not panic");
    handle.shutdown().await.expect("the server has not panicked");
}

fn frame(code: u16, data: &str) -> Vec<u8> {
    let len = u16::try_from(data.len()).expect("a frame holds it");
    [&len.to_le_bytes()[..], &code.to_le_bytes(), data.as_bytes()].concat()
}

/// A title of three words by a multiplicative hash: the same in every run.
fn title(n: u64) -> String {
    let word = |k: u64| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(k as u32 * 21)) % WORDS;
    format!("artist{}\\w{} w{} w{}.mp3", word(0) % 200, word(0), word(1), word(2))
}

struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    async fn join(server: SocketAddrV4, number: usize) -> Client {
        let socket = TcpSocket::new_v4().expect("a descriptor");
        let from = Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 0).to_bits() + number as u32 + 1);
        socket.bind(SocketAddrV4::new(from, 0).into()).expect("an address in 127/8");
        let stream = socket.connect(server.into()).await.expect("the server answers");
        stream.set_nodelay(true).expect("a socket takes TCP_NODELAY");
        let mut client = Client { stream, buffer: Vec::new() };
        let mut bytes = frame(2, &format!("u{number} x 6699 \"bench\" 7"));
        for n in 0..FILES_PER_USER {
            let name = title((number * FILES_PER_USER + n) as u64);
            let share = format!("\"{name}\" 00000000000000000000000000000000 4000000 128 44100 240");
            bytes.extend(frame(100, &share));
        }
        // Its answer says that everything before it has been handled.
        bytes.extend(frame(750, "done"));
        client.stream.write_all(&bytes).await.expect("the server reads");
        client.until(750, 3).await;
        client
    }

    /// What the server says of itself: users, files, gigabytes.
    async fn statistics(&mut self) -> String {
        self.stream.write_all(&frame(214, "")).await.expect("the server reads");
        let mut head = [0; 4];
        self.stream.read_exact(&mut head).await.expect("the server answers");
        let mut text = vec![0; usize::from(u16::from_le_bytes([head[0], head[1]]))];
        self.stream.read_exact(&mut text).await.expect("the server answers");
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Reads frames until one of type `code`; says how many of type `counted` came before it.
    async fn until(&mut self, code: u16, counted: u16) -> u64 {
        let mut count = 0;
        loop {
            let mut at = 0;
            while let Some(&[a, b, c, d]) =
                self.buffer.get(at..at + 4).and_then(|head| head.first_chunk::<4>())
            {
                let end = at + 4 + usize::from(u16::from_le_bytes([a, b]));
                if self.buffer.len() < end {
                    break;
                }
                at = end;
                let this = u16::from_le_bytes([c, d]);
                assert!(this != 0, "the server refused: {}", String::from_utf8_lossy(&self.buffer[..end]));
                if this == code {
                    self.buffer.drain(..at);
                    return count;
                }
                count += u64::from(this == counted);
            }
            self.buffer.drain(..at);
            let read = self.stream.read_buf(&mut self.buffer).await.expect("the server stays");
            assert!(read > 0, "the server hung up");
        }
    }
}

async fn log_in(server: SocketAddrV4, users: usize) -> (Vec<Client>, Duration) {
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for lane in 0..AT_A_TIME {
        tasks.spawn(async move {
            let mut clients = Vec::new();
            for number in (lane..users).step_by(AT_A_TIME) {
                clients.push(Client::join(server, number).await);
            }
            clients
        });
    }
    let clients = tasks.join_all().await.into_iter().flatten().collect();
    (clients, start.elapsed())
}

struct Searched {
    hits: u64,
    times: Times,
    took: f64,
    clients: Vec<Client>,
}

/// A few lanes search, each again as soon as it is answered; every lane takes turns among its clients, so that no one
/// client meets the flood limit.
async fn search(clients: Vec<Client>, search_for: Duration) -> Searched {
    let hits = Arc::new(AtomicU64::new(0));
    let mut lanes: Vec<Vec<Client>> = (0..AT_A_TIME).map(|_| Vec::new()).collect();
    for (at, client) in clients.into_iter().enumerate() {
        lanes[at % AT_A_TIME].push(client);
    }
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for (lane, mut clients) in lanes.into_iter().enumerate() {
        let hits = hits.clone();
        tasks.spawn(async move {
            let mut taken = Vec::new();
            let mut n = lane as u64;
            while start.elapsed() < search_for && !clients.is_empty() {
                let at = (n as usize / AT_A_TIME) % clients.len();
                let client = &mut clients[at];
                let word = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % WORDS;
                let query = frame(200, &format!("FILENAME CONTAINS \"w{word}\" MAX_RESULTS 100"));
                let asked = Instant::now();
                client.stream.write_all(&query).await.expect("the server reads");
                hits.fetch_add(client.until(202, 201).await, Ordering::Relaxed);
                taken.push(asked.elapsed());
                n += AT_A_TIME as u64;
            }
            (taken, clients)
        });
    }
    let done = tasks.join_all().await;
    let took = start.elapsed().as_secs_f64();
    let (mut times, mut clients) = (Times::default(), Vec::new());
    for (taken, lane) in done {
        taken.into_iter().for_each(|time| times.add(time));
        clients.extend(lane);
    }
    Searched { hits: hits.load(Ordering::Relaxed), times, took, clients }
}
