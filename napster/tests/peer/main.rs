//! Server and peers, without sockets and in virtual time.
//!
//! One program for all of them: each program would compile the drivers once more.

#[path = "../kit/mod.rs"]
mod kit;

mod corrupt;
mod hostile;
mod login;
mod people;
mod search;
mod transfer;
mod wire;
