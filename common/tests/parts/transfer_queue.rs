//! Upload slots and the queue before them, against a naive model; bodies that are fed to a driver.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use common::http::QueuePlace;
use common::peer::{FileId, Span, Time};
use common::transfer::{
    Admission, Feed, PROGRESS_BYTES_MIN, QUEUED_BYTES_MAX, QueueKnobs, SPAN_BYTES, SlotId, UploadQueue,
};

fn knobs() -> QueueKnobs {
    QueueKnobs {
        slots: 2,
        slots_per_address: 1,
        places_max: 3,
        poll_min: Duration::from_millis(9_500),
        poll_max: Duration::from_secs(60),
        linger: Duration::from_secs(10),
    }
}

fn queue() -> UploadQueue {
    UploadQueue::new(Arc::new(knobs()))
}

fn host(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, n)
}

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

fn started(admission: Admission) -> SlotId {
    match admission {
        Admission::Start(slot) => slot,
        other => panic!("{other:?} instead of a slot"),
    }
}

fn position(admission: Admission) -> u32 {
    match admission {
        Admission::Wait(place) => place.position,
        other => panic!("{other:?} instead of a place"),
    }
}

#[test]
fn who_came_first_is_served_first() {
    let mut queue = queue();
    let [first, _] = [1, 2].map(|n| started(queue.request(host(n), 0, at(0))));
    let place = QueuePlace { position: 1, length: Some(1), limit: Some(2), poll_min_s: 10, poll_max_s: 60 };
    assert_eq!(queue.request(host(3), 0, at(0)), Admission::Wait(place));
    assert_eq!(position(queue.request(host(4), 0, at(0))), 2);
    assert_eq!(position(queue.request(host(5), 0, at(0))), 3);
    assert_eq!(queue.request(host(6), 0, at(0)), Admission::Full(Duration::from_secs(60)));
    queue.release(first);
    // One slot is free, and it is the first one's.
    assert_eq!(position(queue.request(host(4), 0, at(20))), 2);
    assert_eq!(queue.request(host(6), 0, at(20)), Admission::Full(Duration::from_secs(60)));
    started(queue.request(host(3), 0, at(21)));
    assert_eq!(position(queue.request(host(4), 0, at(40))), 1);
}

#[test]
fn who_does_not_ask_again_in_time_loses_the_place() {
    let mut queue = queue();
    let [first, _] = [1, 2].map(|n| started(queue.request(host(n), 0, at(0))));
    queue.request(host(3), 0, at(0));
    queue.request(host(4), 0, at(30));
    queue.release(first);
    assert_eq!(position(queue.request(host(4), 0, at(60))), 2, "the first one still has its time");
    started(queue.request(host(4), 0, at(61)));
    assert_eq!(position(queue.request(host(3), 0, at(62))), 1, "it stands in line anew");
}

#[test]
fn who_no_longer_waits_holds_up_nobody() {
    let mut queue = queue();
    let [first, _] = [1, 2].map(|n| started(queue.request(host(n), 0, at(0))));
    queue.request(host(3), 0, at(0));
    assert_eq!(position(queue.request(host(4), 0, at(0))), 2);
    queue.release(first);
    queue.leave(host(3));
    started(queue.request(host(4), 0, at(1)));
    assert_eq!(queue.waiting(), 0);
}

#[test]
fn who_stands_further_back_is_told_to_ask_later() {
    let knobs = QueueKnobs { slots: 1, poll_min: Duration::from_secs(1), places_max: 100, ..knobs() };
    let mut queue = UploadQueue::new(Arc::new(knobs));
    started(queue.request(host(1), 0, at(0)));
    let told = (2..=42).map(|n| match queue.request(host(n), 0, at(0)) {
        Admission::Wait(place) => place.poll_min_s,
        other => panic!("{other:?} instead of a place"),
    });
    let told: Vec<u32> = told.collect();
    assert_eq!(
        (told[0], told[6], told[29], told[40]),
        (1, 7, 30, 30),
        "half of the 60 s it is kept, at most"
    );
}

#[test]
fn a_priority_goes_before_who_came_earlier() {
    let mut queue = queue();
    let _slots = [1, 2].map(|n| started(queue.request(host(n), 0, at(0))));
    assert_eq!(position(queue.request(host(3), 5, at(0))), 1);
    assert_eq!(position(queue.request(host(4), 9, at(1))), 1);
    assert_eq!(position(queue.request(host(5), 5, at(2))), 3);
    // Who waits cannot get on by asking with another priority.
    assert_eq!(position(queue.request(host(5), 10, at(3))), 3);
}

#[test]
fn one_address_has_one_slot() {
    let mut queue = queue();
    let slot = started(queue.request(host(1), 0, at(0)));
    assert_eq!(position(queue.request(host(1), 0, at(0))), 1);
    // Who waits for a second one does not keep others from the slot that is free.
    let other = started(queue.request(host(2), 0, at(0)));
    queue.release(slot);
    queue.release(other);
    started(queue.request(host(1), 0, at(1)));
}

