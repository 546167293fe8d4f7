//! What a servent that fetches says to holders, byte by byte, and holders that do not do what they should.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::kit::files::{remote, sha1};
use crate::kit::quiet;
use crate::kit::raw::Raw;
use common::digest::Digest;
use common::http::{ByteRange, Request};
use common::peer::{CloseReason, ConnId};
use common::store::{Faulty, Memory, Ranges, Storage};
use common::testing::files::content;
use common::user::{Failure, FileInfo, Hit, Holder};
use gnutella::wire::Sha1Urn;
use proptest::prelude::*;

/// What a holder does with a request for these bytes of the content.
type Manners<'a> = &'a dyn Fn(u8, &Request, &[u8]) -> Vec<u8>;

/// One servent that fetches, and holders at 10.0.1.x that are played by the test.
struct World {
    alone: Raw,
    content: Vec<u8>,
    conns: Vec<(ConnId, u8)>,
    /// Requests of each host.
    asked: BTreeMap<u8, usize>,
}

impl World {
    fn new(content: &[u8], hosts: &[u8]) -> World {
        World::with(content, Some(sha1(content)), hosts, None, Ranges::default())
    }

    fn with(
        content: &[u8],
        digest: Option<Digest>,
        hosts: &[u8],
        store: Option<Arc<dyn Storage>>,
        have: Ranges,
    ) -> World {
        let info = FileInfo {
            name: "Songs/a b%.ogg".into(),
            size: content.len() as u64,
            digest,
            ..FileInfo::default()
        };
        let hit = |host: &u8| {
            let holder = Holder { address: Some(remote(*host)), index: 7, ..Holder::default() };
            Arc::new(Hit { info: info.clone(), holder, ..Hit::default() })
        };
        let memory = Arc::new(Memory::default());
        let store = store.unwrap_or_else(|| memory.clone());
        let alone = Raw::fetching(quiet(), hosts.iter().map(hit).collect(), (store, memory), have);
        World { alone, content: content.to_vec(), conns: Vec::new(), asked: BTreeMap::new() }
    }

    /// Answers dials and requests until nothing more comes; false if nothing came.
    fn turn(&mut self, manners: Manners) -> bool {
        let mut happened = false;
        while let Some((conn, to)) = self.alone.lone.next_dial() {
            self.alone.lone.answer((conn, to));
            self.conns.push((conn, to.ip().octets()[3]));
            happened = true;
        }
        for (conn, host) in self.conns.clone() {
            let taken = self.alone.lone.take(conn);
            if taken.is_empty() || self.alone.lone.closed(conn) {
                continue;
            }
            let request = Request::parse(&taken).expect("one request at a time");
            let (from, len) = request.range().unwrap().within(self.content.len() as u64).unwrap();
            let bytes = self.content[from as usize..][..len as usize].to_vec();
            *self.asked.entry(host).or_default() += 1;
            let answer = manners(host, &request, &bytes);
            self.alone.lone.feed(conn, &answer);
            happened = true;
        }
        happened
    }

    /// Lets the holders answer until the download has ended.
    fn run(&mut self, manners: Manners) -> Result<(), Failure> {
        for _ in 0..28_800 {
            while self.turn(manners) {}
            if let Some(end) = self.alone.lone.end() {
                return end;
            }
            self.alone.lone.advance(Duration::from_secs(1));
        }
        panic!("the download has not ended in eight hours; asked so far: {:?}", self.asked);
    }

    fn is_right(&self) -> bool {
        self.alone.file.to_vec() == self.content
    }
}

fn answer(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status} So\r\n{headers}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn first_and_last(request: &Request) -> (u64, u64) {
    match request.range() {
        Some(ByteRange::Between(first, last)) => (first, last),
        other => panic!("asked for {other:?}"),
    }
}

const SIZE: usize = 700_000;

fn honest(request: &Request, bytes: &[u8]) -> Vec<u8> {
    let (first, last) = first_and_last(request);
    let headers =
        format!("Content-Length: {}\r\nContent-Range: bytes {first}-{last}/{SIZE}\r\n", bytes.len());
    answer(206, &headers, bytes)
}

