//! Every checker fails on a trace that was tampered with, in words that say who, and passes on the true one.

use std::time::Duration;

use bench::check::Verdict;
use bench::compare::{Backend, judge};
use bench::overlay::{Contestant, Source};
use bench::overlays::overlays;
use bench::trace::{Delivered, Outcome, Record, What};
use bench::watch::Watch;
use bench::world::World;

use crate::kit;

/// A true run of the first overlay whose content comes from there.
fn run(source: Source) -> (World, &'static dyn Contestant, Outcome) {
    let world = World::new(&kit::small(12, 1)).unwrap();
    let contestant = *overlays().iter().find(|contestant| contestant.content_from() == source).unwrap();
    let outcome = contestant.simulate(&world, &Watch::new(false));
    (world, contestant, outcome)
}

/// The verdict of one checker on an outcome that was tampered with; it must have passed before.
fn tampered(source: Source, checker: &str, tamper: impl FnOnce(&mut Outcome, &World)) -> Verdict {
    let (world, contestant, mut outcome) = run(source);
    let find = |outcome: Outcome| {
        let run = judge(contestant, Backend::Sim, &world, outcome);
        run.checks.into_iter().find(|verdict| verdict.name == checker).unwrap()
    };
    let before = find(outcome.clone());
    assert!(before.exercised > 0, "{checker} had nothing to judge");
    assert_eq!(before.failures, Vec::<String>::new());
    tamper(&mut outcome, &world);
    find(outcome)
}

#[track_caller]
fn fails_with(verdict: &Verdict, words: &[&str]) {
    assert!(verdict.failed > 0, "{} let it pass", verdict.name);
    for word in words {
        assert!(verdict.failures[0].contains(word), "{:?} does not say {word:?}", verdict.failures[0]);
    }
}

fn first(outcome: &Outcome, wanted: impl Fn(&What) -> bool) -> usize {
    outcome.records.iter().position(|record| wanted(&record.what)).expect("the run has such a record")
}

const NOWHERE: &str = "nobody completes what nobody sent";

#[test]
fn a_completion_without_the_bytes_is_found() {
    let verdict = tampered(Source::Participants, NOWHERE, |outcome, _| {
        let at = first(outcome, |what| matches!(what, What::Fetched(_)));
        outcome.loads[outcome.records[at].node.index()].body_received = 7;
    });
    fails_with(&verdict, &["peer ", " s: completed", "saw 7"]);
}

#[test]
fn a_completion_with_a_hole_in_the_file_is_found() {
    let verdict = tampered(Source::Participants, NOWHERE, |outcome, _| {
        let at = first(outcome, |what| matches!(what, What::Fetched(_)));
        let What::Fetched(fetch) = outcome.records[at].what else { unreachable!() };
        outcome.delivered.push(Delivered { fetch, intact: false });
    });
    fails_with(&verdict, &["peer ", "saw some missing"]);
}

#[test]
fn content_that_nobody_sent_is_found() {
    let verdict = tampered(Source::Servers, NOWHERE, |outcome, _| {
        outcome.loads.iter_mut().for_each(|load| load.body_sent = 0);
    });
    fails_with(&verdict, &["all together", "saw 0"]);
}

#[test]
fn a_search_without_an_end_is_found() {
    let verdict = tampered(Source::Participants, "every search ends, once", |outcome, _| {
        let at = first(outcome, |what| matches!(what, What::SearchEnded(..)));
        outcome.records.remove(at);
    });
    fails_with(&verdict, &["peer ", "started search", "saw none"]);
}

#[test]
fn a_search_with_two_ends_or_a_late_result_is_found() {
    for twice in [true, false] {
        let verdict = tampered(Source::Participants, "every search ends, once", |outcome, _| {
            let end = first(outcome, |what| matches!(what, What::SearchEnded(..)));
            let What::SearchEnded(search, how) = outcome.records[end].what else { unreachable!() };
            let what = match twice {
                true => What::SearchEnded(search, how),
                false => What::Found { search, item: None, holder: None, hops: None },
            };
            let again = Record { at: outcome.ended, node: outcome.records[end].node, what };
            outcome.records.push(again);
        });
        fails_with(&verdict, &["peer ", "search"]);
    }
}

#[test]
fn a_download_without_an_end_is_found() {
    let verdict = tampered(Source::Servers, "every download ends, once", |outcome, _| {
        let at = first(outcome, |what| matches!(what, What::Fetched(_)));
        outcome.records.remove(at);
    });
    fails_with(&verdict, &["peer ", "started download", "saw none"]);
}

#[test]
fn content_through_an_index_server_is_found() {
    let verdict = tampered(Source::Participants, "no content passes an index server", |outcome, _| {
        outcome.loads[0].body_received = 1;
    });
    fails_with(&verdict, &["server 0", "expected 0 bytes", "1 received"]);
}

#[test]
fn a_download_faster_than_its_line_is_found() {
    let verdict = tampered(Source::Servers, "no run beats its bound", |outcome, _| {
        let at = first(outcome, |what| matches!(what, What::Fetched(_)));
        let What::Fetched(fetched) = outcome.records[at].what else { unreachable!() };
        let start =
            first(outcome, |what| matches!(what, What::FetchStarted { fetch, .. } if *fetch == fetched));
        outcome.records[at].at = outcome.records[start].at + Duration::from_millis(1);
    });
    fails_with(&verdict, &["peer ", "expected at least", "saw 0.001"]);
}

#[test]
fn bytes_from_nothing_and_bytes_lost_are_found() {
    for (received, words) in [(u64::from(u32::MAX), "at most"), (0, "expected all but 0")] {
        let verdict = tampered(Source::Participants, "bytes sent = bytes received", |outcome, _| {
            for load in &mut outcome.loads {
                load.body_received = received;
            }
        });
        fails_with(&verdict, &["all together", words]);
    }
}

#[test]
fn a_broken_peer_is_found() {
    let verdict = tampered(Source::Servers, "no peer panics, no process dies", |outcome, _| {
        outcome.casualties.push("peer 3: its peer panicked".to_owned());
    });
    fails_with(&verdict, &["peer 3"]);
}

#[test]
fn a_fault_is_known_by_whom_it_hit_even_where_a_clock_is_behind() {
    let mut scenario = kit::small(12, 1);
    scenario.faults = vec!["server@1s".parse().unwrap(), "random 20%@3s".parse().unwrap()];
    scenario.searches.settle_s = 4.0;
    let world = World::new(&scenario).unwrap();
    for contestant in overlays() {
        let mut outcome = contestant.simulate(&world, &Watch::new(false));
        for record in outcome.records.iter_mut().filter(|record| record.what == What::Crashed) {
            record.at.0 -= Duration::from_millis(20).as_nanos() as u64;
        }
        let strikes = judge(*contestant, Backend::Sim, &world, outcome).measured.strikes;
        let victims: Vec<usize> = strikes.iter().map(|strike| strike.victims.len()).collect();
        assert_eq!(victims, [1, 2], "{}", contestant.name());
        assert_eq!(strikes[0].victims, ["server 0"]);
    }
}

#[test]
fn progress_without_the_bytes_is_found() {
    let verdict = tampered(Source::Participants, "bytes told of <= bytes received", |outcome, _| {
        let at = first(outcome, |what| matches!(what, What::Progress(_, have) if *have > 0));
        outcome.loads[outcome.records[at].node.index()].body_received = 7;
    });
    fails_with(&verdict, &["peer ", "was told of", "saw 7"]);
}
