//! What a node that holds a file answers to HTTP, byte by byte.

use std::sync::Arc;
use std::time::Duration;

use crate::kit::alone::{Alone, with};
use crate::kit::files::kzhash;
use common::digest::Digest;
use common::peer::CloseReason;
use common::seal::Seal;
use common::transfer::QueueKnobs;
use kazaa::config::Config;
use proptest::prelude::*;

const NAME: &str = "Songs/zebra giraffe.mp3";
const CONTENT: &[u8] = b"the very bytes that were promised";
/// The UUHash of [`CONTENT`] in base64.
const UUHASH_64: &str = "YlMcawG94pt4kfMTlb+5ht7///8=";

fn target() -> String {
    format!("/.hash={}", &kzhash(CONTENT).to_string()[..40])
}

fn get(lines: &str) -> String {
    format!("GET {} HTTP/1.1\r\n{lines}\r\n", target())
}

fn holder() -> Alone {
    holder_as(with(|_| {}))
}

fn holder_as(config: Config) -> Alone {
    Alone::sharing(config, NAME, CONTENT, Some(kzhash(CONTENT)))
}

fn few_slots(slots: usize) -> Config {
    with(|knobs| knobs.uploads = Arc::new(QueueKnobs { slots, ..(*knobs.uploads).clone() }))
}

fn head_and_body(answer: &str) -> (&str, &str) {
    answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {answer:?}"))
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or_else(|| panic!("no status: {answer:?}"))
}

/// What giFT says, line for line, and what it must be told. Who knows no supernode is one.
#[test]
fn a_real_clients_request_is_answered_in_kazaas_words() {
    let uuhash = Digest::UuHash(*kzhash(CONTENT).uuhash().expect("it has one"));
    let mut holder = Alone::sharing(with(|_| {}), NAME, CONTENT, Some(uuhash));
    let conn = holder.call(
        1,
        &get("Range: bytes=0-32\r\nUserAgent: giFT-FastTrack 0.8.9\r\nX-Kazaa-Network: KaZaA\r\n\
              X-Kazaa-Username: seeker\r\nConnection: Close\r\n\
              X-Kazaa-XferUid: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\nHost: 10.0.0.1:7000\r\n"),
    );
    let answer = holder.lone.text(conn);
    let (head, body) = head_and_body(&answer);
    let expected = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Length: 33\r\nContent-Range: bytes 0-32/33\r\n\
         Server: p2p-testbed {}\r\nConnection: close\r\nX-Kazaa-Username: somebody\r\nX-Kazaa-Network: KaZaA\r\n\
         X-Kazaa-IP: 10.0.0.1:7000\r\nX-Kazaa-SupernodeIP: 10.0.0.1:7000\r\nAccept-Ranges: bytes\r\nContent-Type: audio/mpeg\r\nX-KazaaTag: 3=={UUHASH_64}",
        env!("CARGO_PKG_VERSION"),
    );
    assert_eq!((head, body.as_bytes()), (&*expected, CONTENT));
    assert!(holder.lone.closed(conn));
    assert_eq!(holder.lone.uploaded(), [33]);
    assert!(!answer.contains("zebra"), "no name is told");
}

#[test]
fn a_file_is_sent_whole_by_content_and_by_number_with_its_name() {
    for target in [&target(), "/0/zebra%20giraffe.mp3", "/0/zebra giraffe.mp3"] {
        let mut holder = holder();
        let conn = holder.call(1, &format!("GET {target} HTTP/1.1\r\n\r\n"));
        let answer = holder.lone.text(conn);
        let (head, body) = head_and_body(&answer);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\nContent-Length: 33\r\n"), "{target}: {head}");
        assert!(head.contains("\r\nConnection: Keep-Alive\r\n"), "giFT falls over an answer without: {head}");
        assert_eq!(body.as_bytes(), CONTENT, "{target}");
        assert_eq!(holder.lone.uploaded(), [33]);
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
        ("bytes=7-4", "200", "Content-Length: 33", "the very bytes that were promised"),
    ] {
        let answer = holder.lone.say(conn, &get(&format!("Range: {range}\r\n")));
        let (head, sent) = head_and_body(&answer);
        assert_eq!((status(&answer), sent), (expected_status, body), "{range}");
        assert!(head.contains(line), "{range}: {head}");
    }
    assert!(!holder.lone.closed(conn), "all of it on one connection");
}

