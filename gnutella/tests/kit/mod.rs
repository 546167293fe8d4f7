//! What the tests of this crate share.
//!
//! | part | is |
//! |---|---|
//! | [`overlay`] | servents and web caches on the simulator, that join, search, fetch and crash |
//! | [`graph`] | servents on the simulator whose links are given, and what searches on them cost |
//! | [`raw`] | one servent alone, spoken to in bytes |
//! | [`live`] | a servent on a loopback socket, for [`common::testing::live`] |
//! | [`files`] | files to share, and hits that tell of them |
#![allow(dead_code, reason = "each test program uses a part of the kit")]

pub mod files;
pub mod graph;
pub mod live;
pub mod overlay;
pub mod raw;

use std::sync::Arc;

use gnutella::servent::{Knobs, ServentConfig};

/// Knobs of a servent that neither pings nor looks for neighbours.
pub fn quiet_knobs() -> Knobs {
    Knobs { keeps_degree: false, ping_every: None, ..Knobs::default() }
}

/// A servent that neither pings nor looks for neighbours.
pub fn quiet() -> ServentConfig {
    with(|_| {})
}

/// The same with other knobs.
pub fn with(change: impl FnOnce(&mut Knobs)) -> ServentConfig {
    let mut knobs = quiet_knobs();
    change(&mut knobs);
    ServentConfig { knobs: Arc::new(knobs), ..ServentConfig::default() }
}
