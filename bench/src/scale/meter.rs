//! Stages of a run: what each took, how far it is, and whether it is to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::net::Observer;
use common::peer::{Peer, Time};
use common::sim::Sim;
use common::testing::process::own_resident_bytes;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// A part of a run that is over.
#[derive(Clone, Debug, Serialize)]
pub struct Stage {
    /// What happened in it.
    pub name: &'static str,
    /// Virtual seconds.
    pub virtual_s: f64,
    /// Seconds of this machine.
    pub took_s: f64,
    /// Events that peers heard of.
    pub events: u64,
    /// Nodes at its end.
    pub nodes: u64,
    /// Memory in use at its end beyond what was in use before the run, bytes, where the system tells.
    pub memory_bytes: Option<u64>,
}

impl Stage {
    /// Events in a second of this machine.
    pub fn events_per_s(&self) -> f64 {
        self.events as f64 / self.took_s
    }

    /// Memory for each node at its end.
    pub fn bytes_per_node(&self) -> Option<f64> {
        self.memory_bytes.map(|bytes| bytes as f64 / self.nodes.max(1) as f64)
    }
}

/// Measures a run, and says how far it is.
pub struct Meter<'a> {
    bar: ProgressBar,
    stop: &'a AtomicBool,
    /// Hears of each stage that is over.
    saved: &'a mut dyn FnMut(&[Stage]),
    stages: Vec<Stage>,
    logs: Vec<(&'static str, String)>,
    before: Option<u64>,
    peak: Option<u64>,
}

impl<'a> Meter<'a> {
    /// For one run, which ends soon after `stop` is set.
    pub fn new(visible: bool, stop: &'a AtomicBool, saved: &'a mut dyn FnMut(&[Stage])) -> Meter<'a> {
        const TEMPLATE: &str = "{prefix:22} [{bar:30}] {msg}, {elapsed} gone, {eta} to go";
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template(TEMPLATE).expect("the template is well-formed");
        let bar = ProgressBar::with_draw_target(Some(0), target).with_style(style.progress_chars("=> "));
        let (stages, logs) = (Vec::new(), Vec::new());
        Meter { bar, stop, saved, stages, logs, before: own_resident_bytes(), peak: None }
    }

    /// Lets virtual time pass in slices. Before each, `plan` is given the network, the observer and the slice's end, and may say what is to
    /// happen in it. Ends early when the run is to stop.
    pub fn pass<P: Peer, O: Observer>(
        &mut self,
        name: &'static str,
        sim: &mut Sim<P>,
        (time, slice): (Duration, Duration),
        observer: &mut O,
        mut plan: impl FnMut(&mut Sim<P>, &mut O, Duration),
    ) {
        let (began, start, events) = (Instant::now(), sim.now(), sim.events());
        let end = start + time;
        self.bar.reset();
        self.bar.set_prefix(name);
        self.bar.set_length(time.as_millis() as u64);
        while sim.now() < end && !self.is_stopped() {
            let until = end.min(sim.now() + slice);
            plan(sim, observer, until.since(sim.now()));
            sim.run_until(until, observer);
            self.look(sim.now().since(start), sim.events() - events, began);
        }
        let nodes = sim.len() as u64;
        let memory_bytes =
            own_resident_bytes().zip(self.before).map(|(now, before)| now.saturating_sub(before));
        self.stages.push(Stage {
            name,
            virtual_s: sim.now().since(start).as_secs_f64(),
            took_s: began.elapsed().as_secs_f64(),
            events: sim.events() - events,
            nodes,
            memory_bytes,
        });
        (self.saved)(&self.stages);
    }

    /// Sees how far it is and how much memory is in use.
    fn look(&mut self, passed: Duration, events: u64, began: Instant) {
        self.peak = self.peak.max(own_resident_bytes());
        let rate = events as f64 / began.elapsed().as_secs_f64().max(1e-9);
        let gib = self.peak.unwrap_or(0) as f64 / f64::from(1 << 30);
        self.bar.set_message(format!("{}, {:.2} M events/s, {gib:.1} GiB", spoken(passed), rate / 1e6));
        self.bar.set_position(passed.as_millis() as u64);
    }

    /// Whether the run is to stop.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Keeps what nodes have written down.
    pub fn keep(&mut self, name: &'static str, log: String) {
        self.logs.push((name, log));
    }

    /// What nodes have written down, by name.
    pub fn logs(&mut self) -> Vec<(&'static str, String)> {
        std::mem::take(&mut self.logs)
    }

    /// What happened, and the most memory in use at a time beyond what was in use before, bytes.
    pub fn over(self) -> (Vec<Stage>, Option<u64>) {
        self.bar.finish_and_clear();
        (self.stages, self.peak.zip(self.before).map(|(peak, before)| peak.saturating_sub(before)))
    }
}

/// Virtual time as people say it.
fn spoken(time: Duration) -> String {
    match time.as_secs() {
        ..600 => format!("{:.1} s", time.as_secs_f64()),
        600..172_800 => format!("{:.1} h", time.as_secs_f64() / 3_600.0),
        _ => format!("{:.1} days", time.as_secs_f64() / 86_400.0),
    }
}

/// Nobody listens.
pub(super) struct Deaf;

impl Observer for Deaf {
    fn note(&mut self, _: Time, _: common::net::NodeId, _: common::user::Note) {}
}