#[test]
fn what_is_not_here_is_not_found_and_what_is_not_spoken_is_not_done() {
    for target in [
        "/",
        "/1/zebra%20giraffe.mp3",
        "/0/zebra.mp3",
        "/0/Songs%2fzebra%20giraffe.mp3",
        "/0/..%2f..%2fetc%2fpasswd",
        "/.hash=0000000000000000000000000000000000000000",
        "/.hash=00",
        "/.files",
        "/.status",
        "FastTrack://10.0.0.1:7000/.hash=9c1e0c03f1a38ba838feaf4b8ac0d560b43bc148",
    ] {
        let mut holder = holder();
        let conn = holder.call(1, &format!("GET {target} HTTP/1.1\r\n\r\n"));
        let answer = holder.lone.text(conn);
        assert_eq!(status(&answer), "404", "{target}");
        assert!(answer.contains("Content-Length: 0\r\n") && holder.lone.closed(conn), "{target}: {answer}");
        assert!(answer.contains("X-Kazaa-Username: somebody\r\n"), "{answer}");
    }
    let mut holder = holder();
    let conn = holder.call(1, &get("").replace("GET", "HEAD"));
    assert_eq!(status(&holder.lone.text(conn)), "200");
    let answer = holder.lone.say(conn, &get("").replace("GET", "DELETE"));
    assert_eq!((status(&answer), holder.lone.closed(conn)), ("501", true));
}

#[test]
fn a_head_alone_needs_no_slot_and_carries_no_body() {
    let mut holder = holder_as(few_slots(0));
    let conn = holder.call(1, &get("").replace("GET", "HEAD"));
    let answer = holder.lone.text(conn);
    assert_eq!((status(&answer), head_and_body(&answer).1), ("200", ""));
    assert!(answer.contains("Content-Length: 33\r\n") && !holder.lone.closed(conn));
    assert!(holder.lone.uploaded().is_empty());
}

#[test]
fn who_comes_when_all_slots_are_taken_is_told_when_to_come_again() {
    let mut holder = holder_as(few_slots(1));
    let first = holder.call(1, &get(""));
    assert_eq!(status(&holder.lone.text(first)), "200");
    // The slot stays with its connection for a while.
    let second = holder.call(2, &get("X-Queue: 0.1\r\n"));
    let answer = holder.lone.text(second);
    assert_eq!((status(&answer), head_and_body(&answer).1), ("503", ""));
    assert!(answer.contains("X-Queue: position=1,length=1,limit=1,pollMin=1,pollMax=60\r\n"), "{answer}");
    assert!(answer.contains("Retry-After: 1\r\n"), "{answer}");
    // A foreign one is told what KaZaA's clients were told, and no more.
    let third = holder.call(3, &get("Connection: close\r\n"));
    let answer = holder.lone.text(third);
    assert!(answer.contains("Retry-After: 2\r\n") && !answer.contains("X-Queue"), "{answer}");
    assert!(holder.lone.closed(third));
    assert_eq!(status(&holder.lone.say(first, &get(""))), "200", "its next request needs no queue");
    holder.lone.hang_up(first, CloseReason::Remote);
    holder.lone.advance(Duration::from_secs(10));
    let third = holder.call(3, &get(""));
    assert_eq!(status(&holder.lone.text(third)), "503", "it is not yet its turn");
    assert_eq!(status(&holder.lone.say(second, &get(""))), "200");
}

