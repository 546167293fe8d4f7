//! The web cache: what it is told, what it tells, and to whom not.

use std::net::SocketAddrV4;
use std::time::Duration;

use common::peer::ConnId;
use common::testing::Lone;
use gnutella::host_cache::HostCacheConfig;
use gnutella::node::Node;

struct Cache {
    lone: Lone<Node>,
}

impl Cache {
    fn new() -> Self {
        Cache::with(HostCacheConfig::default())
    }

    fn with(config: HostCacheConfig) -> Self {
        Cache { lone: Lone::new(Node::host_cache(config)) }
    }

    fn dial(&mut self, from: &str) -> ConnId {
        self.lone.accept(SocketAddrV4::new(from.parse().unwrap(), 2000))
    }

    /// Status and text of one request from this address, on a connection of its own.
    fn get(&mut self, from: &str, target: &str) -> (u16, String) {
        let conn = self.dial(from);
        self.lone.feed(conn, format!("GET {target} HTTP/1.0\r\nHost: cache\r\n\r\n").as_bytes());
        assert!(self.lone.closed(conn), "HTTP/1.0 is answered once");
        parse(&self.lone.take(conn))
    }

    fn tell(&mut self, from: &str, address: &str) -> String {
        let (status, text) = self.get(from, &format!("/gwc.php?ip={address}"));
        assert_eq!(status, 200);
        text
    }

    /// What newcomers are told, sorted.
    fn told(&mut self) -> Vec<String> {
        let (status, text) = self.get("10.9.9.9", "/?hostfile=1&client=TEST&version=1");
        assert_eq!(status, 200);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }
}

fn parse(bytes: &[u8]) -> (u16, String) {
    let text = std::str::from_utf8(bytes).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let length = format!("Content-Length: {}", body.len());
    assert!(head.contains(&length), "{head}");
    (status, body.to_owned())
}

#[test]
fn every_question_has_its_answer() {
    let urls = vec!["http://one.example/gwc".to_owned(), "http://two.example/".to_owned()];
    let mut cache = Cache::with(HostCacheConfig { urls, ..HostCacheConfig::default() });
    let name = concat!("PONG p2p-testbed/", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(cache.get("10.0.0.5", "/?ping=1"), (200, name.into()));
    assert_eq!(
        cache.get("10.0.0.5", "/any/path.php?urlfile=1").1,
        "http://one.example/gwc\nhttp://two.example/\n"
    );
    assert_eq!(cache.told(), [""; 0]);
    assert_eq!(cache.tell("10.0.0.5", "10.0.0.5:6346"), "OK\n");
    assert_eq!(cache.get("10.0.0.6", "/gwc?hostfile=1&ip=10.0.0.6%3A6347").0, 200);
    assert_eq!(cache.told(), ["10.0.0.5:6346", "10.0.0.6:6347"]);
    assert_eq!(cache.get("10.0.0.5", "/gwc?url=http://other.example/").1, "OK\n");
}

#[test]
fn questions_of_version_2_are_answered_line_by_line() {
    let urls = vec!["http://one.example/gwc".to_owned()];
    let mut cache = Cache::with(HostCacheConfig { urls, ..HostCacheConfig::default() });
    let mut ask = |from: &str, question: &str| {
        let (status, text) = cache.get(from, &format!("/skulls.php?client=TEST&version=1&{question}"));
        cache.lone.advance(Duration::from_secs(90));
        assert_eq!(status, 200);
        text
    };
    assert_eq!(ask("10.0.0.5", "update=1&net=gnutella&ip=10.0.0.5:6346"), "I|update|OK\n");
    assert_eq!(ask("203.0.113.5", "update=1&ip=203.0.113.6:6346"), "I|update|WARNING|not your own address\n");
    let answer = ask("10.0.0.6", "ping=1&get=1&update=1&net=Gnutella&ip=10.0.0.6:6347");
    let name = concat!("I|pong|p2p-testbed/", env!("CARGO_PKG_VERSION"), "|gnutella");
    let mut lines: Vec<&str> = answer.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        ["H|10.0.0.5:6346|180", "H|10.0.0.6:6347|0", name, "I|update|OK", "U|http://one.example/gwc|0"]
    );
    assert_eq!(ask("10.0.0.6", "get=1&net=gnutella2"), "I|net-not-supported\n");
}

