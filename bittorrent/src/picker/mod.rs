//! Which piece is asked for next.
//!
//! A [`Picker`] chooses among the pieces that are wanted, not yet begun, and held by one peer. What has been begun is finished
//! first, whoever chooses (*strict priority*), and at the very end missing blocks are asked of several (*endgame*); neither is a
//! picker's business.
//!
//! A policy of your own is one file beside these: a type with [`Picker`], and a line in [`PickerKind`].

mod availability;
mod census;
mod global;
mod random;
mod rarest;
mod sequential;

use rand_pcg::Pcg32;

pub use availability::Availability;
pub use census::{Census, Tally};
pub use global::GlobalRarest;
pub use random::Random;
pub use rarest::RarestFirst;
pub use sequential::Sequential;

use crate::bitfield::Bitfield;

/// Chooses a piece to begin.
pub trait Picker: Send + Sync {
    /// A wanted piece that is in `theirs`, `None` if there is none.
    fn pick(&self, wanted: &Availability, theirs: &Bitfield, rng: &mut Pcg32) -> Option<u32>;
}

/// The policies there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PickerKind {
    /// [`RarestFirst`].
    #[default]
    RarestFirst,
    /// [`Random`].
    Random,
    /// [`Sequential`].
    Sequential,
    /// [`GlobalRarest`].
    GlobalRarest,
}

impl PickerKind {
    /// The policy.
    pub fn picker(self) -> &'static dyn Picker {
        match self {
            PickerKind::RarestFirst => &RarestFirst,
            PickerKind::Random => &Random,
            PickerKind::Sequential => &Sequential,
            PickerKind::GlobalRarest => &GlobalRarest,
        }
    }
}
