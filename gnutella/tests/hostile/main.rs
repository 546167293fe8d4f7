//! Strangers who mean harm, on every state of a connection, while a servent has good neighbours, a search, an upload and a
//! download under way. At worst they lose their own connection; nothing else is lost.
//!
//! | attack | caller | greeted | dialled | neighbour | downloader | holder |
//! |---|---|---|---|---|---|---|
//! | forged lengths | here | here | here | here; each kind in `wire/foreign.rs` | here; `upload.rs` | here; `download.rs`: 20 odd ranges and heads |
//! | TTL and hops overflow | - | - | - | here; to the number in `route.rs`, `ping.rs` | - | - |
//! | GUID reuse | `handshake.rs`: our own | the same | the same | here; `route.rs`, `ping.rs` | - | - |
//! | hits without a query | here | here | here | here; `route.rs` | here | here |
//! | pushes to strangers | - | - | - | here; `push.rs`: doors knocked at | - | - |
//! | pong floods | - | - | - | here; `ping.rs` | - | - |
//! | oversized queries | here | here | here | here; `wire/payloads.rs` | here | here |
//! | header bombs | here | here | here | here | here | here |
//! | slow handshakes | here; `live.rs` | here | here | `ping.rs`: silence | here | here; `download.rs`: a slow body |
//! | a flood of queries | - | - | - | `cost.rs` | - | - |
//! | anything in any order | `links.rs`, `upload.rs`, `wire/properties.rs` | `links.rs` | `links.rs` | `links.rs`, `route.rs` | `upload.rs` | `download.rs` |
//!
//! A descriptor (`-`) that comes before a link is there is garbage like any other: the rows that say "here" all along send
//! such. What one bad neighbour makes a servent send is measured in `cost.rs`; four attacks over sockets are in `live.rs`.
//!
//! What no servent of 0.4 can prevent: a neighbour that has been asked may lie in its hits, about whose they are too. So a push
//! may go astray until the holder's next hit comes by; a download then turns to other holders, and what it gets is checked
//! against the SHA-1 (`download.rs`).

mod cost;
#[path = "../kit/mod.rs"]
mod kit;
mod live;
mod scene;

use common::user::{FetchId, Note};
use kit::raw::{Descriptor, HIT, PUSH, QUERY, guid};
use scene::{BAD, GREETING, STATES, Scene, State, answer, nth, push, query};

/// Bytes after which any head must have been too long.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// A descriptor's head that promises so many bytes.
fn head(kind: u8, len: u32) -> Vec<u8> {
    let mut head = Descriptor { kind, ..Descriptor::ping(1, 1, 0) }.bytes();
    head[19..].copy_from_slice(&len.to_le_bytes());
    head
}

#[test]
fn forged_lengths() {
    for kind in [0x00, 0x01, 0x02, PUSH, QUERY, HIT, 0x99] {
        for len in [65_536, u32::MAX >> 1, 0x7fff_0000] {
            for state in STATES {
                let mut scene = Scene::set();
                let bad = scene.at(state);
                scene.raw.lone.feed(bad, &head(kind, len));
                // Some states want lines: their end has yet to come.
                scene.raw.lone.feed(bad, b"\r\n\r\n");
                if !scene.raw.lone.closed(bad) {
                    scene.pass(25);
                }
                scene.cost_its_own_connection(bad);
            }
        }
    }
    for lie in [
        "Content-Length: 18446744073709551616",
        "Content-Length: -1",
        "Content-Length: 18446744073709551615",
        "Content-Length: 10\r\nContent-Range: bytes 0-18446744073709551615/18446744073709551615",
        "Content-Length: 10\r\nContent-Range: bytes 9-0/100000",
    ] {
        let mut scene = Scene::set();
        let bad = scene.at(State::Holder);
        scene.raw.lone.feed(bad, format!("HTTP/1.1 206 OK\r\n{lie}\r\n\r\n").as_bytes());
        scene.cost_its_own_connection(bad);
        // Of a request, a length is not believed either: nothing is read that nobody asked for.
        let mut scene = Scene::set();
        let bad = scene.at(State::Downloader);
        scene.raw.lone.say(
            bad,
            &format!("GET /get/0/zebra.ogg HTTP/1.1\r\nRange: bytes=0-99999999999999999999\r\n{lie}\r\n\r\n"),
        );
        scene.unharmed();
    }
}

