//! How often somebody may ask.

use std::time::Duration;

use common::peer::Time;

/// A leaky bucket, kept as the moment at which it will have run empty.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    empty_at: Time,
}

impl Bucket {
    /// Whether one more is in order, of so many a second in the long run and so many at once; if so it is counted.
    pub(super) fn admits(&mut self, now: Time, per_s: u32, burst: u32) -> bool {
        let takes = Duration::from_secs(1) / per_s.max(1);
        let empty_at = self.empty_at.max(now);
        let is_in_order = empty_at.since(now) + takes <= takes * burst.max(1);
        if is_in_order {
            self.empty_at = empty_at + takes;
        }
        is_in_order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_a_steady_rate() {
        let at = |ms| Time::ZERO + Duration::from_millis(ms);
        let mut bucket = Bucket::default();
        let mut admitted = |ms| (0..100).filter(|_| bucket.admits(at(ms), 10, 50)).count();
        assert_eq!([admitted(0), admitted(50), admitted(100), admitted(350)], [50, 0, 1, 2]);
        assert_eq!(admitted(60_000), 50);
    }
}
