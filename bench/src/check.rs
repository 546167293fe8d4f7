//! What must be true of every run, judged from outside: by notes and the drivers' counters alone.
//!
//! Each checker says how often it had something to judge, so that one that passed because nothing happened is seen
//! to be that.

use std::collections::BTreeMap;

use serde::Serialize;

use common::net::NodeId;
use common::peer::Time;
use common::user::{FetchId, SearchId};

use crate::measure::{DownloadEnd, Lives, Measured, of_run};
use crate::overlay::{Cast, Source};
use crate::trace::{Outcome, What};

/// Failures of one checker that are written out; the rest is counted.
const FAILURES_SHOWN: usize = 5;

/// The verdict of one checker on one run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Verdict {
    /// What must be true, in a few words.
    pub name: &'static str,
    /// How often there was something to judge.
    pub exercised: u64,
    /// Cases that cannot be judged since the run was cut short.
    pub undecided: u64,
    /// How often it was not true.
    pub failed: u64,
    /// The first of these, in words: who, when, what was expected, what was seen.
    pub failures: Vec<String>,
}

impl Verdict {
    fn new(name: &'static str) -> Self {
        Verdict { name, exercised: 0, undecided: 0, failed: 0, failures: Vec::new() }
    }

    fn judge(&mut self, holds: bool, words: impl FnOnce() -> String) {
        self.exercised += 1;
        if !holds {
            self.fail(words());
        }
    }

    fn fail(&mut self, words: String) {
        self.failed += 1;
        if self.failures.len() < FAILURES_SHOWN {
            self.failures.push(words);
        }
    }
}

/// What the checkers look at.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// Who is who.
    pub cast: &'a Cast<'a>,
    /// Where content may come from.
    pub source: Source,
    /// Whether a download may turn away from a holder whose bytes are under way, because another one is faster.
    pub many_sources: bool,
    /// Whether results name the holders; if not, anybody may be a source of a download.
    pub hits_name_holders: bool,
    /// What happened.
    pub outcome: &'a Outcome,
    /// What was measured of it.
    pub measured: &'a Measured,
    /// How much earlier than a bound an event may be seen, in seconds: clocks of real sockets are not exact.
    pub slack_s: f64,
}

/// Bytes that may be under way on one connection, in the driver's queues and the system's: those a vanished or
/// unfinished transfer takes with it.
const IN_FLIGHT_MAX: u64 = 8 << 20;

/// All checkers' verdicts.
pub fn check(case: &Case<'_>) -> Vec<Verdict> {
    vec![
        nothing_from_nowhere(case),
        searches_end(case),
        downloads_end(case),
        content_passes_no_server(case),
        bounds_hold(case),
        bytes_are_conserved(case),
        progress_has_arrived(case),
        nobody_breaks(case),
    ]
}

fn at(time: Time) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

/// Nobody completes what nobody sent.
fn nothing_from_nowhere(case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict::new("nobody completes what nobody sent");
    let Case { cast, outcome, .. } = case;
    let downloads = &cast.world.workload.downloads;
    let intact: BTreeMap<FetchId, bool> = outcome.delivered.iter().map(|d| (d.fetch, d.intact)).collect();
    let mut claimed: BTreeMap<NodeId, u64> = BTreeMap::new();
    for record in &outcome.records {
        let What::Fetched(fetch) = record.what else { continue };
        let who = cast.title(record.node);
        let Some(planned) = downloads.get(fetch.0 as usize) else {
            verdict.judge(false, || {
                format!("{who} at {}: completed download {}, which nobody asked for", at(record.at), fetch.0)
            });
            continue;
        };
        let size = cast.world.items[planned.item as usize].size;
        *claimed.entry(record.node).or_default() += size;
        verdict.judge(intact.get(&fetch).copied().unwrap_or(true), || {
            format!(
                "{who} at {}: says download {} (item {}) is complete; expected all of its {size} bytes in place, saw some missing",
                at(record.at), fetch.0, planned.item
            )
        });
        let received = outcome.loads.get(record.node.index()).map_or(0, |load| load.body_received);
        let claimed = claimed[&record.node];
        verdict.judge(received >= claimed, || {
            format!(
                "{who} at {}: completed downloads of {claimed} bytes; expected at least as many received, saw {received}",
                at(record.at)
            )
        });
    }
    let claimed: u64 = claimed.values().sum();
    let senders = cast.servers as usize..outcome.loads.len();
    let senders = if case.source == Source::Servers { 0..cast.servers as usize } else { senders };
    let sent: u64 = outcome.loads.get(senders).unwrap_or_default().iter().map(|load| load.body_sent).sum();
    verdict.judge(sent >= claimed, || {
        format!("all together: completed {claimed} bytes; expected at least as many sent by those who have content, saw {sent}")
    });
    verdict
}

