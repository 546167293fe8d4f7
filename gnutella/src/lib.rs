//! Gnutella: no server at all. Everybody asks their neighbours, who ask theirs.
//!
//! From March 2000 on Gnutella showed that a file-sharing network needs nobody who could be sued or switched off. A *servent*,
//! server and client in one, keeps links to a handful of neighbours. A query is flooded: passed on to all neighbours
//! but the one it came from, until its time to live is used up; answers find their way back because each servent
//! remembers by which link a query came. Files go straight from holder to asker. The price is that everybody
//! hears nearly everything, mostly several times; what came after it (pong caches, expanding rings, random walks) is
//! about that price. The protocol spoken here is 0.6, whose descriptors are those of 0.4.
//!
//! # The map
//!
//! | module | what it is |
//! |---|---|
//! | [`wire`] | handshakes, descriptors and their extensions, HTTP for files, the codec of all |
//! | [`servent`] | the one kind of node: neighbours, routing, searches, transfers |
//! | [`routing`] | which link a descriptor came by: duplicates, and the way back |
//! | [`strategy`] | flooding, expanding ring, random walks: the policy to play with |
//! | [`library`] | the shared files, and which of them a query means |
//! | [`hosts`] | addresses of servents that may accept a link |
//! | [`host_cache`] | a web server that tells newcomers some addresses |
//! | [`node`] | the enum of these roles that a driver runs |
//!
//! # Where it departs from what servents do
//!
//! - Ultrapeers and leaves are told apart only where a foreign servent says which it is: here all are equal, as in the
//!   network that was measured. Query routing tables are read over.
//! - Links are never compressed, and nothing goes over UDP.
//! - Random walks are ours: no servent but this one walks them. Others answer such a query and do not pass it on.
//!
//! # Example
//!
//! Three servents in a row on a simulated network: the third finds and fetches what the first shares.
//!
//! ```
//! use std::sync::Arc;
//!
//! use common::peer::FileId;
//! use common::testing::Swarm;
//! use common::user::{Command, Fetch, FetchId, FileInfo, Note, Query, SearchId, SharedFile};
//! use gnutella::node::Node;
//! use gnutella::servent::ServentConfig;
//!
//! let mut swarm = Swarm::seeded(1);
//! let first = swarm.add(Node::servent(ServentConfig::default()));
//! let linked_to = |address| ServentConfig { connect: [address].into(), ..ServentConfig::default() };
//! let second = linked_to(swarm.address(first));
//! let second = swarm.add(Node::servent(second));
//! swarm.wait_for(second, |note| matches!(note, Note::Online));
//! let third = linked_to(swarm.address(second));
//! let third = swarm.add(Node::servent(third));
//! swarm.wait_for(third, |note| matches!(note, Note::Online));
//!
//! let info = Arc::new(FileInfo { name: "Artist/Song.ogg".into(), size: 4_000_000, ..FileInfo::default() });
//! swarm.command(first, Command::Share(Arc::new([SharedFile { file: FileId(0), info }])));
//! let search = SearchId(1);
//! swarm.command(third, Command::Search(search, Arc::new(Query::words("artist song"))));
//! swarm.search_end(third, search);
//! let candidates = swarm.found(third, search);
//! assert_eq!(candidates[0].holder.address, Some(swarm.address(first)));
//!
//! let fetch = Fetch { fetch: FetchId(1), candidates, into: FileId(0), have: Default::default() };
//! swarm.command(third, Command::Fetch(Box::new(fetch)));
//! assert!(swarm.fetched(third, FetchId(1)));
//! assert_eq!(swarm.sim.load(second).body_sent, 0, "content goes straight from holder to asker");
//! ```

pub mod guid;
pub mod host_cache;
pub mod hosts;
pub mod library;
pub mod node;
pub mod routing;
pub mod servent;
pub mod strategy;
pub mod wire;
