//! Each network at the size that it really had, in the simulator, on one machine.
//!
//! The peers are those that run over real sockets, and the simulator is the one of every other run; only the people are more. A run has
//! stages (joining, searching, ...), each of which is measured: virtual time, events, events in a second of this machine's time, and
//! memory. What comes out stands beside what was published of the network.
//!
//! | module | what it is |
//! |---|---|
//! | [`meter`] | stages, memory, how far a run is, and whether it is to stop |
//! | [`shelves`] | what people share, and what they ask for |
//! | [`searches`] | how searches end |
//! | [`napster`], [`gnutella`], [`kazaa`], [`bittorrent`] | the four networks |
//! | [`command`] | the command line |
//! | [`show`] | results as tables and as JSON |
//! | `yardstick` | a bare loop beside it |

pub mod bittorrent;
pub mod command;
pub mod gnutella;
pub mod kazaa;
pub mod meter;
pub mod napster;
pub mod searches;
pub mod shelves;
pub mod show;
mod yardstick;

use std::time::Duration;

use rand::SeedableRng as _;
use rand_pcg::Pcg64;
use serde::Serialize;

use crate::claims::draw::log_normal;
use crate::claims::finding::Reading;
use common::net::{Attachment, Line};
use meter::{Meter, Stage};

/// A network as it was.
#[derive(Debug)]
pub struct Network {
    /// Its overlay's name.
    pub name: &'static str,
    /// How large it was and what happens, in words, for a part of it.
    pub about: fn(&Asked) -> String,
    /// Runs it.
    pub run: fn(&Asked, &mut Meter<'_>) -> Vec<Reading>,
    /// How long it is looked at if nobody says.
    pub lasting: Duration,
}

/// All of them, in the order of the columns everywhere.
pub const NETWORKS: [&Network; 4] =
    [&napster::NETWORK, &gnutella::NETWORK, &kazaa::NETWORK, &bittorrent::NETWORK];

/// What is asked of a network.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// So much of its people, above 0 and up to 1.
    pub fraction: f64,
    /// Where all that is random comes from.
    pub seed: u64,
    /// How much virtual time is looked at after all have come.
    pub lasting: Duration,
    /// Nodes write their logs ([`Meter::keep`]), if theirs is a network that has logs.
    pub logs: bool,
}

impl Asked {
    /// So many of those that there were; at least `least`.
    pub(crate) fn of(&self, all: u32, least: u32) -> u32 {
        ((f64::from(all) * self.fraction).round() as u32).max(least)
    }

    /// A random stream for one part of a run.
    pub(crate) fn rng(&self, part: u64) -> Pcg64 {
        Pcg64::seed_from_u64(self.seed ^ part << 56)
    }
}

/// How a network went.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// Its overlay's name.
    pub network: &'static str,
    /// How large it was and what happened, in words.
    pub about: String,
    /// Where all that is random came from.
    pub seed: u64,
    /// So much of its people.
    pub fraction: f64,
    /// What happened one after the other.
    pub stages: Vec<Stage>,
    /// The most memory in use at a time beyond what was in use before, bytes, where the system tells.
    pub peak_bytes: Option<u64>,
    /// It was stopped before its end: the figures are of what there was until then.
    pub stopped: bool,
    /// What it was like.
    #[serde(skip)]
    pub readings: Vec<Reading>,
}

impl Outcome {
    /// Events of all stages.
    pub fn events(&self) -> u64 {
        self.stages.iter().map(|stage| stage.events).sum()
    }

    /// This machine's time for all stages, seconds.
    pub fn took_s(&self) -> f64 {
        self.stages.iter().map(|stage| stage.took_s).sum()
    }

    /// Nodes at the end.
    pub fn nodes(&self) -> u64 {
        self.stages.last().map_or(0, |stage| stage.nodes)
    }
}

/// A line whose delay is drawn as measured round trips were spread (median 140 ms, log-normal with 0.82): without a limit, so that
/// what is counted is what the overlay sends and not how people download.
pub(crate) fn distant(rng: &mut Pcg64) -> Attachment {
    /// One way, and one of two lines: a quarter of a round trip.
    const MEDIAN_S: f64 = 0.035;
    const MOST_S: f64 = 1.0;
    let delay = Duration::from_secs_f64(log_normal(rng, MEDIAN_S, 0.82).min(MOST_S));
    Attachment { line: Line { delay, ..Line::default() }, firewalled: false }
}

/// So many moments of a stretch of time, evenly spaced over all stretches: a rate need not be a whole number for each.
#[derive(Debug)]
pub(crate) struct Evenly {
    per_s: f64,
    due: f64,
}

impl Evenly {
    /// So many in a second.
    pub(crate) fn new(per_s: f64) -> Evenly {
        Evenly { per_s, due: 0.0 }
    }

    /// The moments of the next stretch, counted from its beginning.
    pub(crate) fn of(&mut self, stretch: Duration) -> impl Iterator<Item = Duration> + use<> {
        self.due += self.per_s * stretch.as_secs_f64();
        let count = self.due.floor();
        self.due -= count;
        (0..count as u32).map(move |at| stretch.mul_f64(f64::from(at) / count))
    }
}
