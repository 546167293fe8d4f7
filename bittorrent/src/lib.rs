//! BitTorrent: a swarm trades the pieces of a file.
//!
//! Since 2001 (Bram Cohen). There is one swarm for each content and no search: who wants a content finds its *metainfo*, the
//! `.torrent`, on some web site, asks the *tracker* named in it for some forty others who want or have the same, and trades
//! *pieces* with them. Each piece has its SHA-1 in the metainfo, so that no wrong byte counts. Who uploads is preferred by those
//! who download from him: that is what makes the swarm grow with its demand.
//!
//! # The map
//!
//! | module | what it is |
//! |---|---|
//! | [`bencode`] | the notation of all that is not the peer wire |
//! | [`metainfo`] | what a `.torrent` says; [`magnet`] is a link to one |
//! | [`wire`] | the messages between peers, and HTTP or datagrams towards tracker and site |
//! | [`bitfield`] | a set of pieces |
//! | [`peer`] | leecher and seed: links, blocks, pieces, the tracker's other end |
//! | [`picker`] | which piece is asked for next: a policy to play with |
//! | [`choker`] | who is served: another one |
//! | [`tracker`] | who is in which swarm |
//! | [`log`] | what is written down of a swarm: the tracker's log, and a peer's |
//! | [`site`] | a web site that lists, finds and serves torrents |
//! | [`url`] | URLs of trackers and sites |
//! | [`config`] | what a peer is configured with, and the knobs |
//! | [`node`] | the enum of roles that a driver runs |
//!
//! # Example
//!
//! A tracker, a seed and a leecher on a simulated network. The two peers meet by the tracker.
//!
//! ```
//! use std::sync::Arc;
//!
//! use bittorrent::config::Config;
//! use bittorrent::metainfo::{Draft, FileEntry, Metainfo};
//! use bittorrent::node::Node;
//! use bittorrent::tracker::TrackerConfig;
//! use common::peer::FileId;
//! use common::store::Ranges;
//! use common::testing::Swarm;
//! use common::user::{Command, Fetch, FetchId, FileInfo, Hit, Note, SharedFile};
//!
//! let mut swarm = Swarm::seeded(1);
//! let tracker = swarm.add(Node::tracker(TrackerConfig::default()));
//! let torrent = Metainfo::new(Draft {
//!     name: "song.ogg".into(),
//!     piece_length: 262_144,
//!     // In simulation nothing is hashed.
//!     pieces: vec![[0; 20]; 4],
//!     files: vec![FileEntry { path: [].into(), length: 1_000_000 }],
//!     trackers: vec![vec![format!("http://{}/announce", swarm.address(tracker)).into()]],
//!     ..Draft::default()
//! }).unwrap();
//! let config = Config { torrents: [Arc::new(torrent)].into(), ..Config::default() };
//! let (seed, leecher) = (swarm.add(Node::peer(config.clone())), swarm.add(Node::peer(config)));
//!
//! let info = FileInfo { name: "song.ogg".into(), size: 1_000_000, ..FileInfo::default() };
//! let file = SharedFile { file: FileId(0), info: Arc::new(info.clone()) };
//! swarm.command(seed, Command::Share([file].into()));
//! let (fetch, candidates) = (FetchId(1), vec![Arc::new(Hit { info, ..Hit::default() })]);
//! let fetch = Fetch { fetch, candidates, into: FileId(0), have: Ranges::default() };
//! swarm.run_for(std::time::Duration::from_secs(1));
//! swarm.command(leecher, Command::Fetch(Box::new(fetch)));
//! swarm.wait_for(leecher, |note| matches!(note, Note::Fetched(_)));
//! assert_eq!(swarm.sent("piece"), 62, "blocks of 16 KiB, each once");
//! ```

pub mod bencode;
pub mod bitfield;
pub mod choker;
pub mod config;
pub mod log;
pub mod magnet;
pub mod metainfo;
pub mod node;
pub mod peer;
pub mod picker;
pub mod policies;
pub mod site;
pub mod tracker;
mod udp_client;
pub mod url;
mod web;
pub mod wire;
