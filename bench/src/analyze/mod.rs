//! Logs of a swarm, studied as the lecture's study of the RedHat 9 torrent does (Izal et al. 2004): what the tracker was told,
//! and what happened on the links of one peer.
//!
//! ```text
//!  file ─► lines ─► census: which torrent, from when to when
//!    └───► lines ─► tracker_log or client_log ─► study: figures, plots ─► tables, SVG, CSV, JSON
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`command`] | `analyze` on the command line |
//! | [`lines`] | lines of a file that nobody vouches for |
//! | [`timeline`] | quantities in equal parts of a time |
//! | [`histogram`] | how often which size occurs |
//! | [`tracker_log`] | clients, seeds and leechers, volumes, throughputs, sessions |
//! | [`client_log`] | one peer's download: whom it could fetch from, who gave what |
//! | [`study`] | what is found, beside what the lecture says |
//!
//! A log is read twice, from front to back: first for what it is about, then for its figures. Memory grows with the clients that are
//! there at a time, and by a few bytes for each that ever was, but never with the lines. Nothing that a log says is believed to be
//! sane: lines that are none are counted, times that go backwards too, and every table has a bound.
//!
//! The logs are of one particular system, so that this folder may name it, as the table of overlays does.

pub mod client_log;
pub mod command;
pub mod histogram;
pub mod lines;
pub mod study;
pub mod timeline;
pub mod tracker_log;

/// Seconds between two times in milliseconds.
fn seconds(from_ms: u64, to_ms: u64) -> f64 {
    to_ms.saturating_sub(from_ms) as f64 / 1_000.0
}

/// Kilobits per second.
fn kbps(bytes: f64, seconds: f64) -> f64 {
    bytes * 8.0 / 1_000.0 / seconds
}

/// A part of a whole; `None` of nothing.
fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}
