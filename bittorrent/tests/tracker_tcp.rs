//! Tracker and site over real sockets, as somebody asks them by hand; and the tracker's log on disk.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;

use bittorrent::log::tracker::Report;
use bittorrent::metainfo::{Draft, FileEntry, Metainfo};
use bittorrent::node::Node;
use bittorrent::tracker::TrackerConfig;
use bittorrent::wire::udp::{Ask, Reply};
use bittorrent::wire::{Announce, AnnounceEvent, PeerId};
use common::cli::start;
use common::tcp::{Handle, SharedStore};
use common::testing::fake::FakePeer;
use common::testing::post::FakePost;
use common::testing::process::{Program, Running};

const BITTORRENT: Program = Program(env!("CARGO_BIN_EXE_bittorrent"));
const ANY_PORT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
/// `%12%34…%9a` of a swarm, and a peer.
const WHO: &str = "info_hash=%124Vx%9a%bc%de%f1%23Eg%89%ab%cd%ef%124Vx%9a&peer_id=-XX0001-abcdefghijkl";
const HASH: &str = "123456789abcdef123456789abcdef123456789a";

async fn running(node: Node) -> Handle {
    start(node, ANY_PORT, false, SharedStore::default(), Arc::new(|_, _, _| {})).await.unwrap()
}

/// What somebody at that address gets who asks with HTTP/1.0: all up to the end of the stream.
async fn get(from: [u8; 4], to: SocketAddrV4, target: &str) -> String {
    let mut caller = FakePeer::connect_from(from.into(), to).await;
    caller.send(format!("GET {target} HTTP/1.0\r\n\r\n").as_bytes()).await;
    String::from_utf8_lossy(&caller.read_to_end().await).into_owned()
}

#[tokio::test]
async fn a_request_by_hand_is_answered_to_the_byte() {
    let tracker = running(Node::tracker(TrackerConfig::default())).await;
    let target = format!("/announce?{WHO}&port=6881&uploaded=0&downloaded=0&left=9&compact=1&event=started");
    let answer = |body: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nServer: p2p testbed {}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            env!("CARGO_PKG_VERSION"),
            body.len()
        )
    };
    let first = get([127, 0, 0, 2], tracker.address(), &target).await;
    assert_eq!(first, answer("d8:completei0e10:incompletei1e8:intervali1800e12:min intervali300e5:peers0:e"));
    let other =
        target.replacen("6881", "80", 1).replacen("ijkl", "ijkm", 1).replacen("compact=1", "compact=0", 1);
    let second = get([127, 0, 0, 3], tracker.address(), &other).await;
    assert_eq!(
        second,
        answer(
            "d8:completei0e10:incompletei2e8:intervali1800e12:min intervali300e5:peers\
             ld2:ip9:127.0.0.27:peer id20:-XX0001-abcdefghijkl4:porti6881eeee"
        )
    );
    tracker.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_program_takes_reports_in_datagrams_and_its_log_has_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tracker.log");
    let udp = ["--udp", "127.0.0.1:0", "--log", path.to_str().unwrap()];
    let mut tracker = BITTORRENT.start(&[&["tracker", "--listen", "127.0.0.1:0"], &udp[..]].concat());
    tracker.line();
    let line = tracker.line();
    let at = line.trim().strip_prefix("and at udp://").and_then(|rest| rest.strip_suffix("/announce"));
    let to: SocketAddrV4 = at.unwrap_or_else(|| panic!("{line}")).parse().unwrap();
    let http: SocketAddrV4 = tracker.address().parse().unwrap();
    let (first, second) = (FakePost::on([127, 0, 0, 2]).await, FakePost::on([127, 0, 0, 3]).await);
    let connection = async |who: &FakePost| {
        let reply = who.ask(to, &Ask::Connect { transaction: 1 }.encode()).await;
        match Reply::decode(&reply).unwrap() {
            Reply::Connect { transaction: 1, connection } if reply.len() == 16 => connection,
            other => panic!("{other:?}"),
        }
    };
    let report = Announce::from_query(&format!("{WHO}&port=6881&uploaded=1&downloaded=2&left=3")).unwrap();
    let asked = |connection| Ask::Announce { connection, transaction: 2, announce: Box::new(report.clone()) };
    let id = connection(&first).await;
    let reply = first.ask(to, &asked(id).encode()).await;
    let alone = Reply::Announce { transaction: 2, interval_s: 1_800, leechers: 1, seeders: 0, peers: vec![] };
    assert_eq!(
        reply,
        alone.encode(),
        "its own port is not the one of which it speaks, and it is told of nobody"
    );
    // Somebody else's id, and no id at all, are not answered, by either socket.
    second.send(to, &asked(id).encode()).await;
    second.send(to, b"GET / HTTP/1.0\r\n\r\n").await;
    second.expect_silence().await;
    let connection = connection(&second).await;
    let other = Announce { peer_id: PeerId([7; 20]), port: 80, ..report.clone() };
    let reply = second
        .ask(to, &Ask::Announce { connection, transaction: 3, announce: Box::new(other) }.encode())
        .await;
    let Reply::Announce { peers, leechers: 2, .. } = Reply::decode(&reply).unwrap() else {
        panic!("{reply:?}")
    };
    assert_eq!(peers, ["127.0.0.2:6881".parse().unwrap()]);
    let figures = get([127, 0, 0, 4], http, "/scrape").await;
    assert!(figures.contains("8:completei0e10:downloadedi0e10:incompletei2ee"), "{figures}");
    assert!(tracker.interrupt());
    let at: Vec<String> = reports(&path).iter().map(|report| report.address.to_string()).collect();
    assert_eq!(at, ["127.0.0.2:6881", "127.0.0.3:80"]);
}

