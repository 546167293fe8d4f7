//! Addresses of servents that may accept a link: from pongs, `X-Try`, query hits and web caches.
//!
//! | event | what becomes of the address |
//! |---|---|
//! | somebody names it | in the book, or fresh again; if the book is full, one of the least promising makes room |
//! | it is dialled | put off, so that it is not dialled twice |
//! | a link came about | proven: it outlives those that are only hearsay |
//! | it refuses | put off for [`BUSY`]: it lives |
//! | it does not answer | put off, twice as long each time; after [`FAILURES_MAX`] times it is dropped |
//!
//! The book knows neither which addresses are linked already nor which one is our own: whoever picks says what is usable.

use std::net::SocketAddrV4;
use std::time::Duration;

use common::net::is_dialable;
use common::peer::Time;
use rand::{Rng, RngExt as _};

/// How long one that refused is left alone. A minute: two links a minute from one address are abuse to gtk-gnutella.
pub const BUSY: Duration = Duration::from_secs(60);
/// Failures in a row after which an address is dropped.
pub const FAILURES_MAX: u8 = 3;
/// Doublings of the wait after a failure.
const DOUBLINGS_MAX: u8 = 6;
/// Usable addresses that are looked at for one choice.
const CHOICE: usize = 8;

/// A bounded store of addresses, 16 bytes for each.
#[derive(Debug)]
pub struct Hosts {
    /// By address.
    entries: Vec<Host>,
    max: usize,
    /// Counts what was named, as a clock for freshness that needs no time.
    named: u32,
    /// Where the search for one to drop goes on.
    hand: usize,
}

#[derive(Debug)]
struct Host {
    address: SocketAddrV4,
    /// Dials in a row that came to nothing.
    failures: u8,
    standing: Standing,
    /// When it was last named, by [`Hosts::named`].
    fresh: u32,
    /// Not to be dialled before this second of the run.
    due_s: u32,
}

/// How much an address is worth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Standing {
    Hearsay,
    /// A link with it came about.
    Proven,
    /// The user named it: it is never dropped.
    Kept,
}

const _: () = assert!(size_of::<Host>() <= 16);

