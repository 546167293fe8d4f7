//! Peers, trackers and sites, without sockets and in virtual time.
//!
//! One program for all of them: each program would compile the drivers once more.

#[path = "../corpus/mod.rs"]
mod corpus;
#[path = "../kit/mod.rs"]
mod kit;
#[path = "../web_kit/mod.rs"]
mod web_kit;

mod announce;
mod bencode;
mod extended;
mod https;
mod log;
mod metainfo;
mod peer_hostile;
mod policies;
mod site;
mod swarm;
mod tracker;
mod tracker_hostile;
mod udp;
mod udp_peer;
mod udp_tracker;
mod wire;
