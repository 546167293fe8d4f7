//! Claims about Gnutella, tried with its own servents wherever messages count.
//!
//! | file | what about |
//! |---|---|
//! | [`network`] | servents on a fixed graph: what the others are tried on |
//! | `flooding.rs` | how far floods reach and what they cost: G1, G2, G3, R14 |
//! | `answers.rs` | how answers come back, who is seen: G4 |
//! | `resilience.rs` | what is left when peers go: G5, R15 |
//! | `pings.rs` | what it costs to stay in touch: G6 |
//! | `content.rs` | searches among those who share and those who do not: G7, G8, G9 |
//! | `sharing.rs` | who shares and who answers: G10, R13 |
//! | `odd.rs` | clients that do not keep the rules: G11 |
//! | `walks.rs`, `blind.rs` | other ways to look blindly: R16, R17 |
//! | `capacity.rs` | searches that go where the strength is: R18 |

mod answers;
mod blind;
mod capacity;
mod content;
mod flooding;
pub mod network;
mod odd;
mod pings;
mod resilience;
mod sharing;
mod walks;

use super::Claim;
pub(super) use flooding::connected;

/// The lecture's section on Gnutella, and what papers found.
pub(super) const CLAIMS: &[Claim] = &[
    flooding::REACH,
    flooding::SCALING,
    flooding::DUPLICATES,
    answers::HITS,
    resilience::PLUG,
    pings::OVERHEAD,
    content::RIDERS,
    content::TOP,
    content::REMOVED,
    sharing::HYPOTHESES,
    odd::CLIENTS,
    sharing::FREE_RIDING,
    flooding::CRAWL,
    resilience::CRAWL,
    walks::WALKERS,
    blind::REPLICATION,
    capacity::GIA,
];
