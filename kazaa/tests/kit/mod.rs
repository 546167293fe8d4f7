//! What the tests of this crate share.
//!
//! | part | is |
//! |---|---|
//! | [`overlay`] | supernodes and ordinary nodes on the simulator, that join, search, rise, step down and crash |
#![allow(dead_code, reason = "each test program uses a part of the kit")]

pub mod overlay;
