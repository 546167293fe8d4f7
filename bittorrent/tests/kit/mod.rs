//! What the tests of swarms share: a torrent of synthetic content, and peers that know it.

use std::net::SocketAddrV4;
use std::sync::Arc;

use bittorrent::config::{Config, Knobs};
use bittorrent::metainfo::{Draft, FileEntry, Metainfo};
use bittorrent::node::Node;
use common::digest::{Algorithm, Digest};
use common::net::NodeId;
use common::peer::FileId;
use common::store::{Ranges, Storage, Synthetic};
use common::testing::Swarm;
use common::user::{Command, Fetch, FetchId, FileInfo, Hit, Note, SharedFile};

/// The content's number.
pub const CONTENT: u64 = 7;
/// The download of every leecher.
pub const FETCH: FetchId = FetchId(1);

/// A torrent of one synthetic file.
pub fn torrent(length: u64, piece_length: u32, trackers: &[&str]) -> Arc<Metainfo> {
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

/// What the torrent's content is called in commands.
pub fn info(torrent: &Metainfo) -> FileInfo {
    FileInfo { name: torrent.info.title().into(), size: torrent.info.length, ..FileInfo::default() }
}

/// A peer that knows the torrent, and these others.
pub fn peer(torrent: &Arc<Metainfo>, peers: &[SocketAddrV4], knobs: &Knobs) -> Node {
    Node::peer(Config {
        torrents: Arc::new([Arc::clone(torrent)]),
        peers: peers.to_vec(),
        knobs: Arc::new(knobs.clone()),
        ..Config::default()
    })
}

/// The command of a seed.
pub fn share(torrent: &Metainfo) -> Command {
    Command::Share(Arc::new([SharedFile { file: FileId(0), info: Arc::new(info(torrent)) }]))
}

/// The command of a leecher.
pub fn fetch(torrent: &Metainfo) -> Command {
    let candidates = vec![Arc::new(Hit { info: info(torrent), ..Hit::default() })];
    Command::Fetch(Box::new(Fetch { fetch: FETCH, candidates, into: FileId(0), have: Ranges::default() }))
}

/// Waits until a leecher has all.
pub fn wait_for_all(swarm: &mut Swarm<Node>, leechers: &[NodeId]) {
    for leecher in leechers {
        let note =
            swarm.wait_for(*leecher, |note| matches!(note, Note::Fetched(FETCH) | Note::Failed(FETCH, _)));
        assert!(matches!(note, Note::Fetched(_)), "{note:?}");
    }
}
