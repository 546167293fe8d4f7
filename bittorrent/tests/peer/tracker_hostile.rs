//! What strangers can do to a tracker: nothing to others.

use std::time::Duration;

use crate::web_kit::{Web, again, hash, id, report};
use bittorrent::wire::{Announce, AnnounceError, AnnounceEvent, InfoHash};
use common::peer::CloseReason;
use proptest::prelude::*;

fn failure(why: &str) -> Result<(), AnnounceError> {
    Err(AnnounceError::Failure(why.into()))
}

/// Somebody comes; how the tracker takes it.
fn come(web: &mut Web, from: &str, number: u32, swarm: u8, port: u16) -> Result<(), AnnounceError> {
    let announce = Announce { info_hash: hash(swarm), port, peer_id: id(number), ..report(number, 1) };
    web.announce(from, &announce).map(|_| ())
}

/// A swarm's name, of more than fit a byte.
fn many(number: u32) -> InfoHash {
    let mut hash = [7; 20];
    hash[..4].copy_from_slice(&number.to_be_bytes());
    InfoHash(hash)
}

#[test]
fn reports_that_make_no_sense_are_refused_with_a_reason() {
    let mut web = Web::tracker(|knobs| knobs.log = true);
    let good = report(1, 1).to_target("/announce");
    let broken = |part: &str, instead: &str| {
        assert!(good.contains(part), "{part} is not in {good}");
        good.replacen(part, instead, 1)
    };
    let escaped = "%01".repeat(20);
    let cases = [
        ("/announce".to_owned(), "missing info_hash"),
        ("/announce?".to_owned(), "missing info_hash"),
        ("/announce?&&=&%&info_hash".to_owned(), "invalid info_hash"),
        (broken("info_hash=", "infohash="), "missing info_hash"),
        (broken(&escaped, &"%01".repeat(19)), "invalid info_hash"),
        (broken(&escaped, &"%01".repeat(21)), "invalid info_hash"),
        (broken(&escaped, ""), "invalid info_hash"),
        (broken("peer_id=-XX0001-", "peer_id=-XX0001"), "invalid peer_id"),
        (broken("&peer_id=", "&peerid="), "missing peer_id"),
        (broken("&port=6881", ""), "missing port"),
        (broken("6881", "66881"), "invalid port"),
        (broken("6881", "-1"), "invalid port"),
        (broken("6881", ""), "invalid port"),
        (broken("6881", "0"), "nobody can listen there"),
        (broken("&left=1", "&left=-1"), "invalid left"),
        (broken("uploaded=0", "uploaded=18446744073709551616"), "invalid uploaded"),
        (broken("downloaded=0", "downloaded=x"), "invalid downloaded"),
        (format!("{good}&ip=224.0.0.1"), "nobody can listen there"),
        (format!("{good}&ip=0.0.0.0"), "nobody can listen there"),
    ];
    for (target, why) in cases {
        let reply = web.get("10.0.0.1", &target);
        let body = String::from_utf8(reply.body.clone()).unwrap();
        assert_eq!(body, format!("d14:failure reason{}:{why}e", why.len()), "{target}");
        assert_eq!(reply.status, 200);
    }
    assert_eq!(web.the_tracker().peers(), 0);
    assert_eq!(web.lone.notes.len(), 1, "nothing of it is in the log");
    // What is merely odd is taken.
    for odd in
        ["&event=paused", "&numwant=-1", "&numwant=x", "&key=zz", "&ip=nonsense", "&compact=2", "&%zz=%"]
    {
        let reply = web.get("10.0.0.1", &format!("{good}{odd}"));
        assert!(reply.body.starts_with(b"d8:complete"), "{odd}: {reply:?}");
    }
    let no_event = broken("event=started", "event=");
    assert!(web.get("10.0.0.1", &no_event).body.starts_with(b"d8:complete"));
}

#[test]
fn scrapes_that_make_no_sense_are_refused() {
    let mut web = Web::tracker(|_| {});
    come(&mut web, "10.0.0.1", 1, 1, 1).unwrap();
    let all = "/scrape?".to_owned()
        + &"info_hash=%01%01%01%01%01%01%01%01%01%01%01%01%01%01%01%01%01%01%01%01&".repeat(65);
    for target in ["/scrape?info_hash=", "/scrape?info_hash=x", &all] {
        let reply = web.get("10.0.0.1", target);
        assert!(reply.body.starts_with(b"d14:failure reason"), "{target}: {:?}", reply.text());
    }
}

