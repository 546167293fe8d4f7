//! Kits for protocol tests, for the overlays' tests and for a student's.
//!
//! | kit | for |
//! |---|---|
//! | [`Lone`] | one peer, alone, with connections whose bytes the test writes and reads: wire fixtures, hostile input |
//! | [`Swarm`] | many peers on a simulated network: whole protocols in ten lines |
//! | [`fake`] | a peer that speaks raw bytes over a real socket |
//! | [`post`] | the same for datagrams |
//! | [`sealed`] | the fake peer on a sealed connection |
//! | [`process`] | a program as a user starts it |

pub mod fake;
mod lone;
pub mod post;
pub mod process;
pub mod sealed;
mod swarm;

pub use lone::Lone;
pub use swarm::Swarm;
