//! Swarms of peers who know each other's addresses, in simulation.

mod kit;

use bittorrent::config::Knobs;
use common::net::{Line, NodeId};
use common::testing::Swarm;
use kit::{fetch, peer, share, torrent, wait_for_all};

const KIB: u64 = 1024;

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
