//! A measure over repeated runs: the median and an interval for it.

use serde::Serialize;

use super::Run;
use crate::measure::Unit;

/// The fewest runs whose smallest and largest value enclose the median with at least 95 % certainty: five miss it with
/// probability 2/2^5 = 6.25 %, six with 3.1 %.
pub const REPEATS_FOR_INTERVAL: u32 = 6;

/// A measure over repeated runs.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Estimate {
    /// Its name in files.
    pub key: &'static str,
    /// Its name in the table.
    pub title: &'static str,
    /// The heading it stands under.
    pub group: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// Runs that have a value.
    pub runs: u32,
    /// The median of their values.
    pub median: Option<f64>,
    /// An interval that holds the true median with at least 95 % certainty, whatever the distribution; from six runs on.
    pub interval_95: Option<(f64, f64)>,
    /// Why no run has a value, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_none: Option<&'static str>,
}

/// Each measure over all runs.
pub(super) fn over(runs: &[Run]) -> Vec<Estimate> {
    let Some(first) = runs.first() else { return Vec::new() };
    let estimate = |(at, measure): (usize, &crate::measure::Measure)| {
        let mut values: Vec<f64> = runs.iter().filter_map(|run| run.measured.sheet.0[at].value).collect();
        values.sort_by(f64::total_cmp);
        Estimate {
            key: measure.key,
            title: measure.title,
            group: measure.group,
            unit: measure.unit,
            runs: values.len() as u32,
            median: median(&values),
            interval_95: interval(&values),
            why_none: measure.why_none.filter(|_| values.is_empty()),
        }
    };
    first.measured.sheet.0.iter().enumerate().map(estimate).collect()
}

fn median(sorted: &[f64]) -> Option<f64> {
    let n = sorted.len();
    match n {
        0 => None,
        _ if n % 2 == 1 => Some(sorted[n / 2]),
        _ => Some((sorted[n / 2 - 1] + sorted[n / 2]) / 2.0),
    }
}

/// From the k-th smallest to the k-th largest value, with the largest k for which that encloses the median with 95 %
/// certainty: the median lies outside if fewer than k of n fair coins fall on one side.
fn interval(sorted: &[f64]) -> Option<(f64, f64)> {
    let n = sorted.len();
    let mut below = 0.0;
    let mut probability = 0.5f64.powi(i32::try_from(n).ok()?);
    let mut k = 0;
    while k < n / 2 {
        below += probability;
        if 2.0 * below > 0.05 {
            break;
        }
        probability *= (n - k) as f64 / (k + 1) as f64;
        k += 1;
    }
    (k > 0).then(|| (sorted[k - 1], sorted[n - k]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_follow_the_binomial_table() {
        // The ranks of the standard table of confidence intervals for a median at 95 %.
        for (n, ranks) in
            [(5, None), (6, Some((1, 6))), (8, Some((1, 8))), (9, Some((2, 8))), (20, Some((6, 15)))]
        {
            let values: Vec<f64> = (1..=n).map(f64::from).collect();
            let expected = ranks.map(|(low, high)| (f64::from(low), f64::from(high)));
            assert_eq!(interval(&values), expected, "{n}");
        }
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), Some(3.0));
    }
}
