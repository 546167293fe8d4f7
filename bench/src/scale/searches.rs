//! How searches end.

use std::sync::Arc;

use common::net::{NodeId, Observer};
use common::peer::{Peer, Time};
use common::sim::{Cause, Sim};
use common::user::{Command, Note, Query, SearchEnd, SearchId};

use crate::claims::finding::{Reading, mean};
use crate::measure::Unit;

/// Searches of a whole network, counted: there may be millions.
#[derive(Default)]
pub(crate) struct Searches {
    all: Vec<Search>,
    ended: u64,
    offline: u64,
}

struct Search {
    began: Time,
    cause: Cause,
    results: u32,
    first: Option<Time>,
}

impl Searches {
    /// Somebody asks at that time.
    pub(crate) fn ask<P: Peer>(&mut self, sim: &mut Sim<P>, at: Time, node: NodeId, query: Arc<Query>) {
        let search = SearchId(self.all.len() as u32);
        let cause = sim.command_at(at, node, Command::Search(search, query));
        self.all.push(Search { began: at, cause, results: 0, first: None });
    }

    /// How many there were.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// What each has caused.
    pub(crate) fn causes(&self) -> impl Iterator<Item = Cause> {
        self.all.iter().map(|search| search.cause)
    }

    /// What became of them.
    pub(crate) fn readings(&self) -> Vec<Reading> {
        let count = self.all.len().max(1) as f64;
        let found = self.all.iter().filter(|search| search.results > 0).count() as f64;
        let results: Vec<f64> = self.all.iter().map(|search| f64::from(search.results)).collect();
        let waited = |search: &Search| Some(search.first?.since(search.began).as_secs_f64());
        let mut waits: Vec<f64> = self.all.iter().filter_map(waited).collect();
        waits.sort_by(f64::total_cmp);
        let median = waits.get(waits.len() / 2).copied().unwrap_or(f64::NAN);
        vec![
            Reading::new("searches", Unit::Count, self.all.len() as f64),
            Reading::new("searches that have ended", Unit::Share, self.ended as f64 / count),
            Reading::new("searches by somebody cut off", Unit::Share, self.offline as f64 / count),
            Reading::new("searches that found something", Unit::Share, found / count),
            Reading::new("results of a search", Unit::Count, mean(&results)),
            Reading::new("median time to the first result", Unit::Seconds, median),
        ]
    }
}

impl Observer for Searches {
    fn note(&mut self, at: Time, _: NodeId, note: Note) {
        match note {
            Note::Found(SearchId(search), _) => {
                let search = &mut self.all[search as usize];
                search.results += 1;
                search.first.get_or_insert(at);
            }
            Note::SearchEnded(_, end) => {
                self.ended += 1;
                self.offline += u64::from(end == SearchEnd::Offline);
            }
            _ => {}
        }
    }
}