#[test]
fn a_request_says_all_that_servents_expect() {
    let content = content(SIZE);
    let Digest::Sha1(hash) = sha1(&content) else { unreachable!("it is one") };
    for (digest, target) in
        [(true, format!("/uri-res/N2R?{}", Sha1Urn(hash))), (false, "/get/7/a%20b%25.ogg".to_owned())]
    {
        let digest = digest.then(|| sha1(&content));
        let mut world = World::with(&content, digest, &[1], None, Ranges::default());
        let (_, to, request) = world.alone.lone.asked().unwrap();
        assert_eq!(to, remote(1));
        let (line, headers) = request.split_once("\r\n").unwrap();
        assert_eq!(line, format!("GET {target} HTTP/1.1"));
        let (first, last) = first_and_last(&Request::parse(request.as_bytes()).unwrap());
        assert!(first == 0 && last < SIZE as u64);
        let client = concat!("p2p-testbed/", env!("CARGO_PKG_VERSION"));
        assert_eq!(
            headers,
            format!(
                "Host: 10.0.1.1:6346\r\nUser-Agent: {client}\r\nRange: bytes=0-{last}\r\n\
                 Connection: Keep-Alive\r\nX-Queue: 0.1\r\n\r\n"
            )
        );
    }
}

#[test]
fn one_connection_brings_one_range_after_the_other() {
    let mut world = World::new(&content(SIZE), &[1]);
    assert_eq!(world.run(&|_, request, bytes| honest(request, bytes)), Ok(()));
    assert!(world.is_right());
    assert_eq!(world.conns.len(), 1);
    assert!(world.asked[&1] > 1, "{:?}", world.asked);
}

#[test]
fn a_holder_that_closes_after_each_answer_is_dialled_again() {
    let mut world = World::new(&content(SIZE), &[1]);
    let closing = |_: u8, request: &Request, bytes: &[u8]| {
        let text = honest(request, bytes);
        [b"HTTP/1.0 206 So\r\n", &text["HTTP/1.1 206 So\r\n".len()..]].concat()
    };
    assert_eq!(world.run(&closing), Ok(()));
    assert!(world.is_right());
    assert_eq!(world.conns.len(), world.asked[&1]);
    assert!(world.conns.iter().all(|(conn, _)| world.alone.lone.closed(*conn)));
}

#[test]
fn answers_in_old_and_odd_words_are_understood() {
    for (head, range) in [
        ("HTTP/1.1 206 Partial Content", "bytes "),
        ("HTTP/1.1 206 OK", "bytes="),
        ("HTTP/1.0 206", "bytes "),
        ("HTTP 206 OK", "bytes "),
    ] {
        let mut world = World::new(&content(SIZE), &[1]);
        let odd = |_: u8, request: &Request, bytes: &[u8]| {
            let (first, last) = first_and_last(request);
            let text = format!(
                "{head}\r\nserver:x\r\ncontent-LENGTH: {}\r\nContent-range: {range}{first}-{last}/{SIZE}\r\n\r\n",
                bytes.len()
            );
            [text.as_bytes(), bytes].concat()
        };
        assert_eq!(world.run(&odd), Ok(()), "{head}");
        assert!(world.is_right());
    }
}

type Way = Box<dyn Fn(&Request, &[u8]) -> Vec<u8>>;

fn way(name: &'static str, f: impl Fn(&Request, &[u8]) -> Vec<u8> + 'static) -> (&'static str, Way) {
    (name, Box::new(f))
}

fn ranged(bytes: &[u8], len: impl std::fmt::Display, range: &str) -> Vec<u8> {
    answer(206, &format!("Content-Length: {len}\r\nContent-Range: bytes {range}\r\n"), bytes)
}

/// Ranges that were not asked for, or that are none.
fn odd_ranges() -> Vec<(&'static str, Way)> {
    vec![
        way("another range", |request, bytes| {
            let (first, last) = first_and_last(request);
            ranged(bytes, bytes.len(), &format!("{}-{}/{SIZE}", first + 1, last + 1))
        }),
        way("another size", |request, bytes| {
            let (first, last) = first_and_last(request);
            ranged(bytes, bytes.len(), &format!("{first}-{last}/{}", SIZE + 1))
        }),
        way("length and range differ", |request, bytes| {
            let (first, last) = first_and_last(request);
            ranged(bytes, bytes.len() - 1, &format!("{first}-{last}/{SIZE}"))
        }),
        way("a range beyond the file", |_, bytes| {
            ranged(bytes, bytes.len(), &format!("{}-{}/*", u64::MAX - bytes.len() as u64, u64::MAX - 1))
        }),
        way("a range backwards", |_, bytes| ranged(bytes, bytes.len(), "9-3/700000")),
        way("no range", |_, bytes| answer(206, &format!("Content-Length: {}\r\n", bytes.len()), bytes)),
        way("another whole file", |_, bytes| {
            answer(200, &format!("Content-Length: {}\r\n", bytes.len() - 1), bytes)
        }),
    ]
}

