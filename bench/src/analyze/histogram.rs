//! How often which size occurs, of sizes that differ by powers of ten.

use crate::plot::Bar;

/// Classes in each decade: each is a third larger than the one before.
const CLASSES_PER_DECADE: i32 = 8;
/// The decades: below and above lie the first and the last class.
const DECADES: std::ops::Range<i32> = 0..12;

/// Counts of values in classes of equal ratio. A second, a kilobit per second and less are one class.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    sum: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { counts: vec![0; (DECADES.len() as i32 * CLASSES_PER_DECADE) as usize], sum: 0.0 }
    }
}

impl Histogram {
    /// Counts a value.
    pub fn add(&mut self, value: f64) {
        let class = (libm::log10(value) * f64::from(CLASSES_PER_DECADE)).floor() as i32;
        let class = class.saturating_sub(DECADES.start * CLASSES_PER_DECADE);
        let last = self.counts.len() - 1;
        self.counts[usize::try_from(class).unwrap_or(0).min(last)] += 1;
        self.sum += value;
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their mean.
    pub fn mean(&self) -> Option<f64> {
        super::share(self.sum, self.count() as f64)
    }

    /// The middle of the class that has most.
    pub fn mode(&self) -> Option<f64> {
        let most = (0..self.counts.len()).rev().max_by_key(|class| self.counts[*class])?;
        (self.counts[most] > 0).then(|| edge(most as f64 + 0.5))
    }

    /// A bar for each class from the first to the last that has any.
    pub fn bars(&self) -> Vec<Bar> {
        let any = |count: &u64| *count > 0;
        let (Some(first), Some(last)) = (self.counts.iter().position(any), self.counts.iter().rposition(any))
        else {
            return Vec::new();
        };
        let bar = |class: usize| Bar {
            from: edge(class as f64),
            to: edge(class as f64 + 1.0),
            value: self.counts[class] as f64,
        };
        (first..=last).map(bar).collect()
    }
}

/// Where a class begins.
fn edge(class: f64) -> f64 {
    libm::pow(10.0, class / f64::from(CLASSES_PER_DECADE) + f64::from(DECADES.start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_the_class_that_spans_them() {
        let mut histogram = Histogram::default();
        assert_eq!((histogram.mean(), histogram.mode(), histogram.bars()), (None, None, Vec::new()));
        for value in [100.0, 101.0, 102.0, 150.0, 900.0, 0.0, 1e30] {
            histogram.add(value);
        }
        let bars = histogram.bars();
        assert_eq!(histogram.count(), 7);
        assert_eq!(bars.iter().map(|bar| bar.value).sum::<f64>(), 7.0);
        let hundred = bars.iter().find(|bar| bar.from <= 101.0 && bar.to > 101.0).unwrap();
        assert_eq!(hundred.value, 3.0);
        assert!((histogram.mode().unwrap() - 115.5).abs() < 0.1);
    }
}
