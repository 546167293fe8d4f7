//! The TCP driver.
//!
//! One program for all of them: each program would compile the drivers once more.

#[path = "../tcp_kit/mod.rs"]
mod tcp_kit;

mod contract;
mod datagram;
mod hostile;
mod life;
mod line;
mod seal;
mod seal_hostile;
mod tls;
