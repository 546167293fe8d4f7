//! What the page asks of stored results: which overlays, by which backend, with which values.

use crate::claims::finding::{interval, mean};
use crate::compare::Backend;
use crate::measure::Unit;
use crate::overlays::overlays;
use crate::report::stored::{Asked, Column, Estimate, Results, Strike};

/// Results with the name under which they stand on the page.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    /// What to call them beside others; empty if they are alone.
    pub(super) label: &'a str,
    pub(super) results: &'a Results,
    /// The backend that speaks for them.
    pub(super) by: Option<Backend>,
}

/// A value over repeated runs.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Value {
    pub(super) unit: Unit,
    /// The median, or of what has no median the mean.
    pub(super) middle: f64,
    pub(super) interval_95: Option<(f64, f64)>,
}

/// The value of that name.
pub(super) fn value_of(estimates: &[Estimate], key: &str) -> Option<Value> {
    let estimate = estimates.iter().find(|one| one.key == key)?;
    let (unit, interval_95) = (estimate.unit, estimate.interval_95);
    Some(Value { unit, middle: estimate.median?, interval_95 })
}

/// Which way is better.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Better {
    Less,
    More,
}

/// All backends, in the order of the columns.
pub(super) const BACKENDS: [Backend; 3] = [Backend::Tcp, Backend::Processes, Backend::Sim];

/// How far apart two values of single runs may be and still count as alike: a tenth. Our choice; intervals say it better.
const ALIKE: f64 = 0.1;

/// Questions answered after the loss of a node, as a part of those asked: the name of that value.
pub(super) const ANSWERED: &str = "loss_answered";
/// Downloads under way at that moment that were completed, as a part of them.
pub(super) const COMPLETED: &str = "loss_completed";

impl Value {
    /// Whether it cannot be told from another.
    pub(super) fn is_like(&self, other: &Value) -> bool {
        match (self.interval_95, other.interval_95) {
            (Some(a), Some(b)) => a.0 <= b.1 && b.0 <= a.1,
            _ => (self.middle - other.middle).abs() <= ALIKE * self.middle.abs().max(other.middle.abs()),
        }
    }
}

impl Better {
    /// The order of values, the best first.
    pub(super) fn order(self, a: &Value, b: &Value) -> std::cmp::Ordering {
        match self {
            Better::Less => a.middle.total_cmp(&b.middle),
            Better::More => b.middle.total_cmp(&a.middle),
        }
    }
}

/// All results with the backend that speaks for them: the one with most runs of those that all of them have; if there is none, each
/// has its own.
pub(super) fn views<'a>(all: &[(&'a str, &'a Results)]) -> Vec<View<'a>> {
    let fewest = |by: &Backend| all.iter().map(|(_, results)| runs_by(results, *by)).min().unwrap_or(0);
    let common = BACKENDS.into_iter().filter(|by| fewest(by) > 0).max_by_key(fewest);
    let view = |&(label, results): &(&'a str, &'a Results)| {
        let runs = |by: &Backend| runs_by(results, *by);
        let own = || BACKENDS.into_iter().filter(|by| runs(by) > 0).max_by_key(runs);
        View { label, results, by: common.or_else(own) }
    };
    all.iter().map(view).collect()
}

/// Runs of each overlay by a backend.
pub(super) fn runs_by(results: &Results, backend: Backend) -> usize {
    let columns = results.columns.iter().filter(|column| column.backend == backend);
    columns.map(|column| column.runs.len()).max().unwrap_or(0)
}

/// Each overlay once: those of this program in the order of its table, then what other versions may have had.
pub(super) fn names<'a>(views: &[View<'a>]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for column in views.iter().flat_map(|view| &view.results.columns) {
        if !names.contains(&column.overlay.as_str()) {
            names.push(&column.overlay);
        }
    }
    let known = |name: &str| overlays().iter().position(|overlay| overlay.name() == name);
    names.sort_by_key(|name| known(name).unwrap_or(usize::MAX));
    names
}

/// Backends that any of the results have.
pub(super) fn backends(views: &[View<'_>]) -> Vec<Backend> {
    BACKENDS.into_iter().filter(|by| views.iter().any(|view| runs_by(view.results, *by) > 0)).collect()
}

/// A number of runs, in words.
pub(super) fn count(runs: usize) -> String {
    if runs == 1 { "1 run".to_owned() } else { format!("{runs} runs") }
}

/// What a backend is, in words.
pub(super) fn words(backend: Backend) -> &'static str {
    match backend {
        Backend::Tcp => "real sockets",
        Backend::Processes => "real sockets, several processes",
        Backend::Sim => "simulation",
    }
}

impl<'a> View<'a> {
    /// An overlay under a backend.
    pub(super) fn column(&self, overlay: &str, by: Backend) -> Option<&'a Column> {
        self.results.columns.iter().find(|column| column.backend == by && column.overlay == overlay)
    }

    /// A value of an overlay.
    pub(super) fn value(&self, overlay: &str, by: Backend, key: &str) -> Option<Value> {
        match key {
            ANSWERED => share(self.strikes(overlay, by).into_iter().map(|strike| answered(&strike.after))),
            COMPLETED => share(self.strikes(overlay, by).into_iter().map(completed)),
            key => value_of(&self.column(overlay, by)?.estimates, key),
        }
    }

    /// What the loss of a node has done to an overlay, run by run: that of its busiest node if that was tried, else the first
    /// fault of the scenario.
    pub(super) fn strikes(&self, overlay: &str, by: Backend) -> Vec<&'a Strike> {
        let loss = self.results.losses.iter().find(|loss| loss.overlay == overlay);
        if let Some(loss) = loss {
            return loss.runs.iter().filter_map(|run| run.strike.as_ref()).collect();
        }
        let runs = self.column(overlay, by).map(|column| column.runs.as_slice()).unwrap_or_default();
        runs.iter().filter_map(|run| run.strikes.first()).collect()
    }

    /// What was lost, in a few words; `None` if nothing was.
    pub(super) fn lost(&self) -> Option<String> {
        if self.results.losses.iter().any(|loss| loss.runs.iter().any(|run| run.strike.is_some())) {
            return Some("the death of the busiest node".to_owned());
        }
        let runs = self.results.columns.iter().flat_map(|column| &column.runs);
        runs.flat_map(|run| run.strikes.first()).next().map(|strike| strike.fault.clone())
    }
}

/// The part of questions that were answered.
pub(super) fn answered(asked: &Asked) -> Option<f64> {
    (asked.asked > 0).then(|| f64::from(asked.answered) / f64::from(asked.asked))
}

fn completed(strike: &Strike) -> Option<f64> {
    (strike.under_way > 0).then(|| f64::from(strike.completed) / f64::from(strike.under_way))
}

/// The mean of parts of a whole, and its interval.
pub(super) fn share(parts: impl Iterator<Item = Option<f64>>) -> Option<Value> {
    let parts: Vec<f64> = parts.flatten().collect();
    if parts.is_empty() {
        return None;
    }
    let interval_95 = interval(&parts).map(|(low, high)| (low.clamp(0.0, 1.0), high.clamp(0.0, 1.0)));
    Some(Value { unit: Unit::Share, middle: mean(&parts), interval_95 })
}
