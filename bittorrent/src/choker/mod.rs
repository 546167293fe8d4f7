//! Whom a peer serves.

/// How a leecher chooses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LeechChoking {
    /// Those from whom most comes.
    #[default]
    Reciprocation,
}

/// How a seed chooses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SeedChoking {
    /// Those who take most.
    #[default]
    Fastest,
}
