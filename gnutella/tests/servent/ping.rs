//! Pings and pongs: what is answered, what goes where, what it costs.

use std::time::Duration;

use crate::kit::overlay::Overlay;
use crate::kit::raw::{BYE, Descriptor, OURS, PING, PONG, Raw, guid};

/// Longer than pings of one link have to be apart.
const LATER: Duration = Duration::from_millis(1001);

fn pongs(heard: &[Descriptor]) -> Vec<String> {
    heard.iter().filter(|d| d.kind == PONG).map(|d| d.address().to_string()).collect()
}

/// A servent with two neighbours, of which the first has sent the pong of 10.0.2.9 and its own.
fn with_cache() -> (Raw, common::peer::ConnId, common::peer::ConnId) {
    let mut raw = Raw::with(|_| ());
    let conn = raw.dial(1);
    raw.lone.say(conn, "GNUTELLA CONNECT/0.6\r\nListen-IP: 10.0.1.1:6346\r\nPong-Caching: 0.1\r\n\r\n");
    raw.lone.feed(conn, b"GNUTELLA/0.6 200 OK\r\n\r\n");
    let ping = raw.heard(conn).remove(0);
    raw.send(conn, &Descriptor::pong(ping.guid, 6, 1, 9));
    let mut own = Descriptor::pong(ping.guid, 1, 0, 1);
    own.payload[4] = 1;
    raw.send(conn, &own);
    let other = raw.neighbour(2);
    (raw, conn, other)
}

#[test]
fn a_ping_is_answered_out_of_the_cache_of_the_other_links() {
    let (mut raw, first, second) = with_cache();
    raw.send(second, &Descriptor::ping(1, 7, 0));
    let heard = raw.heard(second);
    assert_eq!(pongs(&heard), [OURS, "10.0.1.1:6346", "10.0.2.9:6346"]);
    let path: Vec<(u8, u8)> = heard.iter().map(|d| (d.ttl, d.hops)).collect();
    assert_eq!(path, [(1, 0), (6, 1), (5, 2)]);
    assert!(heard.iter().all(|d| d.guid == guid(1)));
    // Not out of the asker's own, and nothing was passed on.
    raw.send(first, &Descriptor::ping(2, 7, 0));
    assert_eq!(pongs(&raw.heard(first)), [OURS]);
}

#[test]
fn a_pong_that_could_not_get_there_is_not_sent() {
    let (mut raw, _, second) = with_cache();
    raw.send(second, &Descriptor::ping(1, 1, 6));
    assert_eq!(
        pongs(&raw.heard(second)),
        [OURS, "10.0.1.1:6346"],
        "TTL 6 reaches six hops back, TTL 5 does not"
    );
}

#[test]
fn keep_alive_and_crawler_get_what_they_ask_for() {
    let (mut raw, _, second) = with_cache();
    raw.neighbour(3);
    for hops in [0, 1] {
        raw.lone.advance(LATER);
        raw.send(second, &Descriptor::ping(1, 1, hops));
        let heard: Vec<Descriptor> = raw.heard(second).into_iter().filter(|d| d.kind == PONG).collect();
        assert_eq!(pongs(&heard), [OURS]);
        assert_eq!((heard[0].ttl, heard[0].hops), (hops + 1, 0));
    }
    raw.lone.advance(LATER);
    raw.send(second, &Descriptor::ping(2, 2, 0));
    assert_eq!(pongs(&raw.heard(second)), [OURS, "10.0.1.1:6346", "10.0.1.3:6346"]);
}

#[test]
fn a_full_servent_is_silent_but_to_a_keep_alive() {
    for caching in [true, false] {
        let mut raw = Raw::with(|k| (k.degree, k.degree_max, k.pong_caching) = (1, 1, caching));
        let conn = raw.neighbour(1);
        raw.send(conn, &Descriptor::ping(1, 7, 0));
        assert_eq!(raw.heard(conn), []);
        raw.lone.advance(LATER);
        raw.send(conn, &Descriptor::ping(2, 1, 0));
        assert_eq!(pongs(&raw.heard(conn)), [OURS]);
    }
}

#[test]
fn one_ping_a_second_is_honoured_and_a_flood_ends_the_link() {
    let mut raw = Raw::with(|_| ());
    let conn = raw.neighbour(1);
    for _ in 0..50 {
        raw.send(conn, &Descriptor::ping(1, 1, 0));
    }
    assert_eq!(pongs(&raw.heard(conn)).len(), 1);
    raw.lone.advance(LATER);
    raw.send(conn, &Descriptor::ping(2, 1, 0));
    assert_eq!(pongs(&raw.heard(conn)).len(), 1);
    assert!(!raw.lone.closed(conn));
    for _ in 0..62 {
        raw.send(conn, &Descriptor::ping(3, 1, 0));
    }
    let bye = raw.heard(conn).pop().expect("a bye");
    assert_eq!((bye.kind, &bye.payload[..2]), (BYE, &400u16.to_le_bytes()[..]));
    assert!(raw.lone.closed(conn));
}

