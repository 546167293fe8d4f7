//! What the tests of peers share: peers that know a torrent, and what they are told to do with it.

use std::net::SocketAddrV4;
use std::sync::Arc;

use bittorrent::config::{Config, Knobs};
use bittorrent::metainfo::Metainfo;
use bittorrent::node::Node;
use common::peer::FileId;
use common::store::Ranges;
use common::user::{Command, Fetch, FetchId, FileInfo, Hit, SharedFile};

/// The download of every leecher.
pub const FETCH: FetchId = FetchId(1);

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
