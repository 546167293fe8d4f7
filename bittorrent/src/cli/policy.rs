//! The policies of a peer, as users name them.

use bittorrent::choker::{LeechChoking, SeedChoking};
use bittorrent::config::Knobs;
use bittorrent::picker::PickerKind;
use clap::ValueEnum;

/// Bytes that somebody may have had more than he gave, where it is byte for byte: two of the usual pieces.
const CREDIT: u64 = 2 * 262_144;

#[derive(clap::Args)]
pub struct PolicyArgs {
    /// Which piece to fetch next.
    #[arg(long, value_enum, value_name = "POLICY", default_value = "rarest-first")]
    picker: Picker,
    /// Whom to serve while something is missing.
    #[arg(long, value_enum, value_name = "POLICY", default_value = "reciprocation")]
    choker: Leech,
    /// Whom to serve once nothing is.
    #[arg(long, value_enum, value_name = "POLICY", default_value = "fastest")]
    seed_choker: Seed,
    /// As a seed, show each piece to one peer at a time.
    #[arg(long)]
    super_seed: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Picker {
    /// Those that fewest peers have.
    RarestFirst,
    /// Any.
    Random,
    /// From the first to the last, as players want them.
    Sequential,
}

#[derive(Clone, Copy, ValueEnum)]
enum Leech {
    /// Those who send fastest, and one at random.
    Reciprocation,
    /// Those who take fastest.
    Fastest,
    /// Any.
    Random,
    /// Those who have not had much more than they gave, byte for byte.
    TitForTat,
    /// All, each by what it has sent.
    Proportional,
}

#[derive(Clone, Copy, ValueEnum)]
enum Seed {
    /// Those who take fastest.
    Fastest,
    /// All in turn.
    Rotation,
    /// Any.
    Random,
}

impl PolicyArgs {
    /// Turns the knobs.
    pub fn turn(&self, knobs: &mut Knobs) {
        knobs.picker = match self.picker {
            Picker::RarestFirst => PickerKind::RarestFirst,
            Picker::Random => PickerKind::Random,
            Picker::Sequential => PickerKind::Sequential,
        };
        knobs.leech_choking = match self.choker {
            Leech::Reciprocation => LeechChoking::Reciprocation,
            Leech::Fastest => LeechChoking::Fastest,
            Leech::Random => LeechChoking::Random,
            Leech::TitForTat => LeechChoking::TitForTat { credit: CREDIT },
            Leech::Proportional => LeechChoking::Proportional,
        };
        knobs.seed_choking = match self.seed_choker {
            Seed::Fastest => SeedChoking::Fastest,
            Seed::Rotation => SeedChoking::Rotation,
            Seed::Random => SeedChoking::Random,
        };
        knobs.super_seed = self.super_seed;
    }
}
