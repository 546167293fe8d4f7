//! The policies of a peer, as users name them.

use bittorrent::choker::{LeechChoking, SeedChoking};
use bittorrent::config::Knobs;
use bittorrent::picker::PickerKind;
use bittorrent::policies::Policy;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

#[derive(clap::Args)]
pub struct PolicyArgs {
    /// Which piece to fetch next.
    #[arg(long, value_name = "POLICY", default_value = "rarest-first", value_parser = named::<PickerKind>(&[PickerKind::GlobalRarest]))]
    picker: PickerKind,
    /// Whom to serve while something is missing; one more is drawn by lot.
    #[arg(long, value_name = "POLICY", default_value = "reciprocation", value_parser = named::<LeechChoking>(&[]))]
    choker: LeechChoking,
    /// Whom to serve once nothing is.
    #[arg(long, value_name = "POLICY", default_value = "fastest", value_parser = named::<SeedChoking>(&[]))]
    seed_choker: SeedChoking,
    /// As a seed, show each piece to one peer at a time.
    #[arg(long)]
    super_seed: bool,
}

impl PolicyArgs {
    /// Turns the knobs.
    pub fn turn(&self, knobs: &mut Knobs) {
        (knobs.picker, knobs.leech_choking) = (self.picker, self.choker);
        (knobs.seed_choking, knobs.super_seed) = (self.seed_choker, self.super_seed);
    }
}

/// The policies of a kind but these.
fn named<P: Policy + Send + Sync>(without: &[P]) -> impl TypedValueParser<Value = P> {
    let usable = P::ALL.iter().filter(|(_, policy, _)| !without.contains(policy));
    let values = usable.map(|(name, _, about)| PossibleValue::new(*name).help(*about));
    PossibleValuesParser::new(values).try_map(|name| P::named(&name))
}
