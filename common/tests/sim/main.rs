//! The simulator.
//!
//! One program for all of them: each program would compile the drivers once more.

#[path = "../toys/puppet.rs"]
mod puppet;
#[path = "../toys/mod.rs"]
mod toys;

mod conn;
mod datagram;
mod faults;
mod flood;
mod lines;
mod lone;
mod repeat;
mod seal;
mod tape;
