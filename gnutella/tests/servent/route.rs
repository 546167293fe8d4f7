//! One servent among neighbours that the test plays byte by byte: what it passes on, to whom, and what it drops.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use common::peer::{CloseReason, ConnId, FileId};
use common::testing::Lone;
use common::user::{Command, FileInfo, Note, Query as Wanted, SearchId, SharedFile};
use gnutella::guid::Guid;
use gnutella::node::Node;
use gnutella::servent::{Dropped, Knobs, ServentConfig};
use gnutella::strategy::StrategyKind;
use gnutella::wire::{
    Codec, Entry, Header, HitBuilder, Message, Push, Query, QueryBuilder, QueryHit, Setup, Trailer, Walk,
};
use proptest::prelude::*;
use tokio_util::codec::{Decoder, Encoder};

const ORIGIN: &str = "10.0.0.99:6346";

/// A servent with neighbours, each of them the test's.
struct Mesh {
    lone: Lone<Node>,
    links: Vec<ConnId>,
}

fn knobs() -> Knobs {
    Knobs { keeps_degree: false, ping_every: None, ..Knobs::default() }
}

fn address(host: usize) -> SocketAddrV4 {
    SocketAddrV4::new([10, 0, 1, host as u8].into(), 6346)
}

fn id(n: u8) -> Guid {
    Guid([n; 16])
}

fn header(n: u8, ttl: u8, hops: u8) -> Header {
    Header { guid: id(n), ttl, hops }
}

fn query(words: &str) -> Arc<Query> {
    Arc::new(QueryBuilder::words(words).build())
}

/// A hit of a servent of this name.
fn hit(servent: u8) -> Arc<QueryHit> {
    let mut hit = HitBuilder::new(address(77), 1000, id(servent), Trailer::OURS);
    hit.push(&Entry { index: 1, size: 2, name: "zebra".into(), urn: None });
    Arc::new(hit.build().expect("it has a result"))
}

fn push(servent: u8) -> Arc<Push> {
    Arc::new(Push { servent: id(servent), index: 1, address: address(5), extension: None })
}

impl Mesh {
    fn new(neighbours: usize) -> Mesh {
        Mesh::with(neighbours, knobs())
    }

    fn with(neighbours: usize, knobs: Knobs) -> Mesh {
        Mesh::searching(neighbours, knobs, StrategyKind::Flood)
    }

    fn searching(neighbours: usize, knobs: Knobs, strategy: StrategyKind) -> Mesh {
        Mesh::of(neighbours, ServentConfig { knobs: Arc::new(knobs), strategy, ..ServentConfig::default() })
    }

    fn of(neighbours: usize, config: ServentConfig) -> Mesh {
        let mut mesh = Mesh { lone: Lone::new(Node::servent(config)), links: Vec::new() };
        for host in 0..neighbours {
            let conn = mesh.lone.accept(address(host));
            mesh.lone.feed(conn, b"GNUTELLA CONNECT/0.6\r\nUser-Agent: test\r\n\r\n");
            assert!(mesh.lone.take(conn).starts_with(b"GNUTELLA/0.6 200"));
            mesh.lone.feed(conn, b"GNUTELLA/0.6 200 OK\r\n\r\n");
            mesh.links.push(conn);
        }
        mesh.sent();
        mesh
    }

    fn share(&mut self, names: &[&str]) {
        let file = |(number, name): (usize, &&str)| SharedFile {
            file: FileId(number as u32),
            info: Arc::new(FileInfo { name: (*name).into(), size: 5, ..FileInfo::default() }),
        };
        let files: Vec<_> = names.iter().enumerate().map(file).collect();
        self.lone.command(Command::Share(files.into()));
    }

    /// A neighbour says something; what each neighbour is then sent.
    fn say(&mut self, neighbour: usize, message: Message) -> Vec<(usize, Message)> {
        let mut bytes = BytesMut::new();
        Codec::new(Setup::Descriptors).encode(message, &mut bytes).expect("tests send what can be encoded");
        self.lone.feed(self.links[neighbour], &bytes);
        self.sent()
    }

