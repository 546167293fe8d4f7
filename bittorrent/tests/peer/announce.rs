//! Announces and scrapes: known ones, every one there and back, and what hostile ones can do.

use std::net::{Ipv4Addr, SocketAddrV4};

use bittorrent::bencode::dict;
use bittorrent::wire::{
    Announce, AnnounceError, AnnounceEvent, AnnounceReply, InfoHash, PeerId, Scrape, ScrapeEntry, ScrapeReply,
};
use proptest::prelude::*;

fn announce() -> Announce {
    Announce {
        info_hash: InfoHash(
            *b"\x12\x34\x56\x78\x9a\xbc\xde\xf1\x23\x45\x67\x89\xab\xcd\xef\x12\x34\x56\x78\x9a",
        ),
        peer_id: PeerId(*b"-XX0001-abcdefghijkl"),
        port: 6881,
        uploaded: 0,
        downloaded: 1,
        left: 1000,
        event: AnnounceEvent::Started,
        numwant: Some(50),
        key: Some(0xbeef),
        compact: true,
        no_peer_id: false,
        ip: None,
        tracker_id: None,
    }
}

fn peer(last: u8, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, last), port)
}

#[test]
fn an_announce_is_a_query_of_escaped_bytes() {
    let query = "info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A&peer_id=-XX0001-abcdefghijkl&port=6881\
                 &uploaded=0&downloaded=1&left=1000&compact=1&event=started&numwant=50&key=0000beef";
    assert_eq!(announce().to_target("/announce"), format!("/announce?{query}"));
    assert_eq!(announce().to_target("/a?passkey=7"), format!("/a?passkey=7&{query}"));
    assert_eq!(announce().to_target("/a?"), format!("/a?{query}"));
    assert_eq!(Announce::from_query(query), Ok(announce()));
    assert_eq!(
        Announce::from_query(&format!("passkey=7&{query}&left=0")),
        Ok(announce()),
        "the first counts"
    );
}

#[test]
fn what_foreign_clients_write_is_understood() {
    let query = "info_hash=%12%34%56%78%9a%bc%de%f1%23%45%67%89%ab%cd%ef%12%34%56%78%9a&peer_id=M4-3-6--%01%02%03%04\
                 %05%06%07%08%09%0a%0b%0c&port=6881&uploaded=0&downloaded=0&left=0&key=not+hex&event=&numwant=-1&ip=host\
                 &no_peer_id=1&supportcrypto=1&trackerid=a%20b";
    let read = Announce::from_query(query).unwrap();
    assert_eq!(read.info_hash, announce().info_hash);
    assert_eq!(&read.peer_id.0[..8], b"M4-3-6--");
    assert_eq!((read.event, read.numwant, read.key, read.ip), (AnnounceEvent::None, None, None, None));
    assert!(read.no_peer_id && !read.compact);
    assert_eq!(read.tracker_id.as_deref(), Some("a b"));
}

#[test]
fn what_is_missing_or_cannot_be_is_told() {
    let query = announce().to_target("").split_off(1);
    for name in ["info_hash", "peer_id", "port", "uploaded", "downloaded", "left"] {
        let renamed = query.replacen(&format!("{name}="), "x=", 1);
        let error = Announce::from_query(&renamed).unwrap_err();
        assert_eq!(error.to_string(), format!("missing {name}"));
    }
    let invalid = [
        ("port=6881", "port=65536", "port"),
        ("port=6881", "port=", "port"),
        ("left=1000", "left=-1", "left"),
        ("uploaded=0", "uploaded=18446744073709551616", "uploaded"),
        ("info_hash=%12", "info_hash=", "info_hash"),
        ("peer_id=", "peer_id=x", "peer_id"),
    ];
    for (from, to, name) in invalid {
        assert_eq!(
            Announce::from_query(&query.replacen(from, to, 1)),
            Err(AnnounceError::Invalid(name)),
            "{to}"
        );
    }
    assert_eq!(Announce::from_query(""), Err(AnnounceError::Missing("info_hash")));
}

