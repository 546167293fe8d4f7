//! Bytes that real servents took or sent.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use gnutella::guid::Guid;
use gnutella::wire::*;

use super::{bytes, descriptor, encoded, header, one};

fn servent() -> Guid {
    Guid::from_hex(b"db2c3102b94d5a4f3873e8cadee3187f").unwrap()
}

/// These bytes are this message, in both directions.
fn both_ways(text: &str, message: &Message) {
    let wire = descriptor(text);
    assert_eq!(one(Setup::Descriptors, &wire), *message);
    assert_eq!(encoded(message.clone()), wire, "{message:?}");
}

#[test]
fn pings_and_pongs() {
    both_ways("00 07 00 00 00 00 00", &Message::Ping(header(7, 0), None));
    let block = Raw(bytes("c3 83 53 43 50 41 01").into());
    let asks = Message::Ping(header(4, 0), Some(Arc::new(block.clone())));
    both_ways("00 04 00 07 00 00 00 c3 83 53 43 50 41 01", &asks);
    assert_eq!(Ggep::parse(&block.0).unwrap().get(b"SCP").unwrap().data, &[1][..]);
    assert_eq!(GgepBuilder::new(false).with(b"SCP", &[1]).build(), *block.0);
    let address = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 2), 6346);
    let pong = Pong { address, files: 2, kilobytes: 292, extension: None };
    both_ways(
        "01 01 00 0e 00 00 00 ca 18 7f 00 00 02 02 00 00 00 24 01 00 00",
        &Message::Pong(header(1, 0), Arc::new(pong)),
    );
}

#[test]
fn queries() {
    let plain = "80 07 00 11 00 00 00 80 00 7a 65 62 72 61 20 63 6f 6e 63 65 72 74 6f 00";
    let Message::Query(_, query) = one(Setup::Descriptors, &descriptor(plain)) else { panic!() };
    assert_eq!(query.text(), "zebra concerto");
    assert_eq!(query.flags(), Flags::MARK);
    assert_eq!(query.words().len(), 2);
    assert!(!query.wants_urns() && query.urns().is_empty() && query.walk().is_none());
    both_ways(plain, &Message::Query(header(7, 0), query));
    let asking = QueryBuilder::words("zebra").build();
    assert!(asking.wants_urns() && asking.urns().is_empty());
    both_ways(
        "80 07 00 11 00 00 00 80 00 7a 65 62 72 61 00 75 72 6e 3a 73 68 61 31 3a",
        &Message::Query(header(7, 0), Arc::new(asking)),
    );
}

#[test]
fn a_query_hit() {
    let unsaid_but_for = Some(false);
    let trailer = Trailer {
        vendor: *b"PROB",
        push: unsaid_but_for,
        busy: unsaid_but_for,
        uploaded: unsaid_but_for,
        measured: unsaid_but_for,
    };
    let address = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 50), 6350);
    let urn = "urn:sha1:UZ7T7ERS45ODFHPJC6M4VBSEQL4VRHQS".parse().unwrap();
    let entry = Entry { index: 7, size: 200_000, name: "narwhal polka.ogg".into(), urn: Some(urn) };
    let mut hit = HitBuilder::new(address, 1000, servent(), trailer);
    assert!(hit.push(&entry));
    let hit = hit.build().unwrap();
    assert_eq!(hit.entries().collect::<Vec<_>>(), [entry]);
    both_ways(
        "81 02 00 66 00 00 00 01 ce 18 7f 00 00 32 e8 03 00 00 07 00 00 00 40 0d 03 00 \
         \"narwhal polka.ogg\" 00 \"urn:sha1:UZ7T7ERS45ODFHPJC6M4VBSEQL4VRHQS\" 00 \
         \"PROB\" 02 1c 01 db 2c 31 02 b9 4d 5a 4f 38 73 e8 ca de e3 18 7f",
        &Message::Hit(header(2, 0), Arc::new(hit)),
    );
}

#[test]
fn pushes_byes_and_what_is_read_over() {
    let address = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 31), 6350);
    let push = Push { servent: servent(), index: 2, address, extension: None };
    both_ways(
        "40 04 00 1a 00 00 00 db2c3102b94d5a4f3873e8cadee3187f 02 00 00 00 7f 00 00 1f ce 18",
        &Message::Push(header(4, 0), Arc::new(push)),
    );
    let bye = Bye { code: 503, text: "Busy\r\n".into() };
    both_ways("02 01 00 09 00 00 00 f7 01 42 75 73 79 0d 0a 00", &Message::Bye(header(1, 0), Arc::new(bye)));
    let reset = Raw(bytes("00 00 40 00 00 02").into());
    both_ways("30 01 00 06 00 00 00 00 00 40 00 00 02", &Message::Qrp(header(1, 0), Arc::new(reset)));
}

