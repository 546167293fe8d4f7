//! A recorded run in the trace-event form, which Perfetto and Chrome open (the document "Trace Event Format").
//!
//! | there | here |
//! |---|---|
//! | a process | a node |
//! | its threads | what it sends, what it takes |
//! | asynchronous spans | its user's searches and downloads, from the wish to its end |
//! | slices of a nanosecond, and a flow from one to the other | a message, where it leaves and where it is taken |
//! | a counter | content that has come |
//! | instants | who comes, goes online, vanishes |
//!
//! Times are microseconds with three decimals, as the form has them.

use std::collections::BTreeMap;
use std::io::{self, Write};

use common::net::NodeId;
use common::peer::Time;
use common::sim::{Entry, Happening, Text};
use common::user::{FetchId, SearchId, file_name};
use serde_json::{Value, json};

use crate::overlay::{Cast, Contestant};
use crate::simulate::Recorded;
use crate::trace::{Record, What};
use crate::world::World;

/// The thread of what a node sends.
const SENDS: u32 = 1;
/// The thread of what a node takes.
const TAKES: u32 = 2;

/// Writes a recorded run as trace events; returns how many there are.
///
/// # Errors
/// If the file cannot be written.
pub fn spans(
    contestant: &dyn Contestant,
    world: &World,
    recorded: &Recorded,
    out: impl Write,
) -> io::Result<u64> {
    let cast = contestant.cast_in_simulation(world);
    let mut events = Events { out, cast, written: 0 };
    writeln!(events.out, "{{\"displayTimeUnit\":\"ms\",\"traceEvents\":[")?;
    for node in (0..cast.len()).map(NodeId) {
        events.introduce(node, recorded.roles.get(node.index()).copied().unwrap_or_default())?;
    }
    events.wishes(&recorded.outcome.records, recorded.outcome.ended)?;
    events.wires(recorded)?;
    writeln!(events.out, "\n]}}")?;
    events.out.flush()?;
    Ok(events.written)
}

/// A span that has begun.
struct Begun {
    node: NodeId,
    name: String,
    results: u64,
}

struct Events<'a, W> {
    out: W,
    cast: Cast<'a>,
    written: u64,
}