#[test]
fn both_forms_of_an_answer_are_read() {
    let short = b"d8:completei1e10:incompletei2e8:intervali1800e12:min intervali60e5:peers12:\x7f\0\0\x09\x1a\xe1\x7f\0\0\x0a\0\x01e";
    let mut reply = AnnounceReply {
        interval_s: 1800,
        min_interval_s: Some(60),
        complete: Some(1),
        incomplete: Some(2),
        peers: vec![(peer(9, 6881), None), (peer(10, 1), None)],
        ..AnnounceReply::default()
    };
    assert_eq!(AnnounceReply::parse(short), Ok(reply.clone()));
    assert_eq!(reply.encode(true), short);
    let long = b"d8:intervali900e5:peersld2:ip9:127.0.0.97:peer id20:-XX0001-abcdefghijkl4:porti6881eed2:ip9:127.0.0.94:porti\
                 0eed2:ip3:::14:porti1eed2:ip4:host4:porti1eei7eee";
    let read = AnnounceReply::parse(long).unwrap();
    assert_eq!(read.peers, [(peer(9, 6881), Some(announce().peer_id))], "who cannot be dialled is left out");
    reply.peers[0].1 = Some(announce().peer_id);
    assert_eq!(AnnounceReply::parse(&reply.encode(false)), Ok(reply));
}

#[test]
fn a_refusal_is_told_in_the_trackers_words_and_shows_on_one_line() {
    let body = AnnounceReply::encode_failure("unknown torrent");
    assert_eq!(body, b"d14:failure reason15:unknown torrente");
    let error = AnnounceReply::parse(&body).unwrap_err();
    assert_eq!(error.to_string(), "the tracker refuses: unknown torrent");
    assert_eq!(ScrapeReply::parse(&body).unwrap_err(), error);
    let body = AnnounceReply::encode_failure(&"a\r\n\u{1b}[2J".repeat(1000));
    let Err(AnnounceError::Failure(text)) = AnnounceReply::parse(&body) else { panic!("no refusal") };
    assert!(text.chars().count() <= 512 && !text.contains(char::is_control));
    for body in [&b"<html>"[..], b"le", b"", b"i1e"] {
        assert_eq!(AnnounceReply::parse(body), Err(AnnounceError::Malformed));
    }
}

#[test]
fn of_too_many_peers_the_first_are_taken() {
    let peers = (0..5_000).map(|n| (SocketAddrV4::new(Ipv4Addr::from(n), 1), None)).collect();
    let reply = AnnounceReply { interval_s: 1, peers, ..AnnounceReply::default() };
    for compact in [true, false] {
        let read = AnnounceReply::parse(&reply.encode(compact)).unwrap();
        assert_eq!((read.peers.len(), &read.peers[..]), (1_000, &reply.peers[..1_000]));
    }
    let huge = dict().put_integer(b"interval", -5).put_bytes(b"peers", [1; 7]).finish();
    let read = AnnounceReply::parse(&huge).unwrap();
    assert_eq!((read.interval_s, read.peers.len()), (1_800, 1), "without a legal interval: what most say");
}

#[test]
fn a_scrape_goes_beside_the_announce() {
    let scrape = Scrape { info_hashes: vec![InfoHash([b'a'; 20]), InfoHash([0; 20])] };
    let query = format!("info_hash={}&info_hash={}", "a".repeat(20), "%00".repeat(20));
    let target = |announce: &str| scrape.to_target(announce);
    assert_eq!(target("/announce"), Some(format!("/scrape?{query}")));
    assert_eq!(target("/x/announce.php?k=/y"), Some(format!("/x/scrape.php?k=/y&{query}")));
    assert_eq!((target("/a"), target("/announce/x"), target("announce")), (None, None, None));
    assert_eq!(Scrape::from_query(&query), Ok(scrape));
    assert_eq!(Scrape::from_query("x=1"), Ok(Scrape::default()), "all that there are");
    let many = |count| vec![format!("info_hash={}", "a".repeat(20)); count].join("&");
    assert_eq!(Scrape::from_query(&many(64)).unwrap().info_hashes.len(), 64);
    assert_eq!(Scrape::from_query(&many(65)), Err(AnnounceError::TooMany(64)));
    assert_eq!(Scrape::from_query("info_hash=a"), Err(AnnounceError::Invalid("info_hash")));
}

