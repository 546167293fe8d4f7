//! What one bad neighbour makes a servent send: bytes out for each byte in, by kind of descriptor, and the memory it takes.

use std::sync::Arc;
use std::time::Duration;

use common::peer::{ConnId, FileId};
use common::user::{Command, FileInfo, SharedFile};
use gnutella::servent::{Knobs, ServentConfig};

use crate::kit::files::remote;
use crate::kit::raw::{Descriptor, PING, Raw};
use crate::scene::{BAD, Scene, State, answer, nth, push, query};

/// Neighbours, the bad one included.
const DEGREE: usize = 5;
/// Descriptors of each kind.
const ROUNDS: u32 = 1_000;
/// The most that routes may take: three tables of 48 bytes for each id at worst.
fn routes_bytes_max(knobs: &Knobs) -> usize {
    3 * 48 * knobs.routes_max
}

/// A servent of [`DEGREE`] neighbours, the first of them bad, and what passes through it.
struct Hub {
    raw: Raw,
    links: Vec<ConnId>,
    bytes_in: usize,
    to_the_bad: usize,
    to_others: usize,
}

impl Hub {
    fn with(change: impl FnOnce(&mut Knobs)) -> Hub {
        let mut config = ServentConfig::default();
        let knobs = Arc::make_mut(&mut config.knobs);
        (knobs.cuts_misbehaving, knobs.ping_every) = (false, None);
        change(knobs);
        let mut raw = Raw::new(config);
        let links = (0..DEGREE as u8).map(|host| raw.neighbour(BAD + host)).collect();
        Hub { raw, links, bytes_in: 0, to_the_bad: 0, to_others: 0 }
    }

    fn share(&mut self, files: u32) {
        let file = |n| SharedFile {
            file: FileId(n),
            info: Arc::new(FileInfo {
                name: format!("zebra {n}.ogg").into(),
                size: 5,
                ..FileInfo::default()
            }),
        };
        self.raw.lone.command(Command::Share((0..files).map(file).collect()));
    }

    /// The bad one says this.
    fn say(&mut self, descriptor: &Descriptor) {
        let bytes = descriptor.bytes();
        self.bytes_in += bytes.len();
        self.raw.lone.feed(self.links[0], &bytes);
        self.count();
    }

    fn count(&mut self) {
        for (at, conn) in self.links.iter().enumerate() {
            let sent = self.raw.lone.take(*conn).len();
            *(if at == 0 { &mut self.to_the_bad } else { &mut self.to_others }) += sent;
        }
    }

    /// What has been sent so far is not the bad one's doing.
    fn forget(&mut self) {
        self.count();
        (self.to_others, self.to_the_bad) = (0, 0);
    }

    /// Bytes to others, and back to the bad one, for each byte of the bad one.
    fn factors(&self, what: &str) -> (f64, f64) {
        let factor = |out: usize| out as f64 / self.bytes_in as f64;
        let (others, back) = (factor(self.to_others), factor(self.to_the_bad));
        println!("{what}: {others:.3} bytes to {} others, {back:.3} back, for each byte in", DEGREE - 1);
        (others, back)
    }
}

#[test]
fn amplification_of_queries() {
    let others = (DEGREE - 1) as f64;
    let mut hub = Hub::with(|_| ());
    (0..ROUNDS).for_each(|n| hub.say(&query(nth(n), 7, 0, "nothing here")));
    let factors = hub.factors("queries without answer");
    assert!(
        (factors.0 - others).abs() < 1e-9 && factors.1 == 0.0,
        "each goes to each other neighbour once: {factors:?}"
    );

    let mut hub = Hub::with(|_| ());
    hub.share(100);
    hub.say(&query(nth(0), 7, 0, "zebra"));
    let one = hub.to_the_bad;
    // A result: number, size, name, two zeros; and around all of them a head, a beginning and an end.
    let results_max = Knobs::default().results_max;
    assert!(
        (1..=results_max * (8 + "zebra 99.ogg".len() + 2) + 100).contains(&one),
        "{one} bytes of results"
    );
    (1..ROUNDS).for_each(|n| hub.say(&query(nth(n), 7, 0, "zebra")));
    let factors = hub.factors("queries with 64 results");
    assert!(factors.0 <= others, "{factors:?}");
    assert_eq!(hub.to_the_bad, ROUNDS as usize * one, "answers go to whoever asks, and nobody else");

    let mut hub = Hub::with(|_| ());
    (0..ROUNDS).for_each(|_| hub.say(&query(nth(0), 7, 0, "nothing here")));
    let factors = hub.factors("one query repeated");
    assert!(factors.0 <= others / f64::from(ROUNDS) + 1e-9, "{factors:?}");
}

#[test]
fn amplification_of_pings() {
    let ping = |n| Descriptor { guid: nth(n), ..Descriptor::ping(0, 7, 0) };
    let mut hub = Hub::with(|knobs| knobs.pong_caching = false);
    (0..ROUNDS).for_each(|n| hub.say(&ping(n)));
    let factors = hub.factors("pings, passed on");
    assert!(factors.0 <= (DEGREE - 1) as f64 && factors.1 <= 37.0 / 23.0, "{factors:?}");

    // The others have told of more than are ever handed on.
    let mut hub = Hub::with(|knobs| knobs.ping_every = Some(Duration::from_secs(20)));
    hub.raw.lone.advance(Duration::from_secs(20));
    for conn in hub.links[1..].iter().copied() {
        let asked = hub.raw.heard(conn).iter().find(|sent| sent.kind == PING).expect("a turn of pings").guid;
        for n in 0..20 {
            hub.raw.send(conn, &Descriptor::pong(asked, 6, 1, 20 * conn.slot() as u8 + n));
        }
    }
    hub.forget();
    hub.say(&ping(0));
    let factors = hub.factors("a ping, answered out of a cache");
    let pongs = 10.0 * 37.0 / 23.0;
    assert!(factors.0 == 0.0 && factors.1 == pongs, "ten in all, the first our own: {factors:?}");
    (1..ROUNDS).for_each(|n| hub.say(&ping(n)));
    let factors = hub.factors("a flood of them");
    assert!(factors.0 == 0.0 && factors.1 < 0.1, "one a second is honoured: {factors:?}");
}

