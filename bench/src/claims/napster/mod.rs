//! Claims about Napster, tried with its own server and users.
//!
//! | file | what about |
//! |---|---|
//! | [`network`] | a server and its users: what the others are tried on |
//! | `index.rs` | what passes the server, and what a search costs: N1, N2 |
//! | `churn.rs` | what the index still says of those who have gone: N3 |
//! | `choice.rs` | which answer is taken: N4 |
//! | `plug.rs` | what is left without the server: N5 |
//! | `sharing.rs` | how many share: N6 |

mod choice;
mod churn;
mod index;
pub mod network;
mod plug;
mod sharing;

use super::Claim;

/// The lecture's section on Napster.
pub(super) const CLAIMS: &[Claim] =
    &[index::NO_FILES, index::QUICK, churn::UPDATED, choice::PING, plug::ONE_SERVER, sharing::AUTOMATIC];
