//! What is run: a typed description with a TOML form.
//!
//! A scenario and its seed fix everything that is random: who has what, on which line, who looks for what and when.
//! Every overlay and both drivers are given the same. The text form refuses what it does not know, says in
//! which line, and guesses what was meant.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use common::catalog::{CatalogConfig, PlacementConfig, TITLES_MAX};
use common::net::Line;

use crate::compare::Backend;
use crate::redhat9;

mod annotated;
mod changed;
mod fault;
mod knobs;
mod law;
mod library;
mod text;

pub use fault::{Fault, Harm, Turn, Whom, timeline};
pub use knobs::{KnobFault, Knobs, read, table_of};
pub use law::Law;
pub use library::{LIBRARY, Listed, OF_A_FOLDER, find, named};
pub use text::ScenarioError;

/// The version of the text form that this program reads.
pub const VERSION: u32 = 1;
/// The most participants: what one 24-bit network of addresses and the tables of a run are meant for.
pub const PEERS_MAX: u32 = 1_000_000;
/// The longest run, in seconds of its own time: half a year, a little more than the longest trace there is.
pub const DURATION_MAX_S: f64 = 185.0 * 86_400.0;
/// The most entries of a list: line classes, faults.
pub const LIST_MAX: usize = 100;

/// The most runs of one overlay that a scenario may ask for.
pub const REPEATS_MAX: u32 = 1_000;

/// The largest file, in bytes: more than any that was shared in those years.
const SIZE_MAX_BYTES: u64 = 64 << 30;
/// The fewest words of invented names.
const WORDS_MIN: u32 = 20;

/// What is run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// [`VERSION`].
    pub version: u32,
    /// A short name for tables and files.
    pub name: String,
    /// What it shows, in a sentence.
    #[serde(default)]
    pub about: String,
    /// Where all that is random comes from.
    pub seed: u64,
    /// What runs it unless something else is asked for; empty: real sockets and the simulator. A run of hours is for the latter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backends: Vec<Backend>,
    /// Simulations of each overlay, with rising seeds, unless another number is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<u32>,
    /// How many people take part. Servers come on top.
    pub peers: u32,
    /// A run that has not ended by itself is stopped after so many seconds of its own time.
    pub duration_limit_s: f64,
    /// The people's access lines.
    pub lines: Lines,
    /// The line of each server or mirror.
    pub server: ServerLine,
    /// What there is to share.
    pub catalog: CatalogConfig,
    /// Who shares how much of it.
    pub placement: PlacementConfig,
    /// A folder whose files are shared in place of the invented ones of [`Scenario::catalog`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// True: the first person publishes every title, on a line like the server's that can be dialled, is there from the start to the
    /// end and looks for nothing; nobody else has anything at the start, whatever [`Scenario::placement`] says.
    #[serde(default, skip_serializing_if = "is_false")]
    pub publisher: bool,
    /// Who looks for what.
    pub searches: Searches,
    /// When people come.
    #[serde(default)]
    pub arrivals: Arrivals,
    /// When they go.
    #[serde(default)]
    pub sessions: Sessions,
    /// What goes wrong, and when: `busiest@10s`, `cut 50%@10s for 30s`, `back@40s`.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// Settings of single overlays, by their names: the tables `[overlay.NAME]`, which only the overlay's entry understands.
    #[serde(default, skip_serializing_if = "Knobs::is_empty")]
    pub overlay: Knobs,
}

/// The people's access lines.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    /// The classes; their shares are relative to their sum.
    pub mix: Vec<LineClass>,
    /// The share of people who can dial but not be dialled, 0 to 1.
    #[serde(default)]
    pub firewalled: f64,
    /// Half of the median round trip between two people, in milliseconds: each line is given half of it,
    /// log-normally spread.
    #[serde(default = "median_latency_ms")]
    pub latency_ms: f64,
    /// The spread of the logarithm of that latency; zero makes all equal.
    #[serde(default = "latency_sigma")]
    pub latency_sigma: f64,
}

