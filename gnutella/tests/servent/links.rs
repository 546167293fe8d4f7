//! Whatever strangers do to a servent, in whatever order: it keeps its bounds and its good neighbour.

use std::time::Duration;

use crate::kit::raw::{Descriptor, PONG, Raw, guid};
use common::peer::{CloseReason, ConnId};
use proptest::prelude::*;

/// What strangers can do.
#[derive(Clone, Debug)]
enum Deed {
    /// Somebody dials.
    Dial(u8),
    /// Somebody answers the servent's oldest dial.
    Answer,
    /// One of the connections says something.
    Say(usize, Vec<u8>),
    /// One of them hangs up.
    HangUp(usize, CloseReason),
    /// Time passes.
    Wait(u64),
}

fn words() -> impl Strategy<Value = Vec<u8>> {
    let lines = prop::sample::select(vec![
        "GNUTELLA CONNECT/0.6\r\n\r\n",
        "GNUTELLA CONNECT/0.6\r\nListen-IP: 10.0.1.3:6346\r\nPong-Caching: 0.1\r\nBye-Packet: 0.1\r\n\r\n",
        "GNUTELLA CONNECT/0.6\r\nNode: 10.0.0.1:7000\r\nGGEP: 0.5\r\n\r\n",
        "GNUTELLA CONNECT/0.4\n\n",
        "GNUTELLA CONNECT/9.9\r\nX-Try: 1.2.3.4:5\r\n\r\n",
        "GNUTELLA/0.6 200 OK\r\n\r\n",
        "GNUTELLA/0.6 200 OK\r\nListen-IP: 10.0.1.9:1\r\n",
        "GNUTELLA/0.6 503 Busy\r\nX-Try-Ultrapeers: 10.0.4.1:6346,10.0.4.2:6346,,:,x:1\r\n\r\n",
        "GNUTELLA OK\n\n",
        "GET / HTTP/1.1\r\n\r\n",
        "\r\n\r\n",
    ]);
    let descriptor =
        (any::<u8>(), 0..4u8, any::<u8>(), any::<u8>(), any::<u8>()).prop_map(|(id, what, ttl, hops, n)| {
            match what {
                0 => Descriptor::ping(id, ttl, hops),
                1 => Descriptor::pong(guid(id), ttl, hops, n),
                2 => Descriptor {
                    kind: crate::kit::raw::BYE,
                    payload: vec![n, 1, b'x', 0],
                    ..Descriptor::ping(id, ttl, hops)
                },
                _ => Descriptor {
                    kind: n,
                    payload: vec![n; usize::from(n)],
                    ..Descriptor::ping(id, ttl, hops)
                },
            }
            .bytes()
        });
    prop_oneof![
        6 => lines.prop_map(|text| text.as_bytes().to_vec()),
        3 => descriptor,
        1 => prop::collection::vec(any::<u8>(), 0..60),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    let reason = prop::sample::select(vec![CloseReason::Remote, CloseReason::Reset, CloseReason::Refused]);
    prop_oneof![
        3 => (2..8u8).prop_map(Deed::Dial),
        2 => Just(Deed::Answer),
        8 => (any::<usize>(), words()).prop_map(|(who, words)| Deed::Say(who, words)),
        1 => (any::<usize>(), reason).prop_map(|(who, reason)| Deed::HangUp(who, reason)),
        1 => (1..30_000u64).prop_map(Deed::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn strangers_cost_only_themselves(deeds in prop::collection::vec(deed(), 1..60), caching: bool) {
        let mut raw = Raw::with(|knobs| {
            (knobs.degree, knobs.degree_max, knobs.pong_caching) = (3, 4, caching);
            (knobs.callers_max, knobs.dials_old) = (5, true);
        });
        let good = raw.neighbour(1);
        let mut conns: Vec<ConnId> = Vec::new();
        for deed in deeds {
            let at = |who: usize| conns.get(who % conns.len().max(1)).copied();
            match deed {
                Deed::Dial(host) => conns.push(raw.dial(host)),
                Deed::Answer => {
                    if let Some(dial) = raw.lone.next_dial() {
                        conns.push(raw.lone.answer(dial));
                    }
                }
                Deed::Say(who, words) => {
                    if let Some(conn) = at(who) {
                        raw.lone.feed(conn, &words);
                    }
                }
                Deed::HangUp(who, reason) => {
                    if let Some(conn) = at(who) {
                        raw.lone.hang_up(conn, reason);
                    }
                }
                Deed::Wait(milliseconds) => {
                    // The good neighbour never falls silent.
                    raw.lone.advance(Duration::from_millis(milliseconds));
                    raw.send(good, &Descriptor::pong(guid(255), 0, 0, 1));
                }
            }
            prop_assert!(raw.degree() <= 4, "{} neighbours", raw.degree());
            prop_assert!(!raw.lone.closed(good));
        }
        raw.lone.advance(Duration::from_secs(1));
        raw.heard(good);
        raw.send(good, &Descriptor::ping(254, 1, 0));
        let heard = raw.heard(good);
        prop_assert!(heard.iter().any(|d| d.kind == PONG && d.guid == guid(254)), "{heard:?}");
        for conn in conns {
            raw.lone.hang_up(conn, CloseReason::Reset);
        }
        prop_assert_eq!(raw.degree(), 1);
    }
}
