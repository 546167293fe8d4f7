//! How much work strangers can make the services do: attempts of one address, and hashes in all.
//!
//! | an address | then |
//! |---|---|
//! | has made fewer attempts than allowed in the running minute | the attempt is let through, and counts |
//! | makes one more | it is shut out, twice as long as the last time |
//! | is shut out | nothing is computed for it; what it tries does not count |
//! | has made none for [`FORGET`], in which it could | forgotten |
//!
//! An attempt is a registration or a login; one with the right password is taken back, so that many users can share an address. It
//! does not take back those that failed before, or whoever has one account could guess at all others.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use common::peer::Time;

/// The window in which attempts are counted.
const WINDOW: Duration = Duration::from_secs(60);
/// How long an address that is not shut out is remembered after its last attempt. An hour: our choice.
const FORGET: Duration = Duration::from_secs(3600);
/// Doublings of the time for which an address is shut out.
const DOUBLINGS_MAX: u8 = 6;

/// What addresses have tried.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    by_address: BTreeMap<Ipv4Addr, Tried>,
}

#[derive(Debug)]
struct Tried {
    /// In the window.
    count: u32,
    window: Time,
    last: Time,
    /// How often it was shut out.
    strikes: u8,
    shut_until: Time,
}

impl Tried {
    /// It has been quiet for long enough, the time for which it was shut out not counted.
    fn is_forgotten(&self, now: Time) -> bool {
        now.since(self.last.max(self.shut_until)) >= FORGET
    }
}

impl Attempts {
    /// An attempt; false if nothing is to be done for it.
    pub(super) fn admit(
        &mut self,
        address: Ipv4Addr,
        now: Time,
        (per_min, shut_out): (u32, Duration),
        max: usize,
    ) -> bool {
        if !self.by_address.contains_key(&address) {
            self.make_room(now, max);
        }
        let fresh = Tried { count: 0, window: now, last: now, strikes: 0, shut_until: Time::ZERO };
        let tried = self.by_address.entry(address).or_insert(fresh);
        if now < tried.shut_until {
            return false;
        }
        if tried.is_forgotten(now) {
            tried.strikes = 0;
        }
        if now.since(tried.window) >= WINDOW {
            (tried.count, tried.window) = (0, now);
        }
        tried.last = now;
        if tried.count >= per_min {
            tried.shut_until = now + shut_out * (1 << tried.strikes);
            tried.strikes = (tried.strikes + 1).min(DOUBLINGS_MAX);
            return false;
        }
        tried.count += 1;
        true
    }

    /// The last attempt of this address is none: the password was right.
    pub(super) fn take_back(&mut self, address: Ipv4Addr) {
        if let Some(tried) = self.by_address.get_mut(&address) {
            tried.count = tried.count.saturating_sub(1);
        }
    }

    /// Forgets whom there is no reason to remember.
    pub(super) fn sweep(&mut self, now: Time) {
        self.by_address.retain(|_, tried| !tried.is_forgotten(now));
    }

    /// Room for one more. If all addresses must be remembered, the one that is or was shut out for the shortest goes: who has so many
    /// addresses to come from has as many fresh attempts anyway.
    fn make_room(&mut self, now: Time, max: usize) {
        if self.by_address.len() < max {
            return;
        }
        self.sweep(now);
        if self.by_address.len() >= max {
            let least = self.by_address.iter().min_by_key(|(_, tried)| (tried.shut_until, tried.last));
            if let Some(address) = least.map(|(address, _)| *address) {
                self.by_address.remove(&address);
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_address.len()
    }
}

/// So many pieces of work a second, and after a quiet second so many at once.
#[derive(Debug)]
pub(super) struct Pace {
    each: Duration,
    /// When all that was let through would be done, one after the other.
    done: Time,
}

impl Pace {
    pub(super) fn new(per_s: u32) -> Self {
        Pace { each: Duration::from_secs(1) / per_s.max(1), done: Time::ZERO }
    }

    /// One more; false if that is too many.
    pub(super) fn admit(&mut self, now: Time) -> bool {
        let done = self.done.max(now) + self.each;
        let is_admitted = done.since(now) <= Duration::from_secs(1);
        if is_admitted {
            self.done = done;
        }
        is_admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: (u32, Duration) = (3, Duration::from_secs(60));

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    fn host(number: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(0x0a00_0000 + number)
    }

    #[test]
    fn an_address_is_shut_out_twice_as_long_each_time() {
        let mut attempts = Attempts::default();
        let mut shut_s = Vec::new();
        let mut seconds = 0;
        for _ in 0..9 {
            while attempts.admit(host(1), at(seconds), LIMIT, 10) {}
            let shut_at = seconds;
            while !attempts.admit(host(1), at(seconds), LIMIT, 10) {
                seconds += 1;
            }
            shut_s.push(seconds - shut_at);
        }
        assert_eq!(shut_s, [60, 120, 240, 480, 960, 1920, 3840, 3840, 3840]);
        assert!(attempts.admit(host(2), at(seconds), LIMIT, 10), "others are not");
    }

    #[test]
    fn attempts_that_succeed_or_are_minutes_apart_shut_nobody_out() {
        let mut attempts = Attempts::default();
        for second in 0..1_000 {
            assert!(attempts.admit(host(1), at(second), LIMIT, 10));
            attempts.take_back(host(1));
            assert!(attempts.admit(host(2), at(second * 30), LIMIT, 10));
        }
    }

    #[test]
    fn the_table_is_bounded_and_keeps_those_shut_out() {
        let mut attempts = Attempts::default();
        while attempts.admit(host(0), at(0), LIMIT, 100) {}
        for number in 1..10_000 {
            assert!(attempts.admit(host(number), at(1), LIMIT, 100));
        }
        assert_eq!(attempts.len(), 100);
        assert!(!attempts.admit(host(0), at(1), LIMIT, 100), "nobody is let in by others' attempts");
        attempts.sweep(at(2 * 3600));
        assert_eq!(attempts.len(), 0);
    }

    #[test]
    fn work_has_its_pace() {
        let mut pace = Pace::new(20);
        let admitted = |pace: &mut Pace, now| (0..1_000).filter(|_| pace.admit(now)).count();
        assert_eq!(admitted(&mut pace, at(5)), 20);
        assert_eq!(admitted(&mut pace, at(5)), 0);
        assert_eq!(admitted(&mut pace, at(5) + Duration::from_millis(500)), 10);
        assert_eq!(admitted(&mut pace, at(60)), 20);
    }
}