#[test]
fn the_answer_to_a_scrape_is_read() {
    let body = b"d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei5e10:downloadedi50e10:incompletei10eeee";
    let entry = ScrapeEntry { complete: 5, downloaded: 50, incomplete: 10 };
    let reply = ScrapeReply { entries: vec![(InfoHash([b'a'; 20]), entry)] };
    assert_eq!(ScrapeReply::parse(body), Ok(reply.clone()));
    assert_eq!(reply.encode(), body);
    assert_eq!(ScrapeReply::parse(b"de"), Err(AnnounceError::Malformed));
    let odd = b"d5:filesd1:ade20:aaaaaaaaaaaaaaaaaaaade20:bbbbbbbbbbbbbbbbbbbbi1eee";
    let read = ScrapeReply::parse(odd).unwrap();
    assert_eq!(read.entries, [(InfoHash([b'a'; 20]), ScrapeEntry::default())]);
}

#[test]
fn the_corpus_is_refused_or_understood() {
    crate::corpus::each("answer", 10, |_, bytes| match AnnounceReply::parse(bytes) {
        // A tracker's refusal is understood.
        Err(AnnounceError::Failure(_)) => Ok(()),
        result => result.map(|_| ()),
    });
}

fn event() -> impl Strategy<Value = AnnounceEvent> {
    use AnnounceEvent::*;
    prop::sample::select(vec![None, Started, Completed, Stopped])
}

proptest! {
    #[test]
    fn every_announce_comes_back(
        (hash, id, port, bytes) in any::<([u8; 20], [u8; 20], u16, [u64; 3])>(),
        (event, numwant, key) in (event(), any::<Option<u32>>(), any::<Option<u32>>()),
        (compact, no_peer_id, ip) in any::<(bool, bool, Option<u32>)>(),
        (tracker_id, own) in (prop::option::of("\\PC{0,30}"), "(x=[a-z]{0,5})?"),
    ) {
        let [uploaded, downloaded, left] = bytes;
        let announce = Announce {
            info_hash: InfoHash(hash), peer_id: PeerId(id), port, uploaded, downloaded, left, event, numwant, key,
            compact, no_peer_id, ip: ip.map(Ipv4Addr::from), tracker_id: tracker_id.map(Into::into),
        };
        let target = announce.to_target(&format!("/announce?{own}"));
        prop_assert!(target.bytes().all(|byte| byte.is_ascii_graphic()));
        let (_, query) = target.split_once('?').unwrap();
        prop_assert_eq!(Announce::from_query(query).unwrap(), announce);
    }

    #[test]
    fn every_answer_comes_back(
        (interval_s, min_interval_s, complete, incomplete) in any::<(u32, Option<u32>, Option<u32>, Option<u32>)>(),
        texts in prop::collection::vec(prop::option::of("\\PC{0,30}"), 2),
        peers in prop::collection::vec((any::<u32>(), 1u16.., any::<Option<[u8; 20]>>()), 0..60),
        entries in prop::collection::btree_map(any::<[u8; 20]>(), any::<(u32, u32, u32)>(), 0..9),
    ) {
        let mut reply = AnnounceReply {
            interval_s, min_interval_s, complete, incomplete,
            tracker_id: texts[0].as_deref().map(Into::into),
            warning: texts[1].as_deref().map(Into::into),
            peers: peers.iter().map(|(ip, port, id)| (SocketAddrV4::new((*ip).into(), *port), id.map(PeerId))).collect(),
        };
        prop_assert_eq!(&AnnounceReply::parse(&reply.encode(false)).unwrap(), &reply);
        let short = reply.encode(true);
        reply.peers.iter_mut().for_each(|(_, id)| *id = None);
        prop_assert_eq!(AnnounceReply::parse(&short).unwrap(), reply);
        let entry = |(hash, (complete, downloaded, incomplete))| {
            (InfoHash(hash), ScrapeEntry { complete, downloaded, incomplete })
        };
        let scraped = ScrapeReply { entries: entries.into_iter().map(entry).collect() };
        prop_assert_eq!(ScrapeReply::parse(&scraped.encode()).unwrap(), scraped);
    }

    #[test]
    fn anything_is_read_or_refused(query in "[a-z_=&%0-9+]{0,80}", rest in "\\PC{0,40}", change in crate::corpus::change()) {
        for text in [&query, &rest, &format!("{}{rest}", announce().to_target(&query))] {
            let _ = (Announce::from_query(text), Scrape::from_query(text));
        }
        let body = change.of("answer");
        if let Ok(reply) = AnnounceReply::parse(&body) {
            prop_assert!(reply.peers.len() <= 1_000);
        }
        let _ = ScrapeReply::parse(&body);
    }
}
