//! Whom a peer serves: every ten seconds some of those who are interested are *unchoked*, and all others are choked.
//!
//! A [`Choker`] says in which order the others deserve to be served. All places but one go by it; the last is the
//! *optimistic unchoke*'s ([`Optimist`]), which changes every thirty seconds and goes by chance, newcomers favoured: so somebody
//! who has nothing yet gets something to trade, and better partners are found than those one has.
//!
//! A policy of your own is one file beside these: a type with [`Choker`]. What it is called, in scenario files and on the command line, and
//! how it is made are two lines at [`LeechChoking`] or [`SeedChoking`].

mod fastest;
mod optimist;
mod proportional;
mod random;
mod reciprocation;
mod rotation;
mod tit_for_tat;

use std::time::Duration;

use common::peer::{ConnId, Time};
use rand_pcg::Pcg32;

pub use fastest::Fastest;
pub use optimist::Optimist;
pub use proportional::Proportional;
pub use random::AtRandom;
pub use reciprocation::Reciprocation;
pub use rotation::Rotation;
pub use tit_for_tat::TitForTat;

use crate::policies::Policy;

/// What is known of one of the others when it is decided who is served.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Standing {
    /// Who.
    pub conn: ConnId,
    /// It wants something of ours.
    pub is_interested: bool,
    /// It is served now.
    pub is_unchoked: bool,
    /// Nothing has come of it for too long although it was asked.
    pub is_snubbing: bool,
    /// Bytes per second that come from it.
    pub down_bps: f64,
    /// Bytes per second that go to it.
    pub up_bps: f64,
    /// Bytes that have come from it.
    pub received: u64,
    /// Bytes that have gone to it.
    pub sent: u64,
    /// Since when it is connected.
    pub since: Time,
    /// When it was choked or unchoked last; when it came, if never.
    pub changed: Time,
}

/// Orders those who want to be served.
pub trait Choker: Send + Sync {
    /// Puts those who may be served to the front of `peers`, the most deserving first, and returns how many these are. Not interested
    /// peers may be among them: they take no place, but are unchoked, so that they can begin at once when they become interested.
    fn rank(&self, peers: &mut [Standing], now: Time, rng: &mut Pcg32) -> usize;

    /// Whether somebody may be served at all, be it in a place that nobody deserves or in the optimistic one. Anybody may, unless the
    /// policy is one that refuses.
    fn may_serve(&self, _: &Standing) -> bool {
        true
    }
}

/// How a leecher chooses.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum LeechChoking {
    /// [`Reciprocation`].
    #[default]
    Reciprocation,
    /// [`Fastest`].
    Fastest,
    /// [`AtRandom`].
    Random,
    /// [`TitForTat`], with so many bytes of credit.
    TitForTat {
        /// Bytes that somebody may have had more than he gave.
        credit: u64,
    },
    /// [`Proportional`].
    Proportional,
}

/// How a seed chooses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SeedChoking {
    /// [`Fastest`].
    #[default]
    Fastest,
    /// [`Rotation`].
    Rotation,
    /// [`AtRandom`].
    Random,
}

impl Policy for LeechChoking {
    const KIND: &'static str = "choker";
    const ALL: &'static [(&'static str, Self, &'static str)] = &[
        ("reciprocation", LeechChoking::Reciprocation, "those who send fastest"),
        ("fastest", LeechChoking::Fastest, "those who take fastest"),
        ("random", LeechChoking::Random, "anybody"),
        // Two of the usual pieces.
        (
            "tit-for-tat",
            LeechChoking::TitForTat { credit: 2 << 18 },
            "those who gave about as much as they had, byte for byte",
        ),
        ("proportional", LeechChoking::Proportional, "all, each by what it has sent"),
    ];
}

impl Policy for SeedChoking {
    const KIND: &'static str = "choker of seeds";
    const ALL: &'static [(&'static str, Self, &'static str)] = &[
        ("fastest", SeedChoking::Fastest, "those who take fastest"),
        ("rotation", SeedChoking::Rotation, "all in turn"),
        ("random", SeedChoking::Random, "anybody"),
    ];
}

impl LeechChoking {
    /// The policy.
    pub fn choker(self) -> Box<dyn Choker> {
        match self {
            LeechChoking::Reciprocation => Box::new(Reciprocation),
            LeechChoking::Fastest => Box::new(Fastest),
            LeechChoking::Random => Box::new(AtRandom),
            LeechChoking::TitForTat { credit } => Box::new(TitForTat { credit }),
            LeechChoking::Proportional => Box::new(Proportional),
        }
    }
}

impl SeedChoking {
    /// The policy.
    pub fn choker(self) -> Box<dyn Choker> {
        match self {
            SeedChoking::Fastest => Box::new(Fastest),
            SeedChoking::Rotation => Box::new(Rotation { turn: ROTATION_TURN }),
            SeedChoking::Random => Box::new(AtRandom),
        }
    }
}

/// How long [`Rotation`] serves somebody before the next. 30 s: the time of three rounds.
const ROTATION_TURN: Duration = Duration::from_secs(30);

/// Who is to be unchoked, in no order that means anything: those that `choker` ranks highest, for all places but one, and the
/// optimistic one. `slots` of the interested are served in all, or as many as there are.
pub fn choose(
    choker: &dyn Choker,
    optimist: &mut Optimist,
    peers: &mut [Standing],
    slots: usize,
    now: Time,
    rng: &mut Pcg32,
) -> Vec<ConnId> {
    let ranked = choker.rank(peers, now, rng);
    let mut unchoked = Vec::new();
    let mut places = slots.saturating_sub(1);
    for peer in &peers[..ranked] {
        if peer.is_interested {
            if places == 0 {
                break;
            }
            places -= 1;
        }
        unchoked.push(peer.conn);
    }
    let rest = &mut peers[unchoked.len()..];
    let tolerated = to_front(rest, |peer| choker.may_serve(peer));
    let rest = &rest[..tolerated];
    // A place that nobody deserves goes by chance too.
    unchoked.extend(optimist.choose(rest, slots.min(1) + places, now, rng));
    unchoked
}

/// Sorts by what is largest first; equals stay as they were.
fn by_most(peers: &mut [Standing], mut of: impl FnMut(&Standing) -> f64) {
    peers.sort_by(|a, b| of(b).total_cmp(&of(a)));
}

/// Puts those for whom `is_in` is true to the front, both parts in their order; returns how many they are.
fn to_front(peers: &mut [Standing], is_in: impl Fn(&Standing) -> bool) -> usize {
    peers.sort_by_key(|peer| !is_in(peer));
    peers.iter().filter(|peer| is_in(peer)).count()
}
