//! The handshake, byte for byte and from both sides: who becomes a neighbour, and how the others are told.

use std::time::Duration;

use crate::kit::overlay::Overlay;
use crate::kit::raw::{BYE, Descriptor, OURS, PING, PONG, Raw};
use common::peer::CloseReason;
use common::user::Note;
use gnutella::servent::ServentConfig;

/// A servent's own words, with `headers` of what is told of the link.
fn our_lines(raw: &Raw, first: &str, remote: &str) -> String {
    let client = concat!("p2p-testbed/", env!("CARGO_PKG_VERSION"));
    let guid = match &raw.lone.peer {
        gnutella::node::Node::Servent(servent) => servent.guid(),
        gnutella::node::Node::HostCache(_) => unreachable!("it was made a servent"),
    };
    format!(
        "{first}\r\nUser-Agent: {client}\r\nListen-IP: {OURS}\r\nRemote-IP: {remote}\r\nGUID: {guid}\r\n\
         X-Ultrapeer: True\r\nX-Ultrapeer-Needed: True\r\nX-Degree: 16\r\nX-Dynamic-Querying: 0.1\r\nX-Max-TTL: 10\r\nPong-Caching: 0.1\r\n\
         GGEP: 0.5\r\nBye-Packet: 0.1\r\n\r\n"
    )
}

const GREETING: &str = "GNUTELLA CONNECT/0.6\r\nUser-Agent: other\r\nX-Ultrapeer: True\r\n\r\n";
const CONFIRM: &str = "GNUTELLA/0.6 200 OK\r\n\r\n";

/// A servent that dials 10.0.1.1:6346 as soon as it starts.
fn dialling() -> Raw {
    dialling_with(|_| ())
}

fn dialling_with(change: impl FnOnce(&mut gnutella::servent::Knobs)) -> Raw {
    let mut config =
        ServentConfig { connect: Box::new(["10.0.1.1:6346".parse().unwrap()]), ..ServentConfig::default() };
    change(std::sync::Arc::make_mut(&mut config.knobs));
    Raw::new(config)
}

#[test]
fn a_caller_by_0_6_is_answered_and_after_its_confirmation_pinged() {
    let mut raw = Raw::with(|_| ());
    let conn = raw.dial(1);
    assert_eq!(raw.lone.say(conn, GREETING), our_lines(&raw, "GNUTELLA/0.6 200 OK", "10.0.1.1"));
    assert_eq!(raw.degree(), 0);
    // Descriptors may come in one piece with the last step.
    let mut last = CONFIRM.as_bytes().to_vec();
    last.extend(Descriptor::ping(1, 1, 0).bytes());
    raw.lone.feed(conn, &last);
    assert_eq!(raw.degree(), 1);
    let heard = raw.heard(conn);
    let kinds: Vec<(u8, u8)> = heard.iter().map(|d| (d.kind, d.ttl)).collect();
    assert_eq!(kinds, [(PING, 7), (PONG, 1)]);
}

#[test]
fn a_caller_by_0_4_is_answered_in_two_lines() {
    let mut raw = Raw::with(|_| ());
    let conn = raw.dial(1);
    raw.lone.feed(conn, b"GNUTELLA CONNECT/0.4\n\n");
    let answer = raw.lone.take(conn);
    assert!(answer.starts_with(b"GNUTELLA OK\n\n"), "{answer:?}");
    assert_eq!(crate::kit::raw::descriptors(&answer["GNUTELLA OK\n\n".len()..]).len(), 1, "and a ping");
    assert_eq!(raw.degree(), 1);
}