/// How a thing that must end exactly once went.
#[derive(Default)]
struct Ending {
    started: Option<(Time, NodeId)>,
    ends: u32,
    late: Option<Time>,
    early: bool,
}

fn endings<'a>(
    verdict: &mut Verdict,
    case: &Case<'_>,
    what: &str,
    things: impl Iterator<Item = (u32, &'a Ending)>,
) {
    let lives = Lives::of(case.outcome);
    for (number, ending) in things {
        let Some((started, node)) = ending.started else {
            verdict.judge(!ending.early, || {
                format!("{what} {number}: has results or an end, but was never started")
            });
            continue;
        };
        let who = case.cast.title(node);
        let gone = lives.ended_after(node, started).is_some();
        match ending.ends {
            0 if gone => continue,
            0 if case.outcome.cut_short => {
                verdict.undecided += 1;
                continue;
            }
            _ => {}
        }
        verdict.judge(ending.ends == 1 && ending.late.is_none() && !ending.early, || {
            let ended = at(case.outcome.ended);
            match (ending.ends, ending.late) {
                (_, Some(late)) => {
                    format!("{who} at {}: {what} {number} had ended; expected silence, saw more", at(late))
                }
                (0, _) => format!(
                    "{who}: started {what} {number} at {}; expected one end, saw none by {ended}",
                    at(started)
                ),
                (ends, _) => {
                    format!("{who}: started {what} {number} at {}; expected one end, saw {ends}", at(started))
                }
            }
        });
    }
}

/// Every search ends, once, and after that is silent.
fn searches_end(case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict::new("every search ends, once");
    let mut searches: BTreeMap<SearchId, Ending> = BTreeMap::new();
    for record in &case.outcome.records {
        match record.what {
            What::SearchStarted(search) => {
                searches.entry(search).or_default().started = Some((record.at, record.node));
            }
            What::Found { search, .. } => {
                let ending = searches.entry(search).or_default();
                ending.early |= ending.started.is_none();
                if ending.ends > 0 {
                    ending.late = Some(record.at);
                }
            }
            What::SearchEnded(search, _) => {
                let ending = searches.entry(search).or_default();
                ending.early |= ending.started.is_none();
                ending.ends += 1;
            }
            _ => {}
        }
    }
    endings(&mut verdict, case, "search", searches.iter().map(|(search, ending)| (search.0, ending)));
    verdict
}

/// Every download ends, once: it is there, or there is a word for why not.
fn downloads_end(case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict::new("every download ends, once");
    let mut downloads: BTreeMap<FetchId, Ending> = BTreeMap::new();
    for record in &case.outcome.records {
        match record.what {
            What::FetchStarted { fetch, .. } => {
                downloads.entry(fetch).or_default().started = Some((record.at, record.node));
            }
            What::Progress(fetch, _) => {
                let ending = downloads.entry(fetch).or_default();
                ending.early |= ending.started.is_none();
                if ending.ends > 0 {
                    ending.late = Some(record.at);
                }
            }
            What::Fetched(fetch) | What::Failed(fetch, _) => {
                let ending = downloads.entry(fetch).or_default();
                ending.early |= ending.started.is_none();
                ending.ends += 1;
            }
            _ => {}
        }
    }
    endings(&mut verdict, case, "download", downloads.iter().map(|(fetch, ending)| (fetch.0, ending)));
    verdict
}

/// Where peers have the content, not a byte of it passes a server.
fn content_passes_no_server(case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict::new("no content passes an index server");
    if case.source == Source::Servers {
        return verdict;
    }
    let servers = case.cast.servers as usize;
    let flowed = case.outcome.loads.iter().skip(servers).any(|load| load.body_received > 0);
    for (server, load) in case.outcome.loads.iter().take(servers).enumerate() {
        let passed = load.body_received + load.body_sent;
        if flowed || passed > 0 {
            verdict.judge(passed == 0, || {
                format!(
                    "server {server}: expected 0 bytes of content, saw {} received and {} sent",
                    load.body_received, load.body_sent
                )
            });
        }
    }
    verdict
}