impl<W: Write> Events<'_, W> {
    /// An event of this phase; `more` is what only some have.
    fn event(&mut self, phase: &str, at: Time, node: NodeId, name: &str, more: Value) -> io::Result<()> {
        // Process 0 would be taken for the idle processor.
        let mut event = json!({ "ph": phase, "pid": node.0 + 1, "name": name });
        if let (Value::Object(event), Value::Object(more)) = (&mut event, more) {
            event.extend(more);
        }
        let event = event.to_string();
        let comma = if self.written == 0 { "" } else { ",\n" };
        // The time by hand, behind the brace: a float would not have all nanoseconds of a long run.
        write!(self.out, "{comma}{{\"ts\":{}.{:03},{}", at.0 / 1_000, at.0 % 1_000, &event[1..])?;
        self.written += 1;
        Ok(())
    }

    /// What a node and its threads are called.
    fn introduce(&mut self, node: NodeId, role: &str) -> io::Result<()> {
        let title = self.cast.title(node);
        let name = if role == crate::overlay::PEER { title } else { format!("{title}, {role}") };
        self.event("M", Time::ZERO, node, "process_name", json!({ "args": { "name": name } }))?;
        self.event("M", Time::ZERO, node, "process_sort_index", json!({ "args": { "sort_index": node.0 } }))?;
        for (thread, name) in [(SENDS, "sends"), (TAKES, "takes")] {
            self.event(
                "M",
                Time::ZERO,
                node,
                "thread_name",
                json!({ "tid": thread, "args": { "name": name } }),
            )?;
        }
        Ok(())
    }

    /// Searches and downloads, and what else users did and were told.
    fn wishes(&mut self, records: &[Record], ended: Time) -> io::Result<()> {
        let workload = &self.cast.world.workload;
        let mut searches: BTreeMap<SearchId, Begun> = BTreeMap::new();
        let mut downloads: BTreeMap<FetchId, Begun> = BTreeMap::new();
        for Record { at, node, what } in records {
            let (at, node) = (*at, *node);
            match what {
                What::SearchStarted(search) => {
                    let name = format!("search {}", workload.searches[search.0 as usize].query.words);
                    self.begin(at, node, "search", search.0, &name)?;
                    searches.insert(*search, Begun { node, name, results: 0 });
                }
                What::Found { search, .. } => {
                    searches.entry(*search).and_modify(|begun| begun.results += 1);
                }
                What::SearchEnded(search, end) => {
                    if let Some(begun) = searches.remove(search) {
                        self.end(at, "search", search.0, &begun, &end.to_string())?;
                    }
                }
                What::FetchStarted { fetch, candidates } => {
                    let item = workload.downloads[fetch.0 as usize].item;
                    let name = format!("download {}", file_name(&self.cast.world.items[item as usize].name));
                    self.begin(at, node, "download", fetch.0, &name)?;
                    downloads.insert(*fetch, Begun { node, name, results: (*candidates).into() });
                }
                What::Fetched(fetch) => {
                    if let Some(begun) = downloads.remove(fetch) {
                        self.end(at, "download", fetch.0, &begun, "complete")?;
                    }
                }
                What::Failed(fetch, why) => {
                    if let Some(begun) = downloads.remove(fetch) {
                        self.end(at, "download", fetch.0, &begun, &why.to_string())?;
                    }
                }
                What::Arrived => self.instant(at, node, "comes")?,
                What::Online => self.instant(at, node, "is online")?,
                What::Offline(_) => self.instant(at, node, "is offline")?,
                What::Crashed => self.instant(at, node, "vanishes")?,
                What::Left => self.instant(at, node, "leaves")?,
                What::NotFound(_) | What::Progress(..) | What::Uploaded(_) => {}
            }
        }
        for (search, begun) in searches {
            self.end(ended, "search", search.0, &begun, OPEN)?;
        }
        for (fetch, begun) in downloads {
            self.end(ended, "download", fetch.0, &begun, OPEN)?;
        }
        Ok(())
    }

    fn begin(&mut self, at: Time, node: NodeId, sort: &str, number: u32, name: &str) -> io::Result<()> {
        self.event("b", at, node, name, json!({ "cat": sort, "id": number }))
    }

    fn end(&mut self, at: Time, sort: &str, number: u32, begun: &Begun, end: &str) -> io::Result<()> {
        let more = json!({ "cat": sort, "id": number, "args": { "end": end, "results": begun.results } });
        self.event("e", at, begun.node, &begun.name, more)
    }

    /// Something of a whole node.
    fn instant(&mut self, at: Time, node: NodeId, name: &str) -> io::Result<()> {
        self.event("i", at, node, name, json!({ "s": "p" }))
    }

    /// Messages and content.
    fn wires(&mut self, recorded: &Recorded) -> io::Result<()> {
        let mut arrivals: Vec<(Time, NodeId, u64)> = Vec::new();
        for (number, entry) in recorded.recording.entries.iter().enumerate() {
            match (entry.what, entry.far) {
                (Happening::Message { text, taken } | Happening::Datagram { text, arrived: taken }, far) => {
                    let name = &recorded.outcome.kinds[usize::from(text.kind)].kind;
                    self.message(number, entry, text, name, far.zip(taken))?;
                }
                (Happening::Chunk { span, taken: Some(at), .. }, Some(far)) => {
                    arrivals.push((at, far, span.len));
                }
                _ => {}
            }
        }
        arrivals.sort_by_key(|(at, ..)| *at);
        let mut come = BTreeMap::new();
        for (at, node, len) in arrivals {
            let bytes: &mut u64 = come.entry(node).or_default();
            *bytes += len;
            let args = json!({ "args": { "bytes": *bytes } });
            self.event("C", at, node, "content that has come", args)?;
        }
        Ok(())
    }

    fn message(
        &mut self,
        number: usize,
        entry: &Entry,
        text: Text,
        name: &str,
        taken: Option<(NodeId, Time)>,
    ) -> io::Result<()> {
        let Entry { at, node, far, .. } = *entry;
        let to = far.map_or_else(|| "nobody".to_owned(), |far| self.cast.title(far));
        let slice = |thread: u32, key: &str, other: &str| json!({ "tid": thread, "dur": 0.001, "args": { "bytes": text.len, key: other } });
        let flow = |thread: u32| json!({ "tid": thread, "cat": "message", "id": number, "bp": "e" });
        self.event("X", at, node, name, slice(SENDS, "to", &to))?;
        if let Some((far, taken)) = taken {
            self.event("s", at, node, name, flow(SENDS))?;
            self.event("X", taken, far, name, slice(TAKES, "from", &self.cast.title(node)))?;
            self.event("f", taken, far, name, flow(TAKES))?;
        }
        Ok(())
    }
}

/// How something ended that the end of the run cut off.
const OPEN: &str = "the run ended";