/// Heads without sense, or with one that is no use.
fn odd_heads() -> Vec<(&'static str, Way)> {
    vec![
        way("a negative length", |_, bytes| ranged(bytes, "-5", "0-4/700000")),
        way("a length beyond all numbers", |_, bytes| {
            answer(200, "Content-Length: 99999999999999999999\r\n", bytes)
        }),
        way("two lengths", |_, bytes| answer(200, "Content-Length: 700000\r\nContent-Length: 3\r\n", bytes)),
        way("no length", |_, bytes| answer(200, "", bytes)),
        way("chunks", |_, bytes| answer(200, "Transfer-Encoding: chunked\r\n", bytes)),
        way("an empty body", |_, _| {
            answer(206, "Content-Length: 0\r\nContent-Range: bytes 0-0/700000\r\n", &[])
        }),
        way("an endless head", |_, _| answer(206, &"X-Padding: yes\r\n".repeat(2000), &[])),
        way("too many lines", |_, _| answer(206, &"A: b\r\n".repeat(70), &[])),
        way("no HTTP", |_, _| b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()),
        way("binary", |_, _| vec![0xff; 4096]),
        way("not found", |_, _| answer(404, "Content-Length: 9\r\n", b"not found")),
        way("elsewhere", |_, _| answer(302, "Location: http://10.0.1.9/\r\nContent-Length: 0\r\n", &[])),
        way("range refused", |_, _| answer(416, "Content-Length: 0\r\n", &[])),
        way("more than it said", |request, bytes| [honest(request, bytes), vec![b'x'; 100]].concat()),
        way("an answer too many", |request, bytes| {
            [honest(request, bytes), answer(404, "Content-Length: 0\r\n", &[])].concat()
        }),
    ]
}

/// Bodies that are not what their heads say, queues without end, and silence.
fn odd_bodies() -> Vec<(&'static str, Way)> {
    vec![
        way("lies", |request, bytes| {
            let mut lies = bytes.to_vec();
            lies[bytes.len() / 2] ^= 1;
            honest(request, &lies)
        }),
        way("busy for ever", |_, _| {
            answer(503, "Content-Length: 4\r\nRetry-After: 99999999999\r\n", b"busy")
        }),
        way("a queue that makes no sense", |_, _| {
            answer(503, "X-Queue: position=0,pollMin=9,pollMax=1\r\nContent-Length: 0\r\n", &[])
        }),
        way("a queue to be asked without a pause", |_, _| {
            answer(503, "X-Queue: position=1,pollMin=0,pollMax=0\r\nContent-Length: 0\r\n", &[])
        }),
        way("nothing", |_, _| Vec::new()),
        way("half a head", |_, _| b"HTTP/1.1 206 So\r\nContent-".to_vec()),
        way("half a body", |request, bytes| {
            let all = honest(request, bytes);
            all[..all.len() - bytes.len() / 2].to_vec()
        }),
    ]
}

/// All ways to misbehave, by name.
fn misbehaviours() -> impl Iterator<Item = (&'static str, Way)> {
    odd_ranges().into_iter().chain(odd_heads()).chain(odd_bodies())
}

#[test]
fn whatever_one_holder_does_the_others_bring_the_file() {
    for (name, misbehave) in misbehaviours() {
        for hosts in [&[1, 2][..], &[1, 2, 3]] {
            let mut world = World::new(&content(SIZE), hosts);
            let manners = |host: u8, request: &Request, bytes: &[u8]| match host {
                1 => misbehave(request, bytes),
                _ => honest(request, bytes),
            };
            assert_eq!(world.run(&manners), Ok(()), "{name}");
            assert!(world.is_right(), "{name}");
        }
    }
}

#[test]
fn a_holder_that_misbehaves_alone_ends_the_download_and_is_not_asked_for_ever() {
    for (name, misbehave) in misbehaviours() {
        let mut world = World::new(&content(SIZE), &[1]);
        let end = world.run(&|_, request, bytes| misbehave(request, bytes));
        let asked = world.asked[&1];
        match name {
            // Every answer was followed by rubbish, and yet the ranges are there or not.
            "more than it said" | "an answer too many" => {}
            "lies" => assert_eq!(end, Err(Failure::Corrupt)),
            "nothing" | "half a head" => assert_eq!(end, Err(Failure::Timeout), "{name}"),
            _ => assert!(end.is_err(), "{name}"),
        }
        assert!(asked <= 30, "{name}: asked {asked} times");
    }
}