#[test]
fn a_dialler_greets_and_confirms() {
    let mut raw = dialling();
    let dial = raw.lone.next_dial().expect("it was told whom to connect to");
    assert_eq!(dial.1.to_string(), "10.0.1.1:6346");
    let conn = raw.lone.answer(dial);
    let greeting = String::from_utf8(raw.lone.take(conn)).unwrap();
    assert_eq!(greeting, our_lines(&raw, "GNUTELLA CONNECT/0.6", "10.0.1.1"));
    raw.lone.feed(conn, b"GNUTELLA/0.6 200 OK\r\nUser-Agent: other\r\nX-Some-Header: whatever\r\n\r\n");
    let said = raw.lone.take(conn);
    assert!(said.starts_with(CONFIRM.as_bytes()), "{said:?}");
    assert_eq!(crate::kit::raw::descriptors(&said[CONFIRM.len()..])[0].kind, PING);
    assert_eq!(raw.degree(), 1);
    assert!(matches!(raw.lone.notes[..], [Note::Online]), "{:?}", raw.lone.notes);
}

#[test]
fn an_acceptor_of_0_4_is_taken_at_its_word() {
    let mut raw = dialling();
    let dial = raw.lone.next_dial().unwrap();
    let conn = raw.lone.answer(dial);
    raw.lone.take(conn);
    raw.lone.feed(conn, b"GNUTELLA OK\n\n");
    assert_eq!(raw.degree(), 1);
    let heard = raw.heard(conn);
    assert_eq!(heard.len(), 1, "a ping, and no third step: {heard:?}");
}

#[test]
fn who_hangs_up_on_0_6_is_dialled_with_0_4_if_so_configured() {
    let mut raw = dialling_with(|knobs| knobs.dials_old = true);
    let dial = raw.lone.next_dial().unwrap();
    let conn = raw.lone.answer(dial);
    raw.lone.hang_up(conn, CloseReason::Remote);
    let dial = raw.lone.next_dial().expect("it dials again");
    assert_eq!(dial.1.to_string(), "10.0.1.1:6346");
    let conn = raw.lone.answer(dial);
    assert_eq!(raw.lone.take(conn), b"GNUTELLA CONNECT/0.4\n\n");
    raw.lone.hang_up(conn, CloseReason::Remote);
    assert!(raw.lone.next_dial().is_none(), "0.4 was the last resort");

    let mut raw = dialling();
    let dial = raw.lone.next_dial().unwrap();
    let conn = raw.lone.answer(dial);
    raw.lone.hang_up(conn, CloseReason::Remote);
    assert!(raw.lone.next_dial().is_none());
}

#[test]
fn a_full_servent_refuses_with_the_addresses_of_others() {
    let mut raw = Raw::with(|knobs| (knobs.degree, knobs.degree_max) = (2, 2));
    raw.neighbour(1);
    raw.neighbour(2);
    let conn = raw.dial(3);
    let answer = raw.lone.say(conn, GREETING);
    assert!(answer.starts_with("GNUTELLA/0.6 503 No free slot\r\n"), "{answer}");
    assert!(answer.contains("X-Try: 10.0.1."), "{answer}");
    for address in ["10.0.1.1:6346", "10.0.1.2:6346"] {
        assert_eq!(answer.matches(address).count(), 2, "in X-Try and in X-Try-Ultrapeers: {answer}");
    }
    assert!(raw.lone.closed(conn));
    let conn = raw.dial(4);
    raw.lone.feed(conn, b"GNUTELLA CONNECT/0.4\n\n");
    assert_eq!(raw.lone.take(conn), b"", "0.4 knows no refusal");
    assert!(raw.lone.closed(conn));
    assert_eq!(raw.degree(), 2);
}

#[test]
fn an_acceptance_names_others_too_but_for_the_caller() {
    let mut raw = Raw::with(|_| ());
    raw.neighbour(1);
    let conn = raw.dial(2);
    let answer =
        raw.lone.say(conn, "GNUTELLA CONNECT/0.6\r\nX-Ultrapeer: True\r\nListen-IP: 10.0.1.2:6346\r\n\r\n");
    assert!(answer.starts_with("GNUTELLA/0.6 200 OK\r\n"), "{answer}");
    for header in ["X-Try", "X-Try-Ultrapeers"] {
        assert!(answer.contains(&format!("\r\n{header}: 10.0.1.1:6346\r\n")), "{answer}");
    }
    // In a graph that the user has drawn nobody looks for others.
    let mut raw = Raw::with(|knobs| knobs.keeps_degree = false);
    raw.neighbour(1);
    let conn = raw.dial(2);
    assert!(!raw.lone.say(conn, GREETING).contains("X-Try"));
}

