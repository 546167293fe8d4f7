//! The laboratory: every overlay on the same people, files, lines, arrivals and failures, measured from outside.
//!
//! ```text
//!  scenario ─► world (people, files, lines, workload)
//!                │
//!                ├─► simulate ──────────────────────────────┐
//!                └─► coordinate ─► hosts (cluster) over tcp ─┴─► trace ─► measure ─► report
//!                      └─ in this process, or in others           └────► check
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`scenario`] | what is run, with its TOML form |
//! | [`world`] | the scenario made concrete |
//! | [`arrivals`], [`redhat9`] | when people come |
//! | [`workload`] | who looks for what, and when |
//! | [`participant`] | the person at a peer: searches, chooses, downloads |
//! | [`crowd`] | all the people whom one driver serves |
//! | [`faults`] | when faults fall due, and whom they hit |
//! | [`overlay`] | the trait through which overlays are seen |
//! | [`overlays`] | the one table that names them |
//! | [`mirror`] | the client-server baseline |
//! | [`simulate`] | a run in simulation |
//! | [`cluster`] | the host that runs nodes over real sockets |
//! | [`coordinate`] | a run over real sockets, from outside |
//! | [`processes`] | hosts in processes of their own |
//! | [`trace`] | what is known of a run |
//! | [`measure`] | what it was like, in numbers |
//! | [`check`] | what must be true of every run |
//! | [`compare`] | all of it: several overlays, several drivers, one table |
//! | [`sweep`] | the same at other values of a scenario's keys |
//! | [`record`] | one simulated run, written down for other programs |
//! | [`replay`] | small simulated runs, to be looked at |
//! | [`scale`] | each network at the size it had |
//! | [`claims`] | what is said of particular systems, tried |
//! | [`plot`] | pictures of data |
//! | [`analyze`] | logs of a swarm, studied |
//! | [`report`] | tables, files and the page |
//! | [`cli`] | the command line |

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod analyze;
pub mod arrivals;
pub mod check;
pub mod claims;
pub mod cli;
pub mod cluster;
pub mod compare;
pub mod coordinate;
pub mod crowd;
pub mod faults;
mod goods;
mod interrupt;
pub mod measure;
pub mod mirror;
pub mod overlay;
pub mod overlays;
pub mod participant;
pub mod plot;
pub mod processes;
pub mod record;
pub mod redhat9;
pub mod replay;
pub mod report;
pub mod scale;
pub mod scenario;
pub mod simulate;
pub mod sweep;
pub mod trace;
pub mod watch;
pub mod workload;
pub mod world;
