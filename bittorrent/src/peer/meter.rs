//! How fast bytes pass.

use std::time::Duration;

use common::peer::Time;

/// Bytes per second over a window that slides: what mainline 3 measures (`CurrentRateMeasure.Measure`). A new one counts as if a
/// second had passed already, so that the first block makes nobody the fastest of all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meter {
    /// The start of what `bps` is the mean of, seconds of the run. Before the run's start for a new one.
    since_s: f64,
    last_s: f64,
    bps: f64,
}

const FUDGE_S: f64 = 1.0;

impl Meter {
    pub(super) fn new(now: Time) -> Self {
        let now_s = now.as_secs_f64();
        Meter { since_s: now_s - FUDGE_S, last_s: now_s - FUDGE_S, bps: 0.0 }
    }

    /// So many bytes have passed.
    pub(super) fn add(&mut self, bytes: u32, now: Time, window: Duration) {
        let now_s = now.as_secs_f64();
        let passed = self.bps * (self.last_s - self.since_s) + f64::from(bytes);
        // Never zero: what is new began a second ago.
        self.bps = passed / (now_s - self.since_s).max(1e-3);
        self.last_s = now_s;
        self.since_s = self.since_s.max(now_s - window.as_secs_f64());
    }

    /// Bytes per second now.
    pub(super) fn bps(&mut self, now: Time, window: Duration) -> f64 {
        self.add(0, now, window);
        self.bps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_flow_is_measured_and_a_silence_forgotten() {
        let window = Duration::from_secs(20);
        let at = |s: u64| Time::ZERO + Duration::from_secs(s);
        let mut meter = Meter::new(at(0));
        for s in 1..=100 {
            meter.add(5_000, at(s), window);
        }
        let bps = meter.bps(at(100), window);
        assert!((4_800.0..5_200.0).contains(&bps), "{bps}");
        let bps = meter.bps(at(200), window);
        assert!(bps < 1_000.0, "{bps}");
    }
}
