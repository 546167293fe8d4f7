//! The tracker asked in datagrams: the same swarms, and nothing for whoever cannot show that he is where he says.

use std::collections::BTreeSet;
use std::net::SocketAddrV4;
use std::time::Duration;

use crate::web_kit::{Web, again, hash, id, report};
use bittorrent::log::tracker::Report;
use bittorrent::wire::udp::{Ask, PEERS_TOLD_MAX, Reply, SCRAPE_MAX};
use bittorrent::wire::{Announce, AnnounceEvent, ScrapeEntry};
use common::user::{Command, Note};
use proptest::prelude::*;

const TRANSACTION: u32 = 0x5566_7788;

fn at(host: &str) -> SocketAddrV4 {
    SocketAddrV4::new(host.parse().unwrap(), 2_000)
}

/// Everything that the tracker sends, and to whom.
fn sent(web: &mut Web) -> Vec<(SocketAddrV4, Vec<u8>)> {
    std::iter::from_fn(|| web.lone.next_datagram()).collect()
}

/// What somebody is answered: one datagram, to him, or none.
fn ask(web: &mut Web, from: SocketAddrV4, ask: &Ask) -> Option<Reply> {
    assert!(web.lone.datagram(from, &ask.encode()), "it is a question");
    let mut sent = sent(web);
    assert!(sent.len() <= 1, "{sent:?}");
    let (to, bytes) = sent.pop()?;
    assert_eq!(to, from);
    let reply = Reply::decode(&bytes).unwrap();
    assert_eq!(reply.encode(), bytes);
    Some(reply)
}

fn connect(web: &mut Web, from: SocketAddrV4) -> u64 {
    match ask(web, from, &Ask::Connect { transaction: TRANSACTION }) {
        Some(Reply::Connect { transaction: TRANSACTION, connection }) => connection,
        other => panic!("{other:?}"),
    }
}

fn announce_by(web: &mut Web, from: SocketAddrV4, connection: u64, announce: &Announce) -> Option<Reply> {
    let announce = Box::new(announce.clone());
    ask(web, from, &Ask::Announce { connection, transaction: TRANSACTION, announce })
}

/// What a peer is answered that has just got its id: leechers, seeds, and how many peers are told.
fn announce(web: &mut Web, host: &str, announce: &Announce) -> (u32, u32, Vec<SocketAddrV4>) {
    let connection = connect(web, at(host));
    match announce_by(web, at(host), connection, announce) {
        Some(Reply::Announce { transaction: TRANSACTION, interval_s: 1_800, leechers, seeders, peers }) => {
            (leechers, seeders, peers)
        }
        other => panic!("{other:?}"),
    }
}