/// Half of the 140 ms of median round trip that were measured among Gnutella peers.
fn median_latency_ms() -> f64 {
    70.0
}

/// The spread of the same measurement.
fn latency_sigma() -> f64 {
    0.82
}

/// One class of access lines.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineClass {
    /// How common it is, relative to the others.
    pub share: f64,
    /// Kilobits per second towards the user.
    pub down_kbps: u64,
    /// Kilobits per second from the user.
    pub up_kbps: u64,
}

/// A server's line.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerLine {
    /// Kilobits per second towards it.
    pub down_kbps: u64,
    /// Kilobits per second from it.
    pub up_kbps: u64,
    /// One-way delay of its line, in milliseconds.
    #[serde(default)]
    pub delay_ms: f64,
}

impl ServerLine {
    /// As drivers see it.
    pub fn line(&self) -> Line {
        Line::kbps(self.down_kbps, self.up_kbps, millis(self.delay_ms))
    }
}

pub(crate) fn millis(ms: f64) -> Duration {
    Duration::from_nanos((ms * 1e6) as u64)
}

/// Who looks for what.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Searches {
    /// Searches of each person.
    pub per_peer: u32,
    /// How many of these (the first ones) lead to a download.
    pub downloads_per_peer: u32,
    /// The mean pause between two searches of one person, in seconds (exponentially distributed).
    pub pause_s: f64,
    /// How long after coming online the first search waits at least, in seconds.
    #[serde(default = "settle_s")]
    pub settle_s: f64,
}

fn settle_s() -> f64 {
    3.0
}

/// When people come.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "shape", rename_all = "snake_case")]
pub enum Arrivals {
    /// All at the start.
    #[default]
    Together,
    /// One after the other at equal distances.
    Uniform {
        /// The time in which all come, in seconds.
        over_s: f64,
    },
    /// Independently of each other.
    Poisson {
        /// How many come in a second on average.
        per_s: f64,
    },
    /// Independently of each other: a crowd, and then one after the other.
    FlashCrowd {
        /// How many come in a second on average, at first.
        per_s: f64,
        /// For how long, in seconds.
        lasting_s: f64,
        /// How many come in a second on average from then on.
        then_per_s: f64,
    },
    /// As for the torrent of RedHat 9: the scenario's people are drawn from all who came in these days, and the days take as long as is
    /// said here.
    Redhat9 {
        /// The first day, counted from the launch.
        #[serde(default)]
        from_day: f64,
        /// How many days.
        days: f64,
        /// How long these take in the run, in seconds.
        over_s: f64,
    },
}

/// When people go.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sessions {
    /// How long people stay after their last search or download has ended; without it until the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linger_s: Option<Law>,
    /// How long after coming people go who are not done; without it they wait until the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience_s: Option<Law>,
}

fn is_false(is: &bool) -> bool {
    !is
}

impl Scenario {
    /// The end of a run that does not end by itself.
    pub fn duration_limit(&self) -> Duration {
        Duration::from_secs_f64(self.duration_limit_s)
    }

    /// Says in one line what makes no sense, if something does.
    ///
    /// # Errors
    /// The first thing that makes no sense.
    pub fn check(&self) -> Result<(), ScenarioError> {
        let rules =
            [self.rules_of_people(), self.rules_of_times(), self.rules_of_lines(), self.rules_of_content()];
        let mut rules = rules.into_iter().flatten();
        if let Some((_, wrong)) = rules.find(|(holds, _)| !holds) {
            return Err(ScenarioError::Senseless(wrong.to_owned()));
        }
        self.check_knobs().map_err(|fault| ScenarioError::Senseless(fault.to_string()))?;
        self.senseless_fault().map_or(Ok(()), |what| Err(ScenarioError::Senseless(format!("faults: {what}"))))
    }

