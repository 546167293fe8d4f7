//! Habits of other servents that are understood, and lengths that are not.

use bytes::BytesMut;
use common::wire::{Wire, WireError};
use gnutella::wire::*;
use tokio_util::codec::Decoder;

use super::{ID, bytes, descriptor, exhaust, header, one};

fn connect(text: &[u8]) -> Greeting {
    let Message::Connect(greeting) = one(Setup::Accepted, text) else { panic!("{}", text.escape_ascii()) };
    *greeting
}

fn query(text: &str) -> std::sync::Arc<Query> {
    let payload = bytes(text);
    let frame = [&descriptor("80 07 00")[..], &(payload.len() as u32).to_le_bytes(), &payload].concat();
    let Message::Query(_, query) = one(Setup::Descriptors, &frame) else { panic!("{text}") };
    query
}

#[test]
fn higher_versions_and_bare_line_feeds_are_tolerated() {
    for first in ["GNUTELLA CONNECT/0.6\r\n", "GNUTELLA CONNECT/0.7\r\n", "GNUTELLA CONNECT/1.0\n"] {
        let greeting = connect(format!("{first}Node: 10.0.0.1:6346\nGGEP:0.5\r\n\n").as_bytes());
        assert_eq!(greeting.version, Version::V06, "{first}");
        assert_eq!(greeting.headers.get("node"), Some("10.0.0.1:6346"));
        assert_eq!(greeting.headers.get("ggep"), Some("0.5"));
    }
    assert_eq!(connect(b"GNUTELLA CONNECT/0.4\r\n\r\n").version, Version::V04);
}

#[test]
fn lines_that_begin_with_a_blank_continue_the_one_before() {
    let greeting = connect(b"GNUTELLA CONNECT/0.6\r\nX-Try: a,\r\n  b,\r\n\tc\r\nPong-Caching: 0.1\r\n\r\n");
    assert_eq!(greeting.headers.get("X-Try"), Some("a, b, c"));
    assert_eq!(greeting.headers.get("Pong-Caching"), Some("0.1"));
}

#[test]
fn only_the_number_of_an_answer_counts() {
    for (text, status, reason) in [
        (&b"GNUTELLA/0.6 200\r\n\r\n"[..], 200, ""),
        (b"GNUTELLA/0.6 200 AnythingGoes here\r\n\r\n", 200, "AnythingGoes here"),
        (b"GNUTELLA/0.7  204 Shielded leaf node (4 peers max)\n\n", 204, "Shielded leaf node (4 peers max)"),
        (b"GNUTELLA/0.6 429 Banned for 5m 0s\r\nX-Try: a:1\r\n\r\n", 429, "Banned for 5m 0s"),
    ] {
        let Message::Answer(answer) = one(Setup::Dialled, text) else { panic!() };
        assert_eq!((answer.status, &*answer.reason), (status, reason));
    }
}

#[test]
fn a_greeting_with_too_many_lines_is_refused() {
    let lines = |count| format!("GNUTELLA CONNECT/0.6\r\n{}\r\n", "X: y\r\n".repeat(count));
    assert!(exhaust(Setup::Accepted, lines(64).as_bytes()).1.is_none());
    assert!(exhaust(Setup::Accepted, lines(65).as_bytes()).1.is_some());
    let endless = [&b"GNUTELLA CONNECT/0.6\r\nX: "[..], &[b'y'; 20_000]].concat();
    assert!(matches!(exhaust(Setup::Accepted, &endless).1, Some(WireError::TooLong { .. })));
}

