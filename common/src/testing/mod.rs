//! Kits for protocol tests, for the overlays' tests and for a student's.
//!
//! | kit | for |
//! |---|---|
//! | [`Lone`] | one peer, alone, with connections whose bytes the test writes and reads: wire fixtures, hostile input |
//! | [`Swarm`] | many peers on a simulated network: whole protocols in ten lines |
//! | [`live`] | nodes on loopback sockets, one with real files or many at addresses of their own |
//! | [`fake`] | a peer that speaks raw bytes over a real socket |
//! | [`post`] | the same for datagrams |
//! | [`sealed`] | the fake peer on a sealed connection |
//! | [`tap`] | somebody on the line, who hears every byte |
//! | [`files`] | files to share, and hits that tell of them |
//! | [`gated`] | a shared file that is sent no further than the test wants |
//! | [`bare_flood`] | a flood as a bare loop, beside which simulations are measured |
//! | [`process`] | a program as a user starts it, and a bench as what it measures |

pub mod bare_flood;
mod downloads;
pub mod fake;
pub mod files;
pub mod gated;
pub mod live;
mod lone;
pub mod post;
pub mod process;
pub mod sealed;
mod swarm;
pub mod tap;

pub use lone::Lone;
pub use swarm::Swarm;