    /// What makes no sense of the faults, if anything does.
    fn senseless_fault(&self) -> Option<String> {
        let limit = self.duration_limit();
        if let Some(late) = self.faults.iter().find(|fault| fault.at >= limit) {
            let limit_s = self.duration_limit_s;
            return Some(format!("{late} would come when the run is over: duration_limit_s is {limit_s}"));
        }
        let is_crash = |fault: &&Fault| matches!(fault.harm, Harm::Crash(_));
        let first = self.faults.iter().filter(is_crash).map(|fault| fault.at).min();
        let mut backs = self.faults.iter().filter(|fault| fault.harm == Harm::Back);
        let early = backs.find(|back| first.is_none_or(|first| back.at <= first))?;
        Some(format!("{early} would bring nobody back: nobody has gone before"))
    }

    /// The first fault that these backends cannot show, and the backend, if there is one.
    pub fn beyond(&self, backends: &[Backend]) -> Option<(Fault, Backend)> {
        let real = backends.iter().copied().find(|backend| *backend != Backend::Sim)?;
        let fault = self.faults.iter().copied().find(Fault::needs_simulation)?;
        Some((fault, real))
    }

    /// How many people, and what they do.
    fn rules_of_people(&self) -> Vec<Rule> {
        vec![
            (self.version == VERSION, "version must be 1: this program reads no other"),
            (
                is_plain(&self.name),
                "name must be 1 to 40 letters, digits, '-' or '_': files are named after it",
            ),
            (self.seed <= i64::MAX as u64, "seed must be below 2^63: TOML has no larger numbers"),
            ((1..=PEERS_MAX).contains(&self.peers), "peers must be at least 1 and at most 1000000"),
            (
                positive(self.duration_limit_s) && self.duration_limit_s <= DURATION_MAX_S,
                "duration_limit_s must be above 0 and at most half a year",
            ),
            (self.searches.per_peer <= 10_000, "searches.per_peer must be at most 10000"),
            (
                self.searches.downloads_per_peer <= self.searches.per_peer.min(50),
                "searches.downloads_per_peer must be at most searches.per_peer, and at most 50",
            ),
            (
                self.repeats.is_none_or(|repeats| (1..=REPEATS_MAX).contains(&repeats)),
                "repeats must be at least 1 and at most 1000",
            ),
            (self.backends.len() <= LIST_MAX, "lists have at most 100 entries"),
            (!self.publisher || self.peers >= 2, "publisher = true needs somebody else: at least 2 peers"),
        ]
    }

    /// When people come, act and go.
    fn rules_of_times(&self) -> Vec<Rule> {
        let time = |seconds: f64| at_least_0(seconds) && seconds <= DURATION_MAX_S;
        let arrivals = match self.arrivals {
            Arrivals::Together => (true, ""),
            Arrivals::Uniform { over_s } => {
                (time(over_s), "arrivals.over_s must be at least 0 and at most half a year")
            }
            Arrivals::Poisson { per_s } => (positive(per_s), "arrivals.per_s must be above 0"),
            Arrivals::FlashCrowd { per_s, .. } if !positive(per_s) => {
                (false, "arrivals.per_s must be above 0")
            }
            Arrivals::FlashCrowd { then_per_s, .. } if !positive(then_per_s) => {
                (false, "arrivals.then_per_s must be above 0")
            }
            Arrivals::FlashCrowd { lasting_s, .. } => {
                (time(lasting_s), "arrivals.lasting_s must be at least 0 and at most half a year")
            }
            Arrivals::Redhat9 { from_day, days, over_s } => (
                at_least_0(from_day) && positive(days) && from_day + days <= redhat9::DAYS && time(over_s),
                "arrivals: from_day + days must lie within the curve's 146 days, and over_s within half a year",
            ),
        };
        let sensible = |law: Option<Law>| law.is_none_or(|law| law.is_sensible());
        vec![
            (time(self.searches.pause_s), "searches.pause_s must be at least 0 and at most half a year"),
            (time(self.searches.settle_s), "searches.settle_s must be at least 0 and at most half a year"),
            (
                self.searches.per_peer == 0 || self.searches.settle_s < self.duration_limit_s,
                "searches.settle_s must be below duration_limit_s: nobody would ever ask",
            ),
            arrivals,
            (
                sensible(self.sessions.linger_s),
                "sessions.linger_s cannot be negative or longer than half a year",
            ),
            (
                sensible(self.sessions.patience_s),
                "sessions.patience_s cannot be negative or longer than half a year",
            ),
        ]
    }

