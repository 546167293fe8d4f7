//! The route table against a model, and under a day of traffic.

use std::time::Duration;

use common::peer::{ConnId, Time};
use gnutella::guid::Guid;
use gnutella::routing::RouteTable;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_pcg::Pcg32;

const LIFE: Duration = Duration::from_secs(10);
const ROUTES_MAX: usize = 16;

fn guid(n: u8) -> Guid {
    let mut bytes = [0; 16];
    bytes[5] = n;
    Guid(bytes)
}

fn after(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

/// What an id must and may be: entered at a time, followed by so many entries.
#[derive(Clone, Copy)]
struct Entry {
    id: u8,
    link: Option<ConnId>,
    at: u64,
}

/// Everything ever entered, in order: the table must know what is young and among the last few, and must not know what is
/// old.
#[derive(Default)]
struct Model {
    entered: Vec<Entry>,
}

impl Model {
    fn last(&self, id: u8) -> Option<(Entry, usize)> {
        let at = self.entered.iter().rposition(|entry| entry.id == id)?;
        Some((self.entered[at], self.entered.len() - at))
    }

    /// True: it must be known; false: it must not; `None`: either.
    fn known(&self, id: u8, now: u64) -> Option<bool> {
        let Some((entry, position)) = self.last(id) else { return Some(false) };
        let age = now - entry.at;
        if age >= 2 * LIFE.as_secs() {
            return Some(false);
        }
        (age < LIFE.as_secs() && position <= ROUTES_MAX / 2).then_some(true)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u8, usize),
    Set(u8, usize),
    Own(u8),
    Get(u8),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..40u8, 0..5usize).prop_map(|(id, link)| Step::Insert(id, link)),
        1 => (0..40u8, 0..5usize).prop_map(|(id, link)| Step::Set(id, link)),
        1 => (0..40u8).prop_map(Step::Own),
        4 => (0..40u8).prop_map(Step::Get),
        1 => (0..25u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn it_knows_what_is_young_and_nothing_that_is_old(steps in prop::collection::vec(step(), 1..200), seed: u64) {
        let mut routes = RouteTable::new(ROUTES_MAX, LIFE, &mut Pcg32::seed_from_u64(seed));
        let (mut model, mut now) = (Model::default(), 0);
        for step in steps {
            match step {
                Step::Wait(seconds) => now += seconds,
                Step::Insert(id, slot) => {
                    let link = ConnId::new(slot, 0);
                    let new = routes.insert(guid(id), link, after(now));
                    if let Some(known) = model.known(id, now) {
                        prop_assert_eq!(new, !known);
                    }
                    if new {
                        model.entered.push(Entry { id, link: Some(link), at: now });
                    }
                }
                Step::Set(id, slot) => {
                    let link = ConnId::new(slot, 0);
                    routes.set(guid(id), link, after(now));
                    model.entered.push(Entry { id, link: Some(link), at: now });
                }
                Step::Own(id) => {
                    routes.insert_own(guid(id), after(now));
                    model.entered.push(Entry { id, link: None, at: now });
                }
                Step::Get(id) => {
                    let found = routes.get(&guid(id), after(now));
                    let link = model.last(id).and_then(|(entry, _)| entry.link);
                    match model.known(id, now) {
                        Some(true) => prop_assert_eq!(found, link),
                        Some(false) => prop_assert_eq!(found, None),
                        None => prop_assert!(found.is_none() || found == link),
                    }
                }
            }
            prop_assert!(routes.len() <= ROUTES_MAX);
        }
    }
}

#[test]
fn a_day_of_traffic_stays_within_its_bound() {
    let (routes_max, life) = (57_344, Duration::from_secs(600));
    let mut rng = Pcg32::seed_from_u64(7);
    let mut routes = RouteTable::new(routes_max, life, &mut rng);
    assert_eq!(routes.memory_bytes(), 0);
    let mut largest = 0;
    for second in 0..86_400 {
        // 25 a second is more than a modem carries; a hundred, in the evening, more than the table can remember for its life.
        let rate = if (64_800..72_000).contains(&second) { 100 } else { 25 };
        let mut first = None;
        for _ in 0..rate {
            let id = Guid::random(&mut rng);
            first = first.or(Some(id));
            assert!(routes.insert(id, ConnId::new(rng.random_range(0..7), 0), after(second)));
        }
        let first = first.expect("some came");
        assert!(routes.get(&first, after(second)).is_some());
        assert!(!routes.insert(first, ConnId::new(9, 0), after(second)));
        largest = largest.max(routes.memory_bytes());
    }
    assert!(routes.len() <= routes_max);
    assert!(largest <= 25 * routes_max, "{largest} bytes for {routes_max} ids");
    assert!(largest >= 23 * routes_max, "the evening filled it: {largest} bytes");
}

#[test]
fn ids_that_differ_in_one_byte_do_not_collide() {
    // A collision chain would make this quadratic: 100,000 look-ups of neighbours in a chain take minutes.
    let mut routes = RouteTable::new(400_000, LIFE, &mut Pcg32::seed_from_u64(3));
    let id = |n: u32| {
        let mut bytes = [0xff; 16];
        bytes[12..].copy_from_slice(&n.to_be_bytes());
        Guid(bytes)
    };
    assert!((0..200_000).all(|n| routes.insert(id(n), ConnId::new(n as usize % 7, 0), Time::ZERO)));
    assert!((0..200_000).all(|n| routes.get(&id(n), Time::ZERO) == Some(ConnId::new(n as usize % 7, 0))));
}