#[tokio::test]
async fn many_requests_follow_each_other_on_one_connection() {
    let tracker = running(Node::tracker(TrackerConfig::default())).await;
    let mut caller = FakePeer::connect(tracker.address()).await;
    for _ in 0..100 {
        caller.send(b"GET /scrape HTTP/1.1\r\nHost: here\r\n\r\n").await;
        caller.read_until(b"Connection: keep-alive").await;
        caller.read_until(b"\r\n\r\nd5:filesdee").await;
    }
    // A head that comes byte by byte, and two at once.
    caller.send_slowly(b"GET /scrape HTTP/1.1\r\n\r\n").await;
    caller.read_until(b"d5:filesdee").await;
    caller.send(b"GET /scrape HTTP/1.1\r\n\r\nGET /scrape HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    caller.read_until(b"d5:filesdee").await;
    caller.read_until(b"d5:filesdee").await;
    caller.expect_close().await;
    // The tracker waits for that.
    drop(caller);
    tracker.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_torrent_of_megabytes_is_served_whole() {
    // 120,000 pieces have 2.4 MB of hashes: more than a node of another overlay may have queued on a connection.
    let draft = Draft {
        name: "large".into(),
        piece_length: 16_384,
        pieces: (0..120_000u32).map(|n| [n as u8; 20]).collect(),
        files: vec![FileEntry { path: Box::default(), length: 120_000 * 16_384 }],
        ..Draft::default()
    };
    let file = Metainfo::new(draft).unwrap().to_bytes();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("large.torrent"), &file).unwrap();
    let (_site, address) = site(dir.path());
    let mut caller = FakePeer::connect(address).await;
    caller.send(b"GET /torrent/0.torrent HTTP/1.0\r\n\r\n").await;
    let answer = caller.read_to_end().await;
    let body = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    assert!(answer[body..] == file, "{} bytes came", answer.len() - body);
}

/// A site of a folder that has one torrent.
fn site(dir: &Path) -> (Running, SocketAddrV4) {
    let mut site = BITTORRENT.start(&["site", dir.to_str().unwrap(), "--listen", "127.0.0.1:0"]);
    assert!(site.line().starts_with("1 torrent in "));
    site.line();
    let address = site.address().parse().unwrap();
    (site, address)
}

/// The lines of a log that a program is writing.
fn reports(path: &Path) -> Vec<Report> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.parse().unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

#[tokio::test]
async fn the_log_is_on_disk_with_the_answer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tracker.log");
    let log = path.to_str().unwrap();
    for run in 1..=2 {
        let mut tracker =
            BITTORRENT.start(&["tracker", "--listen", "127.0.0.1:0", "--log", log, "--interval", "20m"]);
        tracker.line();
        let address = tracker.address().parse().unwrap();
        let target = format!("/announce?{WHO}&port=6881&uploaded=1&downloaded=2&left=3&event=completed");
        let answer = get([127, 0, 0, 2], address, &target).await;
        assert!(answer.contains("8:intervali1200e"), "{answer}");
        assert!(tracker.interrupt(), "it ends in good order");
        let reports = reports(&path);
        assert_eq!(reports.len(), run, "the second run adds to the first's");
        let report = &reports[run - 1];
        assert_eq!((report.event, report.info_hash.to_string()), (AnnounceEvent::Completed, HASH.into()));
        assert_eq!((report.uploaded, report.downloaded, report.left), (1, 2, 3));
        assert_eq!(report.address, "127.0.0.2:6881".parse().unwrap());
        assert!(report.time_ms > 1_600_000_000_000, "of the wall clock");
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_written_stops_nobody() {
    let mut tracker = BITTORRENT.start(&["tracker", "--listen", "127.0.0.1:0", "--log", "/dev/full"]);
    tracker.line();
    let address = tracker.address().parse().unwrap();
    let target = format!("/announce?{WHO}&port=6881&uploaded=1&downloaded=2&left=3");
    for _ in 0..3 {
        assert!(get([127, 0, 0, 2], address, &target).await.contains("8:intervali1800e"));
    }
    assert!(tracker.interrupt());
}

#[test]
fn mistakes_are_one_line() {
    let said = BITTORRENT.mistake(&["tracker", "--listen", "127.0.0.1:0", "--log", "/nowhere/tracker.log"]);
    assert!(said.contains("/nowhere/tracker.log"), "{said}");
    let said = BITTORRENT.mistake(&["tracker", "--listen", "nonsense"]);
    assert!(said.contains("HOST:PORT"), "{said}");
    let holder = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    let said = BITTORRENT.mistake(&["tracker", "--listen", "127.0.0.1:0", "--udp", &taken]);
    assert!(said.contains(&taken) && said.contains("in use"), "{said}");
    let said = BITTORRENT.mistake(&["tracker", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1"]);
    assert!(said.contains("HOST:PORT"), "{said}");
    let said = BITTORRENT.mistake(&["tracker", "--listen", "127.0.0.1:0", "--interval", "0"]);
    assert!(said.contains("less than a second"), "{said}");
    let said = BITTORRENT.mistake(&["site", "/nowhere", "--listen", "127.0.0.1:0"]);
    assert!(said.contains("/nowhere"), "{said}");
}

#[tokio::test]
async fn a_folder_of_torrents_is_a_site() {
    let dir = tempfile::tempdir().unwrap();
    let draft = Draft {
        name: "some name".into(),
        piece_length: 16_384,
        pieces: vec![[1; 20]],
        files: vec![FileEntry { path: Box::default(), length: 5 }],
        ..Draft::default()
    };
    let file = Metainfo::new(draft).unwrap().to_bytes();
    std::fs::write(dir.path().join("a.torrent"), &file).unwrap();
    std::fs::write(dir.path().join("b.torrent"), b"nonsense").unwrap();
    std::fs::write(dir.path().join("c.txt"), &file).unwrap();
    let (site, address) = site(dir.path());
    let page = get([127, 0, 0, 2], address, "/").await;
    assert!(page.contains(">some name</a>"), "{page}");
    let got = get([127, 0, 0, 2], address, "/torrent/0.torrent").await;
    assert!(got.ends_with(&*String::from_utf8_lossy(&file)));
    assert!(site.interrupt());
}