/// A hit as gtk-gnutella wrote it: extensions behind the hash, data in the trailer's private area. Most bytes of its
/// tree hash and of its version are not recorded, and are zero-free filling here.
#[test]
fn a_hit_full_of_extensions() {
    let hit = "01 ca 18 7f 00 00 02 e8 03 00 00 02 00 00 00 00 10 00 00 \"zebra giraffe concerto.ogg\" 00 \
               \"urn:sha1:7ABZ42EKZWBFV72VRHCQGEKJRCUVO75N\" \
               1c c3 02 54 54 58 dc 9b 15 \"tree hash of 21 bytes\" 82 43 54 44 c0 a1 0a 66 00 \
               \"GTKG\" 02 2c 21 c3 85 47 54 4b 47 56 53 \"version in 19 bytes\" \
               db2c3102b94d5a4f3873e8cadee3187f";
    let payload = bytes(hit);
    let frame = [&descriptor("81 06 00")[..], &(payload.len() as u32).to_le_bytes(), &payload].concat();
    let Message::Hit(_, hit) = one(Setup::Descriptors, &frame) else { panic!() };
    let urn = "urn:sha1:7abz42ekzwbfv72vrhcqgekjrcuvo75n".parse().ok();
    let name = "zebra giraffe concerto.ogg".into();
    assert_eq!(hit.entries().collect::<Vec<_>>(), [Entry { index: 2, size: 4096, name, urn }]);
    let no = Some(false);
    let trailer = Trailer { vendor: *b"GTKG", push: no, busy: no, uploaded: no, measured: None };
    assert_eq!((hit.trailer(), hit.servent()), (Some(trailer), servent()));
    assert_eq!(hit.address(), SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 2), 6346));
    assert_eq!(encoded(Message::Hit(header(6, 0), hit)), frame);
}

#[test]
fn a_handshake_in_three_steps() {
    let greeting = b"GNUTELLA CONNECT/0.6\r\nUser-Agent: probe\r\nX-Ultrapeer: True\r\n\r\n";
    let Message::Connect(read) = one(Setup::Accepted, greeting) else { panic!() };
    assert_eq!(read.version, Version::V06);
    assert_eq!(read.headers.get("x-ultrapeer"), Some("True"));
    assert_eq!(encoded(Message::Connect(read)), greeting[..]);
    let refusal = b"GNUTELLA/0.6 503 I am a leaf\r\nX-Try: 10.0.0.1:6346\r\n\r\n";
    let Message::Answer(read) = one(Setup::Dialled, refusal) else { panic!() };
    assert_eq!((read.is_ok(), read.status, &*read.reason), (false, 503, "I am a leaf"));
    assert_eq!(encoded(Message::Answer(read)), refusal[..]);
    // The last step comes in one segment with a pong.
    let pong = descriptor("01 01 00 0e 00 00 00 ca 18 7f 00 00 02 02 00 00 00 24 01 00 00");
    let segment = [b"GNUTELLA/0.6 200 OK\r\n\r\n", &pong[..]].concat();
    let (messages, error) = super::exhaust(Setup::Answered, &segment);
    assert!(error.is_none(), "{error:?}");
    let [Message::Answer(ok), Message::Pong(..)] = &messages[..] else { panic!("{messages:?}") };
    assert!(ok.is_ok());
}

#[test]
fn a_handshake_of_0_4() {
    let (messages, error) = super::exhaust(
        Setup::Accepted,
        &[b"GNUTELLA CONNECT/0.4\n\n", &descriptor("00 07 00 00 00 00 00")[..]].concat(),
    );
    assert!(error.is_none(), "{error:?}");
    let [Message::Connect(greeting), Message::Ping(_, None)] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!(greeting.version, Version::V04);
    assert_eq!(encoded(messages[0].clone()), b"GNUTELLA CONNECT/0.4\n\n"[..]);
    let ok = one(Setup::Dialled, b"GNUTELLA OK\n\n");
    assert_eq!(ok, Message::Answer(Box::new(Answer::ok_04())));
    assert_eq!(encoded(ok), b"GNUTELLA OK\n\n"[..]);
}

#[test]
fn an_announcement_of_a_pushed_file() {
    let line = b"GIV 2:db2c3102b94d5a4f3873e8cadee3187f/file\n\n";
    let giv = Giv { index: 2, servent: servent(), name: "file".into() };
    assert_eq!(one(Setup::Accepted, line), Message::Giv(Box::new(giv.clone())));
    assert_eq!(encoded(Message::Giv(Box::new(giv))), line[..]);
}

#[test]
fn a_web_caches_pages() {
    let page = Page::new(200, "127.0.0.1:6346\n");
    let wire = encoded(Message::Page(Box::new(page.clone())));
    assert!(wire.ends_with(b"Content-Length: 15\r\n\r\n127.0.0.1:6346\n"), "{wire:?}");
    assert_eq!(one(Setup::CacheClient, &wire), Message::Page(Box::new(page)));
    // Without a length the text ends with the connection.
    let Message::Page(page) = one(Setup::CacheClient, b"HTTP/1.0 200 OK\r\n\r\nOK\n") else { panic!() };
    assert_eq!(&*page.text, "OK\n");
    let Message::Page(page) = one(Setup::CacheClient, b"HTTP/1.0 404 Not Found\r\n\r\n") else { panic!() };
    assert_eq!((page.head.status, &*page.text), (404, ""));
}
