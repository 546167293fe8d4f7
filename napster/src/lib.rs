//! Napster.

pub mod wire;
