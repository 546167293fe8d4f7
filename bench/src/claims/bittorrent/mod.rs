//! Claims about BitTorrent, tried with its own peers and tracker.
//!
//! | file | what about |
//! |---|---|
//! | [`swarm`] | a swarm around a tracker and an origin, and who comes to it: what the others are tried on |
//! | `flash.rs` | how many come at once: B1, R1 |
//! | `metainfo.rs` | the torrent and its hashes: B2, B3 |
//! | `peer_set.rs` | whom a peer knows: B4, B6, B7, R4 |
//! | `tracker.rs` | what a tracker has to do: B5 |
//! | `pieces.rs` | how long pieces are, and who hears of them: B8, B9, R6 |
//! | `state.rs` | what each side says of the other: B10 |
//! | `picking.rs` | which piece is asked for: B11, B12, B13, R3 |
//! | `slots.rs` | how many are served, and for how long: B14, B16, B17, R5 |
//! | `choking.rs`, `classes.rs` | who is served: B15, C6, R7, R21 |
//! | `origin.rs` | what the origin does: R2, R10 |
//! | `last.rs` | those who lack little: R9 |
//! | `fluid.rs` | swarms that go on for ever: R22, R23 |
//! | `redhat.rs` | the crowd of RedHat 9, at a fraction: C1 to C5, R8, S4 |
//! | `unfinished.rs` | why most never had all of it: S3 |
//! | `popular.rs` | what the lecture sums up: S1, S2 |
//!
//! The simulator moves bytes over lines that are shared ideally: there is no slow start, no loss, and no cost of a connection. Where a
//! claim rests on these, its set-up says so.

mod choking;
mod classes;
mod flash;
mod fluid;
mod last;
mod metainfo;
mod origin;
mod peer_set;
mod picking;
mod pieces;
mod popular;
mod redhat;
mod slots;
mod state;
pub mod swarm;
mod tracker;
mod unfinished;

use super::{Claim, Size};

/// Trials of a claim whose trials are many swarms each.
const FEW: fn(Size) -> u64 = |size| size.pick(4, 5, 8);

/// People of a flash crowd; the paper's are 1,000.
fn people(size: Size) -> u32 {
    size.pick(50, 150, 1_000)
}

/// Pieces of 256 KiB of its content; the paper's are 400.
fn pieces(size: Size) -> u32 {
    size.pick(64, 128, 400)
}

/// The paper's flash crowd with all of its pieces, which are as long as the size allows: where it counts how many there are to trade.
fn whole(size: Size) -> swarm::Plan {
    swarm::Plan { piece_bytes: piece_bytes(size), ..swarm::Plan::flash(400) }
}

/// Bytes of a piece if there are four hundred of them; the paper's are 256 KiB.
fn piece_bytes(size: Size) -> u32 {
    size.pick(32, 64, 256) * 1_024
}

/// What an origin is called that shows its pieces one by one, or does not.
fn origin_name(smart: bool) -> &'static str {
    if smart { "smart" } else { "plain" }
}

/// The lecture's section on BitTorrent, and what papers found.
pub(super) const CLAIMS: &[Claim] = &[
    flash::COPIES,
    metainfo::SIZE,
    metainfo::HASHES,
    peer_set::HANDOUT,
    tracker::LIGHT,
    peer_set::GENERATIONS,
    peer_set::CONTACTED,
    pieces::LENGTH,
    pieces::TOLD,
    state::STATES,
    picking::RANDOM,
    picking::RAREST,
    picking::NEWCOMERS,
    slots::PARALLEL,
    choking::WHOM,
    slots::ROUNDS,
    slots::OPTIMISTIC,
    redhat::STALLED,
    redhat::RECEIVED,
    redhat::SEEDS,
    redhat::CONCENTRATED,
    redhat::CALLERS,
    choking::TOLERANT,
    popular::POPULAR,
    popular::STAYS,
    unfinished::PATIENCE,
    redhat::CROWDS,
    flash::UPLINKS,
    origin::LINE,
    picking::POLICY,
    peer_set::DEGREE,
    slots::UPLOADS,
    pieces::NUMBER,
    choking::FAIRNESS,
    redhat::RUN,
    last::LAST,
    origin::LEAVES,
    classes::CLUSTERS,
    fluid::STEADY,
    fluid::MISSING,
];
