//! How long the rest of a sweep takes, by what its finished runs have taken.

use std::collections::BTreeMap;
use std::time::Duration;

/// How the time of a run grows with its work where nothing is known yet: floods and swarms grow faster than their people.
const EXPONENT: f64 = 1.3;
/// What is believed of measured growth: short runs are mostly overhead and chance.
const EXPONENTS: std::ops::RangeInclusive<f64> = 0.8..=2.5;
/// Works further apart than this show how time grows with work.
const APART: f64 = 2.0;

/// Times of finished runs, by overlay.
#[derive(Default)]
pub(super) struct Forecast {
    /// The work of each run and its seconds.
    finished: BTreeMap<&'static str, Vec<(f64, f64)>>,
}

impl Forecast {
    /// A run has taken so long.
    pub(super) fn add(&mut self, overlay: &'static str, work: f64, took: Duration) {
        self.finished.entry(overlay).or_default().push((work, took.as_secs_f64()));
    }

    /// What runs take that are still to be made, all together; `None` before any has finished.
    pub(super) fn of<'a>(&self, missing: impl Iterator<Item = (&'a str, f64)>) -> Option<Duration> {
        let seconds = missing.map(|(overlay, work)| self.seconds(overlay, work)).sum::<Option<f64>>()?;
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// What one takes: as the finished one of its overlay whose work is nearest, and more or less by the difference. An overlay that has
    /// none yet is taken for one like the others.
    fn seconds(&self, overlay: &str, work: f64) -> Option<f64> {
        let Some(own) = self.finished.get(overlay) else {
            let all = self.finished.keys().map(|other| self.seconds(other, work));
            let all: Vec<f64> = all.collect::<Option<_>>()?;
            return (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64);
        };
        let distance = |known: f64| (known / work).ln().abs();
        let nearest =
            own.iter().map(|(known, _)| *known).min_by(|a, b| distance(*a).total_cmp(&distance(*b)))?;
        Some(mean_at(own, nearest) * (work / nearest).powf(growth(own)))
    }
}

/// The mean time of the runs of this work.
fn mean_at(runs: &[(f64, f64)], work: f64) -> f64 {
    let (count, sum) = runs
        .iter()
        .filter(|run| run.0 == work)
        .fold((0.0, 0.0), |(count, sum), run| (count + 1.0, sum + run.1));
    sum / count
}

/// How time grows with work from the least of the runs to the largest.
fn growth(runs: &[(f64, f64)]) -> f64 {
    let works = || runs.iter().map(|run| run.0);
    let (least, most) = (works().fold(f64::MAX, f64::min), works().fold(0.0, f64::max));
    let (first, last) = (mean_at(runs, least), mean_at(runs, most));
    if most / least < APART || first <= 0.0 || last <= 0.0 {
        return EXPONENT;
    }
    ((last / first).ln() / (most / least).ln()).clamp(*EXPONENTS.start(), *EXPONENTS.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_before_a_run_has_finished() {
        assert_eq!(Forecast::default().of([("a", 1.0)].into_iter()), None);
        assert_eq!(Forecast::default().of(std::iter::empty()), Some(Duration::ZERO));
    }

    #[test]
    fn what_grows_with_the_square_of_its_work_is_foreseen_as_that() {
        let mut forecast = Forecast::default();
        for work in [10.0, 20.0, 40.0] {
            forecast.add("flood", work, Duration::from_secs_f64(work * work / 1000.0));
            forecast.add("index", work, Duration::from_secs_f64(work / 1000.0));
        }
        let left = forecast.of([("flood", 400.0), ("index", 400.0)].into_iter()).unwrap();
        assert!((left.as_secs_f64() - 160.4).abs() < 0.01, "{left:?}");
        // One that has not run yet is like the others.
        let stranger = forecast.of([("stranger", 40.0)].into_iter()).unwrap();
        assert!((stranger.as_secs_f64() - (1.6 + 0.04) / 2.0).abs() < 0.001, "{stranger:?}");
    }
}
