//! Claims: what the lecture and the papers say of particular systems, each as an experiment that can be run.
//!
//! A [`Claim`] has a trial, a function of a seed and a size; [`run`] runs it with several seeds and says for each quantity
//! what was measured, with a 95 % interval, what was published and how sure that is, and whether the claim holds.
//! Trials use the overlays' own code in the simulator wherever messages are counted, and the drivers' counters; where a
//! claim is about a graph or about sampling alone, they use just that.
//!
//! | module | what it is |
//! |---|---|
//! | [`finding`] | readings, rules, verdicts |
//! | [`draw`] | random draws |
//! | [`graph`], [`theory`] | what experiments are made on, and held against |
//! | [`venue`] | what people come to and is watched, swarm or server |
//! | [`show`] | tables and files |
//! | `asking`, `whole` | one search by a peer, one scenario on a whole overlay |
//! | [`distribution`] | the claims of the lecture's motivation: one server against swarms, and a server alone to try them on |
//! | [`napster`] | the claims of the lecture's section on it, and a server with users to try them on |
//! | [`gnutella`] | the claims of the lecture's section on it, and servents on a graph to try them on |
//! | [`kazaa`] | the claims of the section on FastTrack, and supernodes with their children |
//! | [`bittorrent`] | the claims of the section on it, and a swarm to try them on |
//! | [`questions`] | what the lecture leaves open at its end |
//!
//! Claims are about particular systems, so that this folder may name them, as the table of overlays does.

use rand::SeedableRng as _;
use rand_pcg::Pcg64;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

mod asking;
pub mod bittorrent;
pub mod command;
pub mod distribution;
pub mod draw;
pub mod finding;
pub mod gnutella;
pub mod graph;
pub mod kazaa;
pub mod napster;
pub mod questions;
pub mod show;
pub mod theory;
pub mod venue;
mod whole;

use crate::report::Made;
use finding::{Finding, Reading, Verdict};

/// The version of the form of `claims.json`.
pub const FORMAT: u32 = 2;

/// How large experiments are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// Small enough for all claims in some six minutes on two cores.
    Quick,
    /// As the claims' descriptions have it.
    Normal,
    /// Larger, and with more seeds.
    Full,
}

impl Size {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        self.pick("quick", "normal", "full")
    }

    /// One of three, by size.
    pub fn pick<T>(self, quick: T, normal: T, full: T) -> T {
        match self {
            Size::Quick => quick,
            Size::Normal => normal,
            Size::Full => full,
        }
    }
}

/// Trials of a claim about graphs and draws, each of which takes a moment.
const LIGHT: fn(Size) -> u64 = |size| size.pick(30, 40, 50);
/// Trials of a claim about the overlay itself.
const HEAVY: fn(Size) -> u64 = |size| size.pick(8, 8, 10);

/// One run of an experiment.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// Where all that is random comes from.
    pub seed: u64,
    /// How large it is.
    pub size: Size,
}

impl Trial {
    /// A seed for one part of the trial, so that a change of one part leaves the others as they were.
    pub fn seed_of(&self, part: u64) -> u64 {
        self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ part.wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }

    /// A random stream for one part of the trial.
    pub fn rng(&self, part: u64) -> Pcg64 {
        Pcg64::seed_from_u64(self.seed_of(part))
    }
}

/// Something that somebody says of a system.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// What to call it on the command line.
    pub id: &'static str,
    /// The claim, in one sentence.
    pub sentence: &'static str,
    /// Who says so.
    pub said_by: &'static str,
    /// The set-up, at a size.
    pub setup: fn(Size) -> String,
    /// What is varied.
    pub varied: &'static str,
    /// How many trials, at a size.
    pub seeds: fn(Size) -> u64,
    /// Runs it once: the same readings in the same order, whatever the seed.
    pub trial: fn(&Trial) -> Vec<Reading>,
}

/// All claims, in the order of the lecture's sections.
pub fn claims() -> Vec<&'static Claim> {
    let sections = [
        distribution::CLAIMS,
        napster::CLAIMS,
        gnutella::CLAIMS,
        kazaa::CLAIMS,
        bittorrent::CLAIMS,
        questions::CLAIMS,
    ];
    sections.into_iter().flatten().collect()
}

/// A claim that has been tried.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Tried {
    /// Its id.
    pub id: &'static str,
    /// What it says.
    pub sentence: &'static str,
    /// Who says so.
    pub said_by: &'static str,
    /// How it was tried.
    pub setup: String,
    /// What was varied.
    pub varied: &'static str,
    /// With how many seeds.
    pub seeds: u64,
    /// What was measured.
    pub findings: Vec<Finding>,
    /// Whether it holds: as badly as the worst of its findings.
    pub verdict: Verdict,
}

/// All that a run has tried.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// The version of this form: [`FORMAT`].
    pub format: u32,
    /// What made it.
    pub made: Made,
    /// The first seed.
    pub seed: u64,
    /// How large the experiments were.
    pub size: Size,
    /// Claim by claim.
    pub claims: Vec<Tried>,
}

/// Tries claims, each with its number of seeds from `seed` on, on all cores. What comes out does not depend on how many
/// there are. `done` is called after each trial, in whatever order they end.
pub fn run(claims: &[&Claim], size: Size, seed: u64, done: &(dyn Fn(&Claim) + Sync)) -> Report {
    let trial = |n: u64| Trial { seed: seed.wrapping_add(n), size };
    let jobs: Vec<(&Claim, Trial)> =
        claims.iter().flat_map(|claim| (0..(claim.seeds)(size)).map(move |n| (*claim, trial(n)))).collect();
    let readings: Vec<Vec<Reading>> = jobs
        .par_iter()
        .with_max_len(1)
        .map(|(claim, trial)| {
            let readings = (claim.trial)(trial);
            done(claim);
            readings
        })
        .collect();
    let mut left = &readings[..];
    let tried = claims.iter().map(|claim| {
        let (trials, rest) = left.split_at((claim.seeds)(size) as usize);
        left = rest;
        judge(claim, size, trials)
    });
    let claims = tried.collect();
    Report { format: FORMAT, made: Made::default(), seed, size, claims }
}

fn judge(claim: &Claim, size: Size, trials: &[Vec<Reading>]) -> Tried {
    let count = trials.first().map_or(0, Vec::len);
    assert!(
        trials.iter().all(|trial| trial.len() == count),
        "{}: each trial has the same readings",
        claim.id
    );
    let finding = |at: usize| Finding::of(&trials.iter().map(|trial| &trial[at]).collect::<Vec<_>>());
    let findings: Vec<Finding> = (0..count).map(finding).collect();
    let worst = findings.iter().filter_map(|finding| finding.verdict).max();
    Tried {
        id: claim.id,
        sentence: claim.sentence,
        said_by: claim.said_by,
        setup: (claim.setup)(size),
        varied: claim.varied,
        seeds: trials.len() as u64,
        verdict: worst.unwrap_or(Verdict::Inconclusive),
        findings,
    }
}
