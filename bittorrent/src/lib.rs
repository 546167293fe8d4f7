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
//! | [`wire`] | the messages between peers, and HTTP towards tracker and site |
//! | [`bitfield`] | a set of pieces |
//! | [`config`] | what a peer is configured with, and the knobs |
//! | [`node`] | the enum of roles that a driver runs |

pub mod bencode;
pub mod bitfield;
pub mod choker;
pub mod config;
pub mod magnet;
pub mod metainfo;
pub mod node;
pub mod peer;
pub mod picker;
pub mod site;
pub mod tracker;
pub mod wire;
