//! KaZaA: two kinds of node. Ordinary ones tell a supernode what they share, and supernodes ask each other.
//!
//! From 2001 on FastTrack, of which KaZaA was the best known client, stood between Napster and Gnutella. A few of the nodes, those
//! with bandwidth that stay for long, become *supernodes* by themselves. Each of them is a small Napster for some hundred *ordinary
//! nodes*, its children: it indexes what they share and answers what they ask, and it never sees a file. A supernode that knows too
//! little asks others. So a popular search costs three messages, a rare one some dozens, and nobody's death ends the network:
//! the children of a dead supernode choose another one from their list. Two services stand beside it, for logging in and for finding the
//! first supernode; whoever is in does without them.
//!
//! # The map
//!
//! | module | what it is |
//! |---|---|
//! | [`wire`] | the FastTrack session with its ciphers, HTTP for files, and what our own nodes say under seal |
//! | [`ordinary`] | somebody's node: finding a parent, sharing, searching, transfers, the rise to supernode |
//! | [`supernode`] | what it does beside, once elected: children, index, links, widening, pushes |
//! | [`services`] | user authentication and the supernode list |
//! | [`ticket`] | what the services give to who has logged in, and supernodes check without asking them |
//! | [`selection`] | which of several supernodes a node joins: a policy to play with |
//! | [`widening`] | how a query goes on that has found too little: another one |
//! | [`election`] | who becomes a supernode, and when: a third |
//! | [`book`] | supernodes known by their address; [`nodes`] keeps them in a file |
//! | [`config`] | what a node is configured with: its own, and the knobs |
//! | [`node`] | the enum of roles that a driver runs |
//!
//! # What is history's and what is ours
//!
//! The session between a child and its supernode is FastTrack's to the last bit, as it was made known by those who read it off the
//! wire: their clients can be our supernodes' children, and our nodes theirs. Its ciphers hide what is said and protect nothing, since
//! both seeds travel in the clear. What supernodes said to each other and to the services was never made public; here that is
//! our own, over HTTP and sealed by a modern scheme ([`common::seal`]). Files travel in HTTP with KaZaA's headers, sealed between
//! nodes of ours and plain to all others.
//!
//! FastTrack's hash of a file covers its first 300 kB and a few samples; whatever lies between can be anything. Nodes of ours
//! tell each other a hash of all of it beside, and check that before a file counts as complete.
//!
//! # Example
//!
//! Two supernodes, each with a child, on a simulated network: one child finds what the other one shares.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use common::peer::FileId;
//! use common::testing::Swarm;
//! use common::user::{Command, FileInfo, Note, Query, SearchId, SharedFile};
//! use kazaa::config::{Config, Role};
//! use kazaa::node::Node;
//!
//! let mut swarm = Swarm::seeded(1);
//! let mut join = |known: &[_], role| {
//!     let supernodes = known.iter().map(|node| swarm.address(*node)).collect();
//!     let node = swarm.add(Node::ordinary(Config { supernodes, force: Some(role), ..Config::default() }));
//!     swarm.wait_for(node, |note| matches!(note, Note::Online));
//!     node
//! };
//! let first = join(&[], Role::Supernode);
//! let holder = join(&[first], Role::Ordinary);
//! let second = join(&[first], Role::Supernode);
//! let asker = join(&[second], Role::Ordinary);
//!
//! let info = Arc::new(FileInfo { name: "Artist/Song.ogg".into(), size: 4_000_000, ..FileInfo::default() });
//! swarm.command(holder, Command::Share(Arc::new([SharedFile { file: FileId(0), info }])));
//! swarm.run_for(Duration::from_secs(1));
//! let search = SearchId(1);
//! swarm.command(asker, Command::Search(search, Arc::new(Query::words("artist song"))));
//! swarm.search_end(asker, search);
//! let hits = swarm.found(asker, search);
//! assert_eq!(hits[0].holder.address, Some(swarm.address(holder)));
//! assert_eq!(swarm.sent("query"), 1, "to its own supernode, which asks the other one where it must");
//! ```

pub mod book;
pub mod config;
pub mod election;
pub mod node;
pub mod nodes;
pub mod ordinary;
pub mod selection;
pub mod services;
pub mod supernode;
pub mod ticket;
pub mod widening;
pub mod wire;
