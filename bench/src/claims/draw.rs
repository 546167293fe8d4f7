//! Random draws, the same on every machine.

use rand_pcg::Pcg64;

use crate::world::{below, unit};

/// Numbers from zero drawn with given weights.
#[derive(Clone, Debug)]
pub struct Weighted {
    /// Sums of the weights up to and with each.
    sums: Vec<f64>,
}

impl Weighted {
    /// One weight for each number; none is negative.
    pub fn new(weights: impl IntoIterator<Item = f64>) -> Self {
        let mut sum = 0.0;
        let sums = weights.into_iter().map(|weight| {
            sum += weight;
            sum
        });
        Weighted { sums: sums.collect() }
    }

    /// Weights that fall as `rank^-alpha`, from rank 1.
    pub fn zipf(ranks: u32, alpha: f64) -> Self {
        Weighted::new((1..=ranks).map(|rank| libm::pow(f64::from(rank), -alpha)))
    }

    /// One of the numbers; zero if there is none.
    pub fn draw(&self, rng: &mut Pcg64) -> usize {
        let at = unit(rng) * self.sums.last().copied().unwrap_or(0.0);
        self.sums.partition_point(|sum| *sum <= at).min(self.sums.len().saturating_sub(1))
    }

    /// How likely each is.
    pub fn probabilities(&self) -> Vec<f64> {
        let total = self.sums.last().copied().unwrap_or(1.0);
        let before = std::iter::once(0.0).chain(self.sums.iter().copied());
        self.sums.iter().zip(before).map(|(sum, before)| (sum - before) / total).collect()
    }
}

/// A log-normal number with this median and this standard deviation of the logarithm.
pub fn log_normal(rng: &mut Pcg64, median: f64, sigma: f64) -> f64 {
    // Box and Muller's transformation; 1 - u is never zero.
    let radius = libm::sqrt(-2.0 * libm::log(1.0 - unit(rng)));
    median * libm::exp(sigma * radius * libm::cos(std::f64::consts::TAU * unit(rng)))
}

/// Brings things into a random order (Fisher and Yates).
pub fn shuffle<T>(things: &mut [T], rng: &mut Pcg64) {
    for at in (1..things.len()).rev() {
        things.swap(at, below(rng, at + 1));
    }
}

/// `count` of the numbers below `of`, in random order.
pub fn sample(of: u32, count: usize, rng: &mut Pcg64) -> Vec<u32> {
    let mut all: Vec<u32> = (0..of).collect();
    shuffle(&mut all, rng);
    all.truncate(count);
    all
}