#[test]
fn two_callers_do_not_get_the_last_slot() {
    let mut raw = Raw::with(|knobs| (knobs.degree, knobs.degree_max) = (1, 1));
    let (first, second) = (raw.dial(1), raw.dial(2));
    assert!(raw.lone.say(first, GREETING).starts_with("GNUTELLA/0.6 200"));
    assert!(raw.lone.say(second, GREETING).starts_with("GNUTELLA/0.6 503"), "the slot is promised");
    raw.lone.hang_up(first, CloseReason::Reset);
    let third = raw.dial(3);
    assert!(raw.lone.say(third, GREETING).starts_with("GNUTELLA/0.6 200"), "the promise was not taken up");
}

#[test]
fn who_is_refused_hears_of_those_whose_handshake_goes_on() {
    let mut raw = Raw::with(|knobs| (knobs.degree, knobs.degree_max) = (0, 1));
    let (first, second) = (raw.dial(1), raw.dial(2));
    let greeting = GREETING.replace("\r\n\r\n", "\r\nListen-IP: 10.0.1.1:6346\r\n\r\n");
    assert!(raw.lone.say(first, &greeting).starts_with("GNUTELLA/0.6 200"));
    let refusal = raw.lone.say(second, GREETING);
    assert!(refusal.contains("X-Try: 10.0.1.1:6346\r\n"), "{refusal}");
}

#[test]
fn a_refusal_s_addresses_are_dialled() {
    let mut raw = dialling();
    let dial = raw.lone.next_dial().unwrap();
    let conn = raw.lone.answer(dial);
    raw.lone.feed(
        conn,
        b"GNUTELLA/0.6 503 Busy\r\nX-Try: 10.0.3.1:6346, 10.0.3.2:6347\r\nX-Try: 10.0.3.3:1 2003-01-01T00:00Z,\r\n \
          nonsense,10.0.3.4:0,\r\n\r\n",
    );
    assert!(raw.lone.closed(conn));
    let mut dialled: Vec<String> =
        std::iter::from_fn(|| raw.lone.next_dial()).map(|dial| dial.1.to_string()).collect();
    dialled.sort();
    assert_eq!(dialled, ["10.0.3.1:6346", "10.0.3.2:6347", "10.0.3.3:1"]);
}

#[test]
fn a_dialler_that_changes_its_mind_is_let_go() {
    let mut raw = Raw::with(|_| ());
    let conn = raw.dial(1);
    raw.lone.say(conn, GREETING);
    raw.lone.say(conn, "GNUTELLA/0.6 503 I have found others\r\nX-Try: 10.0.3.1:6346\r\n\r\n");
    assert!(raw.lone.closed(conn));
    assert_eq!(raw.degree(), 0);
    assert_eq!(raw.lone.next_dial().map(|dial| dial.1.to_string()).as_deref(), Some("10.0.3.1:6346"));
}

#[test]
fn nobody_is_linked_with_itself_or_twice_with_one_other() {
    let mut raw = Raw::with(|_| ());
    let conn = raw.dial(1);
    let ours = our_lines(&raw, "GNUTELLA CONNECT/0.6", "10.0.0.1");
    assert!(raw.lone.say(conn, &ours).starts_with("GNUTELLA/0.6 409 That is me\r\n"));
    let conn = raw.lone.accept("10.0.0.1:4000".parse().unwrap());
    let answer = raw.lone.say(conn, "GNUTELLA CONNECT/0.6\r\nNode: 10.0.0.1:7000\r\n\r\n");
    assert!(answer.starts_with("GNUTELLA/0.6 409 That is me\r\n"), "{answer}");
    raw.neighbour(1);
    let conn = raw.dial(1);
    let answer = raw.lone.say(conn, "GNUTELLA CONNECT/0.6\r\nListen-IP: 10.0.1.1:6346\r\n\r\n");
    assert!(answer.starts_with("GNUTELLA/0.6 409 Already linked\r\n"), "{answer}");
    assert!(raw.lone.closed(conn));
    assert_eq!(raw.degree(), 1);
}

