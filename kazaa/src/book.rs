//! Supernodes known by their address: what came with the program, what supernodes and the services have told.
//!
//! | event | what becomes of the address |
//! |---|---|
//! | somebody names it | in the book, or fresh again; of one teller at most half of the book |
//! | it is dialled | put off for [`DIAL_PAUSE`] or as configured, so that no stranger is knocked at more than once a minute |
//! | it answers | proven: it may be dialled again as soon as it is wanted |
//! | it picks up, and is hung up on before it can answer | the first time it may be dialled again at once, then put off, twice as long each time, up to the pause |
//! | it is full | put off for a while: it lives |
//! | it does not answer | put off for the pause; after [`FAILURES_MAX`] times it is dropped |
//! | it has answered before, and fails | put off, twice as long each time, up to the pause; dropped all the same |
//! | nobody has seen it for [`AGE_MAX`] | dropped |
//!
//! A list full of addresses at which nobody listens, or of victims, so costs its reader a few vain dials: its teller's addresses
//! are half of the book at most, each is dialled once a minute at most and three times in all, and those that have answered
//! are tried first. The pause is for those of whom nothing but hearsay is known. Were it for all, a node of a young network that
//! loses its parent would have dialled everybody it knows within the last minute, and would have to sit the rest of it out.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use common::net::is_dialable;
use common::peer::Time;
use rand::{Rng, RngExt as _};

use crate::wire::NodeEntry;

/// How long an address that was dialled is left alone unless it answers.
pub const DIAL_PAUSE: Duration = Duration::from_secs(60);
/// Failures in a row after which an address is dropped.
pub const FAILURES_MAX: u8 = 3;
/// After so long without a sign an address is forgotten: as long as a list can say.
pub const AGE_MAX: Duration = Duration::from_secs(255 * 60);
/// Doublings of the wait after a failure.
const DOUBLINGS_MAX: u8 = 6;
/// Due addresses that are looked at for one choice.
const CHOICE: usize = 8;

/// A bounded store of supernodes' addresses.
#[derive(Debug)]
pub struct Book {
    /// By address.
    entries: Vec<Known>,
    max: usize,
    pause: Duration,
}

#[derive(Debug)]
struct Known {
    address: SocketAddrV4,
    /// Who named it first; nobody: it came with the program, and is never dropped.
    teller: Option<Ipv4Addr>,
    standing: Standing,
    /// Dials in a row that came to nothing.
    failures: u8,
    /// Dials since it was last of use, answered or not: they say how long it is left alone.
    vain: u8,
    /// Percent of its places that were free when it was last heard of.
    free_percent: u8,
    /// When it was last seen, in seconds of the run; before its start if negative.
    seen_s: i64,
    /// Not to be dialled before this second of the run.
    due_s: i64,
}

/// How much an address is worth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Standing {
    Hearsay,
    Proven,
}

/// True if a supernode could listen there, and this teller could know. Who speaks from a public address has no business with
/// private ones; simulations and clusters live in them.
pub fn is_credible(address: SocketAddrV4, teller: Ipv4Addr) -> bool {
    is_dialable(address) && (!is_private(*address.ip()) || is_private(teller))
}

/// True for addresses that mean something only in the network they are used in.
pub fn is_private(ip: Ipv4Addr) -> bool {
    ip.is_private() || ip.is_loopback() || ip.is_link_local()
}

impl Book {
    /// An empty book for so many addresses (those that came with the program not counted).
    pub fn new(max: usize) -> Self {
        Book { entries: Vec::new(), max, pause: DIAL_PAUSE }
    }

