//! Random draws with the same results on every machine: integers of fixed width, and logarithms and powers of one
//! implementation.

use rand::Rng;

/// The weight of the most popular rank. Integer weights leave no room for differently rounded sums; with 2^40 the
/// millionth rank at an exponent of 1.2 still has a weight of sixty thousand.
const WEIGHT_MAX: f64 = (1u64 << 40) as f64;

/// A number below `n`, uniformly up to a bias of n / 2^64; zero if `n` is zero.
pub(super) fn below(rng: &mut impl Rng, n: u64) -> u64 {
    ((u128::from(rng.next_u64()) * u128::from(n)) >> 64) as u64
}

/// An element of a non-empty slice.
pub(super) fn pick<'a, T>(rng: &mut impl Rng, of: &'a [T]) -> &'a T {
    &of[below(rng, of.len() as u64) as usize]
}

/// True with probability `p`.
pub(super) fn chance(rng: &mut impl Rng, p: f64) -> bool {
    unit(rng) < p
}

/// Uniform in [0, 1).
fn unit(rng: &mut impl Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// A log-normal number with this mean, not median, and this standard deviation of the logarithm.
pub(super) fn log_normal(rng: &mut impl Rng, mean: f64, sigma: f64) -> f64 {
    // Box and Muller's transformation; 1 - u is never zero.
    let radius = libm::sqrt(-2.0 * libm::log(1.0 - unit(rng)));
    let normal = radius * libm::cos(std::f64::consts::TAU * unit(rng));
    mean * libm::exp(sigma * normal - sigma * sigma / 2.0)
}

/// Ranks from zero drawn with probability proportional to 1 / (rank + 1)^alpha.
#[derive(Clone, Debug)]
pub(super) struct Zipf {
    /// Sums of the weights up to and with each rank.
    sums: Vec<u64>,
}

impl Zipf {
    /// A distribution over `ranks` ranks; `alpha` zero is uniform.
    pub(super) fn new(ranks: usize, alpha: f64) -> Self {
        let mut sum = 0u64;
        let weight = |rank: usize| (WEIGHT_MAX * libm::pow(rank as f64 + 1.0, -alpha)).max(1.0) as u64;
        let sums = (0..ranks).map(|rank| {
            sum = sum.saturating_add(weight(rank));
            sum
        });
        Zipf { sums: sums.collect() }
    }

    /// A rank; zero if there is none.
    pub(super) fn draw(&self, rng: &mut impl Rng) -> usize {
        let at = below(rng, self.sums.last().copied().unwrap_or(0));
        self.sums.partition_point(|sum| *sum <= at)
    }

    /// The probability of a rank.
    pub(super) fn probability(&self, rank: usize) -> f64 {
        let before = if rank == 0 { 0 } else { self.sums[rank - 1] };
        (self.sums[rank] - before) as f64 / *self.sums.last().unwrap_or(&1) as f64
    }
}