#[test]
fn one_address_fills_nothing() {
    let mut web = Web::tracker(|knobs| (knobs.address_peers_max, knobs.swarm_peers_max) = (3, 100));
    come(&mut web, "10.0.0.1", 1, 1, 1).unwrap();
    for port in 1..=3 {
        come(&mut web, "10.0.0.66", u32::from(port), 1, port).unwrap();
    }
    for port in 4..=1_000 {
        let refused = come(&mut web, "10.0.0.66", u32::from(port), (port % 200) as u8, port);
        assert_eq!(refused, failure("too many peers of your address"));
    }
    assert_eq!((web.the_tracker().peers(), web.the_tracker().swarms()), (4, 1));
    assert_eq!(web.the_tracker().refused(), 997);
    // Those who are in may still report, go, and come again; an address that it names for others counts as its own.
    come(&mut web, "10.0.0.66", 1, 1, 1).unwrap();
    let first = Announce { port: 1, ..report(1, 1) };
    web.announce("10.0.0.66", &again(&first, AnnounceEvent::Stopped)).unwrap();
    web.announce("10.0.0.66", &Announce { ip: Some("198.51.100.1".parse().unwrap()), ..first.clone() })
        .unwrap();
    let elsewhere = Announce { ip: Some("198.51.100.2".parse().unwrap()), ..first };
    assert!(web.announce("10.0.0.66", &elsewhere).is_err());
    // Others come as before, and one's own machine may have any number.
    come(&mut web, "10.0.0.2", 1, 1, 1).unwrap();
    for port in 1..=50 {
        come(&mut web, "127.0.0.1", u32::from(port), 1, port).unwrap();
    }
}

#[test]
fn what_is_full_puts_nobody_out() {
    let mut web = Web::tracker(|knobs| {
        (knobs.swarms_max, knobs.swarm_peers_max, knobs.peers_max) = (2, 3, 5);
    });
    for host in 1..=3 {
        come(&mut web, &format!("10.0.0.{host}"), host, 1, 1).unwrap();
    }
    assert_eq!(come(&mut web, "10.0.0.4", 4, 1, 1), failure("this swarm is full"));
    come(&mut web, "10.0.0.4", 4, 2, 1).unwrap();
    assert_eq!(come(&mut web, "10.0.0.5", 5, 3, 1), failure("this tracker knows as many swarms as it can"));
    come(&mut web, "10.0.0.5", 5, 2, 1).unwrap();
    assert_eq!(come(&mut web, "10.0.0.6", 6, 2, 1), failure("this tracker is full"));
    assert_eq!((web.scrape(hash(1)), web.scrape(hash(2))), (Some((0, 0, 3)), Some((0, 0, 2))));
    assert!(web.get("10.0.0.1", "/").text().contains("3 reports not taken for want of room"));
    // Room is made by going, not by coming.
    web.announce("10.0.0.3", &Announce { port: 1, ..again(&report(3, 1), AnnounceEvent::Stopped) }).unwrap();
    come(&mut web, "10.0.0.6", 6, 1, 1).unwrap();
}

#[test]
fn swarms_that_all_have_left_make_room() {
    let mut web = Web::tracker(|knobs| knobs.swarms_max = 10);
    // One with a history, one without.
    let seed = again(&report(1, 0), AnnounceEvent::Completed);
    web.announce("10.0.0.1", &seed).unwrap();
    web.announce("10.0.0.1", &again(&seed, AnnounceEvent::Stopped)).unwrap();
    for number in 0..500 {
        let flood = Announce { info_hash: many(number), ..report(1, 1) };
        web.announce("10.0.0.66", &flood).unwrap();
        web.announce("10.0.0.66", &again(&flood, AnnounceEvent::Stopped)).unwrap();
    }
    assert_eq!(web.scrape(hash(1)), Some((0, 1, 0)), "swarms without a history need no room");
    assert_eq!(web.the_tracker().swarms(), 1);
    for number in 0..10 {
        web.announce("10.0.0.2", &Announce { info_hash: many(number), ..report(1, 1) }).unwrap();
    }
    assert_eq!(web.scrape(hash(1)), None, "swarms with peers need it more");
    assert_eq!(web.the_tracker().swarms(), 10);
    // Good-byes to swarms that nobody is in make none.
    web.announce(
        "10.0.0.9",
        &again(&Announce { info_hash: many(99), ..report(1, 1) }, AnnounceEvent::Stopped),
    )
    .unwrap();
    assert_eq!(web.the_tracker().swarms(), 10);
}