#[test]
fn who_waits_on_its_connection_gives_up_its_place_with_it_and_who_calls_back_does_not() {
    // LimeWire's queue; KaZaA's clients, who know none; gtk-gnutella's.
    for (line, position) in [("X-Queue: 0.1\r\n", 1), ("", 2), ("X-Queue: 1.1\r\n", 2)] {
        let mut holder = holder_as(few_slots(1));
        let first = holder.call(1, &get(""));
        assert_eq!(status(&holder.lone.text(first)), "200");
        let second = holder.call(2, &get(line));
        assert_eq!(status(&holder.lone.text(second)), "503");
        holder.lone.hang_up(second, CloseReason::Remote);
        let third = holder.call(3, &get("X-Queue: 0.1\r\n"));
        let answer = holder.lone.text(third);
        assert!(answer.contains(&format!("X-Queue: position={position},")), "after `{line}`: {answer}");
        holder.lone.hang_up(first, CloseReason::Remote);
        let turn = if position == 1 { "200" } else { "503" };
        assert_eq!(status(&holder.lone.say(third, &get("X-Queue: 0.1\r\n"))), turn, "after `{line}`");
    }
}

#[test]
fn a_place_is_kept_for_as_long_as_kazaas_clients_were_told_to_wait() {
    for (wait, turn) in [(299, "200"), (301, "503")] {
        let mut holder = holder_as(few_slots(1));
        let first = holder.call(1, &get(""));
        assert_eq!(status(&holder.lone.text(first)), "200");
        let second = holder.call(2, &get("Connection: close\r\n"));
        assert_eq!(status(&holder.lone.text(second)), "503");
        holder.lone.advance(Duration::from_secs(wait));
        let third = holder.call(3, &get(""));
        let third = status(&holder.lone.text(third)).to_owned();
        let second = holder.call(2, &get(""));
        assert_eq!(status(&holder.lone.text(second)), turn, "after {wait} s");
        assert_ne!(third, turn, "the other one");
    }
    let full = QueueKnobs { slots: 0, places_max: 0, ..(*Config::default().knobs.uploads).clone() };
    let mut holder = holder_as(with(|knobs| knobs.uploads = Arc::new(full)));
    let conn = holder.call(1, &get(""));
    let answer = holder.lone.text(conn);
    assert!(status(&answer) == "503" && answer.contains("Retry-After: 300\r\n"), "{answer}");
    assert!(holder.lone.closed(conn));
}

const OFFER: &str = "Connection: Upgrade\r\nUpgrade: p2p-testbed/1\r\n";

#[test]
fn a_request_that_may_be_sealed_is_answered_under_seal() {
    let mut holder = holder();
    let conn = holder.call(1, &get(OFFER));
    assert_eq!(
        holder.lone.text(conn),
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: p2p-testbed/1\r\n\r\n"
    );
    assert_eq!(holder.lone.uploaded(), [], "nothing goes before the seal stands");
    assert_eq!(holder.seal(conn), Some(Seal::Acceptor));
    let answer = holder.lone.text(conn);
    assert_eq!((status(&answer), head_and_body(&answer).1.as_bytes()), ("200", CONTENT));
    // The next ones need no seal of their own, whatever they say.
    for lines in ["Range: bytes=4-7\r\n", &format!("Range: bytes=4-7\r\n{OFFER}")] {
        let answer = holder.lone.say(conn, &get(lines));
        assert_eq!((status(&answer), head_and_body(&answer).1), ("206", "very"));
    }
    assert_eq!(holder.lone.awaits_seal(conn), None);
    assert_eq!(holder.lone.uploaded(), [33, 4, 4]);
}

#[test]
fn requests_sent_ahead_are_answered_in_their_order_sealed_or_not() {
    let ranged = |range: &str, lines: &str| get(&format!("Range: bytes={range}\r\n{lines}"));
    let bodies = |answer: &str| -> Vec<String> {
        let parts = answer.split("\r\n\r\n").skip(1);
        parts.map(|part| part.split("HTTP/").next().unwrap_or_default().to_owned()).collect()
    };
    let mut plain = holder();
    let conn = plain.call(1, &[ranged("0-2", ""), ranged("4-7", ""), ranged("9-13", "")].concat());
    assert_eq!(bodies(&plain.lone.text(conn)), ["the", "very", "bytes"]);
    let mut sealed = holder();
    let conn = sealed.call(1, &ranged("0-2", OFFER));
    sealed.lone.text(conn);
    sealed.lone.feed(conn, [ranged("4-7", ""), ranged("9-13", "")].concat().as_bytes());
    assert_eq!(sealed.lone.text(conn), "");
    sealed.seal(conn).expect("it was agreed to");
    assert_eq!(bodies(&sealed.lone.text(conn)), ["the", "very", "bytes"]);
    assert_eq!(sealed.lone.uploaded(), [3, 4, 5]);
}

