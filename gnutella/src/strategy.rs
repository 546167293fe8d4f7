//! How a search goes through the overlay: flooding, expanding ring, random walks. The policy to play with.

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
