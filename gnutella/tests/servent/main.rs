//! A servent and its neighbours, without sockets and in virtual time.
//!
//! One program for all of them: each program would compile the drivers once more.

#[path = "../kit/mod.rs"]
mod kit;

mod crowd;
mod download;
mod flood;
mod handshake;
mod host_cache;
mod hosts;
mod library;
mod links;
mod ping;
mod push;
mod reach;
mod resume;
mod route;
mod routing;
mod strategy;
mod transfer;
mod upkeep;
mod upload;
