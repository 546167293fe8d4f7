//! Swarms of peers who know each other's addresses, in simulation.

mod kit;

use std::sync::Arc;
use std::time::Duration;

use bittorrent::config::Knobs;
use bittorrent::metainfo::{Draft, FileEntry, Metainfo};
use bittorrent::node::Node;
use bittorrent::tracker::TrackerConfig;
use common::digest::{Algorithm, Digest};
use common::net::{Line, NodeId};
use common::store::{Storage as _, Synthetic};
use common::testing::Swarm;
use common::user::{Command, Note};
use kit::{FETCH, fetch, peer, share};

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
fn super_seed(swarm: &mut Swarm<Node>, pieces: u64) -> (NodeId, Arc<Metainfo>) {
    let torrent = torrent(pieces * 256 * KIB, 256 * 1024, &[]);
    let line = Line { up_bps: Some(8_000_000), ..Line::default() };
    let seed = swarm.add_behind(peer(&torrent, &[], &Knobs { super_seed: true, ..Knobs::default() }), line);
    swarm.command(seed, share(&torrent));
    (seed, torrent)
}

#[test]
fn a_super_seed_gives_all_to_one_who_is_alone() {
    for fast in [true, false] {
        let mut swarm = Swarm::seeded(5);
        let (seed, torrent) = super_seed(&mut swarm, 20);
        let knobs = Knobs { fast, ..Knobs::default() };
        let leecher = swarm.add(peer(&torrent, &[swarm.address(seed)], &knobs));
        swarm.command(leecher, fetch(&torrent));
        wait_for_all(&mut swarm, &[leecher]);
    }
}

#[test]
fn a_super_seed_goes_on_when_others_have_left() {
    let mut swarm = Swarm::seeded(6);
    let (seed, torrent) = super_seed(&mut swarm, 20);
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
