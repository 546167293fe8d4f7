//! Trace events: of a form that parsers take, with each search and download as long as it took, and each message once.

use std::collections::BTreeMap;

use bench::overlays::overlays;
use bench::record::spans;
use bench::trace::{Record, What};
use common::sim::Happening;
use serde_json::Value;

use crate::recorded;

/// Events of a phase.
fn of<'a>(events: &'a [Value], phase: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["ph"] == phase).collect()
}

/// A span by its sort and number.
type Span = (&'static str, u64);

/// The span that a record begins, or ends.
fn span(what: &What) -> Option<(Span, bool)> {
    Some(match what {
        What::SearchStarted(search) => (("search", search.0.into()), true),
        What::SearchEnded(search, _) => (("search", search.0.into()), false),
        What::FetchStarted { fetch, .. } => (("download", fetch.0.into()), true),
        What::Fetched(fetch) | What::Failed(fetch, _) => (("download", fetch.0.into()), false),
        _ => return None,
    })
}

/// When spans began, or ended, in the trace.
fn traced(events: &[Value], phase: &str) -> BTreeMap<Span, f64> {
    let events = of(events, phase).into_iter();
    let traced = events.map(|event| {
        let sort =
            ["search", "download"].into_iter().find(|sort| event["cat"] == *sort).expect("a known sort");
        ((sort, event["id"].as_u64().unwrap()), event["ts"].as_f64().unwrap())
    });
    traced.collect()
}

#[test]
fn spans_are_the_searches_and_downloads_of_the_run_and_flows_its_messages() {
    for overlay in overlays() {
        let (world, recorded) = recorded(*overlay, 7);
        let mut file = Vec::new();
        let count = spans(*overlay, &world, &recorded, &mut file).unwrap();
        let trace: Value = serde_json::from_slice(&file).unwrap();
        let events = trace["traceEvents"].as_array().unwrap();
        assert_eq!(events.len() as u64, count);
        let (mut begun, mut ended) = (BTreeMap::new(), BTreeMap::new());
        for Record { at, what, .. } in &recorded.outcome.records {
            match span(what) {
                Some((span, true)) => begun.insert(span, at.0 as f64 / 1e3),
                Some((span, false)) => ended.insert(span, at.0 as f64 / 1e3),
                None => None,
            };
        }
        // What the end of the run cut off ends with it.
        let end_of_run = recorded.outcome.ended.0 as f64 / 1e3;
        for span in begun.keys() {
            ended.entry(*span).or_insert(end_of_run);
        }
        assert_eq!(traced(events, "b"), begun, "{}", overlay.name());
        assert_eq!(traced(events, "e"), ended, "{}", overlay.name());
        assert!(begun.len() > 20);
        let entries = &recorded.recording.entries;
        let left = entries.iter().filter(|e| matches!(e.what, Happening::Message { .. })).count();
        let taken =
            entries.iter().filter(|e| matches!(e.what, Happening::Message { taken: Some(_), .. })).count();
        assert_eq!(of(events, "X").len(), left + taken);
        let ids =
            |phase: &str| of(events, phase).iter().map(|e| e["id"].as_u64().unwrap()).collect::<Vec<_>>();
        assert_eq!(ids("s").len(), taken);
        assert_eq!(ids("s"), ids("f"), "every flow has both its ends");
        let named = of(events, "M").iter().filter(|e| e["name"] == "process_name").count();
        assert_eq!(named, recorded.outcome.loads.len(), "every node has a name");
    }
}
