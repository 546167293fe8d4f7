//! Which piece is asked for next.
//!
//! A [`Picker`] chooses among the pieces that are wanted, not yet begun, and held by one peer. What has been begun is finished
//! first, whoever chooses (*strict priority*), and at the very end missing blocks are asked of several (*endgame*); neither is a
//! picker's business.
//!
//! A policy of your own is one file beside these: a type with [`Picker`]. What it is called, in scenario files and on the command line, and
//! how it is made are two lines at [`PickerKind`].

mod availability;
mod census;
mod global;
mod random;
mod rarest;
mod sequential;
mod window;

use rand_pcg::Pcg32;

pub use availability::Availability;
pub use census::{Census, Tally};
pub use global::GlobalRarest;
pub use random::Random;
pub use rarest::RarestFirst;
pub use sequential::Sequential;
pub use window::Window;

use crate::bitfield::Bitfield;
use crate::policies::Policy;

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
    /// [`Window`].
    Window {
        /// Pieces that it is long.
        pieces: u32,
    },
}

impl Policy for PickerKind {
    const KIND: &'static str = "picker";
    const ALL: &'static [(&'static str, Self, &'static str)] = &[
        ("rarest-first", PickerKind::RarestFirst, "what fewest peers have"),
        ("random", PickerKind::Random, "anything"),
        ("sequential", PickerKind::Sequential, "from the first to the last, as players want them"),
        ("global-rarest", PickerKind::GlobalRarest, "what fewest of all have, by an oracle: in simulations"),
    ];
}

impl PickerKind {
    /// The policy. Most have no knobs, so that nothing is allocated.
    pub fn picker(self) -> Box<dyn Picker> {
        match self {
            PickerKind::RarestFirst => Box::new(RarestFirst),
            PickerKind::Random => Box::new(Random),
            PickerKind::Sequential => Box::new(Sequential),
            PickerKind::GlobalRarest => Box::new(GlobalRarest),
            PickerKind::Window { pieces } => Box::new(Window { pieces }),
        }
    }
}