#[test]
fn the_port_is_shared_by_three_protocols_and_no_other() {
    for start in ["GNUTELLA CONNECT/", "GET ", "HEAD ", "GIV "] {
        for len in 0..start.len() {
            let mut buffer = BytesMut::from(&start.as_bytes()[..len]);
            let undecided = Message::codec(Setup::Accepted).decode(&mut buffer);
            assert!(matches!(undecided, Ok(None)), "{:?}: {undecided:?}", &start[..len]);
            buffer.extend_from_slice(b"\x01");
            let refused = Message::codec(Setup::Accepted).decode(&mut buffer);
            assert!(matches!(refused, Err(WireError::Malformed(_))), "{buffer:?}: {refused:?}");
        }
    }
    assert!(matches!(one(Setup::Accepted, b"HEAD /get/1/a HTTP/1.1\r\n\r\n"), Message::Request(_)));
    assert!(exhaust(Setup::Accepted, b"PUT /a HTTP/1.1\r\n\r\n").1.is_some());
    assert!(exhaust(Setup::Accepted, b"gnutella connect/0.6\r\n\r\n").1.is_some());
}

#[test]
fn queries_of_all_dialects_are_read() {
    let old = query("00 00 \"zebra\" 00");
    assert_eq!((old.flags(), &*old.text()), (Flags(0), "zebra"));
    assert!(!old.flags().contains(Flags::MARK) && !Flags(0x4000).contains(Flags::FIREWALLED));
    let gtk = query("b9 00 \"zebra\" 00 \"urn:\" 1c c3 81 48 41 01 00");
    assert!(gtk.flags().contains(Flags::MARK) && !gtk.flags().contains(Flags::FIREWALLED));
    assert!(gtk.wants_urns());
    assert!(query("c0 00 \"zebra\" 00").flags().contains(Flags::FIREWALLED));
    // With and without zeros, XML, and a zero that is missing.
    assert!(query("80 00 \"zebra\" 00 \"<audios/>\" 1c \"URN:SHA1:\" 00").wants_urns());
    assert!(!query("80 00 \"zebra\" 00 \"plain\" 1c \"{}\" 00").wants_urns());
    assert_eq!(query("80 00 \"zebra\"").text(), "zebra");
    assert_eq!(query("80 00 \"caf\" e9 00").text(), "café");
    assert_eq!(query("80 00 \"caf\" c3 a9 00").text(), "café");
    assert_eq!(query("80 00 \"caf\" e9 00").words(), query("80 00 \"CAF\" c3 89 00").words());
    let words = |text| {
        let mut words = query(text).words().to_vec();
        words.sort_unstable();
        words
    };
    assert_eq!(words("80 00 \"Zebra-CONCERTO/2\" 00"), words("80 00 \"zebra 2 concerto\" 00"));
    assert_eq!(words("80 00 \"Zebra-CONCERTO/2\" 00").len(), 3);
}

#[test]
fn announcements_in_other_hands() {
    let servent = "db2c3102b94d5a4f3873e8cadee3187f";
    for text in [
        format!("GIV 7:{}/narwhal polka.ogg\n\n", servent.to_uppercase()),
        format!("GIV 7:{servent}/narwhal polka.ogg\r\n\r\n"),
    ] {
        let Message::Giv(giv) = one(Setup::Accepted, text.as_bytes()) else { panic!("{text}") };
        assert_eq!((giv.index, &*giv.name), (7, "narwhal polka.ogg"));
        assert_eq!(giv.servent.to_string(), servent);
    }
    for text in ["GIV 7:abc/x\n\n", "GIV x:db2c3102b94d5a4f3873e8cadee3187f/x\n\n", "GIV \n\n"] {
        assert!(exhaust(Setup::Accepted, text.as_bytes()).1.is_some(), "{text}");
    }
}

#[test]
fn requests_and_responses_of_old_servents_are_read() {
    let mldonkey = b"GET /get/7/narwhal polka.ogg HTTP/1.1\r\nHost: Host: 198.51.100.7:6350\r\n\r\n";
    for setup in [Setup::Accepted, Setup::Server] {
        let Message::Request(request) = one(setup, mldonkey) else { panic!() };
        assert_eq!(&*request.target, "/get/7/narwhal%20polka.ogg");
        assert_eq!(request.headers.get("Host"), Some("Host: 198.51.100.7:6350"));
    }
    let old = b"HTTP 200 OK\r\nServer: Gnutella\r\nContent-length: 4356789\r\n\r\n";
    let Message::Response(response) = one(Setup::Client, old) else { panic!() };
    assert_eq!((response.status, response.headers.content_length().ok()), (200, Some(4_356_789)));
}

