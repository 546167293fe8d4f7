//! What a node that fetches says to holders, byte by byte, and holders that do not do what they should.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use crate::kit::alone::with;
use crate::kit::files::kzhash;
use crate::kit::raw::remote;
use crate::kit::world::{World, answer, first_and_last, honest};
use common::digest::Digest;
use common::http::Request;
use common::peer::CloseReason;
use common::seal::Seal;
use common::store::{Faulty, Memory, Ranges};
use common::testing::files::content;
use common::user::Failure;
use kazaa::config::Config;
use proptest::prelude::*;

const SIZE: usize = 700_000;
const OURS: &str = concat!("p2p-testbed ", env!("CARGO_PKG_VERSION"));

fn uuhash(bytes: &[u8]) -> Digest {
    Digest::UuHash(*kzhash(bytes).uuhash().expect("kzhash begins with it"))
}

/// A world of these holders, who tell both hashes.
fn world(hosts: &[u8]) -> World {
    let content = content(SIZE);
    World::new(&content, kzhash(&content), hosts)
}

fn honestly(_: u8, request: &Request, bytes: &[u8]) -> Vec<u8> {
    honest(request, bytes, SIZE)
}

const AGREED: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: p2p-testbed/1\r\n\r\n";

fn offers_seal(request: &Request) -> bool {
    request.headers.get("Upgrade").is_some()
}

#[test]
fn a_request_says_all_that_holders_expect_and_names_no_file() {
    for seals in [true, false] {
        let content = content(SIZE);
        let config = with(|knobs| knobs.seals_transfers = seals);
        let mut world = World::with(config, &content, &[(1, kzhash(&content))], None, Ranges::default());
        let (_, to, request) = world.alone.lone.asked().unwrap();
        assert_eq!(to, remote(1));
        let (first, last) = first_and_last(&Request::parse(request.as_bytes()).unwrap());
        assert!(first == 0 && last < SIZE as u64);
        let connection = match seals {
            true => "Connection: Upgrade\r\nUpgrade: p2p-testbed/1\r\n",
            false => "Connection: Keep-Alive\r\n",
        };
        assert_eq!(
            request,
            format!(
                "GET /.hash={} HTTP/1.1\r\nUserAgent: {OURS}\r\nHost: 10.0.1.1:1214\r\n\
                 X-Kazaa-Network: KaZaA\r\nX-Kazaa-Username: somebody\r\nRange: bytes=0-{last}\r\nX-Queue: 0.1\r\n\
                 {connection}\r\n",
                uuhash(&content)
            )
        );
    }
}

/// The lines with which giFT's holder answers; the first of a download's requests is for all that is left.
fn as_gift(request: &Request, bytes: &[u8], size: usize) -> Vec<u8> {
    let (first, last) = first_and_last(request);
    let len = bytes.len();
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nServer: giFT-FastTrack 0.8.9\r\nX-Kazaa-Username: giFTed\r\n\
         X-Kazaa-Network: KaZaA\r\nConnection: close\r\nAccept-Ranges: bytes\r\nX-Kazaa-IP: 198.51.100.7:1214\r\n\
         X-Kazaa-SupernodeIP: 198.51.100.7:3000\r\nX-KazaaTag: 3==fuV0pe/8zl4qxxBabZLqErGzQTY=\r\n\
         Content-Type: audio/mpeg\r\nContent-Range: bytes {first}-{last}/{size}\r\nContent-Length: {len}\r\n\r\n"
    );
    [head.as_bytes(), bytes].concat()
}

/// KaZaA's own, as mldonkey's users saw it; the empty line is a bare line feed.
fn as_kazaa(request: &Request, bytes: &[u8], size: usize) -> Vec<u8> {
    let (first, last) = first_and_last(request);
    let len = bytes.len();
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-{last}/{size}\r\nContent-Length: {len}\r\n\
         Accept-Ranges: bytes\r\nDate: Thu, 15 May 2003 22:28:38 GMT\r\nServer: KazaaClient Nov  3 2002 20:29:03\r\n\
         Connection: close\r\nLast-Modified: Sat, 22 Feb 2003 19:58:52 GMT\r\nX-Kazaa-Username: defaultuser\r\n\
         X-Kazaa-Network: KaZaA\r\nX-Kazaa-IP: 212.8.74.24:1214\r\nX-Kazaa-SupernodeIP: 193.204.34.214:2093\r\n\
         X-KazaaTag: 4=A solas con mi corazon\r\nX-KazaaTag: 6=Rosa\r\nX-KazaaTag: 14=Pop\r\n\n"
    );
    [head.as_bytes(), bytes].concat()
}