#[test]
fn a_holder_that_knows_no_ranges_is_used_from_the_start() {
    let mut world = World::new(&content(SIZE), &[1]);
    let all = content(SIZE);
    let whole = |_: u8, _: &Request, _: &[u8]| answer(200, &format!("Content-Length: {SIZE}\r\n"), &all);
    assert_eq!(world.run(&whole), Ok(()));
    assert!(world.is_right());
}

#[test]
fn of_many_holders_the_one_that_lies_is_found() {
    let mut world = World::new(&content(SIZE), &[1, 2, 3, 4]);
    let manners = |host: u8, request: &Request, bytes: &[u8]| match host {
        3 => honest(request, &vec![b'x'; bytes.len()]),
        _ => honest(request, bytes),
    };
    assert_eq!(world.run(&manners), Ok(()));
    assert!(world.is_right());
}

#[test]
fn when_all_lie_the_download_says_so() {
    let mut world = World::new(&content(SIZE), &[1, 2, 3]);
    let manners = |host: u8, request: &Request, bytes: &[u8]| honest(request, &vec![host; bytes.len()]);
    assert_eq!(world.run(&manners), Err(Failure::Corrupt));
}

#[test]
fn what_was_there_before_may_be_the_corrupt_part() {
    let rubbish = Arc::new(Memory::from(vec![b'x'; 1000]));
    let mut have = Ranges::default();
    have.insert(0, 1000).unwrap();
    let content = content(SIZE);
    let mut world = World::with(&content, Some(sha1(&content)), &[1], Some(rubbish.clone()), have);
    assert_eq!(world.run(&|_, request, bytes| honest(request, bytes)), Ok(()));
    assert!(rubbish.to_vec() == content);
}

#[test]
fn a_full_disk_fails_plainly() {
    let content = content(SIZE);
    let full = Arc::new(Faulty::over(Arc::new(Memory::default())).full_after(300_000));
    let mut world = World::with(&content, Some(sha1(&content)), &[1, 2], Some(full), Ranges::default());
    assert_eq!(world.run(&|_, request, bytes| honest(request, bytes)), Err(Failure::DiskFull));
    assert!(world.conns.iter().all(|(conn, _)| world.alone.lone.closed(*conn)));
}

#[test]
fn a_slow_drip_does_not_hold_a_download() {
    let mut world = World::new(&content(SIZE), &[1]);
    let head = |request: &Request| honest(request, &[]);
    while world.turn(&|_, request, _| head(request)) {}
    let (conn, _) = world.conns[0];
    for _ in 0..12 {
        world.alone.lone.feed(conn, b"y");
        world.alone.lone.advance(Duration::from_secs(10));
    }
    assert!(world.alone.lone.closed(conn), "a byte every ten seconds is no progress");
}

#[test]
fn a_place_in_a_queue_is_kept_by_asking_in_time() {
    let mut world = World::new(&content(SIZE), &[1]);
    let asked = std::cell::Cell::new(0);
    let times = std::cell::RefCell::new(Vec::new());
    let start = world.alone.lone.now();
    let queued = |_: u8, request: &Request, bytes: &[u8]| {
        asked.set(asked.get() + 1);
        match asked.get() {
            n @ 1..=3 => {
                let place = format!("position={},length=3,limit=1,pollMin=20,pollMax=60", 4 - n);
                answer(503, &format!("X-Queue: {place}\r\nContent-Length: 4\r\n"), b"busy")
            }
            _ => honest(request, bytes),
        }
    };
    for _ in 0..600 {
        if world.turn(&queued) {
            times.borrow_mut().push(world.alone.lone.now().since(start).as_secs());
            while world.turn(&queued) {}
        }
        if world.alone.lone.end().is_some() {
            break;
        }
        world.alone.lone.advance(Duration::from_secs(1));
    }
    assert_eq!(world.alone.lone.end(), Some(Ok(())));
    let times = times.into_inner();
    let pauses: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses.len(), 3, "{times:?}");
    assert!(pauses.iter().all(|pause| (20..60).contains(pause)), "{pauses:?}");
    assert_eq!(world.conns.len(), 1, "on the same connection");
}

