//! A limit that the user sets on bytes per second.

use std::time::Duration;

use common::peer::Time;

/// The most that has gathered while nothing was taken, in seconds of the rate: what may go at once.
const BURST_S: f64 = 0.25;

/// Hands out bytes at no more than a rate; without one, as many as are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Throttle {
    bps: Option<f64>,
    /// Bytes that may go now; below zero after a block that was longer.
    level: f64,
    at: Time,
    /// A timer is set that tells when there is more.
    pub(super) is_awaited: bool,
}

impl Throttle {
    pub(super) fn new(bps: Option<u64>) -> Self {
        let bps = bps.map(|bps| bps.max(1) as f64);
        Throttle { bps, level: 0.0, at: Time::ZERO, is_awaited: false }
    }

    /// Takes so many bytes, if anything may go now; else when something may.
    pub(super) fn take(&mut self, bytes: u32, now: Time) -> Result<(), Duration> {
        let Some(bps) = self.bps else { return Ok(()) };
        let gathered = now.since(self.at).as_secs_f64() * bps;
        self.level = (self.level + gathered).min(BURST_S * bps);
        self.at = now;
        if self.level < 0.0 {
            // A little later than the moment itself, so that rounding never makes it too early.
            return Err(Duration::from_secs_f64(-self.level / bps) + Duration::from_millis(1));
        }
        self.level -= f64::from(bytes);
        Ok(())
    }

    /// They were not needed after all.
    pub(super) fn give_back(&mut self, bytes: u32) {
        self.level += f64::from(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_passes_than_the_rate() {
        let mut throttle = Throttle::new(Some(100_000));
        let (mut now, mut passed) = (Time::ZERO, 0);
        while now < Time::ZERO + Duration::from_secs(10) {
            match throttle.take(16_384, now) {
                Ok(()) => passed += 16_384,
                Err(after) => now = now + after,
            }
        }
        assert!((900_000..1_100_000).contains(&passed), "{passed}");
        let mut free = Throttle::new(None);
        assert!((0..1_000).all(|_| free.take(u32::MAX, Time::ZERO).is_ok()));
    }
}