#[test]
fn foreign_holders_answer_in_the_plain_and_are_understood() {
    for answers in [as_gift, as_kazaa] {
        let content = content(SIZE);
        let told = [(1, uuhash(&content))];
        let mut world = World::with(Config::default(), &content, &told, None, Ranges::default());
        assert_eq!(world.run(&|_, request, bytes| answers(request, bytes, SIZE)), Ok(()));
        assert!(world.is_right());
        assert_eq!(world.conns.len(), world.asked[&1], "each connection ends with its answer");
        assert_eq!(world.seals, 0);
    }
}

#[test]
fn a_holder_that_kazaa_made_wait_is_asked_again_in_its_time() {
    let busy = b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 284\r\nX-Kazaa-Username: johnl\r\nX-Kazaa-Network: KaZaA\r\n\
        X-Kazaa-IP: 62.251.115.29:1457\r\nX-Kazaa-SupernodeIP: 195.169.211.25:3534\r\n\n";
    let mut world = world(&[1]);
    let asked = Cell::new(0);
    let manners = |host: u8, request: &Request, bytes: &[u8]| {
        asked.set(asked.get() + 1);
        if asked.get() == 1 { busy.to_vec() } else { honestly(host, request, bytes) }
    };
    let start = world.alone.lone.now();
    assert_eq!(world.run(&manners), Ok(()));
    let took = world.alone.lone.now().since(start).as_secs();
    assert!((284..=300).contains(&took), "{took} s");
    let mut world = self::world(&[1]);
    let gone =
        b"HTTP/1.0 501 Not Implemented\r\nX-Kazaa-Username: rcb\r\nX-Kazaa-Network: KaZaA\r\n\n".to_vec();
    assert_eq!(world.run(&|_, _, _| gone.clone()), Err(Failure::Refused));
    assert_eq!(world.asked[&1], 1);
}

#[test]
fn one_connection_goes_under_seal_once_and_brings_one_range_after_the_other() {
    let mut world = world(&[1]);
    let offers = Cell::new(0);
    let manners = |host: u8, request: &Request, bytes: &[u8]| {
        if offers_seal(request) {
            offers.set(offers.get() + 1);
            if offers.get() == 1 {
                return AGREED.to_vec();
            }
        }
        honestly(host, request, bytes)
    };
    assert_eq!(world.run(&manners), Ok(()));
    assert!(world.is_right());
    assert_eq!((world.conns.len(), world.seals), (1, 1));
    assert!(world.asked[&1] > 1, "{:?}", world.asked);
    assert_eq!(offers.get(), 2, "made once, and looked at again when it was answered under seal");
}

#[test]
fn a_holder_that_answers_an_offer_in_the_plain_is_not_bothered_again_on_that_connection() {
    let mut world = world(&[1]);
    let offers = Cell::new(0);
    let manners = |host: u8, request: &Request, bytes: &[u8]| {
        offers.set(offers.get() + u32::from(offers_seal(request)));
        honestly(host, request, bytes)
    };
    assert_eq!(world.run(&manners), Ok(()));
    assert_eq!((world.conns.len(), offers.get(), world.seals), (1, 1, 0));
    assert!(world.asked[&1] > 1);
}

#[test]
fn a_seal_that_does_not_come_about_costs_that_holder_its_place() {
    for (reason, end) in [(CloseReason::Protocol, Failure::Refused), (CloseReason::Timeout, Failure::Timeout)]
    {
        let mut world = world(&[1]);
        let mut dials = 0;
        while world.alone.lone.end().is_none() {
            if let Some((conn, _, _)) = world.alone.lone.asked() {
                dials += 1;
                world.alone.lone.feed(conn, AGREED);
                assert_eq!(world.alone.lone.awaits_seal(conn), Some(Seal::Dialler));
                world.alone.lone.hang_up(conn, reason);
            }
            world.alone.lone.advance(Duration::from_secs(1));
        }
        assert_eq!(world.alone.lone.end(), Some(Err(end)));
        assert_eq!(dials, if end == Failure::Refused { 1 } else { 3 });
    }
    // Nor does one that never ends hold up the download for ever.
    let mut world = world(&[1, 2]);
    let (stuck, _, _) = world.alone.lone.asked().unwrap();
    world.alone.lone.feed(stuck, AGREED);
    assert_eq!(world.run(&honestly), Ok(()));
    assert!(world.is_right() && world.alone.lone.closed(stuck));
}

