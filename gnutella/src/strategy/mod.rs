//! How a search goes through the overlay. The policy to play with: a strategy is one file.
//!
//! A strategy decides what the searcher sends, to whom, with which TTL and when. How others pass it on follows from what
//! it sends: a query is flooded while TTL is left, a walker goes from one servent to one other. So a new strategy needs
//! no servent to change but the searcher's. To add one, write its file in `strategy/`, name it in
//! [`StrategyKind`], and start it in [`StrategyKind::start`].

mod flood;
mod ring;
mod walk;

use std::time::Duration;

use common::peer::ConnId;
use rand::Rng;

use crate::servent::Knobs;

/// The strategies that come with the crate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum StrategyKind {
    /// To all neighbours, by all neighbours, up to a TTL.
    #[default]
    Flood,
    /// Floods of growing TTL until there are enough results.
    ExpandingRing,
    /// A number of walkers, each to one neighbour at a time, that ask back whether to go on.
    RandomWalk,
}

/// How one search goes: asked for its first round when the search begins, and for the next after each round's wait.
pub trait Strategy: Send {
    /// What to send now; `None`: nothing any more. It is not asked again once there are enough results.
    fn round(&mut self, so_far: &SoFar<'_>, rng: &mut dyn Rng) -> Option<Round>;
}

/// What a strategy may look at.
#[derive(Clone, Copy, Debug)]
pub struct SoFar<'a> {
    /// The neighbours of this moment, at least one.
    pub neighbours: &'a [ConnId],
    /// Different results found.
    pub results: usize,
}

/// What is sent at one time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Round {
    /// To whom; a neighbour that stands here more than once is sent as many copies.
    pub to: Vec<ConnId>,
    /// How far it is flooded.
    pub ttl: u8,
    /// Under a new id. Servents that have seen the search under the old one then look at it again; otherwise they take it
    /// for a duplicate. The first round has a new one in any case.
    pub new_id: bool,
    /// The copies are walkers.
    pub walk: Option<Walkers>,
    /// When the strategy is asked again. `None`: this was the last round.
    pub again: Option<Duration>,
}

/// How far walkers go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Walkers {
    /// Servents one of them may visit.
    pub steps_max: u16,
    /// Each asks the searcher whether to go on after so many steps; zero: never.
    pub check_every: u8,
}

impl StrategyKind {
    /// A strategy for one search.
    pub fn start(self, knobs: &Knobs) -> Box<dyn Strategy> {
        match self {
            StrategyKind::Flood => Box::new(flood::Flood { ttl: knobs.ttl }),
            StrategyKind::ExpandingRing => Box::new(ring::ExpandingRing::new(knobs)),
            StrategyKind::RandomWalk => Box::new(walk::RandomWalk::new(knobs)),
        }
    }
}
