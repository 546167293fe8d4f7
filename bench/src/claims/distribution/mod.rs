//! Claims of the lecture's motivation: what becomes of a server when many want the same, and what of a swarm.
//!
//! | file | what about |
//! |---|---|
//! | [`lone`] | a server alone and those who come to it: what swarms are held against |
//! | `overload.rs` | more come than the server's line can carry: M1 |
//! | `skew.rs` | some contents are wanted far more than others, and who gains from that: M2 |
//! | `scaling.rs` | how long a crowd takes, by how many come: M3 |
//! | `robust.rs` | many vanish, many more come: M4 |
//! | `cost.rs` | the line that the origin needs: M5 |
//! | `streaming.rs` | playing while it comes: M6 |
//!
//! Server and swarm have the same content, people, times and lines. Both are judged by the same bounds, and both move bodies over lines
//! that are shared ideally: a server's processor, memory and system, which are also overrun, are not simulated.

mod cost;
pub mod lone;
mod overload;
mod robust;
mod scaling;
mod skew;
mod streaming;

use super::bittorrent::swarm::{Class, DSL, PIECE, Plan};
use super::{Claim, Size};
use crate::mirror::ServerConfig;
use lone::Offer;

/// Trials of a claim whose trials are many swarms each.
const FEW: fn(Size) -> u64 = |size| size.pick(4, 5, 8);

/// Seconds that so many bytes take on a line of so many kilobits per second.
fn seconds(bytes: u64, kbps: u32) -> f64 {
    bytes as f64 * 8.0 / (f64::from(kbps) * 1e3)
}

/// A content's time: what one peer of a homogeneous swarm takes to send all of it.
fn content_s(pieces: u32) -> f64 {
    let Class { up_kbps, .. } = DSL;
    seconds(u64::from(pieces) * u64::from(PIECE), up_kbps)
}

/// A plan's content, offered by a server alone on the origin's line, as Apache came set up.
fn alone(plan: &Plan) -> Offer {
    Offer { bytes: plan.bytes(), up_kbps: plan.origin_kbps, config: ServerConfig::default() }
}

/// The lecture's motivation.
pub(super) const CLAIMS: &[Claim] =
    &[overload::OVERLOAD, skew::SKEW, scaling::SCALING, robust::ROBUST, cost::COST, streaming::STREAMING];