#[test]
fn a_seal_that_was_not_offered_is_not_made() {
    let content = content(SIZE);
    let config = with(|knobs| knobs.seals_transfers = false);
    let mut world = World::with(config, &content, &[(1, kzhash(&content))], None, Ranges::default());
    assert_eq!(world.run(&|_, _, _| AGREED.to_vec()), Err(Failure::Refused));
    assert_eq!(world.seals, 0);
    let other =
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n".to_vec();
    let mut world = self::world(&[1]);
    assert_eq!(world.run(&|_, _, _| other.clone()), Err(Failure::Refused));
    assert_eq!(world.seals, 0);
}

/// Larger than what a UUHash samples.
const LARGE: usize = 3_000_000;

/// Changes what a UUHash does not see: bytes between the first 307,200 and the first sample, a MiB from the start.
fn change_middle(request: &Request, bytes: &[u8]) -> Vec<u8> {
    let (first, _) = first_and_last(request);
    let change = |(at, byte): (usize, &u8)| match first as usize + at {
        400_000..1_000_000 => byte ^ 0xff,
        _ => *byte,
    };
    bytes.iter().enumerate().map(change).collect()
}

#[test]
fn one_liar_among_three_does_not_get_a_wrong_byte_into_the_file() {
    let content = content(LARGE);
    for liar in 1..=3 {
        for told in [[kzhash(&content); 3], [uuhash(&content), uuhash(&content), kzhash(&content)]] {
            let told = [(1, told[0]), (2, told[1]), (3, told[2])];
            let mut world = World::with(Config::default(), &content, &told, None, Ranges::default());
            let manners = |host: u8, request: &Request, bytes: &[u8]| match host == liar {
                true => honest(request, &vec![b'x'; bytes.len()], LARGE),
                false => honest(request, bytes, LARGE),
            };
            assert_eq!(world.run(&manners), Ok(()), "{liar} lies");
            assert!(world.is_right(), "{liar} lies");
        }
    }
}

#[test]
fn a_wrong_middle_under_a_right_uuhash_is_found_by_the_tree() {
    let content = content(LARGE);
    // The liar tells the UUHash alone, as a foreign client does; one holder of ours knows the root.
    for liar in 1..=2 {
        let told = [(1, uuhash(&content)), (2, uuhash(&content)), (3, kzhash(&content))];
        let mut world = World::with(Config::default(), &content, &told, None, Ranges::default());
        let manners = |host: u8, request: &Request, bytes: &[u8]| match host == liar {
            true => honest(request, &change_middle(request, bytes), LARGE),
            false => honest(request, bytes, LARGE),
        };
        assert_eq!(world.run(&manners), Ok(()));
        assert!(world.is_right(), "{liar} lies");
    }
    // Alone it gets nothing through.
    let mut world = World::new(&content, kzhash(&content), &[1]);
    let lies =
        |_: u8, request: &Request, bytes: &[u8]| honest(request, &change_middle(request, bytes), LARGE);
    assert_eq!(world.run(&lies), Err(Failure::Corrupt));
}

#[test]
fn a_wrong_middle_passes_where_nobody_knows_more_than_the_uuhash() {
    // What KaZaA was poisoned by: nothing of ours can tell, as long as all holders are foreign.
    let content = content(LARGE);
    let mut world = World::new(&content, uuhash(&content), &[1]);
    let lies =
        |_: u8, request: &Request, bytes: &[u8]| honest(request, &change_middle(request, bytes), LARGE);
    assert_eq!(world.run(&lies), Ok(()));
    assert!(!world.is_right());
    assert_eq!(uuhash(&world.alone.file.to_vec()), uuhash(&content));
}

#[test]
fn when_all_lie_the_download_says_so() {
    let mut world = world(&[1, 2, 3]);
    let manners = |host: u8, request: &Request, bytes: &[u8]| honest(request, &vec![host; bytes.len()], SIZE);
    assert_eq!(world.run(&manners), Err(Failure::Corrupt));
}

#[test]
fn what_was_there_before_may_be_the_corrupt_part() {
    let rubbish = Arc::new(Memory::from(vec![b'x'; 1000]));
    let mut have = Ranges::default();
    have.insert(0, 1000).unwrap();
    let content = content(SIZE);
    let told = [(1, kzhash(&content))];
    let mut world = World::with(Config::default(), &content, &told, Some(rubbish.clone()), have);
    assert_eq!(world.run(&honestly), Ok(()));
    assert!(rubbish.to_vec() == content);
}

#[test]
fn a_full_disk_fails_plainly() {
    let content = content(SIZE);
    let full = Arc::new(Faulty::over(Arc::new(Memory::default())).full_after(300_000));
    let told = [(1, kzhash(&content)), (2, kzhash(&content))];
    let mut world = World::with(Config::default(), &content, &told, Some(full), Ranges::default());
    assert_eq!(world.run(&honestly), Err(Failure::DiskFull));
    assert!(world.conns.iter().all(|(conn, _)| world.alone.lone.closed(*conn)));
}