impl Hosts {
    /// An empty book for so many addresses (those that the user named not counted).
    pub fn new(max: usize) -> Self {
        Hosts { entries: Vec::new(), max, named: 0, hand: 0 }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Somebody named this address.
    pub fn learn(&mut self, address: SocketAddrV4) {
        if !is_dialable(address) {
            return;
        }
        self.named = self.named.wrapping_add(1);
        let fresh = self.named;
        if let Ok(at) = self.find(address) {
            self.entries[at].fresh = fresh;
            return;
        }
        if self.entries.len() >= self.max && !self.drop_one() {
            return;
        }
        self.insert(Host { address, failures: 0, standing: Standing::Hearsay, fresh, due_s: 0 });
    }

    /// The user named this address: it stays, whatever happens.
    pub fn keep(&mut self, address: SocketAddrV4) {
        match self.find(address) {
            Ok(at) => self.entries[at].standing = Standing::Kept,
            Err(_) if is_dialable(address) => {
                let fresh = self.named;
                self.insert(Host { address, failures: 0, standing: Standing::Kept, fresh, due_s: 0 });
            }
            Err(_) => {}
        }
    }

    /// True if it may be dialled now, as far as the book knows.
    pub fn is_due(&self, address: SocketAddrV4, now: Time) -> bool {
        self.find(address).is_ok_and(|at| self.entries[at].due_s <= seconds(now))
    }

    /// When the first of those that are put off may be dialled again.
    pub fn next_due(&self, now: Time) -> Option<Time> {
        let put_off = self.entries.iter().map(|host| host.due_s).filter(|due_s| *due_s > seconds(now));
        let due_s = put_off.min()?;
        Some(Time::ZERO + Duration::from_secs(u64::from(due_s)))
    }

    /// One to dial: of some that are `usable` and due, the one that failed least, and of these the one named last.
    pub fn pick(
        &self,
        now: Time,
        rng: &mut impl Rng,
        usable: impl Fn(SocketAddrV4) -> bool,
    ) -> Option<SocketAddrV4> {
        if self.entries.is_empty() {
            return None;
        }
        let start = rng.random_range(0..self.entries.len());
        let (before, after) = self.entries.split_at(start);
        let due = |host: &&Host| host.due_s <= seconds(now) && usable(host.address);
        let best = after.iter().chain(before).filter(due).take(CHOICE);
        let best = best.min_by_key(|host| (host.failures, self.named.wrapping_sub(host.fresh)));
        best.map(|host| host.address)
    }

    /// Up to `count` different ones to tell others of, drawn at random from those that never failed.
    pub fn sample(
        &self,
        count: usize,
        rng: &mut impl Rng,
        usable: impl Fn(SocketAddrV4) -> bool,
    ) -> Vec<SocketAddrV4> {
        let mut drawn = Vec::with_capacity(count.min(self.entries.len()));
        // Three draws for each: a few of them meet what is drawn already, or what failed.
        for _ in 0..(3 * count).min(3 * self.entries.len()) {
            let host = &self.entries[rng.random_range(0..self.entries.len())];
            if drawn.len() < count
                && host.failures == 0
                && !drawn.contains(&host.address)
                && usable(host.address)
            {
                drawn.push(host.address);
            }
        }
        drawn
    }

    /// A link with it came about.
    pub fn linked(&mut self, address: SocketAddrV4) {
        self.learn(address);
        if let Ok(at) = self.find(address) {
            let host = &mut self.entries[at];
            (host.failures, host.due_s) = (0, 0);
            host.standing = host.standing.max(Standing::Proven);
        }
    }

    /// It lives, but will not have us for now.
    pub fn refused(&mut self, address: SocketAddrV4, now: Time) {
        self.put_off(address, now + BUSY);
    }

    /// It did not answer, or its link was lost: next time after `retry`, doubled for every failure before.
    pub fn failed(&mut self, address: SocketAddrV4, now: Time, retry: Duration) {
        let Ok(at) = self.find(address) else { return };
        let host = &mut self.entries[at];
        let wait = retry * (1 << host.failures.min(DOUBLINGS_MAX));
        host.failures = host.failures.saturating_add(1);
        if host.failures >= FAILURES_MAX && host.standing != Standing::Kept {
            self.entries.remove(at);
        } else {
            self.put_off(address, now + wait);
        }
    }

    /// It is no address of anybody else.
    pub fn forget(&mut self, address: SocketAddrV4) {
        if let Ok(at) = self.find(address) {
            self.entries.remove(at);
        }
    }

    /// It is not to be dialled before this moment.
    pub fn put_off(&mut self, address: SocketAddrV4, until: Time) {
        if let Ok(at) = self.find(address) {
            self.entries[at].due_s = seconds(until);
        }
    }

    fn find(&self, address: SocketAddrV4) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&address, |host| host.address)
    }

    fn insert(&mut self, host: Host) {
        if let Err(at) = self.find(host.address) {
            self.entries.insert(at, host);
        }
    }

    /// Makes room: of a few, spread over the book and others each time, the least promising is dropped. False if all
    /// of them must stay.
    fn drop_one(&mut self) -> bool {
        let len = self.entries.len();
        self.hand = (self.hand + 1) % len.max(1);
        let (hand, stride) = (self.hand, (len / CHOICE).max(1));
        let worth = |at: &usize| {
            let host = &self.entries[*at];
            (host.standing, u8::MAX - host.failures, u32::MAX - self.named.wrapping_sub(host.fresh))
        };
        let worst = (0..CHOICE.min(len)).map(|i| (hand + i * stride) % len).min_by_key(worth);
        match worst {
            Some(at) if self.entries[at].standing != Standing::Kept => {
                self.entries.remove(at);
                true
            }
            _ => false,
        }
    }
}