    /// Access lines and delays.
    fn rules_of_lines(&self) -> Vec<Rule> {
        vec![
            (!self.lines.mix.is_empty(), "lines.mix needs at least one class"),
            (self.lines.mix.len().max(self.faults.len()) <= LIST_MAX, "lists have at most 100 entries"),
            (
                self.lines.mix.iter().all(|c| at_least_0(c.share)),
                "lines.mix: a class' share is a number, at least 0",
            ),
            (
                positive(self.lines.mix.iter().map(|c| c.share).sum()),
                "lines.mix: the classes' shares must not sum to 0",
            ),
            (
                self.lines.mix.iter().all(|c| c.up_kbps > 0 && c.down_kbps > 0),
                "lines.mix: a line needs at least 1 kbps in each direction",
            ),
            (self.server.up_kbps > 0, "server.up_kbps must be at least 1"),
            (self.server.down_kbps > 0, "server.down_kbps must be at least 1"),
            (share(self.lines.firewalled), "lines.firewalled is a share, from 0 to 1"),
            (delay(self.lines.latency_ms), "lines.latency_ms must be from 0 to 10000"),
            (delay(self.server.delay_ms), "server.delay_ms must be from 0 to 10000"),
            (sigma(self.lines.latency_sigma), "lines.latency_sigma must be from 0 to 3"),
            (sigma(self.catalog.sizes.sigma), "catalog.sizes.sigma must be from 0 to 3"),
            (sigma(self.placement.files_sigma), "placement.files_sigma must be from 0 to 3"),
        ]
    }

    /// Files and who has them.
    fn rules_of_content(&self) -> Vec<Rule> {
        vec![
            (share(self.placement.free_riders), "placement.free_riders is a share, from 0 to 1"),
            ((1..=TITLES_MAX).contains(&self.catalog.titles), "catalog.titles must be from 1 to 8388608"),
            ((1..=TITLES_MAX).contains(&self.catalog.artists), "catalog.artists must be from 1 to 8388608"),
            (
                (WORDS_MIN..=TITLES_MAX).contains(&self.catalog.words),
                "catalog.words must be from 20 to 8388608: of fewer, names that differ would be too long for a file",
            ),
            (
                self.catalog.sizes.min >= 1
                    && self.catalog.sizes.min <= self.catalog.sizes.max
                    && self.catalog.sizes.max <= SIZE_MAX_BYTES
                    && positive(self.catalog.sizes.mean),
                "catalog.sizes: 1 <= min <= max <= 64 GiB, and a mean above 0",
            ),
            ((0.0..=4.0).contains(&self.catalog.zipf_alpha), "catalog.zipf_alpha must be from 0 to 4"),
            (
                positive(self.placement.files_mean) && self.placement.files_mean <= 1e5,
                "placement.files_mean must be above 0 and at most 100000",
            ),
        ]
    }
}

/// Whether something holds, and what to say if it does not.
pub type Rule = (bool, &'static str);

fn share(x: f64) -> bool {
    (0.0..=1.0).contains(&x)
}

/// Of a line, in milliseconds.
fn delay(ms: f64) -> bool {
    (0.0..=10_000.0).contains(&ms)
}

/// The standard deviation of a logarithm.
fn sigma(x: f64) -> bool {
    (0.0..=3.0).contains(&x)
}

fn at_least_0(x: f64) -> bool {
    x.is_finite() && x >= 0.0
}

fn positive(x: f64) -> bool {
    x.is_finite() && x > 0.0
}

fn is_plain(name: &str) -> bool {
    (1..=40).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
