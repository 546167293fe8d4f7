//! Gnutella: no server at all; searches flood the overlay.

pub mod guid;
pub mod host_cache;
pub mod hosts;
pub mod library;
pub mod node;
pub mod routing;
pub mod servent;
pub mod strategy;
pub mod wire;
