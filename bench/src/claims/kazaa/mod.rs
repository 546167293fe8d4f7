//! Claims about KaZaA, tried with its own nodes. That its traffic was encrypted and looked like the web's (K11) is no experiment.
//!
//! | file | what about |
//! |---|---|
//! | [`network`] | supernodes and their children: what the others are tried on |
//! | `hybrid.rs` | between Napster and Gnutella: K1 |
//! | `election.rs` | who becomes a supernode: K2 |
//! | `degree.rs` | how many others a supernode is linked with: K3 |
//! | `index.rs` | what it keeps for its children: K4 |
//! | `cluster_size.rs` | how many children it should have: K5, R19 |
//! | `services.rs` | joining without the services: K6 |
//! | `widening.rs` | where a search goes on: K7, K8 |
//! | `probes.rs` | whom a newcomer joins: K9 |
//! | `failover.rs` | what happens when a supernode goes: K10 |

mod cluster_size;
mod degree;
mod election;
mod failover;
mod hybrid;
mod index;
pub mod network;
mod probes;
mod services;
pub(super) mod widening;

use super::Claim;

/// The lecture's section on FastTrack, and what papers found.
pub(super) const CLAIMS: &[Claim] = &[
    hybrid::CROSS,
    election::ELECTED,
    degree::MESH,
    index::INDEX,
    cluster_size::SIZE,
    services::REMOVED,
    widening::LOCAL,
    widening::ORIGINAL,
    probes::PROBES,
    failover::ORPHANS,
    cluster_size::SUPER_PEERS,
];
