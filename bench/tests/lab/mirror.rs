//! The mirror and its clients, alone on a simulated network.

use std::sync::Arc;
use std::time::Duration;

use bench::mirror::{Client, Node, Server, ServerConfig};
use common::net::{Line, NodeId};
use common::peer::FileId;
use common::store::Ranges;
use common::testing::{Lone, Swarm};
use common::user::{
    Command, Failure, Fetch, FetchId, FileInfo, Hit, Note, Query, SearchEnd, SearchId, SharedFile,
};

const SIZE: u64 = 1_000_000;

fn shelf(names: &[&str]) -> Command {
    let file = |(number, name): (u32, &&str)| SharedFile {
        file: FileId(number),
        info: Arc::new(FileInfo { name: (*name).into(), size: SIZE, ..FileInfo::default() }),
    };
    Command::Share((0..).zip(names).map(file).collect())
}

fn mirror(swarm: &mut Swarm<Node>, config: ServerConfig) -> NodeId {
    let line = Line::kbps(8_000, 8_000, Duration::from_millis(5));
    let server = swarm.add_behind(Node::Server(Box::new(Server::new(config))), line);
    swarm.command(server, shelf(&["music/blue train.mp3", "music/kind of blue.mp3", "talk/other.mp3"]));
    server
}

fn client(swarm: &mut Swarm<Node>, mirrors: &[NodeId]) -> NodeId {
    let mirrors: Vec<_> = mirrors.iter().map(|mirror| swarm.address(*mirror)).collect();
    swarm.add(Node::Client(Box::new(Client::new(mirrors.into(), 0))))
}

fn search(swarm: &mut Swarm<Node>, client: NodeId, words: &str) -> (SearchEnd, Vec<Arc<Hit>>) {
    let id = SearchId(swarm.all_notes().len() as u32);
    swarm.command(client, Command::Search(id, Arc::new(Query::words(words))));
    let end = swarm.search_end(client, id);
    (end, swarm.found(client, id))
}

fn fetch(hits: &[Arc<Hit>], have: u64) -> Command {
    let candidates = hits.to_vec();
    Command::Fetch(Box::new(Fetch {
        fetch: FetchId(1),
        candidates,
        into: FileId(0),
        have: Ranges::from_start(have),
    }))
}

#[test]
fn a_search_finds_what_matches_by_two_messages() {
    let mut swarm = Swarm::seeded(1);
    let server = mirror(&mut swarm, ServerConfig::default());
    let client = client(&mut swarm, &[server]);
    let (end, hits) = search(&mut swarm, client, "blue");
    assert_eq!((end, hits.len()), (SearchEnd::Complete, 2));
    let (_, hits) = search(&mut swarm, client, "BLUE -train");
    assert_eq!(&*hits[0].info.name, "music/kind of blue.mp3");
    assert_eq!((swarm.sent("search"), swarm.sent("listing")), (2, 2));
}

#[test]
fn a_download_takes_its_bytes_once_and_a_resume_only_the_rest() {
    for have in [0, 600_000, SIZE] {
        let mut swarm = Swarm::seeded(1);
        let server = mirror(&mut swarm, ServerConfig::default());
        let client = client(&mut swarm, &[server]);
        let (_, hits) = search(&mut swarm, client, "other");
        swarm.command(client, fetch(&hits, have));
        assert!(swarm.fetched(client, FetchId(1)));
        assert_eq!(swarm.sim.load(client).body_received, SIZE - have);
        assert_eq!(swarm.sim.load(server).body_sent, SIZE - have);
    }
}

#[test]
fn a_full_mirror_says_503_and_everybody_gets_the_file_in_the_end() {
    let mut swarm = Swarm::seeded(1);
    let server = mirror(
        &mut swarm,
        ServerConfig { slots: 1, waiting_max: 1, retry_after_s: 2, ..ServerConfig::default() },
    );
    let clients: Vec<NodeId> = (0..5).map(|_| client(&mut swarm, &[server])).collect();
    let (_, hits) = search(&mut swarm, clients[0], "other");
    for client in &clients {
        swarm.command(*client, fetch(&hits, 0));
    }
    for client in &clients {
        assert!(swarm.fetched(*client, FetchId(1)));
    }
    assert!(swarm.sent("busy") >= 3, "three of five found neither a slot nor a place to wait");
}

#[test]
fn a_mirror_that_stays_full_is_given_up_with_a_word() {
    let mut swarm = Swarm::seeded(1);
    let server = mirror(
        &mut swarm,
        ServerConfig { slots: 0, waiting_max: 0, retry_after_s: 1, ..ServerConfig::default() },
    );
    let client = client(&mut swarm, &[server]);
    let (_, hits) = search(&mut swarm, client, "other");
    swarm.command(client, fetch(&hits, 0));
    let end = swarm.wait_for(client, |note| matches!(note, Note::Fetched(_) | Note::Failed(..)));
    assert!(matches!(end, Note::Failed(_, Failure::Refused)), "{end:?}");
    assert!(swarm.sent("busy") < 20, "tries are bounded");
}