#[test]
fn a_response_may_follow_an_announcement_and_a_request_a_request() {
    let giv = "GIV 7:db2c3102b94d5a4f3873e8cadee3187f/x\n\nHTTP/1.1 200 OK\r\n\r\n";
    let (messages, error) = exhaust(Setup::Accepted, giv.as_bytes());
    assert!(
        error.is_none() && matches!(messages[..], [Message::Giv(_), Message::Response(_)]),
        "{messages:?}"
    );
    let two = b"GET /a HTTP/1.1\r\n\r\nHEAD /b HTTP/1.1\r\n\r\n";
    let (messages, error) = exhaust(Setup::Accepted, two);
    assert!(
        error.is_none() && matches!(messages[..], [Message::Request(_), Message::Request(_)]),
        "{messages:?}"
    );
}

#[test]
fn a_length_beyond_its_types_bound_ends_the_link_before_its_bytes_come() {
    for (kind, max) in [
        (0x00, 4096),
        (0x01, 4096),
        (0x02, 4096),
        (0x30, 65_535),
        (0x31, 16_384),
        (0x32, 16_384),
        (0x40, 4096),
        (0x80, 4096),
        (0x81, 65_535),
        (0x99, 4096_u32),
    ] {
        let head = |len: u32| [&ID.0[..], &[kind, 1, 0], &len.to_le_bytes()].concat();
        let decode = |head: &[u8]| {
            let mut buffer = BytesMut::from(head);
            let result = Message::codec(Setup::Descriptors).decode(&mut buffer);
            assert!(buffer.capacity() < 1024, "nothing is set aside for a payload");
            result
        };
        assert!(matches!(decode(&head(max)), Ok(None)), "{kind:02x}");
        let refused = decode(&head(max + 1));
        assert!(matches!(refused, Err(WireError::TooLong { .. })), "{kind:02x}: {refused:?}");
        assert!(decode(&head(u32::MAX >> 1)).is_err());
        let whole = [head(max), vec![1; max as usize]].concat();
        assert!(one(Setup::Descriptors, &whole).header().is_some(), "{kind:02x}");
    }
}

#[test]
fn the_top_bit_of_a_length_says_that_its_upper_half_is_flags() {
    let ping = descriptor("00 07 00 02 00 34 92 aa bb");
    let Message::Ping(read, Some(raw)) = one(Setup::Descriptors, &ping) else { panic!() };
    assert_eq!((read, &*raw.0), (header(7, 0), &[0xaa, 0xbb][..]));
}

#[test]
fn a_payload_too_short_for_its_type_ends_the_link() {
    for (kind, least) in [(0x01, 14), (0x02, 2), (0x31, 8), (0x40, 26), (0x80, 3), (0x81, 27)] {
        let frame = |len: usize| [&ID.0[..], &[kind, 1, 0, len as u8, 0, 0, 0], &vec![0; len]].concat();
        assert!(exhaust(Setup::Descriptors, &frame(least)).1.is_none(), "{kind:02x}");
        let refused = exhaust(Setup::Descriptors, &frame(least - 1)).1;
        assert!(matches!(refused, Some(WireError::Malformed(_))), "{kind:02x}: {refused:?}");
    }
}

#[test]
fn a_page_is_bounded() {
    let announced = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", PAGE_BYTES_MAX + 1);
    assert!(matches!(exhaust(Setup::CacheClient, announced.as_bytes()).1, Some(WireError::TooLong { .. })));
    let endless = [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &vec![b'x'; PAGE_BYTES_MAX + 1]].concat();
    let mut buffer = BytesMut::from(&endless[..]);
    assert!(Message::codec(Setup::CacheClient).decode(&mut buffer).is_err());
    for broken_off in [&b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1234"[..], b"HTTP/1.1 200 OK\r\n"] {
        assert!(matches!(exhaust(Setup::CacheClient, broken_off).1, Some(WireError::Truncated)));
    }
    let cut_off = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    assert!(matches!(exhaust(Setup::CacheClient, cut_off).1, Some(WireError::Truncated)));
}
