//! Scenarios and worlds, simulated runs of them, what is measured and checked, and what is made of it.
//!
//! One program for all of them: each program would compile the simulator of every overlay once more.

#[path = "../kit/mod.rs"]
mod kit;
#[path = "../kit/page.rs"]
mod page;

mod check;
mod measure;
mod mirror;
mod plot;
mod report;
mod scale;
mod scenario;
mod simulate;
mod sweep;