#[test]
fn a_connection_keeps_its_slot_for_a_while() {
    let mut queue = queue();
    let [first, second] = [1, 2].map(|n| started(queue.request(host(n), 0, at(0))));
    queue.linger(first, at(100));
    assert_eq!(position(queue.request(host(3), 0, at(105))), 1);
    assert!(queue.renew(first, at(110)));
    queue.linger(first, at(200));
    // While it serves it has all the time it needs.
    assert!(queue.renew(second, at(500)));
    assert!(!queue.renew(first, at(500)));
    assert_eq!(queue.slots_taken(), 1);
    // The number of a slot that is gone means nothing.
    started(queue.request(host(4), 0, at(500)));
    queue.release(first);
    assert_eq!(queue.slots_taken(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes: no more slots and places than there are, and nobody who asks in time is passed by an equal who came
    /// later.
    #[test]
    fn slots_and_places_have_bounds(steps in prop::collection::vec((0u64..40, 0u8..4, 0u8..7, 0u32..3), 0..120)) {
        let mut queue = queue();
        let mut now = at(0);
        // Number, address, and until when it lingers.
        let mut slots: Vec<(SlotId, u8, Option<Time>)> = Vec::new();
        // Address, priority and when it asked last, in the order of arrival.
        let mut waiting: Vec<(u8, u32, Time)> = Vec::new();
        for (pause, what, who, priority) in steps {
            now = now + Duration::from_secs(pause);
            slots.retain(|(_, _, until)| until.is_none_or(|until| now <= until));
            let pick = usize::from(who) % slots.len().max(1);
            match (what, slots.get_mut(pick)) {
                (0, Some((slot, ..))) => {
                    queue.release(*slot);
                    slots.remove(pick);
                }
                (1, Some((slot, _, until))) => {
                    queue.linger(*slot, now);
                    *until = Some(now + Duration::from_secs(10));
                }
                (2, Some((slot, _, until))) => {
                    prop_assert!(queue.renew(*slot, now));
                    *until = None;
                }
                _ => {
                    waiting.retain(|(_, _, asked)| now.since(*asked) <= Duration::from_secs(60));
                    let known = waiting.iter().position(|(address, ..)| *address == who);
                    let mine = known.map_or(priority, |at| waiting[at].1);
                    let earlier = waiting.iter().enumerate().filter(|(at, (_, other, _))| {
                        *other > mine || *other == mine && known.is_none_or(|known| *at < known)
                    });
                    let earlier: Vec<u8> = earlier.map(|(_, (address, ..))| *address).collect();
                    let has_slot = |who: u8| slots.iter().any(|(_, address, _)| *address == who);
                    let ahead = earlier.iter().filter(|address| !has_slot(**address)).count();
                    let may_start = !has_slot(who) && slots.len() + ahead < 2;
                    match queue.request(host(who), priority, now) {
                        Admission::Start(slot) => {
                            prop_assert!(may_start);
                            slots.push((slot, who, None));
                            if let Some(at) = known {
                                waiting.remove(at);
                            }
                        }
                        Admission::Wait(place) => {
                            prop_assert!(!may_start);
                            prop_assert_eq!(place.position as usize, earlier.len() + 1);
                            match known {
                                Some(at) => waiting[at].2 = now,
                                None => waiting.push((who, priority, now)),
                            }
                            prop_assert_eq!(place.length, Some(waiting.len() as u32));
                        }
                        Admission::Full(_) => prop_assert!(!may_start && waiting.len() == 3),
                    }
                }
            }
            prop_assert!(slots.len() <= 2 && waiting.len() <= 3);
        }
    }

    #[test]
    fn a_feed_hands_out_every_byte_once_and_never_too_much(
        offset in 0u64..1 << 40,
        len in 0u64..5_000_000,
        sent in prop::collection::vec(1u32..900_000, 0..60),
    ) {
        let mut feed = Feed::new(Span { file: FileId(3), offset, len }, Time::ZERO, Duration::from_secs(60));
        let (mut next, mut left, mut now) = (offset, 0, Time::ZERO);
        for step in sent.into_iter().chain(std::iter::repeat_n(1_000_000, 10)) {
            while let Some(span) = feed.next_span() {
                prop_assert_eq!((span.file, span.offset), (FileId(3), next));
                prop_assert!(span.len > 0 && span.len <= SPAN_BYTES);
                next += span.len;
            }
            let queued = next - offset - left;
            prop_assert!(queued <= QUEUED_BYTES_MAX);
            prop_assert!(queued > QUEUED_BYTES_MAX - SPAN_BYTES || next == offset + len, "the driver starves");
            let leaves = u64::from(step).min(queued);
            left += leaves;
            now = now + Duration::from_secs(50);
            feed.sent(leaves as u32, now);
            prop_assert_eq!((feed.bytes_sent(), feed.is_done()), (left, left == len));
            if leaves >= PROGRESS_BYTES_MIN {
                prop_assert_eq!(feed.deadline(), now + Duration::from_secs(60));
            }
        }
        prop_assert!(feed.is_done());
    }
}

#[test]
fn a_trickle_is_no_progress() {
    let span = Span { file: FileId(0), offset: 0, len: 100_000 };
    let mut feed = Feed::new(span, at(0), Duration::from_secs(60));
    feed.next_span();
    feed.sent(1000, at(50));
    assert_eq!(feed.deadline(), at(60));
    feed.sent(24, at(55));
    assert_eq!(feed.deadline(), at(115));
}