#[test]
fn ttl_and_hops_overflow() {
    let kinds: [fn([u8; 16]) -> Descriptor; 2] =
        [|id| query(id, 255, 255, "zebra"), |id| Descriptor { guid: id, ..Descriptor::ping(0, 255, 255) }];
    for caching in [true, false] {
        for kind in kinds {
            let mut scene = Scene::with(|knobs| knobs.pong_caching = caching);
            let bad = scene.at(State::Neighbour);
            for n in 0..6 {
                assert!(!scene.raw.lone.closed(bad), "five are borne");
                scene.raw.send(bad, &kind(nth(n)));
            }
            assert_eq!(scene.passed_on(), []);
            scene.cost_its_own_connection(bad);
        }
    }
    // Answers are judged more gently, but get no further than one that is right.
    let mut scene = Scene::set();
    let bad = scene.at(State::Neighbour);
    scene.raw.send(scene.good[0], &query(guid(1), 3, 2, "zebra"));
    scene.passed_on();
    scene.raw.send(bad, &Descriptor { ttl: 255, hops: 255, ..answer(guid(1), BAD) });
    let passed = scene.passed_on();
    assert_eq!(passed.iter().map(|sent| (sent.ttl, sent.hops)).collect::<Vec<_>>(), [(15, 255)]);
    scene.raw.send(bad, &Descriptor { ttl: 255, hops: 255, ..push(guid(2), [9; 16], 1) });
    assert_eq!(scene.passed_on(), []);
    scene.unharmed();
}

#[test]
fn guid_reuse() {
    // Of another's query: its hits still go to whoever asked.
    let mut scene = Scene::set();
    let bad = scene.at(State::Neighbour);
    scene.raw.send(scene.good[0], &query(guid(1), 5, 1, "okapi"));
    scene.raw.send(bad, &query(guid(1), 5, 1, "other words"));
    assert_eq!(scene.passed_on().len(), 1, "the first of them");
    scene.raw.heard(bad);
    scene.raw.send(scene.good[1], &answer(guid(1), 5));
    assert_eq!((scene.passed_on().len(), scene.raw.heard(bad).len()), (1, 0));
    // Of our own search: it is passed on to nobody, and the hits stay ours.
    let ours = scene.search;
    scene.raw.send(bad, &query(ours, 5, 1, "other words"));
    scene.raw.send(scene.good[1], &answer(ours, 5));
    assert_eq!((scene.passed_on().len(), scene.raw.heard(bad).len()), (0, 0));
    assert!(scene.raw.lone.notes.iter().any(|note| matches!(note, Note::Found(..))));
    // Of its own, again and again.
    for _ in 0..7 {
        scene.raw.send(bad, &query(guid(2), 5, 0, "okapi"));
    }
    assert_eq!(scene.passed_on().len(), 2, "to each good one, once");
    scene.cost_its_own_connection(bad);
}

#[test]
fn hits_without_a_query() {
    let mut scene = Scene::set();
    let bad = scene.at(State::Neighbour);
    let memory = scene.routes_memory_bytes();
    for n in 0..1_001 {
        assert!(!scene.raw.lone.closed(bad), "a thousand are borne: the search may have been forgotten");
        scene.raw.send(bad, &answer(nth(n), n as u8));
    }
    assert_eq!(scene.passed_on(), []);
    assert_eq!(scene.dropped().unroutable, 1_001);
    assert_eq!(scene.routes_memory_bytes(), memory, "nothing of them is remembered");
    assert!(scene.raw.lone.next_dial().is_none_or(|(_, to)| to.ip().octets()[3] == BAD + 1), "nor believed");
    assert!(!scene.raw.lone.notes.iter().any(|note| matches!(note, Note::Found(..))));
    scene.cost_its_own_connection(bad);
    not_yet(&answer(nth(1), 1));
}

