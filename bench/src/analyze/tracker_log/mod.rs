//! The tracker's log: who was in the swarm, who gave how much to others, how fast content went, and who got all of it.
//!
//! All is computed from the reports, as Izal et al. did. Between two reports of a client only the differences are known: what it has
//! sent and received counts for what it was at the first of the two, seed or leecher, and is taken to have gone evenly.
//!
//! A **session** is what one peer id reports from `started` to `stopped`; one that is silent for longer than [`Options::expire_ms`]
//! has ended with its last report, and if another id reports from its address, its program was started anew. A **client** is a peer
//! id, in however many sessions.
//!
//! | part | file |
//! |---|---|
//! | which torrent, how large, from when to when | `census.rs` |
//! | sessions that are under way | `session.rs`, `swarm.rs` |
//! | what is known of all | `tally.rs` |
//! | figures and plots | `figures.rs`, `plots.rs` |

mod census;
mod figures;
mod plots;
mod session;
mod swarm;
mod tally;

pub use census::{About, Census};

use std::io::{self, BufRead};

use bittorrent::log::tracker::Report;

use super::lines::{Read, read};
use super::study::Study;
use swarm::Swarm;

/// What a study of a tracker's log depends on.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// A client that is silent for so long is gone.
    pub expire_ms: u64,
    /// What a mirror site of the same content could send, in kilobits per second.
    pub mirror_kbps: f64,
}

impl Default for Options {
    fn default() -> Self {
        // Twice the interval at which the clients of the time reported; the lecture's mirrors of 10 Mb/s.
        Options { expire_ms: 2 * 30 * 60 * 1_000, mirror_kbps: 10_000.0 }
    }
}

/// Reads a log for what it is about.
///
/// # Errors
/// If it cannot be read on.
pub fn census(log: impl BufRead) -> io::Result<(Census, Read)> {
    let mut census = Census::default();
    let read = read(log, |report: Report| census.add(&report))?;
    Ok((census, read))
}

/// Studies the reports of a torrent in a log that has been read before.
///
/// # Errors
/// If the log cannot be read on.
pub fn study(log: impl BufRead, about: &About, options: &Options) -> io::Result<Study> {
    let mut swarm = Swarm::new(about, options);
    let read = read(log, |report: Report| {
        if report.info_hash == about.torrent {
            swarm.report(&report);
        }
    })?;
    let tally = swarm.end();
    Ok(Study {
        title: figures::title(about),
        torrent: Some(about.torrent.to_string()),
        read,
        figures: figures::figures(about, &tally, options),
        courses: plots::courses(&tally),
        plots: plots::plots(&tally, options),
    })
}
