//! Swarms of peers who know each other's addresses, in simulation.

mod kit;

use std::sync::Arc;

use bittorrent::config::Knobs;
use bittorrent::metainfo::{Draft, FileEntry, Metainfo};
use bittorrent::node::Node;
use common::digest::{Algorithm, Digest};
use common::net::{Line, NodeId};
use common::store::{Storage as _, Synthetic};
use common::testing::Swarm;
use common::user::Note;
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
