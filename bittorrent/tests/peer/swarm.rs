//! Swarms of peers who know each other's addresses, in simulation.

use std::sync::Arc;
use std::time::Duration;

use crate::kit::{FETCH, fetch, peer, share};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bittorrent::config::{Config, Knobs};
use bittorrent::metainfo::{Draft, FileEntry, Metainfo};
use bittorrent::node::Node;
use bittorrent::tracker::TrackerConfig;
use common::digest::{Algorithm, Digest};
use common::net::{Line, NodeId};
use common::store::{Storage as _, Synthetic};
use common::testing::Swarm;
use common::user::{Command, Note, Query, SearchEnd, SearchId};

/// The content's number.
const CONTENT: u64 = 7;

const KIB: u64 = 1024;

/// A torrent of one synthetic file.
fn torrent(length: u64, piece_length: u32, trackers: &[&str]) -> Arc<Metainfo> {
    let file = Synthetic::new(CONTENT, length);
    let starts = (0..length).step_by(piece_length as usize);
    let pieces = starts.map(|start| {
        let len = u64::from(piece_length).min(length - start);
        match file.digest(start, len, Algorithm::Sha1) {
            Ok(Digest::Sha1(digest)) => digest,
            other => panic!("{other:?}"),
        }
    });
    let draft = Draft {
        name: "content.bin".into(),
        piece_length,
        pieces: pieces.collect(),
        files: vec![FileEntry { path: Box::default(), length }],
        trackers: trackers.iter().map(|url| vec![(*url).into()]).collect(),
        ..Draft::default()
    };
    Arc::new(Metainfo::new(draft).unwrap())
}

/// Waits until a leecher has all.
fn wait_for_all(swarm: &mut Swarm<Node>, leechers: &[NodeId]) {
    for leecher in leechers {
        let note =
            swarm.wait_for(*leecher, |note| matches!(note, Note::Fetched(FETCH) | Note::Failed(FETCH, _)));
        assert!(matches!(note, Note::Fetched(_)), "{note:?}");
    }
}

#[test]
fn one_seed_and_one_leecher() {
    let mut swarm = Swarm::seeded(1);
    let torrent = torrent(1000 * KIB + 5, 256 * 1024, &[]);
    let seed = swarm.add(peer(&torrent, &[], &Knobs::default()));
    let leecher = swarm.add(peer(&torrent, &[swarm.address(seed)], &Knobs::default()));
    swarm.command(seed, share(&torrent));
    swarm.command(leecher, fetch(&torrent));
    wait_for_all(&mut swarm, &[leecher]);
    // 62 whole blocks and one of 8,197 bytes, each asked for once.
    assert_eq!((swarm.sent("request"), swarm.sent("piece")), (63, 63));
    assert_eq!((swarm.sent("handshake"), swarm.sent("have all"), swarm.sent("have none")), (2, 1, 1));
}

#[test]
fn a_swarm_trades_and_the_seed_sends_little() {
    let mut swarm = Swarm::seeded(3);
    let torrent = torrent(64 * 256 * KIB, 256 * 1024, &[]);
    let line = Line { up_bps: Some(8_000_000), down_bps: Some(40_000_000), ..Line::default() };
    let seed = swarm.add_behind(peer(&torrent, &[], &Knobs::default()), line);
    swarm.command(seed, share(&torrent));
    let mut leechers: Vec<NodeId> = Vec::new();
    for at in 0..12 {
        let known: Vec<_> = (0..at + 1).map(|other| swarm.address_of(other)).collect();
        let leecher = swarm.add_behind(peer(&torrent, &known, &Knobs::default()), line);
        swarm.command(leecher, fetch(&torrent));
        leechers.push(leecher);
    }
    wait_for_all(&mut swarm, &leechers);
    let sent = swarm.sim.load(seed).body_sent;
    let copies = sent as f64 / torrent.info.length as f64;
    assert!(copies < 4.0, "the seed sent {copies} copies to 12 leechers");
}

/// A seed that shows one piece at a time, and a torrent of so many pieces.
fn super_seed(swarm: &mut Swarm<Node>, pieces: u64, up_bps: u64) -> (NodeId, Arc<Metainfo>) {
    let torrent = torrent(pieces * 256 * KIB, 256 * 1024, &[]);
    let line = Line { up_bps: Some(up_bps), ..Line::default() };
    let seed = swarm.add_behind(peer(&torrent, &[], &Knobs { super_seed: true, ..Knobs::default() }), line);
    swarm.command(seed, share(&torrent));
    (seed, torrent)
}