#[test]
fn a_busy_holder_says_so_under_seal_and_goes_on() {
    let mut holder = holder_as(few_slots(1));
    let first = holder.call(1, &get(""));
    assert_eq!(status(&holder.lone.text(first)), "200");
    let second = holder.call(2, &get(OFFER));
    holder.lone.text(second);
    holder.seal(second);
    assert_eq!(status(&holder.lone.text(second)), "503");
    holder.lone.hang_up(first, CloseReason::Remote);
    assert_eq!(status(&holder.lone.say(second, &get(""))), "200");
    assert!(!holder.lone.closed(second));
}

#[test]
fn who_does_not_go_through_with_the_seal_is_hung_up_on() {
    let mut holder = holder_as(few_slots(1));
    let conn = holder.call(1, &get(OFFER));
    assert_eq!(status(&holder.lone.text(conn)), "101");
    let other = holder.call(2, &get(""));
    assert_eq!(status(&holder.lone.text(other)), "200", "it holds no slot meanwhile");
    holder.lone.advance(Duration::from_secs(20));
    assert!(holder.lone.closed(conn));
}

#[test]
fn without_the_knob_or_for_another_protocol_nothing_is_sealed() {
    let open = with(|knobs| knobs.seals_transfers = false);
    for (config, lines) in [(open, OFFER), (with(|_| {}), "Connection: Upgrade\r\nUpgrade: websocket\r\n")] {
        let mut holder = holder_as(config);
        let conn = holder.call(1, &get(lines));
        let answer = holder.lone.text(conn);
        assert_eq!((status(&answer), head_and_body(&answer).1.as_bytes()), ("200", CONTENT), "{lines}");
        assert_eq!(holder.lone.awaits_seal(conn), None);
    }
}

#[test]
fn who_says_nothing_is_hung_up_on_and_so_is_who_waits_beyond_its_place() {
    let mut holder = holder_as(few_slots(1));
    let idle = holder.call(1, &get(""));
    let waiting = holder.call(2, &get(""));
    assert_eq!(status(&holder.lone.text(waiting)), "503");
    holder.lone.advance(Duration::from_secs(21));
    assert_eq!((holder.lone.closed(idle), holder.lone.closed(waiting)), (true, false));
    holder.lone.advance(Duration::from_secs(300));
    assert!(holder.lone.closed(waiting));
}

#[test]
fn connections_of_downloaders_are_bounded() {
    let few = QueueKnobs { slots: 1, places_max: 2, ..QueueKnobs::default() };
    let mut holder = holder_as(with(|all| all.uploads = Arc::new(few)));
    let head = get("").replace("GET", "HEAD");
    let conns: Vec<_> = (0..100).map(|host| holder.call(host, &head)).collect();
    let open = conns.iter().filter(|conn| !holder.lone.closed(**conn)).count();
    assert_eq!(open, 1 + 2 + 16);
    holder.lone.hang_up(conns[0], CloseReason::Remote);
    let next = holder.call(200, &head);
    assert_eq!(status(&holder.lone.text(next)), "200", "who leaves makes room");
}

proptest! {
    #[test]
    fn no_bytes_of_a_caller_are_too_odd(
        start in "(GET |HEAD |GIVE )(/.hash=[0-9a-f]{38,42}|/0/)?",
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        end in "( HTTP/1.[01])?(\r\n(Range|X-Testbed-Sources|Connection|Upgrade): [0-9=,.a-z/-]*)?(\r\n\r\n)?",
    ) {
        let mut holder = holder();
        let conn = holder.call(1, "");
        holder.lone.feed(conn, &[start.as_bytes(), &bytes, end.as_bytes()].concat());
        holder.lone.advance(Duration::from_secs(120));
        prop_assert!(holder.lone.closed(conn), "who does not go on is not kept");
    }
}