fn refusal(web: &mut Web, host: &str, announce: &Announce) -> String {
    let connection = connect(web, at(host));
    match announce_by(web, at(host), connection, announce) {
        Some(Reply::Error { transaction: TRANSACTION, text }) => text.into(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_ways_lead_to_the_same_swarms_and_the_same_log() {
    let mut web = Web::tracker(|knobs| knobs.log = true);
    web.announce("10.0.0.1", &report(1, 1_000)).unwrap();
    let told = announce(&mut web, "10.0.0.2", &report(2, 0));
    assert_eq!(told, (1, 1, vec!["10.0.0.1:6881".parse().unwrap()]));
    assert_eq!(web.told("10.0.0.3", &report(3, 5)), ["10.0.0.1:6881", "10.0.0.2:6881"]);
    let done = Announce { left: 0, ..again(&report(1, 1_000), AnnounceEvent::Completed) };
    announce(&mut web, "10.0.0.1", &done);
    assert_eq!(web.scrape(hash(1)), Some((2, 1, 1)));
    let connection = connect(&mut web, at("10.9.9.9"));
    let scrape = Ask::Scrape { connection, transaction: TRANSACTION, info_hashes: vec![hash(9), hash(1)] };
    let Some(Reply::Scrape { entries, .. }) = ask(&mut web, at("10.9.9.9"), &scrape) else {
        panic!("no figures")
    };
    let known = ScrapeEntry { complete: 2, downloaded: 1, incomplete: 1 };
    assert_eq!(entries, [ScrapeEntry::default(), known], "in the order of the question");
    let told = announce(&mut web, "10.0.0.2", &again(&report(2, 0), AnnounceEvent::Stopped));
    assert_eq!(told, (1, 1, vec![]));
    let line = |note: &Note| match note {
        Note::Keep(line) => {
            line.parse::<Report>().ok().map(|report| (report.event, report.address.to_string()))
        }
        _ => None,
    };
    let log: Vec<_> = web.lone.notes.iter().filter_map(line).collect();
    let expected = [
        (AnnounceEvent::Started, "10.0.0.1:6881"),
        (AnnounceEvent::Started, "10.0.0.2:6881"),
        (AnnounceEvent::Started, "10.0.0.3:6881"),
        (AnnounceEvent::Completed, "10.0.0.1:6881"),
        (AnnounceEvent::Stopped, "10.0.0.2:6881"),
    ];
    assert_eq!(log, expected.map(|(event, address)| (event, address.to_owned())));
    web.advance_s(3_600);
    assert_eq!(web.the_tracker().peers(), 0, "who is silent is forgotten");
}

#[test]
fn as_many_are_told_as_are_wanted_and_fit() {
    let mut web = Web::tracker(|knobs| {
        knobs.handout_max = 10_000;
        knobs.address_peers_max = 10_000;
    });
    for number in 0..300 {
        let leecher = Announce { numwant: Some(0), port: 1_000 + number as u16, ..report(number, 1) };
        web.announce("10.0.0.1", &leecher).unwrap();
    }
    for (wanted, told) in [(None, 40), (Some(0), 0), (Some(7), 7), (Some(10_000), PEERS_TOLD_MAX)] {
        let announced = Announce { numwant: wanted, ..report(9_999, 1) };
        let (leechers, seeders, peers) = announce(&mut web, "10.0.0.2", &announced);
        assert_eq!((leechers, seeders, peers.len()), (301, 0, told));
        assert_eq!(peers.iter().collect::<BTreeSet<_>>().len(), told, "none of them twice");
    }
    let connection = connect(&mut web, at("10.0.0.2"));
    let greedy = Announce { numwant: Some(u32::MAX / 2), ..report(9_999, 1) };
    let asked = Ask::Announce { connection, transaction: 1, announce: Box::new(greedy) };
    web.lone.datagram(at("10.0.0.2"), &asked.encode());
    assert_eq!(sent(&mut web)[0].1.len(), 1_472, "what one frame of Ethernet has room for");
    let scrape = Ask::Scrape { connection, transaction: 1, info_hashes: vec![hash(1); SCRAPE_MAX] };
    web.lone.datagram(at("10.0.0.2"), &scrape.encode());
    assert_eq!(sent(&mut web)[0].1.len(), 8 + 12 * SCRAPE_MAX);
}

#[test]
fn refusals_have_their_reasons() {
    let mut web = Web::tracker(|knobs| knobs.swarm_peers_max = 1);
    assert_eq!(
        refusal(&mut web, "10.0.0.1", &Announce { port: 0, ..report(1, 1) }),
        "nobody can listen there"
    );
    announce(&mut web, "10.0.0.1", &report(1, 1));
    assert_eq!(refusal(&mut web, "10.0.0.2", &report(2, 1)), "this swarm is full");
    assert_eq!(web.the_tracker().refused(), 1);
    let mut closed = Web::tracker_with(Some(BTreeSet::from([hash(2)])), |_| {});
    let text = refusal(&mut closed, "10.0.0.1", &report(1, 1));
    assert!(text.contains("not authorized"), "{text}");
    announce(&mut closed, "10.0.0.1", &Announce { info_hash: hash(2), ..report(1, 1) });
}

#[test]
fn an_address_of_his_own_is_believed_of_a_neighbour_only() {
    let mut web = Web::tracker(|_| {});
    let elsewhere = |number| Announce { ip: Some("192.0.2.1".parse().unwrap()), ..report(number, 1) };
    announce(&mut web, "203.0.113.7", &elsewhere(1));
    announce(&mut web, "127.0.0.1", &elsewhere(2));
    let (_, _, mut told) = announce(&mut web, "10.0.0.1", &report(3, 1));
    told.sort();
    assert_eq!(told, ["192.0.2.1:6881", "203.0.113.7:6881"].map(|address| address.parse().unwrap()));
}

#[test]
fn what_shows_no_id_of_its_senders_is_neither_answered_nor_remembered() {
    let mut web = Web::tracker(|knobs| knobs.log = true);
    let (here, victim) = (at("10.0.0.1"), at("10.0.0.2"));
    let connection = connect(&mut web, here);
    let other_port = SocketAddrV4::new(*here.ip(), 2_001);
    let forged = [
        (here, 4 << 32),
        (here, 0x0417_2710_1980),
        (here, connection ^ 1),
        (here, connection.swap_bytes() | 1 << 63),
        (here, u64::MAX),
        (victim, connection),
        (other_port, connection),
    ];
    for (number, (from, id)) in forged.into_iter().enumerate() {
        assert_eq!(announce_by(&mut web, from, id, &report(7, 1)), None, "{from} {id:x}");
        let scrape = Ask::Scrape { connection: id, transaction: 1, info_hashes: vec![hash(1)] };
        assert_eq!(ask(&mut web, from, &scrape), None, "{from} {id:x}");
        assert_eq!(web.the_tracker().unproven(), 2 * (number as u64 + 1));
    }
    // One that begins like an answer is taken for an answer, and those are passed over.
    assert_eq!(announce_by(&mut web, here, 0, &report(7, 1)), None);
    // One that is right can be used again and again, for two minutes.
    for _ in 0..2 {
        web.advance_s(60);
        assert!(announce_by(&mut web, here, connection, &report(1, 1)).is_some());
    }
    web.advance_s(1);
    assert_eq!(announce_by(&mut web, here, connection, &report(1, 1)), None, "two minutes are over");
    assert_eq!((web.the_tracker().peers(), web.the_tracker().swarms()), (1, 1));
    let kept = web.lone.notes.iter().filter(|note| matches!(note, Note::Keep(_))).count();
    assert_eq!(kept, 2, "what is not answered is not in the log");
}

#[test]
fn an_id_is_another_ones_for_each_address_and_each_run() {
    let mut web = Web::tracker(|_| {});
    let ids: BTreeSet<u64> =
        (0..1_000).map(|port| connect(&mut web, SocketAddrV4::new([10, 0, 0, 1].into(), port))).collect();
    assert_eq!(ids.len(), 1_000);
    let mut later = Web::tracker(|_| {});
    later.advance_s(1);
    assert!(!ids.contains(&connect(&mut later, at("10.0.0.1"))));
}

#[test]
fn a_flood_of_connects_from_anywhere_costs_no_memory_and_returns_no_more_than_it_brings() {
    let mut web = Web::tracker(|_| {});
    for number in 0..100_000u32 {
        let from = SocketAddrV4::new(number.wrapping_mul(0x9e37_79b1).into(), number as u16);
        let question = Ask::Connect { transaction: number }.encode();
        web.lone.datagram(from, &question);
        let answers = sent(&mut web);
        assert_eq!((answers.len(), answers[0].0, answers[0].1.len()), (1, from, question.len()));
    }
    web.lone.advance(Duration::from_secs(10));
    assert_eq!((web.the_tracker().peers(), web.the_tracker().unproven()), (0, 0));
    announce(&mut web, "10.0.0.1", &report(1, 1));
}

#[test]
fn a_question_that_is_cut_is_none_and_one_that_goes_on_is_understood() {
    let mut web = Web::tracker(|_| {});
    let connection = connect(&mut web, at("10.0.0.1"));
    let asked = Ask::Announce { connection, transaction: 1, announce: Box::new(report(1, 1)) }.encode();
    for len in 0..asked.len() {
        assert!(!web.lone.datagram(at("10.0.0.1"), &asked[..len]), "{len}");
    }
    assert_eq!((sent(&mut web), web.the_tracker().peers()), (vec![], 0));
    // The options of BEP 41 follow, as libtorrent sends them.
    let with_options = [&asked[..], b"\x02\x09/announce"].concat();
    assert!(web.lone.datagram(at("10.0.0.1"), &with_options));
    assert_eq!((sent(&mut web).len(), web.the_tracker().peers()), (1, 1));
    // Answers of trackers are no questions.
    let answer = Reply::Connect { transaction: 1, connection }.encode();
    assert!(web.lone.datagram(at("10.0.0.1"), &answer));
    assert_eq!(sent(&mut web), vec![]);
}

proptest! {
    #[test]
    fn a_stranger_never_gets_more_than_he_has_sent(
        mut packet in prop::collection::vec(any::<u8>(), 0..300),
        (start, action) in (0..3u8, 0..5u32),
        from in any::<(u32, u16)>(),
    ) {
        let mut web = Web::tracker(|_| {});
        // Half of them look like something.
        match start {
            0 => {}
            1 => packet.splice(..0, 0x0417_2710_1980u64.to_be_bytes()).for_each(drop),
            _ => packet.splice(..0, (1u64 << 63 | u64::from(from.0)).to_be_bytes()).for_each(drop),
        }
        if let Some(bytes) = packet.get_mut(8..12) {
            bytes.copy_from_slice(&action.to_be_bytes());
        }
        let from = SocketAddrV4::new(from.0.into(), from.1);
        web.lone.datagram(from, &packet);
        let answers = sent(&mut web);
        let len: usize = answers.iter().map(|(_, bytes)| bytes.len()).sum();
        prop_assert!(answers.is_empty() || len == 16 && packet.len() >= 16 && answers[0].0 == from);
        prop_assert_eq!(web.the_tracker().peers(), 0);
    }

    #[test]
    fn whatever_a_proven_sender_says_is_answered_with_one_frame_at_most(
        tail in prop::collection::vec(any::<u8>(), 0..1_500), action in 1..3u32,
    ) {
        let mut web = Web::tracker(|_| {});
        let connection = connect(&mut web, at("10.0.0.1"));
        let packet = [&connection.to_be_bytes()[..], &action.to_be_bytes(), &tail].concat();
        web.lone.datagram(at("10.0.0.1"), &packet);
        let answers = sent(&mut web);
        prop_assert!(answers.len() <= 1 && answers.iter().all(|(_, bytes)| bytes.len() <= 1_472));
    }
}

#[test]
fn a_tracker_that_leaves_answers_nobody() {
    let mut web = Web::tracker(|_| {});
    let connection = connect(&mut web, at("10.0.0.1"));
    web.lone.command(Command::Leave);
    assert_eq!(announce_by(&mut web, at("10.0.0.1"), connection, &report(1, 1)), None);
}

#[test]
fn names_of_peers_do_not_matter_on_this_way() {
    let mut web = Web::tracker(|_| {});
    announce(&mut web, "10.0.0.1", &Announce { peer_id: id(1), ..report(1, 1) });
    // Another run of the program at the same place is the same peer.
    announce(&mut web, "10.0.0.1", &Announce { peer_id: id(2), ..report(1, 1) });
    assert_eq!(web.the_tracker().peers(), 1);
}
