//! What a servent that holds a file answers to HTTP, byte by byte.

use std::sync::Arc;
use std::time::Duration;

use crate::kit::files::sha1;
use crate::kit::raw::Raw;
use crate::kit::{quiet, with};
use common::transfer::QueueKnobs;
use common::user::Note;
use gnutella::servent::ServentConfig;
use proptest::prelude::*;

const NAME: &str = "Songs/zebra giraffe.ogg";
const CONTENT: &[u8] = b"the very bytes that were promised";

fn urn() -> String {
    let common::digest::Digest::Sha1(sha1) = sha1(CONTENT) else { unreachable!("it is one") };
    gnutella::wire::Sha1Urn(sha1).to_string()
}

fn holder() -> Raw {
    holder_as(quiet())
}

fn holder_as(config: ServentConfig) -> Raw {
    Raw::sharing(config, NAME, CONTENT, Some(sha1(CONTENT)))
}

fn few_slots(slots: usize) -> ServentConfig {
    with(|knobs| knobs.uploads = Arc::new(QueueKnobs { slots, ..QueueKnobs::default() }))
}

fn head_and_body(answer: &str) -> (&str, &str) {
    answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {answer:?}"))
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or_else(|| panic!("no status: {answer:?}"))
}

fn uploaded(holder: &Raw) -> Vec<u64> {
    let bytes = |note: &Note| if let Note::Uploaded(_, bytes) = note { Some(*bytes) } else { None };
    holder.lone.notes.iter().filter_map(bytes).collect()
}

#[test]
fn a_file_is_sent_whole_by_number_and_by_content() {
    let by_content = format!("/uri-res/N2R?{}", urn());
    for target in
        ["/get/0/zebra%20giraffe.ogg", "/get/0/zebra giraffe.ogg", "/get/0/zebra%20giraffe.ogg/", &by_content]
    {
        let mut holder = holder();
        let conn = holder.call(1, &format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        let answer = holder.lone.text(conn);
        let (head, body) = head_and_body(&answer);
        let expected = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 33\r\nServer: p2p-testbed/{}\r\nConnection: Keep-Alive\r\n\
             Content-Type: application/binary\r\nAccept-Ranges: bytes\r\nX-Gnutella-Content-URN: {}",
            env!("CARGO_PKG_VERSION"),
            urn()
        );
        assert_eq!((head, body.as_bytes()), (&*expected, CONTENT), "{target}");
        assert_eq!(uploaded(&holder), [33]);
    }
}

#[test]
fn ranges_are_cut_as_asked_and_nothing_outside_the_file_is_sent() {
    let mut holder = holder();
    let conn = holder.call(1, "");
    for (range, expected_status, line, body) in [
        ("bytes=4-7", "206", "Content-Range: bytes 4-7/33", "very"),
        ("bytes=25-", "206", "Content-Range: bytes 25-32/33", "promised"),
        ("bytes=25-4000000000000", "206", "Content-Range: bytes 25-32/33", "promised"),
        ("bytes=-8", "206", "Content-Range: bytes 25-32/33", "promised"),
        ("bytes=33-", "416", "Content-Range: bytes */33", ""),
        ("bytes=18446744073709551615-", "416", "Content-Range: bytes */33", ""),
        // What is not understood is ignored, as HTTP has it.
        ("bytes=7-4", "200", "Content-Length: 33", "the very bytes that were promised"),
        ("bytes=-4--2", "200", "Content-Length: 33", "the very bytes that were promised"),
        ("bytes=99999999999999999999-", "200", "Content-Length: 33", "the very bytes that were promised"),
        ("lines=1-2", "200", "Content-Length: 33", "the very bytes that were promised"),
    ] {
        let request = format!("GET /get/0/zebra%20giraffe.ogg HTTP/1.1\r\nRange: {range}\r\n\r\n");
        let answer = holder.lone.say(conn, &request);
        assert_eq!(status(&answer), expected_status, "{range}");
        let (head, sent) = head_and_body(&answer);
        assert!(head.contains(line), "{range}: {head}");
        assert_eq!(sent, body, "{range}");
    }
    assert!(!holder.lone.closed(conn), "all of it on one connection");
}

#[test]
fn what_is_not_here_is_not_found() {
    for target in [
        "/",
        "/get/1/zebra%20giraffe.ogg",
        "/get/0/zebra.ogg",
        "/get/0/",
        "/get/0/..%2f..%2fetc%2fpasswd",
        "/get/0/Songs%2fzebra%20giraffe.ogg",
        "/uri-res/N2R?urn:sha1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "/gnutella/",
    ] {
        let mut holder = holder();
        let conn = holder.call(1, &format!("GET {target} HTTP/1.1\r\n\r\n"));
        let answer = holder.lone.text(conn);
        assert_eq!(status(&answer), "404", "{target}");
        assert!(answer.contains("Content-Length: 0\r\n") && holder.lone.closed(conn), "{target}: {answer}");
    }
}