#[test]
fn a_super_seed_gives_all_to_one_who_is_alone() {
    for fast in [true, false] {
        let mut swarm = Swarm::seeded(5);
        let (seed, torrent) = super_seed(&mut swarm, 20, 8_000_000);
        let knobs = Knobs { fast, ..Knobs::default() };
        let leecher = swarm.add(peer(&torrent, &[swarm.address(seed)], &knobs));
        swarm.command(leecher, fetch(&torrent));
        wait_for_all(&mut swarm, &[leecher]);
    }
}

#[test]
fn a_super_seed_goes_on_when_others_have_left() {
    let mut swarm = Swarm::seeded(6);
    let (seed, torrent) = super_seed(&mut swarm, 20, 8_000_000);
    let line = Line { up_bps: Some(400_000), down_bps: Some(1_500_000), ..Line::default() };
    let leechers: Vec<NodeId> = (0..4)
        .map(|_| swarm.add_behind(peer(&torrent, &[swarm.address(seed)], &Knobs::default()), line))
        .collect();
    for leecher in &leechers {
        swarm.command(*leecher, fetch(&torrent));
    }
    // They know of each other by peer exchange alone; all but one go before anybody can have all.
    swarm.run_for(Duration::from_secs(15));
    for leecher in &leechers[1..] {
        swarm.command(*leecher, Command::Leave);
    }
    wait_for_all(&mut swarm, &leechers[..1]);
}

#[test]
fn a_super_seed_may_leave_after_little_more_than_one_copy() {
    for seed in 0..4 {
        let mut swarm = Swarm::seeded(seed);
        let (origin, torrent) = super_seed(&mut swarm, 40, 400_000);
        let line = Line { up_bps: Some(400_000), down_bps: Some(1_500_000), ..Line::default() };
        let mut leechers: Vec<NodeId> = Vec::new();
        for at in 0..30 {
            let known: Vec<_> = (0..=at).map(|other| swarm.address_of(other)).collect();
            let leecher = swarm.add_behind(peer(&torrent, &known, &Knobs::default()), line);
            swarm.command(leecher, fetch(&torrent));
            leechers.push(leecher);
        }
        // Two pieces more: what it is in the midst of when the last one begins.
        while swarm.sim.load(origin).body_sent < 42 * 256 * KIB {
            swarm.run_for(Duration::from_millis(100));
        }
        swarm.command(origin, Command::Leave);
        wait_for_all(&mut swarm, &leechers);
    }
}

#[test]
fn a_seed_that_cannot_be_dialled_asks_the_tracker_who_wants_something() {
    let mut swarm = Swarm::seeded(7);
    let tracker = swarm.add(Node::tracker(TrackerConfig::default()));
    let url = format!("http://{}/announce", swarm.address(tracker));
    let torrent = torrent(20 * 256 * KIB, 256 * 1024, &[&url]);
    let leecher = swarm.add(peer(&torrent, &[], &Knobs::default()));
    swarm.command(leecher, fetch(&torrent));
    swarm.run_for(Duration::from_secs(10));
    // Nobody was there whom the tracker could have named.
    let seed = swarm.add_firewalled(peer(&torrent, &[], &Knobs::default()));
    swarm.command(seed, share(&torrent));
    swarm.run_for(Duration::from_secs(30));
    assert!(swarm.notes(leecher).any(|note| matches!(note, Note::Fetched(FETCH))));
}

#[test]
fn who_has_lost_its_peers_asks_the_tracker_before_the_half_hour_is_over() {
    let mut swarm = Swarm::seeded(8);
    let tracker = swarm.add(Node::tracker(TrackerConfig::default()));
    let url = format!("http://{}/announce", swarm.address(tracker));
    let torrent = torrent(20 * 256 * KIB, 256 * 1024, &[&url]);
    let knobs = Knobs { peers_min: 1, ..Knobs::default() };
    let seed = swarm.add_firewalled(peer(&torrent, &[], &knobs));
    swarm.command(seed, share(&torrent));
    swarm.run_for(Duration::from_secs(10));
    let first = swarm.add(peer(&torrent, &[], &knobs));
    swarm.command(first, fetch(&torrent));
    // The seed hears of it after five minutes; then it has whom it needs, and is to report in half an hour.
    wait_for_all(&mut swarm, &[first]);
    swarm.command(first, Command::Leave);
    let second = swarm.add(peer(&torrent, &[], &knobs));
    swarm.command(second, fetch(&torrent));
    swarm.run_for(Duration::from_secs(400));
    assert!(swarm.notes(second).any(|note| matches!(note, Note::Fetched(FETCH))));
}