/// No download and no run is faster than the lines allow.
fn bounds_hold(case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict::new("no run beats its bound");
    let rows = &case.measured.downloads;
    for row in rows.iter().filter(|row| row.end == DownloadEnd::Fetched) {
        let Some(took) = row.took_s else { continue };
        verdict.judge(took + case.slack_s >= row.bound_s, || {
            format!(
                "peer {}: download {} of {} bytes, begun at {:.3} s; expected at least {:.3} s over these lines, saw {took:.3} s",
                row.person, row.fetch, row.size, row.started_s.unwrap_or(0.0), row.bound_s
            )
        });
    }
    let (Some(bound), Some(took)) =
        (of_run(case.cast, case.source, rows), case.measured.sheet.get("achieved_s"))
    else {
        return verdict;
    };
    verdict.judge(took + case.slack_s >= bound.seconds, || {
        format!(
            "all downloads together: expected at least {:.3} s because of {}, saw {took:.3} s",
            bound.seconds, bound.term
        )
    });
    verdict
}

/// What is received was sent, and what was sent is received unless somebody vanished, gave up or turned away.
fn bytes_are_conserved(case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict::new("bytes sent = bytes received");
    let sum = |of: fn(&common::metrics::NodeLoad) -> u64| case.outcome.loads.iter().map(of).sum::<u64>();
    let (sent, received) = (sum(|load| load.body_sent), sum(|load| load.body_received));
    let broken = case
        .outcome
        .records
        .iter()
        .filter(|r| matches!(r.what, What::Crashed | What::Left | What::Failed(..)));
    let rows = || case.measured.downloads.iter();
    let open = rows().filter(|row| row.end == DownloadEnd::Unfinished);
    // It turns away from all holders but the last at most, and from each with no more than its part.
    let left = |candidates: u32| u64::from(candidates.saturating_sub(1)) * IN_FLIGHT_MAX;
    let people = case.cast.world.people.len() as u32;
    let holders = |candidates: u32| if case.hits_name_holders { candidates } else { people };
    let turned_away: u64 =
        rows().filter(|_| case.many_sources).map(|row| left(holders(row.candidates)).min(row.size)).sum();
    let allowed = (broken.count() + open.count()) as u64 * IN_FLIGHT_MAX + turned_away;
    if sent + received > 0 {
        verdict.judge(received <= sent, || {
            format!("all together: expected at most the {sent} content bytes that were sent, saw {received} received")
        });
        verdict.judge(sent.saturating_sub(received) <= allowed, || {
            format!(
                "all together: {sent} content bytes were sent; expected all but {allowed} (under way to those who vanished, gave up or turned away) received, saw {received}"
            )
        });
    }
    let (told, heard) = (sum(|load| load.sent.messages), sum(|load| load.received.messages));
    if told + heard > 0 {
        verdict.judge(heard <= told, || {
            format!("all together: expected at most the {told} messages that were sent, saw {heard} received")
        });
    }
    verdict
}

/// Nobody is told of more bytes than have crossed the line: the throughput over time is read from what people are told.
fn progress_has_arrived(case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict::new("bytes told of <= bytes received");
    let mut have: BTreeMap<FetchId, u64> = BTreeMap::new();
    let mut told: BTreeMap<NodeId, u64> = BTreeMap::new();
    for record in &case.outcome.records {
        let What::Progress(fetch, now) = record.what else { continue };
        let before = have.insert(fetch, now).unwrap_or(0);
        *told.entry(record.node).or_default() += now.saturating_sub(before);
    }
    // Of a run that was cut short, the drivers' counters are read while bytes still come.
    let allowed = if case.outcome.cut_short { IN_FLIGHT_MAX } else { 0 };
    for (node, told) in told {
        let received = case.outcome.loads.get(node.index()).map_or(0, |load| load.body_received);
        verdict.judge(told <= received + allowed, || {
            format!(
                "{}: was told of {told} bytes that arrived; expected at least as many received, saw {received}",
                case.cast.title(node)
            )
        });
    }
    verdict
}

/// No peer panics and no process dies.
fn nobody_breaks(case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict::new("no peer panics, no process dies");
    verdict.exercised = case.outcome.loads.len() as u64;
    case.outcome.casualties.iter().for_each(|words| verdict.fail(words.clone()));
    verdict
}