#[test]
fn requests_sent_ahead_are_answered_in_their_order_and_an_old_client_is_left() {
    let mut holder = holder();
    let get =
        |range: &str| format!("GET /get/0/zebra%20giraffe.ogg HTTP/1.1\r\nRange: bytes={range}\r\n\r\n");
    let conn = holder.call(1, &[get("0-2"), get("4-7"), get("9-13")].concat());
    let answer = holder.lone.text(conn);
    let bodies: Vec<&str> =
        answer.split("\r\n\r\n").skip(1).map(|part| part.split("HTTP/").next().unwrap()).collect();
    assert_eq!(bodies, ["the", "very", "bytes"]);
    assert_eq!(uploaded(&holder), [3, 4, 5]);
    for (version, line, stays) in [
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
    ] {
        let mut holder = holder_as(quiet());
        let conn = holder.call(1, &format!("GET /get/0/zebra%20giraffe.ogg HTTP/{version}\r\n{line}\r\n"));
        let answer = holder.lone.text(conn);
        assert_eq!(head_and_body(&answer).1.as_bytes(), CONTENT);
        assert_eq!(!holder.lone.closed(conn), stays, "{version} {line}");
        assert_eq!(answer.contains("Connection: close"), !stays, "{answer}");
        assert_eq!(uploaded(&holder), [33]);
    }
}

#[test]
fn a_head_alone_needs_no_slot_and_carries_no_body() {
    let mut holder = holder_as(few_slots(0));
    let conn = holder.call(1, "HEAD /get/0/zebra%20giraffe.ogg HTTP/1.1\r\n\r\n");
    let answer = holder.lone.text(conn);
    assert_eq!((status(&answer), head_and_body(&answer).1), ("200", ""));
    assert!(answer.contains("Content-Length: 33\r\n") && !holder.lone.closed(conn));
    assert!(uploaded(&holder).is_empty());
}

#[test]
fn who_comes_when_all_slots_are_taken_is_told_a_place_and_gets_its_turn() {
    let mut holder = holder_as(few_slots(1));
    let get = "GET /get/0/zebra%20giraffe.ogg HTTP/1.1\r\nX-Queue: 1.0\r\n\r\n";
    let first = holder.call(1, get);
    assert_eq!(status(&holder.lone.text(first)), "200");
    // The slot stays with its connection for a while.
    let second = holder.call(2, get);
    let answer = holder.lone.text(second);
    assert_eq!((status(&answer), head_and_body(&answer).1), ("503", ""));
    assert!(answer.contains("X-Queue: position=1,length=1,limit=1,pollMin=1,pollMax=60\r\n"), "{answer}");
    assert!(answer.contains("Retry-After: 1\r\n"), "{answer}");
    let third = holder.call(3, get);
    assert!(holder.lone.text(third).contains("X-Queue: position=2,length=2"));
    assert_eq!(status(&holder.lone.say(first, get)), "200", "its next request needs no queue");
    holder.lone.hang_up(first, common::peer::CloseReason::Remote);
    holder.lone.advance(Duration::from_secs(10));
    assert!(holder.lone.say(third, get).contains("X-Queue: position=2"), "it is not yet its turn");
    assert_eq!(status(&holder.lone.say(second, get)), "200");
}

#[test]
fn a_place_outlives_a_connection_that_is_closed_at_once_but_not_one_that_waited() {
    for (stays, turn) in [(0, "503"), (5, "200")] {
        let mut holder = holder_as(few_slots(1));
        let get = "GET /get/0/zebra%20giraffe.ogg HTTP/1.1\r\n\r\n";
        let first = holder.call(1, get);
        let second = holder.call(2, get);
        let third = holder.call(3, get);
        assert_eq!(
            [first, second, third].map(|conn| holder.lone.text(conn)[9..12].to_owned()),
            ["200", "503", "503"]
        );
        holder.lone.advance(Duration::from_secs(stays));
        holder.lone.hang_up(second, common::peer::CloseReason::Remote);
        holder.lone.hang_up(first, common::peer::CloseReason::Remote);
        assert_eq!(status(&holder.lone.say(third, get)), turn, "after {stays} s");
    }
}

#[test]
fn who_is_queued_may_ask_for_a_head_and_stays_queued_until_it_goes() {
    let mut holder = holder_as(few_slots(1));
    let ask = |method| format!("{method} /get/0/zebra%20giraffe.ogg HTTP/1.1\r\n\r\n");
    let (get, head) = (ask("GET"), ask("HEAD"));
    let first = holder.call(1, &get);
    let second = holder.call(2, &get);
    let third = holder.call(3, &get);
    assert_eq!(
        [first, second, third].map(|conn| holder.lone.text(conn)[9..12].to_owned()),
        ["200", "503", "503"]
    );
    assert_eq!(status(&holder.lone.say(second, &head)), "200");
    // Longer than who is not queued may be silent, shorter than a place lasts.
    holder.lone.advance(Duration::from_secs(40));
    assert_eq!((holder.lone.closed(first), holder.lone.closed(second)), (true, false));
    assert_eq!(status(&holder.lone.say(third, &get)), "503", "the slot is kept for who stands before it");
    holder.lone.hang_up(second, common::peer::CloseReason::Remote);
    assert_eq!(status(&holder.lone.say(third, &get)), "200", "nobody stands before it any more");
}

