//! What is shown of a run: nodes, links, messages, chunks, and what users did and were told, each with its times.
//!
//! All times are microseconds from the start of the run, whole numbers that JavaScript has exactly. Rows are tuples, since a page has
//! thousands of them.

use serde::{Deserialize, Serialize};

use common::net::NodeId;
use common::peer::Time;
use common::sim::{Entry, Happening, Side};
use common::user::FetchId;

use crate::overlay::{Cast, Contestant};
use crate::record::Contents;
use crate::scenario::Scenario;
use crate::simulate::Recorded;
use crate::trace::{Purpose, Record, What};
use crate::world::World;

/// The name of the file with a film.
pub const FILE: &str = "replay.json";
/// The version of its form.
pub const FORMAT: u32 = 1;

/// A connection: dialler, acceptor (-1: nobody), dialled, opened (-1: never), ended (-1: never).
pub type LinkRow = (u32, i64, u64, i64, i64);
/// A message: link (-1: a datagram), from, to (-1: nobody), kind, bytes, left, taken (-1: never).
pub type MessageRow = (i64, u32, i64, u8, u32, u64, i64);
/// A chunk of content: link, from, to, bytes, left, taken (-1: never), file (-1: of none that is downloaded), offset there.
pub type ChunkRow = (u32, u32, u32, u32, u64, i64, i64, u64);

/// One small run of each overlay.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Film {
    format: u32,
    /// The scenario's name.
    pub scenario: String,
    /// Its seed.
    pub seed: u64,
    /// The overlays, in the order of the table.
    pub reels: Vec<Reel>,
}

/// A run of one overlay.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reel {
    /// The overlay.
    pub overlay: String,
    /// One line about it.
    pub about: String,
    /// When the run ended.
    pub ended: u64,
    /// By number, servers first.
    pub nodes: Vec<Shown>,
    /// The kinds of messages.
    pub kinds: Vec<Kind>,
    /// Connections.
    pub links: Vec<LinkRow>,
    /// Messages, in the order in which they left.
    pub messages: Vec<MessageRow>,
    /// Chunks of content, in the order in which they left.
    pub chunks: Vec<ChunkRow>,
    /// What is downloaded: at which node, the file's name, its bytes.
    pub files: Vec<(u32, String, u64)>,
    /// What users did and were told: when, at which node, in words.
    pub notes: Vec<(u64, u32, String)>,
    /// What there was no room for.
    pub left_out: u64,
}

/// A node.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// What to call it.
    pub name: String,
    /// What it is in the overlay; empty for what most are.
    pub role: String,
    /// Files that it shares at the start.
    pub shares: u32,
    /// When it was started; -1: never.
    pub came: i64,
    /// When it left or vanished; -1: never.
    pub went: i64,
}

/// A kind of message.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    /// As the protocol calls it.
    pub name: String,
    /// What it is for.
    pub purpose: Purpose,
}

fn micros(at: Time) -> u64 {
    at.0 / 1_000
}

fn perhaps(at: Option<Time>) -> i64 {
    at.map_or(-1, |at| micros(at) as i64)
}

impl Film {
    pub(super) fn new(scenario: &Scenario, reels: Vec<Reel>) -> Film {
        Film { format: FORMAT, scenario: scenario.name.clone(), seed: scenario.seed, reels }
    }

    /// The text form, the same for the same film.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a film has no maps and no loops")
    }

    /// What makes no sense in a film that was read, in words.
    pub(crate) fn fault(&self) -> Option<String> {
        let reel = self.reels.iter().find(|reel| !reel.is_sound())?;
        Some(format!("the run of {} names a node, a kind or a file that it does not have", reel.overlay))
    }
}

impl Reel {
    /// What is shown of a recorded run.
    pub(super) fn of(contestant: &'static dyn Contestant, world: &World, recorded: &Recorded) -> Reel {
        let cast = contestant.cast_in_simulation(world);
        let kind =
            |count: &crate::trace::KindCount| Kind { name: count.kind.clone(), purpose: count.purpose };
        let mut reel = Reel {
            overlay: contestant.name().to_owned(),
            about: contestant.about().to_owned(),
            ended: micros(recorded.outcome.ended),
            nodes: nodes(&cast, contestant, recorded),
            kinds: recorded.outcome.kinds.iter().map(kind).collect(),
            links: Vec::new(),
            messages: Vec::new(),
            chunks: Vec::new(),
            files: files(&cast),
            notes: notes(&cast, &recorded.outcome.records),
            left_out: recorded.recording.left_out,
        };
        let links = recorded.recording.links.iter();
        let nobody = |node: Option<NodeId>| node.map_or(-1, |node| node.0.into());
        reel.links = links.map(|link| (link.dialler.0, nobody(link.acceptor), 0, -1, -1)).collect();
        let mut contents = Contents::new(contestant.content_from(), cast);
        for entry in &recorded.recording.entries {
            reel.enter(entry, &mut contents);
        }
        reel
    }

