//! The user's own searches.
//!
//! | a search is | happens | then |
//! |---|---|---|
//! | asked for | no words that can be looked for, or too many searches | ended: refused |
//! | | no neighbours | ended: offline |
//! | | else | its strategy's first round is sent |
//! | between rounds | its timer | the next round is sent, or there is none: it listens |
//! | any | a new result | the user is told |
//! | any | enough results | ended: complete |
//! | listening, no more rounds to come | its timer; walkers that ask put that off | ended: complete |
//! | any | the user leaves | ended: offline |

use std::collections::BTreeSet;
use std::sync::Arc;

use common::peer::Time;
use common::user::{self, FileInfo, Hit, Holder, Note, SearchEnd, SearchId};

use super::{Hands, Servent};
use crate::guid::Guid;
use crate::library::{RULES, is_searchable};
use crate::node::Timer;
use crate::strategy::{Round, SoFar, Strategy, Walkers};
use crate::wire::{Entry, Flags, Header, Message, Query, QueryBuilder, QueryHit, Sha1Urn, Walk};

/// Rounds whose hits are waited for; those of earlier ones are no longer taken.
const IDS_MAX: usize = 16;

/// Searches that run.
#[derive(Default)]
pub(super) struct Searches {
    running: Vec<Search>,
}

struct Search {
    /// How the user knows it.
    name: SearchId,
    wanted: Arc<user::Query>,
    /// Words that no result may have.
    none: Vec<String>,
    strategy: Box<dyn Strategy>,
    /// The ids its rounds went under, the latest last.
    ids: Vec<Guid>,
    /// Results the user has been told.
    found: BTreeSet<(Guid, u32)>,
    /// So many are enough for the strategy.
    enough: usize,
    /// No more are told.
    results_max: usize,
    /// When its timer is due; what comes earlier is stale.
    due: Time,
    /// No more rounds are to come.
    listens: bool,
    /// Questions of walkers that may still be answered with yes.
    checks_left: u64,
}

impl Searches {
    /// True if this is the id of a search that runs.
    pub(super) fn is_ours(&self, id: &Guid) -> bool {
        self.position(id).is_some()
    }

    fn position(&self, id: &Guid) -> Option<usize> {
        self.running.iter().position(|search| search.ids.contains(id))
    }
}

impl Search {
    /// True if a result is what the user wants, as far as it says.
    fn accepts(&self, entry: &Entry<'_>, speed_kbps: u32) -> bool {
        self.wanted.size.contains(entry.size)
            && self.wanted.speed.contains(speed_kbps)
            && (self.none.is_empty()
                || !RULES.of_name(&entry.name).iter().any(|word| self.none.contains(word)))
    }
}

impl Servent {
    /// The user wants to find something.
    pub(super) fn search(&mut self, name: SearchId, wanted: &Arc<user::Query>, cx: Hands) {
        if self.searches.running.iter().any(|search| search.name == name) {
            // Only the first of two searches of one name can have the one end that is due.
            return;
        }
        let full = self.searches.running.len() >= self.knobs.searches_max;
        if full || query_of(&wanted.words).is_none() {
            return cx.note(Note::SearchEnded(name, SearchEnd::Refused));
        }
        if self.upkeep.neighbours.is_empty() {
            return cx.note(Note::SearchEnded(name, SearchEnd::Offline));
        }
        let asked = match wanted.results_max {
            0 => None,
            asked => Some(asked as usize),
        };
        let results_max = asked.unwrap_or(usize::MAX).min(self.knobs.search_results_max);
        self.searches.running.push(Search {
            name,
            wanted: Arc::clone(wanted),
            none: RULES.of_query(&wanted.words).none,
            strategy: self.me.strategy.start(&self.knobs),
            ids: Vec::new(),
            found: BTreeSet::new(),
            enough: asked.unwrap_or(self.knobs.search_enough).min(results_max),
            results_max,
            due: Time::ZERO,
            listens: false,
            checks_left: 0,
        });
        self.go_on(self.searches.running.len() - 1, cx);
    }

    /// The timer of a search.
    pub(super) fn search_due(&mut self, name: SearchId, cx: Hands) {
        let due = |search: &Search| search.name == name && search.due <= cx.now();
        match self.searches.running.iter().position(due) {
            Some(at) if self.searches.running[at].listens => self.end_search(at, SearchEnd::Complete, cx),
            Some(at) => self.go_on(at, cx),
            None => {}
        }
    }

    /// Ends all searches.
    pub(super) fn end_searches(&mut self, end: SearchEnd, cx: Hands) {
        for search in self.searches.running.drain(..) {
            cx.note(Note::SearchEnded(search.name, end));
        }
    }