#[test]
fn a_file_that_is_not_there_is_404_and_no_holder() {
    let mut swarm = Swarm::seeded(1);
    let server = mirror(&mut swarm, ServerConfig::default());
    let client = client(&mut swarm, &[server]);
    let (_, hits) = search(&mut swarm, client, "other");
    swarm.command(server, Command::Unshare(FileId(2)));
    swarm.command(client, fetch(&hits, 0));
    let end = swarm.wait_for(client, |note| matches!(note, Note::Fetched(_) | Note::Failed(..)));
    assert!(matches!(end, Note::Failed(_, Failure::NoHolder)), "{end:?}");
    assert_eq!(search(&mut swarm, client, "other").1.len(), 0);
}

#[test]
fn without_its_mirror_a_search_ends_offline_and_with_a_second_one_it_goes_on() {
    let mut swarm = Swarm::seeded(1);
    let mirrors = [mirror(&mut swarm, ServerConfig::default()), mirror(&mut swarm, ServerConfig::default())];
    let alone = client(&mut swarm, &mirrors[..1]);
    let lucky = client(&mut swarm, &mirrors);
    swarm.run_for(Duration::from_secs(1));
    let (_, hits) = search(&mut swarm, lucky, "other");
    swarm.command(lucky, fetch(&hits, 0));
    swarm.run_for(Duration::from_millis(300));
    swarm.sim.crash_at(swarm.sim.now(), mirrors[0]);
    swarm.run_for(Duration::from_secs(1));
    assert_eq!(search(&mut swarm, alone, "other").0, SearchEnd::Offline);
    assert_eq!(search(&mut swarm, lucky, "other").0, SearchEnd::Complete);
    assert!(swarm.fetched(lucky, FetchId(1)), "a download resumes from the other mirror");
    assert!(swarm.notes(alone).any(|note| matches!(note, Note::Offline(_))));
}

#[test]
fn who_takes_next_to_nothing_of_a_file_loses_its_slot_to_the_next() {
    let config = ServerConfig { slots: 1, data_timeout: Duration::from_secs(10), ..ServerConfig::default() };
    let mut swarm = Swarm::seeded(1);
    let server = mirror(&mut swarm, config);
    let mirrors = [swarm.address(server)].into();
    // Eight bytes a second.
    let drip = Line { down_bps: Some(64), ..Line::default() };
    let slow = swarm.add_behind(Node::Client(Box::new(Client::new(mirrors, 0))), drip);
    let next = client(&mut swarm, &[server]);
    let (_, hits) = search(&mut swarm, next, "other");
    swarm.command(slow, fetch(&hits, 0));
    swarm.run_for(Duration::from_secs(1));
    let begun = swarm.sim.now();
    swarm.command(next, fetch(&hits, 0));
    assert!(swarm.fetched(next, FetchId(1)));
    let waited = swarm.sim.now().since(begun).as_secs();
    assert!((8..20).contains(&waited), "in the place of who had it, after {waited} s");
}

#[test]
fn a_mirror_survives_garbage_and_answers_plain_http() {
    let mut server = Lone::new(Node::Server(Box::new(Server::new(ServerConfig::default()))));
    server.command(shelf(&["music/blue train.mp3"]));
    let stranger = std::net::SocketAddrV4::new([10, 9, 9, 9].into(), 4_000);
    for junk in [&b"\x00\x01\x02\r\n\r\n"[..], b"GET", b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"] {
        let conn = server.accept(stranger);
        server.feed(conn, junk);
    }
    let ask = |server: &mut Lone<Node>, request: &str| {
        let conn = server.accept(stranger);
        server.feed(conn, request.as_bytes());
        String::from_utf8_lossy(&server.take(conn)).into_owned()
    };
    assert!(ask(&mut server, "GET /files/7 HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert!(ask(&mut server, "GET /files/-1 HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400 "));
    assert!(ask(&mut server, "DELETE /files/0 HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400 "));
    assert!(
        ask(&mut server, "GET /files/0 HTTP/1.1\r\nRange: bytes=1000000-\r\n\r\n")
            .starts_with("HTTP/1.1 416 ")
    );
    let listing = ask(&mut server, "GET /search?q=blue+train HTTP/1.1\r\n\r\n");
    assert!(
        listing.starts_with("HTTP/1.1 200 ")
            && listing.ends_with("0\t1000000\t-\t0\t0\t0\tmusic%2Fblue%20train.mp3\n"),
        "{listing}"
    );
}