/// Whole seconds, rounded up, so that nobody is dialled early.
fn seconds(time: Time) -> u32 {
    u32::try_from(time.0.div_ceil(1_000_000_000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_pcg::Pcg32;

    use super::*;

    fn host(number: u16) -> SocketAddrV4 {
        SocketAddrV4::new([10, 1, (number >> 8) as u8, number as u8].into(), 6346)
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn what_nobody_can_listen_at_is_not_learnt() {
        let mut hosts = Hosts::new(10);
        for text in ["0.0.0.0:6346", "0.1.2.3:6346", "10.0.0.1:0", "224.0.0.1:6346", "255.255.255.255:6346"] {
            hosts.learn(text.parse().unwrap());
        }
        assert!(hosts.is_empty());
        for text in ["127.0.0.2:6346", "10.0.0.1:1", "192.168.0.1:6346", "203.0.113.9:6346"] {
            hosts.learn(text.parse().unwrap());
        }
        assert_eq!(hosts.len(), 4);
    }

    #[test]
    fn a_full_book_drops_hearsay_before_the_proven_and_never_what_the_user_named() {
        let mut hosts = Hosts::new(50);
        hosts.keep(host(0));
        for number in 1..=10 {
            hosts.linked(host(number));
        }
        for number in 11..5_000 {
            hosts.learn(host(number));
        }
        assert_eq!(hosts.len(), 50);
        for number in 0..=10 {
            assert!(hosts.is_due(host(number), Time::ZERO), "{number} is gone");
        }
    }

    #[test]
    fn failures_put_off_ever_longer_and_then_drop() {
        let mut hosts = Hosts::new(10);
        let retry = Duration::from_secs(5);
        hosts.learn(host(1));
        hosts.failed(host(1), at(100), retry);
        assert!(!hosts.is_due(host(1), at(104)) && hosts.is_due(host(1), at(105)));
        assert_eq!((hosts.next_due(at(104)), hosts.next_due(at(105))), (Some(at(105)), None));
        hosts.failed(host(1), at(200), retry);
        assert!(!hosts.is_due(host(1), at(209)) && hosts.is_due(host(1), at(210)));
        hosts.failed(host(1), at(300), retry);
        assert!(hosts.is_empty());
        hosts.keep(host(2));
        for _ in 0..100 {
            hosts.failed(host(2), at(1_000), retry);
        }
        assert!(
            !hosts.is_due(host(2), at(1_319)) && hosts.is_due(host(2), at(1_320)),
            "64 times 5 s at most"
        );
    }

    #[test]
    fn the_pick_is_usable_due_and_the_least_failed() {
        let mut rng = Pcg32::seed_from_u64(3);
        let mut hosts = Hosts::new(10);
        assert_eq!(hosts.pick(at(0), &mut rng, |_| true), None);
        for number in 0..4 {
            hosts.learn(host(number));
        }
        hosts.refused(host(0), at(0));
        hosts.failed(host(1), at(0), Duration::from_secs(1));
        let picks = |hosts: &Hosts, rng: &mut Pcg32| hosts.pick(at(30), rng, |a| a != host(3));
        assert_eq!(picks(&hosts, &mut rng), Some(host(2)));
        hosts.refused(host(2), at(30));
        assert_eq!(picks(&hosts, &mut rng), Some(host(1)), "better one that failed than none");
        assert_eq!(hosts.pick(at(30), &mut rng, |_| false), None);
    }

    #[test]
    fn a_sample_has_no_address_twice_and_none_that_failed() {
        let mut rng = Pcg32::seed_from_u64(3);
        let mut hosts = Hosts::new(100);
        for number in 0..30 {
            hosts.learn(host(number));
        }
        hosts.failed(host(7), at(0), Duration::from_secs(1));
        for _ in 0..100 {
            let mut sample = hosts.sample(10, &mut rng, |a| a != host(8));
            assert!(!sample.contains(&host(7)) && !sample.contains(&host(8)));
            assert_eq!(sample.len(), 10);
            sample.sort();
            sample.dedup();
            assert_eq!(sample.len(), 10);
        }
    }
}
