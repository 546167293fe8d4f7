//! Which piece is asked for next.

/// The policies there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PickerKind {
    /// Those that fewest of the peer set have.
    #[default]
    RarestFirst,
    /// Any.
    Random,
    /// In order.
    Sequential,
    /// Those that fewest of the whole swarm have: what no peer can know, for comparison in simulation.
    GlobalRarest,
}