    fn sent(&mut self) -> Vec<(usize, Message)> {
        let mut sent = Vec::new();
        for (neighbour, conn) in self.links.iter().enumerate() {
            let mut bytes = BytesMut::from(&self.lone.take(*conn)[..]);
            let mut codec = Codec::new(Setup::Descriptors);
            while let Some(message) = codec.decode(&mut bytes).expect("it writes descriptors") {
                sent.push((neighbour, message));
            }
        }
        sent
    }

    fn dropped(&self) -> Dropped {
        match &self.lone.peer {
            Node::Servent(servent) => servent.dropped(),
            Node::HostCache(_) => unreachable!("the test started a servent"),
        }
    }
}

fn queries(sent: &[(usize, Message)]) -> Vec<(usize, u8, u8)> {
    let query = |(to, message): &(usize, Message)| match message {
        Message::Query(header, _) => Some((*to, header.ttl, header.hops)),
        _ => None,
    };
    sent.iter().filter_map(query).collect()
}

fn hits(sent: &[(usize, Message)]) -> Vec<(usize, u8, u8)> {
    let hit = |(to, message): &(usize, Message)| match message {
        Message::Hit(header, _) => Some((*to, header.ttl, header.hops)),
        _ => None,
    };
    sent.iter().filter_map(hit).collect()
}

#[test]
fn a_query_goes_to_all_others_once_and_byte_for_byte() {
    let mut mesh = Mesh::new(4);
    let asked = query("zebra");
    let sent = mesh.say(1, Message::Query(header(1, 5, 2), asked.clone()));
    assert_eq!(queries(&sent), [(0, 4, 3), (2, 4, 3), (3, 4, 3)]);
    assert!(sent.iter().all(|(_, message)| matches!(message, Message::Query(_, passed) if *passed == asked)));
    for neighbour in [0, 2, 3] {
        assert!(mesh.say(neighbour, Message::Query(header(1, 4, 3), asked.clone())).is_empty());
    }
    assert_eq!(mesh.dropped().duplicates, 3);
    assert!(
        mesh.links.iter().all(|conn| !mesh.lone.closed(*conn)),
        "copies by other links are nobody's fault"
    );
}

#[test]
fn who_repeats_itself_is_cut_off() {
    let mut mesh = Mesh::new(2);
    for _ in 0..20 {
        mesh.say(1, Message::Query(header(2, 5, 2), query("zebra")));
    }
    assert!(!mesh.lone.closed(mesh.links[1]), "others' may come again");
    for _ in 0..20 {
        mesh.say(0, Message::Query(header(1, 5, 0), query("zebra")));
    }
    assert!(mesh.lone.closed(mesh.links[0]) && !mesh.lone.closed(mesh.links[1]));
}

#[test]
fn ttl_and_hops_decide_how_far_it_goes() {
    // TTL and hops as they come, and as they go on.
    let cases = [
        ((7, 0), Some((6, 1))),
        ((2, 3), Some((1, 4))),
        ((1, 0), None),
        ((0, 0), None),
        ((15, 0), Some((9, 1))),
        ((7, 8), Some((1, 9))),
        ((5, 9), None),
        ((5, 10), None),
        ((16, 0), None),
        ((255, 255), None),
        ((0, 255), None),
        ((255, 0), None),
    ];
    for ((ttl, hops), onward) in cases {
        let mut mesh = Mesh::new(2);
        let sent = mesh.say(0, Message::Query(header(1, ttl, hops), query("zebra")));
        let onward: Vec<_> = onward.into_iter().map(|(ttl, hops)| (1, ttl, hops)).collect();
        assert_eq!(queries(&sent), onward, "TTL {ttl}, hops {hops}");
    }
}