#[test]
fn pongs_that_nobody_asked_for_are_not_kept_and_end_the_link_at_last() {
    let mut raw = Raw::with(|_| ());
    let (conn, other) = (raw.neighbour(1), raw.neighbour(2));
    for _ in 0..1_000 {
        raw.send(conn, &Descriptor::pong(guid(7), 1, 0, 9));
    }
    assert!(!raw.lone.closed(conn));
    raw.send(other, &Descriptor::ping(1, 7, 0));
    assert_eq!(pongs(&raw.heard(other)), [OURS]);
    assert!(raw.lone.next_dial().is_none(), "nor is their address dialled");
    raw.send(conn, &Descriptor::pong(guid(7), 1, 0, 9));
    assert!(raw.lone.closed(conn) && !raw.lone.closed(other));
}

#[test]
fn naively_a_ping_goes_everywhere_else_and_its_pongs_come_back_to_it_alone() {
    let mut raw = Raw::with(|k| k.pong_caching = false);
    let (a, b, c) = (raw.neighbour(1), raw.neighbour(2), raw.neighbour(3));
    raw.send(a, &Descriptor::ping(1, 7, 2));
    let heard = raw.heard(a);
    assert_eq!((pongs(&heard), heard[0].ttl, heard[0].hops), (vec![OURS.to_owned()], 3, 0));
    for conn in [b, c] {
        assert_eq!(raw.heard(conn), [Descriptor::ping(1, 6, 3)]);
    }
    // Again, by another way and the same way: dropped.
    raw.send(b, &Descriptor::ping(1, 7, 1));
    raw.send(a, &Descriptor::ping(1, 7, 1));
    assert!([a, b, c].into_iter().all(|conn| raw.heard(conn).is_empty()));
    // The pong goes back along the path, once.
    raw.send(c, &Descriptor::pong(guid(1), 4, 1, 9));
    assert_eq!(raw.heard(a), [Descriptor::pong(guid(1), 3, 2, 9)]);
    assert_eq!(raw.heard(b), []);
    raw.send(c, &Descriptor::pong(guid(1), 1, 1, 9));
    raw.send(c, &Descriptor::pong(guid(8), 7, 1, 9));
    assert!([a, b, c].into_iter().all(|conn| raw.heard(conn).is_empty()), "at its end, and of no ping");
}

#[test]
fn naively_ttl_and_hops_are_kept_in_bounds() {
    let mut raw = Raw::with(|k| k.pong_caching = false);
    let (a, b) = (raw.neighbour(1), raw.neighbour(2));
    let passed = |raw: &mut Raw, id: u8, ttl: u8, hops: u8| {
        raw.send(a, &Descriptor::ping(id, ttl, hops));
        raw.heard(b).first().map(|d| (d.ttl, d.hops))
    };
    assert_eq!(passed(&mut raw, 1, 1, 0), None);
    assert_eq!(passed(&mut raw, 2, 0, 0), None);
    assert_eq!(passed(&mut raw, 3, 2, 0), Some((1, 1)));
    assert_eq!(passed(&mut raw, 4, 12, 0), Some((9, 1)), "trimmed to 10 in all");
    assert_eq!(passed(&mut raw, 5, 3, 12), None, "beyond them already");
    for id in 6..11 {
        assert_eq!(passed(&mut raw, id, 255, 255), None);
    }
    assert!(!raw.lone.closed(a));
    passed(&mut raw, 11, 16, 0);
    assert!(raw.lone.closed(a), "six of eleven");
}

#[test]
fn who_repeats_its_own_messages_is_cut_off() {
    for cuts in [true, false] {
        let mut raw = Raw::with(|k| (k.pong_caching, k.cuts_misbehaving) = (false, cuts));
        let conn = raw.neighbour(1);
        for _ in 0..7 {
            assert!(!raw.lone.closed(conn));
            raw.send(conn, &Descriptor::ping(1, 7, 0));
        }
        assert_eq!(raw.lone.closed(conn), cuts);
        if cuts {
            let bye = raw.heard(conn).pop().expect("a bye");
            assert_eq!((bye.kind, &bye.payload[..2]), (BYE, &401u16.to_le_bytes()[..]));
        }
    }
}

#[test]
fn who_says_nothing_for_six_turns_is_cut_off_and_who_says_anything_is_not() {
    let mut raw = Raw::with(|_| ());
    let (silent, alive) = (raw.neighbour(1), raw.neighbour(2));
    for turn in 0..5 {
        raw.lone.advance(Duration::from_secs(20));
        raw.send(alive, &Descriptor::ping(turn, 1, 0));
    }
    assert!(!raw.lone.closed(silent));
    let ttls: Vec<u8> = raw.heard(silent).iter().map(|ping| ping.ttl).collect();
    assert_eq!(ttls, [1; 5], "silent since the first turn: what every servent answers");
    for _ in 0..20 {
        raw.lone.advance(Duration::from_secs(1));
        if raw.lone.closed(silent) {
            break;
        }
    }
    assert!(raw.lone.closed(silent) && !raw.lone.closed(alive));
    let bye = raw.heard(silent).pop().expect("a bye");
    assert_eq!((bye.kind, &bye.payload[..2]), (BYE, &406u16.to_le_bytes()[..]));
}

