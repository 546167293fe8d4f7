//! A person at a peer: follows a script, reads what comes back, and says what was done and told.
//!
//! The same person sits at every overlay and under every driver. A driver asks [`Participant::next_due`] when the
//! person wants to act, calls [`Participant::act`] then, and hands over every note.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::net::NodeId;
use common::peer::Time;
use common::store::Ranges;
use common::user::{Command, Fetch, FetchId, Hit, Holder, Note, SearchId};

use crate::trace::{Record, What};
use crate::world::World;

/// How long a person looks at the results before choosing one. Drivers call at least this often, so that the
/// choice falls at the same moment in each.
pub const THINKING: Duration = Duration::from_millis(250);

/// Results of one search that a person reads; the rest is measured but not chosen from.
const RESULTS_READ_MAX: usize = 1_000;

/// Tells which node a result's holder is.
pub type WhoIs<'a> = &'a dyn Fn(&Holder) -> Option<NodeId>;

/// A person at a peer.
#[derive(Debug)]
pub struct Participant {
    node: NodeId,
    person: usize,
    agenda: BTreeMap<(Time, u32), Intent>,
    agenda_count: u32,
    /// Results of searches that lead to a download.
    results: BTreeMap<SearchId, Vec<Arc<Hit>>>,
    /// Searches and downloads under way.
    pending: u32,
    linger: Option<Duration>,
    /// When the person goes who is not done by then; `None` once done.
    gives_up: Option<Time>,
    left: bool,
}

#[derive(Clone, Copy, Debug)]
enum Intent {
    Search(SearchId),
    Fetch(FetchId),
    /// With nothing left to do.
    Leave,
}

/// What a person does: to be put on record, and perhaps a command for the peer.
#[derive(Debug)]
pub struct Action {
    /// For the record.
    pub record: Record,
    /// For the peer.
    pub command: Option<Command>,
}

impl Participant {
    /// The person of that number, who comes to that node.
    pub fn new(world: &World, person: usize, node: NodeId) -> Self {
        Participant::from(world, person, node, world.people[person].arrival)
    }

    /// The same, come back at this time.
    pub fn returning(world: &World, person: usize, node: NodeId, now: Time) -> Self {
        Participant::from(world, person, node, now)
    }

    fn from(world: &World, person: usize, node: NodeId, from: Time) -> Self {
        let who = &world.people[person];
        let mut this = Participant {
            node,
            person,
            agenda: BTreeMap::new(),
            agenda_count: 0,
            results: BTreeMap::new(),
            pending: 0,
            linger: who.lingers,
            gives_up: who.patience.map(|patience| from + patience),
            left: false,
        };
        for (search, planned) in world.workload.searches_of(person).filter(|(_, planned)| planned.at >= from)
        {
            this.plan(planned.at, Intent::Search(search));
            if planned.download.is_some() {
                this.results.insert(search, Vec::new());
            }
        }
        this.when_done(from);
        this
    }

    /// The node this person sits at.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// When the person wants to act next.
    pub fn next_due(&self) -> Option<Time> {
        let planned = self.agenda.first_key_value().map(|((at, _), _)| *at);
        planned.into_iter().chain(self.gives_up).min()
    }

    /// True if nothing is planned and nothing awaited.
    pub fn is_done(&self) -> bool {
        self.agenda.is_empty() && self.pending == 0
    }

    /// The next thing the person does, if its time has come.
    pub fn act(&mut self, now: Time, world: &World) -> Option<Action> {
        if self.gives_up.is_some_and(|at| at <= now) {
            return Some(self.leave(now));
        }
        let entry = self.agenda.first_entry().filter(|entry| entry.key().0 <= now)?;
        let intent = entry.remove();
        let (what, command) = match intent {
            Intent::Search(search) => {
                self.pending += 1;
                let query = Arc::clone(&world.workload.searches[search.0 as usize].query);
                (What::SearchStarted(search), Some(Command::Search(search, query)))
            }
            Intent::Fetch(fetch) => self.fetch(fetch, world),
            Intent::Leave => return Some(self.leave(now)),
        };
        if let What::NotFound(_) = what {
            self.when_done(now);
        }
        Some(Action { record: Record { at: now, node: self.node, what }, command })
    }