#[test]
fn a_super_seed_sends_hardly_more_than_one_copy() {
    let copies_and_shown = |super_seed: bool| {
        let mut swarm = Swarm::seeded(5);
        let torrent = torrent(32 * 256 * KIB, 256 * 1024, &[]);
        let line = Line { up_bps: Some(8_000_000), down_bps: Some(40_000_000), ..Line::default() };
        let seed = swarm.add_behind(peer(&torrent, &[], &Knobs { super_seed, ..Knobs::default() }), line);
        swarm.command(seed, share(&torrent));
        let mut leechers: Vec<NodeId> = Vec::new();
        for at in 0..10 {
            let known: Vec<_> = (0..at + 1).map(|other| swarm.address_of(other)).collect();
            let leecher = swarm.add_behind(peer(&torrent, &known, &Knobs::default()), line);
            swarm.command(leecher, fetch(&torrent));
            leechers.push(leecher);
        }
        wait_for_all(&mut swarm, &leechers);
        let copies = swarm.sim.load(seed).body_sent as f64 / torrent.info.length as f64;
        (copies, swarm.sent("have all"))
    };
    let ((plain, shows_all), (sparing, shows_none)) = (copies_and_shown(false), copies_and_shown(true));
    assert!(sparing < 1.4 && sparing < 0.8 * plain, "{sparing} copies, {plain} without");
    // Ten leechers meet the seed; two that have become seeds part before they say so.
    assert!(shows_all >= 10 && shows_none == 0, "{shows_all}, {shows_none}");
}

#[test]
fn with_no_tracker_peers_hear_of_each_other_by_exchange() {
    let links = |exchange: bool| {
        let mut swarm = Swarm::seeded(9);
        let torrent = torrent(16 * 256 * KIB, 256 * 1024, &["http://10.99.99.99:6969/announce"]);
        let knobs = Knobs { exchange, ..Knobs::default() };
        // Slow, so that there is something left to talk about.
        let line = Line { up_bps: Some(100_000), down_bps: Some(1_000_000), ..Line::default() };
        let seed = swarm.add_behind(peer(&torrent, &[], &knobs), line);
        swarm.command(seed, share(&torrent));
        // Each knows the one before it only.
        let mut leechers = Vec::new();
        for at in 0..6 {
            let known = [swarm.address_of(at)];
            let leecher = swarm.add_behind(peer(&torrent, &known, &knobs), line);
            swarm.command(leecher, fetch(&torrent));
            leechers.push(leecher);
        }
        swarm.run_for(Duration::from_secs(200));
        let Node::Peer(last) = swarm.peer(leechers[5]) else { unreachable!("it was made a peer") };
        last.links(torrent.info_hash)
    };
    assert_eq!(links(false), 1, "the last one knows the one before it");
    assert!(links(true) >= 5, "{} links", links(true));
}

#[test]
fn a_magnet_link_is_all_that_a_newcomer_needs() {
    let mut swarm = Swarm::seeded(11);
    // 1,200 hashes are more than one piece of metadata.
    let torrent = torrent(1_200 * 16 * KIB, 16 * 1024, &[]);
    let seed = swarm.add(peer(&torrent, &[], &Knobs::default()));
    swarm.command(seed, share(&torrent));
    let newcomer = swarm.add(Node::peer(Config::default()));
    let link = format!("magnet:?xt=urn:btih:{}&x.pe={}", torrent.info_hash, swarm.address(seed));
    swarm.command(newcomer, Command::Search(SearchId(1), Arc::new(Query::words(&link))));
    let found = swarm.wait_for(newcomer, |note| matches!(note, Note::Keep(_)));
    let Note::Keep(text) = found else { unreachable!("waited for") };
    let found = Metainfo::parse(&BASE64_STANDARD.decode(&*text).unwrap()).unwrap();
    assert_eq!((found.info_hash, &found.info), (torrent.info_hash, &torrent.info));
    swarm.wait_for(newcomer, |note| matches!(note, Note::SearchEnded(SearchId(1), SearchEnd::Complete)));
    assert!(swarm.sent("extended") >= 6, "two handshakes, two requests, two pieces");
}
