//! Measures of a trace written by hand, whose values can be worked out on paper.

use crate::kit::small;
use bench::compare::{Backend, Run, judge};
use bench::measure::FlowRow;
use bench::overlay::{Contestant, Source};
use bench::overlays::overlays;
use bench::trace::{Outcome, Record, What};
use bench::world::World;
use common::metrics::NodeLoad;
use common::net::NodeId;
use common::peer::Time;
use common::user::{Failure, FetchId, SearchEnd, SearchId};
use std::time::Duration;

/// The first overlay whose people send content, with its one server.
fn overlay() -> &'static dyn Contestant {
    *overlays().iter().find(|overlay| overlay.content_from() == Source::Participants).unwrap()
}

fn person(person: usize) -> NodeId {
    NodeId(1 + person as u32)
}

struct Trace {
    world: World,
    outcome: Outcome,
}

impl Trace {
    /// Four people, each with one download, who have all been there since the first second; the run takes six.
    fn new() -> Self {
        let world = World::new(&small(4, 1)).unwrap();
        let ended = Time::ZERO + Duration::from_secs(6);
        let outcome = Outcome { loads: vec![NodeLoad::default(); 5], ended, ..Outcome::default() };
        let mut trace = Trace { world, outcome };
        (0..4).for_each(|n| trace.add(0, n, What::Arrived));
        trace
    }

    fn add(&mut self, at_ms: u64, who: usize, what: What) {
        let at = Time::ZERO + Duration::from_millis(at_ms);
        self.outcome.records.push(Record { at, node: person(who), what });
    }

    fn start(&mut self, at_ms: u64, fetch: u32) {
        let who = self.downloader(fetch);
        self.add(at_ms, who, What::FetchStarted { fetch: FetchId(fetch), candidates: 1 });
    }

    fn downloader(&self, fetch: u32) -> usize {
        self.world.workload.downloads[fetch as usize].person
    }

    fn size(&self, fetch: u32) -> u64 {
        self.world.items[self.world.workload.downloads[fetch as usize].item as usize].size
    }

    fn judged(&self) -> Run {
        judge(overlay(), Backend::Sim, &self.world, self.outcome.clone())
    }
}

#[test]
fn bytes_are_spread_over_the_time_in_which_they_arrived() {
    let mut trace = Trace::new();
    let (one, two) = (trace.downloader(0), trace.downloader(1));
    let (size, other) = (trace.size(0) as f64, trace.size(1) as f64);
    trace.start(1_000, 0);
    trace.start(1_500, 1);
    trace.add(2_000, one, What::Progress(FetchId(0), 1_000));
    // Worthless after all.
    trace.add(2_250, one, What::Progress(FetchId(0), 0));
    trace.add(3_250, two, What::Fetched(FetchId(1)));
    trace.add(4_250, one, What::Fetched(FetchId(0)));
    let flow = trace.judged().measured.flow;
    let bytes = [
        0.0,
        1_000.0 + other * 0.5 / 1.75,
        size * 0.75 / 2.0 + other * 1.0 / 1.75,
        size * 1.0 / 2.0 + other * 0.25 / 1.75,
        size * 0.25 / 2.0,
        0.0,
    ];
    let downloads = [0.0, 1.5, 2.0, 1.25, 0.25, 0.0];
    assert_eq!(flow.len(), 6);
    for (second, row) in flow.iter().enumerate() {
        let FlowRow { bytes_per_s, bytes_per_s_each, .. } = *row;
        assert_eq!((row.second, row.seconds), (second as u64, 1));
        assert!((bytes_per_s - bytes[second]).abs() < 1e-6, "second {second}: {bytes_per_s}");
        assert_eq!((row.downloads, row.downloaders), (downloads[second], downloads[second]));
        let each = (downloads[second] > 0.0).then(|| bytes[second] / downloads[second]);
        assert!(bytes_per_s_each.zip(each).is_none_or(|(found, each)| (found - each).abs() < 1e-6));
        assert_eq!(bytes_per_s_each.is_some(), each.is_some());
    }
    let best = bytes.into_iter().fold(0.0, f64::max) * 8.0 / 1000.0;
    assert!((trace.judged().measured.sheet.get("peak_kbps").unwrap() - best).abs() < 1e-6);
}

#[test]
fn an_uplink_is_measured_while_downloads_run_and_its_owner_is_there() {
    let mut trace = Trace::new();
    let (one, two) = (trace.downloader(0), trace.downloader(1));
    trace.start(1_000, 0);
    trace.start(2_000, 1);
    trace.add(2_500, two, What::Crashed);
    trace.add(3_000, one, What::Failed(FetchId(0), Failure::Timeout));
    // The lines of these people carry 20 Mbit/s up. One of them has two seconds for it, the other a second and a half.
    trace.outcome.loads[person(one).index()].body_sent = 1_000_000;
    trace.outcome.loads[person(two).index()].body_sent = 1_500_000;
    let found = trace.judged().measured.sheet.get("uplink_use").unwrap();
    let expected = (8e6 / (20e6 * 2.0) + 12e6 / (20e6 * 1.5)) / 2.0;
    assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
}

#[test]
fn lines_without_a_limit_are_not_used_to_a_part_and_that_is_said() {
    let mut trace = Trace::new();
    trace.world.people.iter_mut().for_each(|person| person.attachment.line.up_bps = None);
    let one = trace.downloader(0);
    let why = |trace: &Trace| {
        let sheet = trace.judged().measured.sheet.0;
        let measure = sheet.into_iter().find(|measure| measure.key == "uplink_use").unwrap();
        assert_eq!(measure.value, None);
        measure.why_none
    };
    assert_eq!(why(&trace), None, "nobody has sent anything, which other rows say");
    trace.start(1_000, 0);
    trace.add(3_000, one, What::Fetched(FetchId(0)));
    trace.outcome.loads[person(0).index()].body_sent = trace.size(0);
    assert!(why(&trace).is_some_and(|why| why.contains("no limit")));
}

#[test]
fn hops_are_those_of_the_first_result_and_where_nobody_tells_them_that_is_said() {
    let found = |hops: &[&[Option<u8>]]| {
        let mut trace = Trace::new();
        for (search, hops) in hops.iter().enumerate() {
            let who = trace.world.workload.searches[search].person;
            let search = SearchId(search as u32);
            trace.add(1_000, who, What::SearchStarted(search));
            for hops in *hops {
                trace.add(2_000, who, What::Found { search, item: None, holder: None, hops: *hops });
            }
            trace.add(3_000, who, What::SearchEnded(search, SearchEnd::Complete));
        }
        let sheet = trace.judged().measured.sheet.0;
        let measure = sheet.into_iter().find(|measure| measure.key == "search_hops").unwrap();
        (measure.value, measure.why_none.is_some())
    };
    assert_eq!(found(&[&[Some(2), Some(1)], &[Some(5)], &[]]), (Some(3.5), false));
    assert_eq!(found(&[&[None], &[None, Some(4)]]), (None, true));
    assert_eq!(found(&[&[], &[]]), (None, false), "there is no result that could have come from anywhere");
}