    /// The person goes, done or not; of what was planned nothing comes any more.
    fn leave(&mut self, now: Time) -> Action {
        (self.left, self.pending, self.gives_up) = (true, 0, None);
        self.agenda.clear();
        Action {
            record: Record { at: now, node: self.node, what: What::Left },
            command: Some(Command::Leave),
        }
    }

    fn fetch(&mut self, fetch: FetchId, world: &World) -> (What, Option<Command>) {
        let planned = &world.workload.downloads[fetch.0 as usize];
        let wanted = &world.items[planned.item as usize];
        let mut candidates = self.results.remove(&planned.search).unwrap_or_default();
        candidates.retain(|hit| world.identify(&hit.info) == Some(planned.item));
        if candidates.is_empty() {
            return (What::NotFound(fetch), None);
        }
        debug_assert_eq!(candidates[0].info.size, wanted.size);
        self.pending += 1;
        let count = candidates.len() as u32;
        let into = world.sink_number(self.person, fetch);
        let command = Command::Fetch(Box::new(Fetch { fetch, candidates, into, have: Ranges::default() }));
        (What::FetchStarted { fetch, candidates: count }, Some(command))
    }

    /// The peer has told something; returns it for the record. What only a human would read is dropped.
    pub fn told(&mut self, at: Time, note: Note, world: &World, who_is: WhoIs<'_>) -> Option<Record> {
        let what = match note {
            Note::Found(search, hit) => {
                let (item, holder) = (world.identify(&hit.info), who_is(&hit.holder));
                let found = What::Found { search, item, holder, hops: hit.hops };
                if let Some(results) = self.results.get_mut(&search).filter(|r| r.len() < RESULTS_READ_MAX) {
                    results.push(hit);
                }
                found
            }
            Note::SearchEnded(search, end) => {
                self.pending = self.pending.saturating_sub(1);
                let planned = world.workload.searches.get(search.0 as usize);
                if let Some(fetch) = planned.and_then(|planned| planned.download) {
                    self.plan(at + THINKING, Intent::Fetch(fetch));
                }
                self.when_done(at);
                What::SearchEnded(search, end)
            }
            Note::Fetched(_) | Note::Failed(..) => {
                self.pending = self.pending.saturating_sub(1);
                self.when_done(at);
                plain(note)?
            }
            other => plain(other)?,
        };
        Some(Record { at, node: self.node, what })
    }

    fn plan(&mut self, at: Time, intent: Intent) {
        if self.left {
            return;
        }
        self.agenda.insert((at, self.agenda_count), intent);
        self.agenda_count += 1;
    }

    /// Whoever has nothing left to do goes after a while, if people go at all.
    fn when_done(&mut self, now: Time) {
        if self.is_done() {
            self.gives_up = None;
            if let Some(linger) = self.linger.take() {
                self.plan(now + linger, Intent::Leave);
            }
        }
    }
}

/// The record of a note that needs no knowledge of the run.
pub fn plain(note: Note) -> Option<What> {
    match note {
        Note::Online => Some(What::Online),
        Note::Offline(why) | Note::ShutOut(why) => Some(What::Offline(why.to_string())),
        Note::Progress(fetch, have) => Some(What::Progress(fetch, have)),
        Note::Fetched(fetch) => Some(What::Fetched(fetch)),
        Note::Failed(fetch, failure) => Some(What::Failed(fetch, failure)),
        Note::Uploaded(_, bytes) => Some(What::Uploaded(bytes)),
        Note::SearchEnded(search, end) => Some(What::SearchEnded(search, end)),
        Note::Found(..) | Note::Text(_) | Note::Keep(_) => None,
    }
}
