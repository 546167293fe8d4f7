//! Quantities in equal parts of a time.

/// Lengths of a part, in milliseconds: what people would choose. Longer ones are days, doubled as often as need be.
const WIDTHS_MS: [u64; 22] = [
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    21_600_000,
    43_200_000,
    86_400_000,
    172_800_000,
];

/// A time in equal parts, each with its quantities.
#[derive(Clone, Debug)]
pub struct Timeline<B> {
    start_ms: u64,
    end_ms: u64,
    width_ms: u64,
    parts: Vec<B>,
}

impl<B: Default + Clone> Timeline<B> {
    /// From one moment to another, in no more than `parts_max` parts, each of at least `least_ms`.
    pub fn new(start_ms: u64, end_ms: u64, least_ms: u64, parts_max: u64) -> Timeline<B> {
        let length = end_ms.saturating_sub(start_ms).max(1);
        let fits = |width: &u64| *width >= least_ms && length.div_ceil(*width) <= parts_max;
        let width_ms = WIDTHS_MS.into_iter().find(fits).unwrap_or_else(|| {
            let mut width = WIDTHS_MS[WIDTHS_MS.len() - 1];
            while !fits(&width) {
                width = width.saturating_mul(2);
            }
            width
        });
        let parts = vec![B::default(); length.div_ceil(width_ms) as usize];
        let start_ms = start_ms.min(u64::MAX - length);
        Timeline { start_ms, end_ms: start_ms + length, width_ms, parts }
    }

    /// Seconds of each part; the last may be over sooner.
    pub fn width_s(&self) -> f64 {
        self.width_ms as f64 / 1_000.0
    }

    /// Tells each part that lies within a while which share of the while it is, all together one if no part of it lies outside; of
    /// a while without length the part where it is.
    pub fn spread(&mut self, from_ms: u64, to_ms: u64, mut add: impl FnMut(&mut B, f64)) {
        if from_ms >= to_ms {
            return self.at(to_ms, |part| add(part, 1.0));
        }
        let length = (to_ms - from_ms) as f64;
        let (mut at, end) = (from_ms.max(self.start_ms), to_ms.min(self.end_ms));
        while at < end {
            let number = (at - self.start_ms) / self.width_ms;
            let next = self.start_ms.saturating_add((number + 1).saturating_mul(self.width_ms)).min(end);
            if let Some(part) = self.parts.get_mut(number as usize) {
                add(part, (next - at) as f64 / length);
            }
            at = next;
        }
    }

    /// Tells the part of a moment, if it lies in this time at all; its very end belongs to the last part.
    pub fn at(&mut self, time_ms: u64, add: impl FnOnce(&mut B)) {
        if time_ms < self.start_ms || time_ms > self.end_ms {
            return;
        }
        let number = ((time_ms - self.start_ms) / self.width_ms) as usize;
        let last = self.parts.len() - 1;
        add(&mut self.parts[number.min(last)]);
    }

    /// Each part with when it begins, in seconds since the start, and how many seconds it has.
    pub fn parts(&self) -> impl Iterator<Item = (f64, f64, &B)> {
        let part = |(number, part): (u64, _)| {
            let from = number * self.width_ms;
            let length = (self.end_ms - self.start_ms - from).min(self.width_ms);
            (from as f64 / 1_000.0, length as f64 / 1_000.0, part)
        };
        (0..).zip(&self.parts).map(part)
    }

    /// A value of each part as steps that last as long as the parts, up to the end.
    pub fn steps(&self, value: impl Fn(&B, f64) -> f64) -> Vec<(f64, f64)> {
        let mut steps: Vec<(f64, f64)> =
            self.parts().map(|(from, length, part)| (from, value(part, length))).collect();
        let end = (self.end_ms - self.start_ms) as f64 / 1_000.0;
        steps.extend(steps.last().copied().map(|(_, last)| (end, last)));
        steps
    }

    /// A value summed up to the end of each part.
    pub fn sums(&self, value: impl Fn(&B) -> f64) -> Vec<(f64, f64)> {
        let mut sum = 0.0;
        let after = |(from, length, part): (f64, f64, &B)| {
            sum += value(part);
            (from + length, sum)
        };
        [(0.0, 0.0)].into_iter().chain(self.parts().map(after)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spread_over_a_while_is_there_in_whole() {
        let mut time = Timeline::<f64>::new(1_000, 11_000, 0, 10);
        assert_eq!(time.width_s(), 1.0);
        time.spread(1_500, 3_500, |part, share| *part += 100.0 * share);
        time.spread(4_000, 4_000, |part, share| *part += share);
        time.at(11_000, |part| *part += 7.0);
        // Half of it lies before.
        time.spread(0, 2_000, |part, share| *part += 10.0 * share);
        time.spread(0, 999, |part, _| *part += 1e9);
        time.at(11_001, |part| *part += 1e9);
        assert_eq!(time.parts, [30.0, 50.0, 25.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 7.0]);
        assert_eq!(time.sums(|part| *part)[4], (4.0, 106.0));
        assert_eq!(time.steps(|part, seconds| part / seconds).last(), Some(&(10.0, 7.0)));
    }

    #[test]
    fn any_time_has_few_parts() {
        for (from, to) in [
            (0, 0),
            (5, 3),
            (0, u64::MAX),
            (u64::MAX, u64::MAX),
            (u64::MAX - 1, u64::MAX),
            (7, 13_219_200_000),
        ] {
            let mut time = Timeline::<u32>::new(from, to, 1_000, 500);
            assert!((1..=500).contains(&time.parts.len()), "{from} to {to}: {}", time.parts.len());
            time.spread(0, u64::MAX, |part, _| *part += 1);
            time.at(to, |part| *part += 1);
            assert!(time.parts.iter().all(|part| *part >= 1));
            assert!(
                time.steps(|_, seconds| seconds).iter().all(|(at, length)| at.is_finite() && *length > 0.0)
            );
        }
        assert_eq!(Timeline::<u32>::new(0, 153 * 86_400_000, 60_000, 2_000).width_s(), 7_200.0);
    }
}