    /// With another time for which those that were dialled are put off.
    #[must_use]
    pub fn pausing(self, pause: Duration) -> Self {
        Book { pause, ..self }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// An address that came with the program, or that the user named: it stays, whatever happens.
    pub fn keep(&mut self, address: SocketAddrV4) {
        match self.find(address) {
            Ok(at) => self.entries[at].teller = None,
            Err(at) if is_dialable(address) => self.entries.insert(at, Known::new(address, None)),
            Err(_) => {}
        }
    }

    /// Somebody at `teller` names these.
    pub fn learn(&mut self, nodes: &[NodeEntry], teller: Ipv4Addr, now: Time) {
        self.forget_old(now);
        let share = (self.max / 2).max(1);
        let mut told = self.entries.iter().filter(|known| known.teller == Some(teller)).count();
        for node in nodes.iter().filter(|node| is_credible(node.address, teller)) {
            let seen_s = seconds(now) - 60 * i64::from(node.age_min);
            match self.find(node.address) {
                Ok(at) => {
                    let known = &mut self.entries[at];
                    // What is known at first hand is not overwritten by what is older.
                    if seen_s >= known.seen_s {
                        (known.seen_s, known.free_percent) = (seen_s, node.free_percent);
                    }
                }
                Err(_) if told < share && (self.entries.len() < self.max || self.drop_one()) => {
                    let known = Known {
                        free_percent: node.free_percent,
                        seen_s,
                        ..Known::new(node.address, Some(teller))
                    };
                    if let Err(at) = self.find(node.address) {
                        self.entries.insert(at, known);
                    }
                    told += 1;
                }
                Err(_) => {}
            }
        }
    }

    /// One to dial: of some that are due and `usable` (which is told the address, and whether it came with the program), the one
    /// that failed least; of these one that is not full, by lot.
    pub fn pick(
        &self,
        now: Time,
        rng: &mut impl Rng,
        usable: impl Fn(SocketAddrV4, bool) -> bool,
    ) -> Option<SocketAddrV4> {
        if self.entries.is_empty() {
            return None;
        }
        let start = rng.random_range(0..self.entries.len());
        let (before, after) = self.entries.split_at(start);
        let due =
            |known: &&Known| known.due_s <= seconds(now) && usable(known.address, known.teller.is_none());
        let best = after.iter().chain(before).filter(due).take(CHOICE);
        best.min_by_key(|known| (known.failures, known.free_percent == 0)).map(|known| known.address)
    }

    /// How long it is until one of them may be dialled.
    pub fn until_due(&self, now: Time) -> Duration {
        let due_s = self.entries.iter().map(|known| known.due_s).min().unwrap_or(0);
        Duration::from_secs(u64::try_from(due_s - seconds(now)).unwrap_or(0))
    }

    /// It is being dialled.
    pub fn dialled(&mut self, address: SocketAddrV4, now: Time) {
        self.put_off(address, now + self.pause);
    }

    /// It is a supernode, and lives.
    pub fn answered(&mut self, address: SocketAddrV4, now: Time) {
        if let Ok(at) = self.find(address) {
            let known = &mut self.entries[at];
            // That it answers does not make it useful: who answers and then hangs up, each time, is waited for ever longer.
            (known.failures, known.due_s) = (0, 0);
            known.seen_s = seconds(now);
            known.standing = Standing::Proven;
        }
    }

    /// It lives, and says how full it is.
    pub fn heard(&mut self, address: SocketAddrV4, free_percent: u8, now: Time) {
        if self.find(address).is_err()
            && is_dialable(address)
            && (self.entries.len() < self.max || self.drop_one())
            && let Err(at) = self.find(address)
        {
            self.entries.insert(at, Known::new(address, Some(*address.ip())));
        }
        self.answered(address, now);
        if let Ok(at) = self.find(address) {
            (self.entries[at].free_percent, self.entries[at].vain) = (free_percent, 0);
        }
    }

    /// It lives, but has no room: next time after `wait`.
    pub fn full(&mut self, address: SocketAddrV4, now: Time, wait: Duration) {
        self.put_off(address, now + wait);
        if let Ok(at) = self.find(address) {
            self.entries[at].free_percent = 0;
        }
    }

    /// It lives, but will not have us for now: next time after `wait`.
    pub fn refused(&mut self, address: SocketAddrV4, now: Time, wait: Duration) {
        self.put_off(address, now + wait);
    }

    /// Percent of its places that are free, as far as somebody has told.
    pub fn free_percent(&self, address: SocketAddrV4) -> Option<u8> {
        let known = &self.entries[self.find(address).ok()?];
        (known.seen_s > i64::MIN).then_some(known.free_percent)
    }

    /// It picked up, and was hung up on before it could answer, because another one had: nothing speaks against it the first time.
    /// Somebody at whose door nodes are sent again and again picks up as well, so then it is `retry`, and doubled each time.
    pub fn withdrawn(&mut self, address: SocketAddrV4, now: Time, retry: Duration) {
        let Ok(at) = self.find(address) else { return };
        let known = &mut self.entries[at];
        let wait = match known.vain.checked_sub(1) {
            Some(before) => (retry * (1 << before.min(DOUBLINGS_MAX))).min(self.pause),
            None => Duration::ZERO,
        };
        known.vain = known.vain.saturating_add(1);
        self.put_off(address, now + wait);
    }

    /// It did not answer, or would not go on: next time after `retry`, doubled for every vain dial before. Who has answered once is
    /// waited for no longer than the pause; a stranger whom the user has not named, no shorter.
    pub fn failed(&mut self, address: SocketAddrV4, now: Time, retry: Duration) {
        let Ok(at) = self.find(address) else { return };
        let known = &mut self.entries[at];
        let doubled = retry * (1 << known.vain.min(DOUBLINGS_MAX));
        let wait = match (known.standing, known.teller) {
            (Standing::Proven, _) => doubled.min(self.pause),
            (Standing::Hearsay, Some(_)) => doubled.max(self.pause),
            (Standing::Hearsay, None) => doubled,
        };
        (known.failures, known.vain) = (known.failures.saturating_add(1), known.vain.saturating_add(1));
        if known.failures >= FAILURES_MAX && known.teller.is_some() {
            self.entries.remove(at);
        } else {
            self.put_off(address, now + wait);
        }
    }

    /// It was there a moment ago and is gone: it may be dialled again after `retry`, as one that failed once.
    pub fn lost(&mut self, address: SocketAddrV4, now: Time, retry: Duration) {
        if let Ok(at) = self.find(address) {
            let known = &mut self.entries[at];
            (known.failures, known.vain) = (known.failures.max(1), 1);
            known.due_s = seconds(now + retry);
        }
    }

    /// It is no address of anybody else.
    pub fn forget(&mut self, address: SocketAddrV4) {
        if let Ok(at) = self.find(address) {
            self.entries.remove(at);
        }
    }

    /// Up to `count` to tell others of, those that were proven first, the rest by lot.
    pub fn sample(&self, count: usize, now: Time, rng: &mut impl Rng) -> Vec<NodeEntry> {
        let good: Vec<&Known> =
            self.entries.iter().filter(|known| known.failures == 0 && known.seen_s > i64::MIN).collect();
        let (proven, hearsay): (Vec<&Known>, Vec<&Known>) =
            good.into_iter().partition(|known| known.standing == Standing::Proven);
        let rotated = |list: Vec<&Known>, start: usize| -> Vec<NodeEntry> {
            let (before, after) = list.split_at(start);
            after.iter().chain(before).map(|known| known.entry(now)).collect()
        };
        let start = |list: &[&Known], rng: &mut dyn Rng| match list.len() {
            0 => 0,
            len => rng.random_range(0..len),
        };
        let (first, second) = (start(&proven, rng), start(&hearsay, rng));
        let mut all = rotated(proven, first);
        all.extend(rotated(hearsay, second));
        all.truncate(count);
        all
    }

    /// Percent of the places that are free on average at those that say so; `None` if nobody does.
    pub fn mean_free_percent(&self) -> Option<u8> {
        let told = self.entries.iter().filter(|known| known.seen_s > i64::MIN);
        let (count, sum) =
            told.fold((0u32, 0u32), |(count, sum), known| (count + 1, sum + u32::from(known.free_percent)));
        u8::try_from(sum.checked_div(count)?).ok()
    }

    fn put_off(&mut self, address: SocketAddrV4, until: Time) {
        if let Ok(at) = self.find(address) {
            self.entries[at].due_s = seconds(until);
        }
    }

    fn find(&self, address: SocketAddrV4) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&address, |known| known.address)
    }

    fn forget_old(&mut self, now: Time) {
        let oldest_s = seconds(now) - AGE_MAX.as_secs() as i64;
        self.entries.retain(|known| known.teller.is_none() || known.seen_s >= oldest_s);
    }

    /// Makes room: the least promising is dropped. False if all of them must stay.
    fn drop_one(&mut self) -> bool {
        let worth = |known: &&Known| (known.standing, u8::MAX - known.failures, known.seen_s);
        let worst = self.entries.iter().filter(|known| known.teller.is_some()).min_by_key(worth);
        match worst.map(|known| known.address) {
            Some(address) => {
                self.forget(address);
                true
            }
            None => false,
        }
    }
}