#[test]
fn connections_are_bounded_and_silence_ends_them() {
    let mut web =
        Web::tracker(|knobs| (knobs.callers_max, knobs.step_timeout) = (3, Duration::from_secs(20)));
    let talker = web.dial("10.0.0.1");
    let (silent, half) = (web.dial("10.0.0.2"), web.dial("10.0.0.3"));
    let fourth = web.dial("10.0.0.4");
    assert!(web.lone.closed(fourth));
    for _ in 0..5 {
        web.advance_s(15);
        web.lone.feed(half, b"GET /announce?info_hash=%01");
        web.ask(talker, "/scrape");
        assert_eq!(web.heard(talker).len(), 1);
    }
    assert!(web.lone.closed(silent) && web.lone.closed(half), "a byte now and then is no request");
    assert!(!web.lone.closed(talker));
    web.lone.hang_up(talker, CloseReason::Reset);
    for _ in 0..3 {
        let conn = web.dial("10.0.0.5");
        assert!(!web.lone.closed(conn), "all have left");
    }
}

#[test]
fn who_speaks_otherwise_loses_its_own_connection() {
    let mut web = Web::tracker(|_| {});
    let bystander = web.dial("10.0.0.1");
    let mut handshake = b"\x13BitTorrent protocol".to_vec();
    handshake.resize(68, 0);
    let nonsense: [&[u8]; 7] = [
        b"POST /announce HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
        b"GET /announce HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
        b"GET /announce HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET \r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"\r\n\r\nwho is there\r\n\r\n",
        &handshake,
    ];
    for bytes in nonsense {
        let conn = web.dial("10.0.0.2");
        web.lone.feed(conn, bytes);
        assert!(web.lone.closed(conn), "{:?}", String::from_utf8_lossy(bytes));
    }
    let conn = web.dial("10.0.0.2");
    web.lone.feed(conn, b"OPTIONS / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    let heard = web.heard(conn);
    assert_eq!(heard.iter().map(|reply| reply.status).collect::<Vec<_>>(), [501], "and nothing after it");
    let long = web.dial("10.0.0.2");
    web.lone.feed(long, &[b"GET /announce?".as_slice(), &[b'x'; 20_000]].concat());
    assert!(web.lone.closed(long));
    web.ask(bystander, "/scrape");
    assert_eq!(web.heard(bystander)[0].text(), "d5:filesdee");
}

proptest! {
    #[test]
    fn no_bytes_panic(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 0..8)) {
        let mut web = Web::tracker(|knobs| knobs.log = true);
        let conn = web.dial("10.0.0.1");
        for chunk in &chunks {
            web.lone.feed(conn, chunk);
        }
        web.advance_s(20);
        prop_assert!(web.lone.closed(conn));
    }

    #[test]
    fn no_question_panics_and_each_is_answered(target in "/(announce|scrape|)(\\?[ -~]{0,80})?") {
        let mut web = Web::tracker(|_| {});
        let reply = web.get("10.0.0.1", &target.replace(' ', "+"));
        prop_assert!(matches!(reply.status, 200 | 404));
    }

    #[test]
    fn no_report_panics(
        swarm in 0u8..2,
        (port, uploaded, downloaded, left) in (any::<u16>(), any::<u64>(), any::<u64>(), any::<u64>()),
        numwant in any::<Option<u32>>(),
        ip in any::<Option<[u8; 4]>>(),
        event in 0usize..4,
    ) {
        let events =
            [AnnounceEvent::None, AnnounceEvent::Started, AnnounceEvent::Completed, AnnounceEvent::Stopped];
        let mut web = Web::tracker(|_| {});
        let announce = Announce {
            info_hash: hash(swarm),
            port,
            uploaded,
            downloaded,
            left,
            numwant,
            ip: ip.map(Into::into),
            event: events[event],
            ..report(1, 1)
        };
        for _ in 0..3 {
            let _ = web.announce("10.0.0.1", &announce);
            let _ = web.announce("203.0.113.2", &Announce { uploaded: 0, left: 0, ..announce.clone() });
        }
        web.advance_s(3_600);
        prop_assert_eq!(web.the_tracker().peers(), 0);
    }
}
