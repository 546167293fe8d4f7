//! Napster: a central index, and files that go from peer to peer.
//!
//! From 1999 to 2001 Napster let some tens of millions of people search each other's music. Its servers knew who was there and
//! what each shared; they never held a file. A search is one question and its answers; a download is brokered by the
//! server and then runs between two peers. That makes search quick and complete, and the server the one thing whose
//! loss ends everything. The protocol spoken here is OpenNap's, its open reconstruction, so that programs of that
//! time can join.
//!
//! # The map
//!
//! | module | what it is |
//! |---|---|
//! | [`wire`] | frames of server sessions, words of data connections, the codec of both |
//! | [`server`] | the index: login, shares, searches, browsing, brokering, hot lists |
//! | [`peer`] | a user's program: joins, shares, searches, downloads, uploads |
//! | [`selection`] | which of several holders is asked first: the policy to play with |
//! | [`redirector`] | tells callers where a server is |
//! | [`node`] | the enum of these roles that a driver runs |
//!
//! # Where it departs from opennap-ng
//!
//! - Attributes are stored as they come; opennap-ng rounds bit rates and sample rates up to a table.
//! - A name without a separator is indexed; opennap-ng forgets it.
//! - Very common words are not dropped from searches; a search is bounded by its work instead.
//! - A refusal of the owner (609) is passed on to who asked; opennap-ng only logs it.
//! - There is a flood limit by default, and no limit on searches a minute.
//!
//! # Example
//!
//! A server and two peers on a simulated network; one finds and fetches what the other shares.
//!
//! ```
//! use std::sync::Arc;
//!
//! use common::peer::FileId;
//! use common::store::Ranges;
//! use common::testing::Swarm;
//! use common::user::{Command, Fetch, FetchId, FileInfo, Note, Query, SearchId, SharedFile};
//! use napster::node::Node;
//! use napster::peer::PeerConfig;
//! use napster::server::ServerConfig;
//!
//! let mut swarm = Swarm::seeded(1);
//! let server = swarm.add(Node::server(ServerConfig::default()));
//! let config = |nick: &str| PeerConfig { server: swarm.address_of(0), nick: nick.into(), ..PeerConfig::default() };
//! let (alice, bob) = (config("alice"), config("bob"));
//! let (alice, bob) = (swarm.add(Node::peer(alice)), swarm.add(Node::peer(bob)));
//! for peer in [alice, bob] {
//!     swarm.wait_for(peer, |note| matches!(note, Note::Online));
//! }
//!
//! let info = Arc::new(FileInfo { name: "Artist/Song.mp3".into(), size: 4_000_000, ..FileInfo::default() });
//! swarm.command(alice, Command::Share(Arc::new([SharedFile { file: FileId(0), info }])));
//! swarm.run_for(std::time::Duration::from_secs(1));
//!
//! let search = SearchId(1);
//! swarm.command(bob, Command::Search(search, Arc::new(Query::words("artist song"))));
//! swarm.search_end(bob, search);
//! let candidates = swarm.found(bob, search);
//! assert_eq!(&*candidates[0].holder.nick, "alice");
//!
//! let fetch = Fetch { fetch: FetchId(1), candidates, into: FileId(0), have: Ranges::default() };
//! swarm.command(bob, Command::Fetch(Box::new(fetch)));
//! assert!(swarm.fetched(bob, FetchId(1)));
//! assert_eq!(swarm.sim.load(server).body_received, 0, "content never passes the server");
//! ```

pub mod node;
pub mod peer;
pub mod redirector;
pub mod selection;
pub mod server;
pub mod wire;