#[test]
fn one_address_has_one_slot() {
    let mut holder = holder_as(few_slots(4));
    let get = "GET /get/0/zebra%20giraffe.ogg HTTP/1.1\r\n\r\n";
    let first = holder.call(1, get);
    let greedy = holder.call(1, get);
    let other = holder.call(2, get);
    assert_eq!(
        [first, greedy, other].map(|conn| holder.lone.text(conn)[9..12].to_owned()),
        ["200", "503", "200"]
    );
}

#[test]
fn who_says_nothing_is_hung_up_on_and_so_is_who_waits_beyond_its_place() {
    let mut holder = holder_as(few_slots(1));
    let get = "GET /get/0/zebra%20giraffe.ogg HTTP/1.1\r\n\r\n";
    let idle = holder.call(1, get);
    let waiting = holder.call(2, get);
    assert_eq!(status(&holder.lone.text(waiting)), "503");
    holder.lone.advance(Duration::from_secs(59));
    assert_eq!((holder.lone.closed(idle), holder.lone.closed(waiting)), (true, false));
    holder.lone.advance(Duration::from_secs(30));
    assert!(holder.lone.closed(waiting));
}

#[test]
fn a_caller_that_makes_no_sense_or_no_end_loses_its_connection() {
    let endless = format!("GET / HTTP/1.1\r\n{}", "X: y\r\n".repeat(4000));
    for nonsense in ["POST /get/0/x HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}", "GET\r\n\r\n", &endless] {
        let mut holder = holder();
        let conn = holder.call(1, nonsense);
        assert!(holder.lone.closed(conn), "{nonsense:?}");
    }
    // Also later on the same connection.
    let mut holder = holder();
    let conn = holder.call(1, "HEAD /get/0/zebra%20giraffe.ogg HTTP/1.1\r\n\r\n");
    holder.lone.feed(conn, b"nonsense\r\n\r\n");
    assert!(holder.lone.closed(conn));
}

#[test]
fn a_head_may_come_in_pieces_but_not_forever() {
    let mut holder = holder();
    let conn = holder.call(1, "");
    for byte in b"GET /get/0/zebra%20giraffe.ogg HTTP/1.1\r\nRange: bytes=0-2\r\n\r\n" {
        holder.lone.feed(conn, &[*byte]);
    }
    assert!(holder.lone.text(conn).ends_with("\r\n\r\nthe"));
    let slow = holder.call(2, "GET /get/0/zebra");
    for _ in 0..30 {
        holder.lone.feed(slow, b"a");
        holder.lone.advance(Duration::from_secs(1));
    }
    assert!(holder.lone.closed(slow));
}

#[test]
fn connections_of_downloaders_are_bounded() {
    let knobs = QueueKnobs { slots: 1, places_max: 2, ..QueueKnobs::default() };
    let mut holder = holder_as(with(|all| all.uploads = Arc::new(knobs)));
    let conns: Vec<_> =
        (0..100).map(|host| holder.call(host, "HEAD /get/0/zebra%20giraffe.ogg HTTP/1.1\r\n\r\n")).collect();
    let open = conns.iter().filter(|conn| !holder.lone.closed(**conn)).count();
    assert_eq!(open, 1 + 2 + 16);
    holder.lone.hang_up(conns[0], common::peer::CloseReason::Remote);
    let next = holder.call(200, "HEAD /get/0/zebra%20giraffe.ogg HTTP/1.1\r\n\r\n");
    assert_eq!(status(&holder.lone.text(next)), "200", "who leaves makes room");
}

#[test]
fn other_holders_are_told_to_the_next_who_asks() {
    let mut holder = holder();
    let get = "GET /get/0/zebra%20giraffe.ogg HTTP/1.1\r\n";
    let first = holder.call(1, &format!("{get}X-Alt: 10.0.9.9:6347, 10.0.1.2:5000, rubbish\r\n\r\n"));
    assert!(!holder.lone.text(first).contains("X-Alt"), "nobody is told what it has just said");
    let second = holder.call(2, &format!("{get}\r\n"));
    let answer = holder.lone.text(second);
    assert!(answer.contains("X-Alt: 10.0.9.9:6347\r\n"), "not itself: {answer}");
}

proptest! {
    #[test]
    fn no_bytes_of_a_caller_are_too_odd(
        start in "(GET |HEAD |GIV |GNUTELLA )?(/get/0/|/uri-res/N2R\\?)?",
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        end in "( HTTP/1.[01])?(\r\n(Range|X-Alt|Connection|X-Queue): [0-9=,.a-z-]*)?(\r\n\r\n)?",
    ) {
        let mut holder = holder();
        let conn = holder.call(1, "");
        holder.lone.feed(conn, &[start.as_bytes(), &bytes, end.as_bytes()].concat());
        holder.lone.advance(Duration::from_secs(120));
        prop_assert!(holder.lone.closed(conn), "who does not go on is not kept");
    }
}
