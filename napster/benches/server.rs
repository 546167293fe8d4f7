//! The server over loopback TCP: logins a second, then searches a second and their latency while all users stay
//! connected.
//!
//! `cargo bench -p napster --bench server [-- --quick]`
//!
//! Fair? The clients are light (a socket and a few lines) but run on the same cores as the server, so the figures
//! are what server and clients reach together; the server alone would reach more. Loopback has no latency to hide.
//! Each client dials from its own address in 127/8, shares ten files and stays. Searches come from a few clients
//! that ask as soon as they are answered, so the latency is that of a saturated server.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::metrics::Times;
use common::net::{Attachment, NodeId};
use common::tcp::{Clock, Limits, NodeConfig, SharedStore, raise_fd_limit, spawn};
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

struct Size {
    users: usize,
    search_for: Duration,
}

#[tokio::main]
async fn main() {
    // `cargo test --benches` and `cargo bench` hand over flags of their own; only this one is ours.
    let quick = std::env::args().any(|arg| arg == "--quick" || arg == "--test");
    let size = match quick {
        true => Size { users: 500, search_for: Duration::from_secs(1) },
        false => Size { users: 10_000, search_for: Duration::from_secs(10) },
    };
    let files = raise_fd_limit().expect("the limit on open files can be read");
    // Both ends of every connection are in this process.
    let users = size.users.min((files / 2).saturating_sub(200) as usize);
    if users < size.users {
        println!("only {users} users: the system allows {files} open files");
    }
    let limits = Limits { connections_max: users + 1_000, ..Limits::default() };
    let config = ServerConfig { users_max: users + 100, ..ServerConfig::default() };
    let node = NodeConfig {
        node: NodeId(0),
        listen: Some(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)),
        attachment: Attachment::default(),
        limits,
        seed: 1,
        clock: Clock::start(),
    };
    let sink = Arc::new(|_, _, _| {});
    let handle = spawn(Node::server(config), node, SharedStore::default(), sink).await.expect("a free port");
    let server = handle.address();

    let (clients, logins) = log_in(server, users).await;
    println!("logins: {users} users with {FILES_PER_USER} files each in {:.2} s", logins.as_secs_f64());
    println!("logins/s: {:.0}", users as f64 / logins.as_secs_f64());

    let Searched { searches, hits, times, took, clients } = search(clients, size.search_for).await;
    println!("connected users: {}", handle.snapshot().connections);
    println!(
        "searches/s: {:.0} ({:.1} hits each)",
        searches as f64 / took,
        hits as f64 / searches.max(1) as f64
    );
    for (name, q) in [("p50", 0.50), ("p99", 0.99), ("p99.9", 0.999)] {
        println!("search {name}: {:.3} ms", times.quantile_s(q).unwrap_or(0.0) * 1e3);
    }
    drop(clients);
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
    searches: u64,
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
    Searched { searches: times.count(), hits: hits.load(Ordering::Relaxed), times, took, clients }
}