#[test]
fn nobody_can_take_another_s_place_by_naming_its_address() {
    let mut raw = Raw::with(|_| ());
    let evil = raw.lone.accept("203.0.113.5:4000".parse().unwrap());
    raw.lone.say(evil, "GNUTELLA CONNECT/0.6\r\nListen-IP: 198.51.100.7:6346\r\n\r\n");
    raw.lone.feed(evil, CONFIRM.as_bytes());
    assert_eq!(raw.degree(), 1);
    let honest = raw.lone.accept("198.51.100.7:4000".parse().unwrap());
    let answer = raw.lone.say(honest, "GNUTELLA CONNECT/0.6\r\nListen-IP: 198.51.100.7:6346\r\n\r\n");
    assert!(answer.starts_with("GNUTELLA/0.6 200 OK\r\n"), "{answer}");
}

#[test]
fn one_address_does_not_get_all_slots() {
    let mut raw = Raw::with(|knobs| knobs.links_per_address_max = 3);
    for port in 1..=3 {
        let conn = raw.lone.accept("10.0.1.1:4000".parse().unwrap());
        let greeting = format!("GNUTELLA CONNECT/0.6\r\nListen-IP: 10.0.1.1:{port}\r\n\r\n");
        assert!(raw.lone.say(conn, &greeting).starts_with("GNUTELLA/0.6 200 OK"));
    }
    let conn = raw.lone.accept("10.0.1.1:4000".parse().unwrap());
    let answer = raw.lone.say(conn, "GNUTELLA CONNECT/0.6\r\nListen-IP: 10.0.1.1:4\r\n\r\n");
    assert!(answer.starts_with("GNUTELLA/0.6 429 Too many links from your address\r\n"), "{answer}");
    let conn = raw.dial(2);
    assert!(raw.lone.say(conn, GREETING).starts_with("GNUTELLA/0.6 200 OK"));
    for port in 1..=6 {
        let conn = raw.lone.accept("127.0.0.1:4000".parse().unwrap());
        let greeting = format!("GNUTELLA CONNECT/0.6\r\nListen-IP: 127.0.0.1:{port}\r\n\r\n");
        assert!(
            raw.lone.say(conn, &greeting).starts_with("GNUTELLA/0.6 200 OK"),
            "this machine is no stranger"
        );
    }
}

#[test]
fn a_compressed_link_is_refused() {
    let mut raw = Raw::with(|_| ());
    let conn = raw.dial(1);
    let answer = raw.lone.say(conn, "GNUTELLA CONNECT/0.6\r\nContent-Encoding: deflate\r\n\r\n");
    assert!(answer.starts_with("GNUTELLA/0.6 406"), "{answer}");
}

#[test]
fn every_step_has_its_time() {
    let step = Duration::from_secs(20);
    // A caller that says nothing, one that stops in the middle, one that does not confirm.
    let mut raw = Raw::with(|_| ());
    let (silent, half, greeted) = (raw.dial(1), raw.dial(2), raw.dial(3));
    raw.lone.feed(half, b"GNUTELLA CONNECT/0.6\r\nUser-A");
    raw.lone.advance(step / 2);
    raw.lone.say(greeted, GREETING);
    raw.lone.advance(step / 2);
    assert!(raw.lone.closed(silent) && raw.lone.closed(half));
    assert!(!raw.lone.closed(greeted), "its second step has its own time");
    raw.lone.advance(step / 2);
    assert!(raw.lone.closed(greeted));
    // An acceptor that says nothing.
    let mut raw = dialling();
    let dial = raw.lone.next_dial().unwrap();
    let conn = raw.lone.answer(dial);
    raw.lone.advance(step - Duration::from_millis(1));
    assert!(!raw.lone.closed(conn) && raw.lone.notes.is_empty());
    raw.lone.advance(Duration::from_millis(1));
    assert!(raw.lone.closed(conn));
    assert!(matches!(&raw.lone.notes[..], [Note::Offline(why)] if why.contains("known addresses: 1,")));
    raw.lone.advance(Duration::from_secs(30));
    assert!(raw.lone.next_dial().is_some(), "it tries again");
}