#[test]
fn nonsense_is_refused() {
    let mut cache = Cache::new();
    assert_eq!(cache.get("10.0.0.5", "/").0, 404);
    assert_eq!(cache.get("10.0.0.5", "/index.html").0, 404);
    assert_eq!(cache.get("10.0.0.5", "/?hostfile=2").0, 400);
    assert_eq!(cache.get("10.0.0.5", "/?%ff=%00&&=&").0, 400);
    let conn = cache.dial("10.0.0.5");
    cache.lone.feed(conn, b"HEAD /?ping=1 HTTP/1.1\r\n\r\n");
    assert_eq!(parse(&cache.lone.take(conn)).0, 400);
    for bytes in [&b"POST / HTTP/1.1\r\n\r\n"[..], b"GNUTELLA CONNECT/0.4\n\n", b"\0\0", b"GET \r\n\r\n"] {
        let conn = cache.dial("10.0.0.5");
        cache.lone.feed(conn, bytes);
        assert!(cache.lone.closed(conn), "{bytes:?}");
    }
}

#[test]
fn nobody_names_another() {
    let mut cache = Cache::new();
    let tell = |cache: &mut Cache, from: &str, address: &str| cache.tell(from, address);
    assert_eq!(tell(&mut cache, "203.0.113.5", "203.0.113.5:6346"), "OK\n");
    assert_eq!(tell(&mut cache, "203.0.113.5", "203.0.113.6:6346"), "ERROR: not your own address\n");
    assert_eq!(tell(&mut cache, "203.0.113.5", "10.0.0.6:6346"), "ERROR: not your own address\n");
    assert_eq!(tell(&mut cache, "10.0.0.7", "127.0.0.1:6346"), "ERROR: not your own address\n");
    assert_eq!(tell(&mut cache, "203.0.113.5", "203.0.113.5:0"), "ERROR: nobody can listen there\n");
    for nonsense in ["", "203.0.113.5", "203.0.113.5:99999", "[::1]:6346", "a.b.c.d:6346"] {
        assert_eq!(tell(&mut cache, "203.0.113.5", nonsense), "ERROR: not an address with a port\n");
    }
    // Behind one translator, or on one machine.
    assert_eq!(tell(&mut cache, "127.0.0.1", "127.0.0.2:6346"), "OK\n");
    assert_eq!(tell(&mut cache, "192.168.0.1", "192.168.0.9:6346"), "OK\n");
    assert_eq!(cache.told(), ["127.0.0.2:6346", "192.168.0.9:6346", "203.0.113.5:6346"]);
}

#[test]
fn an_address_is_named_no_more_often_than_every_ten_minutes() {
    let mut cache = Cache::new();
    assert_eq!(cache.tell("203.0.113.5", "203.0.113.5:6346"), "OK\n");
    for port in 1..100 {
        let again = cache.tell("203.0.113.5", &format!("203.0.113.5:{port}"));
        assert_eq!(again, "ERROR: come again later\n");
    }
    cache.lone.advance(Duration::from_secs(600));
    assert_eq!(cache.tell("203.0.113.5", "203.0.113.5:7"), "OK\n");
    assert_eq!(cache.told(), ["203.0.113.5:7"]);
}

#[test]
fn addresses_age_and_make_room() {
    let mut cache = Cache::with(HostCacheConfig { hosts_max: 30, ..HostCacheConfig::default() });
    for host in 1..=40 {
        assert_eq!(cache.tell("10.0.0.1", &format!("10.0.0.{host}:6346")), "OK\n");
        cache.lone.advance(Duration::from_secs(1));
    }
    let told = cache.told();
    assert_eq!(told.len(), 20, "of 30");
    assert!(told.iter().all(|told| (11..=40).any(|host| *told == format!("10.0.0.{host}:6346"))));
    assert_ne!(told, cache.told(), "others each time");
    cache.lone.advance(Duration::from_secs(2 * 3600 - 5));
    assert_eq!(cache.told().len(), 5);
    cache.lone.advance(Duration::from_secs(5));
    assert_eq!(cache.told(), [""; 0]);
}

#[test]
fn a_connection_lives_as_its_caller_says_and_not_in_silence() {
    let mut cache = Cache::with(HostCacheConfig { callers_max: 2, ..HostCacheConfig::default() });
    let conn = cache.dial("10.0.0.5");
    for _ in 0..3 {
        cache.lone.advance(Duration::from_secs(15));
        cache.lone.feed(conn, b"GET /?ping=1 HTTP/1.1\r\nConnection: Keep-Alive\r\n\r\n");
        assert_eq!(parse(&cache.lone.take(conn)).0, 200);
        assert!(!cache.lone.closed(conn));
    }
    let silent = cache.dial("10.0.0.6");
    let third = cache.dial("10.0.0.7");
    assert!(cache.lone.closed(third));
    cache.lone.advance(Duration::from_secs(20));
    assert!(cache.lone.closed(conn) && cache.lone.closed(silent));
    let conn = cache.dial("10.0.0.7");
    cache.lone.feed(conn, b"GET /?ping=1 HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert!(cache.lone.closed(conn));
}