#[test]
fn pushes_to_strangers() {
    let mut scene = Scene::set();
    let bad = scene.at(State::Neighbour);
    for n in 0..1_001 {
        assert!(!scene.raw.lone.closed(bad));
        scene.raw.send(bad, &push(nth(n), nth(n), n as u8));
    }
    assert_eq!(scene.passed_on(), []);
    assert_eq!(scene.dropped().unroutable, 1_001);
    scene.cost_its_own_connection(bad);
    // For us, to doors of strangers: `push.rs` counts the knocks at one door, this those at all.
    let mut scene = Scene::set();
    let bad = scene.at(State::Neighbour);
    let ours = scene.raw.servent().guid().0;
    for n in 0..10_000 {
        scene.raw.send(bad, &push(nth(n), ours, n as u8));
    }
    let dials = std::iter::from_fn(|| scene.raw.lone.next_dial()).filter(|(_, to)| to.ip().octets()[2] == 3);
    let dials = dials.count();
    assert!((1..=64).contains(&dials), "{dials}");
    assert_eq!(scene.passed_on(), []);
    scene.unharmed();
}

#[test]
fn pong_floods() {
    for caching in [true, false] {
        // That answer nothing.
        let mut scene = Scene::with(|knobs| knobs.pong_caching = caching);
        let bad = scene.at(State::Neighbour);
        for n in 0..1_001 {
            scene.raw.send(bad, &Descriptor::pong(nth(n), 7, 0, n as u8));
        }
        assert_eq!(scene.passed_on(), []);
        scene.cost_its_own_connection(bad);
        // That answer our own ping.
        let mut scene = Scene::with(|knobs| knobs.pong_caching = caching);
        let bad = scene.raw.dial(BAD);
        scene.raw.lone.say(bad, "GNUTELLA CONNECT/0.6\r\nPong-Caching: 0.1\r\nBye-Packet: 0.1\r\n\r\n");
        scene.raw.lone.feed(bad, b"GNUTELLA/0.6 200 OK\r\n\r\n");
        let ping = scene.raw.heard(bad).remove(0).guid;
        for n in 0..2_000 {
            scene.raw.send(bad, &Descriptor::pong(ping, 7, 0, n as u8));
        }
        assert_eq!(scene.passed_on(), []);
        scene.cost_its_own_connection(bad);
    }
}

#[test]
fn oversized_queries() {
    let words = |len: usize| Descriptor {
        payload: [&[0x80, 0][..], &vec![b'a'; len - 3], &[0]].concat(),
        ..query(guid(1), 5, 1, "")
    };
    for len in [4097, 16_384, 65_535] {
        let mut scene = Scene::set();
        let bad = scene.at(State::Neighbour);
        scene.raw.send(bad, &words(len));
        assert_eq!(scene.passed_on(), []);
        scene.cost_its_own_connection(bad);
    }
    // The longest that may be, of a thousand words and of a thousand contents, cost their own length for each neighbour.
    for text in ["zebra ".repeat(600), "urn:sha1:\u{1c}".repeat(400), "\u{1c}".repeat(4000)] {
        let mut scene = Scene::set();
        let bad = scene.at(State::Neighbour);
        let long = query(guid(1), 5, 1, &text);
        scene.raw.send(bad, &long);
        let passed: usize = scene.passed_on().iter().map(|sent| sent.bytes().len()).sum();
        assert!(passed <= 2 * long.bytes().len());
        assert!(!scene.raw.lone.closed(bad));
        scene.unharmed();
    }
    not_yet(&words(4000));
}