#[test]
fn a_confirmed_link_outlives_its_handshake_s_timers() {
    let mut raw = Raw::with(|knobs| knobs.ping_every = None);
    let conn = raw.neighbour(1);
    raw.lone.advance(Duration::from_secs(3600));
    assert!(!raw.lone.closed(conn));
    assert_eq!(raw.degree(), 1);
}

#[test]
fn garbage_and_bombs_cost_only_their_own_connection() {
    let mut raw = Raw::with(|_| ());
    let good = raw.neighbour(1);
    let long_header = format!("GNUTELLA CONNECT/0.6\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    let many_headers = format!("GNUTELLA CONNECT/0.6\r\n{}\r\n", "A: b\r\n".repeat(1_000));
    let bytes: [&[u8]; 7] = [
        b"\0\0\0\0\0\0\0\0",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"GNUTELLA CONNECT/x.y\r\n\r\n",
        b"GNUTELLA/0.6 200 OK\r\n\r\n",
        b"GNUTELLA OK\n\n",
        long_header.as_bytes(),
        many_headers.as_bytes(),
    ];
    for bytes in bytes {
        let conn = raw.dial(2);
        raw.lone.feed(conn, bytes);
        assert!(raw.lone.closed(conn), "{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(40)]));
    }
    // The right words in the wrong state.
    let conn = raw.dial(2);
    raw.lone.say(conn, GREETING);
    raw.lone.feed(conn, GREETING.as_bytes());
    assert!(raw.lone.closed(conn));
    assert!(!raw.lone.closed(good));
    assert_eq!(raw.degree(), 1);
}

#[test]
fn callers_that_say_nothing_do_not_pile_up() {
    let mut raw = Raw::with(|knobs| knobs.callers_max = 5);
    let callers: Vec<_> = (1..=6).map(|host| raw.dial(host)).collect();
    let closed: Vec<bool> = callers.iter().map(|conn| raw.lone.closed(*conn)).collect();
    assert_eq!(closed, [false, false, false, false, false, true]);
    raw.lone.hang_up(callers[0], CloseReason::Reset);
    let next = raw.dial(7);
    assert!(!raw.lone.closed(next));
}

#[test]
fn who_dial_each_other_at_once_end_with_one_link() {
    let mut overlay = Overlay::seeded(5);
    for pair in 0..4 {
        let (a, b) = (overlay.swarm.address_of(2 * pair), overlay.swarm.address_of(2 * pair + 1));
        for other in [b, a] {
            let connect = Box::new([other]);
            overlay.add_as(ServentConfig { connect, ..overlay.config.clone() });
        }
    }
    overlay.swarm.run_s(10);
    for node in overlay.living() {
        assert_eq!(overlay.degree(node), 1, "node {}", node.0);
    }
}

#[test]
fn a_bye_is_said_to_who_understands_it_and_ends_everything() {
    let mut raw = Raw::with(|_| ());
    let (new, old) = (raw.neighbour(1), raw.neighbour_with(2, ""));
    raw.heard(new);
    raw.lone.command(common::user::Command::Leave);
    let heard = raw.heard(new);
    assert_eq!(heard.len(), 1);
    assert_eq!((heard[0].kind, heard[0].ttl, &heard[0].payload[..2]), (BYE, 1, &[200, 0][..]));
    assert_eq!(raw.heard(old), []);
    assert!(raw.lone.closed(new) && raw.lone.closed(old));
    let late = raw.dial(3);
    assert!(raw.lone.closed(late));
    raw.lone.advance(Duration::from_secs(600));
    assert!(raw.lone.next_dial().is_none());
}