    /// A hit for a search of ours.
    pub(super) fn found(&mut self, header: Header, hit: &QueryHit, cx: Hands) {
        let Some(at) = self.searches.position(&header.guid) else { return };
        let search = &mut self.searches.running[at];
        let (servent, speed) = (hit.servent(), hit.speed_kbps());
        // Who cannot be dialled is not to be dialled: a holder without an address is pushed for.
        let firewalled = hit.trailer().and_then(|trailer| trailer.push).unwrap_or(false);
        let address = (!firewalled).then(|| hit.address());
        for entry in hit.entries() {
            if search.found.len() >= search.results_max {
                break;
            }
            if servent == self.guid
                || !search.accepts(&entry, speed)
                || !search.found.insert((servent, entry.index))
            {
                continue;
            }
            let holder = Holder { address, guid: servent.0, index: entry.index, ..Holder::default() };
            let info = FileInfo {
                name: entry.name.into(),
                size: u64::from(entry.size),
                digest: entry.urn.map(Into::into),
                ..FileInfo::default()
            };
            // The first link does not count as a hop on the wire.
            let hops = Some(header.hops.saturating_add(1));
            cx.note(Note::Found(search.name, Arc::new(Hit { info, holder, speed, hops })));
        }
        if search.found.len() >= search.results_max {
            self.end_search(at, SearchEnd::Complete, cx);
        }
    }

    /// A walker asks whether to go on. While walkers ask, their search is not over.
    pub(super) fn walker_goes_on(&mut self, id: &Guid, cx: Hands) -> bool {
        let Some(at) = self.searches.position(id) else { return false };
        let search = &mut self.searches.running[at];
        if search.found.len() >= search.enough || search.checks_left == 0 {
            return false;
        }
        search.checks_left -= 1;
        if search.listens {
            self.wait_for(at, cx);
        }
        true
    }

    /// The next round of a search, if there is one.
    fn go_on(&mut self, at: usize, cx: Hands) {
        let search = &mut self.searches.running[at];
        let so_far = SoFar { neighbours: &self.upkeep.neighbours, results: search.found.len() };
        let wants_more = search.found.len() < search.enough && !so_far.neighbours.is_empty();
        let round = if wants_more { search.strategy.round(&so_far, cx.rng()) } else { None };
        match round.as_ref().and_then(|round| round.again) {
            Some(again) => {
                search.due = cx.now() + again;
                cx.wake(again, Timer::SearchDue(search.name));
            }
            None => {
                search.listens = true;
                self.wait_for(at, cx);
            }
        }
        if let Some(round) = round {
            self.send_round(at, &round, cx);
        }
    }

    /// From now on a search listens for as long as hits may take.
    fn wait_for(&mut self, at: usize, cx: Hands) {
        let search = &mut self.searches.running[at];
        search.due = cx.now() + self.knobs.search_wait;
        cx.wake(self.knobs.search_wait, Timer::SearchDue(search.name));
    }

    fn send_round(&mut self, at: usize, round: &Round, cx: Hands) {
        let query = self.round_query(at, round.walk, cx);
        let search = &mut self.searches.running[at];
        let id = match search.ids.last() {
            Some(id) if !round.new_id => *id,
            _ => {
                let id = Guid::random(cx.rng());
                self.router.remember_own(id, cx.now());
                if search.ids.len() >= IDS_MAX {
                    search.ids.remove(0);
                }
                search.ids.push(id);
                id
            }
        };
        if let Some(walk) = round.walk {
            let checks = u64::from(walk.steps_max) / u64::from(walk.check_every).max(1);
            search.checks_left += checks * round.to.len() as u64;
        }
        let header = Header { guid: id, ttl: round.ttl, hops: 0 };
        for neighbour in &round.to {
            cx.send(*neighbour, Message::Query(header, Arc::clone(&query)));
        }
    }

    fn round_query(&self, at: usize, walk: Option<Walkers>, cx: Hands) -> Arc<Query> {
        let words = &self.searches.running[at].wanted.words;
        let mut query = query_of(words).expect("a search without words has been refused");
        let mut origin = self.own_address(cx);
        if self.me.firewalled {
            query = query.flags(Flags::FIREWALLED);
            // Nobody could ask.
            origin.set_port(0);
        }
        if let Some(Walkers { steps_max, check_every }) = walk {
            query = query.walk(Walk { steps: 0, steps_max, check_every, origin });
        }
        Arc::new(query.build())
    }

    fn end_search(&mut self, at: usize, end: SearchEnd, cx: Hands) {
        let search = self.searches.running.remove(at);
        cx.note(Note::SearchEnded(search.name, end));
    }
}

/// The query for what a user typed: a content, or the words that must be there. `None` if there is nothing to look for.
fn query_of(words: &str) -> Option<QueryBuilder> {
    if let Ok(urn) = words.trim().parse::<Sha1Urn>() {
        return Some(QueryBuilder::urn(urn));
    }
    let wanted: Vec<&str> = words.split_whitespace().filter(|word| !word.starts_with('-')).collect();
    let text = wanted.join(" ");
    is_searchable(&text).then(|| QueryBuilder::words(&text))
}