/// A descriptor, sent where none is due, ends that connection, at the latest when its time is over.
fn not_yet(descriptor: &Descriptor) {
    for state in STATES.into_iter().filter(|state| *state != State::Neighbour) {
        let mut scene = Scene::set();
        let bad = scene.at(state);
        scene.raw.send(bad, descriptor);
        scene.pass(30);
        assert!(scene.raw.lone.closed(bad), "{state:?}");
        scene.unharmed();
    }
}

/// What may begin a head in this state.
fn beginnings(state: State) -> &'static [&'static str] {
    match state {
        State::Caller => {
            &["GNUTELLA CONNECT/0.6\r\n", "GET / HTTP/1.1\r\n", "HEAD /", "GIV 0:", "", "GNUTELLA CONNECT/"]
        }
        State::Greeted | State::Dialled => &["GNUTELLA/0.6 200 OK\r\n", "GNUTELLA/0.6 503 ", ""],
        State::Neighbour => &[GREETING],
        State::Downloader => &["GET / HTTP/1.1\r\n", "GET /"],
        State::Holder => &["HTTP/1.1 206 OK\r\n", "HTTP/1.1 503 "],
    }
}

#[test]
fn header_bombs() {
    let bombs = [
        "x".repeat(1024),
        "A: b\r\n".repeat(170),
        format!("A: {}\r\n", "b".repeat(1000)),
        " folded\r\n".repeat(110),
    ];
    for state in STATES {
        for beginning in beginnings(state) {
            for bomb in &bombs {
                let mut scene = Scene::set();
                let bad = scene.at(state);
                scene.raw.lone.feed(bad, beginning.as_bytes());
                let mut fed = 0;
                while !scene.raw.lone.closed(bad) {
                    assert!(
                        fed <= HEAD_BYTES_MAX,
                        "{state:?} takes {beginning:?} and {fed} bytes of {:?}",
                        &bomb[..8]
                    );
                    scene.raw.lone.feed(bad, bomb.as_bytes());
                    fed += bomb.len();
                }
                scene.cost_its_own_connection(bad);
            }
        }
    }
}

#[test]
fn slow_handshakes() {
    // A byte a second, in every state in which something is waited for.
    for state in STATES.into_iter().filter(|state| *state != State::Neighbour) {
        for beginning in beginnings(state) {
            let mut scene = Scene::set();
            let bad = scene.at(state);
            scene.raw.lone.feed(bad, beginning.as_bytes());
            for _ in 0..70 {
                scene.raw.lone.feed(bad, b"a");
                scene.pass(1);
            }
            assert!(scene.raw.lone.closed(bad), "{state:?} {beginning:?}");
            scene.unharmed();
        }
    }
}

#[test]
fn slow_handshakes_of_one_address_keep_nobody_off() {
    for words in ["", "GNUTELLA CONN", "GET /get/0/"] {
        let mut scene = Scene::set();
        for _ in 0..1_000 {
            let bad = scene.raw.dial(BAD);
            scene.raw.lone.feed(bad, words.as_bytes());
        }
        scene.unharmed();
    }
    // Nor those that have greeted and leave it at that.
    let mut scene = Scene::set();
    for _ in 0..1_000 {
        let bad = scene.raw.dial(BAD);
        scene.raw.lone.feed(bad, GREETING.as_bytes());
    }
    scene.unharmed();
}

#[test]
fn a_download_from_who_is_bad_fails_alone() {
    let mut scene = Scene::set();
    let bad = scene.at(State::Holder);
    scene.raw.lone.feed(bad, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    scene.raw.lone.feed(bad, &[0; 100_000]);
    scene.pass(30);
    let failed = |note: &Note| matches!(note, Note::Failed(FetchId(2), _));
    assert!(scene.raw.lone.notes.iter().any(failed), "{:?}", scene.raw.lone.notes);
    scene.unharmed();
}
