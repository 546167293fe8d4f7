//! What a single number cannot tell of a run: who carries how much, how soon things came, how much flowed when. Each in at most a
//! few hundred numbers, however long and large the run was.

use serde::{Deserialize, Serialize};

use common::metrics::NodeLoad;

use super::{DownloadEnd, DownloadRow, FlowRow, SearchRow};
use crate::plot::{concentration, share_of_top};

/// Parts into which all nodes are divided for the curve of their load.
const PARTS: u32 = 100;
/// The most values of a distribution: what a curve shows that is as wide as a page. Fewer are all there.
const QUANTILES_MAX: usize = 200;
/// The most values of a course.
pub const STEPS_MAX: usize = 240;

/// The course and the distributions of a run.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Curves {
    /// Lorenz's curve of control traffic: which part of it the least busy 0, 1, 2 … 100 % of the nodes carry. Empty without any.
    pub load: Vec<f64>,
    /// From each question to its first result.
    pub first_result: Spread,
    /// From the start of each download that was wanted to its completion.
    pub download: Spread,
    /// Content that arrives at all people together.
    pub arrival: Course,
}

/// How soon something came, of all that might have come.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Spread {
    /// How often it might have come.
    pub of: u64,
    /// How often it came.
    pub came: u64,
    /// The seconds it took, rising: all of them, or as many quantiles at equal distances, the last of which is the longest.
    pub seconds: Vec<f64>,
}

/// A rate over time, in equal steps.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Course {
    /// Seconds of a step.
    pub step_s: u64,
    /// Kilobits per second in each step, from the start of the run; zero after the last.
    pub kbps: Vec<f64>,
}

impl Curves {
    /// Those of a run of which this is known.
    pub(super) fn of(
        loads: &[NodeLoad],
        searches: &[SearchRow],
        downloads: &[DownloadRow],
        flow: &[FlowRow],
    ) -> Curves {
        let first = searches.iter().filter_map(|row| row.first_s);
        let fetched = downloads.iter().filter(|row| row.end == DownloadEnd::Fetched);
        Curves {
            load: lorenz(loads.iter().map(|load| load.control_bytes() as f64)),
            first_result: Spread::of(searches.len(), first),
            download: Spread::of(downloads.len(), fetched.filter_map(|row| row.took_s)),
            arrival: Course::of(flow),
        }
    }
}

/// What the least busy have; empty if nobody has anything.
fn lorenz(amounts: impl Iterator<Item = f64>) -> Vec<f64> {
    // His curve is that of the busiest, turned by half a circle.
    let curve = concentration(amounts);
    let rest = |part: u32| {
        let busier = f64::from(PARTS - part) / f64::from(PARTS);
        share_of_top(&curve, busier).map(|share| (1.0 - share).max(0.0))
    };
    (0..=PARTS).map_while(rest).collect()
}

impl Spread {
    /// Of what took so long where it came, and might have come so often.
    pub fn of(of: usize, seconds: impl Iterator<Item = f64>) -> Spread {
        let mut all: Vec<f64> = seconds.collect();
        all.sort_by(f64::total_cmp);
        let (came, kept) = (all.len(), all.len().min(QUANTILES_MAX));
        let quantile = |number: usize| all[(number * came).div_ceil(kept) - 1];
        Spread { of: of as u64, came: came as u64, seconds: (1..=kept).map(quantile).collect() }
    }

    /// The part of all that had come within so many seconds; `None` if nothing might have.
    pub fn within(&self, seconds: f64) -> Option<f64> {
        let kept = self.seconds.partition_point(|took| *took <= seconds) as f64;
        let part = if self.seconds.is_empty() { 0.0 } else { kept / self.seconds.len() as f64 };
        (self.of > 0).then(|| part * self.came as f64 / self.of as f64)
    }
}

impl Course {
    fn of(rows: &[FlowRow]) -> Course {
        let joined = rows.len().div_ceil(STEPS_MAX).max(1);
        let mean = |rows: &[FlowRow]| {
            let bytes_per_s = rows.iter().map(|row| row.bytes_per_s).sum::<f64>() / rows.len() as f64;
            bytes_per_s * 8.0 / 1000.0
        };
        let row_s = rows.first().map_or(1, |row| row.seconds);
        Course { step_s: row_s * joined as u64, kbps: rows.chunks(joined).map(mean).collect() }
    }

    /// The rate after so many seconds.
    pub fn at(&self, seconds: f64) -> f64 {
        let step = (seconds / self.step_s.max(1) as f64) as usize;
        self.kbps.get(step).copied().unwrap_or(0.0)
    }

    /// When the last step ends.
    pub fn end_s(&self) -> f64 {
        self.step_s as f64 * self.kbps.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_busy_come_first() {
        let curve = lorenz([1.0, 3.0, 0.0, 4.0].into_iter());
        assert_eq!(curve.len(), 101);
        assert_eq!([0, 25, 50, 75, 100].map(|part| curve[part]), [0.0, 0.0, 0.125, 0.5, 1.0]);
        assert!(curve.is_sorted(), "{curve:?}");
        assert!(lorenz([0.0, 0.0].into_iter()).is_empty() && lorenz(std::iter::empty()).is_empty());
    }

    #[test]
    fn few_values_are_all_there_and_many_are_quantiles() {
        let few = Spread::of(4, [3.0, 1.0].into_iter());
        assert_eq!((few.of, few.came, few.seconds.as_slice()), (4, 2, &[1.0, 3.0][..]));
        assert_eq!([0.5, 1.0, 2.9, 3.0].map(|at| few.within(at).unwrap()), [0.0, 0.25, 0.25, 0.5]);
        let many = Spread::of(20_000, (1..=10_000).map(f64::from));
        assert_eq!((many.seconds.len(), many.seconds[0], many.seconds[199]), (200, 50.0, 10_000.0));
        assert!((many.within(5_000.0).unwrap() - 0.25).abs() <= 0.5 / 200.0);
        assert_eq!(Spread::of(0, std::iter::empty()).within(1.0), None);
        assert_eq!(Spread::of(3, std::iter::empty()).within(1.0), Some(0.0));
    }

    #[test]
    fn a_long_course_has_longer_steps_and_the_same_bytes() {
        let row = |second: u64| FlowRow {
            second,
            seconds: 1,
            bytes_per_s: (second % 7) as f64,
            ..FlowRow::default()
        };
        let rows: Vec<FlowRow> = (0..480).map(row).collect();
        let course = Course::of(&rows);
        assert_eq!((course.step_s, course.kbps.len(), course.end_s()), (2, 240, 480.0));
        let bytes: f64 = rows.iter().map(|row| row.bytes_per_s).sum();
        let kept: f64 = course.kbps.iter().map(|kbps| kbps * 1000.0 / 8.0 * 2.0).sum();
        assert!((bytes - kept).abs() < 1e-6);
        assert_eq!((course.at(0.0), course.at(2.5), course.at(480.0)), (0.004, 0.02, 0.0));
        assert_eq!(Course::of(&[]).end_s(), 0.0);
    }
}
