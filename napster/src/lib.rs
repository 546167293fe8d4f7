//! Napster.

pub mod node;
pub mod peer;
pub mod redirector;
pub mod selection;
pub mod server;
pub mod wire;
