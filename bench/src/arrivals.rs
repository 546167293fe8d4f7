//! When people come: the moments of each shape of arrivals, drawn from the seed.

use rand_pcg::Pcg64;

use crate::redhat9;
use crate::scenario::{Arrivals, DURATION_MAX_S};
use crate::world::exponential;

/// When so many people come, in seconds after the start, rising; nobody later than the longest run lasts.
pub fn arrivals(shape: Arrivals, count: u32, rng: &mut Pcg64) -> Vec<f64> {
    let each = 0..count;
    let mut all: Vec<f64> = match shape {
        Arrivals::Together => each.map(|_| 0.0).collect(),
        Arrivals::Uniform { over_s } => {
            each.map(|number| over_s * f64::from(number) / f64::from(count)).collect()
        }
        Arrivals::Poisson { per_s } => {
            let mut last = 0.0;
            let mut next = || {
                last += exponential(rng, 1.0 / per_s);
                last
            };
            each.map(|_| next()).collect()
        }
        Arrivals::FlashCrowd { per_s, lasting_s, then_per_s } => {
            // Poisson's law with a rate that changes once: pauses are drawn in people, and people become seconds by the rate.
            let crowd = per_s * lasting_s;
            let mut people = 0.0;
            let mut next = || {
                people += exponential(rng, 1.0);
                if people <= crowd { people / per_s } else { lasting_s + (people - crowd) / then_per_s }
            };
            each.map(|_| next()).collect()
        }
        Arrivals::Redhat9 { from_day, days, over_s } => {
            let parts = redhat9::arrivals(from_day..from_day + days, count, rng);
            parts.into_iter().map(|part| part * over_s).collect()
        }
    };
    all.iter_mut().for_each(|at| *at = at.min(DURATION_MAX_S));
    all
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn drawn(shape: Arrivals, count: u32) -> Vec<f64> {
        arrivals(shape, count, &mut Pcg64::seed_from_u64(7))
    }

    #[test]
    fn a_flash_crowd_comes_at_its_rate_and_then_at_the_other() {
        let all = drawn(Arrivals::FlashCrowd { per_s: 50.0, lasting_s: 20.0, then_per_s: 2.0 }, 2_000);
        assert!(all.is_sorted());
        let crowd = all.iter().filter(|at| **at < 20.0).count();
        assert!((900..1_100).contains(&crowd), "{crowd} of about 1000");
        let later = all[1_999] - 20.0;
        assert!((later / 500.0 - 1.0).abs() < 0.2, "a thousand at two a second, in {later} s");
    }

    #[test]
    fn no_rate_is_so_low_that_time_ends() {
        for shape in [
            Arrivals::Poisson { per_s: f64::MIN_POSITIVE },
            Arrivals::FlashCrowd { per_s: 1e-300, lasting_s: 1.0, then_per_s: 1e-300 },
            Arrivals::Uniform { over_s: f64::MAX },
        ] {
            assert!(drawn(shape, 100).iter().all(|at| (0.0..=DURATION_MAX_S).contains(at)), "{shape:?}");
        }
    }
}
