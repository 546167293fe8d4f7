//! Kits for tests: a peer that speaks raw bytes.

pub mod fake;
