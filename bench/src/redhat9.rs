//! When people came for the torrent of RedHat 9: a curve fitted to the log of its tracker.
//!
//! | days after the launch | new clients in a day | form |
//! |---|---|---|
//! | 0 to 1 | 117,600 falling to 6,500 | falls by a factor of e each 8.3 hours; not in the data, but the one exponential that has 51,000 in the first five days, 260 an hour after one, and some 4,000 present on the first |
//! | 1 to 9 | 6,630 falling to 1,150 | days to the power of -0.8 |
//! | 9 to 23 | 776 falling to 65 | exponential; the tracker was away for a while |
//! | 23 to 57 | 352 | constant |
//! | 57 to 71 | 1,259 falling to 700 | exponential: a second wave |
//! | 71 to 146 | 653 | constant |
//!
//! These are first visits: who came back later is not counted again. Within a day they were as independent of each other as Poisson's
//! law has it (coefficient of variation of the pauses 1.0 to 1.1), so that arrivals are drawn from this density and nothing else.

use std::ops::Range;

use rand::Rng;

use crate::world::unit;

/// The days that the curve covers.
pub const DAYS: f64 = 146.0;

/// Each hour's part of an average hour, counted from the hour of the launch; measured in the two constant stretches.
const HOURS: [f64; 24] = [
    0.91, 0.98, 1.15, 1.29, 1.32, 1.35, 1.36, 1.31, 1.20, 1.18, 1.12, 1.04, 0.92, 0.82, 0.81, 0.81, 0.82,
    0.79, 0.76, 0.77, 0.77, 0.81, 0.86, 0.83,
];

/// How many come in a day, so many days after the launch, the hours of the day left out.
pub fn per_day(day: f64) -> f64 {
    let falls = |from: f64, to: f64, days: Range<f64>| {
        from * libm::exp(libm::log(to / from) * (day - days.start) / (days.end - days.start))
    };
    match day {
        ..1.0 => 24.0 * 4_900.0 * libm::exp(-24.0 * day / 8.3),
        ..9.0 => 6_630.0 * libm::pow(day, -0.8),
        ..23.0 => falls(776.0, 65.0, 9.0..23.0),
        ..57.0 => 352.0,
        ..71.0 => falls(1_259.0, 700.0, 57.0..71.0),
        _ => 653.0,
    }
}

/// The part of an average hour that this hour of the day has. On the first day everybody comes because of the launch.
fn hour_factor(day: f64) -> f64 {
    if day < 1.0 { 1.0 } else { HOURS[(day.fract() * 24.0) as usize % 24] }
}

/// When so many people come who are drawn from all who came in these days: parts of the whole stretch, rising from 0 to 1.
pub fn arrivals(days: Range<f64>, count: u32, rng: &mut impl Rng) -> Vec<f64> {
    /// Steps of a day: fine enough for the first hours, and a step never reaches into another hour.
    const STEPS: f64 = 96.0;
    let steps = ((days.end - days.start) * STEPS).ceil().max(1.0) as usize;
    let width = (days.end - days.start) / steps as f64;
    let mut sums = Vec::with_capacity(steps + 1);
    let mut sum = 0.0;
    sums.push(0.0);
    for step in 0..steps {
        let middle = days.start + (step as f64 + 0.5) * width;
        sum += per_day(middle) * hour_factor(middle) * width;
        sums.push(sum);
    }
    let mut drawn: Vec<f64> = (0..count).map(|_| unit(rng) * sum).collect();
    drawn.sort_by(f64::total_cmp);
    let part = |drawn: f64| {
        let step = sums.partition_point(|sum| *sum <= drawn).clamp(1, steps);
        let (low, high) = (sums[step - 1], sums[step]);
        (step as f64 - 1.0 + (drawn - low) / (high - low)) / steps as f64
    };
    drawn.into_iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_pcg::Pcg64;

    use super::*;

    /// How many came in these days.
    fn came(days: Range<u32>) -> f64 {
        let steps = (days.start * 96..days.end * 96).map(|step| (f64::from(step) + 0.5) / 96.0);
        steps.map(|day| per_day(day) * hour_factor(day) / 96.0).sum()
    }

    #[test]
    fn as_many_come_as_the_log_has() {
        // Published: 51,000 in the first five days. Counted in the log: 18,055 in the eight days from the second on, and the four
        // stretches after them.
        for (days, counted, tolerance) in [
            (0..5, 51_000.0, 0.02),
            (1..9, 18_055.0, 0.05),
            (9..23, 4_014.0, 0.05),
            (23..57, 34.0 * 352.0, 0.02),
            (57..71, 13_330.0, 0.02),
            (71..146, 75.0 * 653.0, 0.02),
        ] {
            let came = came(days.clone());
            assert!((came / counted - 1.0).abs() <= tolerance, "{days:?}: {came}, counted {counted}");
        }
    }

    #[test]
    fn the_hours_of_a_day_are_parts_of_it() {
        assert!((HOURS.iter().sum::<f64>() / 24.0 - 1.0).abs() < 0.01);
    }

    #[test]
    fn arrivals_rise_and_follow_the_curve() {
        let mut rng = Pcg64::seed_from_u64(1);
        let parts = arrivals(0.0..5.0, 51_000, &mut rng);
        assert!(parts.is_sorted() && parts[0] >= 0.0 && parts[50_999] <= 1.0);
        let first_day = parts.iter().filter(|part| **part < 0.2).count() as f64;
        assert!((first_day / came(0..1) - 1.0).abs() < 0.03, "{first_day}");
    }
}
