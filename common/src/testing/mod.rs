//! Kits for protocol tests, for the overlays' tests and for a student's.
//!
//! | kit | for |
//! |---|---|
//! | [`Lone`] | one peer, alone, with connections whose bytes the test writes and reads: wire fixtures, hostile input |

mod lone;

pub use lone::Lone;