    fn enter(&mut self, entry: &Entry, contents: &mut Contents<'_>) {
        let Entry { at, node, far, link, what } = *entry;
        let (from, to) = (node.0, far.map_or(-1, |far| i64::from(far.0)));
        let number = link.map(|(link, _)| link);
        match what {
            Happening::Message { text, taken } => {
                let link = number.map_or(-1, i64::from);
                self.messages.push((link, from, to, text.kind, text.len, micros(at), perhaps(taken)));
            }
            Happening::Datagram { text, arrived } => {
                self.messages.push((-1, from, to, text.kind, text.len, micros(at), perhaps(arrived)));
            }
            Happening::Chunk { span, taken, into } => {
                let (Some(link), Some(far)) = (number, far) else { return };
                let file = into.and_then(|place| Some((contents.download(far, place.file)?, place.offset)));
                let (file, offset) = file.map_or((-1, 0), |(FetchId(file), offset)| (file.into(), offset));
                let len = span.len as u32;
                self.chunks.push((link, from, far.0, len, micros(at), perhaps(taken), file, offset));
            }
            Happening::Dialled | Happening::Accepted | Happening::Opened => {
                let Some(link) = number else { return };
                let link = &mut self.links[link as usize];
                match what {
                    Happening::Dialled => link.2 = micros(at),
                    Happening::Opened => link.3 = micros(at) as i64,
                    _ => {}
                }
            }
            Happening::Closed(_) | Happening::Ended(_) => {
                let Some((link, side)) = link else { return };
                let link = &mut self.links[link as usize];
                // The later of two: until then something may be under way. Who was refused has nobody at the other end.
                if link.3 >= 0 || side == Side::Dialler {
                    link.4 = micros(at) as i64;
                }
            }
        }
    }

    /// Whether all that it names exists.
    fn is_sound(&self) -> bool {
        let (nodes, kinds, files) = (self.nodes.len() as i64, self.kinds.len(), self.files.len() as i64);
        let is_node = |node: u32| i64::from(node) < nodes;
        let is_far = |node: i64| (-1..nodes).contains(&node);
        let is_link = |link: i64| (-1..self.links.len() as i64).contains(&link);
        let messages =
            |m: &MessageRow| is_link(m.0) && is_node(m.1) && is_far(m.2) && usize::from(m.3) < kinds;
        let chunks =
            |c: &ChunkRow| is_link(c.0.into()) && is_node(c.1) && is_node(c.2) && (-1..files).contains(&c.6);
        self.links.iter().all(|link| is_node(link.0) && is_far(link.1))
            && self.messages.iter().all(messages)
            && self.chunks.iter().all(chunks)
            && self.files.iter().all(|file| is_node(file.0))
            && self.notes.iter().all(|note| is_node(note.1))
    }
}

fn nodes(cast: &Cast<'_>, contestant: &dyn Contestant, recorded: &Recorded) -> Vec<Shown> {
    let records = &recorded.outcome.records;
    let when = |node: NodeId, is: fn(&What) -> bool| {
        records.iter().find(|record| record.node == node && is(&record.what)).map(|record| record.at)
    };
    let shown = |node: NodeId| {
        let role = recorded.roles.get(node.index()).copied().unwrap_or_default();
        Shown {
            name: cast.title(node),
            role: if role == crate::overlay::PEER { String::new() } else { role.to_owned() },
            shares: cast.items_at(node, contestant.content_from()).len() as u32,
            came: perhaps(when(node, |what| *what == What::Arrived)),
            went: perhaps(when(node, |what| matches!(what, What::Crashed | What::Left))),
        }
    };
    (0..cast.len()).map(NodeId).map(shown).collect()
}

/// Each download, by its number.
fn files(cast: &Cast<'_>) -> Vec<(u32, String, u64)> {
    let planned = cast.world.workload.downloads.iter();
    let file = planned.map(|planned| {
        let item = &cast.world.items[planned.item as usize];
        (cast.node(planned.person).0, common::user::file_name(&item.name).to_owned(), item.size)
    });
    file.collect()
}

fn notes(cast: &Cast<'_>, records: &[Record]) -> Vec<(u64, u32, String)> {
    let told = records
        .iter()
        .filter_map(|Record { at, node, what }| Some((micros(*at), node.0, words(cast, what)?)));
    told.collect()
}

/// What a user did or was told, in words; progress is seen in the maps.
fn words(cast: &Cast<'_>, what: &What) -> Option<String> {
    let workload = &cast.world.workload;
    let item = |item: u32| common::user::file_name(&cast.world.items[item as usize].name).to_owned();
    let of = |fetch: FetchId| item(workload.downloads[fetch.0 as usize].item);
    Some(match what {
        What::Arrived => "comes".to_owned(),
        What::Online => "is online".to_owned(),
        What::Offline(why) => format!("is offline: {why}"),
        What::SearchStarted(search) => {
            format!("searches \u{201c}{}\u{201d}", workload.searches[search.0 as usize].query.words)
        }
        What::Found { item: found, holder, .. } => {
            let name = found.map_or_else(|| "something else".to_owned(), item);
            let holder = holder.map_or_else(String::new, |holder| format!(" at {}", cast.title(holder)));
            format!("finds {name}{holder}")
        }
        What::SearchEnded(_, end) => format!("the search has ended: {end}"),
        What::NotFound(fetch) => format!("has not found {}", of(*fetch)),
        What::FetchStarted { fetch, candidates } => {
            let results = if *candidates == 1 { "result" } else { "results" };
            format!("downloads {} by {candidates} {results}", of(*fetch))
        }
        What::Fetched(fetch) => format!("has {}", of(*fetch)),
        What::Failed(fetch, why) => format!("gives up {}: {why}", of(*fetch)),
        What::Uploaded(bytes) => format!("has given {bytes} bytes"),
        What::Crashed => "vanishes".to_owned(),
        What::Left => "leaves".to_owned(),
        What::Progress(..) => return None,
    })
}