#[test]
fn holders_that_are_named_are_asked_too_but_not_without_end() {
    let content = content(SIZE);
    let mut world = World::new(&content, &[1]);
    let many: Vec<String> = (2..10).map(|host| format!("10.0.1.{host}:6346")).collect();
    let manners = |host: u8, request: &Request, bytes: &[u8]| {
        let line =
            format!("X-Alt: {},0.0.0.0:1,10.0.0.1:7000,10.0.1.1:6346\r\nRetry-After: 1\r\n", many.join(","));
        match host {
            1 => answer(503, &format!("{line}Content-Length: 0\r\n"), &[]),
            _ => honest(request, bytes),
        }
    };
    assert_eq!(world.run(&manners), Ok(()));
    assert!(world.is_right());
    assert!(world.asked.keys().all(|host| (1..10).contains(host)), "{:?}", world.asked);
    // A holder that names new ones each time: bounded.
    let mut world = World::new(&content, &[1]);
    let named = std::cell::Cell::new(1);
    let endless = |_: u8, _: &Request, _: &[u8]| {
        let hosts = (0..10).map(|_| {
            named.set(named.get() % 250 + 1);
            format!("10.0.1.{}:6346", named.get())
        });
        let line = hosts.collect::<Vec<_>>().join(",");
        answer(503, &format!("X-Alt: {line}\r\nRetry-After: 1\r\nContent-Length: 0\r\n"), &[])
    };
    assert!(world.run(&endless).is_err());
    assert!(world.asked.len() <= 33, "{} hosts were asked", world.asked.len());
}

#[test]
fn who_has_sent_a_range_is_named_to_the_others_until_the_digest_is_wrong() {
    let content = content(SIZE);
    let mut world = World::new(&content, &[1, 2]);
    let requests = std::cell::RefCell::new(Vec::new());
    let manners = |host: u8, request: &Request, bytes: &[u8]| {
        let (first, _) = first_and_last(request);
        requests.borrow_mut().push((first, request.headers.get("X-Alt").map(str::to_owned)));
        if host == 1 { honest(request, &vec![0; bytes.len()]) } else { honest(request, bytes) }
    };
    assert_eq!(world.run(&manners), Ok(()));
    assert!(world.is_right());
    let requests = requests.into_inner();
    let begun_again = 1 + requests[1..].iter().position(|(first, _)| *first == 0).expect("all of it again");
    let (before, after) = requests.split_at(begun_again);
    assert!(before.iter().any(|(_, named)| named.is_some()), "{before:?}");
    // From here on one source at a time is trusted, and those before it are named to nobody.
    assert!(after.iter().all(|(_, named)| named.is_none()), "{after:?}");
}

#[test]
fn what_is_refused_or_lost_is_tried_again_a_few_times() {
    let content = content(SIZE);
    let mut world = World::new(&content, &[1, 2]);
    let mut dials = 0;
    while world.alone.lone.end().is_none() {
        while world.alone.lone.refuse().is_some() {
            dials += 1;
        }
        world.alone.lone.advance(Duration::from_secs(1));
    }
    assert_eq!((world.alone.lone.end(), dials), (Some(Err(Failure::NoHolder)), 6));
    let mut world = World::new(&content, &[1]);
    let (conn, _, _) = world.alone.lone.asked().unwrap();
    world.alone.lone.hang_up(conn, CloseReason::Reset);
    world.alone.lone.advance(Duration::from_secs(10));
    assert_eq!(world.run(&|_, request, bytes| honest(request, bytes)), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_answer_of_a_holder_is_too_odd(
        start in "(HTTP/1.[01] (200|206|404|416|503)[^\r\n]*\r\n)?",
        headers in "((Content-Length|Content-Range|Retry-After|X-Queue|X-Alt|Connection): [a-z0-9=,/ -]{0,30}\r\n){0,5}",
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let content = content(100_000);
        let mut world = World::new(&content, &[1, 2]);
        let odd = |host: u8, request: &Request, bytes: &[u8]| match host {
            1 => [start.as_bytes(), headers.as_bytes(), b"\r\n", &body].concat(),
            _ => {
                let (first, last) = first_and_last(request);
                let line = format!("Content-Range: bytes {first}-{last}/100000\r\n");
                answer(206, &format!("Content-Length: {}\r\n{line}", bytes.len()), bytes)
            }
        };
        prop_assert_eq!(world.run(&odd), Ok(()));
        prop_assert!(world.is_right());
    }
}