/// Pings and pongs sent when a sixth servent comes to five who are all linked, and is the only one to ping.
fn cost(pong_caching: bool, pings_at_once: usize) -> (u64, u64) {
    let mut overlay = Overlay::with(9, |knobs| (knobs.ping_every, knobs.pong_caching) = (None, pong_caching));
    let edges: Vec<(usize, usize)> = (0..5).flat_map(|a| (0..a).map(move |b| (a, b))).collect();
    overlay.graph(5, &edges);
    let knobs = std::sync::Arc::make_mut(&mut overlay.config.knobs);
    (knobs.keeps_degree, knobs.degree, knobs.pings_at_once) = (true, 1, pings_at_once);
    knobs.ping_every = Some(Duration::from_secs(3600));
    overlay.add(&[overlay.servents[0]]);
    overlay.swarm.run_s(5);
    (overlay.swarm.sent("ping"), overlay.swarm.sent("pong"))
}

#[test]
fn a_ping_costs_the_whole_horizon_naively_and_one_link_with_a_cache() {
    // N = 6, E = 11, messages of a flood 2E - N + 1. One pong from the servent next to it, over one link, and four over two.
    assert_eq!(cost(false, 1), (2 * 11 - 6 + 1, 1 + 4 * 2));
    // Nobody has pinged before, so the cache is empty.
    assert_eq!(cost(true, 1), (1, 1));
}

#[test]
fn a_storm_of_pings_stops_at_the_first_servent_that_keeps_pongs() {
    assert_eq!(cost(false, 10), (10 * 17, 10 * 9));
    assert_eq!(cost(true, 10), (10, 1));
}

/// Pings and pongs of a minute, three turns, in a line of three servents that have been linked for a while.
fn minute(pong_caching: bool) -> (u64, u64) {
    let mut overlay = Overlay::with(3, |knobs| knobs.pong_caching = pong_caching);
    overlay.graph(3, &[(0, 1), (1, 2)]);
    overlay.swarm.run_s(120);
    let so_far = (overlay.swarm.sent("ping"), overlay.swarm.sent("pong"));
    overlay.swarm.run_s(60);
    (overlay.swarm.sent("ping") - so_far.0, overlay.swarm.sent("pong") - so_far.1)
}

#[test]
fn what_a_minute_costs_is_known_to_the_message() {
    // Each turn: the ends' pings cross two links and bring two pongs over three, the middle's cross one each.
    assert_eq!(minute(false), (3 * (2 + 2 + 2), 3 * (3 + 3 + 2)));
    // Each turn: a ping over each link from each side; the middle answers with itself and the other end.
    assert_eq!(minute(true), (3 * 4, 3 * (2 + 2 + 1 + 1)));
}

#[test]
fn neighbours_that_keep_no_pongs_are_spared_two_of_three_floods() {
    let mut raw = Raw::with(|_| ());
    let (old, new) = (raw.neighbour_with(1, ""), raw.neighbour(2));
    let mut ttls = (Vec::new(), Vec::new());
    for turn in 0..60 {
        raw.lone.advance(Duration::from_secs(3));
        for (conn, ttls) in [(old, &mut ttls.0), (new, &mut ttls.1)] {
            ttls.extend(raw.heard(conn).iter().filter(|d| d.kind == PING).map(|d| d.ttl));
            raw.send(conn, &Descriptor::ping(turn, 1, 0));
        }
    }
    assert_eq!(ttls.0, [1, 1, 7, 1, 1, 7, 1, 1, 7]);
    assert_eq!(ttls.1, [7; 9]);
}

#[test]
fn extensions_go_only_to_those_who_pass_them() {
    let mut raw = Raw::with(|k| k.pong_caching = false);
    let (a, plain, modern) = (raw.neighbour(1), raw.neighbour_with(2, ""), raw.neighbour(3));
    let block = [0xc3, 0x83, b'S', b'C', b'P', 0x41, 0x01];
    raw.send(a, &Descriptor { payload: block.to_vec(), ..Descriptor::ping(1, 7, 0) });
    assert_eq!(raw.heard(plain)[0].payload, []);
    assert_eq!(raw.heard(modern)[0].payload, block);
    raw.heard(a);
    raw.send(plain, &Descriptor::ping(2, 7, 0));
    let mut pong = Descriptor::pong(guid(2), 2, 0, 9);
    pong.payload.extend(block);
    raw.heard(plain);
    raw.send(modern, &pong);
    assert_eq!(raw.heard(plain), [Descriptor::pong(guid(2), 1, 1, 9)]);
    assert_eq!(raw.heard(a).len(), 1, "the ping, and no pong");
}