#[test]
fn amplification_of_answers() {
    // The others ask, the bad one answers, and each of its answers has one to go to.
    let mut hub = Hub::with(|_| ());
    for n in 0..ROUNDS {
        let asker = hub.links[1 + n as usize % (DEGREE - 1)];
        hub.raw.send(asker, &query(nth(n), 3, 1, "giraffe"));
    }
    hub.forget();
    (0..ROUNDS).for_each(|n| hub.say(&answer(nth(n), n as u8)));
    assert_eq!(hub.factors("hits that were asked for"), (1.0, 0.0));

    let mut hub = Hub::with(|_| ());
    (0..ROUNDS).for_each(|n| hub.say(&answer(nth(n), n as u8)));
    assert_eq!(hub.factors("hits without a query"), (0.0, 0.0));

    let mut hub = Hub::with(|knobs| knobs.pong_caching = false);
    let asker = hub.links[1];
    hub.raw.send(asker, &Descriptor { guid: nth(0), ..Descriptor::ping(0, 3, 1) });
    hub.forget();
    (0..ROUNDS).for_each(|n| hub.say(&Descriptor::pong(nth(0), 3, 1, n as u8)));
    let factors = hub.factors("pongs, passed on");
    assert!(factors.0 <= 1.0 && factors.1 == 0.0, "{factors:?}");

    let mut hub = Hub::with(|knobs| knobs.keeps_degree = false);
    (0..ROUNDS).for_each(|n| hub.say(&Descriptor::pong(nth(n), 7, 1, n as u8)));
    assert_eq!(hub.factors("pongs of no ping"), (0.0, 0.0));
}

#[test]
fn amplification_of_pushes() {
    let mut hub = Hub::with(|_| ());
    let (asker, holder) = (hub.links[1], hub.links[2]);
    hub.raw.send(asker, &query(nth(0), 3, 1, "giraffe"));
    hub.raw.send(holder, &answer(nth(0), 9));
    hub.forget();
    (0..ROUNDS).for_each(|n| hub.say(&push(nth(1 + n), [9; 16], 1)));
    assert_eq!(hub.factors("pushes towards a servent that is known"), (1.0, 0.0));

    let mut hub = Hub::with(|_| ());
    (0..ROUNDS).for_each(|n| hub.say(&push(nth(n), [9; 16], 1)));
    assert_eq!(hub.factors("pushes to strangers"), (0.0, 0.0));
    assert!(hub.raw.lone.next_dial().is_none_or(|(_, to)| to != remote(9)));
}

#[test]
fn a_flood_of_distinct_queries_takes_bounded_memory() {
    let knobs = Knobs::default();
    let mut hub = Hub::with(|_| ());
    let mut most = 0;
    for n in 0..3 * knobs.routes_max as u32 {
        hub.say(&query(nth(n), 7, 0, "aa"));
        most = most.max(hub.raw.servent().routes_memory_bytes());
    }
    println!("{most} bytes of routes at most");
    assert!(most <= routes_bytes_max(&knobs));
}

#[test]
fn a_flood_of_distinct_queries_takes_half_of_the_line_s_share() {
    // A megabit, half of it for others, half of that for one of them.
    let rate = 1000 * 1000 / 8 / 2;
    let mut scene = Scene::with(|knobs| knobs.broadcast_share = Some(0.5));
    let bad = scene.at(State::Neighbour);
    let (mut bytes_in, mut passed, mut good_lost) = (0, 0, 0);
    const SECONDS: u32 = 20;
    for second in 0..SECONDS {
        for n in 0..5_000 {
            let query = query(nth(second * 5_000 + n), 7, 0, "nothing that anybody has");
            bytes_in += query.bytes().len();
            scene.raw.send(bad, &query);
        }
        passed += scene.passed_on().iter().map(|sent| sent.bytes().len()).sum::<usize>();
        scene.pass(1);
        scene.passed_on();
        for n in 0..100 {
            scene.raw.send(scene.good[0], &query(nth(0xffff_0000 + second * 100 + n), 3, 4, "okapi"));
        }
        let came = scene.raw.heard(scene.good[1]).len();
        if second >= 2 {
            good_lost += 100 - came.min(100);
        }
    }
    println!(
        "{bytes_in} bytes of queries in {SECONDS} s, {passed} passed on; {good_lost} of the good ones lost"
    );
    // What is free when the flood begins, then its half.
    assert!(passed <= 2 * rate + rate / 2 * SECONDS as usize, "{passed}");
    assert!(passed * 5 < bytes_in, "far less than it would be without the budget");
    assert_eq!(good_lost, 0, "after the first two seconds the others have the other half");
    assert!(scene.dropped().over_budget > 0);
    assert!(scene.routes_memory_bytes() <= routes_bytes_max(&Knobs::default()));
    scene.unharmed();
}