type Way = (&'static str, Box<dyn Fn(&Request, &[u8]) -> Vec<u8>>);

fn way(name: &'static str, f: impl Fn(&Request, &[u8]) -> Vec<u8> + 'static) -> Way {
    (name, Box::new(f))
}

/// Ways to misbehave, by name.
fn misbehaviours() -> Vec<Way> {
    let ranged = |bytes: &[u8], range: String| {
        answer(206, &format!("Content-Length: {}\r\nContent-Range: bytes {range}\r\n", bytes.len()), bytes)
    };
    vec![
        way("another range", move |request, bytes| {
            let (first, last) = first_and_last(request);
            ranged(bytes, format!("{}-{}/{SIZE}", first + 1, last + 1))
        }),
        way("another size", move |request, bytes| {
            let (first, last) = first_and_last(request);
            ranged(bytes, format!("{first}-{last}/{}", SIZE + 1))
        }),
        way("no length", |_, bytes| answer(200, "", bytes)),
        way("no HTTP", |_, _| b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()),
        way("a request", |_, _| b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        way("an endless head", |_, _| answer(206, &"X-KazaaTag: 4=x\r\n".repeat(2000), &[])),
        way("not found", |_, _| answer(404, "Content-Length: 9\r\n", b"not found")),
        way("more than it said", |request, bytes| [honest(request, bytes, SIZE), vec![b'x'; 100]].concat()),
        way("an answer too many", |request, bytes| {
            [honest(request, bytes, SIZE), answer(404, "Content-Length: 0\r\n", &[])].concat()
        }),
        way("two agreements", |request, _| match offers_seal(request) {
            true => [AGREED, AGREED].concat(),
            false => AGREED.to_vec(),
        }),
        way("lies", |request, bytes| honest(request, &vec![b'x'; bytes.len()], SIZE)),
        way("busy for ever", |_, _| {
            answer(503, "Retry-After: 99999999999\r\nContent-Length: 4\r\n", b"busy")
        }),
        way("nothing", |_, _| Vec::new()),
        way("half a body", |request, bytes| {
            let all = honest(request, bytes, SIZE);
            all[..all.len() - bytes.len() / 2].to_vec()
        }),
    ]
}

#[test]
fn whatever_one_holder_does_the_others_bring_the_file() {
    for (name, misbehave) in misbehaviours() {
        for hosts in [&[1, 2][..], &[1, 2, 3]] {
            let mut world = world(hosts);
            let manners = |host: u8, request: &Request, bytes: &[u8]| match host {
                1 => misbehave(request, bytes),
                _ => honestly(host, request, bytes),
            };
            assert_eq!(world.run(&manners), Ok(()), "{name}");
            assert!(world.is_right(), "{name}");
        }
    }
}

#[test]
fn a_holder_that_misbehaves_alone_ends_the_download_and_is_not_asked_for_ever() {
    for (name, misbehave) in misbehaviours() {
        let mut world = world(&[1]);
        let end = world.run(&|_, request, bytes| misbehave(request, bytes));
        // Every answer was followed by rubbish, and yet the ranges are there or not.
        let may_end_well = matches!(name, "more than it said" | "an answer too many");
        assert!(may_end_well || end.is_err(), "{name}");
        let asked = world.asked[&1];
        assert!(asked <= 30, "{name}: asked {asked} times");
    }
}

#[test]
fn who_cannot_be_dialled_and_has_no_supernode_is_tried_a_few_times() {
    let mut world = world(&[1, 2]);
    let mut dials = 0;
    while world.alone.lone.end().is_none() {
        while world.alone.lone.refuse().is_some() {
            dials += 1;
        }
        world.alone.lone.advance(Duration::from_secs(1));
    }
    assert_eq!((world.alone.lone.end(), dials), (Some(Err(Failure::NoHolder)), 6));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_answer_of_a_holder_is_too_odd(
        start in "(HTTP/1.[01] (101|200|206|404|416|503)[^\r\n]*\r\n)?",
        headers in "((Content-Length|Content-Range|Retry-After|Upgrade|X-Testbed-Sources|Server|Connection): [a-z0-9=,/ -]{0,30}\r\n){0,5}",
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut world = world(&[1, 2]);
        let odd = |host: u8, request: &Request, bytes: &[u8]| match host {
            1 => [start.as_bytes(), headers.as_bytes(), b"\r\n", &body].concat(),
            _ => honestly(host, request, bytes),
        };
        prop_assert_eq!(world.run(&odd), Ok(()));
        prop_assert!(world.is_right());
    }
}