impl Known {
    fn new(address: SocketAddrV4, teller: Option<Ipv4Addr>) -> Self {
        let standing = Standing::Hearsay;
        // Of what came with the program nobody knows when it was last seen, nor how full it is.
        Known {
            address,
            teller,
            standing,
            failures: 0,
            vain: 0,
            free_percent: 100,
            seen_s: i64::MIN,
            due_s: 0,
        }
    }

    fn entry(&self, now: Time) -> NodeEntry {
        let age_min = (seconds(now) - self.seen_s).max(0) / 60;
        let age_min = u8::try_from(age_min).unwrap_or(u8::MAX);
        NodeEntry { address: self.address, age_min, free_percent: self.free_percent }
    }
}

/// Whole seconds, rounded up, so that nobody is dialled early.
fn seconds(time: Time) -> i64 {
    i64::try_from(time.0.div_ceil(1_000_000_000)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_pcg::Pcg32;

    use super::*;

    const TELLER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);

    fn node(number: u16) -> SocketAddrV4 {
        SocketAddrV4::new([10, 1, (number >> 8) as u8, number as u8].into(), 1214)
    }

    fn entry(number: u16, age_min: u8) -> NodeEntry {
        NodeEntry { address: node(number), age_min, free_percent: 50 }
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    fn due(book: &Book, now: Time) -> Vec<SocketAddrV4> {
        let mut rng = Pcg32::seed_from_u64(1);
        let mut seen = Vec::new();
        while let Some(next) = book.pick(now, &mut rng, |address, _| !seen.contains(&address)) {
            seen.push(next);
        }
        seen.sort();
        seen
    }

    #[test]
    fn what_no_teller_can_mean_is_not_learnt() {
        let public = Ipv4Addr::new(203, 0, 113, 1);
        for (address, teller, believed) in [
            ("0.0.0.0:1214", TELLER, false),
            ("10.0.0.1:0", TELLER, false),
            ("224.0.0.1:1214", TELLER, false),
            ("255.255.255.255:1214", TELLER, false),
            ("10.0.0.1:1214", public, false),
            ("127.0.0.1:1214", public, false),
            ("192.168.1.1:80", public, false),
            ("10.0.0.1:1214", TELLER, true),
            ("198.51.100.7:80", public, true),
            ("198.51.100.7:80", TELLER, true),
        ] {
            let mut book = Book::new(10);
            let entry = NodeEntry { address: address.parse().unwrap(), age_min: 0, free_percent: 9 };
            book.learn(&[entry], teller, at(0));
            assert_eq!(!book.is_empty(), believed, "{address} from {teller}");
        }
    }

    #[test]
    fn one_teller_fills_half_of_the_book_and_drives_nobody_proven_out() {
        let mut book = Book::new(20);
        book.keep(node(0));
        book.heard(node(1), 50, at(0));
        let lies: Vec<NodeEntry> = (100..5_000).map(|number| entry(number, 0)).collect();
        book.learn(&lies, TELLER, at(1));
        assert_eq!(book.len(), 12);
        for host in 10..20 {
            book.learn(&lies, Ipv4Addr::new(10, 0, 0, host), at(2));
        }
        assert_eq!(book.len(), 20);
        let due = due(&book, at(3));
        assert!(due.contains(&node(0)) && due.contains(&node(1)));
    }

    #[test]
    fn a_dial_puts_off_for_a_minute_unless_it_is_answered() {
        let mut book = Book::new(10);
        book.learn(&[entry(1, 0), entry(2, 0)], TELLER, at(0));
        book.dialled(node(1), at(10));
        book.dialled(node(2), at(10));
        book.answered(node(2), at(11));
        assert_eq!(due(&book, at(69)), [node(2)]);
        assert_eq!(due(&book, at(70)), [node(1), node(2)]);
        book.full(node(2), at(70), Duration::from_secs(9));
        assert_eq!((due(&book, at(78)), book.until_due(at(78))), (vec![node(1)], Duration::ZERO));
        book.dialled(node(1), at(78));
        assert_eq!((due(&book, at(78)), book.until_due(at(78))), (vec![], Duration::from_secs(1)));
    }

    #[test]
    fn who_answers_and_then_fails_is_waited_for_twice_as_long_each_time_up_to_the_pause() {
        let retry = Duration::from_secs(5);
        let mut book = Book::new(10);
        book.learn(&[entry(1, 0)], TELLER, at(0));
        let mut waits = Vec::new();
        for _ in 0..6 {
            book.dialled(node(1), at(100));
            book.answered(node(1), at(100));
            book.failed(node(1), at(100), retry);
            waits.push(book.until_due(at(100)).as_secs());
        }
        assert_eq!(waits, [5, 10, 20, 40, 60, 60]);
        book.heard(node(1), 50, at(200));
        book.failed(node(1), at(200), retry);
        assert_eq!(book.until_due(at(200)), retry, "it has been of use since");
    }

    #[test]
    fn a_stranger_that_does_not_answer_is_left_alone_for_the_pause_the_first_time() {
        let mut book = Book::new(10);
        book.learn(&[entry(1, 0)], TELLER, at(0));
        book.failed(node(1), at(0), Duration::from_secs(5));
        assert_eq!(book.until_due(at(0)), DIAL_PAUSE);
    }

    #[test]
    fn who_picks_up_and_is_hung_up_on_may_be_dialled_again_at_once_but_not_again_and_again() {
        let mut book = Book::new(10);
        book.learn(&[entry(1, 0)], TELLER, at(0));
        let mut waits = Vec::new();
        for _ in 0..7 {
            book.dialled(node(1), at(100));
            book.withdrawn(node(1), at(100), Duration::from_secs(5));
            waits.push(book.until_due(at(100)).as_secs());
        }
        assert_eq!(waits, [0, 5, 10, 20, 40, 60, 60]);
    }

    #[test]
    fn failures_drop_what_was_told_and_never_what_came_with_the_program() {
        let mut book = Book::new(10);
        book.keep(node(1));
        book.learn(&[entry(2, 0)], TELLER, at(0));
        for failure in 0..3 {
            book.failed(node(1), at(1_000 * failure), Duration::from_secs(1));
            book.failed(node(2), at(1_000 * failure), Duration::from_secs(1));
        }
        assert_eq!(due(&book, at(9_000)), [node(1)]);
    }

    #[test]
    fn what_nobody_has_seen_for_hours_is_forgotten() {
        let mut book = Book::new(10);
        book.learn(&[entry(1, 254), entry(2, 0)], TELLER, at(0));
        book.learn(&[entry(3, 0)], TELLER, at(120));
        assert_eq!(due(&book, at(120)), [node(2), node(3)]);
    }

    #[test]
    fn others_are_told_of_those_that_live_and_how_full_they_are() {
        let mut rng = Pcg32::seed_from_u64(3);
        let mut book = Book::new(50);
        book.keep(node(0));
        book.learn(&(1..20).map(|number| entry(number, 2)).collect::<Vec<_>>(), TELLER, at(0));
        book.heard(node(40), 70, at(60));
        book.failed(node(7), at(60), Duration::from_secs(1));
        let told = book.sample(10, at(120), &mut rng);
        assert_eq!(told.len(), 10);
        assert_eq!(told[0], NodeEntry { address: node(40), age_min: 1, free_percent: 70 });
        let all: Vec<SocketAddrV4> =
            book.sample(99, at(120), &mut rng).iter().map(|entry| entry.address).collect();
        assert_eq!(all.len(), 19, "neither the one that failed nor the one that nobody has seen");
        assert!(!all.contains(&node(7)) && !all.contains(&node(0)));
    }
}
