//! Clients that report, and what their reports have come to.

mod child;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bittorrent::node::Node;
use bittorrent::tracker::TrackerConfig;
use bittorrent::wire::{Announce, AnnounceEvent, InfoHash, Message, PeerId};
pub use child::{Child, Role, run_role};
use common::http::Request;
use common::metrics::Times;
use common::peer::{ConnIds, Cx, Event, Outbox, OwnKey, Peer as _, Time};
use rand::SeedableRng;
use rand_pcg::Pcg32;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::PEERS;

/// The swarm that is reported on.
const SWARM: InfoHash = InfoHash([7; 20]);

/// Where trackers of simulations are; it is not listened at.
const NOWHERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 6969);

/// What one measurement has come to.
pub struct Outcome {
    pub per_s: f64,
    /// Processor time of the server for each report, in microseconds.
    pub cpu_us: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// The target of one peer's report.
fn target(peer: u32) -> String {
    let mut id = *b"-XX0001-000000000000";
    id[16..].copy_from_slice(&peer.to_be_bytes());
    let announce = Announce {
        info_hash: SWARM,
        peer_id: PeerId(id),
        port: 1 + (peer % 60_000) as u16,
        uploaded: 1 << 20,
        downloaded: 1 << 21,
        left: 1 << 30,
        event: AnnounceEvent::None,
        numwant: None,
        key: None,
        compact: true,
        no_peer_id: true,
        ip: None,
        tracker_id: None,
    };
    announce.to_target("/announce")
}

/// The whole request.
pub fn request(peer: u32, connection: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let head = Request::get(&target(peer)).with("Host", NOWHERE).with("Connection", connection);
    head.encode(&mut bytes);
    bytes
}

/// The state machine alone, in this thread.
pub fn bare(time: Duration) -> Outcome {
    let mut node = Node::tracker(TrackerConfig::default());
    let (mut rng, mut ids, mut outbox) = (Pcg32::seed_from_u64(1), ConnIds::default(), Outbox::default());
    let conn = ids.open();
    let key = OwnKey::Simulated { seed: 1 };
    let mut handle = |event| {
        node.handle(event, &mut Cx::new(Time::ZERO, NOWHERE, &key, &mut rng, &mut ids, &mut outbox));
        let mut effects = 0;
        while outbox.next().is_some() {
            effects += 1;
        }
        effects
    };
    let requests: Vec<Arc<Request>> = (0..PEERS).map(|peer| Arc::new(Request::get(&target(peer)))).collect();
    handle(Event::Opened { conn, remote: NOWHERE, dialled: false });
    let mut ask = |request: &Arc<Request>| {
        assert_ne!(handle(Event::Message { conn, message: Message::Ask(request.clone()) }), 0, "an answer");
    };
    requests.iter().for_each(&mut ask);
    let (start, mut asked, mut times) = (Instant::now(), 0u64, Times::default());
    while start.elapsed() < time {
        for request in &requests {
            let before = Instant::now();
            ask(request);
            times.add(before.elapsed());
        }
        asked += requests.len() as u64;
    }
    let took = start.elapsed();
    outcome(asked, took, &times, took)
}

/// Clients that keep their connections.
pub async fn kept(child: &Child, clients: u32, time: Duration) -> Outcome {
    measure(child, clients, time, async |to, client, clients, until| {
        let (mut times, mut buffer) = (Vec::new(), vec![0; 4096]);
        let mut stream = dial(to).await;
        let mut peer = client;
        while Instant::now() < until {
            let before = Instant::now();
            stream.write_all(&request(peer, "keep-alive")).await.expect("the server reads");
            let mut got = 0;
            while !is_whole(&buffer[..got]) {
                let read = stream.read(&mut buffer[got..]).await.expect("the server answers");
                assert_ne!(read, 0, "the server keeps the connection");
                got += read;
            }
            times.push(before.elapsed());
            peer = (peer + clients) % PEERS;
        }
        times
    })
    .await
}

/// Clients that dial for each report.
pub async fn each(child: &Child, clients: u32, time: Duration) -> Outcome {
    measure(child, clients, time, async |to, client, clients, until| {
        let mut times = Vec::new();
        let mut peer = client;
        while Instant::now() < until {
            let before = Instant::now();
            report(to, peer).await;
            times.push(before.elapsed());
            peer = (peer + clients) % PEERS;
        }
        times
    })
    .await
}

/// One report on a connection of its own.
async fn report(to: SocketAddrV4, peer: u32) {
    let (mut stream, mut answer) = (dial(to).await, Vec::new());
    stream.write_all(&request(peer, "close")).await.expect("the server reads");
    stream.read_to_end(&mut answer).await.expect("the server answers");
    assert!(is_whole(&answer), "no whole answer: {}", String::from_utf8_lossy(&answer));
}

/// Fills the swarm, then lets clients go on until the time is over.
async fn measure<F>(
    child: &Child,
    clients: u32,
    time: Duration,
    client: impl Fn(SocketAddrV4, u32, u32, Instant) -> F,
) -> Outcome
where
    F: Future<Output = Vec<Duration>> + Send + 'static,
{
    for peer in 0..PEERS {
        report(child.address, peer).await;
    }
    let (cpu, start) = (child.cpu(), Instant::now());
    let mut running = JoinSet::new();
    for number in 0..clients {
        running.spawn(client(child.address, number, clients, start + time));
    }
    let took: Vec<Duration> = running.join_all().await.concat();
    let elapsed = start.elapsed();
    let mut times = Times::default();
    took.iter().for_each(|time| times.add(*time));
    outcome(took.len() as u64, elapsed, &times, child.cpu() - cpu)
}

fn outcome(reports: u64, took: Duration, times: &Times, cpu: Duration) -> Outcome {
    let ms = |q| times.quantile_s(q).unwrap_or(f64::NAN) * 1e3;
    Outcome {
        per_s: reports as f64 / took.as_secs_f64(),
        cpu_us: cpu.as_secs_f64() * 1e6 / reports as f64,
        p50_ms: ms(0.5),
        p99_ms: ms(0.99),
    }
}

async fn dial(to: SocketAddrV4) -> TcpStream {
    let stream = TcpStream::connect(to).await.expect("the server listens");
    stream.set_nodelay(true).expect("a socket takes TCP_NODELAY");
    stream
}

/// True if a head and as much as it announces is there.
fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let text = std::str::from_utf8(&answer[..head]).expect("heads are text");
    let len = text.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse::<usize>().ok());
    answer.len() >= head + 4 + len.expect("an answer has a length")
}
