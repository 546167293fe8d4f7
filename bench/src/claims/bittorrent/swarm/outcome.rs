//! How a swarm fared, and what none can beat.

/// The least time for distribution: T = max{F/u_s, F/d_min, N F/(u_s + Σ u)} (Kumar and Ross 2006; Mundinger, Weber and Weiss 2008).
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// One copy leaves the origin, seconds.
    pub origin_s: f64,
    /// All comes down the slowest line.
    pub downlink_s: f64,
    /// All copies leave through all uplinks.
    pub uplinks_s: f64,
}

impl Bound {
    /// The largest of its terms, seconds.
    pub fn least_s(&self) -> f64 {
        self.origin_s.max(self.downlink_s).max(self.uplinks_s)
    }
}

/// How a swarm fared.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How many came.
    pub people: usize,
    /// Seconds that each took who finished, in order.
    pub times_s: Vec<f64>,
    /// From the first who came to the last who had all.
    pub last_s: f64,
    /// What no swarm can beat.
    pub bound: Bound,
}

impl Outcome {
    /// The mean time, seconds.
    pub fn mean_s(&self) -> f64 {
        mean(&self.times_s)
    }

    /// The share of those who came that finished.
    pub fn finished(&self) -> f64 {
        self.times_s.len() as f64 / self.people as f64
    }

    /// The time until the last had all, by the least that is possible.
    pub fn by_bound(&self) -> f64 {
        self.last_s / self.bound.least_s()
    }
}

/// The median; not a number without values.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The mean; not a number without values.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Jain's index of fairness: 1 if all have the same, 1/n if one of n has all.
pub fn jain(values: &[f64]) -> f64 {
    let sum: f64 = values.iter().sum();
    let squares: f64 = values.iter().map(|value| value * value).sum();
    sum * sum / (values.len() as f64 * squares)
}
