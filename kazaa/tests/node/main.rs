//! Nodes and their supernodes, without sockets and in virtual time.
//!
//! One program for all of them: each program would compile the drivers once more.

#[path = "../kit/mod.rs"]
mod kit;
#[path = "../services_kit/mod.rs"]
mod services_kit;

mod accounts;
mod download;
mod election;
mod failover;
mod give;
mod join;
mod login;
mod push;
mod resume;
mod search;
mod services;
mod session;
mod source_exchange;
mod supernode;
mod ticket;
mod transfer;
mod upload;
