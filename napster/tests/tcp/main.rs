//! Over loopback sockets and real files.
//!
//! One program for all of them: each program would compile the drivers once more.

#[path = "../kit/mod.rs"]
mod kit;

mod crowd;
mod transfers;