#[test]
fn a_ttl_of_one_is_still_answered() {
    let mut mesh = Mesh::new(2);
    mesh.share(&["music/zebra polka.ogg"]);
    let sent = mesh.say(0, Message::Query(header(1, 1, 6), query("zebra")));
    assert_eq!(hits(&sent), [(0, 8, 0)]);
    let [(0, Message::Hit(head, hit))] = &sent[..] else { panic!("one hit: {sent:?}") };
    assert_eq!(head.guid, id(1), "an answer bears its question's id");
    let entries: Vec<_> = hit.entries().collect();
    assert_eq!((entries[0].index, entries[0].size, &*entries[0].name), (0, 5, "zebra polka.ogg"));
    let trailer = hit.trailer().expect("it says who it is");
    assert_eq!((trailer.push, trailer.busy), (Some(false), Some(false)));
}

#[test]
fn unmarked_queries_are_answered_too() {
    let mut mesh = Mesh::new(1);
    mesh.share(&["zebra"]);
    let mut bytes = vec![9; 16];
    bytes.extend_from_slice(&[0x80, 3, 0, 8, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(b"zebra\0");
    mesh.lone.feed(mesh.links[0], &bytes);
    assert_eq!(hits(&mesh.sent()), [(0, 2, 0)]);
}

#[test]
fn four_blanks_list_everything_to_a_neighbour_only() {
    let mut mesh = Mesh::with(2, Knobs { results_max: 400, ..knobs() });
    let names: Vec<String> = (0..500).map(|n| format!("file {n}.ogg")).collect();
    mesh.share(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let sent = mesh.say(0, Message::Query(header(1, 1, 0), query("    ")));
    let counts: Vec<u8> = sent
        .iter()
        .filter_map(|(_, message)| match message {
            Message::Hit(_, hit) => Some(hit.count()),
            _ => None,
        })
        .collect();
    assert_eq!(counts, [255, 145], "as many as one answer may have, in hits of at most 255");
    assert!(mesh.say(0, Message::Query(header(2, 1, 1), query("    "))).is_empty());
    assert!(hits(&mesh.say(0, Message::Query(header(3, 7, 0), query("    ")))).is_empty());
}

#[test]
fn hits_go_back_by_the_link_their_query_came_by() {
    let mut mesh = Mesh::new(4);
    mesh.say(2, Message::Query(header(1, 5, 2), query("zebra")));
    assert_eq!(hits(&mesh.say(0, Message::Hit(header(1, 4, 1), hit(50)))), [(2, 3, 2)]);
    assert_eq!(hits(&mesh.say(3, Message::Hit(header(1, 255, 0), hit(51)))), [(2, 15, 1)]);
    assert_eq!(hits(&mesh.say(3, Message::Hit(header(1, 255, 255), hit(51)))), [(2, 15, 255)]);
    assert!(mesh.say(0, Message::Hit(header(1, 1, 1), hit(50))).is_empty());
    assert_eq!(mesh.dropped().expired, 1);
    assert!(mesh.say(0, Message::Hit(header(2, 4, 1), hit(50))).is_empty(), "nobody asked");
    assert!(mesh.say(2, Message::Hit(header(1, 4, 1), hit(50))).is_empty(), "from where its query came");
    assert_eq!(mesh.dropped().unroutable, 2);
}

#[test]
fn hits_for_a_link_that_is_gone_are_dropped() {
    let mut mesh = Mesh::new(3);
    mesh.say(2, Message::Query(header(1, 5, 2), query("zebra")));
    mesh.lone.hang_up(mesh.links[2], CloseReason::Reset);
    assert!(mesh.say(0, Message::Hit(header(1, 4, 1), hit(50))).is_empty());
    assert_eq!(mesh.dropped().unroutable, 1);
}

#[test]
fn hits_for_a_search_are_for_the_user_alone() {
    let mut mesh = Mesh::new(3);
    mesh.lone.command(Command::Search(SearchId(1), Wanted::words("zebra").into()));
    let sent = mesh.sent();
    assert_eq!(queries(&sent), [(0, 7, 0), (1, 7, 0), (2, 7, 0)]);
    let Some((_, Message::Query(asked, text))) = sent.first() else { panic!("a query: {sent:?}") };
    assert_eq!(text.text(), "zebra");
    let found = |mesh: &Mesh| mesh.lone.notes.iter().filter(|note| matches!(note, Note::Found(..))).count();
    for neighbour in [1, 2, 1] {
        assert!(mesh.say(neighbour, Message::Hit(Header { ttl: 3, hops: 1, ..*asked }, hit(50))).is_empty());
    }
    assert_eq!(found(&mesh), 1, "the same file of the same servent is one result");
    // Our own query comes back by a loop.
    assert!(mesh.say(2, Message::Query(Header { ttl: 3, hops: 4, ..*asked }, text.clone())).is_empty());
    mesh.lone.advance(Duration::from_secs(60));
    assert!(mesh.say(1, Message::Hit(Header { ttl: 3, hops: 1, ..*asked }, hit(51))).is_empty());
    assert_eq!(found(&mesh), 1, "after the end nothing is found any more");
    let ends = mesh.lone.notes.iter().filter(|note| matches!(note, Note::SearchEnded(..))).count();
    assert_eq!(ends, 1);
}

#[test]
fn made_up_results_are_bounded() {
    let mut mesh = Mesh::with(1, Knobs { search_results_max: 100, ..knobs() });
    mesh.lone.command(Command::Search(SearchId(1), Wanted::words("zebra").into()));
    let Some((_, Message::Query(asked, _))) = mesh.sent().pop() else { panic!("a query") };
    for servent in 0..=255 {
        mesh.say(0, Message::Hit(Header { ttl: 3, hops: 1, ..asked }, hit(servent)));
    }
    let found = mesh.lone.notes.iter().filter(|note| matches!(note, Note::Found(..))).count();
    assert_eq!(found, 100);
    assert!(matches!(mesh.lone.notes.last(), Some(Note::SearchEnded(..))));
}

#[test]
fn pushes_follow_the_hits_of_their_servent() {
    let mut mesh = Mesh::new(4);
    let pushes = |sent: &[(usize, Message)]| -> Vec<(usize, u8, u8)> {
        let push = |(to, message): &(usize, Message)| match message {
            Message::Push(header, _) => Some((*to, header.ttl, header.hops)),
            _ => None,
        };
        sent.iter().filter_map(push).collect()
    };
    assert!(mesh.say(0, Message::Push(header(9, 5, 0), push(50))).is_empty(), "a stranger");
    mesh.say(2, Message::Query(header(1, 5, 2), query("zebra")));
    mesh.say(3, Message::Hit(header(1, 4, 1), hit(50)));
    assert_eq!(pushes(&mesh.say(0, Message::Push(header(10, 5, 1), push(50)))), [(3, 4, 2)]);
    assert!(mesh.say(0, Message::Push(header(10, 5, 1), push(50))).is_empty(), "the same message again");
    assert_eq!(pushes(&mesh.say(0, Message::Push(header(11, 255, 255), push(50)))), [(3, 15, 255)]);
    assert!(mesh.say(3, Message::Push(header(12, 5, 1), push(50))).is_empty(), "from where the servent is");
    assert!(mesh.say(0, Message::Push(header(13, 1, 1), push(50))).is_empty());
    let dropped = mesh.dropped();
    assert_eq!((dropped.duplicates, dropped.unroutable, dropped.expired), (1, 2, 1));
}

#[test]
fn a_line_that_is_full_carries_what_matters_most() {
    // 16 kb/s, half of it for others: a thousand bytes a second. A query to three others takes about an eighth of that.
    let knobs = Knobs { broadcast_share: Some(0.5), cuts_misbehaving: false, ..knobs() };
    let config = ServentConfig { knobs: Arc::new(knobs), speed_kbps: 16, ..ServentConfig::default() };
    let mut mesh = Mesh::of(4, config);
    mesh.share(&["zebra"]);
    let ask = |mesh: &mut Mesh, n: u8, hops: u8| {
        let sent = mesh.say(0, Message::Query(header(n, 5, hops), query("zebra")));
        assert_eq!(hits(&sent).len(), 1, "whatever else, it is answered");
        queries(&sent).len() == 3
    };
    let passed = (1..100).take_while(|n| ask(&mut mesh, *n, 0)).count() as u8;
    assert!((6..=9).contains(&passed), "{passed} queries fill half of two seconds");
    assert_eq!(mesh.dropped().over_budget, 1);
    mesh.lone.advance(Duration::from_millis(300));
    assert!(!ask(&mut mesh, 101, 5), "one that has come far has been seen by most");
    assert!(ask(&mut mesh, 102, 0));
    // Hits and pushes find room where queries do not.
    assert_eq!(hits(&mesh.say(1, Message::Hit(header(1, 4, 1), hit(50)))).len(), 1);
    let refused = (103..113).filter(|n| !ask(&mut mesh, *n, 0)).count() as u64;
    assert!(refused >= 8, "{refused} of ten more queries");
    assert_eq!(mesh.say(2, Message::Push(header(120, 4, 1), push(50))).len(), 1);
    let flood = (0..200).map(|_| hits(&mesh.say(1, Message::Hit(header(1, 4, 1), hit(50)))).len());
    let through = flood.sum::<usize>();
    assert!((1..40).contains(&through), "{through} of 200");
    assert_eq!(mesh.say(2, Message::Push(header(121, 4, 1), push(50))).len(), 1, "a push goes last");
    mesh.lone.advance(Duration::from_secs(3));
    assert!(ask(&mut mesh, 122, 5));
    assert_eq!(mesh.dropped().over_budget, 1 + 1 + refused + 200 - through as u64);
}

fn walker(steps: u16, check_every: u8) -> Arc<Query> {
    let origin = ORIGIN.parse().expect("an address");
    let walk = Walk { steps, steps_max: 100, check_every, origin };
    Arc::new(QueryBuilder::words("zebra").walk(walk).build())
}

#[test]
fn a_walker_goes_to_one_neighbour_with_nothing_changed_but_its_steps() {
    let mut mesh = Mesh::new(4);
    mesh.share(&["zebra"]);
    let mut visited = Vec::new();
    for turn in 0..3 {
        let sent = mesh.say(0, Message::Query(header(1, 1, 0), walker(4, 4)));
        assert_eq!(hits(&sent).len(), usize::from(turn == 0), "the first of them is answered");
        let [(to, 1, 1)] = queries(&sent)[..] else { panic!("one query: {sent:?}") };
        let Some((_, Message::Query(_, passed))) = sent.last() else { panic!("a query: {sent:?}") };
        assert_eq!(**passed, *walker(5, 4));
        visited.push(to);
    }
    visited.sort_unstable();
    assert_eq!(visited, [1, 2, 3], "to each once before any again");
    assert!(!mesh.lone.closed(mesh.links[0]), "walkers are no duplicates");
}

#[test]
fn a_walker_asks_and_goes_on_or_ends() {
    let answers: [(&[u8], usize); 3] = [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 1),
        (b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", 0),
        (b"", 0),
    ];
    for (answer, onward) in answers {
        let mut mesh = Mesh::new(3);
        assert!(mesh.say(0, Message::Query(header(1, 1, 0), walker(7, 4))).is_empty());
        let dial = mesh.lone.next_dial().expect("it asks");
        assert_eq!(dial.1.to_string(), ORIGIN);
        let conn = mesh.lone.answer(dial);
        let asked = String::from_utf8(mesh.lone.take(conn)).expect("HTTP");
        assert!(asked.starts_with(&format!("HEAD /walk/{} HTTP/1.1\r\n", id(1))), "{asked}");
        mesh.lone.feed(conn, answer);
        mesh.lone.advance(Duration::from_secs(60));
        assert_eq!(queries(&mesh.sent()).len(), onward);
        assert!(mesh.lone.closed(conn));
    }
}

#[test]
fn walkers_cannot_make_a_servent_dial_for_every_message() {
    let mut mesh = Mesh::with(3, Knobs { checks_max: 2, ..knobs() });
    // They want to ask at each step, or go on for ever; the servent's own knobs decide.
    mesh.say(0, Message::Query(header(1, 1, 0), walker(0, 1)));
    assert!(mesh.lone.next_dial().is_none());
    for n in 2..9 {
        mesh.say(0, Message::Query(header(n, 1, 0), walker(3, 1)));
    }
    assert_eq!(std::iter::from_fn(|| mesh.lone.next_dial()).count(), 2);
    let endless = Walk { steps: 300, steps_max: u16::MAX, check_every: 0, origin: address(9) };
    let endless = Arc::new(QueryBuilder::words("zebra").walk(endless).build());
    assert!(mesh.say(0, Message::Query(header(20, 1, 0), endless)).is_empty());
}

#[test]
fn questions_about_walkers_are_answered() {
    let mut mesh = Mesh::searching(2, Knobs { walkers: 3, ..knobs() }, StrategyKind::RandomWalk);
    let ask = |mesh: &mut Mesh, what: &str| {
        let conn = mesh.lone.accept(address(200));
        mesh.lone.feed(conn, format!("HEAD {what} HTTP/1.1\r\n\r\n").as_bytes());
        let answer = String::from_utf8(mesh.lone.take(conn)).expect("HTTP");
        assert!(mesh.lone.closed(conn));
        answer.split(' ').nth(1).map(str::to_owned)
    };
    assert_eq!(ask(&mut mesh, &format!("/walk/{}", id(1))).as_deref(), Some("410"), "no such search");
    let wanted = Wanted { results_max: 2, ..Wanted::words("zebra") };
    mesh.lone.command(Command::Search(SearchId(1), Arc::new(wanted)));
    let sent = mesh.sent();
    assert_eq!(queries(&sent).len(), 3, "a walker more than there are neighbours");
    assert!(queries(&sent).iter().all(|(_, ttl, hops)| (*ttl, *hops) == (1, 0)), "nobody may flood it");
    let Some((_, Message::Query(asked, _))) = sent.first() else { panic!("a query: {sent:?}") };
    let about = format!("/walk/{}", asked.guid);
    assert_eq!(ask(&mut mesh, &about).as_deref(), Some("200"));
    mesh.say(0, Message::Hit(Header { ttl: 3, hops: 1, ..*asked }, hit(50)));
    assert_eq!(ask(&mut mesh, &about).as_deref(), Some("200"), "one result is not enough");
    mesh.say(0, Message::Hit(Header { ttl: 3, hops: 1, ..*asked }, hit(51)));
    assert_eq!(ask(&mut mesh, &about).as_deref(), Some("410"));
}

/// Any descriptor that passes through: from whom, of which id, TTL and hops.
fn hostile() -> impl Strategy<Value = (usize, u8, u8, u8, u8)> {
    // Mostly within the limits, or nothing would ever pass.
    let count = || prop_oneof![4 => 0..8u8, 1 => any::<u8>()];
    (0..4usize, 0..6u8, count(), count(), 0..4u8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever neighbours say: a query goes to each other neighbour once and no further than its sum of TTL and hops, a
    /// hit or a push to one, and never back.
    #[test]
    fn nothing_is_passed_on_twice_or_back(said in prop::collection::vec(hostile(), 1..60)) {
        let mut mesh = Mesh::with(4, Knobs { cuts_misbehaving: false, ..knobs() });
        let mut passed = std::collections::BTreeSet::new();
        for (from, n, ttl, hops, kind) in said {
            let head = header(n, ttl, hops);
            let message = match kind {
                0 | 1 => Message::Query(head, query("zebra")),
                2 => Message::Hit(head, hit(n)),
                _ => Message::Push(head, push(n)),
            };
            let sent = mesh.say(from, message);
            let most = if kind < 2 { 3 } else { 1 };
            prop_assert!(sent.len() <= most);
            for (to, message) in sent {
                let onward = message.header().expect("a descriptor");
                prop_assert!(to != from && onward.guid == id(n) && onward.ttl > 0);
                prop_assert_eq!(onward.hops, hops.saturating_add(1));
                if let Message::Query(onward, _) = message {
                    prop_assert!(onward.ttl + onward.hops <= 10 && onward.ttl < ttl);
                    prop_assert!(passed.insert((n, to)), "query {} went to {} before", n, to);
                }
            }
        }
    }
}
